"""Is what is on disk still the file that was fetched? It is read once, and again when the disk says that it has changed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from ..fileops import hash_of
from ..home import is_plain_file
from ..ledger import Files

if TYPE_CHECKING:
    from ..engine.record import Record
    from ..ledger import KeptFile

Trouble = Literal["", "missing", "altered", "not media"]
_Mark = tuple[int, ...]
_hashes: dict[Path, tuple[_Mark, str]] = {}  # with what the disk said of the file when it was read


def video_as_fetched(run: Record) -> Trouble:
    """What is wrong with `Run.video` alone, where the other files of its task are neither shown nor compared."""
    first = _kept(run)[:1]  # no other is read: each costs its whole length
    return _trouble(*first[0]) if first else "missing"


def troubles(run: Record) -> dict[Path, Trouble]:
    """The files of *run* that are not on this disk as they were fetched, and what is wrong with each."""
    looked = {path or Path("a file that is none of ours"): _trouble(path, kept) for path, kept in _kept(run)}
    return {path: trouble for path, trouble in looked.items() if trouble}


def _kept(run: Record) -> list[tuple[Path | None, KeptFile]]:
    files = Files(run.ledger.home)
    return [(files.place(kept.name), kept) for kept in run.row.files]


def _trouble(path: Path | None, kept: KeptFile) -> Trouble:
    from ..video import is_media

    try:
        if path is None or not is_plain_file(path):
            return "missing"
        found = path.stat()
        if kept.bytes not in {None, found.st_size}:
            return "altered"
        is_same = kept.sha256 in {None, _hash(path, found)}
    except OSError:  # what cannot be read is as good as gone
        return "missing"
    if not is_same:
        return "altered"
    return "" if is_media(path) else "not media"


def _hash(path: Path, found: os.stat_result) -> str:
    mark = (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
    known = _hashes.get(path)
    if known is None or known[0] != mark:
        known = _hashes[path] = (mark, hash_of(path))
    return known[1]
