"""The only place that knows how a caller waits: a cell, a script, a thread, or a coroutine on any loop.

Waits go in short steps: an interrupt (■) is noticed only when the loop wakes. It ends the wait, never the paid task.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import time
import warnings
from collections.abc import Coroutine
from typing import Any, TypeVar

from ..errors import InvalidRequest, WaitInterrupted
from ..notice import is_new, say_what_waits
from .dispatcher import dispatcher

T = TypeVar("T")
STEP_S = 0.2
FIRST_STEP_S = 0.005


def wait_blocking(
    future: concurrent.futures.Future[T], *, timeout_s: float | None, goes_on: str = "", hint: str = ""
) -> bool:
    """Wait until *future* is done; False if *timeout_s* passed first; WaitInterrupted, with *goes_on* and *hint*, for ■."""
    if dispatcher().is_own_thread():
        raise RuntimeError("waiting on kie_nb's own thread would never end; wait on another one")
    end = None if timeout_s is None else time.monotonic() + timeout_s
    try:
        while not future.done():
            left = STEP_S if end is None else min(STEP_S, end - time.monotonic())
            if left <= 0:
                return False
            concurrent.futures.wait([future], timeout=left)
    except KeyboardInterrupt:
        raise WaitInterrupted(goes_on, hint=hint) from None
    say_what_waits()
    return True


async def wait_async(future: concurrent.futures.Future[T], *, timeout_s: float | None) -> bool:
    """The same on the caller's own loop; works beside any other coroutine."""
    end = None if timeout_s is None else time.monotonic() + timeout_s
    step = FIRST_STEP_S
    while not future.done():
        left = step if end is None else min(step, end - time.monotonic())
        if left <= 0:
            return False
        await asyncio.sleep(left)
        step = min(STEP_S, step * 1.5)
    say_what_waits()
    return True


def run_coroutine(coroutine: Coroutine[Any, Any, T]) -> T:
    """Drive *coroutine* to its end from a plain cell or script, also where a loop is already running.

    Only the first call in a process whose loop is running applies `nest_asyncio2`; nothing else in kie_nb does.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(coroutine)
    import nest_asyncio2

    warn_about_nest_asyncio()
    try:
        nest_asyncio2.apply(loop)
    except ValueError:
        coroutine.close()
        raise InvalidRequest(
            f"kie_nb.run cannot run inside a loop of {type(loop).__module__.partition('.')[0]}.",
            hint="write `await` before the coroutine in the cell, or asyncio.run(...) in a thread of its own",
        ) from None
    return loop.run_until_complete(coroutine)


def warn_about_nest_asyncio() -> None:
    """Say once that the archived nest_asyncio is active in this process: it loses queued cells on today's kernels."""
    is_old = hasattr(asyncio, "_nest_patched") and not hasattr(asyncio, "_nest_asyncio2")
    if is_old and is_new("nest_asyncio"):
        warnings.warn(
            "this notebook has applied nest_asyncio, whose last release makes cells queued behind a nested run vanish on "
            "ipykernel 7.2 and later. kie_nb does not need it; nest_asyncio2 is its maintained continuation.",
            stacklevel=3,
        )
