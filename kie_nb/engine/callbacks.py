"""Waiting for a callback: one look at the mailbox's folder for all runs that wait, ten times a second; none while nobody waits."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from ..mailbox import Arrival, Mailbox

LOOK_S = 0.1
_TICK_NS = 2_000_000_000


class Callbacks:
    """The callbacks that runs of this process wait for; on the dispatcher's loop."""

    def __init__(self, state_home: Path) -> None:
        self.mailbox = Mailbox(state_home)
        self._arrivals: list[Arrival] = []
        self._stamp = 0
        self._waiting: dict[str, set[asyncio.Event]] = {}
        self._watch: asyncio.Task[None] | None = None

    async def arrived(self, run_id: str, seen: set[Arrival], *, within_s: float) -> Arrival | None:
        """The next callback of a run that is not in *seen*, which it is added to; None if none comes in that time."""
        with self._waits(run_id) as event, contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, within_s)):
                while True:
                    event.clear()
                    new = [one for one in self._arrivals if one.run_id == run_id and one not in seen]
                    if new:
                        seen.add(new[0])
                        return new[0]
                    await event.wait()
        return None

    @contextlib.contextmanager
    def _waits(self, run_id: str) -> Iterator[asyncio.Event]:
        event = asyncio.Event()
        self._waiting.setdefault(run_id, set()).add(event)
        if self._watch is None or self._watch.done():
            self._watch = asyncio.get_running_loop().create_task(self._look())
        try:
            yield event
        finally:
            self._waiting[run_id].discard(event)
            if not self._waiting[run_id]:
                del self._waiting[run_id]

    async def _look(self) -> None:
        """Look at the folder's own time, which changes with each file that comes, and read it when it has."""
        self._stamp = 0
        while self._waiting:
            stamp = self.mailbox.stamp()
            if stamp != self._stamp:
                self._arrivals = await asyncio.to_thread(self.mailbox.arrivals)
                # A folder's clock may tick but once a second: what comes in the same tick must not be missed.
                self._stamp = stamp if time.time_ns() - stamp > _TICK_NS else 0
                for event in [event for events in self._waiting.values() for event in events]:
                    event.set()
            await asyncio.sleep(LOOK_S)
