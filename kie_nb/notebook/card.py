"""The live card: one widget while the run is under way, a static bundle in its place at the end.

The final video is shown twice on purpose: in the widget, which a reloaded page and Voilà still see, and by an update of
the output, which is what a saved notebook keeps. Everything here runs on the dispatcher's thread after `show`.
"""

from __future__ import annotations

import datetime as dt
import functools
import logging
from concurrent.futures import Future
from typing import Any

from .. import settings as settings_
from ..engine.waiting import wait_blocking
from ..handles import Run, get_session
from ..ledger.states import State
from ..markup import Html, html
from . import page
from .live_output import LIVE, LiveOutput
from .ticker import ticker
from .video import RunVideo, show_video

log = logging.getLogger("kie_nb")
STOPPED = "You stopped waiting. The task goes on{}; its video appears here when it is done."
FLUSH_S = 0.2  # at most five updates a second; dropped ones never come back (the server drops above 1000 messages/s)


@functools.cache
def widgets() -> Any:
    """The package, loaded when there is a card to show."""
    import ipywidgets

    return ipywidgets


_shared: list[Any] = []


def is_shared(model: Any) -> bool:
    """Whether `shared_layout` has given it, so that others have it too."""
    return any(model is each for each in _shared)


_LAYOUTS = {
    "box": {
        "max_width": "854px",
        "width": "100%",
        "border": "1px solid rgba(128,128,128,.35)",
        "padding": "10px 12px",
        "margin": "4px 0 0 0",
    },
    "bare": {"max_width": "854px", "width": "100%"},
    "wide": {"width": "100%", "margin": "0"},
    "timer": {"margin": "0"},
    "row": {"align_items": "center", "margin": "2px 0 0 0", "flex_flow": "row wrap"},
    "button": {"width": "auto", "margin": "0 0 0 12px"},
    "gone": {"display": "none"},
}


@functools.cache
def shared_layout(kind: str) -> Any:
    """Layouts and styles are models of their own: shared ones keep a card at few messages."""
    kit = widgets()
    styles = {"html": kit.HTML, "button_style": kit.Button}
    made = styles[kind]().style if kind in styles else kit.Layout(**_LAYOUTS[kind])
    _shared.append(made)
    return made


class Card:
    """Shows one run in one cell."""

    def __init__(self, run: Run, *, note: str = "", embed: settings_.Embed | None = None) -> None:
        kit = widgets()
        self.run, self.note = run, note
        self.embed: settings_.Embed = embed or settings_.current().embed
        self.shown: Future[None] = Future()
        self._usual_s: float | None = None
        self._dirty = False
        self._over = False
        self._has_id = run.task_id is not None
        self.head = kit.HTML(
            page.live_card(run, note=note), layout=shared_layout("wide"), style=shared_layout("html")
        )
        self.timer = kit.HTML(self._time(), layout=shared_layout("timer"), style=shared_layout("html"))
        self.button = kit.Button(
            description="Stop waiting",
            tooltip="the task goes on at the service; its video is still fetched",
            layout=shared_layout("button"),
            style=shared_layout("button_style"),
        )
        self.button.on_click(self._stop)
        self.foot = kit.HBox([self.timer, self.button], layout=shared_layout("row"))
        self.box = kit.VBox([self.head, self.foot], layout=shared_layout("box"))
        self.box.add_class(page.LIVE_CLASS)
        self.box.add_class(LIVE)
        self._output: LiveOutput | None = None

    def show(self) -> None:
        """Put it into the current cell; from the cell's own thread."""
        self._output = LiveOutput(self.box, self._kept())
        self.run.hold(self.shown)
        self.run.listen(self._changed)
        ticker().add(self)
        get_session().dispatcher.call_soon(self._flush)

    def _kept(self) -> dict[str, str]:
        """What is left of it in a notebook that is saved now."""
        at = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
        back = (
            f"State as of {at}. Run the cell again, or %kie show {self.run.id[:8]}, to see what became of it."
        )
        note = f"{self.note} {back} {page.HOW_TO_WAIT}".strip()
        return {"text/html": page.card(self.run, note=note), "text/plain": repr(self.run)}

    def tick(self) -> None:
        """A second has passed."""
        if self._usual_s is None:
            self._learn_usual()
        self.timer.value = self._time()

    # --- on the dispatcher's thread ------------------------------------------------------------------------------

    def _changed(self, _run: Run) -> None:
        """Something is new; several such moments become one update."""
        if self._dirty:
            return
        self._dirty = True
        get_session().dispatcher.loop.call_later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        self._dirty = False
        if self._over:
            return
        run = self.run
        try:
            if run.state is State.FETCHED or run.error is not None:
                self._end()
                return
            stopped = STOPPED.format(" and is billed" if run.service == "kie" else "")
            self.head.value = page.live_card(run, note=stopped if run.is_stopped else self.note)
            self.timer.value = self._time()
            self._refresh_fallback()
        except Exception:  # a display that fails must never stop a paid run
            log.exception("the card of run %s failed", run.id)
            self._stop_listening()
            self._release()

    def _refresh_fallback(self) -> None:
        """What a notebook saved now will show. Once, when the task has its id: every refresh rebuilds the live view."""
        if self.run.task_id and not self._has_id and self._output is not None:
            self._has_id = True
            self._output.update(self._kept())

    def _stop_listening(self) -> None:
        self._over = True
        ticker().discard(self)
        self.run.unlisten(self._changed)

    def _end(self) -> None:
        self._stop_listening()
        if self.run.error is not None or self.run.video is None:
            self._put_page(with_error=True)
            return
        self.button.disabled = True
        self.head.value = page.live_card(self.run, note=self.note)
        future = get_session().previews.submit(self._make)
        future.add_done_callback(lambda done: get_session().dispatcher.call_soon(lambda: self._finish(done)))

    def _make(self) -> RunVideo:
        """The finished display, in a worker: encoding megabytes would hold up every other run."""
        video = show_video(self.run, embed=self.embed, note=self.note)
        video.html()
        return video

    def _finish(self, made: Future[RunVideo]) -> None:
        try:
            video = made.result()
            self._put(video.html(), video)
        except Exception:
            log.exception("the video of run %s could not be shown", self.run.id)
        finally:
            self._release()

    def _put_page(self, *, with_error: bool) -> None:
        shown = page.card(self.run, note=self.note, with_error=with_error)
        self._put(shown, {"text/html": shown, "text/plain": repr(self.run)}, raw=True)

    def _put(self, shown: Html, output: Any, *, raw: bool = False) -> None:
        """The end takes the place of the widget's content, and *output* that of its page."""
        try:
            self.head.value = shown  # it has a frame of its own, and nothing is left to stop
            self.foot.layout, self.box.layout = shared_layout("gone"), shared_layout("bare")
            if self._output is not None:
                self._output.end(output, raw=raw)
        finally:
            self._release()

    def _release(self) -> None:
        if not self.shown.done():
            self.shown.set_result(None)

    def leave_error_to_cell(self) -> None:
        """The cell raises the error itself: once is enough."""

        def replace() -> None:
            self._stop_listening()
            self._put_page(with_error=False)

        get_session().dispatcher.call_soon(replace)
        wait_blocking(self.shown, timeout_s=2.0)

    # --- words -----------------------------------------------------------------------------------------------------

    def _time(self) -> str:
        return html('<span style="{}">{}</span>', page.FONT, page.elapsed(self.run, self._usual_s))

    def _learn_usual(self) -> None:
        async def learn() -> None:
            usual = await get_session().durations.usual(self.run)
            self._usual_s = usual.median if usual else 0.0

        self._usual_s = 0.0
        get_session().dispatcher.start(learn())

    def _stop(self, _button: Any) -> None:
        """On the main thread or a subshell's: set traits and hand over, nothing else."""
        self.button.disabled = True
        dispatcher = get_session().dispatcher
        dispatcher.start(dispatcher.ledger(self.run.stop_waiting))  # what was not sent is taken back: a write
