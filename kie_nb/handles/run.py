"""`Run`, the handle of a run: the value of `clip` after a cell with `-o clip`. It reflects the latest known ledger state."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import datetime as dt
import inspect
import os
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import presenter
from .. import settings as settings_
from ..bounds import MAX_TEXT, MAX_WORD, as_scalar, can_be_kept
from ..engine.record import Record
from ..engine.transitions import cancel_unsent, error_of
from ..engine.waiting import wait_async, wait_blocking
from ..errors import (
    InvalidRequest,
    KieError,
    LedgerError,
    OutcomeUnknown,
    StillRunning,
    WaitInterrupted,
    explain_cancelled,
)
from ..ledger.states import UNSETTLED, State
from ..operations import settling
from ..operations.evidence import Evidence, evidence, from_ledger
from ..operations.frames import frame_of
from ..operations.sharing import share
from ..paths import shown_path
from ..text import in_line, say
from .tracked import what_goes_on

if TYPE_CHECKING:
    from PIL.Image import Image

    from ..engine.supervisor import Supervisor
    from ..ledger import RunRow
    from .tracked import Tracked

DISPLAY_WAIT_S = 30.0
WAIT_S = 1800.0  # recorded tasks took up to 13 minutes (kie-api §4.7)
Listener = Callable[["Run"], None]


@dataclass(frozen=True, slots=True)
class _Heard:
    """A listener of a handle's, as the tracked run calls it; two of the same are equal."""

    listener: Listener
    run: Run

    def __call__(self, _tracked: Tracked) -> None:
        self.listener(self.run)


class Run(Record):
    """One paid intention: its request, its task at the service, its video.

    `await run`, or `run.wait()`, gives the run when its video is on disk, and raises what went wrong otherwise.
    """

    def __init__(self, tracked: Tracked, supervisor: Supervisor, resend: Callable[[Run, bool], Run]) -> None:
        super().__init__(tracked.row, tracked.ledger)
        self._tracked = tracked
        self._supervisor = supervisor
        self._resend = resend

    @property
    def row(self) -> RunRow:
        """All columns of the ledger."""
        return self._tracked.row

    @property
    def error(self) -> KieError | None:
        """What went wrong, if anything did."""
        error = copy.copy(self._tracked.error)
        if error is None and self.is_final and self.state is not State.FETCHED:
            error = error_of(self)  # the row is published a moment before its driver says the same
        if isinstance(error, OutcomeUnknown) and self.state in UNSETTLED:
            with contextlib.suppress(LedgerError):
                error.message = f"{error.message} {from_ledger(self.ledger, self.row).words}"
        return error

    @property
    def trouble(self) -> str:
        """Something that passes, in words; it is raised nowhere."""
        return self._tracked.trouble

    # --- what people say of it ---------------------------------------------------------------------------------

    def tag(self, *tags: str) -> Run:
        """Add *tags*, by which `kie_nb.runs(tag=...)` finds it.

        Raises:
            InvalidRequest: for one that is empty, very long, or no text that a file can hold.
        """
        for tag in tags:
            _check_words(tag, MAX_WORD, "a tag")
        return self._mark(add=[*tags])

    def untag(self, *tags: str) -> Run:
        """Take *tags* away; those that it does not have do not matter."""
        return self._mark(remove=[*tags])

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
        stars = as_scalar(stars)
        if stars is not None and (isinstance(stars, bool) or stars not in range(1, 6)):
            raise InvalidRequest(f"Rating {stars!r}: use 1 to 5.", charged="")
        return self._mark(rating=None if stars is None else int(stars))

    def _mark(self, **change: Any) -> Run:
        self.ledger.mark(self.id, by=settings_.user(), **change)
        return self

    # --- settling ----------------------------------------------------------------------------------------------

    def evidence(self) -> Evidence:
        """What is known of a run of unknown outcome: what happened, what the balance did, how to settle it.

        Reads the balance again, which costs nothing.

        Raises:
            InvalidRequest: there is nothing to settle.
        """
        return evidence(self._supervisor.workspace, self)

    def adopt(self, task_id: str | Mapping[str, Any], *, yes: bool = False) -> Run:
        """Settle an unknown outcome with the task it made; its request must match.

        Args:
            task_id: As found at https://kie.ai/logs, or the body of a callback that names it.
            yes: Do not ask where the service does not say what the task was asked.

        Raises:
            InvalidRequest: it does not match, or there is nothing to settle.
            OutcomeUnknown: it cannot be compared, and it was not agreed to.
        """
        settling.adopt(self._supervisor, self, task_id, agree=lambda words: yes or presenter.agreed(words))
        return self

    def resend(self, *, yes: bool = False) -> Run:
        """Send an unknown run's request again, once; says the worst case and asks, unless *yes*.

        Raises:
            OutcomeUnknown: it was not agreed to; nothing was sent.
            InvalidRequest: there is nothing to settle.
            BadImage: its picture is gone, or its address serves another one now; nothing was sent.
            KieError: the service refused it, as `kie_nb.generate` says.
        """
        return self._resend(self, yes)

    def write_off(self, *, charged: bool = True) -> Run:
        """Give an unknown run up; its estimate counts as spent unless *charged* is False.

        Raises:
            InvalidRequest: there is nothing to settle.
        """
        settling.write_off(self, charged=charged)
        return self

    # --- waiting -----------------------------------------------------------------------------------------------

    def wait(self, timeout_s: float | None = WAIT_S) -> Run:
        """Block until the video is on disk.

        Args:
            timeout_s: The most to wait, in seconds; None is no limit.

        Raises:
            StillRunning: the time is up; the task goes on.
            WaitInterrupted: you pressed ■; a task goes on, an intent that was not sent yet is cancelled.
            KieError: what went wrong with the run.
        """
        self._attend()
        try:
            if not wait_blocking(self._tracked.done, timeout_s=timeout_s):
                raise self._still_running(timeout_s)
        except WaitInterrupted:
            words, more = what_goes_on(self, is_interrupted=True)
            raise WaitInterrupted(words, **more) from None
        for shown in self._tracked.held:
            wait_blocking(shown, timeout_s=DISPLAY_WAIT_S, goes_on="the video is on disk.")
        return self._outcome()

    def __await__(self) -> Generator[Any, None, Run]:
        return self._wait_async().__await__()

    async def _wait_async(self) -> Run:
        await asyncio.to_thread(self._attend)  # it reads the ledger, and the loop is the user's
        try:
            if not await wait_async(self._tracked.done, timeout_s=WAIT_S):
                raise self._still_running(WAIT_S)
        except asyncio.CancelledError as exc:
            words, more = what_goes_on(self, is_interrupted=True)
            explain_cancelled(exc, words, **more)
            raise
        for shown in self._tracked.held:
            await wait_async(shown, timeout_s=DISPLAY_WAIT_S)
        return self._outcome()

    def _attend(self) -> None:
        """See to it that there is something to wait for."""
        if self._tracked.pid != os.getpid():
            words = f"{self.label} belongs to the process that this one was forked from."
            raise KieError(words, hint=f"kie_nb.get({self.id[:8]!r}) gives its handle here")
        self._tracked.is_stopped = False
        self._supervisor.ensure_driven(self)

    def frame(self, at: float = -1) -> Image:
        """A frame of the video, which is waited for, as a picture: by its number, -1 for the last, or by seconds as a float.

        Given as `image=` of the next request, it is that clip's first frame, and both runs record the link.

        Raises:
            InvalidRequest: there is no such frame, or no file.
            KieError: as `wait` says.
        """
        self.wait()
        return frame_of(self, at)

    def share(self, *, expires: float | dt.timedelta = 3600) -> str:
        """A link to the video for people outside the team, signed by the store in `KIE_NB_FILES`; it dies by itself.

        Args:
            expires: For how many seconds it serves, or a timedelta; 7 days at the most.

        Raises:
            InvalidRequest: there is no video, or its files are in no store.
            KieError: the store cannot sign a link, has not got the file, or does not answer.
        """
        return share(self._supervisor.workspace, self, expires)

    def stop_waiting(self) -> None:
        """End every wait for this run. A task goes on, and its video is still fetched; what was not sent is cancelled."""
        if self._tracked.done.done():
            return
        self._tracked.is_stopped = True
        try:
            if self.state is State.INTENT and cancel_unsent(self):
                return
        except LedgerError as exc:
            self._tracked.say(f"It could not be cancelled: {exc.message}")
        self._tracked.release()

    @property
    def is_stopped(self) -> bool:
        """Whether *Stop waiting* was pressed."""
        return self._tracked.is_stopped

    def show(self) -> None:
        """Show the card, or the video if it is there, in this cell."""
        if (shown_by := presenter.current()) is not None:
            shown_by.show(self)
        else:
            say(repr(self))  # there is no notebook to show it in

    def _outcome(self) -> Run:
        if (error := self.error) is not None:
            raise error
        if not self.is_final:
            words, more = what_goes_on(self)
            raise StillRunning(f"You stopped waiting for {self.label}. {words}", **more)
        return self

    def _still_running(self, timeout_s: float | None) -> StillRunning:
        words, more = what_goes_on(self)
        trouble = f" {self.trouble}" if self.trouble else ""
        words = f"{self.label} was not done after {timeout_s:g} s. {words}{trouble}"
        return StillRunning(words, **more, run_id=self.id)

    # --- for displays ------------------------------------------------------------------------------------------

    def listen(self, listener: Listener) -> None:
        """Call *listener* on the dispatcher's thread at every change; an error in it is not the run's."""
        self._tracked.listen(_Heard(listener, self))

    def hold(self, shown: Future[None]) -> None:
        """Waits end when *shown* is done too: an executed notebook must not lose the last update of a display."""
        self._tracked.hold(shown)

    def unlisten(self, listener: Listener) -> None:
        """Stop calling *listener*."""
        self._tracked.unlisten(_Heard(listener, self))

    # --- as a value --------------------------------------------------------------------------------------------

    def __copy__(self) -> Run:
        return self  # a copy of a handle would be a second one of the same run

    def __deepcopy__(self, _known: dict[int, Any]) -> Run:
        return self

    # --- looks -------------------------------------------------------------------------------------------------

    def __repr__(self) -> str:
        caller = getattr(inspect.currentframe(), "f_back", None)
        if caller is not None and caller.f_globals.get("__package__") == "asyncio":
            return f"run {self.id[:8]}: write `await run`, or run.wait()"  # it wants a coroutine, and says what it got
        seed = f" seed={self.seed}" if self.seed is not None else ""
        task = f" task {self.task_id}" if self.task_id else ""
        where = f" {shown_path(self.video)}" if self.video else task
        mark = " SIMULATED" if self.service == "simulator" else ""
        remarks = f" ({' '.join(self.remarks)})" if self.remarks else ""
        return in_line(f"<Run {self.id[:8]} {self.state}{seed}{where}{mark}{remarks}>")

    def _ipython_display_(self) -> None:
        """What a cell shows that ends with the run."""
        presenter.show_result(self, lambda shown_by: shown_by.echo(self))

    def _repr_mimebundle_(self, **_asked: Any) -> dict[str, Any]:
        """The same as a value, where a result may not show itself."""
        shown_by = presenter.current()
        return {"text/plain": repr(self)} if shown_by is None else shown_by.bundle(self)


def _check_words(text: str, most: int, what: str) -> None:
    if not can_be_kept(text, most):
        hint = f"1 to {most} characters, and no NUL among them"
        raise InvalidRequest(f"{text!r} cannot be {what}.", hint=hint, charged="")
