"""Buys the missing cells of an experiment, some at a time, on the dispatcher's loop; knows when to stop."""

from __future__ import annotations

import asyncio
import shutil
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING

from ..engine.intents import cancel_unsent
from ..engine.states import UNSETTLED, State
from ..errors import AuthError, BudgetExceeded, KieError, LedgerError, NotSent, OutOfCredits, StillRunning
from ..handles import Run

if TYPE_CHECKING:
    from ..handles import Prepared, Session

NEEDED_BYTES = 500_000_000  # room for the videos that are under way, and for what else lives on the disk


class Runner:
    """One go at an experiment.

    Args:
        todo: The cells to buy, in order.
        joined: Runs of other cells that are under way, or looked for again, which the end waits for too.
        unknowns: Cells whose outcome is unknown from before.
        max_credits: The most that all runs of the experiment may cost; asked of the ledger before each is sent, for the service
            may charge more than the list, and another go may buy at the same time.
        parallel: The most that are under way at once: what a stop leaves running is bounded by it.
        stop_after_failures: So many failures in a row, and no more is bought.
        stop_after_unknowns: So many outcomes unknown, those from before included, and no more is bought.
    """

    def __init__(
        self,
        session: Session,
        todo: Sequence[Prepared],
        joined: Sequence[Run],
        *,
        unknowns: int,
        max_credits: float | None,
        parallel: int,
        stop_after_failures: int,
        stop_after_unknowns: int,
    ) -> None:
        self.session = session
        self.stopped = ""
        self.done: Future[None] = Future()
        self.taken_back: Future[None] = Future()
        self._todo = deque(todo)
        self._open: list[Run] = []
        self._max_credits, self._parallel = max_credits, parallel
        self._most_failures, self._most_unknowns = stop_after_failures, stop_after_unknowns
        self._failures, self._unknowns = 0, unknowns
        self._stir = asyncio.Event()
        self._joined = list(joined)
        self._ours: set[str] = set()

    def start(self) -> None:
        """Begin; returns at once."""
        self.session.dispatcher.start(self._work())

    def stop(self, why: str) -> None:
        """Buy no more; what is under way goes on. From any thread."""
        self.stopped = self.stopped or why
        self.session.dispatcher.call_soon(self._stir.set)

    async def take_up(self, more: Sequence[Prepared]) -> bool:
        """Buy *more* too; False once nothing more is bought. On the dispatcher's loop, where it cannot end meanwhile."""
        if self.stopped or self.done.done():
            return False
        waiting = {prepared.fingerprint for prepared in self._todo}
        self._todo.extend(prepared for prepared in more if prepared.fingerprint not in waiting)
        self._stir.set()
        return True

    @property
    def left(self) -> int:
        """Cells that it has still to buy."""
        return 0 if self.stopped else len(self._todo)

    async def _work(self) -> None:
        try:
            for run in self._joined:
                self._watch(run)
            while self._open or (self._todo and not self.stopped):
                while self._todo and len(self._open) < self._parallel and not self._must_stop():
                    await self._begin(self._todo.popleft())
                if not self._open:
                    break
                await self._stir.wait()
                self._stir.clear()
                self._take_stock()
                if self.stopped or self._must_stop():
                    await self._take_back()
                    _set(self.taken_back)
        except Exception as exc:  # noqa: BLE001 - told by the experiment; a paid run goes on without it
            self.stopped = self.stopped or f"an error of kie_nb's own: {type(exc).__name__}: {exc}"
        finally:
            for run in self._open:
                run.unlisten(self._heard)
            _set(self.taken_back)
            _set(self.done)

    async def _begin(self, prepared: Prepared) -> None:
        try:
            run, how = await self.session.dispatcher.ledger(self._bought, prepared)
        except (BudgetExceeded, AuthError, LedgerError, NotSent) as exc:
            self.stopped = self.stopped or exc.message
        except KieError:
            self._count(State.UNKNOWN)  # an earlier run of this cell is unsettled
        else:
            if how == "new":
                self._ours.add(run.id)
            self._watch(run)

    def _bought(self, prepared: Prepared) -> tuple[Run, str]:
        return self.session.begin(prepared, experiment_limit=self._max_credits)

    async def _take_back(self) -> None:
        """What waits for its turn to be sent is not sent any more; what was sent goes on."""
        for run in list(self._open):
            if run.state is State.INTENT and run.id in self._ours:
                await self.session.dispatcher.ledger(cancel_unsent, run)

    def _watch(self, run: Run) -> None:
        if run in self._open:
            return  # a cell that has failed was asked for again twice at the same moment
        self._open.append(run)
        run.listen(self._heard)
        self._stir.set()  # it may have ended before it was listened to

    def _heard(self, _run: Run) -> None:
        self._stir.set()

    def _take_stock(self) -> None:
        """Let go of the runs that have ended."""
        for run in list(self._open):
            error = run.error
            is_open = not run.is_final or self.session.supervisor.is_coming(run)
            if is_open and (error is None or isinstance(error, StillRunning)):
                continue
            self._open.remove(run)
            run.unlisten(self._heard)
            if isinstance(error, OutOfCredits | AuthError):
                self.stopped = self.stopped or error.message
            if run.state is not State.NOT_SENT or run.id in self._ours:  # another go at it has taken it back
                self._count(run.state)

    def _count(self, state: State) -> None:
        if state is State.FETCHED:
            self._failures = 0
        elif state in {State.FAIL, State.REFUSED, State.NOT_SENT}:
            self._failures += 1
        elif state in UNSETTLED:
            self._unknowns += 1

    def _must_stop(self) -> bool:
        if not self.stopped and self.session.dispatcher.is_ending:
            self.stopped = "the process ends"
        if not self.stopped and self._failures >= self._most_failures:
            self.stopped = f"{self._failures} failures in a row"
        if not self.stopped and self._unknowns >= self._most_unknowns:
            self.stopped = f"{self._unknowns} of unknown outcome: settle them first (%kie resume lists them)"
        if not self.stopped and self._todo and self._disk_is_full():
            self.stopped = "the disk is nearly full"
        return bool(self.stopped)

    def _disk_is_full(self) -> bool:
        try:
            return shutil.disk_usage(self._todo[0].home).free < NEEDED_BYTES
        except OSError:  # the folder is not there yet
            return False


def _set(moment: Future[None]) -> None:
    """It has come; once is enough."""
    if not moment.done():
        moment.set_result(None)
