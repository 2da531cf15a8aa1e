"""Committed rows, published to whoever is interested: handles, cards, experiments, the supervisor."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .rows import RunRow

log = logging.getLogger("kie_nb")


class Publishing:
    """The part of the ledger that tells listeners what is committed."""

    def __init__(self) -> None:
        self._listeners: list[Callable[[RunRow], None]] = []

    def listen(self, listener: Callable[[RunRow], None]) -> None:
        """Call *listener* with each row that is published, on the thread that publishes it; an error in it is logged."""
        self._listeners.append(listener)

    def publish(self, row: RunRow) -> None:
        """Tell the listeners that *row* is committed: moved here, or read and found changed by another process."""
        for listener in self._listeners:
            try:
                listener(row)
            except Exception:
                log.exception("a listener of run %s failed", row.id)  # must not stop a paid run
