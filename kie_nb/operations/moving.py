"""Move the files of a ledger from the home to a store, from there back, or on to another. It can be interrupted and called again.

Nothing is removed before its copy was read back and has the hash of the ledger.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from .. import settings as settings_
from ..catalogue import ImageIdentity
from ..engine.record import Record
from ..engine.shelving import sent_media, where_fetched
from ..errors import InvalidRequest, KieError
from ..fileops import hash_of
from ..home import INPUTS, VIDEOS, is_plain_file
from ..ledger import Files, KeptFile
from ..ledger.states import State
from ..shared_files import store_address
from ..stores import NotInStore, Shelf, Store, WrongBytes, video_key
from ..stores.cache import adopt
from ..tables import counted

if TYPE_CHECKING:
    from ..engine.workspace import Workspace


T = TypeVar("T")
Rest = Callable[[], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Moved:
    """What `move_files` did."""

    to: str  # an address; "" for the home
    files: int
    left: tuple[str, ...]  # what could not be moved, a line each

    def __str__(self) -> str:
        where, use = (
            (self.to, f"Set KIE_NB_FILES={self.to} to use them.")
            if self.to
            else ("kie-runs", "Unset KIE_NB_FILES to use them.")
        )
        return "\n".join(
            (f"{counted(self.files, 'file')} are in {where}, each read back and unchanged. {use}", *self.left)
        )


def move_files(workspace: Workspace, to: str) -> Moved:
    """Move all videos and pictures of the current ledger to the store at *to*, or back, if that is its own folder.

    Raises:
        InvalidRequest: *to* is no address, or where they are already.
        StoreError: a store cannot be used; what was moved is moved, and the rest is where it was.
    """
    current, ledger = settings_.current(), workspace.here
    source, home = workspace.shelf(ledger), ledger.home
    address = store_address(to, settings_.start_folder())
    is_back = bool(address) and "://" not in address and Path(os.path.realpath(address)) == home.resolve()
    if not address or address == current.files or (is_back and source is None):
        words = "The files are there already." if address else "No address to move them to."
        raise InvalidRequest(
            words, hint="--to s3://bucket/prefix, or --to kie-runs to move them back", charged=""
        )
    target = None
    if not is_back:
        there = Files(home, cache=current.cache.of(address))
        target = Shelf(Store(address), there, current.cache)
        if source is not None and target.store.is_also(
            source.store
        ):  # removing them there would remove them here
            words = f"{address} is {source.store.address} under another address: the files are there already."
            raise InvalidRequest(words, charged="")
    move = _Move(Files(home, cache=ledger.files.cache), source, target)
    runs = [Record(row, ledger) for row in ledger.runs(states={State.FETCHED}, limit=None)]
    media = {one.sha256: one for row in ledger.runs(limit=None) for one in sent_media(Record(row, ledger))}
    work: list[tuple[Callable[..., Rest | None], tuple[Any, ...]]] = [
        (move.medium, (one,)) for one in media.values()
    ]
    work += [(move.video, (run, kept)) for run in runs for kept in run.row.files]
    rests = [rest for rest in _all_done([move.begin(copy, *what) for copy, what in work]) if rest is not None]
    _all_done([move.begin(rest) for rest in rests])  # only now: who interrupts the copying has lost nothing
    return Moved(to="" if target is None else address, files=len(rests), left=tuple(sorted(move.left)))


def _all_done(jobs: Sequence[Future[T]]) -> list[T]:
    """What they give; what has not begun is dropped where one fails, or somebody interrupts."""
    try:
        return [job.result() for job in jobs]
    except BaseException:
        for job in jobs:
            job.cancel()
        raise


class _Move:
    """From *source*, None for the home, to *target*, None for the home."""

    def __init__(self, files: Files, source: Shelf | None, target: Shelf | None) -> None:
        self._files, self._source, self._target = files, source, target
        self.left: list[str] = []

    def begin(self, function: Callable[..., T], *args: Any) -> Future[T]:
        """Call *function* in a thread of a store's."""
        shelf = self._target or self._source
        assert shelf is not None  # noqa: S101 - one of both ends is a store
        return shelf.submit(function, *args)

    def video(self, run: Record, kept: KeptFile) -> Rest | None:
        """Copy a video; what was made of it is made again. Gives what removes it where it was."""
        name, sha256 = Path(kept.name).name, kept.sha256
        path = self._here(kept)
        if sha256 is None or (path is None and not (self._target and self._target.look_at(kept) == "")):
            where = where_fetched(run)
            words = (
                f"was fetched {where}: move it from there"
                if where
                else "is not here, or was altered: see `%kie doctor`"
            )
            self.left.append(f"{name} of {run.label} {words}.")
            return None
        if self._target is None and path is not None:
            adopt(path, self._files.videos / name)
            _check(self._files.videos / name, sha256)
        elif self._target is not None and path is not None:
            self._target.store.put(path, video_key(name, sha256), sha256, read_back=True)
            adopt(path, self._target.files.cached(name, sha256))
        return partial(self._remove_video, name, sha256)

    def _remove_video(self, name: str, sha256: str) -> None:
        if self._source is None:
            assert self._target is not None  # noqa: S101 - one of both ends is a store
            self._target.settle(self._files.videos / name, sha256)
            return
        folder = f"{VIDEOS}/{Path(name).stem}"
        for made in self._source.store.names(folder):
            if made.startswith(sha256):
                self._source.store.remove(f"{folder}/{made}")

    def medium(self, one: ImageIdentity) -> Rest | None:
        """Copy what was sent; the home keeps its own in any case, for the cells that name it."""
        path = self._files.find_input(one.sha256) or (
            self._source.bring_input(one, self._files) if self._source else None
        )
        if path is None or hash_of(path) != one.sha256:
            if self._target is None or not self._target.has_input(one):
                self.left.append(f"{one.label} is not here, or was altered.")
                return None
        elif self._target is not None:
            self._target.store.put(path, f"{INPUTS}/{one.sha256}/{path.name}", one.sha256, read_back=True)
        return partial(self._remove_medium, f"{INPUTS}/{one.sha256}")

    def _remove_medium(self, folder: str) -> None:
        if self._source is not None:
            for name in self._source.store.names(folder):
                self._source.store.remove(f"{folder}/{name}")

    def _here(self, kept: KeptFile) -> Path | None:
        """The file on this disk, unchanged; None where it cannot be had."""
        path = self._files.find_kept(kept)
        with contextlib.suppress(NotInStore, WrongBytes):
            path = path or (self._source.pull(kept) if self._source is not None else None)
        return path if path is not None and kept.sha256 in {None, hash_of(path)} else None


def _check(path: Path, sha256: str) -> None:
    if not is_plain_file(path) or hash_of(path) != sha256:
        words = f"{path.name} is in the folder with other contents; nothing was removed."
        raise KieError(words, hint="move it away, then call this again", charged="")
