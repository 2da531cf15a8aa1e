"""`kie_nb.panel()`: connects the parts. Callbacks check, set traits and hand over; slow work runs on workers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import ipywidgets as kit

from ... import frontend
from ... import settings as settings_
from ...catalogue import Request
from ...errors import InvalidRequest
from ...frontend import running_cell
from ...handles import Run, get_session
from ...markup import NO_MATH
from ...notice import say_simulator_once
from ...requests.provenance import Origin, here
from ...settings import has_widgets, must_wait
from ...text import say
from .. import page
from ..gallery import Gallery
from ..live_output import LIVE, LiveOutput
from ..run_cell import cell_of
from ..run_list import RunList
from ..ticker import ticker
from .callbacks import Callbacks, lines_of
from .draft import Draft
from .form import Form
from .pricing import Priced, Way, check_way, price, way_now, way_of
from .queue import Queue
from .run_view import RunView
from .settling import Settling
from .static import static_page
from .submission import Submission, submit
from .widgets import close_all, column, row, section

if TYPE_CHECKING:
    import os

    from ...operations.embedded_request import Recalled

CHECK_S = 0.25  # after the last change of a field
BALANCE_S = 30.0


class Panel:
    """A form for requests, a queue of what is open, and what was made. `kie_nb.panel()` gives the one of this process."""

    def __init__(self) -> None:
        self.callbacks = Callbacks(changed=self._changed, billed=self._billed)
        self._pressed = False  # *Generate* was pressed with something missing: now that is a mistake
        self._check_turn = 0
        self._has_paid = False
        self._lock = threading.Lock()
        self._way = way_now()  # what the form was checked for
        self._offer: Priced | None = None  # what is shown beside the button
        self._cell: int | None = None  # the one that shows the panel
        self._tick = self.callbacks.guard(self._look_around)
        work = self.callbacks.work
        self.submission = Submission(
            self.callbacks,
            ask_page=lambda number: self.form.picture.place.send({"asked": number}),
            buy=self._buy,
            draw=self._draw_button,
        )
        self.form = Form(
            self.callbacks,
            video=lambda content, name: work(self._fill_from_video, content, name),
            answered=self.submission.answered,
        )
        self.button = self.callbacks.button(
            "Generate", "send this request", self._press, button_style="primary", disabled=True
        )
        self.money, self.head = kit.HTML(), kit.HTML()
        use: Callable[[Run], object] = lambda run: work(self._fill_from_run, run)  # noqa: E731
        self.run_view = RunView(self.callbacks, use)
        self.settling = Settling(self.callbacks, self._show)
        self.gallery = Gallery(use, lambda words: self.say(words, bad=True))
        self.queue = Queue(
            self.callbacks,
            run_view=self.run_view,
            gallery=self.gallery,
            show_run=self._show,
            settle=self.settling.open,
        )
        self.box = column(
            self.head,
            self.form.box,
            row(self.button, self.money),
            self.callbacks.line,
            self.queue.box,
            self.settling.box,
            self.run_view.box,
            section(kit.HTML("<b>Gallery</b>"), self.gallery.box),
        )
        for name in ("kie-panel", LIVE, *NO_MATH):
            self.box.add_class(name)
        self.run_view.copy.panel = self.box.model_id or ""
        self.queue.start()
        ticker().add(self)
        self._changed()

    def close(self) -> None:
        """Release the runs and remove the widgets; open runs continue. A second call does nothing."""
        if self.callbacks.is_closed:
            return
        global _panel  # noqa: PLW0603
        with _panel_lock:
            if _panel is self:
                _panel = None
        self.queue.stop_watching()
        self.callbacks.close()
        self.box.close()
        get_session().dispatcher.call_soon(self._let_go)

    def _let_go(self) -> None:
        """Runs on the dispatcher's thread, the only one that changes the display of runs."""
        ticker().discard(self)
        self.run_view.close()
        self.queue.close()
        self.form.close()
        close_all(self.box)

    def tick(self) -> None:
        """A second has passed; on the dispatcher's thread."""
        self._tick()

    # --- for code ------------------------------------------------------------------------------------------------

    def fill(
        self, source: Run | Request | Recalled | str | os.PathLike[str], *, use_address: bool = False
    ) -> Panel:
        """Fill the form as for a run, a request, or the video of one that `kie_nb.export` wrote; sends nothing.

        Args:
            source: What is asked for again.
            use_address: Load the picture from the address that a video's file names; by default the panel shows it and asks.

        Raises:
            InvalidRequest: the file carries no request, or the model is not described here.
        """
        from .filling import draft_of

        draft = draft_of(source)
        draft.is_found &= not use_address
        self.form.show(draft, keep_seed=True)
        if draft.remark:
            self.say(draft.remark)
        return self

    def generate(self) -> RunList:
        """Ask for what the form holds, as *Generate* does; waits for the videos where nobody watches.

        Raises:
            KieError: as `kie_nb.generate`.
        """
        self.submission.claim()
        try:
            runs = self._ask_for(self._snapshot(), settings_.current(), here())
        finally:
            self.submission.release()
        if must_wait(None):
            for run in runs:
                run.wait()
        return RunList(runs, order="as asked for")

    @staticmethod
    def cell(run: Run) -> str:
        """What *Copy as cell* gives for *run*: the cell that asks for its request.

        While a run stands for that request, running it shows that run and spends nothing; else it buys one.
        """
        return cell_of(run)

    def say(self, text: str, *, bad: bool = False, add: bool = False) -> None:
        """Put *text* into the message line; from any thread.

        Args:
            bad: It is an error.
            add: It comes from the background: an error that is shown stays until the user acts.
        """
        self.callbacks.say(text, bad=bad, add=add)

    def _ipython_display_(self) -> None:
        if not frontend.has_kernel():
            say(static_page(text=True))
            return
        from IPython.display import display

        say_simulator_once()
        self._cell = running_cell()[1]
        self.queue.touch()
        self._changed()
        kept = {"text/html": static_page(), "text/plain": static_page(text=True)}
        if has_widgets():
            LiveOutput(self.box, kept)
        else:
            display(kept, raw=True)

    # --- in widget callbacks, on whatever thread -------------------------------------------------------------------

    def _press(self) -> None:
        self.queue.touch()
        offer = self._offer
        if offer is not None and not offer.refusal:
            self.submission.press(offer)

    def _changed(self) -> None:
        """The form has changed: check it once, a moment later; from any thread."""
        self.queue.touch()
        with self._lock:
            self._check_turn += 1
            turn = self._check_turn
        self.callbacks.later(CHECK_S, self._check_soon, turn)

    def _billed(self) -> None:
        """A run has begun or ended: read the balance again too."""
        self._has_paid = True
        self._changed()

    def _draw_button(self) -> None:
        offer = self._offer
        self.button.disabled = offer is None or bool(offer.refusal) or not self.submission.is_ready

    # --- on the dispatcher's thread ----------------------------------------------------------------------------------

    def _check_soon(self, turn: int) -> None:
        if turn == self._check_turn:
            get_session().dispatcher.start(self._check())

    async def _check(self) -> None:
        try:
            current = settings_.current()
            balance, why = await self._balance(current)
            self.callbacks.work(self._judge, way_of(current), balance, why)
        except Exception as exc:  # noqa: BLE001 - said in the panel
            self._judge_nothing()
            self.callbacks.trouble(exc)

    async def _balance(self, current: settings_.Settings) -> tuple[float | None, str]:
        """In credits; or why it is not known."""
        max_age_s = 0.0 if self._has_paid else BALANCE_S
        self._has_paid = False
        channel = get_session().channel(current)
        reading = await channel.balance(max_age_s=max_age_s)
        return (reading.credits, "") if reading else (None, channel.why_no_balance)

    def _look_around(self) -> None:
        """Update the clocks, and check whether a cell has changed the service."""
        self.queue.tick()
        way = way_now()
        if way != self._way:
            self._way = way
            self._changed()

    # --- on a worker -------------------------------------------------------------------------------------------------

    def _judge(self, way: Way, balance: float | None, why: str) -> None:
        """Marks, estimate, balance, and whether Generate can be pressed."""
        if way != way_now():
            self._changed()
            return
        self._way = way
        try:
            self.queue.limits = get_session().here.limits()
            draft = self.form.read()
            errors = self.form.mistakes(draft)
            offer = replace(price(draft, self.form.picture.picture, balance), way=way)
        except Exception:
            self._judge_nothing()
            raise
        self._offer = offer
        self.money.value = offer.html(balance, is_free=way.service == "simulator", why=why)
        self.head.value = page.service_badge(way.service, way.who)
        self._draw_button()
        if not errors:
            self.callbacks.withdraw()
        missing = set() if self._pressed else draft.missing()
        self.form.mark({name: words for name, words in errors.items() if name not in missing})

    def _judge_nothing(self) -> None:
        """Show no price rather than an outdated one; *Generate* is off."""
        self._offer, self._way = None, way_now()
        self.money.value = "price not known"
        self._draw_button()

    def _snapshot(self) -> Draft:
        """What is asked for, as the form has it now; a seed that was left out is drawn, and shown."""
        self.form.picture.wait()
        if self.form.seed.seed is None:
            self.form.seed.draw()
        draft = self.form.read()
        errors = self.form.mistakes(draft)
        self._pressed = bool(errors)
        if errors:
            self.form.mark(errors)
            refusal = InvalidRequest("\n".join(dict.fromkeys(errors.values())))
            self.callbacks.complaint = "\n".join(lines_of(refusal))
            raise refusal
        return draft

    def _buy(self, offer: Priced) -> None:
        current = settings_.current()
        check_way(offer.way, way_of(current))
        self._ask_for(self._snapshot(), current, replace(here(), execution_count=self._cell), offer)

    def _ask_for(
        self, draft: Draft, current: settings_.Settings, origin: Origin, shown: Priced | None = None
    ) -> list[Run]:
        runs = submit(
            draft, current=current, origin=origin, shown=shown, say=self.say, show=self.run_view.show
        )
        if not self.form.seed.is_kept and any(how == "new" for _, how in runs):
            self.form.seed.draw()
        self.callbacks.soon(self.queue.look)
        return [run for run, _ in runs]

    def _show(self, run: Run) -> None:
        get_session().supervisor.ensure_driven(run)
        self.run_view.show(run)

    def _fill_from_video(self, content: bytes, name: str) -> None:
        from .filling import draft_of_video

        draft = draft_of_video(content, name)
        self.form.show(draft, keep_seed=True)
        self.say(f"The form is filled as for {name}. {draft.remark}".strip())

    def _fill_from_run(self, run: Run) -> None:
        self.fill(run)
        self.say(f"The form is filled as for run {run.id[:8]}.")


_panel: Panel | None = None
_panel_lock = threading.Lock()


def panel() -> Panel:
    """The panel of this process; shown by the cell that ends with it."""
    global _panel  # noqa: PLW0603
    with _panel_lock:
        if _panel is None:
            _panel = Panel()
        return _panel
