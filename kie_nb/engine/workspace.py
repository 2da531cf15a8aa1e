"""What the runs of this process share: the dispatcher, the ledgers, and the channels with their rate grants."""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import threading
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .. import settings as settings_
from ..errors import InvalidRequest, KieError
from ..keys import Secret
from ..ledger import Database, GrantStore, Ledger, RunRow
from ..shared_files import Cache
from .callbacks import Callbacks
from .channel import Channel
from .dispatcher import Dispatcher, dispatcher
from .record import Record
from .timing import Pace, Timing, Usual, typical_s
from .waiting import wait_blocking
from .workers import Workers

if TYPE_CHECKING:
    from ..stores import Shelf

USUAL_LIFE_S = 3.0


class Kind:
    """Tasks of one kind, while some of them run in this process."""

    def __init__(self, pace: Pace) -> None:
        self.pace = pace
        self.read_at = -math.inf  # when the ledger was asked, by the loop's clock
        self._sooner = asyncio.Event()

    def learn(self, duration_s: float | None) -> None:
        """One has ended: those who rest think again if it was quick."""
        if duration_s and self.pace.learn(duration_s):
            self._sooner.set()
            self._sooner = asyncio.Event()

    async def rest(self, pause_s: Callable[[], float]) -> None:
        """Sleep for *pause_s*, which is asked anew when more is known."""
        clock = asyncio.get_running_loop().time
        began = clock()
        while (left := began + pause_s() - clock()) > 0:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._sooner.wait()
                    continue
            return


class Workspace:
    """Dispatcher, ledgers, channels and rate grants; each is made at first use and lives as long as the process."""

    def __init__(self, timing: Timing) -> None:
        self.timing = timing
        self.dispatcher: Dispatcher = dispatcher()
        self.downloads = Workers(4, "kie-nb-download")
        self.strange_states: set[str] = set()  # words of the service's that were logged
        self.not_fetched: set[tuple[str, int]] = set()  # files of runs that are not tried again
        self._ledgers: dict[tuple[Any, ...], Ledger] = {}
        self._shelves: dict[Ledger, Shelf] = {}
        self.unpushed: set[Ledger] = set()  # that have files in the home alone
        self._listeners: list[Callable[[Ledger, RunRow], None]] = []
        self._grants: dict[Path | Database, GrantStore] = {}
        self._channels: dict[tuple[Any, ...], Channel] = {}
        self._callbacks: dict[Path, Callbacks] = {}
        self._kinds: dict[tuple[Any, ...], Kind] = {}
        self._lock = threading.RLock()

    @property
    def here(self) -> Ledger:
        """The ledger of the current folder."""
        return self.ledger(settings_.current().home)

    def ledger(self, home: Path) -> Ledger:
        """The ledger of a home, or the team's with its files in that home; opened at first use."""
        url, files = settings_.ledger_url(), settings_.files_address()
        key = (home, url, files, settings_.files_cache(home) if files else None)
        with self._lock:
            if key not in self._ledgers:
                self._ledgers[key] = self._new_ledger(*key)
            found = self._ledgers[key]
            found.ensure_in_place()
            return found

    def _new_ledger(self, home: Path, url: Secret | None, files: str, cache: Cache | None) -> Ledger:
        opened = Ledger(home, url=url, lease_s=self.timing.lease_s, cache=cache.of(files) if cache else None)
        if cache is not None:
            from ..stores import open_shelf

            self._shelves[opened] = open_shelf(files, opened.files, cache)
        for listener in self._listeners:
            opened.listen(partial(listener, opened))
        return opened

    def shelf(self, ledger: Ledger) -> Shelf | None:
        """The store that the files of *ledger* are in; None where they are in its home alone."""
        return self._shelves.get(ledger)

    def listen(self, listener: Callable[[Ledger, RunRow], None]) -> None:
        """Call *listener* with each row that a ledger of this workspace publishes; before the first of them is opened."""
        self._listeners.append(listener)

    async def kind(self, run: Record) -> Kind:
        """What is known of tasks like that of *run*. On the dispatcher's loop."""
        inputs = run.request.inputs
        asked = {name: inputs[name] for name in ("duration", "resolution") if name in inputs}
        key = (run.ledger.home, run.service, run.model, json.dumps(asked, sort_keys=True))
        if key not in self._kinds:
            speed = settings_.current().simulator_speed
            self._kinds[key] = Kind(Pace(typical_s(run.service, run.request, speed)))
        found, now = self._kinds[key], self.dispatcher.loop.time()
        if now - found.read_at > USUAL_LIFE_S:
            found.read_at = now
            found.pace.know(await self.dispatcher.ledger(run.ledger.durations, run.service, run.model, asked))
        return found

    async def usual(self, run: Record) -> Usual | None:
        """What tasks like that of *run* took, by the ledger; None where nothing is known. On the dispatcher's loop."""
        return (await self.kind(run)).pace.usual

    def call(self, make: Callable[[], Any], *, timeout_s: float = 60.0) -> Any:
        """Run a short coroutine on the dispatcher and wait for it, interruptibly."""
        future = self.dispatcher.submit(make())
        goes_on = "the question was dropped; it costs nothing."
        if not wait_blocking(future, timeout_s=timeout_s, goes_on=goes_on):
            future.cancel()
            raise KieError("The service did not answer in time.", hint="try again")
        return future.result()

    def find(self, text: str) -> Record:
        """The run of the current home whose id or task id begins with *text*; InvalidRequest if none or more than one does."""
        ledger = self.here
        found = ledger.find(text.strip()) if text.strip() else []
        if len(found) == 1:
            return Record(found[0], ledger)
        ids = ", ".join(row.id[:8] for row in found[:5])
        words = f"Several runs begin with {text!r}: {ids}." if ids else f"No run here begins with {text!r}."
        raise InvalidRequest(words, hint="type more of the id" if ids else "%kie runs lists them", charged="")

    def channel(self, settings: settings_.Settings) -> Channel:
        """The channel for these settings, shared by all runs that go the same way."""
        names = (
            "service",
            "base_url",
            "upload_url",
            "account",
            "home",
            "ledger_url",
            "state_home",
            "creates_per_window",
        )
        key = (*(getattr(settings, name) for name in names), self.timing)
        with self._lock:
            if key not in self._channels:
                clock = self.ledger(settings.home).read_clock
                self._channels[key] = Channel(
                    settings, self.dispatcher, self.grants(settings), self.timing, clock
                )
            # A limit of the user's own may have changed without changing the way.
            self._channels[key].settings = settings
            return self._channels[key]

    def callbacks(self, state_home: Path) -> Callbacks:
        """Where callbacks of this user arrive."""
        with self._lock:
            return self._callbacks.setdefault(state_home, Callbacks(state_home))

    def grants(self, settings: settings_.Settings) -> GrantStore:
        """Where the creates of an account are counted, for all who use it."""
        with self._lock:
            # Where machines share a ledger they share the account's limit too, and it is kept in the same place.
            place = self.ledger(settings.home).database if settings.ledger_url else settings.state_home
            if place not in self._grants:
                self._grants[place] = GrantStore(place)
            return self._grants[place]

    def channel_of(self, run: Record) -> Channel:
        """The channel that reaches the service which has *run*'s task."""
        service: settings_.ServiceName = "simulator" if run.service == "simulator" else "kie"
        return self.channel(replace(settings_.current(service), home=run.ledger.home))
