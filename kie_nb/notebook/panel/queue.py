"""The queue: a row for every open run of the folder's ledger, this kernel's or another's, and how each run ended."""

from __future__ import annotations

import time
from typing import Any
from weakref import WeakSet

from ...engine.transitions import cancel_unsent
from ...handles import Run, get_session
from ...handles.tracked import goes_on
from ...ledger import RunRow, owner
from ...ledger.states import OPEN, UNSETTLED, WORDS, State
from ...text import visible_in
from ...wording import Panel as Words
from .. import page
from ..gallery import Gallery
from .callbacks import Callbacks
from .clocks import clock_of, state_of, whose_is, why_paused
from .run_view import RunView
from .view import PanelView

STEP, MOST = 12, 60  # rows
LOOKS = 9  # in a lease, at runs that others drive: whether they still do, only several readings tell
PAUSE_S = 1.0


class Queue:
    """Rows of runs, from `start` to `close`. What is not marked otherwise runs on the dispatcher's thread.

    Args:
        run_view: Shows the finished runs.
        gallery: Is refreshed when a video is there.
    """

    def __init__(self, view: PanelView, callbacks: Callbacks, *, run_view: RunView, gallery: Gallery) -> None:
        self._view, self._callbacks, self._run_view, self._gallery = view, callbacks, run_view, gallery
        self.told: set[tuple[str, str]] = set()  # runs and the end that was told of each
        self.shown: dict[str, Run] = {}
        self._rows: dict[str, RunRow] = {}  # as they were drawn
        self._driven: set[str] = set()
        self._usual: dict[str, float | None] = {}
        self._heard: WeakSet[Run] = WeakSet()
        self._listener, self._watcher = callbacks.guard(self._moved), callbacks.guard(self._taken)
        self._size = STEP
        self.limits: dict[str, float] = {}  # the budgets by which the form was checked
        self._busy = self._is_due = self._is_missed = self._is_closed = False
        self._looked = -PAUSE_S
        self._news: Any = None  # as of the last reading

    def start(self) -> None:
        """Listen to every run that is driven from now on; from any thread."""
        get_session().watch(self._watcher)
        self._callbacks.soon(self.look)

    def stop_watching(self) -> None:
        """Listen to no further runs; from any thread."""
        get_session().unwatch(self._watcher)

    def close(self) -> None:
        """Release the runs."""
        self._is_closed = True
        for run in list(self._heard):
            run.unlisten(self._listener)
        self.shown.clear()

    def show_more(self) -> None:
        """More rows; from any thread."""
        self._size = min(MOST, self._size + STEP)
        self._callbacks.soon(self.look)

    # --- reading the ledger ------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """A second has passed."""
        self._view.clocks = {
            run.id: clock_of(run, self._usual.get(run.id))
            for run in self.shown.values()
            if run.id in self._driven
        }
        if not self._busy and not self._is_due:
            self._busy = True
            get_session().dispatcher.start(self._refresh(only_news=True))

    def look(self) -> None:
        """Read the ledger; a second after the last reading at the earliest, however much happens."""
        if self._busy:
            self._is_missed = True
        if self._busy or self._is_due:
            return
        self._is_due = True
        self._callbacks.later(max(0.0, self._looked + PAUSE_S - time.monotonic()), self._begin)

    def _begin(self) -> None:
        self._is_due, self._busy = False, True
        get_session().dispatcher.start(self._refresh())

    async def _refresh(self, *, only_news: bool = False) -> None:
        session = get_session()
        try:
            found = await session.dispatcher.ledger(self._read, only_news=only_news)
            if found is None or self._is_closed:
                return
            rows, total, limits, new = found
            for run_id, run in new.items():
                usual = await session.usual(run)
                self._usual[run_id] = usual.median if usual else None
                self.shown[run_id] = run
            self._draw(rows, total)
            if limits != self.limits:
                self._callbacks.changed()
        except Exception as exc:  # noqa: BLE001 - said in the panel
            self._callbacks.trouble(exc)
        finally:
            self._busy = False
            if self._is_missed:  # while it was read
                self._is_missed = False
                self.look()

    def _read(self, *, only_news: bool) -> tuple[list[RunRow], int, dict[str, float], dict[str, Run]] | None:
        """Rows, their number in all, the budgets, and handles of the runs that have no row yet; with *only_news* nothing if all is as before."""
        session = get_session()
        ledger = session.here
        news = (ledger, ledger.database.news.number())
        others = any(row.owner != owner.me() for row in self._rows.values() if row.id in self._driven)
        is_old = others and time.monotonic() - self._looked >= session.timing.lease_s / LOOKS
        if only_news and news == self._news and not is_old:
            return None
        self._news, self._looked = news, time.monotonic()
        found = ledger.page(1, size=self._size, order="unsettled", states=OPEN | UNSETTLED)
        new = {row.id: session.handle(ledger.home, row) for row in found.rows if row.id not in self.shown}
        return found.rows, found.count, ledger.limits(), new

    def _draw(self, rows: list[RunRow], total: int) -> None:
        before, self._rows = self._rows, {row.id: row for row in rows}
        for row in rows:
            is_news = row.state in UNSETTLED and row.id in before and before[row.id].state not in UNSETTLED
            if is_news:
                self._ended(self.shown[row.id])
        over = [self.shown.pop(run_id) for run_id in list(self.shown) if run_id not in self._rows]
        more = total - len(rows)
        has_more = more > 0 and self._size < MOST
        rest = Words.MORE_LISTED if not has_more else Words.MORE_OPEN
        self._view.queue = {
            "rows": [row_of(row, self.shown[row.id]) for row in rows],
            "note": rest.format(count=more) if more > 0 else "",
            "hasMore": has_more,
        }
        self._driven = {row.id for row in rows if whose_is(row, self.shown[row.id]) not in {"", "nobody"}}
        for run in over:
            self._usual.pop(run.id, None)
            self._ended(run)

    # --- listening to runs -------------------------------------------------------------------------------------------

    def _taken(self, run: Run) -> None:
        run.unlisten(self._listener)
        run.listen(self._listener)
        self._heard.add(run)
        self.told -= {told for told in self.told if told[0] == run.id}  # it goes on
        self.look()

    def _moved(self, run: Run) -> None:
        self.look()
        if run.state == State.FETCHED:
            self._gallery.refresh()
        if run.error is not None:  # it may have come and gone between two looks at the ledger
            self._ended(run)

    def _ended(self, run: Run) -> None:
        """Tell how *run* ended, once."""
        if (run.id, run.state) not in self.told:
            self.told.add((run.id, run.state))
            self._callbacks.work(self._tell_end, run)
            self._callbacks.billed()

    # --- on a worker -------------------------------------------------------------------------------------------------

    def stop(self, run: Run) -> None:
        """Stop waiting for *run*; what was sent goes on and is billed."""
        run.stop_waiting()
        if run.state == State.NOT_SENT:
            self._callbacks.say(f"Run {run.id[:8]} was not sent yet and will not be: nothing was charged.")
        else:
            self._callbacks.say(f"You stopped waiting for run {run.id[:8]}. {goes_on(run)}")
        self._callbacks.soon(self.look)

    def take_back(self, run: Run) -> None:
        """Cancel a run that was never sent."""
        self.told.add((run.id, State.NOT_SENT))
        if cancel_unsent(run):
            words = "was never sent and will not be: nothing was charged."
        else:
            words = f"could not be cancelled: another process is handling it ({WORDS[run.state]})."
        self._callbacks.say(f"Run {run.id[:8]} {words}")
        self._callbacks.soon(self.look)

    def _tell_end(self, run: Run) -> None:
        """Report how a run ended, in whichever process: its error is shown here too."""
        session = get_session()
        row = run.ledger.get(run.id)  # not `get`: the folder may be another one by now
        run = session.handle(run.ledger.home, row) if row is not None else run
        if run.state == State.FETCHED:
            self._gallery.refresh()
            if self._run_view.run is None:
                self._run_view.show(run)
            elif run not in {self._run_view.run, *self._run_view.film}:  # those say it where they stand
                self._callbacks.say(f"Run {run.id[:8]} is done.", add=True)
        elif run.error is not None and not (run.state == State.NOT_SENT and _is_told_otherwise(run)):
            if self._run_view.says(run):
                self._callbacks.billed()  # its error stands beside it: once is enough
            else:
                self._callbacks.trouble(run.error, add=True)


def row_of(row: RunRow, run: Run) -> dict[str, Any]:
    """What the page shows of an open *run*, whose row was read just now: its state, its prompt, why nothing happens, and the names of its buttons."""
    whose, is_stopped = whose_is(row, run), run.is_stopped
    is_left = whose == "nobody" and row.state == State.INTENT
    why = {
        "": "",
        "ours": Words.STOPPED if is_stopped else "",
        "nobody": why_paused(row),
        "another kernel's": Words.ELSEWHERE,
    }[whose]
    buttons = ["settle"] if row.state in UNSETTLED else []
    if whose == "nobody":
        buttons = ["take_back"] if is_left else ["resume"]
    elif whose == "ours" and not is_stopped:
        buttons = ["stop"]
    prompt = " ".join(str(row.request["input"].get("prompt", row.model)).split())
    shown = {
        "id": row.id, **state_of(row, whose), "prompt": page.short(prompt, 120), "seed": row.seed, "why": why,
        "buttons": buttons, "canShow": not is_left, "isFree": row.service == "simulator",
    }  # fmt: skip
    told: dict[str, Any] = visible_in(shown)
    return told


def _is_told_otherwise(run: Run) -> bool:
    """Of an unsent run: whether its cancellation was already reported, or its request was submitted again since."""
    session = get_session()
    with session.begin_lock:  # abandoned runs are cancelled and submitted again under it
        same = run.ledger.same_request(fingerprint=run.row.fingerprint)
    return run.is_stopped or any(other.created_at > run.row.created_at for other in same)
