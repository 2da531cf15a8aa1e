"""The handles of this process: one for each run that somebody holds, over the part of it that is driven."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from .. import settings as settings_
from ..engine.channel import Channel
from ..engine.dispatcher import before_exit
from ..engine.intents import cancel_unsent
from ..engine.outcomes import error_of
from ..engine.record import Record
from ..engine.schedule import Usual
from ..engine.sending import ToSend
from ..engine.shutdown import Shutdown
from ..engine.states import OPEN, State
from ..engine.supervisor import Supervisor
from ..engine.timing import Timing
from ..engine.tracked import Tracked
from ..engine.waiting import wait_blocking
from ..engine.workspace import Workspace
from ..errors import KieError, WaitInterrupted
from ..ledger import Ledger, RunRow
from .run import Run
from .words import what_goes_on

log = logging.getLogger("kie_nb")
_Key = tuple[Ledger, str]


class Handles(Workspace):
    """The workspace with the handles over it, and what is done with one of them.

    Args:
        make_run: Makes the handle over a tracked run.
        timing: How long work on runs waits.
    """

    def __init__(self, make_run: Callable[[Tracked], Run], timing: Timing) -> None:
        super().__init__(timing)
        self._make_run = make_run
        # One handle a run for as long as somebody holds it: a table of thousands must not stay for the life of a kernel.
        self._runs: WeakValueDictionary[_Key, Run] = WeakValueDictionary()
        self._tracked: WeakValueDictionary[_Key, Tracked] = WeakValueDictionary()
        self._open: list[Run] = []
        self._watchers: list[Callable[[Run], None]] = []
        self._supervisor = Supervisor(self, self._taken)
        self.begin_lock = self._supervisor.begin_lock
        before_exit(Shutdown(self._supervisor, self).finish_sending)

    # --- handles -----------------------------------------------------------------------------------------------

    def handle(self, home: Path, row: RunRow) -> Run:
        """The one handle of a run in this process."""
        ledger = self.ledger(home)
        with self._lock:
            tracked = self._tracked.get((ledger, row.id))
            is_new = tracked is None
            if tracked is None:
                tracked = self._tracked[ledger, row.id] = Tracked(row, ledger, self.dispatcher)
            run = self._run_over(tracked)
        # The handle that was driven when *row* was read may have been let go of since: what is open may be done by now.
        if tracked.state in OPEN if is_new else tracked.row != row:
            self._supervisor.refresh(tracked)
        if is_new:
            self._settle(tracked)
        return run

    def tracked(self, run: Record) -> Tracked:
        """What of *run* is driven in this process."""
        return self._tracked[run.ledger, run.id]

    def _run_over(self, tracked: Tracked) -> Run:
        with self._lock:
            run = self._runs.get((tracked.ledger, tracked.id))
            if run is None:
                run = self._runs[tracked.ledger, tracked.id] = self._make_run(tracked)
                if run.state in OPEN:  # what stopped it from being followed is told by its handle alone
                    self._open = [*(kept for kept in self._open if not kept.is_final), run]
            return run

    @staticmethod
    def _settle(run: Tracked) -> None:
        """A handle of a finished run must not keep anybody waiting."""
        if run.state in OPEN or run.done.done():
            return
        run.finish(None if run.state is State.FETCHED else error_of(run))

    def watch(self, watcher: Callable[[Run], None]) -> None:
        """Call *watcher* on the dispatcher's thread with every run that this process takes in hand from now on."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Callable[[Run], None]) -> None:
        """Take back what `watch` was given."""
        self._watchers.remove(watcher)

    def _taken(self, tracked: Tracked) -> None:
        run = self._run_over(tracked)
        for watcher in list(self._watchers):
            try:
                watcher(run)
            except Exception:
                log.exception("a watcher of runs failed")  # must not stop a paid run

    # --- what is done with one ---------------------------------------------------------------------------------

    def follow(self, run: Run, channel: Channel | None = None, *, to_send: ToSend | None = None) -> None:
        """See to it that somebody drives *run* (see `Supervisor.follow`)."""
        self._supervisor.follow(self.tracked(run), channel, to_send=to_send)

    def is_followed(self, run: Run) -> bool:
        """Whether *run* is in hand."""
        return self._supervisor.is_followed(self.tracked(run))

    def was_left(self, run: Run) -> bool:
        """Whether a run was written down and then left unsent (see `Supervisor.was_left`)."""
        return self._supervisor.was_left(self.tracked(run))

    def withdraw(self, run: Run) -> bool:
        """Take back an intention that was not sent; False if it is too late for that, or another living process's."""
        return cancel_unsent(self.tracked(run))

    def revive(self, run: Run) -> None:
        """Follow *run* if it is open, or if its file is gone and may be fetched again; sends nothing.

        An intention that another process is about to send is watched; one that was left is taken back.
        """
        self._supervisor.revive(self.tracked(run))

    def look_for(self, run: Run) -> None:
        """`revive`, and ask again for a task that the service did not show, and for files that have not come; sends nothing."""
        self._supervisor.look_for(self.tracked(run))

    def is_coming(self, run: Run) -> bool:
        """Whether files of a run that is done are on their way: from another machine's task, or those that had not come."""
        return self._supervisor.is_coming(self.tracked(run))

    async def usual(self, run: Run) -> Usual | None:
        """What earlier tasks of the same kind took."""
        return await self.durations.usual(run)

    def update(self, run: Run, row: RunRow) -> None:
        """The row of *run* is *row* now."""
        self.tracked(run).update(row)

    def finish(self, run: Run, error: KieError | None) -> None:
        """*run* has come to its end, which is *error*, or its video."""
        self.tracked(run).finish(error)

    def wait_for_answer(self, run: Run) -> None:
        """Give the service a moment to refuse, so that the cell can raise it."""
        try:
            wait_blocking(self.tracked(run).answered, timeout_s=self.timing.accept_wait_s)
        except WaitInterrupted:
            words, more = what_goes_on(run, is_withdrawn=self.withdraw(run))
            raise WaitInterrupted(words, **more) from None
        error = run.error
        if error is not None and not run.video:
            raise error

    def call(self, make: Callable[[], Any], *, timeout_s: float = 60.0) -> Any:
        """Run a short coroutine on the dispatcher and wait for it, interruptibly."""
        future = self.dispatcher.submit(make())
        if not wait_blocking(
            future, timeout_s=timeout_s, goes_on="the question was dropped; it costs nothing."
        ):
            future.cancel()
            raise KieError("the service did not answer in time.", hint="try again")
        return future.result()

    # --- looking -----------------------------------------------------------------------------------------------

    def runs(self, limit: int | None = 50, **filters: Any) -> list[Run]:
        """The runs of the current home that match *filters* (see `ledger.search.where`), newest first."""
        home = settings_.current().home
        with self._lock:
            self._open = [run for run in self._open if not run.is_final]
        return [self.handle(home, row) for row in self.ledger(home).runs(limit=limit, **filters)]

    def get(self, text: str) -> Run:
        """The run whose id or task id begins with *text*.

        Raises:
            InvalidRequest: none, or more than one does.
        """
        found = self.find(text)
        return self.handle(found.ledger.home, found.row)

    def of_video(self, sha256: str) -> Run | None:
        """The run of the current home whose video has these bytes."""
        home = settings_.current().home
        row = self.ledger(home).of_video(sha256)
        return self.handle(home, row) if row is not None else None
