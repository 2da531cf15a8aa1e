"""The button of the form: checks and prices the form shortly after each change of it, of the service or of the ledger."""

from __future__ import annotations

import threading
from dataclasses import replace

from ... import settings as settings_
from ...handles import get_session
from ...wording import Panel as Words
from .callbacks import Callbacks
from .draft import Draft
from .form import Form
from .pricing import Priced, Way, head_of, price, way_now, way_of
from .queue import Queue
from .submission import Submission
from .view import PanelView

CHECK_S = 0.25  # after the last change of a field
BALANCE_S = 30.0


class Checking:
    """Prices what the form holds, and marks its mistakes."""

    def __init__(
        self, view: PanelView, callbacks: Callbacks, form: Form, submission: Submission, queue: Queue
    ) -> None:
        self._view, self._callbacks, self._form = view, callbacks, form
        self._submission, self._queue = submission, queue
        self._offer: Priced | None = None  # what is shown
        self._way = way_now()  # what the form was checked for
        self._has_paid = self._was_pressed = (
            False  # pressed with something missing: from then on that is a mistake
        )
        self._turn = 0
        self._lock = threading.Lock()
        callbacks.changed, callbacks.billed, callbacks.draw = self.changed, self.billed, self.draw

    # --- from any thread ---------------------------------------------------------------------------------------------

    @property
    def is_on(self) -> bool:
        """Whether what is shown can be bought."""
        return self._offer is not None and not self._offer.refusal

    def changed(self) -> None:
        """The form has changed, or something else that counts: check it once, a moment later."""
        with self._lock:
            self._turn += 1
            turn = self._turn
        self._callbacks.later(CHECK_S, self._check_soon, turn)

    def billed(self) -> None:
        """A run has begun or ended: read the balance again too."""
        self._has_paid = True
        self.changed()

    def draw(self) -> None:
        """The button, under a new number."""
        offer, is_ready = self._offer, self._submission.is_ready
        if offer is not None:
            self._submission.offer(offer)
        self._view.offer = {
            "number": self._submission.number,
            "spent": self._submission.spent,
            "label": offer.label if offer else Words.GENERATE_ALONE,
            "below": offer.below if offer else Words.NO_PRICE_YET,
            "refusal": offer.refusal if offer else "",
            "isOn": self.is_on and is_ready,
            "isReady": offer is not None and is_ready,
            "isFree": offer is not None and offer.way.service == "simulator",
        }

    def mistakes(self, draft: Draft) -> dict[str, str]:
        """What is wrong with *draft* that is asked for, its picture being read; it is said at the fields. On a worker."""
        self._form.wait()
        draft.source, draft.held = self._form.picture.source, self._form.read().held
        errors = self._form.mistakes(draft)
        self._was_pressed = bool(errors)
        if errors:
            self._form.mark(errors)
            self._view.send({"kind": "wrong"})
            self._callbacks.say(errors.get("", ""), bad="" in errors)  # what belongs to no field
        return errors

    # --- on the dispatcher's thread ----------------------------------------------------------------------------------

    def tick(self) -> None:
        """A second has passed: perhaps a cell has changed the service."""
        way = way_now()
        if way != self._way:
            self._way = way
            self.changed()

    def _check_soon(self, turn: int) -> None:
        if turn == self._turn:
            get_session().dispatcher.start(self._check())

    async def _check(self) -> None:
        try:
            current = settings_.current()
            balance, why = await self._balance(current)
            self._callbacks.work(self._judge, way_of(current), balance, why)
        except Exception as exc:  # noqa: BLE001 - said in the panel
            self._judge_nothing()
            self._callbacks.trouble(exc)

    async def _balance(self, current: settings_.Settings) -> tuple[float | None, str]:
        """In credits; or why it is not known."""
        max_age_s = 0.0 if self._has_paid else BALANCE_S
        self._has_paid = False
        channel = get_session().channel(current)
        reading = await channel.balance(max_age_s=max_age_s)
        return (reading.credits, "") if reading else (None, channel.why_no_balance)

    # --- on a worker -------------------------------------------------------------------------------------------------

    def _judge(self, way: Way, balance: float | None, why: str) -> None:
        """Marks, price, balance, and whether Generate can be pressed."""
        if way != way_now():
            self.changed()
            return
        self._way = way
        try:
            self._queue.limits = get_session().here.limits()
            draft = self._form.read()
            errors = self._form.mistakes(draft)
            offer = replace(price(draft, self._form.picture.picture, balance), way=way)
        except Exception:
            self._judge_nothing()
            raise
        self._offer = offer
        self._view.head = head_of(way, balance, why)
        self.draw()
        missing = set() if self._was_pressed else draft.missing()
        self._form.mark({name: words for name, words in errors.items() if name not in missing})

    def _judge_nothing(self) -> None:
        """Show no price rather than an outdated one; *Generate* is off."""
        self._offer, self._way = None, way_now()
        self.draw()
