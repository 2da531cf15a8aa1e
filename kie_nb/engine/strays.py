"""Files of the folder that belong to no run: left by processes that died, or put there by somebody."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path
from typing import TYPE_CHECKING

from .findings import Finding

if TYPE_CHECKING:
    from ..ledger import Files

_QUIET_S = 60.0  # a download that lives writes more often, or is started again
_FORGOTTEN_S = 3600.0
_INCOMING = re.compile(r".*\.(\d+)\.(?:incoming(?:\.part)?|part)")
_ASIDE = re.compile(r"(.+)\.altered(?:-\d+)?")
PARTS_OF_VIDEO = ("preview.mp4", "poster.jpg", "thumb.jpg", "tile.jpg")


def strays(files: Files, known: set[str], *, mend: bool) -> list[Finding]:
    """What lies in the folder and belongs to no run."""
    found = [
        _left_over(path, mend=mend)
        for path in (*files.home.glob(".import-*"), *files.videos.glob(".again-*"))
        if path.is_dir() and time.time() - path.stat().st_mtime > _FORGOTTEN_S
    ]
    for folder in (files.videos, files.inputs):
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            if path.is_dir() or not path.exists():
                continue
            if path.name.endswith((".part", ".incoming")):
                if not _may_live(path):
                    found.append(_left_over(path, mend=mend))
            elif folder == files.videos and not path.name.startswith("."):
                aside = _ASIDE.fullmatch(path.name)
                if (aside.group(1) if aside else path.name) not in known:
                    found.append(_unreferenced(path))
    return found


def is_of_the_dead(path: Path) -> bool:
    """Whether *path* names the process that wrote it, and that process is gone."""
    import psutil

    named = _INCOMING.fullmatch(path.name)
    return named is not None and not psutil.pid_exists(int(named.group(1)[:9]))


def _may_live(path: Path) -> bool:
    """Whether some process may still be writing *path*."""
    age = time.time() - path.stat().st_mtime
    return age < _QUIET_S or (not is_of_the_dead(path) and age < _FORGOTTEN_S)


def _left_over(path: Path, *, mend: bool) -> Finding:
    done = "it was only looked at"
    if mend:
        try:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
            done = "removed: half a file is of no use"
        except OSError as exc:
            done, mend = f"cannot be removed: {exc.strerror or exc}", False
    what = "left by a process that died"
    return Finding(run="", file=path.name, kind="left over", what=what, done=done, is_mended=mend)


def _unreferenced(path: Path) -> Finding:
    what, done = "no run of this ledger has this file", "left as it is"
    if path.suffix == ".mp4":
        from ..video import NotAVideo, read_request

        try:
            note = read_request(path)
        except (NotAVideo, OSError):
            note = None
        if note is not None:
            what = f"{what}; it carries the request of run {str(note.get('run'))[:8]}"
            done = "left as it is; kie.read_request tells how it was made"
    return Finding(run="", file=path.name, kind="unreferenced", what=what, done=done)
