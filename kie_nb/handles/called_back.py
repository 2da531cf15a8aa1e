"""A callback may name the task of a run whose outcome is unknown: it is adopted after the same comparison as by hand."""

from __future__ import annotations

import asyncio
import logging
import threading

from ..engine.record import Key, Record
from ..engine.supervisor import Supervisor
from ..errors import KieError
from ..ledger import Ledger, RunRow
from ..ledger.states import State
from ..mailbox import Arrival
from ..operations.settling import adopt
from ..service.callback_address import takes_token

WAIT_S = 6 * 3600.0

log = logging.getLogger("kie_nb")


class CalledBack:
    """Waits for callbacks of runs of unknown outcome, as long as this process lives."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._waiting: set[Key] = set()
        self._lock = threading.Lock()
        supervisor.workspace.listen(self._heard)

    def wait_for(self, run: Record) -> None:
        """Adopt the task that a callback of *run* names or has named, if its outcome is unknown and it expects one."""
        if run.state is not State.UNKNOWN or not takes_token(run.request.call_back_url):
            return
        with self._lock:
            if run.key in self._waiting:
                return
            self._waiting.add(run.key)
        self._supervisor.workspace.dispatcher.start(self._wait(run))

    def _heard(self, ledger: Ledger, row: RunRow) -> None:
        if row.state == State.UNKNOWN:
            self.wait_for(Record(row, ledger))

    async def _wait(self, run: Record) -> None:
        workspace = self._supervisor.workspace
        callbacks, seen = workspace.callbacks(workspace.channel_of(run).settings.state_home), set[Arrival]()
        try:
            while arrival := await callbacks.arrived(run.id, seen, within_s=WAIT_S):
                run = await workspace.dispatcher.ledger(run.reread)
                if run.state is not State.UNKNOWN:
                    return
                try:
                    await asyncio.to_thread(self._adopt, run, arrival.task_id)
                except KieError as exc:  # it stays unknown, and can be settled by hand
                    log.warning("A callback of %s names task %s: %s", run.label, arrival.task_id, exc)
        finally:
            with self._lock:
                self._waiting.discard(run.key)

    def _adopt(self, run: Record, task_id: str) -> None:
        # Nobody is asked: what the service does not say is not guessed.
        adopt(self._supervisor, run, {"taskId": task_id}, agree=lambda _question: False)
