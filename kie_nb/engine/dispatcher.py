"""One daemon thread with its own asyncio loop does all I/O with the service, for the whole life of the process.

It polls, downloads and updates cards while a cell computes and while the kernel is idle; the user's own event loop is never used.
Two precautions make it hold everywhere:

* Coroutines run in an *empty* `contextvars.Context`. A copied one carries the parent header of the cell that submitted
  it, and headless runners throw away updates that belong to a finished cell.
* Its tasks are the C `_asyncio.Task`, even after `nest_asyncio.apply()` has replaced it by one that is slow and, on
  Python 3.14, broken.

Ledger calls from the loop run in the thread `kie-nb-ledger`. Heavy work goes to `Workers` (download, preview and measure), which
may hand it to an executor of the user's; `notebook/` has `Threads` for card, gallery, compare and panel. The caller's thread records an intent, and only waits afterwards.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextvars
import logging
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from ..loops import new_loop

T = TypeVar("T")
log = logging.getLogger("kie_nb")


class Dispatcher:
    """The thread and its loop; made at first use, ended with the process."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.is_ending = False  # the process has begun to end: nothing new is sent
        self.loop = new_loop()
        self._thread = threading.Thread(
            target=lambda: contextvars.Context().run(self._main), name="kie-nb", daemon=True
        )
        self._thread.start()
        # Ledger calls are short and ordered: one thread. Everything heavier has a pool of its own.
        self._ledger_pool = concurrent.futures.ThreadPoolExecutor(1, thread_name_prefix="kie-nb-ledger")

    def _main(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.run_forever()

    def is_own_thread(self) -> bool:
        """Whether the caller is on the dispatcher's thread, where waiting for it would deadlock."""
        return threading.current_thread() is self._thread

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run *coroutine* on the loop; its result, error or cancellation arrives in the future."""
        future: concurrent.futures.Future[T] = concurrent.futures.Future()

        def start() -> None:
            task = self.loop.create_task(coroutine)
            task.add_done_callback(lambda done: _hand_over(done, future))
            future.add_done_callback(
                lambda f: self.loop.call_soon_threadsafe(task.cancel) if f.cancelled() else None
            )

        self.loop.call_soon_threadsafe(start, context=_fresh_context())
        return future

    def call_soon(self, fn: Callable[[], object]) -> None:
        """Call *fn* on the loop's thread."""
        self.loop.call_soon_threadsafe(fn, context=_fresh_context())

    def start(self, coroutine: Coroutine[Any, Any, object]) -> None:
        """Run *coroutine* in the background; its result is dropped, its error logged."""
        self.submit(coroutine).add_done_callback(_log_error)

    async def ledger(self, fn: Callable[..., T], *args: Any, **more: Any) -> T:
        """A ledger call from the loop, which must not wait for a disk."""
        return await self.ledger_soon(fn, *args, **more)

    def ledger_soon(self, fn: Callable[..., T], *args: Any, **more: Any) -> asyncio.Future[T]:
        """The same, handed over by the time this returns; RuntimeError where the interpreter takes no more work. On the loop."""
        return self.loop.run_in_executor(self._ledger_pool, lambda: fn(*args, **more))


def before_exit(fn: Callable[[], object]) -> None:
    """Call *fn* when the interpreter begins to end, while threads can still work.

    `atexit` comes too late for that: the pools of `concurrent.futures` are closed before it.
    """
    getattr(threading, "_register_atexit", atexit.register)(fn)


def _fresh_context() -> contextvars.Context:
    kernel = sys.modules.get("ipykernel")
    if kernel is not None and str(getattr(kernel, "__version__", "")).startswith("7.0."):
        return contextvars.copy_context()  # 7.0 cannot send from a thread without (its issue #1450)
    return contextvars.Context()


def _hand_over(task: asyncio.Task[T], future: concurrent.futures.Future[T]) -> None:
    if task.cancelled():
        future.cancel()
        return
    error = task.exception()  # read here, so that asyncio never reports it as forgotten
    if future.set_running_or_notify_cancel():
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(task.result())


def _log_error(done: concurrent.futures.Future[Any]) -> None:
    if not done.cancelled() and (error := done.exception()) is not None:
        log.error("background task failed", exc_info=error)


_dispatcher: Dispatcher | None = None
_lock = threading.Lock()


def dispatcher() -> Dispatcher:
    """The dispatcher of this process; a fork gets its own."""
    global _dispatcher  # noqa: PLW0603
    with _lock:
        if _dispatcher is None or _dispatcher.pid != os.getpid():
            if sys.platform == "emscripten":
                from ..errors import KieError

                raise KieError(
                    "JupyterLite has no threads, which kie_nb needs.", hint="use a kernel on a real machine"
                )
            _dispatcher = Dispatcher()
        return _dispatcher


class Threads:
    """Worker threads that share nothing with the caller but the arguments."""

    def __init__(self, workers: int, name: str) -> None:
        self._pool = concurrent.futures.ThreadPoolExecutor(workers, thread_name_prefix=name)

    def submit(self, fn: Callable[..., T], /, *args: Any) -> concurrent.futures.Future[T]:
        """Run ``fn(*args)`` in a thread, in an empty context as everything of ours."""
        return self._pool.submit(contextvars.Context().run, fn, *args)

    def close(self) -> None:
        """Take nothing more; the threads end when they have done what was given to them."""
        self._pool.shutdown(wait=False)
