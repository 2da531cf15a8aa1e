"""Everything kie_nb raises on purpose, one class per thing a caller would do differently.

KieError
├── InvalidRequest (ValueError)      the request cannot be sent as it is
│   └── BadImage                     the picture cannot be read, is too large, or cannot be reached
├── AuthError                        no key, a wrong key, or a key that may not be used from here
├── OutOfCredits                     the account cannot pay for it
├── BudgetExceeded                   a limit of your own would be passed
├── ModelUnavailable                 the model is paused, gone, or unknown to the service
├── Refused                          the service said no for another reason
│   └── RateLimited                  too many new tasks in the window; rejected, not queued
├── ServiceTrouble                   no usable answer to a harmless question; asking again is safe
├── NotSent                          nothing left this machine
├── OutcomeUnknown                   a task may exist and be billed; never sent again by itself
├── TaskFailed                       the task ended without a video
├── TaskLost                         the service no longer knows the task
├── NoVideo                          the task succeeded but named no file
├── DownloadFailed                   the video is paid for but not on disk yet
│   └── NotFetched                   and will not be fetched by itself: its link stays, open it by hand
├── StillRunning (TimeoutError)      a wait of ours ended; the task goes on
└── LedgerError                      the record of runs cannot be read or written

Every message says what happened; `charged` says what it cost; `hint` is the next step. IPython shows those lines and no stack.
"""

from __future__ import annotations

import asyncio
from typing import Any, Self

from . import frontend
from .text import visible
from .wording.next_steps import SCRIPT, said_in

NOTHING = "nothing"
MADE = "the video is made and was charged"
SIMULATED = "nothing: simulated"
_MOST, _END = 700, 150  # characters; some come from a service's page or a user's own name


class KieError(Exception):
    """Base of everything kie_nb raises on purpose.

    Attributes:
        message: What happened, in one or two sentences.
        charged: What it cost, in words; empty where money plays no part.
        hint: The next step.
        run_id: The run it is about, where there is one.
    """

    charged_by_default = ""

    def __init_subclass__(cls, *, charged: str | None = None) -> None:
        if charged is not None:
            cls.charged_by_default = charged

    def __init__(
        self, message: str, *, hint: str = "", charged: str | None = None, run_id: str | None = None
    ) -> None:
        self.message = _readable(message)
        super().__init__(self.message)
        self.hint = _readable(hint)
        self.charged = self.charged_by_default if charged is None else charged
        self.run_id = run_id

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def lines(self) -> list[str]:
        """The message, what was charged and the next step, a line each."""
        is_script = frontend.shell() is None
        return _lines(self.message, self.charged, said_in(SCRIPT, self.hint) if is_script else self.hint)

    def _render_traceback_(self) -> list[str]:
        """The lines that IPython shows instead of a stack."""
        first, *rest = self.lines()
        return [f"{type(self).__name__}: {first}", *rest]

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.message, self.__dict__))

    @classmethod
    def like(cls, other: KieError, **changes: Any) -> Self:
        """The same words as *other*, as this class."""
        kept = {"hint": other.hint, "charged": other.charged, "run_id": other.run_id} | changes
        return cls(other.message, **kept)


def _lines(message: str, charged: str, hint: str) -> list[str]:
    rest = ([f"  charged: {charged}"] if charged else []) + ([f"  next: {hint}"] if hint else [])
    return [visible(line) for line in (message, *rest)]


def _readable(text: str) -> str:
    """*text* as it can be shown, and shortened in its middle if it is very long."""
    if len(text) > _MOST:
        text = f"{text[: _MOST - _END]} … {text[-_END:]}"
    return visible(text)


def _rebuild(cls: type[KieError], message: str, state: dict[str, Any]) -> KieError:
    error = cls.__new__(cls)
    Exception.__init__(error, message)
    error.__dict__.update(state)
    return error


class InvalidRequest(KieError, ValueError, charged=NOTHING):
    """The request cannot be sent as it is; nothing was sent."""


class BadImage(InvalidRequest):
    """The picture cannot be read, is too large, or cannot be reached by the service."""


class AuthError(KieError, charged=NOTHING):
    """No key, a wrong key, or a key that may not be used from here."""


class OutOfCredits(KieError, charged=NOTHING):
    """The account cannot pay for the task."""


class BudgetExceeded(KieError, charged=NOTHING):
    """A spending limit of your own would be passed; nothing was sent."""


class ModelUnavailable(KieError, charged=NOTHING):
    """The model is paused, gone, or unknown to the service."""


class Refused(KieError, charged=NOTHING):
    """The service refused the task for another reason; a refused task is never billed.

    Attributes:
        code: The body code of the reply.
    """

    def __init__(self, message: str, *, code: int | None = None, **more: Any) -> None:
        super().__init__(message, **more)
        self.code = code


class RateLimited(Refused):
    """Too many new tasks in the window; the request was rejected, not queued."""


class ServiceTrouble(KieError):
    """No usable answer to a question that costs nothing; asking again is safe."""


class NotSent(KieError, charged=NOTHING):
    """Nothing left this machine, so sending it again is safe."""


class OutcomeUnknown(KieError, charged="unknown, perhaps the full price"):
    """The request may have reached the service: a task may exist and be billed."""


class TaskFailed(KieError, charged=NOTHING):
    """The task ended at the service without a video; failed tasks are not billed.

    Attributes:
        fail_code: The upstream's own code, a string.
    """

    def __init__(self, message: str, *, fail_code: str | None = None, **more: Any) -> None:
        super().__init__(message, **more)
        self.fail_code = fail_code


class TaskLost(KieError, charged="unknown"):
    """The service no longer knows the task (ids are kept for two months)."""


class NoVideo(KieError, charged="yes, as a success"):
    """The task succeeded but named no file."""


class DownloadFailed(KieError, charged="yes, the video is made"):
    """The video exists at the service and is paid for, but is not on disk yet."""


class NotFetched(DownloadFailed):
    """The video is too large to be fetched, or its link leads where nothing is fetched from; it is not tried again."""


class StillRunning(KieError, TimeoutError):
    """A wait of ours ended before the task did; the task goes on."""


class LedgerError(KieError):
    """The record of runs cannot be read or written."""


class WaitInterrupted(KeyboardInterrupt):
    """You interrupted a wait (■); the task goes on at the service."""

    def __init__(self, message: str, *, hint: str = "", charged: str = "") -> None:
        super().__init__(visible(message))
        self.hint = visible(hint)
        self.charged = visible(charged)

    def _render_traceback_(self) -> list[str]:
        return _lines(f"Interrupted: {self.args[0]}", self.charged, self.hint)


def explain_cancelled(
    error: asyncio.CancelledError, message: str, *, hint: str = "", charged: str = ""
) -> None:
    """Let a cancelled `await` tell what it means.

    The exception itself stays what asyncio made it: timeouts and task groups look for exactly their own.
    """
    error.args = (message,)
    lines = WaitInterrupted(message, hint=hint, charged=charged)._render_traceback_()
    error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]  # what IPython asks for


def without_frames(error: BaseException) -> None:
    """Take the frames out of *error* and of all that led to it: their locals hold a key or a password."""
    todo, seen = [error], set[int]()
    while todo:
        one = todo.pop()
        seen.add(id(one))
        one.__traceback__ = None
        led = (one.__cause__, one.__context__, getattr(one, "orig", None))
        todo += [each for each in led if isinstance(each, BaseException) and id(each) not in seen]
