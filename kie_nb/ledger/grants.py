"""May we send a create now? The rule, with no I/O.

The service allows 20 new tasks in any 10 s per account and rejects the rest (kie-api §10). It counts when it handles a
request: some time between our sending and its reply. Counting a slot as taken until 10 s after the *reply* is
therefore never too early, however slow the network was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

ABANDONED_AFTER_S = 90.0  # longer than a create can take: its kernel died between the grant and the reply


@dataclass(frozen=True, slots=True)
class Slot:
    """One create: when it was granted, and when its reply came (Unix seconds)."""

    taken_at: float
    replied_at: float | None = None

    def free_at(self, window_s: float) -> float | None:
        """When it stops counting; None while its reply is awaited."""
        return None if self.replied_at is None else self.replied_at + window_s


def wait_s(
    slots: Iterable[Slot], now: float, *, limit: int, window_s: float = 10.0, paused_until: float = 0.0
) -> float | None:
    """Seconds until one more create may be sent: 0 for now, None for "when a reply comes".

    Args:
        limit: How many creates any window may hold.
        paused_until: A 429 was seen; nobody sends before this moment.
    """
    if paused_until > now:
        return paused_until - now
    counted = []
    for slot in slots:
        free_at = slot.free_at(window_s)
        if free_at is None:
            # A clock set back must not hold a slot for ever.
            free_at = None if abs(now - slot.taken_at) < ABANDONED_AFTER_S else now
        if free_at is None or now < free_at <= now + window_s + ABANDONED_AFTER_S:
            counted.append(free_at)
    if len(counted) < limit:
        return 0.0
    known = sorted(moment for moment in counted if moment is not None)
    needed = len(counted) - limit  # so many and one more must become free
    return max(0.0, known[needed] - now) if needed < len(known) else None
