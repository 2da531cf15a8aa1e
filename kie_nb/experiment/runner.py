"""The runner that buys missing cells of an experiment, some at a time, within its limits; on the dispatcher's loop."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import time
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, Literal, Self
from weakref import WeakSet

from .. import errors
from ..bounds import as_scalar
from ..engine.transitions import cancel_unsent
from ..errors import BudgetExceeded, InvalidRequest, KieError
from ..handles import Prepared, Run, Session
from ..ledger.money import CellTerms, Figures
from ..ledger.states import UNSETTLED, State
from ..requests.prepare import check_number
from ..tables import counted
from .status import is_unpaid

PARALLEL, FAILURES, UNKNOWNS = 40, 3, 1
AHEAD = 2  # cells that are sent beyond a limit of failures before a video has come
_UNPROVEN = frozenset({State.INTENT, State.SENDING, State.ACCEPTED})
NO_CREDITS = "not enough credits"
NEEDED_BYTES = 500_000_000  # room for the open videos, and for what else lives on the disk


class _Left(Enum):
    OUT = "not given"

    def __repr__(self) -> str:  # what help shows as the default
        return self.value


# A limit that was left out: None lifts one, and a default that is given counts as given.
NotGiven = Literal[_Left.OUT]
NOT_GIVEN: Final = _Left.OUT


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """When no more cells are bought."""

    max_credits: float | None = None  # the most that all runs of the experiment may cost
    parallel: int = PARALLEL  # the most that are open at once: what a stop leaves running is bounded by it
    stop_after_failures: int = FAILURES  # in a row
    stop_after_unknowns: int = UNKNOWNS  # earlier ones included

    def changed(self, **given: Any) -> Self:
        """These with those *given*; `NOT_GIVEN` leaves one as it is. What would buy nothing or stop at once is refused."""
        given = {name: as_scalar(value) for name, value in given.items() if value is not NOT_GIVEN}
        for name, value in given.items():
            if name == "max_credits":
                check_number(value)
            elif isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidRequest(f"{name}={value!r}: use a whole number above 0.")
        return replace(self, **given)


def check_limit(bought: Figures, todo: Sequence[Prepared], max_credits: float) -> None:
    """Refuse to buy *todo* where that and what was *bought* before would pass *max_credits*, or a price is not known."""
    if not todo:
        return  # nothing more is spent
    wanted = 0.0
    for prepared in todo:
        if prepared.request.estimate is None:
            words = f"The price of {prepared.request.model} is not known here, so max_credits={max_credits:g} cannot be kept."
            raise BudgetExceeded(words, hint="leave the limit out if you know the price")
        wanted += prepared.request.estimate.credits
    if bought.committed + wanted > max_credits + 1e-9:
        raise BudgetExceeded(
            f"{counted(len(todo), 'missing video')} (about {wanted:g} credits) would exceed max_credits={max_credits:g}. "
            f"So far: {bought.spent:g} credits used, {bought.reserved:g} reserved, {bought.at_risk:g} at risk.",
            hint="raise it, leave out an axis, or buy what fits: --partial, or partial=True in Python; exp.plan(), --dry-run in a cell, or --plan on the command line, shows the cells",
        )


def reason_to_stop(limits: Limits, *, failures: int, unknowns: int, before: int) -> str:
    """Why no more is bought after so many failures in a row, *before* already so many, and unknown outcomes; empty to go on."""
    if failures >= limits.stop_after_failures:
        ways = "; run(retry_failed=True) asks for them again, run(stop_after_failures=…) goes on"
        return f"{failures} failures in a row{f' before{ways}' if before else ''}"
    if unknowns >= limits.stop_after_unknowns:
        return f"{unknowns} of unknown outcome: settle them first (%kie resume lists them)"
    return ""


_runners: WeakSet[Runner] = WeakSet()


def runners_of(experiment: object) -> list[Runner]:
    """Those at work for *experiment* in this process: a cell that ran twice has two."""
    return [runner for runner in list(_runners) if runner.experiment == experiment and runner.is_running]


class Runner:
    """Buys cells once; another `Experiment.run` gets another runner.

    Args:
        joined: Runs of other cells that are open, or looked for again; the end waits for them too.
        limits: `max_credits` is checked by the ledger before each request is recorded: the service may charge more than the
            price list says, and another runner may buy at the same time.
        unknowns: Cells whose outcome is unknown already.
        failures: So many that ended last have failed in a row.
        is_proven: The one that ended last has its video: more than a few may be under way.
    """

    def __init__(
        self,
        session: Session,
        experiment: object,
        todo: Sequence[Prepared],
        joined: Sequence[Run],
        limits: Limits,
        *,
        unknowns: int,
        failures: int = 0,
        is_proven: bool = False,
    ) -> None:
        self.experiment, self.limits = experiment, limits
        self.started = time.monotonic()
        self.stopped = ""
        self.done: Future[None] = Future()
        self._session = session
        self._todo = deque(todo)
        self._open: dict[Run, Prepared | None] = dict.fromkeys(joined)
        self._ours: set[str] = set()
        self._failures, self._unknowns, self._is_proven = failures, unknowns, is_proven
        self._earlier = failures if failures >= limits.stop_after_failures else 0
        self._keeps_begun = False  # what is recorded already is within a budget, and is sent
        self._unpaid = self._cancelled = 0
        self._changed = asyncio.Event()

    def start(self) -> None:
        """Begin; returns at once."""
        _runners.add(self)
        self._session.dispatcher.start(self._work())

    def stop(self, why: str) -> None:
        """Buy no more; what was sent goes on. From any thread."""
        self.stopped, self._keeps_begun = self.stopped or why, False
        self._session.dispatcher.call_soon(self._changed.set)

    async def add(self, more: Sequence[Prepared]) -> bool:
        """Buy these cells too; False where it has stopped or ended."""
        if self.stopped or not self.is_running:
            return False
        waiting = {prepared.fingerprint for prepared in self._todo}
        self._todo.extend(prepared for prepared in more if prepared.fingerprint not in waiting)
        self._changed.set()
        return True

    @property
    def is_running(self) -> bool:
        """Whether it buys, or waits for what it has bought."""
        return not self.done.done()

    @property
    def left(self) -> int:
        """Cells that are still to be bought."""
        return 0 if self.stopped else len(self._todo)

    async def _work(self) -> None:
        try:
            for run in self._open:
                run.listen(self._heard)
            self._changed.set()  # some may have ended before they were listened to
            while self._open or (self._todo and not self._must_stop()):
                while self._todo and self._has_room() and not self._must_stop():
                    await self._begin(self._todo.popleft())
                    self._release_ended()  # refusals may come faster than cells are recorded
                if self._open:
                    await self._changed.wait()
                    self._changed.clear()
                    self._release_ended()
                    if self._must_stop() and not self._keeps_begun:
                        await self._cancel_unsent()
        except Exception as exc:  # noqa: BLE001 - shown by the experiment; paid runs go on without it
            self.stopped = self.stopped or f"an error of kie_nb's own: {type(exc).__name__}: {exc}"
        finally:
            if self.stopped == NO_CREDITS:
                left = len(self._todo) + self._unpaid + self._cancelled
                self.stopped = f"{NO_CREDITS}, {counted(left, 'cell')} left"
            for run in self._open:
                run.unlisten(self._heard)
            self.done.set_result(None)

    def _has_room(self) -> bool:
        """Whether one more may be under way: no more than a few are, until a video has come and while the last one failed.

        Later no more than a few are sent before the service has shown their tasks.
        """
        is_slow = self._failures or not self._is_proven
        unproven = len(self._open) if is_slow else sum(run.state in _UNPROVEN for run in self._open)
        few = max(1, self.limits.stop_after_failures + AHEAD - self._failures)
        return len(self._open) < self.limits.parallel and unproven < few

    async def _begin(self, prepared: Prepared) -> None:
        begin, terms = self._session.begin, CellTerms(self.limits.max_credits)
        try:
            run, how = await self._session.dispatcher.ledger(begin, prepared, cell_terms=terms)
        except BudgetExceeded as exc:
            self._keeps_begun = self._keeps_begun or not self.stopped
            # What is under way by then will be spent: the status has the figures of now.
            self.stopped = self.stopped or exc.message.replace(" So far (", " By then (").removesuffix(".")
        except (errors.AuthError, errors.InvalidRequest, errors.LedgerError, errors.NotSent) as exc:
            self.stopped = self.stopped or exc.message
        except KieError:
            self._count(State.UNKNOWN)  # an earlier run of this cell is unsettled
        else:
            if how == "new":
                self._ours.add(run.id)
            if run not in self._open:  # a failed cell may be asked for again twice at the same moment
                self._open[run] = prepared
                run.listen(self._heard)
                self._changed.set()  # it may have ended before it was listened to

    async def _cancel_unsent(self) -> None:
        for run in list(self._open):
            if run.state is State.INTENT and run.id in self._ours:
                await self._session.dispatcher.ledger(cancel_unsent, run)

    def _heard(self, _run: Run) -> None:
        self._changed.set()

    def _release_ended(self) -> None:
        for run, prepared in list(self._open.items()):
            error = run.error
            is_open = not run.is_final or self._session.supervisor.is_coming(run)
            if is_open and (error is None or isinstance(error, errors.StillRunning)):
                continue
            del self._open[run]
            run.unlisten(self._heard)
            if is_unpaid(run.row):
                self.stop(NO_CREDITS)
                self._unpaid += 1
                continue
            if isinstance(error, errors.AuthError):
                self.stopped = self.stopped or error.message
            if run.state is not State.NOT_SENT or run.id in self._ours:
                self._count(run.state)
            elif prepared is not None:  # the runner, process or cell that was to send it has cancelled it
                self._todo.append(prepared)

    def _count(self, state: State) -> None:
        if state is State.FETCHED:
            self._failures, self._is_proven = 0, True
        elif state in {State.FAIL, State.REFUSED, State.NOT_SENT}:
            self._failures += 1
            self._cancelled += state is State.NOT_SENT
        elif state in UNSETTLED:
            self._unknowns += 1

    def _must_stop(self) -> bool:
        reason = self.stopped or self._reason_to_stop()
        self.stopped = self.stopped or reason  # `stop` may come from another thread meanwhile
        return bool(self.stopped)

    def _reason_to_stop(self) -> str:
        if self._session.dispatcher.is_ending:
            return "the process ends"
        counts = {"failures": self._failures, "unknowns": self._unknowns, "before": self._earlier}
        if why := reason_to_stop(self.limits, **counts):
            return why
        with contextlib.suppress(OSError):  # the folder is not there yet
            if self._todo and shutil.disk_usage(self._todo[0].home).free < NEEDED_BYTES:
                return "the disk is nearly full"
        return ""
