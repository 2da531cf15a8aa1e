"""Who follows which run: this process drives its own and those whose owner is gone, and watches the rest."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

from ..errors import KieError, NotFetched, OutcomeUnknown
from ..ledger import Ledger, owner
from ..ledger.leases import BEATS
from .asking import ToSend
from .dispatcher import before_exit
from .fetching import Fetching
from .life import Life
from .outcomes import error_of
from .run import Run
from .schedule import Usual, usual_of
from .states import OPEN, State
from .step import TakenOver

if TYPE_CHECKING:
    from .channel import Channel
    from .session import Session

log = logging.getLogger("kie_nb")

WATCH_S = 0.5
FETCH_AGAIN_S = 300.0
EXIT_WAIT_S = 65.0  # a little longer than a create may take
USUAL_LIFE_S = 3.0


class Follower:
    """The runs that this process follows; its coroutines live on the dispatcher's loop."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._driven: set[Run] = set()
        self._asked: dict[Run, ToSend] = {}  # what somebody here wants sent
        self._usual: dict[tuple[Any, ...], tuple[float, Usual | None]] = {}
        self._lock = threading.RLock()
        before_exit(self._finish_sending)
        self._heart: Any = None
        self._later: dict[Run, asyncio.TimerHandle] = {}  # on the dispatcher's thread alone

    def _finish_sending(self) -> None:
        """A process that ends in mid-request would lose the answer, and with it the task: send nothing more, and wait.

        What was not sent yet is taken back: else it might be sent in the last moment.
        """
        if self._session.dispatcher.pid != os.getpid():
            return  # a forked child ends; they are its parent's
        with self._session.begin_lock:  # what is being written down at this moment is in hand after that
            self._session.dispatcher.is_ending = True
        seen: set[Run] = set()
        stuck: set[Run] = set()
        is_told = False
        end = time.monotonic() + EXIT_WAIT_S
        while (waiting := self._not_answered(stuck)) and time.monotonic() < end:
            seen |= waiting
            # One that is refused for being too many at once comes back, and waits for its turn again.
            stuck |= {run for run in waiting if not self._take_back(run)}
            if not is_told and any(run.state is State.SENDING for run in waiting):
                is_told = True
                sys.stderr.write("kie_nb: waiting for the service's answer to a request on its way…\n")
            time.sleep(0.05)
        if not hasattr(sys, "ps1") and "ipykernel" not in sys.modules:
            self._say_what_is_left(sum(run.state is State.NOT_SENT for run in seen))

    def _not_answered(self, stuck: set[Run]) -> set[Run]:
        """What this process has written down and the service has not answered, but for intentions that are *stuck*."""
        own = {run for run in list(self._driven) if run.row.owner == owner.me()}
        return {
            run
            for run in own
            if run.state is State.SENDING or (run.state is State.INTENT and run not in stuck)
        }

    def _take_back(self, run: Run) -> bool:
        """Take *run* back if it was not sent; False if the ledger cannot be written: the next look takes it back then."""
        try:
            if run.state is State.INTENT:
                self._session.withdraw(
                    run
                )  # too late if it is just being sent: then its answer is waited for
        except KieError:
            log.exception("%s could not be taken back", run.label)
            return False
        return True

    def _say_what_is_left(self, taken_back: int) -> None:
        if taken_back:
            were = "1 was" if taken_back == 1 else f"{taken_back} were"
            sys.stderr.write(
                f"kie_nb: {were} not sent and will not be: nothing was charged. Run the script again to send "
                f"{'it' if taken_back == 1 else 'them'}.\n"
            )
        left = [run for run in list(self._driven) if run.task_id and run.state in OPEN]
        if left:
            ids = ", ".join(run.id[:8] for run in left[:5])
            sys.stderr.write(
                f"kie_nb: this process ends with {len(left)} open ({ids}): their tasks go on at the service. "
                "Run the script again, or kie_nb.resume(), to fetch the videos.\n"
            )

    def is_followed(self, run: Run) -> bool:
        """Whether *run* is in hand."""
        return run in self._driven

    def follow(
        self,
        run: Run,
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
            channel = channel or self._session.channel_of(run)
            run._reopen()
            self._driven.add(run)
            try:
                self._session.dispatcher.start(self._follow(run, channel))
            except BaseException:  # an interrupt just here must not leave it in nobody's hands
                self._driven.discard(run)
                self._asked.pop(run, None)
                raise

    def refresh(self, run: Run) -> None:
        """Bring the handle of a run that is not in hand up to date.

        It is read here, and nobody takes it in hand meanwhile: a row that was read before may be older than what the handle
        has been told by a driver that has just ended.
        """
        with self._lock:
            if run in self._driven:
                return
            row = self._session.ledger_of(run).get(run.id)
            if row is not None and row != run.row:
                run._update(row)

    async def _follow(self, run: Run, channel: Channel) -> None:
        """Drive *run* if it is ours or its owner is gone, else watch what its owner makes of it."""
        if self._heart is None or self._heart.done():
            self._heart = asyncio.get_running_loop().create_task(self._beat())
        self._session._taken(run)
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
            run._finish(error)
            is_wanted = run.state is State.SUCCESS and not isinstance(error, NotFetched)
            if (is_wanted or run.missing) and run.link_lives:
                self._fetch_later(run, channel)

    def _fetch_later(self, run: Run, channel: Channel) -> None:
        """Made and paid for, but not on disk: its link lives for a day, so it is tried again for as long."""

        def again() -> None:
            self._later.pop(run, None)
            self.follow(run, channel)

        if (
            run not in self._later
        ):  # whoever waits for it meanwhile tries at once, and that winds no second clock
            self._later[run] = asyncio.get_running_loop().call_later(FETCH_AGAIN_S, again)

    async def _to_its_end(self, run: Run, channel: Channel) -> KieError | None:
        while run.state in OPEN:
            if await self._is_ours(run):
                if run.state is State.INTENT and run not in self._asked:
                    if await self._session.dispatcher.ledger(self._session.withdraw, run):
                        break
                else:
                    try:
                        error = await Life(run, self._session, channel, self._asked.get(run)).drive()
                    except TakenOver:
                        pass
                    else:
                        if not (isinstance(error, OutcomeUnknown) and run.state in OPEN):
                            return error
                        continue  # settled while the balance was still being asked for
            await asyncio.sleep(WATCH_S)
            await self._reread(run)
        if run.state is not State.FETCHED:
            return error_of(run)
        await self._bring_the_rest(run, channel)
        return None

    async def _bring_the_rest(self, run: Run, channel: Channel) -> None:
        """What a finished run lacks: its files in this home, or those of several that have not come."""
        fetching = Fetching(run, self._session, channel)
        if self._session.is_elsewhere(run):
            await fetching.fetch()
        elif run.missing:
            await fetching.fetch_missing()

    async def _is_ours(self, run: Run) -> bool:
        """Whether this process may drive *run*; a run whose owner is gone is taken over, by one process only."""
        ledger, row = self._session.ledger_of(run), run.row
        if row.owner == owner.me() or not ledger.leases.is_dead(row):
            return row.owner == owner.me()
        claimed = await self._session.dispatcher.ledger(ledger.claim, row, owner.me(), hint=owner.hint())
        await self._reread(run)  # it may have moved on before its owner died
        return bool(claimed)

    async def _reread(self, run: Run) -> None:
        row = await self._session.dispatcher.ledger(self._session.ledger_of(run).get, run.id)
        if row is not None and row != run.row:
            run._update(row)

    async def _beat(self) -> None:
        """Say every few seconds that this process still drives its runs."""
        while True:
            await asyncio.sleep(self._session.lease_s / BEATS)
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
            found.setdefault(self._session.ledger_of(run), []).append(run.id)
        return found

    async def usual(self, run: Run) -> Usual | None:
        """What earlier tasks of the same kind took."""
        inputs = run.request.inputs
        kind = {name: inputs[name] for name in ("duration", "resolution") if name in inputs}
        key = (self._session.home_of(run).home, run.service, run.model, json.dumps(kind, sort_keys=True))
        now = self._session.dispatcher.loop.time()
        found = self._usual.get(key)
        if found is None or now - found[0] > USUAL_LIFE_S:
            durations = await self._session.dispatcher.ledger(
                self._session.ledger_of(run).durations, run.service, run.model, kind
            )
            found = self._usual[key] = (now, usual_of(durations))
        return found[1]
