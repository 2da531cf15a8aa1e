"""The handle of a run: what `clip` is after a cell. It never is None, and it always says the state that is true now."""

from __future__ import annotations

import asyncio
import copy
import logging
import os
import threading
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any

from .. import _hooks
from ..bounds import MAX_TEXT, MAX_WORD, can_be_kept
from ..errors import (
    SIMULATED,
    InvalidRequest,
    KieError,
    LedgerError,
    StillRunning,
    WaitInterrupted,
    explain_cancelled,
)
from ..paths import shown_path
from ..text import in_line, say
from . import settling
from .bridge import wait_async, wait_blocking
from .facts import Facts
from .states import AT_SERVICE, State

if TYPE_CHECKING:
    from ..ledger import Ledger, RunRow
    from .evidence import Evidence
    from .session import Session

DISPLAY_WAIT_S = 30.0
WAIT_S = 1800.0  # recorded tasks took up to 13 minutes (kie-api §4.7)
Listener = Callable[["Run"], None]
log = logging.getLogger("kie_nb")


class Run(Facts):
    """One paid intention: its request, its task at the service, its video.

    `await run`, or `run.wait()`, gives the run when its video is on disk, and raises what went wrong otherwise.
    """

    def __init__(self, row: RunRow, session: Session, ledger: Ledger) -> None:
        self._row = row
        self._session = session
        self._ledger = ledger
        self._done: Future[None] = Future()
        self._answered: Future[None] = Future()
        self._error: KieError | None = None
        self._listeners: list[Listener] = []
        self._is_stopped = False
        self.trouble = ""
        self._pid = os.getpid()
        self._held: list[Future[None]] = []
        self._lock = threading.RLock()  # around the two futures: who waits and who drives may meet at the end

    @property
    def error(self) -> KieError | None:
        """What went wrong, if anything did."""
        return copy.copy(self._error) if self._error else None

    # --- what people say of it ---------------------------------------------------------------------------------

    def tag(self, *tags: str) -> Run:
        """Add *tags*, by which `kie_nb.runs(tag=...)` finds it.

        Raises:
            InvalidRequest: for one that is empty, very long, or no text that a file can hold.
        """
        for tag in tags:
            _check_words(tag, MAX_WORD, "a tag")
        return self._mark(tags=list(dict.fromkeys([*self.tags, *tags])))

    def untag(self, *tags: str) -> Run:
        """Take *tags* away; those that it does not have do not matter."""
        return self._mark(tags=[tag for tag in self.tags if tag not in tags])

    def note(self, text: str | None) -> Run:
        """Write a note on it; None takes it away.

        Raises:
            InvalidRequest: for one that is very long, or no text that a file can hold.
        """
        if text:
            _check_words(text, MAX_TEXT, "a note")
        return self._mark(note=text)

    def rate(self, stars: int | None) -> Run:
        """Rate it from 1 to 5; None takes the rating away.

        Raises:
            InvalidRequest: for another number.
        """
        if stars is not None and (isinstance(stars, bool) or stars not in range(1, 6)):
            raise InvalidRequest(f"rating {stars!r}: 1 to 5 is allowed.", charged="")
        return self._mark(rating=stars)

    def _mark(self, **words: Any) -> Run:
        row = self._ledger.mark(self.id, **words)
        if row is not None:
            self._update(row)
        return self

    # --- settling ----------------------------------------------------------------------------------------------

    def evidence(self) -> Evidence:
        """What is known of a run of unknown outcome: what happened, what the balance did, how to settle it.

        Reads the balance again, which costs nothing.

        Raises:
            InvalidRequest: there is nothing to settle.
        """
        return settling.evidence(self._session, self)

    def adopt(self, task_id: str | Mapping[str, Any], *, yes: bool = False) -> Run:
        """Settle an unknown outcome with the task it made; its request must match.

        Args:
            task_id: As found at https://kie.ai/logs, or the body of a callback that names it.
            yes: Do not ask where the service does not say what the task was asked.

        Raises:
            InvalidRequest: it does not match, or there is nothing to settle.
            OutcomeUnknown: it cannot be compared, and it was not agreed to.
        """
        return settling.adopt(self._session, self, task_id, yes=yes)

    def resend(self, *, yes: bool = False) -> Run:
        """Send an unknown run's request again, once; says the worst case and asks, unless *yes*.

        Raises:
            OutcomeUnknown: it was not agreed to; nothing was sent.
            InvalidRequest: there is nothing to settle.
            BadImage: its picture is gone, or its address serves another one now; nothing was sent.
            KieError: the service refused it, as `kie_nb.generate` says.
        """
        return settling.resend(self._session, self, yes=yes)

    def write_off(self, *, charged: bool = True) -> Run:
        """Give an unknown run up; its estimate counts as spent unless *charged* is False.

        Raises:
            InvalidRequest: there is nothing to settle.
        """
        return settling.write_off(self._session, self, charged=charged)

    # --- waiting -----------------------------------------------------------------------------------------------

    def wait(self, timeout_s: float | None = WAIT_S) -> Run:
        """Block until the video is on disk.

        Args:
            timeout_s: The most to wait, in seconds; None for ever.

        Raises:
            StillRunning: the time is up; the task goes on.
            WaitInterrupted: you pressed ■; a task goes on, an intention that was not sent yet is taken back.
            KieError: what went wrong with the run.
        """
        self._attend()
        try:
            if not wait_blocking(self._done, timeout_s=timeout_s):
                raise self._still_running(timeout_s)
        except WaitInterrupted:
            raise self._interrupted() from None
        for shown in self._held:
            wait_blocking(shown, timeout_s=DISPLAY_WAIT_S, goes_on="the video is on disk.")
        return self._outcome()

    def __await__(self) -> Generator[Any, None, Run]:
        return self._wait_async().__await__()

    async def _wait_async(self) -> Run:
        self._attend()
        try:
            if not await wait_async(self._done, timeout_s=WAIT_S):
                raise self._still_running(WAIT_S)
        except asyncio.CancelledError as exc:
            words, more = self._what_goes_on()
            explain_cancelled(exc, words, **more)
            raise
        for shown in self._held:
            await wait_async(shown, timeout_s=DISPLAY_WAIT_S)
        return self._outcome()

    def _attend(self) -> None:
        """See to it that there is something to wait for."""
        if self._pid != os.getpid():
            raise KieError(
                f"{self.label} belongs to the process that this one was forked from.",
                hint=f"kie_nb.get({self.id[:8]!r}) gives its handle here",
            )
        self._is_stopped = False
        self._session.revive(self)

    def _what_goes_on(self) -> tuple[str, dict[str, str]]:
        """What an interrupted wait means, its cost and the next step; what was not sent yet will not be sent behind anyone's back."""
        if self._session.withdraw(self):
            return (
                f"{self.label} was not sent yet and will not be: nothing was charged.",
                {"hint": "run the cell to send it"},
            )
        return self._goes_on(), {"hint": self._come_back(), "charged": self._charged}

    def _interrupted(self) -> WaitInterrupted:
        words, more = self._what_goes_on()
        return WaitInterrupted(words, **more)

    def stop_waiting(self) -> None:
        """End every wait for this run. A task goes on, and its video is still fetched; what was not sent is taken back."""
        if self._done.done():
            return
        self._is_stopped = True
        try:
            if self.state is State.INTENT and self._session.withdraw(self):
                return
        except LedgerError as exc:
            self._say(f"It could not be taken back: {exc.message}")
        with self._lock:
            done = self._done
            if done.done():
                return
            self._done = Future()
        done.set_result(None)
        self._notify()

    @property
    def is_stopped(self) -> bool:
        """Whether *Stop waiting* was pressed."""
        return self._is_stopped

    def show(self) -> None:
        """Show the card, or the video if it is there, in this cell."""
        if _hooks.show is not None:
            _hooks.show(self)
        else:
            say(repr(self))  # there is no notebook to show it in

    def _outcome(self) -> Run:
        if self._error is not None:
            raise copy.copy(self._error)
        if not self.is_final:
            raise StillRunning(
                f"you stopped waiting for {self.label}. {self._goes_on()}",
                hint=self._come_back(),
                charged=self._charged,
            )
        return self

    def _goes_on(self) -> str:
        if self.task_id:
            return f"task {self.task_id} goes on at the service; its video will still be fetched."
        if self.state is State.INTENT:
            return f"run {self.id[:8]} is recorded; another kernel is about to send it."
        return f"run {self.id[:8]} is recorded; if it was sent, it goes on at the service."

    @property
    def _charged(self) -> str:
        """What a task costs that is no longer waited for, in words; empty while there is none."""
        if not self.task_id:
            return ""
        return SIMULATED if self.service == "simulator" else "the task goes on and is billed"

    def _come_back(self) -> str:
        return f"run the cell again or `%kie show {self.id[:8]}`; after a restart `%kie resume`"

    def _still_running(self, timeout_s: float | None) -> StillRunning:
        trouble = f" {self.trouble}" if self.trouble else ""
        return StillRunning(
            f"{self.label} was not done after {timeout_s:g} s. {self._goes_on()}{trouble}",
            hint=self._come_back(),
            charged=self._charged,
            run_id=self.id,
        )

    # --- from the dispatcher -----------------------------------------------------------------------------------

    def listen(self, listener: Listener) -> None:
        """Call *listener* on the dispatcher's thread at every change; an error in it is not the run's."""
        self._listeners.append(listener)

    def hold(self, shown: Future[None]) -> None:
        """Waits end when *shown* is done too: an executed notebook must not lose the last update of a display."""
        self._held = [*(future for future in self._held if not future.done()), shown]

    def unlisten(self, listener: Listener) -> None:
        """Stop calling *listener*."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    def _reopen(self) -> None:
        """A driver has (again) taken it up."""
        with self._lock:
            self._error, self._is_stopped, self.trouble = None, False, ""
            if self._done.done():
                self._done = Future()
            if self._answered.done():
                self._answered = Future()

    def _update(self, row: RunRow) -> None:
        with self._lock:
            self._row = row
            # A refusal is an answer only together with its error, which `_finish` brings.
            if row.state in AT_SERVICE | {State.SUCCESS, State.FETCHED} and not self._answered.done():
                self._answered.set_result(None)
        self._notify()

    def _say(self, trouble: str) -> None:
        """Something that passes: shown on the card, raised nowhere."""
        if trouble != self.trouble:
            self.trouble = trouble
            self._notify()

    def _finish(self, error: KieError | None) -> None:
        if error is not None and error.run_id is None:
            error.run_id = self.id
        with self._lock:
            self._error = error
            for future in (self._answered, self._done):
                if not future.done():
                    future.set_result(None)
        self._notify()

    def _notify(self) -> None:
        """Tell the listeners, on the dispatcher's thread whoever calls."""
        dispatcher = self._session.dispatcher
        if not dispatcher.is_own_thread():
            if self._listeners:
                dispatcher.call_soon(self._notify)
            return
        for listener in list(self._listeners):
            try:
                listener(self)
            except Exception:
                log.exception("a listener of run %s failed", self.id)  # must not stop a paid run

    # --- looks -------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        seed = f" seed={self.seed}" if self.seed is not None else ""
        where = (
            f" {shown_path(self.video)}" if self.video else f" task {self.task_id}" if self.task_id else ""
        )
        mark = " SIMULATED" if self.service == "simulator" else ""
        remarks = f" ({' '.join(self.remarks)})" if self.remarks else ""
        return in_line(f"<Run {self.id[:8]} {self.state}{seed}{where}{mark}{remarks}>")

    def _ipython_display_(self) -> None:
        """What a cell shows that ends with the run."""
        if _hooks.echo is not None:
            _hooks.echo(self)
        else:
            self.show()


def _check_words(text: str, most: int, what: str) -> None:
    if not can_be_kept(text, most):
        raise InvalidRequest(
            f"{text!r} cannot be {what}.", hint=f"1 to {most} characters, and no NUL among them", charged=""
        )
