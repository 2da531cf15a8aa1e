"""Settling a run of unknown outcome: its evidence, and the three ways out. What may cost money is asked for in its place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

from IPython.core.formatters import HTMLFormatter

from ...engine.states import UNSETTLED
from ...handles import Run, get_session
from ...markup import ROOT, html
from ...operations.settling import adopt_question, question
from ..card import widgets
from .callbacks import Callbacks
from .controls import LABEL

Answer = tuple[str, Callable[[], None]]


class Settling:
    """Opens for one run at a time.

    Args:
        say: The message line.
        show: Shows a run in the panel.
    """

    def __init__(self, desk: Callbacks, *, say: Callable[..., None], show: Callable[[Run], None]) -> None:
        kit = widgets()
        self._desk, self._work, self._say, self._show = desk, desk.work, say, show
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
            layout=kit.Layout(width="420px"),
        )
        adopt = self._button("Adopt", "take this task as the one that the run made", self._adopt)
        resend = self._button("Send again…", "asks first: the first try may be billed", self._ask_resend)
        write_off = self._button("Write off…", "give the run up", self._ask_write_off)
        close = self._button("Close", "leave it as it is", self.close)
        self.question = kit.HTML()
        self.answers = [kit.Button(), kit.Button(), kit.Button()]
        for number, button in enumerate(self.answers):
            button.on_click(desk.guard(lambda _button, number=number: self._answer(number)))
        row = kit.Layout(flex_flow="row wrap", align_items="center", overflow="visible")
        self.asking = kit.VBox(
            [self.question, kit.HBox(self.answers, layout=row)],
            layout=kit.Layout(display="none", overflow="visible"),
        )
        ways = kit.HBox([self.task, adopt, resend, write_off, close], layout=row)
        self.box = kit.VBox(
            [self.evidence, ways, self.asking], layout=kit.Layout(display="none", overflow="visible")
        )

    def open(self, run: Run) -> None:
        """Show what is known of *run*; on a worker, for the balance is read.

        Meanwhile nothing is shown: the buttons never act on another run than the one whose evidence stands there.
        """
        turn = self.close()
        evidence = HTMLFormatter()(run.evidence())
        with self._opening:
            if turn != self._turn:
                return  # another one was opened meanwhile
            self.evidence.value = evidence
            self.task.value = ""
            self.run = run
            self.box.layout.display = None

    def close(self) -> int:
        """Leave it as it is; gives the number of this change."""
        with self._opening:
            self._turn += 1
            self._close()
            return self._turn

    def _close(self) -> None:
        self.run = None
        self._ask("", [])
        self.box.layout.display = "none"

    # --- in widget callbacks ---------------------------------------------------------------------------------------

    def _button(self, words: str, tip: str, act: Callable[[], object]) -> Any:
        button = widgets().Button(description=words, tooltip=tip)
        button.on_click(self._desk.guard(lambda _button: act()))
        return button

    def _adopt(self) -> None:
        run, task_id = self.run, self.task.value
        if run is None:
            return

        def adopt(*, yes: bool = False) -> None:
            words = "Its task is found; the video is fetched now."
            self._begin(run, lambda: run.adopt(task_id, yes=yes), words)

        def ask() -> None:
            words = adopt_question(get_session(), run, task_id)
            if not words:
                adopt()
                return
            with self._opening:
                if self.run is run:
                    answers = [("Yes", lambda: adopt(yes=True)), ("No", lambda: self._ask("", []))]
                    self._ask(f"Run {run.id[:8]}: {words}", answers)

        self._work(ask)

    def _ask_resend(self) -> None:
        run = self.run
        if run is None:
            return

        def ask() -> None:
            send = (
                "Yes",
                lambda: self._begin(run, lambda: run.resend(yes=True), ""),
            )
            words = question(get_session(), run)
            with self._opening:
                if self.run is run:
                    self._ask(f"Run {run.id[:8]}: {words}", [send, ("No", lambda: self._ask("", []))])

        self._work(ask)

    def _ask_write_off(self) -> None:
        run = self.run
        if run is None:
            return
        words = f"Run {run.id[:8]} is given up, and its request may be sent anew. Was it billed?"

        def off(charged: bool) -> Callable[[], None]:
            return lambda: self._begin(run, lambda: run.write_off(charged=charged), "It is written off.")

        self._ask(
            words,
            [
                ("Count it as spent", off(True)),
                ("It was not billed", off(False)),
                ("Cancel", lambda: self._ask("", [])),
            ],
        )

    def _answer(self, number: int) -> None:
        with self._lock:  # a double click answers once
            answers, self._answers = self._answers, []
        if number < len(answers):
            answers[number][1]()

    def _ask(self, words: str, answers: Sequence[Answer]) -> None:
        """Put a question into its place; nothing takes it away."""
        with self._lock:
            self._answers = list(answers)
        self.question.value = html('<div {} role="alert">{}</div>', ROOT, words) if words else ""
        for number, button in enumerate(self.answers):
            button.layout.display = None if number < len(answers) else "none"
            if number < len(answers):
                button.description = answers[number][0]
        self.asking.layout.display = None if answers else "none"

    def _begin(self, run: Run, act: Callable[[], Run], words: str) -> None:
        self._ask("", [])
        self._work(self._done, run, act, words)

    # --- on a worker -------------------------------------------------------------------------------------------------

    def _done(self, run: Run, act: Callable[[], Run], words: str) -> None:
        found = act()
        # Another kernel may have sent it again already: then that run is given, and nothing was sent.
        self._say(f"Run {run.id[:8]}: {words or f'run {found.id[:8]} stands for its request now.'}")
        if run.state not in UNSETTLED or found is not run:
            with self._opening:
                if self.run is run:  # else another one is shown by now
                    self._close()
        self._show(found)
