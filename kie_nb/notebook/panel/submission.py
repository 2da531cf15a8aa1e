"""Submission from the panel: one press submits once, and sends what the page shows.

A double click arrives as two messages; a computing cell delays all messages, so that several presses arrive together; and a
press can arrive before the last changes of the fields. So each shown price has a number that its press names and uses up; no
other press is taken while one is handled and shortly after; and a press carries the values of the fields.
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
KEPT_OFFERS = 32  # a press that waits behind a cell names an older one
ANOTHER = "another seed makes another"


class Submission:
    """Takes presses of *Generate*.

    Attributes:
        number: Of the newest offer.
        spent: The number of the last press.
    """

    def __init__(self, callbacks: Callbacks) -> None:
        self._callbacks = callbacks
        self._lock = threading.Lock()
        self._offers: dict[int, Priced] = {}
        self.number = self.spent = 0
        self._is_busy = False
        self._free_at = 0.0

    @property
    def is_ready(self) -> bool:
        """Whether a press would be taken."""
        return not self._is_busy and time.monotonic() >= self._free_at

    def offer(self, priced: Priced) -> None:
        """From now on *priced* is shown, under a number of its own."""
        with self._lock:
            self.number += 1
            self._offers[self.number] = priced
            for old in list(self._offers)[:-KEPT_OFFERS]:
                del self._offers[old]

    def press(self, number: object, buy: Callable[[Priced], object] | None) -> None:
        """A button was pressed under the offer of this *number*; *buy* is done on a worker; None: it cannot be now."""
        with self._lock:
            if not isinstance(number, int) or number <= self.spent:
                return  # the second half of a double click
            # Also of a press that is not taken: its page waits until it was seen.
            self.spent, is_taken = min(number, self.number), self.is_ready and buy is not None
            offer = self._offers.get(number)
            self._is_busy |= is_taken and offer is not None
        self._callbacks.draw()
        if buy is None or not is_taken:
            return
        if offer is None:
            self._callbacks.say("The price is another one by now: look at it and press again.", bad=True)
        else:
            self._callbacks.work(self._do, lambda: buy(offer))

    def claim(self) -> None:
        """The same for a call from code, which knows what it has filled in; refused while a press is worked on."""
        with self._lock:
            if self._is_busy:
                raise InvalidRequest("The panel is still sending the last request.", hint="call it again")
            self._is_busy = True
        self._callbacks.draw()

    def release(self) -> None:
        """Done; the next press is taken after a pause."""
        with self._lock:
            self._is_busy, self._free_at = False, time.monotonic() + PAUSE_S
        self._callbacks.later(PAUSE_S + 0.05, self._callbacks.draw)
        self._callbacks.billed()  # perhaps

    def _do(self, buy: Callable[[], object]) -> None:
        try:
            buy()
        finally:
            self.release()


def submit(
    draft: Draft,
    *,
    current: settings_.Settings,
    origin: Origin,
    shown: Priced | None,
    say: Callable[..., None],
    begun: Callable[[list[tuple[Run, str]]], None],
) -> list[tuple[Run, str]]:
    """Ask for every run of *draft*, and say what became of each; gives them, and how each came about. On a worker.

    Args:
        draft: What is asked for; all of it is checked before the first run is sent.
        current: The settings by which it is asked for.
        origin: Where from.
        shown: What it was said to cost; None for a call from code.
        say: The message line.
        begun: Is given the runs so far, and what is said of each, after each of them.
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
    notes: list[tuple[Run, str]] = []
    warnings: list[str] = []
    try:
        for one in prepared:
            run, how = session.begin(one)
            runs.append((run, how))
            warnings += [*session.ledger(current.home).untold(), *one.warnings]
            notes.append((run, note_of(run, how, another=ANOTHER)))
            begun(notes)
        for run, _ in runs:
            session.wait_for_answer(run)
    except KieError as exc:
        if draft.count > 1 and runs:
            exc.message = f"{len(runs)} of {draft.count} videos were begun. {exc.message}"
        raise
    # What is on its way is seen beside and in the queue, where it does not grow old.
    say(
        "\n".join([*(note for _, note in notes if note), *warnings]), add=True
    )  # one may have failed by now: that stays
    return runs
