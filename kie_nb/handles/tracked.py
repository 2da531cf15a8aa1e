"""What a handle knows beyond the row: futures of waiting callers, listeners, and the message when a wait ends."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from concurrent.futures import Future

from ..engine.dispatcher import Dispatcher
from ..engine.record import Record
from ..engine.transitions import cancel_unsent
from ..errors import MADE, SIMULATED, KieError
from ..ledger import Ledger, RunRow, owner
from ..ledger.states import AT_SERVICE, State

Listener = Callable[["Tracked"], None]
log = logging.getLogger("kie_nb")


class Tracked(Record):
    """A run whose row is the last one published, with those who wait for it and listen."""

    def __init__(self, row: RunRow, ledger: Ledger, dispatcher: Dispatcher) -> None:
        super().__init__(row, ledger)
        self.done: Future[None] = Future()  # the run has come to its end, or nobody waits any more
        self.answered: Future[None] = Future()  # the service has accepted or refused
        self.error: KieError | None = None
        self.trouble = ""  # something that passes, in words
        self.is_stopped = False  # somebody has stopped waiting for it
        self.held: list[Future[None]] = []  # displays that waits end with
        self.pid = os.getpid()
        self._dispatcher = dispatcher
        self.listeners: list[Listener] = []
        self._lock = threading.RLock()  # around the two futures: who waits and who drives may meet at the end

    # --- for the registry --------------------------------------------------------------------------------------

    def reopen(self) -> None:
        """It is driven (again)."""
        with self._lock:
            self.error, self.is_stopped, self.trouble = None, False, ""
            self.done = Future() if self.done.done() else self.done
            self.answered = Future() if self.answered.done() else self.answered

    def update(self, row: RunRow) -> None:
        """Its row is *row* now."""
        with self._lock:
            self._row = row
            # A refusal is an answer only together with its error, which `finish` brings.
            if row.state in AT_SERVICE | {State.SUCCESS, State.FETCHED} and not self.answered.done():
                self.answered.set_result(None)
        self.notify()

    def say(self, trouble: str) -> None:
        """Something that passes: shown on the card, raised nowhere."""
        if trouble != self.trouble:
            self.trouble = trouble
            self.notify()

    def finish(self, error: KieError | None) -> None:
        """It has come to its end, or is not driven any more: with *error*, or with its video."""
        if error is not None and error.run_id is None:
            error.run_id = self.id
        with self._lock:
            self.error = error
            for future in (self.answered, self.done):
                if not future.done():
                    future.set_result(None)
        self.notify()

    # --- for handles and displays ------------------------------------------------------------------------------

    def release(self) -> None:
        """End every wait that there is now; who waits from now on waits for its end."""
        with self._lock:
            done = self.done
            if done.done():
                return
            self.done = Future()
        done.set_result(None)
        self.notify()

    def hold(self, shown: Future[None]) -> None:
        """Waits end when *shown* is done too."""
        self.held = [*(future for future in self.held if not future.done()), shown]

    def listen(self, listener: Listener) -> None:
        """Call *listener* on the dispatcher's thread at every change; an error in it is not the run's."""
        self.listeners.append(listener)

    def unlisten(self, listener: Listener) -> None:
        """Stop calling *listener*."""
        if listener in self.listeners:
            self.listeners.remove(listener)

    def notify(self) -> None:
        """Tell the listeners, on the dispatcher's thread whoever calls."""
        if not self._dispatcher.is_own_thread():
            if self.listeners:
                self._dispatcher.call_soon(self.notify)
            return
        for listener in list(self.listeners):
            try:
                listener(self)
            except Exception:
                log.exception("a listener of run %s failed", self.id)  # must not stop a paid run


def goes_on(run: Record) -> str:
    """What becomes of it now."""
    if run.state is State.FETCHED:
        return f"task {run.task_id} is done; its video is still to be brought to this machine."
    if run.state is State.SUCCESS:
        return f"task {run.task_id} is done; its video is still to be fetched."
    if run.task_id:
        return f"task {run.task_id} goes on at the service; its video will still be fetched."
    if run.state is State.INTENT:
        who = "it is not sent yet" if run.row.owner == owner.me() else "another kernel is about to send it"
        return f"run {run.id[:8]} is recorded; {who}."
    return f"run {run.id[:8]} is recorded; if it was sent, it goes on at the service."


def what_goes_on(run: Record, *, is_interrupted: bool = False) -> tuple[str, dict[str, str]]:
    """What the end of a wait means, its cost and the next step; ■ cancels what was not sent yet."""
    if is_interrupted and cancel_unsent(run):
        words = f"{run.label} was not sent yet and will not be: nothing was charged."
        return words, {"hint": "run the cell to send it"}
    charged = {State.SUCCESS: MADE, State.FETCHED: "nothing now"}.get(
        run.state, "the task goes on and is billed"
    )
    charged = SIMULATED if run.service == "simulator" else charged
    hint = f"run the cell again or `%kie show {run.id[:8]}`; after a restart `%kie resume`"
    return goes_on(run), {"hint": hint, "charged": charged if run.task_id else ""}
