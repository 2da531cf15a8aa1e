"""Submission from the panel: one press submits once, and sends what the page shows.

Three things can go wrong between a finger and a paid request. A double click arrives as two messages, perhaps before
`disabled` is back in the page: a lock and a pause take the first alone. A cell that computes holds all messages back, so
that presses of a minute arrive together: the same. And ipywidgets holds back the later changes of a field while an earlier
one is unanswered, but never a press: it can overtake the end of the prompt. So the kernel asks the page whether anything is
on its way, and the answer comes after what was.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from ... import settings as settings_
from ...errors import InvalidRequest, KieError
from ...handles import Run, get_session
from ...handles.begin import standing
from ...requests.provenance import Origin
from ..notes import note_of
from .callbacks import Callbacks
from .draft import Draft
from .pricing import Priced, check_money, check_price

PAUSE_S = 1.5
ANSWER_S = 5.0
ANOTHER = "another seed buys another"


class Submission:
    """Takes presses of *Generate*.

    Args:
        ask_page: Asks the page, under a number, to say when nothing of it is on its way any more.
        buy: Buys what the form holds for what was offered at the press; on a worker.
        draw: Called when pressing has become possible or impossible.
    """

    def __init__(
        self,
        callbacks: Callbacks,
        *,
        ask_page: Callable[[int], None],
        buy: Callable[[Priced], None],
        draw: Callable[[], None],
    ) -> None:
        self._callbacks, self._ask_page, self._buy, self._draw = callbacks, ask_page, buy, draw
        self._lock = threading.Lock()
        self._number = 0
        self._offer: Priced | None = None  # what was taken by the last press
        self._state = "ready"
        self._free_at = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether a press would be taken."""
        return self._state == "ready" and time.monotonic() >= self._free_at

    def press(self, offer: Priced) -> None:
        """*Generate* was pressed while it showed this *offer*; from any thread."""
        with self._lock:
            if not self.is_ready:
                return  # the second half of a double click
            self._state, self._offer = "asking", offer
            self._number += 1
            number = self._number
        self._draw()
        self._ask_page(number)
        self._callbacks.later(ANSWER_S, self._give_up, number)

    def answered(self, number: int) -> None:
        """The page has nothing more on its way."""
        with self._lock:
            if self._state != "asking" or number != self._number or self._offer is None:
                return  # a second view of the same panel has answered too
            self._state, offer = "sending", self._offer
        self._callbacks.work(self._do, offer)

    def claim(self) -> None:
        """The same for a call from code, which knows what it has filled in; refused while a press is worked on."""
        with self._lock:
            if self._state != "ready":
                raise InvalidRequest("the panel is still sending the last request.", hint="call it again")
            self._state = "sending"
        self._draw()

    def release(self) -> None:
        """Done; the next press is taken after a pause."""
        with self._lock:
            self._state, self._free_at = "ready", time.monotonic() + PAUSE_S
        self._callbacks.later(PAUSE_S + 0.05, self._draw)
        self._callbacks.billed()  # perhaps

    def _do(self, offer: Priced) -> None:
        try:
            self._buy(offer)
        finally:
            self.release()

    def _give_up(self, number: int) -> None:
        with self._lock:
            if self._state != "asking" or number != self._number:
                return
            self._state = "ready"
        self._callbacks.say(
            "The page has not said what its fields hold, so nothing was sent. Press Generate again.", bad=True
        )
        self._draw()


def submit(
    draft: Draft,
    *,
    current: settings_.Settings,
    origin: Origin,
    shown: Priced | None,
    say: Callable[..., None],
    show: Callable[[Run, str], None],
) -> list[tuple[Run, str]]:
    """Ask for every run of *draft*, and say what became of each; gives them, and how each came about. On a worker.

    Args:
        draft: What is asked for; all of it is checked before the first run is sent.
        current: The settings by which it is asked for.
        origin: Where from.
        shown: What it was said to cost; None for a call from code.
        say: The message line.
        show: Shows the first run, with a note.
    """
    session = get_session()
    say("Sending…")
    prepared = [
        replace(session.prepare(current=current, **draft.asked(seed)), origin=origin) for seed in draft.seeds
    ]
    missing = sum(standing(session, one) is None for one in prepared)
    if shown is not None:
        check_price(shown, draft.estimate, missing)
    if missing > 1:  # all or none: the first of them alone might still be within the budget
        check_money(draft.estimate, missing)
    runs: list[tuple[Run, str]] = []
    notes, warnings = [], []
    try:
        for one in prepared:
            run, how = session.begin(one)
            runs.append((run, how))
            warnings += [*session.ledger(current.home).untold(), *one.warnings]
            note = note_of(run, how, another=ANOTHER)
            notes.append(note or f"Run {run.id[:8]} is on its way, seed {run.seed}.")
            if len(runs) == 1:
                show(run, note)
        for run, _ in runs:
            session.wait_for_answer(run)
    except KieError as exc:
        if draft.count > 1 and runs:
            exc.message = f"{len(runs)} of {draft.count} runs were begun. {exc.message}"
        raise
    say("\n".join([*notes, *warnings]), add=True)  # one of them may have failed by now: that stays
    return runs
