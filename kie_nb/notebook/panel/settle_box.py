"""Settling a run of unknown outcome: its evidence, and the three ways out. What may cost money asks first."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from typing import Any

import ipywidgets as kit
from IPython.core.formatters import HTMLFormatter

from ...handles import Run
from ...ledger.states import UNSETTLED, State
from ...markup import ROOT, html
from ...wording import Panel as Words
from .. import ways_out
from ..ways_out import Answer
from .callbacks import Callbacks
from .widgets import column, row, show

LABEL = {"description_width": "60px"}
SAID = {State.WRITTEN_OFF: "it is written off"}


class SettleBox:
    """Opens for one run at a time.

    Args:
        show_run: Shows a run in the panel.
    """

    def __init__(self, callbacks: Callbacks, show_run: Callable[[Run], None]) -> None:
        self._callbacks, self._show_run = callbacks, show_run
        self.run: Run | None = None
        self._turn = 0
        self._lock = threading.Lock()  # of the answers
        self._opening = threading.Lock()  # of the run that is shown
        self._answers: list[Answer] = []
        self.evidence = kit.HTML()
        self.task = kit.Text(
            description="Task id",
            placeholder="of the task that it made",
            style=LABEL,
            layout={"width": "420px"},
        )
        work = callbacks.work
        ways = row(
            self.task,
            self._button(
                Words.USE_THIS_TASK,
                "take this task as the one that the run made",
                lambda run: work(ways_out.adopt, self, run, self.task.value),
            ),
            self._button(
                Words.SEND_AGAIN,
                "asks first: the first try may be billed",
                lambda run: work(ways_out.resend, self, run),
            ),
            self._button("Write off…", "give the run up", lambda run: ways_out.write_off(self, run)),
            callbacks.button("Close", "leave it as it is", self.close),
        )
        self.question = kit.HTML()
        self.answers = [callbacks.button("", "", functools.partial(self._answer, n)) for n in range(3)]
        self.asking = column(self.question, row(*self.answers), display="none")
        self.box = column(self.evidence, ways, self.asking, display="none")

    def open(self, run: Run) -> None:
        """Show what is known of *run*; on a worker, for the balance is read.

        Meanwhile nothing is shown: the buttons only act on the run whose evidence is shown.
        """
        turn = self.close()
        evidence = HTMLFormatter()(run.evidence())
        with self._opening:
            if turn != self._turn:
                return  # another one was opened meanwhile
            self.evidence.value = evidence
            self.task.value = ""
            self.run = run
            show(self.box, is_shown=True)

    def close(self) -> int:
        """Leave it as it is; gives the number of this change."""
        with self._opening:
            self._turn += 1
            self._close()
            return self._turn

    def _close(self) -> None:
        self.run = None
        self._ask()
        show(self.box, is_shown=False)

    # --- in widget callbacks ---------------------------------------------------------------------------------------

    def _button(self, words: str, tooltip: str, act: Callable[[Run], object]) -> Any:
        return self._callbacks.button(words, tooltip, lambda: (run := self.run) and act(run))

    def _answer(self, number: int) -> None:
        with self._lock:  # a double click answers once
            answers, self._answers = self._answers, []
        if number < len(answers):
            self._ask()
            self._callbacks.work(answers[number][1])

    def ask(self, run: Run, words: str, *answers: Answer) -> None:
        """Put a question, unless another run is shown by now; without *words* it is withdrawn."""
        with self._opening:
            if self.run is run:
                self._ask(f"Run {run.id[:8]}: {words}" if words else "", *answers)

    def _ask(self, words: str = "", *answers: Answer) -> None:
        """Put a question into its place; without *words* it is empty."""
        with self._lock:
            self._answers = list(answers)
        self.question.value = html('<div {} role="alert">{}</div>', ROOT, words) if words else ""
        for number, button in enumerate(self.answers):
            show(button, is_shown=number < len(answers))
            if number < len(answers):
                button.description = answers[number][0]
        show(self.asking, is_shown=bool(answers))

    def settled(self, run: Run, found: Run) -> None:
        """Say what became of *run*; on a worker."""
        # Another kernel may have sent it again already: then that run is given, and nothing was sent.
        words = SAID.get(run.state, "its task is found; the video is fetched now")
        self._callbacks.say(
            f"Run {run.id[:8]}: {words}."
            if found is run
            else f"Run {run.id[:8]}: run {found.id[:8]} stands for its request now."
        )
        if run.state not in UNSETTLED or found is not run:
            with self._opening:
                if self.run is run:  # else another one is shown by now
                    self._close()
        self._show_run(found)
