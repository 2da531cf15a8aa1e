"""`kie_nb.panel()`: connects the parts. Callbacks check, set traits and hand over; slow work runs on workers."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import ipywidgets as kit

from ... import frontend
from ... import settings as settings_
from ...catalogue import Request
from ...errors import InvalidRequest, KieError
from ...frontend import running_cell
from ...handles import Run, get_session
from ...ledger.states import OPEN
from ...markup import NO_MATH
from ...notice import say_simulator_once
from ...presence import has_widgets, must_wait
from ...requests.provenance import Origin, here
from ...text import say
from ...video.sniff import HEAD_BYTES, is_sound
from ...wording import Panel as Words
from ..gallery import Gallery
from ..live_output import LIVE, LiveOutput
from ..run_cell import cell_of, next_repeat
from ..run_list import RunList
from ..ticker import ticker
from .callbacks import Callbacks
from .checking import Checking
from .clocks import is_left
from .draft import Draft
from .form import Form
from .pricing import Priced, check_way, way_of
from .queue import Queue
from .run_view import RunView
from .settle_box import SettleBox
from .static import static_page
from .submission import Submission, submit
from .view import PanelView
from .widgets import close_all

if TYPE_CHECKING:
    import os

    from ...operations.embedded_request import Recalled


class Panel:
    """A form for requests, a queue of what is open, and what was made. `kie_nb.panel()` gives the one of this process."""

    def __init__(self) -> None:
        self.view = PanelView()
        self.callbacks = Callbacks(self.view)
        self._cell: int | None = None  # the one that shows the panel
        self._tick = self.callbacks.guard(self._look_around)
        work = self.callbacks.work
        self.submission = Submission(self.callbacks)
        self.form = Form(
            self.view,
            self.callbacks,
            recording=lambda content, name: work(self._take_recording, content, name),
        )
        self.run_view = RunView(self.view, self.callbacks)
        self.settling = SettleBox(self.callbacks, self._show)
        self.gallery = Gallery(
            lambda run: work(self._fill_from_run, run),
            lambda words: self.say(words, bad=True),
            use_with_seed=lambda run: work(lambda: self._fill_from_run(run, keep_seed=True)),
        )
        self.queue = Queue(self.view, self.callbacks, run_view=self.run_view, gallery=self.gallery)
        self.checking = Checking(self.view, self.callbacks, self.form, self.submission, self.queue)
        self.box = kit.VBox([self.view, self.settling.box, self.gallery.box])
        for name in ("kie", "kie-panel", LIVE, *NO_MATH):
            self.box.add_class(name)
        self.view.panel = self.box.model_id or ""
        self._says, self._acts = self._on_page(), self._on_runs()
        self.view.on_msg(self.callbacks.guard(self._heard))
        self.queue.start()
        ticker().add(self)
        self.checking.changed()

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
        self._fill(source, keep_seed=True, use_address=use_address)
        return self

    def _fill(self, source: Any, *, keep_seed: bool, use_address: bool = False) -> None:
        from .draft_sources import draft_of

        draft = draft_of(source)
        draft.is_found &= not use_address
        self.form.show(draft, keep_seed=keep_seed)
        if draft.remark:
            self.say(draft.remark)

    def generate(self) -> RunList:
        """Ask for what the form holds, as *Generate* does; waits for the videos where nobody watches.

        Raises:
            KieError: as `kie_nb.generate`.
        """
        self.submission.claim()
        try:
            draft = self.form.read()
            errors = self.checking.mistakes(draft)
            if errors:
                raise InvalidRequest("\n".join(dict.fromkeys(errors.values())))
            runs = self._ask_for(draft, settings_.current(), here())
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
        self.checking.changed()
        kept = {"text/html": static_page(), "text/plain": static_page(text=True)}
        if has_widgets():
            LiveOutput(self.box, kept)
        else:
            display(kept, raw=True)

    # --- in widget callbacks, on whatever thread -------------------------------------------------------------------

    def _on_page(self) -> dict[str, Callable[[dict[str, Any], list[Any]], object]]:
        """What the page can say that is not about a run."""
        picture = self.form.picture
        return {
            "hello": lambda _, __: self._greet(),
            "piece": picture.piece,
            "failed": lambda asked, _: picture.fail(asked),
            "fix": lambda asked, _: picture.fix(asked),
            "remove": lambda _, __: picture.show(None),
            "more": lambda _, __: self.queue.show_more(),
            "uncopied": lambda _, __: self.say(Words.UNCOPIED),
            "press": lambda asked, _: self._press(asked),
            "another": lambda asked, _: self._press_another(asked),
        }

    def _on_runs(self) -> dict[str, Callable[[Run, dict[str, Any]], object]]:
        """What the page can ask of a run; each is done on a worker."""
        return {
            "show": lambda run, _: self._look_at(run),
            "resume": lambda run, _: self._show(run),
            "stop": lambda run, _: self.queue.stop(run),
            "take_back": lambda run, _: self.queue.take_back(run),
            "settle": lambda run, _: self.settling.open(run),
            "reuse": lambda run, asked: self._fill_from_run(run, keep_seed=bool(asked.get("seed"))),
            "rate": lambda run, asked: self._rate(run, asked.get("stars")),
            "download": lambda run, _: self.run_view.send_file(run),
            "copied": lambda run, _: self.run_view.tell_cell(run, Words.COPIED),
            "inserted": lambda run, _: self.run_view.tell_cell(run, Words.INSERTED),
        }

    def _heard(self, _view: Any, asked: dict[str, Any], buffers: list[Any]) -> None:
        """The page says something."""
        kind = str(asked.get("kind"))
        if kind in self._says:
            self._says[kind](asked, buffers)
        elif kind in self._acts:
            self.callbacks.work(lambda: self._acts[kind](self._run_of(kind, str(asked.get("id"))), asked))

    def _greet(self) -> None:
        """A page that is new: what is in no trait."""
        self.form.picture.send_still()
        self.callbacks.work(self.run_view.send_all)

    def _run_of(self, kind: str, run_id: str) -> Run:
        """The run that a message is about; a row of the queue that is gone by now is none."""
        run = self.queue.shown.get(run_id)
        if run is None and kind in {"stop", "take_back"}:
            raise KieError(f"Run {run_id[:8]} is not open any more.")
        return run or self.run_view.find(run_id)

    def _press(self, asked: dict[str, Any]) -> None:
        form = asked.get("form")
        draft, is_on = self.form.read(form if isinstance(form, dict) else {}), self.checking.is_on
        self.submission.press(asked.get("number"), (lambda shown: self._buy(draft, shown)) if is_on else None)

    def _press_another(self, asked: dict[str, Any]) -> None:
        run_id = str(asked.get("id"))
        self.submission.press(asked.get("number"), lambda offer: self._buy_another(run_id, offer))

    # --- on the dispatcher's thread ----------------------------------------------------------------------------------

    def _look_around(self) -> None:
        """Update the clocks, and check whether a cell has changed the service."""
        self.queue.tick()
        self.checking.tick()

    # --- on a worker -------------------------------------------------------------------------------------------------

    def _buy(self, draft: Draft, offer: Priced) -> None:
        current = settings_.current()
        check_way(offer.way, way_of(current))
        self.say("")
        if not self.checking.mistakes(draft):
            self._ask_here(draft, current, offer)
            self.view.count = 1

    def _buy_another(self, run_id: str, offer: Priced) -> None:
        """The request of a run with another seed, for the price that stands on that button."""
        from .draft_sources import draft_of

        current = settings_.current()
        check_way(offer.way, way_of(current))
        run = self.run_view.find(run_id)
        draft = replace(draft_of(run), seed=None, first_repeat=next_repeat(run))
        self._ask_here(draft, current, replace(offer, missing=1, each=draft.estimate))

    def _ask_here(self, draft: Draft, current: settings_.Settings, shown: Priced) -> None:
        """The same from the panel's own cell; the error of the one run that is shown stands beside it."""
        try:
            self._ask_for(draft, current, replace(here(), execution_count=self._cell), shown)
        except KieError as exc:
            if exc.run_id is None or draft.count > 1:
                raise
            self.run_view.show(self.run_view.find(exc.run_id))
            self.say("")

    def _ask_for(
        self, draft: Draft, current: settings_.Settings, origin: Origin, shown: Priced | None = None
    ) -> list[Run]:
        runs = submit(
            draft.with_seed(),
            current=current,
            origin=origin,
            shown=shown,
            say=self.say,
            begun=self.run_view.begun,
        )
        self.callbacks.soon(self.queue.look)
        return [run for run, _ in runs]

    def _rate(self, run: Run, stars: object) -> None:
        self.run_view.rate(run, stars)
        self.gallery.refresh()

    def _look_at(self, run: Run) -> None:
        """Show it; one that is paused stays so."""
        is_followed = run.state in OPEN and not is_left(run)
        (self._show if is_followed else self.run_view.show)(run)

    def _show(self, run: Run) -> None:
        get_session().supervisor.ensure_driven(run)
        self.run_view.show(run)
        self.callbacks.soon(self.queue.look)

    def _take_recording(self, content: bytes, name: str) -> None:
        """Fill the form from one of our own videos; any other, and a sound, is for the model that is chosen."""
        from .draft_sources import draft_of_video

        if is_sound(content[:HEAD_BYTES]):
            self.form.give(content, name, "audio")
            return
        try:
            draft = draft_of_video(content, name)
        except InvalidRequest:
            with contextlib.suppress(InvalidRequest):
                self.form.give(content, name, "video")
                return
            raise
        self.form.show(draft, keep_seed=True)
        self.say(f"The form is filled as for {name}. {draft.remark}".strip())

    def _fill_from_run(self, run: Run, *, keep_seed: bool = False) -> None:
        """The settings of *run*, with a new seed unless *keep_seed*; the form comes into view."""
        self._fill(run, keep_seed=keep_seed)
        self.view.send({"kind": "look"})
        words = f"with its seed {run.seed}" if keep_seed else "with a new random seed"
        self.say(f"The form is filled as for run {run.id[:8]}, {words}.")


_panel: Panel | None = None
_panel_lock = threading.Lock()


def panel() -> Panel:
    """The panel of this process; shown by the cell that ends with it."""
    global _panel  # noqa: PLW0603
    with _panel_lock:
        if _panel is None:
            _panel = Panel()
        return _panel
