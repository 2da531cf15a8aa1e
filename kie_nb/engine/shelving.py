"""A run's files and the store that a team shares: put there before the run counts as fetched, and brought back from there.

A store that fails costs no video: the file stays in the home, and `push_left` puts it there later.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from ..catalogue import ImageIdentity
from ..errors import KieError
from ..fileops import hash_of
from ..home import VIDEOS
from ..ledger import KeptFile, Ledger
from ..ledger.states import State
from ..video import inspect
from .file_download import facts_of
from .record import Record

if TYPE_CHECKING:
    from ..stores import Shelf

log = logging.getLogger("kie_nb")
NOTED = "to be put into the store"
_KEPT = TypeAdapter(KeptFile)


async def pull(shelf: Shelf, run: Record, *, wait_s: float) -> bool:
    """Bring the files of a fetched run from the store; whether all are here then."""
    jobs = [shelf.submit(shelf.pull, kept) for kept in run.row.files]
    return all([await _has_ended(job, wait_s, f"{run.label} was not brought from the store") for job in jobs])


def noted(came: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    """What the history of a run says of files that came and are about to be put into the store: `find` takes no others for them."""
    facts = ("sha256", "bytes")
    return {
        NOTED: [
            {"number": n, "name": one["path"].name, **{key: one[key] for key in facts}}
            for n, one in came.items()
        ]
    }


async def find(
    shelf: Shelf, run: Record, wanted: Iterable[int], events: Iterable[dict[str, Any]], *, wait_s: float
) -> dict[int, dict[str, Any]]:
    """The facts of the *wanted* files that a process has put into the store, and died before it recorded them."""
    told: dict[int, KeptFile] = {}
    for step in events:
        for one in (step["evidence"] or {}).get(NOTED) or ():
            with contextlib.suppress(ValueError, TypeError, KeyError):  # the ledger may be anybody's
                kept = _KEPT.validate_python({**one, "name": f"{VIDEOS}/{one['name']}"})
                told[kept.number] = kept
    found = {}
    for kept in (told[number] for number in wanted if number in told):
        job = shelf.submit(_find, shelf, kept)
        if await _has_ended(job, wait_s, f"{run.label} was not found in the store"):
            found[kept.number] = job.result()
    return {number: facts for number, facts in found.items() if facts is not None}


def _find(shelf: Shelf, kept: KeptFile) -> dict[str, Any] | None:
    path = shelf.pull(kept)
    look = inspect(path)
    facts = facts_of(path, look, path=path)  # it may have been here before, and altered since
    return None if look.remark or facts["sha256"] != kept.sha256 else facts


async def push(shelf: Shelf, run: Record, files: Iterable[tuple[Path, str]], *, wait_s: float) -> bool:
    """Put *files* of *run*, each with its hash, and what was sent for it into the store; whether all of it is there."""
    job = shelf.submit(_push, shelf, run, list(files))
    return await _has_ended(job, wait_s, f"the files of {run.label} stay in {shelf.files.home.name} for now")


def _push(shelf: Shelf, run: Record, files: Iterable[tuple[Path, str]]) -> None:
    for one in sent_media(run):
        shelf.push_input(one)
    for path, sha256 in files:
        shelf.push(path, sha256)


def push_file(shelf: Shelf, run: Record, path: Path, sha256: str) -> None:
    """Put a file of a fetched run and what was sent for it into the store, and leave it to the cache; it blocks."""
    _push(shelf, run, [(path, sha256)])
    shelf.settle(path, sha256)


def sent_media(run: Record) -> list[ImageIdentity]:
    """What was sent for *run* as files, each once."""
    return list({one.sha256: one for _role, one in run.request.all_media if one.url is None}.values())


async def _has_ended(job: Future[Any], wait_s: float, otherwise: str) -> bool:
    """Whether *job* has ended well in time; one that has not ended goes on."""
    ended = asyncio.wrap_future(job)
    ended.add_done_callback(lambda done: done.cancelled() or done.exception())  # read, else it is reported
    try:
        await asyncio.wait_for(asyncio.shield(ended), wait_s)
    except TimeoutError:
        log.warning("%s: the store is slow", otherwise)
    except KieError as exc:
        log.warning("%s: %s", otherwise, exc)
    except Exception:
        log.exception(otherwise)  # whatever a store's driver raises, it must not cost a paid video
    else:
        return True
    return False


def push_left(shelf: Shelf, ledger: Ledger) -> list[str]:
    """Put into the store what of finished runs is in the home alone; the names of these files. It blocks.

    Raises:
        StoreError: the store cannot be used, or does not keep one of them; what is there already stays there.
    """
    from ..stores import WrongBytes

    done, failed = [], None
    for name in sorted(ledger.files.there()):
        path = ledger.files.find(name)
        if path is None or len(PurePosixPath(name).suffixes) > 1:  # a preview or a still
            continue
        sha256 = hash_of(path)
        row = ledger.of_video(sha256)
        if row is not None and row.state == State.FETCHED and any(kept.name == name for kept in row.files):
            try:
                push_file(shelf, Record(row, ledger), path, sha256)
                done.append(path.name)
            except WrongBytes as exc:  # the others need not wait for that one
                failed = exc
    if failed is not None:
        raise failed
    return done


def where_fetched(run: Record) -> str:
    """Which machine has fetched its video, in words; "" where it was this one, or nobody knows."""
    first = next(iter(run.row.files), None)
    if first is None or run.ledger.files.is_from_here(first):
        return ""
    return f"on machine {first.host} (folder {first.folder})"
