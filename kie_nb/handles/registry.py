"""The handles of this process, one per run in use, updated from the rows that ledgers publish."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakValueDictionary

from .. import settings as settings_
from ..engine.dispatcher import before_exit
from ..engine.record import Key, Record
from ..engine.supervisor import Supervisor, finish_sending
from ..engine.timing import Timing
from ..engine.transitions import error_of
from ..engine.waiting import wait_blocking
from ..engine.workspace import Workspace
from ..errors import KieError, WaitInterrupted
from ..ledger import Ledger, RunRow
from ..ledger.search import ORDERS, Choices
from ..ledger.states import FINAL, OPEN, State
from .run import Run
from .tracked import Tracked, what_goes_on

__all__ = ["ORDERS", "PAGE_SIZE", "Choices", "Found", "Handles", "Question", "browse"]
PAGE_SIZE = 24
log = logging.getLogger("kie_nb")


class Handles(Workspace):
    """The workspace with its supervisor, and the handles over it; *resend* sends the request of a run again."""

    def __init__(self, timing: Timing, resend: Callable[[Run, bool], Run]) -> None:
        super().__init__(timing)
        self._resend = resend
        # One handle a run for as long as somebody holds it: a table of thousands must not stay for the life of a kernel.
        self._runs: WeakValueDictionary[Key, Run] = WeakValueDictionary()
        self._tracked: WeakValueDictionary[Key, Tracked] = WeakValueDictionary()
        self._driven: dict[Key, Tracked] = {}  # listeners are told the end even if the handle is gone
        self._open: list[Run] = []
        self._watchers: list[Callable[[Run], None]] = []
        self.supervisor = Supervisor(self, self)
        self.begin_lock = self.supervisor.begin_lock
        self.listen(self._heard)
        before_exit(partial(finish_sending, self.supervisor))

    # --- handles -----------------------------------------------------------------------------------------------

    def handle(self, home: Path, row: RunRow, *, is_intent: bool = False) -> Run:
        """The one handle of a run in this process; one that was recorded just now (*is_intent*) is not read again."""
        return self.handle_of(Record(row, self.ledger(home)), is_intent=is_intent)

    def handle_of(self, record: Record, *, is_intent: bool = False) -> Run:
        """The same for a record."""
        with self._lock:
            is_new = record.key not in self._tracked
            tracked = self._track(record)
            run = self._run_over(tracked)
        # The handle that was driven when *record* was read may have been let go of since: what is open may be done by now.
        if not is_intent and (tracked.state in OPEN if is_new else tracked.row != record.row):
            self.supervisor.reread(tracked)
        if is_new and tracked.state not in OPEN and not tracked.done.done():
            self._finish(tracked)  # a handle of a finished run must not keep anybody waiting
        return run

    def tracked(self, run: Record) -> Tracked:
        """What of *run* is known in this process."""
        return self._tracked[run.key]

    def _track(self, record: Record) -> Tracked:
        tracked = self._tracked.get(record.key)
        if tracked is None:
            tracked = self._tracked[record.key] = Tracked(record.row, record.ledger, self.dispatcher)
        return tracked

    def _run_over(self, tracked: Tracked) -> Run:
        with self._lock:
            run = self._runs.get(tracked.key)
            if run is None:
                run = self._runs[tracked.key] = Run(tracked, self.supervisor, self._resend)
                if run.state in OPEN:  # what stopped it from being driven is told by its handle alone
                    self._open = [*(kept for kept in self._open if not kept.is_final), run]
            return run

    @staticmethod
    def _finish(tracked: Tracked) -> None:
        tracked.finish(None if tracked.state is State.FETCHED else error_of(tracked))

    # --- what becomes of them ----------------------------------------------------------------------------------

    def _heard(self, ledger: Ledger, row: RunRow) -> None:
        """A row was published. Of a run that is driven here the supervisor tells the end, but for one that is cancelled."""
        tracked = self._tracked.get((ledger, row.id))
        if tracked is None:
            return
        before = tracked.state
        tracked.update(row)
        is_end = tracked.state is not before and tracked.state in FINAL
        if is_end and (tracked.state is State.NOT_SENT or not self.supervisor.is_driven(tracked)):
            self._finish(tracked)

    def taken(self, run: Record) -> None:
        """See `DriveObserver`."""
        with self._lock:
            tracked = self._driven[run.key] = self._track(run)
        tracked.reopen()
        self.dispatcher.call_soon(partial(self._tell_watchers, tracked))

    def troubled(self, run: Record, trouble: str) -> None:
        """See `DriveObserver`."""
        if (tracked := self._tracked.get(run.key)) is not None:
            tracked.say(trouble)

    def ended(self, run: Record, error: KieError | None) -> None:
        """See `DriveObserver`."""
        if (tracked := self._driven.pop(run.key, None)) is not None:
            tracked.finish(error)

    def watch(self, watcher: Callable[[Run], None]) -> None:
        """Call *watcher* on the dispatcher's thread with every run that this process drives from now on."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Callable[[Run], None]) -> None:
        """Take back what `watch` was given."""
        self._watchers.remove(watcher)

    def _tell_watchers(self, tracked: Tracked) -> None:
        run = self._run_over(tracked)
        for watcher in list(self._watchers):
            try:
                watcher(run)
            except Exception:
                log.exception("a watcher of runs failed")  # must not stop a paid run

    def wait_for_answer(self, run: Run) -> None:
        """Give the service a moment to refuse, so that the cell can raise it."""
        try:
            wait_blocking(self.tracked(run).answered, timeout_s=self.timing.accept_wait_s)
        except WaitInterrupted:
            words, more = what_goes_on(run, is_interrupted=True)
            raise WaitInterrupted(words, **more) from None
        if (error := run.error) is not None and not run.video:
            raise error

    # --- looking -----------------------------------------------------------------------------------------------

    def runs(self, limit: int | None = 50, **filters: Any) -> list[Run]:
        """The runs of the current home that match *filters* (see `ledger.filters.where`), newest first."""
        ledger = self.here
        with self._lock:
            self._open = [run for run in self._open if not run.is_final]
        return [self.handle_of(Record(row, ledger)) for row in ledger.runs(limit=limit, **filters)]

    def get(self, text: str) -> Run:
        """The run whose id or task id begins with *text*; InvalidRequest if none, or more than one does."""
        return self.handle_of(self.find(text))

    def of_video(self, sha256: str) -> Run | None:
        """The run of the current home whose video has these bytes."""
        row = self.here.of_video(sha256)
        return self.handle_of(Record(row, self.here)) if row is not None else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """Which finished runs are looked for; what is None or empty does not matter."""

    page: int = 1  # the last one where there are fewer
    order: str = "newest"  # in `ORDERS`
    text: str = ""  # a part of the prompt, of a tag or of an experiment's name, in any case
    tag: str | None = None
    least_rating: int | None = None
    model: str | None = None
    experiment: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The answer."""

    runs: list[Run]
    count: int  # of all that match
    has_more: bool  # than were counted
    page: int
    pages: int
    choices: Choices  # among all finished runs


def browse(handles: Handles, question: Question) -> Found:
    """The finished runs of the current home and service that *question* asks for; reads the ledger, so it may take a moment."""
    current = settings_.current()
    ledger = handles.ledger(current.home)
    finished: dict[str, Any] = {"states": {State.FETCHED}, "service": current.service}
    asked = asdict(question)
    words = asked.pop("text")
    found = ledger.page(asked.pop("page"), size=PAGE_SIZE, words=words, **asked, **finished)
    return Found(
        runs=[handles.handle(current.home, row) for row in found.rows],
        count=found.count,
        has_more=found.has_more,
        page=found.number,
        pages=found.pages,
        choices=ledger.choices(**finished),
    )
