"""The seam for heavy work (download, check, preview): `submit(fn, *args) -> Future`. Threads by default."""

from __future__ import annotations

import concurrent.futures
import contextvars
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Executor(Protocol):
    """Anything that runs a function elsewhere; its workers get no key and no database."""

    def submit(self, fn: Callable[..., T], /, *args: Any) -> concurrent.futures.Future[T]:
        """Run ``fn(*args)`` elsewhere."""


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
