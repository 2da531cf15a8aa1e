"""Paths as they are shown: a saved notebook should not tell on whose machine, or in which folder, it was run."""

from __future__ import annotations

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


def _own_folder() -> Path | None:
    try:
        return Path.home()
    except RuntimeError:  # nobody's
        return None
