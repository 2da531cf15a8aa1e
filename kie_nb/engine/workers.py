"""Heavy work: in threads of this process, or in the executor that `configure(executor=...)` names, which may be a cluster.

Only a `Piece` leaves the process. Its arguments are paths, links and numbers: no key, no ledger, nothing of the session. What comes
back is data from elsewhere and is checked. A piece that the executor refuses, loses, fails or answers wrongly is repeated here, and its
result here counts: an error of a worker, which may see other files or no network, is no fact about a video.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeVar, cast

from .. import notice
from .. import settings as settings_
from .dispatcher import Threads, dispatcher

T = TypeVar("T")
SILENCE_S = 900.0  # an executor that has answered nothing for so long gives nothing back any more
_LOOK_S = 15.0


class Executor(Protocol):
    """What `concurrent.futures.Executor` and a Dask client have in common."""

    def submit(self, fn: Callable[..., Any], /, *args: Any) -> Any:
        """Run ``fn(*args)`` in a worker; its result comes by the future that this gives."""


@dataclass(frozen=True, slots=True)
class Piece(Generic[T]):
    """Work that may be done by another process, perhaps on another machine.

    Attributes:
        work: A function of a module, which workers import.
        checked: The value of what a worker has answered; it is given the arguments too, and raises an error for what cannot be.
    """

    work: Callable[..., T]
    checked: Callable[..., T]

    def __call__(self, *args: Any) -> T:
        """Do it here."""
        return self.work(*args)


class Workers(Threads):
    """Threads of this process; pieces go to the executor of the settings where there is one."""

    def __init__(self, workers: int, name: str) -> None:
        super().__init__(workers, name)
        self._doors = Threads(1, f"{name}-away")  # a `submit` may block, or do the work at once
        self._away: dict[Future[Any], None] = {}
        self._heard_at = 0.0
        self._watch: asyncio.Task[None] | None = None

    def submit(self, fn: Callable[..., T], /, *args: Any) -> Future[T]:
        """Run ``fn(*args)`` in a worker; nothing that happens to the worker is seen in the future."""
        executor = _executor()
        if executor is None or not isinstance(fn, Piece):
            return super().submit(fn, *args)
        result: Future[T] = Future()
        sent = self._send(executor, fn, args)
        here = super().submit

        def done_away(done: Future[T]) -> None:
            if done.cancelled() or (why := done.exception()) is None:
                _pass_on(done, result)
                return
            try:
                again = here(fn, *args)
            except RuntimeError:  # the interpreter is on its way out
                _pass_on(done, result)
                return
            again.add_done_callback(lambda done: _pass_on(done, result, instead_of=why))
            result.add_done_callback(lambda result: again.cancel() if result.cancelled() else None)

        sent.add_done_callback(done_away)
        result.add_done_callback(lambda result: sent.cancel() if result.cancelled() else None)
        return result

    def do(self, piece: Piece[T], *args: Any) -> T:
        """The same for a caller that is in a worker thread itself: it waits, and repeats the piece where it is."""
        executor = _executor()
        if executor is None:
            return piece(*args)
        try:
            return self._send(executor, piece, args).result()
        except Exception as why:  # noqa: BLE001 - whatever a strange executor raises
            found = piece(*args)
            _tell(why)
            return found

    def _send(self, executor: Executor, piece: Piece[T], args: tuple[Any, ...]) -> Future[T]:
        """The checked answer of the executor, or why there is none."""
        sent: Future[T] = Future()
        if not self._away:
            self._heard_at = time.monotonic()
        self._away[sent] = None
        sent.add_done_callback(lambda sent: self._away.pop(sent, None))

        def answered(job: Future[Any]) -> None:
            self._heard_at = time.monotonic()
            try:
                found = piece.checked(job.result(), *args)
            except BaseException as exc:  # noqa: BLE001 - asyncio's cancellation too: an executor may be of any kind
                self._settle(sent, error=exc)
            else:
                self._settle(sent, found)

        def hand_over() -> None:
            try:
                job = executor.submit(piece.work, *args)
                sent.add_done_callback(lambda sent: job.cancel() if sent.cancelled() else None)
                job.add_done_callback(answered)
            except Exception as exc:  # noqa: BLE001 - shut down, broken, or no executor at all
                self._settle(sent, error=exc)

        self._doors.submit(hand_over)
        dispatcher().call_soon(self._ensure_watched)
        return sent

    def _settle(self, sent: Future[T], found: T | None = None, error: BaseException | None = None) -> None:
        if self._away.pop(sent, "settled") is not None or not sent.set_running_or_notify_cancel():
            return  # taken back, or nobody waits for it
        if error is not None:
            sent.set_exception(error)
        else:
            sent.set_result(cast("T", found))

    def _ensure_watched(self) -> None:
        if self._watch is None or self._watch.done():
            self._watch = asyncio.get_running_loop().create_task(self._take_back())

    async def _take_back(self) -> None:
        """Take back what a silent executor holds: a paid video must not wait for workers that never come."""
        while self._away:
            await asyncio.sleep(_LOOK_S)
            if time.monotonic() - self._heard_at > SILENCE_S:
                for sent in list(self._away):
                    self._settle(sent, error=TimeoutError("no answer for a long time"))


def _executor() -> Executor | None:
    chosen = settings_.executor()
    # A Dask client's own futures are none of `concurrent.futures`; and the same download twice is two downloads.
    by_dask = getattr(chosen, "get_executor", None)
    return cast("Executor", by_dask(pure=False)) if by_dask else chosen


def _pass_on(done: Future[T], result: Future[T], *, instead_of: BaseException | None = None) -> None:
    if done.cancelled() or not result.set_running_or_notify_cancel():
        result.cancel()
    elif (error := done.exception()) is not None:
        result.set_exception(error)
    else:
        if instead_of is not None:
            _tell(instead_of)
        result.set_result(done.result())


def _tell(why: BaseException) -> None:
    """Say once that work came back and was done here, where it went well: else its own error is told."""
    told = str(why).partition("\n")[0][:160]
    reason = f"{type(why).__name__}: {told}" if told and "://" not in told else type(why).__name__
    notice.say_later(
        ("executor", id(settings_.executor())),
        f"kie_nb: the executor did not do all that it was given ({reason}); it is done in this process instead",
    )
