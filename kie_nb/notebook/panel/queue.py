"""The queue: a row for every open run of the folder's ledger, this kernel's or another's: twelve, or more when asked for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ...engine import tables
from ...engine.states import OPEN, UNSETTLED, WORDS, State
from ...handles import Run, get_session
from ...ledger import Ledger, RunRow, owner
from ...markup import NOTHING, ROOT, Html, html
from .. import page
from ..card import shared_layout, widgets
from .callbacks import Callbacks
from .widgets import close_all

STEP, MOST = 12, 60  # rows: widgets are dear
IDLE_S = 15.0  # between two looks while nothing is open and nobody uses the panel: another kernel may begin something
TOUCHED_S = 60.0
PAUSE_S = 1.0
Act = Callable[[Run], object]
OPEN_OR_UNSURE = OPEN | UNSETTLED


@dataclass(kw_only=True)
class Seen:
    """One reading of the ledger.

    Attributes:
        limits: The budgets.
        new: Handles of the runs that were not there at the last one, with their usual durations to be learnt.
    """

    rows: list[RunRow]
    total: int
    limits: dict[str, float]
    new: dict[str, Run] = field(default_factory=dict)


class Queue:
    """Rows of runs. `tick` and all that follows from it are on the dispatcher's thread.

    Args:
        stop, take_back, show, settle: What the buttons of a row do, given its run; called in widget callbacks.
        ended: Is told of a run that is open no longer, or whose outcome has become unknown; on the dispatcher's thread.
        limits: Is told the budgets; on the dispatcher's thread.
        trouble: Is told what went wrong.
    """

    def __init__(
        self,
        desk: Callbacks,
        *,
        stop: Act,
        take_back: Act,
        show: Act,
        settle: Act,
        ended: Callable[[Run], None],
        limits: Callable[[dict[str, float]], None],
        trouble: Callable[[Exception], None],
    ) -> None:
        kit = widgets()
        self._desk = desk
        self.actions = {"stop": stop, "take_back": take_back, "show": show, "settle": settle}
        self._ended, self._limits, self._trouble = ended, limits, trouble
        self._size = STEP
        self._is_closed = False
        self.more = kit.Button(
            description="Show more",
            tooltip="more of what is open",
            layout=kit.Layout(display="none", align_self="flex-start"),
        )
        self.more.on_click(desk.guard(lambda _button: self._show_more()))
        self.head = kit.HTML("<b>Queue</b>")
        self.rows = kit.VBox([], layout=kit.Layout(overflow="visible"))
        self.box = kit.VBox([self.head, self.rows, self.more], layout=kit.Layout(overflow="visible"))
        self.box.add_class("kie-panel-section")
        self._shown: dict[str, Row] = {}
        self._busy = self._is_due = False
        self._touched = time.monotonic()
        self._looked = -IDLE_S
        self._words = ""

    def close(self) -> None:
        """Let go of the runs."""
        self._is_closed = True
        self.rows.children = ()
        for row in self._shown.values():
            row.close()
        self._shown.clear()

    def _show_more(self) -> None:
        self._size = min(MOST, self._size + STEP)
        self.touch()
        self._desk.soon(self.look)

    def touch(self) -> None:
        """Somebody uses the panel."""
        self._touched = time.monotonic()

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
        wait_s = max(0.0, self._looked + PAUSE_S - time.monotonic())
        self._desk.later(wait_s, self._begin)

    def _begin(self) -> None:
        self._is_due, self._busy = False, True
        get_session().dispatcher.start(self._refresh())

    async def _refresh(self) -> None:
        session = get_session()
        try:
            self._looked = time.monotonic()
            seen = await session.dispatcher.ledger(self._read)
            if self._is_closed:
                return
            for run_id, run in seen.new.items():
                usual = await session.durations.usual(run)
                self._take(run_id, run, usual.median if usual else None)
            self._show(seen)
        except Exception as exc:  # noqa: BLE001 - said in the panel
            self._trouble(exc)
        finally:
            self._busy = False

    def _read(self) -> Seen:
        session = get_session()
        ledger: Ledger = session.here
        found = ledger.page(1, size=self._size, order="unsettled", states=OPEN_OR_UNSURE)
        new = {row.id: session.handle(ledger.home, row) for row in found.rows if row.id not in self._shown}
        return Seen(rows=found.rows, total=found.count, limits=ledger.limits(), new=new)

    def _take(self, run_id: str, run: Run, usual_s: float | None) -> None:
        self._shown[run_id] = Row(run, usual_s, self._desk, self.actions)

    def _show(self, seen: Seen) -> None:
        order = [row.id for row in seen.rows]
        gone = [run_id for run_id in self._shown if run_id not in order]
        for row in seen.rows:
            if self._shown[row.id].update(row):
                self._ended(self._shown[row.id].watched)
        ended = [self._shown.pop(run_id) for run_id in gone]
        boxes = tuple(self._shown[run_id].box for run_id in order)
        if boxes != self.rows.children:
            self.rows.children = boxes
        more = seen.total - len(order)
        can_show_more = more > 0 and self._size < MOST
        display = None if can_show_more else "none"
        if self.more.layout.display != display:
            self.more.layout.display = display
        rest = "" if can_show_more else ": %kie runs lists them"
        words = "nothing is open" if not order else f"and {more} more{rest}" if more > 0 else ""
        if words != self._words:
            self._words = words
            self.head.value = html(
                '<b>Queue</b> <span style="{};margin-left:8px">{}</span>', page.MUTED, words
            )
        self._limits(seen.limits)
        for over in ended:
            over.close()
            self._ended(over.watched)


class Row:
    """One run: its state, its clock, and what can be done.

    It is never another run's row: a press that arrives late, after a cell that computes, would act on that one.
    """

    def __init__(self, run: Run, usual_s: float | None, desk: Callbacks, actions: dict[str, Act]) -> None:
        kit = widgets()
        self.watched, self._usual_s = run, usual_s
        self._row: RunRow | None = None
        self._whose = ""
        self._is_stopped = self._is_over = False
        self.state = kit.HTML(layout=kit.Layout(flex="1 1 300px", min_width="0"))
        self.clock = kit.HTML(layout=kit.Layout(width="170px"))
        self.buttons = {
            name: kit.Button(description=words, tooltip=tip, style=shared_layout("button_style"))
            for name, words, tip in (
                (
                    "stop",
                    "Stop waiting",
                    "a task goes on at the service, its video is still fetched; what was not sent is taken back",
                ),
                ("show", "Show", "show this run in the panel"),
                ("settle", "Settle", "what is known of it, and what can be done"),
                ("take_back", "Take back", "nothing was sent, and nothing will be"),
            )
        }
        for name, button in self.buttons.items():
            button.on_click(desk.guard(lambda _button, act=actions[name]: self._press(act)))
        self.box = kit.HBox(
            [self.state, self.clock, *self.buttons.values()],
            layout=kit.Layout(align_items="center", flex_flow="row wrap", overflow="visible"),
        )
        self.box.add_class("kie-panel-row")

    def close(self) -> None:
        """Its run is open no longer; a press that is still on its way does nothing."""
        self._is_over, self._row = True, None
        close_all(self.box)

    def update(self, row: RunRow) -> bool:
        """What the ledger says now; whether its outcome has become unknown since the last look."""
        is_stopped, whose = self.watched.is_stopped, whose_is(row)
        if (row, is_stopped, whose) == (self._row, self._is_stopped, self._whose):
            return False
        is_news = self._row is not None and self._row.state not in UNSETTLED and row.state in UNSETTLED
        self._row, self._is_stopped, self._whose = row, is_stopped, whose
        self.state.value = state_of(row, is_stopped=is_stopped)
        is_unsure = row.state in UNSETTLED
        is_left = whose == "nobody" and row.state == State.INTENT
        short = f"run {row.id[:8]}"
        for name, is_shown in (
            ("stop", whose == "ours" and not is_stopped),
            ("show", not is_left),
            ("settle", is_unsure),
            ("take_back", is_left),
        ):
            button = self.buttons[name]
            display = None if is_shown else "none"
            if button.layout.display != display:
                button.layout.display = display
            button.tooltip = f"{button.tooltip.split(' (run ')[0]} ({short})"
        self.tick()
        return is_news

    def tick(self) -> None:
        """The clock."""
        row = self._row
        if row is None:
            return
        words = NOTHING
        if row.state not in UNSETTLED:
            usual = f" of usually {tables.clock(self._usual_s)}" if self._usual_s else ""
            words = html("{} {}{}", page.muted("elapsed"), tables.clock(self.watched.age_s), usual)
        if words != self.clock.value:
            self.clock.value = words

    def _press(self, act: Callable[[Run], None]) -> None:
        if not self._is_over:
            act(self.watched)


def whose_is(row: RunRow) -> str:
    """Who drives the run: "ours", "another kernel's", "nobody" if its owner process is dead; "" if none is needed."""
    if row.state in UNSETTLED:
        return ""
    if row.owner == owner.me():
        return "ours"
    return "nobody" if get_session().here.leases.is_dead(row) else "another kernel's"


def state_of(row: RunRow, *, is_stopped: bool = False) -> Html:
    """State, prompt and whose it is, in one line."""
    state = State(row.state)
    colour = page.COLOURS.get(state, page.RUNNING)
    prompt = " ".join(str(row.request["input"].get("prompt", row.model)).split())
    short = prompt if len(prompt) <= 60 else f"{prompt[:59]}…"  # noqa: PLR2004
    words = ["you stopped waiting, it goes on"] if is_stopped else []
    whose = whose_is(row)
    if whose == "nobody":
        words.append("left behind, never sent" if state is State.INTENT else "left behind: Show takes it up")
    elif whose == "another kernel's":
        words.append(whose)
    return html(
        '<div {} style="overflow-wrap:anywhere" title="{}">{} <b>{}</b>{} &nbsp;{} {}</div>',
        ROOT,
        prompt,
        page.dot(colour),
        WORDS[state],
        html(" {}", page.muted(f"({'; '.join(words)})")) if words else "",
        short,
        page.muted(f"seed {row.seed}, run {row.id[:8]}"),
    )
