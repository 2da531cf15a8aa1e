"""The live card: the widget of a cell's runs, and below it the page that a saved notebook keeps of them.

The widget shows the video as well: a reloaded page and Voilà have nothing else, and its buttons rate it or ask again while the
kernel lives. After `show` everything runs on the dispatcher's thread, except what is submitted to workers.
"""

from __future__ import annotations

import datetime as dt
import functools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from .. import settings as settings_
from ..engine.dispatcher import Threads
from ..engine.waiting import wait_blocking
from ..errors import KieError
from ..frontend import running_cell
from ..handles import Run, get_session
from ..home import read_plain
from ..ledger.states import UNSETTLED, State
from ..markup import joined
from ..stores import bring
from ..text import visible
from ..wording import Card as Words
from . import run_page, ways_out
from .card_widget import card_widget, give_back
from .live_output import LiveOutput
from .live_run import LiveRun
from .run_cell import cell_of
from .ticker import ticker
from .ways_out import Answer

log = logging.getLogger("kie_nb")
FLUSH_S = 0.2  # at most five updates a second; dropped ones never come back (the server drops above 1000 messages/s)
TICK_S = 14.0  # the page's clock runs by itself; this tells it that the kernel lives, and what a reloaded page begins with
PAUSE_S = 1.5  # after a press that buys: the second half of a double click is not a press
REWRITE_S = 2.0  # after the last star: the page may hold megabytes
LARGEST_FILE = 200_000_000  # bytes in one message


@functools.cache
def workers() -> Threads:
    """Threads of the cards' own, for what a person presses."""
    return Threads(2, "kie-nb-card")


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
    "wide": {"width": "100%", "margin": "0"},
    "gone": {"display": "none"},
}


@functools.cache
def shared_layout(kind: str) -> Any:
    """Layouts are models of their own: shared ones keep a card at few messages."""
    made = widgets().Layout(**_LAYOUTS[kind])
    _shared.append(made)
    return made


class Card:
    """Shows runs in one cell: the one that was asked for, and those that are asked for from there."""

    def __init__(
        self, run: Run, *, how: str = "", note: str = "", embed: settings_.Embed | None = None
    ) -> None:
        self._embed: settings_.Embed = embed or settings_.current().embed
        self._runs: list[LiveRun] = []
        self._output: LiveOutput | None = None
        self._cell: int | None = None  # its number
        self._is_due = self._was_asked = False
        self._lock = threading.Lock()
        self._sent_at = 0.0
        self._rewriting: Any = None
        self._answers: tuple[int, tuple[Answer, ...]] = (0, ())
        self._acts: dict[str, Callable[[LiveRun, dict[str, Any]], None]] = {
            "still": self._send_still,
            "media": self._send_media,
            "rate": self._rate,
            "cell": self._send_cell,
            "file": self._send_file,
            "another": self._another,
            "resume": self._resume,
            "adopt": lambda live, asked: ways_out.adopt(self, live.run, str(asked.get("task"))),
            "resend": lambda live, _asked: ways_out.resend(self, live.run),
            "write_off": lambda live, _asked: ways_out.write_off(self, live.run),
            "answer": lambda _live, asked: self._answer(asked),
        }
        self._add(run, how=how, note=note)
        self.widget = card_widget([live.data() for live in self._runs])
        self.widget.on_msg(self._hear)

    def show(self) -> None:
        """Put it into the current cell; from the cell's own thread."""
        live, self._cell = self._runs[0], running_cell()[1]
        shown = {
            "text/html": run_page.card(live.run, note=live.note, how=live.how),
            "text/plain": repr(live.run),
        }
        self._output = LiveOutput(self.widget, shown)
        live.begin()
        ticker().add(self)

    def _add(self, run: Run, *, how: str = "", note: str = "") -> LiveRun:
        live = LiveRun(run, how=how, note=note, embed=self._embed, changed=self._changed)
        self._runs.append(live)
        return live

    def _also(self, run: Run) -> None:
        """Show *run* below the others."""
        if all(live.run is not run for live in self._runs):
            live = self._add(run)
            live.begin()
            ticker().add(self)

    def leave_error_to_cell(self) -> None:
        """The cell raises the error itself: once is enough."""
        live = self._runs[0]

        def replace() -> None:
            live.with_error = False
            live.stop_listening()
            self._refresh()
            self._write(live)

        get_session().dispatcher.call_soon(replace)
        wait_blocking(live.shown, timeout_s=2.0)

    # --- on the dispatcher's thread ------------------------------------------------------------------------------

    def tick(self) -> None:
        """A second has passed."""
        loop = get_session().dispatcher.loop
        if all(live.is_over for live in self._runs):
            ticker().discard(self)
        elif loop.time() - self._sent_at >= TICK_S:
            self._refresh()

    def _changed(self, live: LiveRun) -> None:
        """Something is new; several such moments become one update."""
        if not live.is_over and not self._is_due:
            self._is_due = True
            get_session().dispatcher.loop.call_later(FLUSH_S, self._flush)

    def _flush(self) -> None:
        self._is_due = False
        for live in self._runs:
            if live.is_over:
                continue
            try:
                self._look(live)
            except Exception:  # a display that fails must never stop a paid run
                log.exception("the card of run %s failed", live.run.id)
                live.stop_listening()
                live.release()
        self._refresh()

    def _look(self, live: LiveRun) -> None:
        """Whether it has come to its end; until then, what a notebook saved now keeps. Each new page rebuilds a view in its output."""
        run = live.run
        if run.state is State.FETCHED or run.error is not None:
            live.stop_listening()
            self._write(live)
        elif run.task_id and not live.is_kept:
            live.is_kept = True
            self._write(None)
        if not self._was_asked and live.data()["place"] == "picture":
            # Unasked: while a cell computes, a question of the page would wait for its end.
            self._work(self._send_still, live, {})

    def _refresh(self) -> None:
        self._sent_at = get_session().dispatcher.loop.time()
        self.widget.runs = [live.data() for live in self._runs]

    # --- the page -------------------------------------------------------------------------------------------------

    def _write(self, ended: LiveRun | None) -> None:
        """Write the page anew, in a worker: encoding megabytes would hold up every other run.

        Args:
            ended: The run that has come to its end, if one has; its video is loaded first.
        """

        def make() -> dict[str, Any]:
            if ended is not None and ended.is_video:
                ended.load()
            return self._bundle()

        made = get_session().previews.submit(make)
        made.add_done_callback(
            lambda done: get_session().dispatcher.call_soon(lambda: self._put(done, ended))
        )

    def _bundle(self) -> dict[str, Any]:
        at = dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC")
        made = []
        for live in self._runs:
            back = Words.KEPT.format(at=at, back=Words.KEPT_BACK.format(run=live.run.id[:8]))
            made.append(live.bundle(f"{back} {Words.HOW_TO_WAIT}"))
        bundle = {**made[0], "text/html": joined(each["text/html"] for each in made)}
        bundle["text/plain"] = "\n".join(each["text/plain"] for each in made)
        return bundle

    def _put(self, made: Future[dict[str, Any]], ended: LiveRun | None) -> None:
        try:
            bundle = made.result()
            if ended is not None:
                self._refresh()
                if ended.assets is not None:
                    self._work(self._send_media, ended, {})
                if all(live.is_over for live in self._runs):
                    give_back(self.widget)
            if self._output is not None and ended is not None:
                self._output.keep(bundle)
            elif self._output is not None:
                self._output.update(bundle)
        except Exception:
            log.exception("the page of run %s could not be written", self._runs[0].run.id)
        finally:
            if ended is not None:
                ended.release()

    # --- on the main thread or a subshell's: look at it and hand it over, nothing else -----------------------------

    def _hear(self, _widget: Any, content: Any, _buffers: Any) -> None:
        asked = content if isinstance(content, dict) else {}
        kind, dispatcher = asked.get("kind"), get_session().dispatcher
        if kind == "hello":
            dispatcher.call_soon(self._refresh)
        live = next((each for each in self._runs if each.run.id == asked.get("run")), None)
        if live is None:
            return
        if kind == "stop":
            dispatcher.start(
                dispatcher.ledger(live.run.stop_waiting)
            )  # what was not sent is taken back: a write
        elif kind == "another":
            if self._is_news(live, asked.get("number")):
                self._work(self._another, live, asked)
        elif kind in self._acts:
            self._was_asked = self._was_asked or kind == "still"
            self._work(self._acts[str(kind)], live, asked)

    # --- in workers -------------------------------------------------------------------------------------------------

    def _work(
        self, act: Callable[[LiveRun, dict[str, Any]], None], live: LiveRun, asked: dict[str, Any]
    ) -> None:
        def work() -> None:
            try:
                act(live, asked)
            except KieError as exc:
                self._say(live, "\n".join(line.strip() for line in exc.lines()))
            except Exception as exc:
                log.exception("the card of run %s failed", live.run.id)
                self._say(live, Words.FAILED_HERE.format(why=f"{type(exc).__name__}: {exc}"))

        workers().submit(work)

    def _send(self, live: LiveRun, kind: str, buffers: tuple[bytes, ...] = (), /, **content: Any) -> None:
        self.widget.send({"kind": kind, "run": live.run.id, **content}, list(buffers))

    def _say(self, live: LiveRun, text: str) -> None:
        self._send(live, "said", text=visible(text))

    def _send_still(self, live: LiveRun, _asked: dict[str, Any]) -> None:
        self._send(live, "still", (live.still(),))

    def _send_media(self, live: LiveRun, _asked: dict[str, Any]) -> None:
        facts, content = live.media()
        self._send(live, "media", (content,) if content else (), **facts)

    def _rate(self, live: LiveRun, asked: dict[str, Any]) -> None:
        live.run.rate(asked.get("stars") or None)
        get_session().dispatcher.call_soon(self._rewrite_later)

    def _rewrite_later(self) -> None:
        self._refresh()
        if self._rewriting is not None:
            self._rewriting.cancel()
        self._rewriting = get_session().dispatcher.loop.call_later(REWRITE_S, self._write, None)

    def _send_cell(self, live: LiveRun, asked: dict[str, Any]) -> None:
        self._send(live, "cell", text=cell_of(live.run), insert=asked.get("insert") is True)

    def _send_file(self, live: LiveRun, _asked: dict[str, Any]) -> None:
        video = live.run.video
        if video is not None and not bring(video) and video.stat().st_size <= LARGEST_FILE:
            self._send(live, "file", (read_plain(video),), name=video.name)

    def _another(self, live: LiveRun, _asked: dict[str, Any]) -> None:
        try:
            self._also(get_session().another(live.run, cell=self._cell))
            self._say(live, "")
        finally:
            dispatcher = get_session().dispatcher
            dispatcher.call_soon(lambda: dispatcher.loop.call_later(PAUSE_S, self._offer_again, live))

    def _resume(self, live: LiveRun, _asked: dict[str, Any]) -> None:
        get_session().supervisor.ensure_driven(live.run)
        live.resume()
        ticker().add(self)

    def _is_news(self, live: LiveRun, number: object) -> bool:
        """Whether a press names the number that stands on its button, for the first time.

        A double click, two pages, or a page that was loaded anew while a cell computed send the same one twice.
        """
        with self._lock:
            if number != live.offer or live.is_pressed:
                return False
            live.is_pressed = True
            return True

    def _offer_again(self, live: LiveRun) -> None:
        with self._lock:
            live.offer, live.is_pressed = live.offer + 1, False
        self._refresh()

    # --- settling, see `ways_out.Screen` ----------------------------------------------------------------------------

    def ask(self, run: Run, words: str, *answers: Answer) -> None:
        """Put a question below *run*."""
        with self._lock:
            turn = self._answers[0] + 1
            self._answers = (turn, answers)
        live = next(each for each in self._runs if each.run is run)
        if words:
            self._send(live, "ask", words=visible(words), answers=[text for text, _ in answers], turn=turn)

    def _answer(self, asked: dict[str, Any]) -> None:
        place = asked.get("place")
        with self._lock:  # two workers may have one answer each: a double click answers once
            turn, answers = self._answers
            if asked.get("turn") != turn or not isinstance(place, int) or not 0 <= place < len(answers):
                return
            self._answers = (turn, ())
        answers[place][1]()

    def settled(self, run: Run, found: Run) -> None:
        """Show what stands for the request of *run* now."""
        live = next(each for each in self._runs if each.run is run)
        if found is not run:
            live.sent_again = found
            self._also(found)
        if run.state not in UNSETTLED:
            live.resume()
            ticker().add(self)
