"""Paths as they are shown: saved notebooks and exports must not reveal the machine or the folder they were made in."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import settings as settings_
from .settings import start_folder


def shown_path(path: Path) -> str:
    """*path* from the notebook's folder, or from the user's own (`~`), or by the way that leads there from the notebook."""
    for named, word in ((start_folder, ""), (Path.home, "~/")):
        with contextlib.suppress(RuntimeError, ValueError):  # the user has no home; it is not in that folder
            return f"{word}{path.relative_to(named()).as_posix()}"
    try:
        return Path(os.path.relpath(path, start_folder())).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def make_private(folder: Path) -> None:
    """Make a folder that only its user can read; an existing one keeps its permissions, but for the default one."""
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


Places = Sequence[tuple[str, str]]


def places_of(home: Path) -> Places:
    """Paths of this machine, the longest first, and what stands for them in a file that is given away."""
    known = {str(home): "kie-runs", str(settings_.start_folder()): ".", str(Path.home()): "~"}
    return sorted(((path, word) for path, word in known.items() if len(path) > 1), key=lambda p: -len(p[0]))


def redacted(value: Any, places: Places) -> Any:
    """*value*, a text or what JSON can hold, with other words in place of these paths."""
    if isinstance(value, str):
        for path, word in places:
            value = value.replace(path, word)
        return value
    if isinstance(value, dict):
        return {name: redacted(inner, places) for name, inner in value.items()}
    return [redacted(inner, places) for inner in value] if isinstance(value, list) else value
