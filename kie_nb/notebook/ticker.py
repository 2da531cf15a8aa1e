"""One clock for all live cards: each is updated every second, less often when there are very many."""

from __future__ import annotations

import asyncio
import functools
import logging
from typing import Protocol

from ..handles import get_session

log = logging.getLogger("kie_nb")
MOST_A_SECOND = 20  # ticks of all cards together


class Ticking(Protocol):
    """Something with a clock on it."""

    def tick(self) -> None:
        """A second has passed."""


class Ticker:
    """Calls `tick` of every card, on the dispatcher's thread, while there are any."""

    def __init__(self) -> None:
        self._cards: set[Ticking] = set()
        self._running = False

    def add(self, card: Ticking) -> None:
        """Start ticking *card*."""
        get_session().dispatcher.call_soon(lambda: self._add(card))

    def discard(self, card: Ticking) -> None:
        """Stop ticking *card*; on the dispatcher's thread."""
        self._cards.discard(card)

    def _add(self, card: Ticking) -> None:
        self._cards.add(card)
        if not self._running:
            self._running = True
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._cards:
            cards = list(self._cards)
            # One by one over the round: all at once would make a cell of the user's wait for hundreds of messages.
            pause_s = max(1.0 / len(cards), 1.0 / MOST_A_SECOND)
            for card in cards:
                await asyncio.sleep(pause_s)
                if card not in self._cards:  # over by now
                    continue
                try:
                    card.tick()
                except Exception:
                    log.exception("a card could not be updated")
                    self._cards.discard(card)
        self._running = False


@functools.cache
def ticker() -> Ticker:
    """The clock of this process."""
    return Ticker()
