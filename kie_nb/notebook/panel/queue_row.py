"""A row of the queue: the state of a run, its clock, and what can be done."""

from __future__ import annotations

from collections.abc import Callable

import ipywidgets as kit

from ...handles import Run, get_session
from ...ledger import RunRow, owner
from ...ledger.states import UNSETTLED, State
from ...markup import NOTHING, ROOT, Html, html
from .. import page
from ..card import shared_layout
from .callbacks import Callbacks
from .widgets import close_all, row, show

BUTTONS = {
    "stop": (
        "Stop waiting",
        "a task goes on at the service, its video is still fetched; what was not sent is taken back",
    ),
    "show": ("Show", "show this run in the panel"),
    "settle": ("Settle", "what is known of it, and what can be done"),
    "take_back": ("Take back", "nothing was sent, and nothing will be"),
}


class QueueRow:
    """One run. It is never another run's row: a press that arrives late, after a cell that computes, would act on that one.

    Args:
        actions: What each of `BUTTONS` does with the run; called in widget callbacks.
    """

    def __init__(
        self,
        run: Run,
        usual_s: float | None,
        callbacks: Callbacks,
        actions: dict[str, Callable[[Run], object]],
    ) -> None:
        self.run, self._usual_s = run, usual_s
        self._row: RunRow | None = None
        self._drawn: tuple[object, ...] = ()
        self.state = kit.HTML(layout={"flex": "1 1 300px", "min_width": "0"})
        self.clock = kit.HTML(layout={"width": "170px"})
        style = shared_layout("button_style")
        self.buttons = {
            name: callbacks.button(
                words,
                f"{tooltip} (run {run.id[:8]})",
                lambda act=actions[name]: self._row and act(run),  # type: ignore[misc]
                style=style,
            )
            for name, (words, tooltip) in BUTTONS.items()
        }
        self.box = row(self.state, self.clock, *self.buttons.values())
        self.box.add_class("kie-panel-row")

    def close(self) -> None:
        """Its run is open no longer; a press that is still on its way does nothing."""
        self._row = None
        close_all(self.box)

    def update(self, new: RunRow) -> bool:
        """Draw what the ledger says now; gives whether the outcome has become unknown since the last look."""
        is_stopped, whose = self.run.is_stopped, whose_is(new)
        if (new, is_stopped, whose) == self._drawn:
            return False
        is_unsure = new.state in UNSETTLED
        is_news = is_unsure and self._row is not None and self._row.state not in UNSETTLED
        self._row, self._drawn = new, (new, is_stopped, whose)
        self.state.value = state_of(new, is_stopped=is_stopped)
        is_left = whose == "nobody" and new.state == State.INTENT
        show(self.buttons["stop"], is_shown=whose == "ours" and not is_stopped)
        show(self.buttons["show"], is_shown=not is_left)
        show(self.buttons["settle"], is_shown=is_unsure)
        show(self.buttons["take_back"], is_shown=is_left)
        self.tick()
        return is_news

    def tick(self) -> None:
        """The clock."""
        if self._row is not None:
            is_unsure = self._row.state in UNSETTLED
            self.clock.value = NOTHING if is_unsure else page.elapsed(self.run, self._usual_s)


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
    prompt = " ".join(str(row.request["input"].get("prompt", row.model)).split())
    words = ["you stopped waiting, it goes on"] if is_stopped else []
    whose = whose_is(row)
    if whose == "nobody":
        words.append("left behind, never sent" if state is State.INTENT else "left behind: Show takes it up")
    elif whose == "another kernel's":
        words.append(whose)
    return html(
        '<div {} style="overflow-wrap:anywhere" title="{}">{}{} &nbsp;{} {}</div>',
        ROOT,
        prompt,
        page.state(state),
        html(" {}", page.muted(f"({'; '.join(words)})")) if words else "",
        page.short(prompt, 60),
        page.muted(f"seed {row.seed}, run {row.id[:8]}"),
    )
