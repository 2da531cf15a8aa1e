"""Is a video on disk still the file that was fetched? It is read once, and again when the disk says that it has changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .exporting import hash_of

if TYPE_CHECKING:
    from .run import Run

_Mark = tuple[int, ...]
_hashes: dict[Path, tuple[_Mark, str]] = {}  # with what the disk said of the file when it was read


def as_fetched(run: Run) -> Literal["", "missing", "altered"]:
    """What is wrong with the video of *run* on this disk: empty where it is the file that was fetched."""
    video, row = run.video, run.row
    try:
        if video is None or not video.is_file():
            return "missing"
        found = video.stat()
        if row.video_bytes not in {None, found.st_size}:
            return "altered"
        is_same = row.video_sha256 in {None, _hash(video, found)}
    except OSError:  # what cannot be read is as good as gone
        return "missing"
    return "" if is_same else "altered"


def _hash(path: Path, found: os.stat_result) -> str:
    mark = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    known = _hashes.get(path)
    if known is None or known[0] != mark:
        known = _hashes[path] = (mark, hash_of(path))
    return known[1]
