"""`kie_nb.panel()`: connects the parts. Callbacks check, set traits and hand over; slow work runs on workers."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from ... import headless
from ... import settings as settings_
from ...catalogue import Request
from ...context import place
from ...errors import InvalidRequest, KieError, OutOfCredits
from ...handles import Run, get_session
from ...markup import NO_MATH
from ...notice import say_simulator_once
from ...requests.provenance import Origin, here
from ...text import say
from .. import page
from ..card import widgets
from ..gallery import Gallery
from ..live_output import LIVE, LiveOutput
from ..run_cell import cell_of
from ..run_list import RunList
from ..ticker import ticker
from .callbacks import Callbacks
from .draft import Draft
from .form import Form
from .messages import Messages
from .pricing import Offer, Priced, Way, check_way, price, way_now, way_of
from .queue import Queue
from .run_view import RunView
from .run_watch import RunWatch
from .settling import Settling
from .static import static_page
from .submission import Submission, submit
from .widgets import close_all, set_html
from .words import lines_of

if TYPE_CHECKING:
    import os

    from ...operations.embedded_request import Recalled

log = logging.getLogger("kie_nb")
CHECK_S = 0.25  # after the last change of a field
BALANCE_S = 30.0


class Panel:
    """A form for requests, a queue of what is open, and what was made. `kie_nb.panel()` gives the one of this process."""

    def __init__(self) -> None:
        kit = widgets()
        self.desk = Callbacks(self._trouble)
        self._messages = Messages()
        self._pressed = False  # *Generate* was pressed with something missing: now that is a mistake
        self._check_turn = 0
        self._has_paid = False
        self._lock = threading.Lock()
        self._way = way_now()  # what the form was looked at for
        self._limits: dict[str, float] = {}
        self._offer: Offer | None = None  # what stands beside the button
        self._cell: int | None = None  # the one that shows the panel
        self._tick = self.desk.guard(self._look_around)
        self.buying = Submission(
            self.desk,
            ask_page=lambda number: self.form.picture.place.send({"asked": number}),
            buy=self._buy,
            done=self._bought,
            say=self.say,
            changed=self._show_button,
        )
        self.form = Form(self.desk, self._changed, video=self._dropped_video, answered=self.buying.answered)
        self.button = kit.Button(
            description="Generate", button_style="primary", tooltip="send this request", disabled=True
        )
        self.button.on_click(self.desk.guard(lambda _button: self._press()))
        self.money = kit.HTML()
        self.head = kit.HTML()
        go = kit.HBox(
            [self.button, self.money],
            layout=kit.Layout(align_items="center", flex_flow="row wrap", overflow="visible"),
        )
        self.shown = RunView(self.desk, say=self.say, use=self._use)
        self.queue = Queue(
            self.desk,
            stop=lambda run: self.desk.work(self.watch.stop, run),
            take_back=lambda run: self.desk.work(self.watch.take_back, run),
            show=lambda run: self.desk.work(self._show, run),
            settle=lambda run: self.desk.work(self.settling.open, run),
            ended=lambda run: self.watch.ended(run),  # noqa: PLW0108 - it is made below
            limits=self._compare_limits,
            trouble=self._trouble,
        )
        self.settling = Settling(self.desk, say=self.say, show=self._show)
        self.gallery = Gallery(self._use, lambda words: self.say(words, bad=True))
        self.watch = RunWatch(
            self.desk,
            queue=self.queue,
            gallery=self.gallery,
            shown=self.shown,
            say=self.say,
            trouble=self._trouble,
            billed=self._bought,
        )
        gallery = kit.VBox(
            [kit.HTML("<b>Gallery</b>"), self.gallery.box], layout=kit.Layout(overflow="visible")
        )
        gallery.add_class("kie-panel-section")
        self.box = kit.VBox(
            [
                self.head,
                self.form.box,
                go,
                self._messages.line,
                self.queue.box,
                self.settling.box,
                self.shown.box,
                gallery,
            ],
            layout=kit.Layout(overflow="visible"),
        )
        for name in ("kie-panel", LIVE, *NO_MATH):
            self.box.add_class(name)
        self.shown.copy.panel = self.box.model_id or ""
        self._start()

    def _start(self) -> None:
        self.watch.start()
        ticker().add(self)
        self.desk.soon(self.queue.look)
        self._changed()

    def close(self) -> None:
        """Release the runs and remove the widgets; open runs continue. A second call does nothing."""
        if self.desk.is_closed:
            return
        global _panel  # noqa: PLW0603
        with _panel_lock:
            if _panel is self:
                _panel = None
        self.watch.stop_watching()
        self.desk.close()
        self.box.close()
        get_session().dispatcher.call_soon(self._let_go)

    def _let_go(self) -> None:
        """Runs on the dispatcher's thread, the only one that changes the display of runs."""
        ticker().discard(self)
        self.watch.let_go()
        self.shown.close()
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

        found = draft_of(source)
        found.draft.is_found &= not use_address
        self.form.show(found.draft, keep_seed=True)
        if found.remark:
            self.say(found.remark)
        return self

    def generate(self) -> RunList:
        """Ask for what the form holds, as *Generate* does; waits for the videos where nobody watches.

        Raises:
            KieError: as `kie_nb.generate`.
        """
        self.buying.claim()
        try:
            runs = self._ask_for(self._snapshot(), settings_.current(), here())
        finally:
            self.buying.release()
        if headless.must_wait(None):
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
        self._messages.say(text, bad=bad, add=add)

    def _ipython_display_(self) -> None:
        if not headless.has_kernel():
            say(static_page(text=True))
            return
        from IPython.display import display

        say_simulator_once()
        self._cell = place()[1]
        self.queue.touch()
        self._changed()
        kept = {"text/html": static_page(), "text/plain": static_page(text=True)}
        if headless.has_widgets():
            LiveOutput(self.box, kept)
        else:
            display(kept, raw=True)

    # --- in widget callbacks, on whatever thread -------------------------------------------------------------------

    def _press(self) -> None:
        self.queue.touch()
        offer = self._offer
        if offer is not None and not offer.priced.refusal:
            self.buying.press(offer)

    def _changed(self) -> None:
        """The form has changed: check it once, a moment later."""
        self.queue.touch()
        with self._lock:
            self._check_turn += 1
            turn = self._check_turn
        self.desk.later(CHECK_S, self._check_soon, turn)

    def _dropped_video(self, content: bytes, name: str) -> None:
        self.desk.work(self._fill_from_video, content, name)

    def _use(self, run: Run) -> None:
        self.desk.work(self._fill_from_run, run)

    def _show_button(self) -> None:
        offer = self._offer
        is_off = offer is None or bool(offer.priced.refusal) or not self.buying.is_ready
        if self.button.disabled != is_off:
            self.button.disabled = is_off

    # --- on the dispatcher's thread ----------------------------------------------------------------------------------

    def _check_soon(self, turn: int) -> None:
        if turn == self._check_turn:
            get_session().dispatcher.start(self._check())

    async def _check(self) -> None:
        try:
            current = settings_.current()
            balance, why = await self._balance(current)
            self.desk.work(self._judge, way_of(current), balance, why)
        except Exception as exc:  # noqa: BLE001 - said in the panel
            self._judge_nothing()
            self._trouble(exc)

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

    def _compare_limits(self, limits: dict[str, float]) -> None:
        if limits != self._limits:
            self._changed()

    # --- on a worker -------------------------------------------------------------------------------------------------

    def _trouble(self, exc: Exception, *, add: bool = False) -> None:
        if isinstance(exc, OutOfCredits):
            self._has_paid = True  # somebody has: the balance that is shown is an old one
            self._changed()
        if isinstance(exc, KieError):
            self.say("\n".join(lines_of(exc)), bad=True, add=add)
            return
        log.error("error in the panel", exc_info=exc)
        self.say(f"Something went wrong in the panel: {type(exc).__name__}: {exc}", bad=True)

    def _judge(self, way: Way, balance: float | None, why: str) -> None:
        """Marks, estimate, balance, and whether Generate can be pressed."""
        if way != way_now():
            self._changed()
            return
        self._way = way
        try:
            self._limits = get_session().here.limits()
            draft = self.form.read()
            errors = self.form.mistakes(draft)
            priced = price(draft, self.form.picture.picture, balance)
        except Exception:
            self._judge_nothing()
            raise
        self._offer = Offer(way=way, priced=priced)
        set_html(self.money, priced.html(balance, is_free=way.service == "simulator", why=why))
        set_html(self.head, page.service_badge(way.service, way.who))
        self._show_button()
        if not errors:
            self._messages.withdraw()
        missing = set() if self._pressed else draft.missing()
        self.form.mark({name: words for name, words in errors.items() if name not in missing})

    def _judge_nothing(self) -> None:
        """Show no price rather than an outdated one; *Generate* is off."""
        self._offer, self._way = None, way_now()
        set_html(self.money, "price not known")
        self._show_button()

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
            self._messages.complaint = "\n".join(lines_of(refusal))
            raise refusal
        return draft

    def _buy(self, offer: Offer) -> None:
        current = settings_.current()
        check_way(offer.way, way_of(current))
        origin = replace(here(), execution_count=self._cell)
        self._ask_for(self._snapshot(), current, origin, offer.priced)

    def _bought(self) -> None:
        """Whatever the outcome: read the balance again, and check the form again."""
        self._has_paid = True
        self._changed()

    def _ask_for(
        self, draft: Draft, current: settings_.Settings, origin: Origin, shown: Priced | None = None
    ) -> list[Run]:
        runs = submit(draft, current=current, origin=origin, shown=shown, say=self.say, show=self.shown.show)
        if not self.form.seed.is_kept and any(how == "new" for _, how in runs):
            self.form.seed.draw()
        self.desk.soon(self.queue.look)
        return [run for run, _ in runs]

    def _show(self, run: Run) -> None:
        get_session().supervisor.ensure_driven(run)
        self.shown.show(run)

    def _fill_from_video(self, content: bytes, name: str) -> None:
        from .filling import draft_of_video

        found = draft_of_video(content, name)
        self.form.show(found.draft, keep_seed=True)
        self.say(f"The form is filled as for {name}. {found.remark}".strip())

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
