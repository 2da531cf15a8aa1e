"""What all parts of the panel share: guarded callbacks, workers, and the message line, which shows every error."""

from __future__ import annotations

import copy
import functools
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import ipywidgets as kit

from ...engine.dispatcher import Threads
from ...errors import KieError, OutOfCredits
from ...handles import get_session
from ...text import visible
from ...wording.next_steps import PANEL, said_in
from ..card_data import sentence
from .view import PanelView

log = logging.getLogger("kie_nb")
MOST_LINES = 9


class Callbacks:
    """Runs the panel's callbacks until it is closed, and says what happens; from any thread.

    Attributes:
        changed: Checks the form again: a field, the service or the ledger has changed.
        billed: The same, and the balance is read again.
        draw: Draws the button again.
    """

    def __init__(self, view: PanelView) -> None:
        self.changed: Callable[[], None] = lambda: None
        self.billed = self.draw = self.changed  # until they are priced, see `Checking`
        self._view = view
        self.is_closed = False
        self._lock = threading.Lock()
        self._pool = Threads(4, "kie-nb-panel")

    def guard(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """*fn* as a widget's handler: its errors are shown, and it does nothing once the panel is closed."""

        @functools.wraps(fn)
        def guarded(*args: Any) -> Any:
            if self.is_closed:
                return None
            try:
                return fn(*args)
            except Exception as exc:  # noqa: BLE001 - shown
                self.trouble(exc)

        return guarded

    def button(self, words: str, tooltip: str, act: Callable[[], object], **more: Any) -> Any:
        """A button that calls *act*."""
        made = kit.Button(description=words, tooltip=tooltip, **more)
        made.on_click(self.guard(lambda _button: act()))
        return made

    def work(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        """Run *fn* on a worker."""
        try:
            return self._pool.submit(self.guard(fn), *args)
        except RuntimeError:  # closed meanwhile
            nothing: Future[Any] = Future()
            nothing.set_result(None)
            return nothing

    def soon(self, fn: Callable[..., Any], *args: Any) -> None:
        """Run *fn* on the dispatcher's thread."""
        guarded = self.guard(fn)
        get_session().dispatcher.call_soon(lambda: guarded(*args))

    def later(self, delay_s: float, fn: Callable[..., Any], *args: Any) -> None:
        """The same after *delay_s*."""
        guarded = self.guard(fn)
        dispatcher = get_session().dispatcher
        dispatcher.call_soon(lambda: dispatcher.loop.call_later(delay_s, guarded, *args))

    def close(self) -> None:
        """Accept no more work; the workers end when their current jobs are done."""
        self.is_closed = True
        self._pool.close()

    def say(self, text: str, *, bad: bool = False, add: bool = False) -> None:
        """Put *text* into the message line.

        Args:
            bad: It is an error.
            add: It comes from the background: an error that is shown stays until the user acts.
        """
        text = visible(text)
        with self._lock:
            said = self._view.line
            if add and said["isBad"]:
                if text in said["text"]:
                    return
                bad, text = True, "\n".join([*said["text"].split("\n"), text][-MOST_LINES:])
            self._write(text, bad=bad)

    def trouble(self, exc: Exception, *, add: bool = False) -> None:
        """Say what went wrong."""
        if isinstance(exc, OutOfCredits):
            self.billed()  # somebody was: the balance that is shown is an old one
        if isinstance(exc, KieError):
            self.say("\n".join(lines_of(exc)), bad=True, add=add)
            return
        log.error("error in the panel", exc_info=exc)
        self.say(f"Something went wrong in the panel: {type(exc).__name__}: {exc}", bad=True)

    def _write(self, text: str, *, bad: bool) -> None:
        self._view.line = {"text": text, "isBad": bad}


def lines_of(error: KieError) -> list[str]:
    """The lines of *error*, with the next step as it is in the panel."""
    here = copy.copy(error)
    here.hint = said_in(PANEL, error.hint)
    return [sentence(line.strip()) for line in here.lines()]
