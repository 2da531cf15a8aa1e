"""The queue: a row for every open run of the folder's ledger, this kernel's or another's, and how each run ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from weakref import WeakSet

import ipywidgets as kit

from ...engine.transitions import cancel_unsent
from ...handles import Run, get_session
from ...handles.tracked import goes_on
from ...ledger import RunRow
from ...ledger.states import OPEN, UNSETTLED, WORDS, State
from ...markup import html
from .. import page
from ..gallery import Gallery
from .callbacks import Callbacks
from .queue_row import QueueRow
from .run_view import RunView
from .widgets import column, section, show

STEP, MOST = 12, 60  # rows: widgets are dear
IDLE_S = 15.0  # between two looks while nothing is open and nobody uses the panel: another kernel may begin something
TOUCHED_S = 60.0
PAUSE_S = 1.0


class Queue:
    """Rows of runs, from `start` to `close`. What is not marked otherwise runs on the dispatcher's thread.

    Args:
        run_view: Shows a finished run where nothing is shown yet.
        gallery: Is refreshed when a video is there.
        show_run, settle: What these buttons do, given the run; on a worker.
    """

    def __init__(
        self,
        callbacks: Callbacks,
        *,
        run_view: RunView,
        gallery: Gallery,
        show_run: Callable[[Run], None],
        settle: Callable[[Run], None],
    ) -> None:
        self._callbacks, self._run_view, self._gallery = callbacks, run_view, gallery
        work = callbacks.work
        self.actions: dict[str, Callable[[Run], object]] = {
            "stop": lambda run: work(self._stop, run),
            "take_back": lambda run: work(self._take_back, run),
            "show": lambda run: work(show_run, run),
            "settle": lambda run: work(settle, run),
        }
        self.more = callbacks.button(
            "Show more", "more of what is open", self._show_more,
            layout={"display": "none", "align_self": "flex-start"},
        )  # fmt: skip
        self.head = kit.HTML("<b>Queue</b>")
        self.rows = column()
        self.box = section(self.head, self.rows, self.more)
        self.told: set[tuple[str, str]] = set()  # runs and the end that was told of each
        self._shown: dict[str, QueueRow] = {}
        self._heard: WeakSet[Run] = WeakSet()
        self._listener, self._watcher = callbacks.guard(self._moved), callbacks.guard(self._taken)
        self._size = STEP
        self.limits: dict[str, float] = {}  # the budgets by which the form was checked
        self._busy = self._is_due = self._is_closed = False
        self._touched = time.monotonic()
        self._looked = -IDLE_S

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
        self.rows.children = ()
        for row in self._shown.values():
            row.close()
        self._shown.clear()

    def touch(self) -> None:
        """Somebody uses the panel; from any thread."""
        self._touched = time.monotonic()

    def _show_more(self) -> None:
        self._size = min(MOST, self._size + STEP)
        self.touch()
        self._callbacks.soon(self.look)

    # --- reading the ledger ------------------------------------------------------------------------------------------

    def tick(self) -> None:
        """A second has passed."""
        for row in self._shown.values():
            row.tick()
        at = time.monotonic()
        is_awake = bool(self._shown) or at - self._touched < TOUCHED_S
        if is_awake or at - self._looked >= IDLE_S:
            self.look()

    def look(self) -> None:
        """Read the ledger; a second after the last reading at the earliest, however much happens."""
        if self._busy or self._is_due:
            return
        self._is_due = True
        self._callbacks.later(max(0.0, self._looked + PAUSE_S - time.monotonic()), self._begin)

    def _begin(self) -> None:
        self._is_due, self._busy = False, True
        get_session().dispatcher.start(self._refresh())

    async def _refresh(self) -> None:
        session = get_session()
        try:
            self._looked = time.monotonic()
            rows, total, limits, new = await session.dispatcher.ledger(self._read)
            if self._is_closed:
                return
            for run_id, run in new.items():
                usual = await session.durations.usual(run)
                self._shown[run_id] = QueueRow(
                    run, usual.median if usual else None, self._callbacks, self.actions
                )
            self._draw(rows, total)
            if limits != self.limits:
                self._callbacks.changed()
        except Exception as exc:  # noqa: BLE001 - said in the panel
            self._callbacks.trouble(exc)
        finally:
            self._busy = False

    def _read(self) -> tuple[list[RunRow], int, dict[str, float], dict[str, Run]]:
        """Rows, their number in all, the budgets, and handles of the runs that have no row yet."""
        session = get_session()
        ledger = session.here
        found = ledger.page(1, size=self._size, order="unsettled", states=OPEN | UNSETTLED)
        new = {row.id: session.handle(ledger.home, row) for row in found.rows if row.id not in self._shown}
        return found.rows, found.count, ledger.limits(), new

    def _draw(self, rows: list[RunRow], total: int) -> None:
        order = [row.id for row in rows]
        for row in rows:
            if self._shown[row.id].update(row):
                self._ended(self._shown[row.id].run)
        over = [self._shown.pop(run_id) for run_id in list(self._shown) if run_id not in order]
        self.rows.children = tuple(self._shown[run_id].box for run_id in order)
        more = total - len(order)
        can_show_more = more > 0 and self._size < MOST
        show(self.more, is_shown=can_show_more)
        rest = "" if can_show_more else ": %kie runs lists them"
        words = "nothing is open" if not order else f"and {more} more{rest}" if more > 0 else ""
        self.head.value = html('<b>Queue</b> <span style="{};margin-left:8px">{}</span>', page.MUTED, words)
        for gone in over:
            gone.close()
            self._ended(gone.run)

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

    def _stop(self, run: Run) -> None:
        """Stop waiting for *run*; what was sent goes on and is billed."""
        run.stop_waiting()
        if run.state == State.NOT_SENT:
            self._callbacks.say(f"Run {run.id[:8]} was not sent yet and will not be: nothing was charged.")
        else:
            self._callbacks.say(f"You stopped waiting for run {run.id[:8]}. {goes_on(run)}")
        self._callbacks.soon(self.look)

    def _take_back(self, run: Run) -> None:
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
        row = session.ledger_of(run).get(run.id)  # not `get`: the folder may be another one by now
        run = session.handle(session.home_of(run).home, row) if row is not None else run
        if run.state == State.FETCHED:
            self._gallery.refresh()
            self._callbacks.say(f"Run {run.id[:8]} is done.", add=True)
            if self._run_view.run is None:
                self._run_view.show(run)
        elif run.error is not None and not (run.state == State.NOT_SENT and _is_told_otherwise(run)):
            self._callbacks.trouble(run.error, add=True)


def _is_told_otherwise(run: Run) -> bool:
    """Of an unsent run: whether its cancellation was already reported, or its request was submitted again since."""
    session = get_session()
    with session.begin_lock:  # abandoned runs are cancelled and submitted again under it
        same = session.ledger_of(run).same_request(fingerprint=run.row.fingerprint)
    return run.is_stopped or any(other.created_at > run.row.created_at for other in same)
