"""What the panel's widgets, clocks and listeners call goes over this desk: what goes wrong in it is told, never only logged."""

from __future__ import annotations

import functools
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

from ...engine.executor import Threads
from ...handles import get_session


class Desk:
    """Runs things for the panel, until it is closed.

    Args:
        trouble: Is told what went wrong; from any thread.
    """

    def __init__(self, trouble: Callable[[Exception], None]) -> None:
        self._trouble = trouble
        self._pool = Threads(4, "kie-nb-panel")
        self.is_closed = False

    def guard(self, fn: Callable[..., Any]) -> Callable[..., Any]:
        """*fn* as a widget's handler: its error is told, and nothing is done for a panel that is closed."""

        @functools.wraps(fn)
        def guarded(*args: Any) -> Any:
            if self.is_closed:
                return None
            try:
                return fn(*args)
            except Exception as exc:  # noqa: BLE001 - told
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
        """Take nothing more, and let the workers end when they have done what they have begun."""
        self.is_closed = True
        self._pool.close()
