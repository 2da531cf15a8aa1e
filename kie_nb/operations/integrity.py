"""What is on disk compared with the ledger: altered files, orphans, and the report about them."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from .. import tables
from ..engine.file_download import INCOMING, age_s, is_stale, writer_is_dead
from ..fileops import hash_of
from ..home import INPUTS, NAME, VIDEOS, is_plain_file, is_real_folder
from ..ledger import Files
from ..stores import bring

if TYPE_CHECKING:
    from ..engine.record import Record
    from ..ledger import Files, KeptFile


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that is not as it should be.

    Attributes:
        kind: "missing", "elsewhere" (with another machine), "not in the store", "altered", "damaged", "not a video", "unreferenced", "left over", "not fetched", "link expires", "not as asked",
            "open" or "no picture".
        what: The finding in words.
        done: What was done about it, or why nothing can be.
        is_mended: Whether it is in order now.
    """

    run: str
    file: str
    kind: str
    what: str
    done: str
    is_mended: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What `doctor` found, a row each; it shows itself as a table."""

    findings: tuple[Finding, ...]
    runs: int
    files: int

    @property
    def counts(self) -> dict[str, int]:
        """How many findings there are of each kind."""
        return dict(Counter(found.kind for found in self.findings))

    @property
    def is_well(self) -> bool:
        """Whether every file is in order now; a video of another length is whole, and what is elsewhere is looked at there."""
        return all(found.is_mended or found.kind in {"not as asked", "elsewhere"} for found in self.findings)

    @property
    def _caption(self) -> str:
        checked = f"{tables.counted(self.runs, 'run')} and {tables.counted(self.files, 'file')} looked at"
        if not self.findings:
            return f"{checked}: all are there, whole and unchanged"
        mended = sum(found.is_mended for found in self.findings)
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.counts.items())
        return f"{checked}: {kinds}; {mended} mended, {len(self.findings) - mended} not"

    @property
    def _rows(self) -> list[tuple[str, str, str, str]]:
        return [(found.run[:8], found.file, found.what, found.done) for found in self.findings]

    def __len__(self) -> int:
        return len(self.findings)

    def __repr__(self) -> str:
        return tables.as_text(("run", "file", "finding", "done"), self._rows, caption=self._caption)

    def _repr_html_(self) -> str:
        return tables.as_html(("run", "file", "finding", "done"), self._rows, caption=self._caption)


Trouble = Literal["", "missing", "altered", "not media"]
_Mark = tuple[int, ...]
_hashes: dict[Path, tuple[_Mark, str]] = {}  # with what the disk said of the file when it was read


def video_as_fetched(run: Record) -> Trouble:
    """What is wrong with `Run.video` alone, where the other files of its task are neither shown nor compared."""
    first = _kept(run)[:1]  # no other is read: each costs its whole length
    return _trouble(*first[0]) if first else "missing"


def troubles(run: Record) -> dict[Path, Trouble]:
    """The files of *run* that are not on this disk as they were fetched, and what is wrong with each."""
    looked = {
        path or Path("a file that kie_nb did not make"): _trouble(path, kept) for path, kept in _kept(run)
    }
    return {path: trouble for path, trouble in looked.items() if trouble}


def _kept(run: Record) -> list[tuple[Path | None, KeptFile]]:
    files = run.ledger.files
    return [(files.place_of(kept), kept) for kept in run.row.files]


def _trouble(path: Path | None, kept: KeptFile) -> Trouble:
    from ..video import is_media

    try:
        if path is None or bring(path) or not is_plain_file(path):
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


_QUIET_S = 60.0  # a download that lives writes more often, or is started again
# Only what has a name that we give is ever removed; a `film.part` may be anybody's.
_PICTURE = (
    r"(?:[A-Za-z0-9_-]+-[0-9a-f]{8}|[0-9a-f]{64})\.[a-z0-9]+"  # see `input_name`; as they were named before
)
_PART = re.compile(rf"(\.{NAME}\.[0-9a-f]{{8}}|{_PICTURE}\.[0-9a-f]{{32}})\.part")  # still, picture
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
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
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
