"""Who follows which run: this process drives its own and those whose owner is gone, and watches the rest."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..errors import KieError, NotFetched, OutcomeUnknown
from ..ledger import Ledger, owner
from ..ledger.leases import BEATS
from .downloading import Downloading
from .driver import Driver
from .intents import cancel_unsent
from .outcomes import error_of
from .record import Record
from .sending import ToSend
from .states import OPEN, State
from .tracked import Tracked
from .transitions import TakenOver

if TYPE_CHECKING:
    from .channel import Channel
    from .workspace import Workspace

log = logging.getLogger("kie_nb")


class Supervisor:
    """The runs that this process follows; its coroutines live on the dispatcher's loop.

    Args:
        workspace: What the work needs.
        on_taken: Called on the dispatcher's thread with each run that is taken in hand.

    Attributes:
        begin_lock: Held from the written intention until somebody follows it: two threads that ask for one request must not
            take the other's for one that was left.
    """

    def __init__(self, workspace: Workspace, on_taken: Callable[[Tracked], None]) -> None:
        self.begin_lock = threading.RLock()
        self._workspace = workspace
        self._on_taken = on_taken
        self._driven: set[Tracked] = set()
        self._asked: dict[Tracked, ToSend] = {}  # what somebody here wants sent
        self._lock = threading.RLock()
        self._heart: Any = None
        self._later: dict[Tracked, asyncio.TimerHandle] = {}  # on the dispatcher's thread alone

    @property
    def driven(self) -> list[Tracked]:
        """The runs in hand."""
        return list(self._driven)

    def is_followed(self, run: Tracked) -> bool:
        """Whether *run* is in hand."""
        return run in self._driven

    def was_left(self, run: Tracked) -> bool:
        """Whether a run was written down and then left unsent by a process that is gone, or by an interrupt in this one.

        Inside `begin_lock`: between its being written down and being followed it only looks like that.
        """
        if run.state is not State.INTENT:
            return False
        if run.row.owner == owner.me():
            return not self.is_followed(run)
        return run.ledger.leases.is_dead(run.row)

    def follow(
        self,
        run: Tracked,
        channel: Channel | None = None,
        *,
        to_send: ToSend | None = None,
    ) -> None:
        """See to it that somebody drives *run*: this process, or the living one that already does.

        Args:
            run: Which one.
            channel: The way to its service; found if not given.
            to_send: What somebody here asked for. Else an intention that was left is taken back: looking spends nothing.
        """
        with self._lock:
            if to_send is not None:
                self._asked[run] = to_send  # also where it was only watched until now
            if run in self._driven:
                return
            channel = channel or self._workspace.channel_of(run)
            run.reopen()
            self._driven.add(run)
            try:
                self._workspace.dispatcher.start(self._follow(run, channel))
            except BaseException:  # an interrupt just here must not leave it in nobody's hands
                self._driven.discard(run)
                self._asked.pop(run, None)
                raise

    def revive(self, run: Tracked) -> None:
        """Follow *run* if it is open, or if its file is gone and may be fetched again; sends nothing.

        An intention that another process is about to send is watched; one that was left is taken back.
        """
        is_gone = run.state is State.FETCHED and not run.is_here
        if run.state in OPEN or is_gone:
            with self.begin_lock:
                self.take_up(run)

    def look_for(self, run: Tracked) -> None:
        """`revive`, and ask again for a task that the service did not show, and for files that have not come; sends nothing."""
        with self.begin_lock:
            if run.state is State.LOST:
                self.look_again(run)
            self.revive(run)
            if run.missing and run.link_lives:
                self.follow(run)

    def take_up(self, run: Tracked, to_send: ToSend | None = None) -> str:
        """A run of an earlier cell, kernel or day.

        Args:
            to_send: What may be sent, should its owner die before it has.
        """
        if run.state is State.FETCHED:
            if run.is_here:
                run.finish(None)
                return "shown"
            if is_elsewhere(run):
                self.follow(run)
                return "joined"
            self._reopen_in_ledger(run, State.SUCCESS, "its file is gone")
            if run.state is State.FETCHED:  # another kernel has brought it back just now
                run.finish(None)
                return "shown"
            self.follow(run)
            return "fetched again"
        if run.state is State.LOST:
            self.look_again(run)
        if run.state in OPEN:
            self.follow(run, to_send=to_send)
            return "joined"
        raise error_of(run)

    def look_again(self, run: Tracked) -> None:
        """A task that the service did not show may be shown now."""
        self._reopen_in_ledger(run, State.ACCEPTED, "looked at again")

    def _reopen_in_ledger(self, run: Tracked, to: State, why: str) -> None:
        """Take a run up that had come to its end. This process drives it now: whoever did before has let go of it."""
        ledger = run.ledger
        row = ledger.move(
            run.id,
            to,
            expect={run.state},
            evidence={"because": why},
            hand_to=owner.me(),
            owner_hint=owner.hint(),
        )
        row = row or ledger.get(run.id)  # another kernel may have been quicker
        if row is not None:
            run.update(row)

    def is_coming(self, run: Tracked) -> bool:
        """Whether files of a run that is done are on their way: from another machine's task, or those that had not come."""
        return is_elsewhere(run) or (bool(run.missing) and self.is_followed(run))

    def refresh(self, run: Tracked) -> None:
        """Bring the handle of a run that is not in hand up to date.

        It is read here, and nobody takes it in hand meanwhile: a row that was read before may be older than what the handle
        has been told by a driver that has just ended.
        """
        with self._lock:
            if run in self._driven:
                return
            row = run.ledger.get(run.id)
            if row is not None and row != run.row:
                run.update(row)

    async def _follow(self, run: Tracked, channel: Channel) -> None:
        """Drive *run* if it is ours or its owner is gone, else watch what its owner makes of it."""
        if self._heart is None or self._heart.done():
            self._heart = asyncio.get_running_loop().create_task(self._beat())
        self._on_taken(run)
        error: KieError | None = KieError(
            f"nobody follows run {run.id[:8]} any more.", hint="%kie resume takes it up"
        )
        try:
            error = await self._to_its_end(run, channel)
        except KieError as exc:
            error = exc
        except Exception as exc:
            log.exception("run %s could not be followed", run.id)
            error = KieError(
                f"run {run.id[:8]} could not be followed: {exc}.", hint="%kie resume takes it up"
            )
        finally:
            # Let go of it first: whoever wakes by the end may ask for it again at once.
            # And forget who asked before that: an ask that comes later belongs to the next one who follows.
            self._asked.pop(run, None)
            self._driven.discard(run)
            run.finish(error)
            is_wanted = run.state is State.SUCCESS and not isinstance(error, NotFetched)
            if (is_wanted or run.missing) and run.link_lives:
                self._fetch_later(run, channel)

    def _fetch_later(self, run: Tracked, channel: Channel) -> None:
        """Made and paid for, but not on disk: its link lives for a day, so it is tried again for as long."""

        def again() -> None:
            self._later.pop(run, None)
            self.follow(run, channel)

        if (
            run not in self._later
        ):  # whoever waits for it meanwhile tries at once, and that winds no second clock
            self._later[run] = asyncio.get_running_loop().call_later(
                self._workspace.timing.fetch_again_s, again
            )

    async def _to_its_end(self, run: Tracked, channel: Channel) -> KieError | None:
        while run.state in OPEN:
            if await self._is_ours(run):
                if run.state is State.INTENT and run not in self._asked:
                    if await self._workspace.dispatcher.ledger(cancel_unsent, run):
                        break
                else:
                    try:
                        error = await Driver(run, self._workspace, channel, self._asked.get(run)).drive()
                    except TakenOver:
                        pass
                    else:
                        if not (isinstance(error, OutcomeUnknown) and run.state in OPEN):
                            return error
                        continue  # settled while the balance was still being asked for
            await asyncio.sleep(self._workspace.timing.watch_s)
            await self._reread(run)
        if run.state is not State.FETCHED:
            return error_of(run)
        await self._bring_the_rest(run, channel)
        return None

    async def _bring_the_rest(self, run: Tracked, channel: Channel) -> None:
        """What a finished run lacks: its files in this home, or those of several that have not come."""
        fetching = Downloading(run, self._workspace, channel)
        if is_elsewhere(run):
            await fetching.fetch()
        elif run.missing:
            await fetching.fetch_missing()

    async def _is_ours(self, run: Tracked) -> bool:
        """Whether this process may drive *run*; a run whose owner is gone is taken over, by one process only."""
        ledger, row = run.ledger, run.row
        if row.owner == owner.me() or not ledger.leases.is_dead(row):
            return row.owner == owner.me()
        claimed = await self._workspace.dispatcher.ledger(ledger.claim, row, owner.me(), hint=owner.hint())
        await self._reread(run)  # it may have moved on before its owner died
        return bool(claimed)

    async def _reread(self, run: Tracked) -> None:
        row = await self._workspace.dispatcher.ledger(run.ledger.get, run.id)
        if row is not None and row != run.row:
            run.update(row)

    async def _beat(self) -> None:
        """Say every few seconds that this process still drives its runs."""
        while True:
            await asyncio.sleep(self._workspace.timing.lease_s / BEATS)
            found = self._ids_by_ledger().items()
            await asyncio.gather(*(self._renew(ledger, ids) for ledger, ids in found))

    @staticmethod
    async def _renew(ledger: Ledger, ids: list[str]) -> None:
        try:
            # Not behind the other calls of the ledger: each may wait for half a minute for a lock.
            await asyncio.to_thread(ledger.renew, ids, owner.me())
        except Exception:
            # The next beat tries again; a heart that stops would give living runs away.
            log.exception("the lease of %d runs could not be renewed", len(ids))

    def _ids_by_ledger(self) -> dict[Ledger, list[str]]:
        """The runs in hand; apart from `_beat`, whose frame would hold the last of them for ever."""
        found: dict[Ledger, list[str]] = {}
        for run in list(self._driven):
            found.setdefault(run.ledger, []).append(run.id)
        return found


def is_elsewhere(run: Record) -> bool:
    """Whether another machine of the team has fetched the video, and this home has not."""
    return run.state is State.FETCHED and run.ledger.database.is_shared and not run.is_here
