"""Import all runs of an exported folder with their files into this ledger, or none of them.

Files are copied under temporary names and checked, then renamed; then one transaction writes the runs.
"""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import errors, tables
from .. import settings as settings_
from ..catalogue import read_request
from ..engine.waiting import wait_blocking
from ..errors import KieError, LedgerError
from ..fileops import copy_hashed, hash_of
from ..home import is_plain_file, make_folder, open_plain
from ..ledger import KeptFile, RunRow, files_made, with_kept
from ..ledger.marks import COLUMNS, united, words_of
from ..ledger.merging import Arrival, Known, Said, is_news, merge
from ..ledger.rows import PublicColumns
from ..ledger.schema import IMPORTED
from ..ledger.states import State
from ..video import Look, inspect, is_media
from . import manifest as manifest_
from .manifest import FileEntry, RunEntry, VideoEntry

if TYPE_CHECKING:
    from ..engine.workspace import Workspace
    from ..ledger import Files, Ledger

_MARK = "as it was imported: "


@dataclass(frozen=True, kw_only=True, slots=True)
class Imported:
    """What came of an import: ids of runs.

    Attributes:
        added: Runs that were not here.
        updated: Runs that were here and not as far along: their video had not come, a file of theirs was gone, or less was said of them.
        skipped: Runs that are here as they are there.
    """

    added: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()

    def __repr__(self) -> str:
        added = f"{tables.counted(len(self.added), 'run')} added"
        return f"{added}, {len(self.updated)} brought up to date, {len(self.skipped)} were here already"

    def _repr_html_(self) -> str:
        return tables.as_html((), (), caption=repr(self))


_Staged = dict[str, tuple[Path, Look]]  # the checked copy of each file of the folder
_Entries = Sequence[tuple[RunEntry, RunRow | None]]  # of the folder, each with the run of its id here


def import_runs(workspace: Workspace, folder: str | os.PathLike[str]) -> Imported:
    """Take the runs in *folder*, which `export` has made, into the current ledger.

    Nothing is sent and nothing is paid: a cell with the request of an imported run shows its video. What is here stays as it
    is. Each file is checked by its hash before it gets its name.
    """
    source = Path(folder).expanduser()
    home = settings_.current().home
    ledger = workspace.ledger(home)
    files = ledger.files
    found = [(entry, ledger.get(entry.id)) for entry in manifest_.read(source).runs]
    taken = [(entry, ours) for entry, ours in found if _is_further(entry, ours, ledger, files)]
    ids = {entry.id for entry, _ in taken}
    here = [(entry, ours) for entry, ours in found if ours is not None and entry.id not in ids]
    said = [one for entry, ours in here if (one := _said(entry, ours, ledger.events(ours.id))) is not None]
    try:
        if taken or said:
            _carry_out(workspace, taken, source, ledger, said)
    except OSError as exc:
        raise LedgerError(f"Nothing was imported: {exc.strerror or exc}.") from exc
    ids |= {one.words["id"] for one in said}
    for row in filter(None, map(ledger.get, ids)):
        ledger.publish(row)
    return Imported(
        added=tuple(entry.id for entry, ours in taken if ours is None),
        updated=tuple(entry.id for entry, ours in found if ours is not None and entry.id in ids),
        skipped=tuple(entry.id for entry, _ in found if entry.id not in ids),
    )


def _is_further(entry: RunEntry, ours: RunRow | None, ledger: Ledger, files: Files) -> bool:
    if ours is None:
        return True
    theirs = read_request(entry.request).fingerprint(entry.service)
    is_other_task = ours.task_id and entry.task_id and ours.task_id != entry.task_id
    if is_other_task or theirs != read_request(ours.request).fingerprint(ours.service):
        words = f"Run {entry.id[:8]} of the folder is not the run of that id here."
        raise LedgerError(words, hint="nothing was imported; export the others without it")
    if ours.state == State.FETCHED:
        return bool(_lacking(entry, ours, files))
    return is_news(Known.of(ours, ledger.leases), _state_of(entry), entry.task_id)


def _lacking(entry: RunEntry, ours: RunRow | None, files: Files) -> list[VideoEntry]:
    """The videos of the folder that are not on disk here."""
    here = {
        one.number for one in (ours.files if ours else ()) if files.cache is not None or files.find(one.name)
    }
    return [one for one in entry.videos if one.number not in here]


def _state_of(entry: RunEntry) -> State:
    """The state here: a video that did not come along is to be fetched; what was not sent is not sent from here either."""
    state = State(entry.state)
    if state is State.FETCHED and not entry.videos:
        return State.SUCCESS
    return State.NOT_SENT if state is State.INTENT else state


def _said(entry: RunEntry, ours: RunRow, steps: Sequence[Mapping[str, Any]]) -> Said | None:
    """What the folder says of a run, if it is not known here."""
    words = {name: getattr(entry, name) for name in COLUMNS}
    is_news = united(words_of(ours), words, [*steps, *entry.events]) != words_of(ours)
    return Said({"id": entry.id, **words}, entry.events) if is_news else None


def _carry_out(
    workspace: Workspace, taken: _Entries, source: Path, ledger: Ledger, said: Sequence[Said]
) -> None:
    files = ledger.files
    staging = files.home / f".import-{secrets.token_hex(4)}"
    placed: list[Path] = []
    try:
        staging.mkdir(parents=True)
        staged = _stage(workspace, taken, source, staging)
        arrivals = []
        for entry, ours in taken:
            came = [_take_in(files, entry, video, staged, placed) for video in _lacking(entry, ours, files)]
            for one in entry.inputs:
                _place(staged[one.file][0], files.inputs / Path(one.file).name, one, placed)
            arrivals.append(_arrival(entry, ours, came))
        merge(ledger.database, arrivals, said)
    except BaseException:
        for path in placed:
            path.unlink(missing_ok=True)
        raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _stage(workspace: Workspace, taken: _Entries, source: Path, staging: Path) -> _Staged:
    """Copy what is needed, and look at each file, in workers: what is wrong with it is found here, whatever the folder says."""
    wanted = {one.file: one for entry, _ in taken for one in (*entry.videos, *entry.inputs)}
    jobs = {}
    for number, (name, one) in enumerate(wanted.items()):
        copy = staging / f"{number}{Path(name).suffix}"
        jobs[name] = workspace.downloads.submit(copy_checked, source / name, copy, one.sha256, one.bytes)
    for job in jobs.values():
        wait_blocking(job, timeout_s=None, goes_on="nothing was imported.")
    return {name: job.result() for name, job in jobs.items()}


def copy_checked(source: Path, target: Path, sha256: str, size: int) -> tuple[Path, Look]:
    """Copy a file that must be a plain one with this hash, and media, be it damaged; runs in a worker."""
    with open_plain(source) as file:
        digest, _ = copy_hashed(file, target, most=size)
    if digest != sha256:
        words = f"{source.name} is not the file that was exported: its hash differs."
        raise LedgerError(words, hint="copy the folder again, whole; nothing was imported")
    look = inspect(target, thoroughly=True)
    if not is_media(target):
        what = look.remark or look.kind
        raise LedgerError(
            f"{source.name} is neither video, picture nor sound: it is {what}; nothing was imported."
        )
    return target, look


def _take_in(
    files: Files, entry: RunEntry, video: VideoEntry, staged: _Staged, placed: list[Path]
) -> KeptFile:
    request, (copy, look) = read_request(entry.request), staged[video.file]
    target = files.video(
        prompt=request.prompt,
        seed=request.seed,
        task_id=entry.task_id or entry.id,
        number=video.number,
        extension=look.ending,
    )
    width, height = look.size or (None, None)
    # Its hash is that of the copy, which carries its request; the original's is another.
    told: dict[str, Any] = {name: getattr(video, name) for name in ("number", "sha256", "bytes", "seconds")}
    name = files.relative(_place(copy, target, video, placed))
    return KeptFile(name=name, **told, width=width, height=height, remark=look.remark or None)


def _place(staged: Path, target: Path, entry: FileEntry, placed: list[Path]) -> Path:
    """Give a checked file a name that is free; a file that is there with the same contents is used as it is."""
    make_folder(target.parent)
    free, number = target, 1
    while os.path.lexists(free):
        if is_plain_file(free) and free.stat().st_size == entry.bytes and hash_of(free) == entry.sha256:
            return free
        number += 1
        # Not as `Files.video` counts a task's files: it would be taken for another one of them.
        free = target.with_name(f"{target.stem}_imported{number}{target.suffix}")
    placed.append(free)
    try:
        os.link(staged, free)  # two runs may name one file; a link never overwrites
    except OSError:
        shutil.copyfile(staged, free)
    return free


def _arrival(entry: RunEntry, ours: RunRow | None, came: list[KeptFile]) -> Arrival:
    request = read_request(entry.request)
    state, estimate = _state_of(entry), request.estimate
    made = max(files_made(ours) if ours else 0, entry.files_made or 0)
    values = {column.name: getattr(entry, column.name) for column in fields(PublicColumns)} | {
        "origin": entry.origin,
        "account": IMPORTED,
        "estimate": estimate.credits if estimate else None,
        "request": {**request.to_json(), "callBackUrl": None},
        "fingerprint": request.fingerprint(entry.service),
        "family": request.family(entry.service),
        "state": str(state),
        "urls": ours.urls if ours else None,
        **with_kept(ours, came, made=made),  # what is here of them stays
        "error": _error(entry) if state not in {State.FETCHED, State.SUCCESS} else None,
    }
    evidence = {"imported": entry.state, "files": [one.to_json() for one in came]}
    return Arrival(
        values=values,
        events=[{**step} for step in entry.events],
        stands=entry.stands,
        seen=ours.state if ours else None,
        evidence=evidence,
    )


def _error(entry: RunEntry) -> dict[str, Any] | None:
    """Its words, which anybody may have written, are marked: they must not be read as ours."""
    if entry.error is None:
        return None
    name = entry.error.get("class", "")
    kind = getattr(errors, name, None)
    known = isinstance(kind, type) and issubclass(kind, KieError)
    words = {key: entry.error.get(key) for key in ("message", "hint", "charged")}
    marked = {key: _MARK + str(text).removeprefix(_MARK) for key, text in words.items() if text}
    return {"message": "", "hint": "", **marked, "class": name if known else "KieError"}
