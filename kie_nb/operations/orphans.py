"""Files of the folder that belong to no run: left by processes that died, or put there by somebody."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from ..engine.incoming import INCOMING, age_s, is_stale, writer_is_dead
from ..home import INPUTS, NAME, VIDEOS, is_plain_file, is_real_folder
from .findings import Finding

if TYPE_CHECKING:
    from ..ledger import Files

_QUIET_S = 60.0  # a download that lives writes more often, or is started again
# Only what has a name that we give is ever removed; a `film.part` may be anybody's.
_PART = re.compile(
    rf"\.{NAME}\.[0-9a-f]{{8}}\.part|[0-9a-f]{{64}}\.[a-z]+\.[0-9a-f]{{32}}\.part"
)  # a still, a picture
_APART = re.compile(r"\.(?:import|again)-[0-9a-f]{8}")
_ASIDE = re.compile(r"(.+)\.altered(?:-\d+)?")
PARTS_OF_VIDEO = ("preview.mp4", "poster.jpg", "thumb.jpg", "tile.jpg")


def orphans(files: Files, known: set[str], *, mend: bool) -> list[Finding]:
    """What lies in the folder and belongs to no run."""
    found = [
        _left_over(path, mend=mend)
        for folder in (files.home, files.videos)
        for path in _in(folder)
        if _APART.fullmatch(path.name) and is_real_folder(path) and is_stale(path)
    ]
    for folder in (files.videos, files.inputs):
        for path in _in(folder):
            if not is_plain_file(path):
                continue
            if INCOMING.fullmatch(path.name) or _PART.fullmatch(path.name):
                if not _may_live(path):
                    found.append(_left_over(path, mend=mend))
            elif folder == files.videos and not path.name.startswith("."):
                aside = _ASIDE.fullmatch(path.name)
                if (aside.group(1) if aside else path.name) not in known:
                    found.append(_unreferenced(path))
    return found


def _in(folder: Path) -> list[Path]:
    """What is in *folder*, unless that is a link: the home alone may be one."""
    try:
        is_ours = folder.name not in {VIDEOS, INPUTS} or is_real_folder(folder)
        return sorted(folder.iterdir()) if is_ours else []
    except OSError:
        return []


def _may_live(path: Path) -> bool:
    """Whether some process may still be writing *path*."""
    return age_s(path) < _QUIET_S or (INCOMING.fullmatch(path.name) is not None and not writer_is_dead(path))


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
