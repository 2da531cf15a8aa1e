"""Paths as they are shown: a saved notebook should not reveal the machine or the folder in which it was run."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

from .settings import start_folder


def shown_path(path: Path) -> str:
    """*path* from the notebook's folder, or from the user's own (`~`), or by the way that leads there from the notebook."""
    for folder, word in ((start_folder(), ""), (_own_folder(), "~/")):
        if folder is not None and path.is_relative_to(folder):
            return f"{word}{path.relative_to(folder).as_posix()}"
    try:
        return Path(os.path.relpath(path, start_folder())).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def make_private(folder: Path) -> None:
    """Make a folder that only its user can read; an existing one keeps its permissions.

    The default folder is made private whoever created it.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.environ.get("KIE_NB_STATE"):
        with contextlib.suppress(OSError):
            folder.chmod(0o700)


def open_private(file: Path, flags: int) -> int:
    """A handle of *file*, made if missing, for its owner alone; OSError for a link: it is never followed."""
    handle = os.open(file, flags | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
    if hasattr(os, "fchmod"):
        with contextlib.suppress(OSError):  # another user's file keeps its permissions
            os.fchmod(handle, 0o600)
    return handle


def _own_folder() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # the user has no home
        return None
