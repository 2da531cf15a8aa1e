"""The session: the one function that magic, panel, Python and command line call, and what they share."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from .. import settings as settings_
from ..errors import InvalidRequest, KieError, LedgerError, NotSent, WaitInterrupted
from ..ledger import Ledger, RunRow, owner
from .asking import DryRun, Prepared, Started, ToSend, check, intend, look, new_run, nothing_charged, prepare
from .bridge import wait_blocking
from .channel import Channel
from .dispatcher import dispatcher
from .executor import Executor, Threads
from .facts import LINK_LIFE
from .follower import Follower
from .origin import here
from .outcomes import error_of, stored
from .run import Run
from .schedule import Usual
from .shared import Shared
from .states import OPEN, UNSETTLED, State

log = logging.getLogger("kie_nb")
JUDGED_WAIT_S = 3.0
ACCEPT_WAIT_S = 4.0  # creates were answered in 0.33-0.91 s and uploads in 0.6-0.9 s (kie-api §3, §9)


class Session(Shared):
    """Everything of this process: what its runs share, their live handles, and what is done with them."""

    def __init__(self) -> None:
        super().__init__()
        self.downloads: Executor = Threads(4, "kie-nb-download")
        self.previews: Executor = Threads(1, "kie-nb-preview")
        self.measures: Executor = Threads(2, "kie-nb-measure")
        self.strange_states: set[str] = set()
        self.not_fetched: set[tuple[str, int]] = set()  # files of runs that are not tried again
        # One handle a run for as long as somebody holds it: a table of thousands must not stay for the life of a kernel.
        self._handles: WeakValueDictionary[tuple[Ledger, str], Run] = WeakValueDictionary()
        self._open: list[Run] = []
        # From the written intention until somebody follows it: two threads that ask for one request must not take the
        # other's for one that was left.
        self.begin_lock = threading.RLock()
        self._watchers: list[Callable[[Run], None]] = []
        self._follower = Follower(self)
        self.follow = self._follower.follow

    # --- asking ------------------------------------------------------------------------------------------------

    def start(
        self,
        prompt: str | None = None,
        *,
        fresh: bool = False,
        max_credits: float | None = None,
        on_start: Callable[[Started], None] | None = None,
        **asked: Any,
    ) -> Started:
        """Ask for a video, or find the run that already stands for the same request.

        Returns when the service has answered the create, or after a few seconds without waiting for it any longer; a
        refusal in that time is raised here, so that "Run All" stops.

        Args:
            prompt: What should happen.
            fresh: Buy another video even if there is one for this request.
            max_credits: The most that this run may be estimated at.
            on_start: Called as soon as the run is known, before the service has answered.
            **asked: `image`, `model`, `raw`, `call_back_url` and the model's own fields.

        Raises:
            InvalidRequest: it cannot be sent as it is.
            BudgetExceeded: the estimate is above `max_credits`.
            OutcomeUnknown: an earlier run of this request may be billed; `fresh=True` sends it again at your word.
            KieError: the service refused.
        """
        origin = here()  # first: git answers while the picture is read
        with nothing_charged():
            prepared = replace(prepare(self, prompt, asked), origin=origin)
            ledger = self.ledger(prepared.home)
            before = None
            with contextlib.suppress(LedgerError):  # it cannot be read, which a remark says
                before = ledger.standing(new_run(prepared)) if fresh else None
        run, how = self.begin(prepared, fresh=fresh, max_credits=max_credits)
        unsure = (_unsure(before),) if before is not None and before.state in UNSETTLED else ()
        started = Started(run=run, how=how, warnings=(*ledger.untold(), *prepared.warnings, *unsure))
        if on_start is not None:
            on_start(started)
        self.wait_for_answer(run)
        return started

    def begin(
        self,
        prepared: Prepared,
        *,
        fresh: bool = False,
        max_credits: float | None = None,
        experiment_limit: float | None = None,
    ) -> tuple[Run, str]:
        """The run of a checked request, new or standing, and how it came about (see `Started`); waits for nothing.

        Args:
            prepared: The request.
            fresh: As for `start`.
            max_credits: As for `start`.
            experiment_limit: The most that all runs of its experiment may cost, in credits: asked where it is written down.

        Raises:
            KieError: as `start`, but for what the service will answer.
        """

        def write_down() -> tuple[RunRow, bool]:
            with nothing_charged():
                return intend(
                    self, prepared, fresh=fresh, max_credits=max_credits, experiment_limit=experiment_limit
                )

        with self.begin_lock:
            row, is_new = write_down()
            run = self.handle(prepared.home, row)
            if not is_new and self.was_left(run):
                # Somebody meant to send it and never did: this call sends it, with its own limits and key, or joins
                # another process that has found it at the same moment.
                self.withdraw(run)
                row, is_new = write_down()
                run = self.handle(prepared.home, row)
            if is_new:
                self.follow(run, prepared.channel, to_send=prepared.to_send)
                return run, "new"
            return run, self._take_up(run, self._joined(run, prepared, max_credits))

    @staticmethod
    def _joined(run: Run, prepared: Prepared, max_credits: float | None) -> ToSend | None:
        """What may be sent for an intention of another process, should that die: the request that was checked here.

        None where the run is none of that request, or a limit of this call forbids it.
        """
        if run.state is not State.INTENT:
            return None
        request, estimate = prepared.request, prepared.request.estimate
        if prepared.seed_drawn and run.seed is not None:
            request = request.with_seed(run.seed)
        is_it = request.fingerprint(prepared.channel.identity) == run.row.fingerprint
        if not is_it or run.row.estimate != (estimate.credits if estimate else None):
            return None
        try:
            check(prepared, max_credits)
        except KieError:
            return None
        return ToSend(request, prepared.content)

    def prepare(
        self, prompt: str | None = None, *, current: settings_.Settings | None = None, **asked: Any
    ) -> Prepared:
        """Check a request and read its picture; nothing is sent or written.

        Args:
            prompt: What should happen.
            current: The settings, where they have been read for many requests.
            **asked: As for `start`.

        Raises:
            InvalidRequest: it cannot be sent as it is.
        """
        return prepare(self, prompt, asked, current)

    def dry_run(
        self,
        prompt: str | None = None,
        *,
        fresh: bool = False,
        max_credits: float | None = None,
        **asked: Any,
    ) -> DryRun:
        """What `start` would send. Sends nothing, uploads nothing, writes nothing to the ledger."""
        return look(self, prepare(self, prompt, asked), fresh=fresh, max_credits=max_credits)

    def was_left(self, run: Run) -> bool:
        """Whether a run was written down and then left unsent by a process that is gone, or by an interrupt in this one.

        Inside `begin_lock`: between its being written down and being followed it only looks like that.
        """
        if run.state is not State.INTENT:
            return False
        if run.row.owner == owner.me():
            return not self._follower.is_followed(run)
        return self.ledger_of(run).leases.is_dead(run.row)

    def withdraw(self, run: Run) -> bool:
        """Take back an intention that was not sent; False if it is too late for that, or another living process's."""
        held_by = run.row.owner
        if self.ledger_of(run).leases.is_others(run.row):
            return False
        words = "it was taken back before it was sent."
        error = NotSent(f"run {run.id[:8]} was never sent: {words}", hint="run its cell to send it")
        row = self.ledger_of(run).move(
            run.id,
            State.NOT_SENT,
            expect={State.INTENT},
            owner=held_by,
            evidence={"because": words},
            release=True,
            error=stored(error),
        )
        if row is not None:
            run._update(row)
            run._finish(error)
        return row is not None

    def revive(self, run: Run) -> None:
        """Follow *run* if it is open, or if its file is gone and may be fetched again; sends nothing.

        An intention that another process is about to send is watched; one that was left is taken back.
        """
        is_gone = run.state is State.FETCHED and not run.is_here
        if run.state in OPEN or is_gone:
            with self.begin_lock:
                self._take_up(run)

    def look_for(self, run: Run) -> None:
        """`revive`, and ask again for a task that the service did not show, and for files that have not come; sends nothing."""
        with self.begin_lock:
            if run.state is State.LOST:
                self._look_again(run)
            self.revive(run)
            if run.missing and run.link_lives:
                self.follow(run)

    def _take_up(self, run: Run, to_send: ToSend | None = None) -> str:
        """A run of an earlier cell, kernel or day.

        Args:
            to_send: What may be sent, should its owner die before it has.
        """
        if run.state is State.FETCHED:
            if run.is_here:
                run._finish(None)
                return "shown"
            if self.is_elsewhere(run):
                self.follow(run)
                return "joined"
            self._reopen(run, State.SUCCESS, "its file is gone")
            if run.state is State.FETCHED:  # another kernel has brought it back just now
                run._finish(None)
                return "shown"
            self.follow(run)
            return "fetched again"
        if run.state is State.LOST:
            self._look_again(run)
        if run.state in OPEN:
            self.follow(run, to_send=to_send)
            return "joined"
        raise error_of(run)

    def is_elsewhere(self, run: Run) -> bool:
        """Whether another machine of the team has fetched the video, and this home has not."""
        return run.state is State.FETCHED and self.ledger_of(run).database.is_shared and not run.is_here

    def is_coming(self, run: Run) -> bool:
        """Whether files of a run that is done are on their way: from another machine's task, or those that had not come."""
        return self.is_elsewhere(run) or (bool(run.missing) and self._follower.is_followed(run))

    def _look_again(self, run: Run) -> None:
        """A task that the service did not show may be shown now."""
        self._reopen(run, State.ACCEPTED, "looked at again")

    def _reopen(self, run: Run, to: State, why: str) -> None:
        """Take a run up that had come to its end. This process drives it now: whoever did before has let go of it."""
        ledger = self.ledger_of(run)
        row = ledger.move(
            run.id,
            to,
            expect={run.state},
            evidence={"because": why},
            hand_to=owner.me(),
            owner_hint=owner.hint(),
        )
        row = row or ledger.get(run.id)  # another kernel may have been quicker
        if row is not None:
            run._update(row)

    def wait_for_answer(self, run: Run) -> None:
        """Give the service a moment to refuse, so that the cell can raise it."""
        try:
            wait_blocking(run._answered, timeout_s=ACCEPT_WAIT_S)
        except WaitInterrupted:
            raise run._interrupted() from None
        error = run.error
        if error is not None and not run.video:
            raise error

    def watch(self, watcher: Callable[[Run], None]) -> None:
        """Call *watcher* on the dispatcher's thread with every run that this process takes in hand from now on."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Callable[[Run], None]) -> None:
        """Take back what `watch` was given."""
        self._watchers.remove(watcher)

    def _taken(self, run: Run) -> None:
        for watcher in list(self._watchers):
            try:
                watcher(run)
            except Exception:
                log.exception("a watcher of runs failed")  # must not stop a paid run

    async def usual(self, run: Run) -> Usual | None:
        """What earlier tasks of the same kind took."""
        return await self._follower.usual(run)

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
        home = settings_.current().home
        found = self.ledger(home).find(text.strip()) if text.strip() else []
        if not found:
            raise InvalidRequest(
                f"no run here begins with {text!r}.", hint="%kie runs lists them", charged=""
            )
        if len(found) > 1:
            ids = ", ".join(row.id[:8] for row in found[:5])
            raise InvalidRequest(
                f"{text!r} is the beginning of several runs: {ids}.", hint="give more of it", charged=""
            )
        return self.handle(home, found[0])

    def of_video(self, sha256: str) -> Run | None:
        """The run of the current home whose video has these bytes."""
        home = settings_.current().home
        row = self.ledger(home).of_video(sha256)
        return self.handle(home, row) if row is not None else None

    def _settle(self, run: Run) -> None:
        """A handle of a finished run must not keep anybody waiting."""
        if run.state in OPEN or run._done.done():
            return
        run._finish(None if run.state is State.FETCHED else error_of(run))

    def resume(self) -> list[Run]:
        """Take up every task of the current home that is at its service, and take back what was never sent.

        Files of a task that have not come are fetched too, while their links live.
        """
        home = settings_.current().home
        found = [
            self.handle(home, row) for row in self.ledger(home).runs(states=OPEN | {State.LOST}, limit=None)
        ]
        lately = self.ledger(home).now() - 2 * LINK_LIFE  # a task takes less than a day
        done = self.ledger(home).runs(states={State.FETCHED}, since=lately, limit=None)
        some = [row for row in done if len(row.urls or ()) > 1]
        found += [run for row in some if (run := self.handle(home, row)).missing and run.link_lives]
        for run in found:
            with self.begin_lock:
                if self.was_left(run):
                    self.withdraw(run)
                elif run.state is State.LOST:
                    self._look_again(run)
                if run.state in OPEN or run.missing:
                    self.follow(run)
        self._await_judgement(found)
        return found

    @staticmethod
    def _await_judgement(runs: list[Run]) -> None:
        """Of a request in whose middle a process died it is found out within moments that its outcome is unknown: wait for that.

        One that a living process is sending is not waited for.
        """
        end = time.monotonic() + JUDGED_WAIT_S
        dead = [
            run for run in runs if run.state is State.SENDING and not run._ledger.leases.is_others(run.row)
        ]
        while any(run.state is State.SENDING for run in dead) and time.monotonic() < end:
            time.sleep(0.02)

    def unsettled(self) -> list[Run]:
        """Runs of which it is unknown whether they were billed."""
        home = settings_.current().home
        return [self.handle(home, row) for row in self.ledger(home).runs(states=UNSETTLED, limit=None)]

    # --- money and settling ------------------------------------------------------------------------------------

    def credits(self) -> float:
        """The balance at the current service, in credits."""
        channel = self.channel(settings_.current())
        return float(self.call(lambda: self._credits(channel)))

    async def _credits(self, channel: Channel) -> float:
        client = await channel.client()
        return await client.credits()

    def call(self, make: Callable[[], Any], *, timeout_s: float = 60.0) -> Any:
        """Run a short coroutine on the dispatcher and wait for it, interruptibly."""
        future = self.dispatcher.submit(make())
        if not wait_blocking(
            future, timeout_s=timeout_s, goes_on="the question was dropped; it costs nothing."
        ):
            future.cancel()
            raise KieError("the service did not answer in time.", hint="try again")
        return future.result()

    # --- handles -----------------------------------------------------------------------------------------------

    def handle(self, home: Path, row: RunRow) -> Run:
        """The one handle of a run in this process."""
        ledger = self.ledger(home)
        with self._lock:
            run = self._handles.get((ledger, row.id))
            is_new = run is None
            if run is None:
                run = Run(row, self, ledger)
                if run.state in OPEN:  # what stopped it from being followed is told by its handle alone
                    self._open = [*(kept for kept in self._open if not kept.is_final), run]
                self._handles[ledger, row.id] = run
        # The handle that was driven when *row* was read may have been let go of since: what is open may be done by now.
        if run.state in OPEN if is_new else run.row != row:
            self._follower.refresh(run)
        if is_new:
            self._settle(run)
        return run


def _unsure(row: RunRow) -> str:
    price = f"{row.estimate:g} credits" if row.estimate else "its price"
    return f"run {row.id[:8]} of the same request may be billed too ({price}): %kie show {row.id[:8]} tells how to settle it."


_session: Session | None = None
_session_lock = threading.Lock()


def get_session() -> Session:
    """The session of this process; a forked child gets its own."""
    global _session  # noqa: PLW0603
    with _session_lock:
        if _session is None or _session.dispatcher.pid != dispatcher().pid:
            _session = Session()
        return _session
