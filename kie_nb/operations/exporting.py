"""Copies of runs to give away or to keep: videos, pictures and a manifest in one folder that opens in a browser."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic import ValidationError

from ..bounds import MAX_FILES
from ..catalogue import read_request
from ..engine import tables
from ..engine.record import Record
from ..engine.states import RELEASED, WORDS, State
from ..engine.waiting import wait_blocking
from ..errors import InvalidRequest, LedgerError
from ..fileops import hash_of, part_of, write_whole
from ..home import is_plain_file
from ..ledger import KeptFile, files_made, kept_files
from ..markup import document, rendered
from ..paths import shown_path
from ..redact import places_of, redacted
from ..video import PICTURES, PLAYED, SOUNDS, copy_media, is_media
from . import manifest as manifest_
from .embedded_request import call_of, kept_name, note_of
from .manifest import FileEntry, Manifest, RunEntry, VideoEntry

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ..engine.workspace import Workspace


_FACTS = (
    *(
        "id",
        "service",
        "model",
        "seed",
        "seed_drawn",
        "state",
        "task_id",
        "estimate",
        "credits",
        "video_seconds",
        "error",
    ),
    *("created_at", "sent_at", "accepted_at", "started_at", "completed_at", "duration_s"),
    *("experiment", "tags", "note", "rating"),
)
_VERSIONS = ("kie_nb", "python", "os")


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """What came of an export.

    Attributes:
        folder: Where it is; `index.html` in it opens in a browser.
        runs: The ids of the runs that were asked for.
        written: The files that were written; what was there already, whole, is not among them.
        remarks: What is not as one might think, a line each: file and reason.
    """

    folder: Path
    runs: tuple[str, ...]
    written: tuple[str, ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()

    @property
    def _caption(self) -> str:
        return f"{tables.counted(len(self.runs), 'run')} in {shown_path(self.folder)}, {tables.counted(len(self.written), 'file')} written"

    def __repr__(self) -> str:
        return tables.as_text(("file", "remark"), self.remarks, caption=self._caption)

    def _repr_html_(self) -> str:
        return tables.as_html(("file", "remark"), self.remarks, caption=self._caption)


def export(
    workspace: Workspace, folder: str | os.PathLike[str], runs: Iterable[Record | str] | None = None
) -> Exported:
    """Copy *runs* with their videos, pictures and history into *folder*, and add to what an earlier export left there.

    Each video carries its request in its tags; its pictures and sound are the same. Neither key, account nor any path of
    this machine is in the folder. A file that is there with other contents stays as it is, and so does the manifest then.

    Args:
        runs: Runs, or their ids; by default every run whose video is on disk.

    Raises:
        LedgerError: *folder* holds other files under these names, or cannot be written.
        InvalidRequest: there is no such run.
    """
    chosen = _chosen(workspace, runs)
    target = Path(os.path.abspath(Path(folder).expanduser()))  # noqa: PTH100 - a link in it is not followed
    _check_folder(target, [workspace.home_of(run).home for run in chosen])
    there = manifest_.load(target) if (target / manifest_.NAME).exists() else Manifest()
    work = _Work(workspace, target, there)
    try:
        for name in manifest_.FOLDERS:
            (target / name).mkdir(parents=True, exist_ok=True)
        entries = [entry for run in chosen if (entry := work.entry(run)) is not None]
        done = Manifest(runs=[*(one for one in there.runs if one.id not in work.ids), *entries])
        write_whole(target / manifest_.NAME, manifest_.dump(done))
        write_whole(target / "index.html", _page(done).encode("utf-8", "replace"))
    except OSError as exc:
        raise LedgerError(f"{shown_path(target)} cannot be written: {exc.strerror or exc}.") from exc
    return Exported(
        folder=target,
        runs=tuple(run.id for run in chosen),
        written=tuple(work.written),
        remarks=tuple(work.remarks),
    )


def _chosen(workspace: Workspace, runs: Iterable[Record | str] | None) -> list[Record]:
    if isinstance(runs, Record | str):
        runs = [runs]
    if runs is None:
        ledger = workspace.here
        found = [Record(row, ledger) for row in ledger.runs(states={State.FETCHED}, limit=None)]
    else:
        found = [run if isinstance(run, Record) else workspace.find(run) for run in runs]
    if not found:
        raise InvalidRequest("there is no run to export.", hint="%kie runs lists them", charged="")
    return sorted({run.id: run for run in found}.values(), key=lambda run: run.row.created_at)


def _check_folder(target: Path, homes: Sequence[Path]) -> None:
    try:
        os.lstat(target)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as exc:
        why = getattr(exc, "strerror", None) or exc
        raise LedgerError(f"no folder can be at {shown_path(target)}: {why}.", hint="choose another") from exc
    if target.exists() and not target.is_dir():
        raise LedgerError(f"{shown_path(target)} is a file, and a folder is needed.")
    real = target.resolve()
    for home in homes:
        if real == home.resolve() or home.resolve() in real.parents:
            raise LedgerError(
                f"{shown_path(target)} lies in the ledger's own folder.",
                hint="export to a folder of its own, beside it",
            )
    for name in (*manifest_.FOLDERS, manifest_.NAME, "index.html"):
        if (target / name).is_symlink():
            raise LedgerError(
                f"{shown_path(target / name)} is a link that leads elsewhere; nothing was written."
            )


@dataclass
class _Work:
    """One export under way."""

    workspace: Workspace
    folder: Path
    there: Manifest
    ids: set[str] = field(default_factory=set)
    written: list[str] = field(default_factory=list)
    remarks: list[tuple[str, str]] = field(default_factory=list)

    def entry(self, run: Record) -> RunEntry | None:
        row = run.row
        self.ids.add(run.id)
        earlier = next((one for one in self.there.runs if one.id == run.id), None)
        facts = {name: getattr(row, name) for name in _FACTS}
        facts |= {
            "request": manifest_.stored_request(run.request),
            "stands": row.live_key is not None and run.state not in RELEASED,
            "made_by": {name: str(row.made_by[name]) for name in _VERSIONS if name in row.made_by}
            if row.made_by
            else None,
            "origin": row.origin,
            "events": [
                {name: step[name] for name in ("at", "from_state", "to_state", "evidence")}
                for step in run.history()
            ],
            "files_made": _files_made(run),
            "videos": [one.model_dump() for one in self._videos(run, earlier)],
            "inputs": [one.model_dump() for one in self._inputs(run)],
        }
        places = places_of(self.workspace.home_of(run).home)
        facts |= {name: redacted(facts[name], places) for name in ("error", "events")}
        try:
            entry = RunEntry.model_validate(facts)
        except ValidationError as exc:
            # One odd row of a ledger from elsewhere must not keep all other runs from being exported.
            why = exc.errors(include_url=False)[0]
            words = f"was left out: its {'.'.join(map(str, why['loc']))}: {why['msg']}"
            self.remarks.append((run.label, words))
            return earlier
        return earlier if earlier and earlier.videos and not entry.videos else entry

    def _videos(self, run: Record, earlier: RunEntry | None) -> list[VideoEntry]:
        if run.state is not State.FETCHED:
            return []
        found: list[VideoEntry] = []
        files = self.workspace.home_of(run)
        for kept in kept_files(run.row):
            path = files.place(kept.name)
            if path is None:
                self.remarks.append((run.label, "has a file that is none of ours; it was left out"))
                continue
            name, used = path.name, {one.file for one in found}
            there = _left_of(earlier, kept, name, used)
            if trouble := _why_not(path):
                self.remarks.append((name, trouble))
                same = (one for one in there if one.number is not None or Path(one.file).name == name)
                found += [_numbered(one, kept) for one in itertools.islice(same, 1)]
                continue
            sha256 = self._wait(self.workspace.downloads.submit(hash_of, path))
            if kept.sha256 not in {None, sha256}:
                self.remarks.append(
                    (name, "was left out: it is not the file that was fetched; see `%kie doctor`")
                )
                continue
            if kept.remark:
                self.remarks.append((name, kept.remark))
            if not is_media(path):  # a damaged video is one
                self.remarks.append((name, "was left out: it is neither video, picture nor sound"))
                continue
            whole = (one for one in there if one.original_sha256 == sha256 and self._is_there(one))
            found.append(_numbered(next(whole, None) or self._video(run, path, name, sha256, used), kept))
        return found

    def _video(self, run: Record, path: Path, name: str, sha256: str, used: set[str]) -> FileEntry:
        taken = {one.file for other in self.there.runs if other.id != run.id for one in other.videos}
        place = f"videos/{name}"
        if place in taken | used or place in self.written:
            place = f"videos/{Path(name).stem}_{run.id[:8]}{Path(name).suffix}"
        target = self.folder / place
        part = part_of(target)
        try:
            remark = self._wait(
                self.workspace.downloads.submit(copy_video, path, part, note_of(run.row, run.request))
            )
            if remark:
                self.remarks.append((name, remark))
            return self._place(part, target, place, original=sha256)
        finally:
            part.unlink(missing_ok=True)

    def _inputs(self, run: Record) -> list[FileEntry]:
        image = run.request.image
        if image is None or image.by_url:
            return []
        kept = self.workspace.home_of(run).find_input(image.sha256)
        if kept is None:
            if image.url is None:
                self.remarks.append((image.label, f"the picture of run {run.id[:8]} is not on disk"))
            return []
        place = f"inputs/{kept.name}"
        target = self.folder / place
        part = part_of(target)
        try:
            if is_media(kept):
                copy_media(kept, part)
            if not part.exists() or hash_of(part) != image.sha256:
                self.remarks.append((kept.name, "was left out: it is not the picture that was sent"))
                return []
            return [self._place(part, target, place)]
        finally:
            part.unlink(missing_ok=True)

    def _place(self, part: Path, target: Path, place: str, *, original: str | None = None) -> FileEntry:
        """Give a finished copy its name, unless something else has it."""
        entry = FileEntry(
            file=place, sha256=hash_of(part), bytes=part.stat().st_size, original_sha256=original
        )
        if target.is_symlink() or target.exists():
            if not self._is_there(entry):
                raise LedgerError(
                    f"{shown_path(target)} is there with other contents; it was not overwritten.",
                    hint="move it away, or export to another folder",
                )
            return entry
        part.replace(target)
        self.written.append(place)
        return entry

    def _is_there(self, entry: FileEntry) -> bool:
        path = self.folder / entry.file
        return is_plain_file(path) and hash_of(path) == entry.sha256

    @staticmethod
    def _wait(future: Future[Any]) -> Any:
        wait_blocking(future, timeout_s=None, goes_on="what is written so far is whole.")
        return future.result()


def _left_of(entry: RunEntry | None, kept: KeptFile, name: str, used: set[str]) -> list[VideoEntry]:
    """What an earlier export may have left of a file, the likeliest first.

    None of it stands for two files of the task, though they be the same bytes.
    """
    left = [one for one in (entry.videos if entry else []) if one.file not in used]
    mine = [one for one in left if one.number in {None, kept.number}]  # an earlier kie_nb wrote none
    return sorted(mine, key=lambda one: (one.number is None, Path(one.file).name != name))


def _numbered(entry: FileEntry, kept: KeptFile) -> VideoEntry:
    number = kept.number if kept.number < MAX_FILES else None
    return VideoEntry(**entry.model_dump(exclude={"number", "remark"}), number=number, remark=kept.remark)


def _files_made(run: Record) -> int | None:
    made = files_made(run.row) if run.state in {State.SUCCESS, State.FETCHED} else 0
    return made if 0 < made <= MAX_FILES else None


def copy_video(source: Path, target: Path, note: str) -> str:
    """Copy a result with its request in its tags; returns what is to be said about it. Runs in a worker."""
    from ..video import CannotTag, NotAVideo, write_request

    if source.suffix[1:] in PICTURES | SOUNDS:
        copy_media(source, target)
        return ""
    try:
        write_request(source, target, note)
    except (CannotTag, NotAVideo) as exc:
        copy_media(source, target)
        return f"was copied as it is, without its request: {exc}"
    return ""


def _why_not(path: Path) -> str:
    """Why a file is not exported, in words; "" if it can be."""
    return "" if is_plain_file(path) else "is not on disk; `%kie doctor` may fetch it again"


def _page(manifest: Manifest) -> str:
    """The album: every run with what it was made from, the newest first."""
    newest_first = sorted(manifest.runs, key=lambda one: one.created_at, reverse=True)
    style = (
        "body{font:15px/1.5 system-ui,sans-serif;margin:2em auto;max-width:60em;padding:0 1em;color-scheme:light dark}\n"
        "video,img{max-width:100%;max-height:70vh;background:#000}article{margin:0 0 3em}code{overflow-wrap:anywhere}\n"
    )
    body = rendered("export.html", runs=list(map(_shown, newest_first)))
    return document(title="Videos of kie_nb", style=style, body=body)


def _shown(entry: RunEntry) -> dict[str, Any]:
    """A run as the album shows it."""
    request = read_request(entry.request)
    facts = [
        *([f"seed {entry.seed}"] if entry.seed is not None else []),
        WORDS[State(entry.state)],
        *(["SIMULATED"] if entry.service == "simulator" else []),
        *([f"{entry.credits:g} credits"] if entry.credits is not None and entry.service == "kie" else []),
        entry.created_at[:10],
        f"run {entry.id[:8]}",
    ]
    return {
        "files": list(map(_shown_file, entry.videos)),
        "prompt": request.prompt,
        "facts": " · ".join(facts),
        "call": call_of(request, picture=kept_name(request)),
    }


def _shown_file(one: VideoEntry) -> dict[str, str]:
    path = Path(one.file)
    ending = path.suffix[1:]
    kind = "picture" if ending in PICTURES else "video" if ending in PLAYED else ""
    return {"kind": kind, "source": quote(one.file), "name": path.name, "remark": one.remark or ""}
