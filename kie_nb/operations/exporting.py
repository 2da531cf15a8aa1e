"""Export runs to share or archive: videos, pictures and a manifest in one folder that opens in a browser."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pydantic import ValidationError

from .. import tables
from ..catalogue import ImageIdentity, noun_of, read_request
from ..engine.record import Record
from ..engine.shelving import where_fetched
from ..engine.waiting import wait_blocking
from ..errors import InvalidRequest, LedgerError
from ..fileops import hash_of, write_whole
from ..home import is_plain_file
from ..ledger import KeptFile, files_made
from ..ledger.marks import MARKED
from ..ledger.reading import first_wrong
from ..ledger.rows import PublicColumns
from ..ledger.states import RELEASED, WORDS, State
from ..markup import Html, document, rendered
from ..paths import places_of, redacted, shown_path
from ..stores import bring
from ..video import PICTURES, PLAYED, SOUNDS, copy_media, is_media
from . import manifest as manifest_
from .embedded_request import call_of, kept_as, note_of
from .manifest import FileEntry, Manifest, RunEntry, VideoEntry
from .pictures import find_sent, where_sent

if TYPE_CHECKING:
    from concurrent.futures import Future

    from ..engine.workspace import Workspace

_VERSIONS = ("kie_nb", "python", "os")
_WORDS_OF_ERROR = ("class", "message", "hint", "charged")
_STEP = ("at", "from_state", "to_state", "evidence")


@dataclass(frozen=True, kw_only=True, slots=True)
class Exported:
    """The result of an export.

    Attributes:
        folder: Where it is; `index.html` in it opens in a browser.
        runs: The ids of the runs that were asked for.
        written: The files that were written; what was there already, whole, is not among them.
        remarks: What differs from what was asked, a line each: file and reason.
    """

    folder: Path
    runs: tuple[str, ...]
    written: tuple[str, ...] = ()
    remarks: tuple[tuple[str, str], ...] = ()

    @property
    def _caption(self) -> str:
        runs, files = tables.counted(len(self.runs), "run"), tables.counted(len(self.written), "file")
        return f"{runs} in {shown_path(self.folder)}, {files} written"

    def __repr__(self) -> str:
        return tables.as_text(("file", "remark"), self.remarks, caption=self._caption)

    def html(self) -> Html:
        """What was written, and the remarks as a table."""
        return tables.as_html(("file", "remark"), self.remarks, caption=self._caption)

    _repr_html_ = html


def export(
    workspace: Workspace, folder: str | os.PathLike[str], runs: Iterable[Record | str] | None = None
) -> Exported:
    """Copy *runs* with their videos, pictures and history into *folder*, beside what an earlier export left there.

    Each video carries its request in its tags; its pictures and sound are the same. Neither key, account nor any path of
    this machine is in the folder. Everything is made first, then put in its place; a file that is there with other contents
    stays as it is, and nothing is written then. `runs` may be ids; by default it is every run whose video is on disk.
    """
    chosen = _chosen(workspace, runs)
    target = Path(os.path.abspath(Path(folder).expanduser()))  # noqa: PTH100 - a link in it is not followed
    _check_folder(target, [run.ledger.home for run in chosen])
    there = manifest_.load(target) if (target / manifest_.NAME).exists() else Manifest()
    staging = target / f".export-{secrets.token_hex(8)}"  # nobody can have put a link under this name
    try:
        for name in (*manifest_.FOLDERS, staging):
            (target / name).mkdir(parents=True, exist_ok=True)
        work = _Work(workspace, target, staging, there)
        entries = [entry for run in chosen if (entry := work.entry(run)) is not None]
        ids = [run.id for run in chosen]
        done = Manifest(runs=[*(one for one in there.runs if one.id not in ids), *entries])
        manifest, page = manifest_.dump(done), _page(done).encode("utf-8", "replace")
        for place, part in work.parts.items():
            part.replace(target / place)
        write_whole(target / manifest_.NAME, manifest)
        write_whole(target / "index.html", page)
    except OSError as exc:
        raise LedgerError(f"{shown_path(target)} cannot be written: {exc.strerror or exc}.") from exc
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return Exported(folder=target, runs=tuple(ids), written=tuple(work.parts), remarks=tuple(work.remarks))


def _chosen(workspace: Workspace, runs: Iterable[Record | str] | None) -> list[Record]:
    if isinstance(runs, Record | str):
        runs = [runs]
    if runs is None:
        ledger = workspace.here
        found = [Record(row, ledger) for row in ledger.runs(states={State.FETCHED}, limit=None)]
    else:
        found = [run if isinstance(run, Record) else workspace.find(run) for run in runs]
    if not found:
        raise InvalidRequest("There is no run to export.", hint="%kie runs lists them", charged="")
    return sorted({run.id: run for run in found}.values(), key=lambda run: run.row.created_at)


def _check_folder(target: Path, homes: Sequence[Path]) -> None:
    try:
        os.lstat(target)
    except FileNotFoundError:
        pass
    except (OSError, ValueError) as exc:
        why = getattr(exc, "strerror", None) or exc
        words = f"Cannot create a folder at {shown_path(target)}: {why}."
        raise LedgerError(words, hint="choose another") from exc
    if target.exists() and not target.is_dir():
        raise LedgerError(f"{shown_path(target)} is a file, not a folder.")
    real = target.resolve()
    for home in homes:
        if real == home.resolve() or home.resolve() in real.parents:
            words = f"{shown_path(target)} lies in the ledger's own folder."
            raise LedgerError(words, hint="export to a folder of its own, beside it")
    for name in (*manifest_.FOLDERS, manifest_.NAME, "index.html"):
        if (target / name).is_symlink():
            words = f"{shown_path(target / name)} is a link that leads elsewhere; nothing was written."
            raise LedgerError(words)


class _Work:
    """One export under way: files are made in *staging*, and `parts` says where in *folder* each belongs."""

    def __init__(self, workspace: Workspace, folder: Path, staging: Path, there: Manifest) -> None:
        self.workspace, self.folder, self.staging = workspace, folder, staging
        self.there = {one.id: one for one in there.runs}
        self.ours = {one.file: one.sha256 for one in there.files()}
        self.owners = {one.file: run.id for run in there.runs for one in run.videos}
        self.parts: dict[str, Path] = {}
        self.remarks: list[tuple[str, str]] = []

    def entry(self, run: Record) -> RunEntry | None:
        row, earlier = run.row, self.there.get(run.id)
        places = places_of(run.ledger.home)
        error = {name: row.error.get(name) for name in _WORDS_OF_ERROR} if row.error else None
        facts = {column.name: getattr(row, column.name) for column in fields(PublicColumns)} | {
            "request": manifest_.stored_request(run.request),
            "stands": row.active_key is not None and run.state not in RELEASED,
            "made_by": row.made_by and {name: row.made_by[name] for name in _VERSIONS if name in row.made_by},
            "origin": row.origin,
            "error": redacted(error, places),
            "events": redacted([_step(step) for step in run.history()], places),
            "asked_by": _without_machine(row.asked_by),
            "files_made": files_made(row) or None,
        }
        try:
            entry = RunEntry(**facts, videos=self._videos(run, earlier), inputs=self._inputs(run))
        except ValidationError as exc:
            # One odd row of a ledger from elsewhere must not keep all other runs from being exported.
            self.remarks.append((run.label, f"was left out: its {first_wrong(exc)}"))
            return earlier
        return earlier if earlier and earlier.videos and not entry.videos else entry

    def _videos(self, run: Record, earlier: RunEntry | None) -> list[VideoEntry]:
        if run.state is not State.FETCHED:
            return []
        files = run.ledger.files
        made = [self._video(run, kept, files.place_of(kept)) for kept in run.row.files]
        found = [one for one in made if one is not None]
        numbers = {one.number for one in found}
        left = [one for one in (earlier.videos if earlier else ()) if one.number not in numbers]
        return found + [one for one in left if self._hash(one.file) == one.sha256]  # it may be the last copy

    def _video(self, run: Record, kept: KeptFile, path: Path | None) -> VideoEntry | None:
        if path is None:
            self.remarks.append((run.label, "has a file that kie_nb did not make; it was left out"))
            return None
        self._work(bring, path)
        sha256 = self._work(hash_of, path) if is_plain_file(path) else None
        why = ""
        if sha256 is None:
            where = where_fetched(run)
            why = (
                f"was fetched {where}: export it there"
                if where
                else "is not on disk; `%kie doctor` may fetch it again"
            )
        elif kept.sha256 not in {None, sha256}:
            why = "was left out: it is not the file that was fetched; see `%kie doctor`"
        elif not is_media(path):  # a damaged video is one
            why = "was left out: it is neither video, picture nor sound"
        if why or kept.remark:
            self.remarks.append((path.name, why or str(kept.remark)))
        if why:
            return None
        place = f"videos/{path.name}"
        if self.owners.setdefault(place, run.id) != run.id:
            place = f"videos/{path.stem}_{run.id[:8]}{path.suffix}"
        part = self._part()
        if run.is_film:  # its own note names its clips
            self._work(copy_media, path, part)
        elif remark := self._work(copy_video, path, part, note_of(run.row, run.request)):
            self.remarks.append((path.name, remark))
        told = {name: getattr(kept, name) for name in ("number", "seconds", "remark")}
        return VideoEntry(**self._place(part, place), original_sha256=sha256, **told)

    def _inputs(self, run: Record) -> list[FileEntry]:
        media = {one.sha256: one for _role, one in run.request.all_media if not one.by_url}
        return [entry for one in media.values() if (entry := self._input(run, one)) is not None]

    def _input(self, run: Record, one: ImageIdentity) -> FileEntry | None:
        kept = find_sent(self.workspace, run, one)
        if kept is None:
            if one.url is None:
                where = where_sent(run)
                words = f"the {noun_of(one)} of run {run.id[:8]} is {where or 'not on disk'}"
                self.remarks.append((one.label, words))
            return None
        part = self._part()
        if is_media(kept):
            copy_media(kept, part)
        if not part.exists() or hash_of(part) != one.sha256:
            self.remarks.append((kept.name, f"was left out: it is not the {noun_of(one)} that was sent"))
            return None
        return FileEntry(**self._place(part, kept_as(one) or f"inputs/{kept.name}"))

    def _part(self) -> Path:
        return self.staging / secrets.token_hex(8)

    def _place(self, part: Path, place: str) -> dict[str, Any]:
        """The facts of a finished copy, which gets its name at the end, unless it is there or something else has it."""
        sha256 = hash_of(part)
        path, there = self.folder / place, self._hash(place)
        if not os.path.lexists(path) or (there and there == self.ours.get(place) != sha256):
            self.parts[place] = part
        elif there != sha256:
            words = f"{shown_path(path)} is there with other contents; it was not overwritten."
            raise LedgerError(words, hint="move it away, or export to another folder")
        return {"file": place, "sha256": sha256, "bytes": part.stat().st_size}

    def _hash(self, place: str) -> str | None:
        path = self.folder / place
        return hash_of(path) if is_plain_file(path) else None

    def _work(self, function: Any, *args: Any) -> Any:
        future: Future[Any] = self.workspace.downloads.submit(function, *args)
        wait_blocking(future, timeout_s=None, goes_on="nothing was written.")
        return future.result()


def _step(step: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: step[name] for name in _STEP}
    if isinstance(change := (step["evidence"] or {}).get(MARKED), dict):
        told["evidence"] = {MARKED: {**change, "by": _without_machine(change.get("by"))}}
    return told


def _without_machine(who: str | None) -> str | None:
    """A person without the name of a machine."""
    return None if who is None else who.partition("@")[0] or None


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
        why = str(exc).removeprefix(source.name)  # which is told beside it, under the name of the copy
        return f"was copied as it is, without its request: {'it' if why != str(exc) else ''}{why}"
    return ""


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
        "call": call_of(request, place=kept_as),
    }


def _shown_file(one: VideoEntry) -> dict[str, str]:
    path = Path(one.file)
    ending = path.suffix[1:]
    kind = "picture" if ending in PICTURES else "video" if ending in PLAYED else ""
    return {"kind": kind, "source": quote(one.file), "name": path.name, "remark": one.remark or ""}
