"""Decides per run whether this process drives it or watches its owner; renews leases; finishes before the process ends.

Runs whose owner process is dead are taken over.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
import time
from functools import partial
from typing import Any, Protocol

from ..errors import KieError, NotFetched, OutcomeUnknown
from ..frontend import is_session
from ..ledger import Ledger, RunRow, owner
from ..ledger.owner import BEATS
from ..ledger.states import OPEN, RELEASED, State
from ..service.callback_address import takes_token
from .downloading import Downloading
from .driver import drive_to_end
from .record import Key, Record
from .shelving import push_left
from .transitions import Drive, OwnershipLost, ToSend, cancel_unsent, error_of
from .workspace import Workspace

log = logging.getLogger("kie_nb")
# In a lease, at a run that another process drives: only several readings tell whether it still does.
LOOKS = 9


class DriveObserver(Protocol):
    """Is told what rows do not say about driven runs."""

    def taken(self, run: Record) -> None:
        """*run* is driven from now on; called by the thread that asked for it."""

    def troubled(self, run: Record, trouble: str) -> None:
        """A passing problem; "" when it is over."""

    def ended(self, run: Record, error: KieError | None) -> None:
        """*run* is not driven any more; called on the dispatcher's thread."""


class Supervisor:
    """The runs that this process drives or watches; its coroutines live on the dispatcher's loop."""

    def __init__(self, workspace: Workspace, observer: DriveObserver) -> None:
        self.workspace = workspace
        # Held from recording an intent until it is driven: otherwise a second thread with the same request would take it
        # for abandoned.
        self.begin_lock = threading.RLock()
        self._observer = observer
        self._drives: dict[Key, Drive] = {}
        self._lock = threading.RLock()
        self._renewing: Any = None
        self._pushing: set[Ledger] = set()
        self._later: dict[Key, asyncio.TimerHandle] = {}  # on the dispatcher's thread alone
        workspace.listen(self._heard)

    @property
    def driven(self) -> list[Record]:
        """The runs that are driven or watched here."""
        return [drive.run for drive in list(self._drives.values())]

    def is_driven(self, run: Record) -> bool:
        """Whether *run* is driven or watched here."""
        return run.key in self._drives

    def is_abandoned(self, run: Record) -> bool:
        """Whether a run is recorded but unsent, and its owner process is dead, or an interrupt has left it so in this one.

        Inside `begin_lock`: between its being recorded and being driven it only looks like that.
        """
        if run.state is not State.INTENT:
            return False
        if run.row.owner == owner.me():
            return not self.is_driven(run)
        return run.ledger.leases.is_dead(run.row)

    def is_coming(self, run: Record) -> bool:
        """Whether files of a fetched run are on their way: from another machine's task, or those that had not come."""
        # What is in the store is brought when it is looked at.
        is_asked_for = run.ledger.files.cache is None or self.is_driven(run)
        return (is_elsewhere(run) and is_asked_for) or (bool(run.missing) and self.is_driven(run))

    def ensure_driven(self, run: Record, *, may_send: ToSend | None = None, look_again: bool = False) -> str:
        """Drive *run* to its end, or watch it while another living process does.

        Args:
            run: Which one.
            may_send: What somebody here asked for: it is sent unless somebody else does. Without it an abandoned intent is
                cancelled: looking spends nothing.
            look_again: Ask again for a task that the service did not show, and for files that have not come.

        Returns:
            "joined" (it is driven now), "fetched again" (so it is, for its file is not on this machine), "shown" (its video is here), or ""
            (it has ended without one).
        """
        with self.begin_lock:
            run, how = Record(run.row, run.ledger), "joined"
            if run.is_film and not is_elsewhere(run):
                return "shown"  # there is no task to fetch it from
            if run.state is State.FETCHED and not run.is_here and not is_elsewhere(run):
                run, how = self._reopen(run, State.SUCCESS, "its file is gone"), "fetched again"
            elif run.state is State.LOST and look_again:
                run = self._reopen(run, State.ACCEPTED, "looked at again")
            if run.state in OPEN or is_elsewhere(run):
                self._start(run, may_send)
                return "fetched again" if run.state is State.FETCHED else how  # from the store
            if run.missing and run.link_lives and look_again:
                self._start(run)
            return "shown" if run.state is State.FETCHED else ""

    def reread(self, run: Record) -> None:
        """Read a run that is not driven here again: what is news is published.

        Nobody starts to drive it meanwhile: a row that was read before may be older than what a driver has just published.
        """
        with self._lock:
            if not self.is_driven(run):
                run.reread()

    @staticmethod
    def _reopen(run: Record, to: State, why: str) -> Record:
        """Take up a run that had ended; this process owns it now, unless another kernel was quicker."""
        changes: dict[str, Any] = {
            "hand_to": owner.me(),
            "owner_hint": owner.hint(),
            "evidence": {"because": why},
        }
        row = run.ledger.move(run.id, to, expect={run.state}, **changes)
        return Record(row, run.ledger) if row is not None else run.reread()

    def _heard(self, ledger: Ledger, row: RunRow) -> None:
        drive = self._drives.get((ledger, row.id))
        if drive is not None:
            drive.run = Record(row, ledger)

    def _start(self, run: Record, may_send: ToSend | None = None) -> None:
        with self._lock:
            drive = self._drives.get(run.key)
            if drive is not None:
                drive.may_send = may_send or drive.may_send  # also where it was only watched until now
                return
            workspace = self.workspace
            channel = may_send.channel if may_send else workspace.channel_of(run)
            drive = Drive(run, workspace, channel, may_send, self._observer.troubled)
            self._drives[run.key] = drive
            try:
                self._observer.taken(run)
                workspace.dispatcher.start(self._drive(drive))
            except BaseException:  # an interrupt just here must not leave it registered and undriven
                self._drives.pop(run.key, None)
                raise

    async def _drive(self, drive: Drive) -> None:
        """Drive the run if it is ours or its owner process is dead, else watch what its owner makes of it."""
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.get_running_loop().create_task(self._renew_leases())
        key, short = drive.run.key, drive.run.id[:8]
        hint = "%kie resume takes it up"
        error: KieError | None = KieError(f"Run {short} has stopped: no process drives it now.", hint=hint)
        try:
            error = await self._to_its_end(drive)
        except KieError as exc:
            error = exc
        except Exception as exc:
            log.exception("run %s could not be driven", drive.run.id)
            error = KieError(f"Run {short} could not be driven: {exc}.", hint=hint)
        finally:
            # Remove it first: a waiter that wakes now may ask for it again at once.
            self._drives.pop(key, None)
            run = drive.run
            self._observer.ended(run, error)
            if run.state in RELEASED | {State.SUCCESS, State.FETCHED} and takes_token(
                run.request.call_back_url
            ):
                self.workspace.callbacks(drive.channel.settings.state_home).mailbox.forget(run.id)
            is_wanted = run.state is State.SUCCESS and not isinstance(error, NotFetched)
            if (is_wanted or run.missing) and run.link_lives and key not in self._later:
                # Made and paid for, but not on disk: its link lives for a day, so it is tried again for as long.
                later_s, again = self.workspace.timing.fetch_again_s, partial(self._fetch_again, run)
                self._later[key] = asyncio.get_running_loop().call_later(later_s, again)
            if run.ledger in self.workspace.unpushed:
                self.push_later(run.ledger, self.workspace.timing.fetch_again_s)

    def push_later(self, ledger: Ledger, later_s: float = 0.0) -> None:
        """Put into the store what is in the home alone, in a while and until it is there."""
        if self.workspace.shelf(ledger) is not None and ledger not in self._pushing:
            self._pushing.add(ledger)
            start = partial(self.workspace.dispatcher.start, self._push(ledger, later_s))
            self.workspace.dispatcher.call_soon(start)

    async def _push(self, ledger: Ledger, later_s: float) -> None:
        shelf = self.workspace.shelf(ledger)
        try:
            while shelf is not None:
                await asyncio.sleep(later_s)
                try:
                    await asyncio.wrap_future(shelf.submit(push_left, shelf, ledger))
                except (KieError, OSError) as exc:
                    log.warning("files stay in %s for now: %s", ledger.home.name, exc)
                    later_s = self.workspace.timing.fetch_again_s
                else:
                    break
            self.workspace.unpushed.discard(ledger)
        finally:
            self._pushing.discard(ledger)

    def _fetch_again(self, run: Record) -> None:
        self._later.pop(run.key, None)
        self._start(run)

    async def _to_its_end(self, drive: Drive) -> KieError | None:
        seen = None
        while drive.run.state in OPEN:
            if await self._is_ours(drive.run):
                is_abandoned = drive.run.state is State.INTENT and drive.may_send is None
                if is_abandoned and await self.workspace.dispatcher.ledger(cancel_unsent, drive.run):
                    break
                with contextlib.suppress(OwnershipLost):
                    error = await drive_to_end(drive)
                    if not (isinstance(error, OutcomeUnknown) and drive.run.state in OPEN):
                        return error
                    continue  # settled while the balance was still being read
            seen = await self._news_after(seen, drive.run)
            await self._reread(drive.run)
        if drive.run.state is not State.FETCHED:
            return error_of(drive.run)
        if is_elsewhere(drive.run):
            await Downloading(drive).fetch()
        elif drive.run.missing:
            await Downloading(drive).fetch_missing()
        return None

    async def _news_after(self, seen: Any, run: Record) -> Any:
        """Wait until a run that another process drives may have changed since the news *seen*, or is due; gives the newer ones."""
        news, timing = run.ledger.database.news, self.workspace.timing
        until = time.monotonic() + timing.lease_s / LOOKS
        while True:
            await asyncio.sleep(timing.watch_s)
            number = news.number()  # before the run is read: what comes after that is seen the next time
            if not news.is_prompt or number != seen or time.monotonic() >= until:
                return number

    async def _is_ours(self, run: Record) -> bool:
        """Whether this process may drive *run*; one whose owner process is dead is taken over, by one process only."""
        ledger, row = run.ledger, run.row
        if row.owner == owner.me() or not ledger.leases.is_dead(row):
            return row.owner == owner.me()
        claimed = await self.workspace.dispatcher.ledger(ledger.claim, row, owner.me(), hint=owner.hint())
        await self._reread(run)  # it may have moved on before its owner died
        return bool(claimed)

    async def _reread(self, run: Record) -> None:
        await self.workspace.dispatcher.ledger(run.reread)

    async def _renew_leases(self) -> None:
        """Renew the leases of all driven runs every few seconds."""
        while True:
            await asyncio.sleep(self.workspace.timing.lease_s / BEATS)
            found: dict[Ledger, list[str]] = {}
            for ledger, run_id in list(self._drives):
                found.setdefault(ledger, []).append(run_id)
            # Not in the ledger's thread: a call there may wait half a minute for a lock.
            calls = (asyncio.to_thread(ledger.renew, ids, owner.me()) for ledger, ids in found.items())
            for error in await asyncio.gather(*calls, return_exceptions=True):
                if isinstance(error, Exception):
                    # The next round tries again; if renewal stopped, others would take over live runs.
                    log.error("the lease of runs could not be renewed", exc_info=error)


def is_elsewhere(run: Record) -> bool:
    """Whether the video is with another machine of the team or in its store, and not on this disk."""
    is_shared = run.ledger.database.is_shared and not run.is_film
    is_shared = is_shared or run.ledger.files.cache is not None
    return run.state is State.FETCHED and is_shared and not run.is_here


def finish_sending(supervisor: Supervisor) -> None:
    """At exit send nothing more, cancel unsent runs, and wait for pending answers: a lost answer would lose its task."""
    dispatcher = supervisor.workspace.dispatcher
    if dispatcher.pid != os.getpid():
        return  # a forked child ends; they are its parent's
    with supervisor.begin_lock:  # what is being recorded at this moment is driven after that
        dispatcher.is_ending = True
    seen: dict[Key, Record] = {}
    stuck: set[Key] = set()
    is_told = False
    end = time.monotonic() + supervisor.workspace.timing.exit_wait_s
    while (waiting := _not_answered(supervisor, stuck)) and time.monotonic() < end:
        for run in waiting:
            seen[run.key] = run
            # One that is refused for being too many at once comes back, and waits for its turn again.
            if run.state is State.INTENT:
                try:
                    cancel_unsent(run)  # too late if it is just being sent: then its answer is waited for
                except KieError:
                    stuck.add(run.key)
                    log.exception("%s could not be cancelled", run.label)
        if not is_told and any(run.state is State.SENDING for run in waiting):
            is_told = True
            sys.stderr.write("kie_nb: waiting for the service's answer to a request on its way…\n")
        time.sleep(0.05)
    if not is_session():
        _say_what_is_left(supervisor, seen)


def _not_answered(supervisor: Supervisor, stuck: set[Key]) -> list[Record]:
    """What this process has recorded and the service has not answered, but for intents that are *stuck*."""
    ours = [run for run in supervisor.driven if run.row.owner == owner.me()]
    return [
        run
        for run in ours
        if run.state is State.SENDING or (run.state is State.INTENT and run.key not in stuck)
    ]


def _say_what_is_left(supervisor: Supervisor, seen: dict[Key, Record]) -> None:
    cancelled = 0
    for run in seen.values():
        with contextlib.suppress(KieError):
            cancelled += run.reread().state is State.NOT_SENT
    if cancelled:
        were, them = ("1 was", "it") if cancelled == 1 else (f"{cancelled} were", "them")
        sys.stderr.write(
            f"kie_nb: {were} not sent and will not be: nothing was charged. Run the script again to send {them}.\n"
        )
    left = [run for run in supervisor.driven if run.task_id and run.state in OPEN]
    if left:
        ids = ", ".join(run.id[:8] for run in left[:5])
        sys.stderr.write(
            f"kie_nb: this process ends with {len(left)} open ({ids}): their tasks go on at the service. "
            "Run the script again, or kie_nb.resume(), to fetch the videos.\n"
        )
