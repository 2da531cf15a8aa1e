"""Poll an accepted task until it is final; errors that may pass do not end the polling."""

from __future__ import annotations

import asyncio
import datetime as dt
import time
from functools import partial
from typing import Any

from ..bounds import FIRST_MS, LAST_MS, MAX_SECONDS, number_of
from ..errors import AuthError, KieError, RateLimited, ServiceTrouble, TaskLost
from ..ledger.schema import moment
from ..ledger.states import State, from_service
from ..mailbox import Arrival
from ..service import TaskRecord
from ..service.callback_address import takes_token
from ..service.client import PASSING_CODES
from ..wording.next_steps import LOGS
from .timing import LATE_S, Pace, Usual
from .transitions import OwnershipLost, Step, failure, log
from .workspace import Kind

_LATE = 1.5  # of the time that the slowest tasks take: a callback that has not come by then is not waited for
_CLOCKS_APART = dt.timedelta(minutes=10)
MOST_STRANGE = 50  # unknown states of the service that are logged: it might send a new one at every look


class Polling(Step):
    """Looks until the task is final."""

    async def watch(self) -> None:
        """Poll until the task is final, through errors that may pass. TaskFailed and TaskLost say how it ended."""
        client = await self.channel.client()
        kind = await self._kind()
        clock, looks = self._clock(), 0
        unseen_since, unseen = 0.0, 0
        callbacks, called = self.workspace.callbacks(self.channel.settings.state_home), set[Arrival]()
        waits_s = await self._waits_for_callback(kind.pace.usual)
        is_expected = waits_s > 0
        # The clock of the ledger may be set back; what is left is measured on one that is not.
        polls_from = time.monotonic() + waits_s - max(0.0, self._now() - clock)
        while True:
            pause = partial(self._pause, max(0.0, self._now() - clock), looks, kind.pace)
            if not is_expected:
                await kind.rest(pause)
            elif await callbacks.arrived(
                self.run.id, called, within_s=max(pause(), polls_from - time.monotonic())
            ):
                # The record may be a moment behind the callback: it is looked at until it agrees.
                polls_from, looks = 0.0, 0
            looks += 1
            try:
                record = await client.record(str(self.run.task_id))
            except AuthError:
                raise
            except KieError as exc:
                is_lost = isinstance(exc, TaskLost)
                self.say("The service does not show the task yet" if is_lost else exc.message)
                passes = (
                    isinstance(exc, ServiceTrouble | RateLimited)
                    or getattr(exc, "code", None) in PASSING_CODES
                )
                if not passes:
                    unseen, unseen_since = unseen + 1, unseen_since or time.monotonic()
                    is_long = time.monotonic() - unseen_since > self.timing.lost_after_s
                    if is_long and unseen >= self.timing.lost_looks:
                        await self._give_up(exc)
                continue
            unseen_since, unseen = 0.0, 0
            is_known = record.state in {"waiting", "queuing", "generating", "success", "fail"}
            self.say("" if is_known else f"The service says {record.state!r}, which is taken as running")
            before = self.run.state
            await self._take_in(record, kind)
            if record.is_final:
                return
            if before is State.QUEUING and self.run.state is State.GENERATING:
                clock, looks = self._now(), 0  # the queue says nothing about the work: the clock starts again

    async def _waits_for_callback(self, usual: Usual | None) -> float:
        """How long the task is left to call, in seconds, before polling takes over; 0 where no callback is expected."""
        if not takes_token(self.run.request.call_back_url):
            return 0.0
        mailbox = self.workspace.callbacks(self.channel.settings.state_home).mailbox
        if not await asyncio.to_thread(mailbox.is_expected, self.run.id):
            return 0.0
        return min(LATE_S, usual.high * _LATE) if usual else self.timing.callback_wait_s

    async def _kind(self) -> Kind:
        """A hint about when to look; without it the task is looked at all the same."""
        try:
            return await self.workspace.kind(self.run)
        except Exception:  # noqa: BLE001 - logged: a hint must not stop the looking
            log.exception("what tasks like that of %s usually take could not be read", self.run.label)
            return Kind(Pace())

    def _pause(self, elapsed_s: float, looks: int, pace: Pace) -> float:
        timing = self.timing
        first_s, growth = timing.kie_looks if self.channel.service == "kie" else timing.simulator_looks
        # Tasks that were sent together are looked at one after the other: the first that is seen to be over tells the others.
        first_s *= growth ** (int(self.run.id[:4], 16) / 0x10000)
        return pace.next_look_s(
            elapsed_s, looks, first_s=first_s, growth=growth, shortest_s=timing.shortest_look_s
        )

    def _clock(self) -> float:
        started = moment(self.run.row.started_at or self.run.row.accepted_at)
        return started.timestamp() if started else self._now()

    def _now(self) -> float:
        return self.ledger.now().timestamp()

    async def _give_up(self, exc: KieError) -> None:
        if not isinstance(exc, TaskLost):
            raise ServiceTrouble(
                f"The service keeps refusing to show task {self.run.task_id}: {exc.message}",
                hint=f"look at {LOGS}; `%kie resume` asks again",
                charged="nothing more; the task was accepted before and goes on",
            ) from exc
        if self.run.row.account != self.channel.account:
            words = f"Task {self.run.task_id} was made with another key, and this one does not show it."
            raise TaskLost(
                words, hint="use the key (or the simulator) it was made with, then `%kie resume`"
            ) from exc
        await self.end(State.LOST, exc)
        raise exc

    async def _take_in(self, record: TaskRecord, kind: Kind) -> None:
        before = self.run.state
        state = from_service(record.state, before)
        strange = self.workspace.strange_states
        if record.state not in set(State) | strange and len(strange) < MOST_STRANGE:
            strange.add(record.state)
            log.warning("the service says %r of a task; that is taken as running", record.state)
        changes: dict[str, Any] = {}
        if record.is_final:
            self.channel.forget_balance()
            ended = self._ended(record)
            changes = {"completed_at": ended} if ended else {"stamp": "completed_at"}
            if record.credits is not None:
                changes["credits"] = record.credits
        if state is State.FAIL:
            error = failure(record, is_simulated=self.run.service == "simulator")
            if "fetch" in record.fail_message.lower():
                await self._forget_uploads()
            await self.end(State.FAIL, error, **changes)
            if self.run.state is not State.FAIL:
                raise OwnershipLost
            raise error
        if state is State.SUCCESS:
            changes |= {"urls": list(record.urls), "duration_s": self._work_s(record)}
        elif state is State.GENERATING and before is State.QUEUING:
            changes["stamp"] = "started_at"
        if state is not before or changes:
            evidence = {"service": record.state} if state is not before else None
            await self.move_until_written(state, evidence=evidence, **changes)
        kind.learn(changes.get("duration_s"))

    async def _forget_uploads(self) -> None:
        """Perhaps one is gone at the service: the next run uploads anew."""
        for _role, one in self.run.request.all_media:
            await self.db(self.ledger.forget_upload, self.channel.account, one.sha256)

    def _ended(self, record: TaskRecord) -> str | None:
        """The service's word for when it ended; None where its clock and ours cannot both be right: the link's life is counted from it."""
        if record.completed_ms is None or not FIRST_MS <= record.completed_ms <= LAST_MS:
            return None
        ended = dt.datetime.fromtimestamp(record.completed_ms / 1000, dt.UTC)
        is_meant = self.run.created_at - _CLOCKS_APART <= ended <= self.ledger.now() + _CLOCKS_APART
        return ended.isoformat(timespec="microseconds") if is_meant else None

    def _work_s(self, record: TaskRecord) -> float | None:
        """How long it worked, None where that cannot be: since it left the queue, where it was seen in one, else since its creation."""
        if self.run.row.started_at or record.duration_s is None:
            # A laptop that slept looks late: its task ended when the service says.
            end = record.completed_ms / 1000 if record.completed_ms else self._now()
            return number_of(end - self._clock(), least=0.0, most=MAX_SECONDS)
        return record.duration_s
