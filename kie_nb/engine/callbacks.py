"""Waiting for a callback: one watch of the mailbox's folder for all runs that wait; none while nobody waits."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import time
from collections.abc import Iterator
from pathlib import Path

from ..mailbox import Arrival, Mailbox

LOOK_S, LOOK_BESIDE_S = 0.2, 1.0  # between two looks at the folder's time, alone and beside a watch
_TICK_NS = 2_000_000_000
_MOVED_TO = 0x80  # of inotify: a file has got its name in the folder


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
        """Read the folder when its own time has changed, which it does with each file that comes."""
        self._stamp, wake = 0, asyncio.Event()
        with _watching(self.mailbox.folder, wake) as is_watched:
            while self._waiting:
                wake.clear()
                stamp = self.mailbox.stamp()
                if stamp != self._stamp:
                    self._arrivals = await asyncio.to_thread(self.mailbox.arrivals)
                    # A folder's clock may tick but once a second: what comes in the same tick must not be missed.
                    self._stamp = stamp if time.time_ns() - stamp > _TICK_NS else 0
                    for event in [event for events in self._waiting.values() for event in events]:
                        event.set()
                with contextlib.suppress(TimeoutError):
                    # Also beside a watch: it does not see what another machine writes to a network disk.
                    await asyncio.wait_for(wake.wait(), LOOK_BESIDE_S if is_watched else LOOK_S)


@contextlib.contextmanager
def _watching(folder: Path, wake: asyncio.Event) -> Iterator[bool]:
    """Set *wake* whenever a file has come into *folder*; False where the system cannot tell."""
    found = _inotify(folder)
    if found is None:
        yield False
        return
    loop = asyncio.get_running_loop()

    def heard() -> None:
        with contextlib.suppress(BlockingIOError):
            os.read(found, 65_536)
        wake.set()

    loop.add_reader(found, heard)
    try:
        yield True
    finally:
        loop.remove_reader(found)
        os.close(found)


def _inotify(folder: Path) -> int | None:
    """A descriptor that can be read when a file has been moved into *folder*; None where there is none to be had."""
    try:
        library = ctypes.CDLL(None)
        found = library.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
    except (AttributeError, OSError, TypeError):  # no Linux
        return None
    if found >= 0 and library.inotify_add_watch(found, os.fsencode(folder), _MOVED_TO) < 0:
        os.close(found)
        return None
    return int(found) if found >= 0 else None  # less: the user's limit is reached
