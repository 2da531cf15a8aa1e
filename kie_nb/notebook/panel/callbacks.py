"""Guarded callbacks of the panel: widgets, timers and listeners run through them, and every error is shown in the panel."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ...engine.executor import Threads
from ...handles import get_session


class Callbacks:
    """Runs the panel's callbacks until it is closed.

    Args:
        trouble: Gets every error; from any thread.
    """

    def __init__(self, trouble: Callable[[Exception], None]) -> None:
        self._trouble = trouble
        self._pool = Threads(4, "kie-nb-panel")
        self.is_closed = False

    def guard(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """*fn* as a widget's handler: its errors are reported, and it does nothing once the panel is closed."""

        @functools.wraps(fn)
        def guarded(*args: Any) -> Any:
            if self.is_closed:
                return None
            try:
                return fn(*args)
            except Exception as exc:  # noqa: BLE001 - reported
                self._trouble(exc)

        return guarded

    def work(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        """Run *fn* on a worker."""
        try:
            return self._pool.submit(self.guard(fn), *args)
        except RuntimeError:  # closed meanwhile
            nothing: Future[Any] = Future()
            nothing.set_result(None)
            return nothing

    def soon(self, fn: Callable[..., Any], *args: Any) -> None:
        """Run *fn* on the dispatcher's thread; from any thread."""
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
