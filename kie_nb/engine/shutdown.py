"""The end of a process: nothing more is sent, and the answer to a request on its way is waited for."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING

from ..errors import KieError
from ..ledger import owner
from .intents import cancel_unsent
from .states import OPEN, State

if TYPE_CHECKING:
    from .supervisor import Supervisor
    from .tracked import Tracked
    from .workspace import Workspace

log = logging.getLogger("kie_nb")


class Shutdown:
    """What is done with the runs in hand when the process ends."""

    def __init__(self, supervisor: Supervisor, workspace: Workspace) -> None:
        self._supervisor = supervisor
        self._workspace = workspace

    def finish_sending(self) -> None:
        """A process that ends in mid-request would lose the answer, and with it the task: send nothing more, and wait.

        What was not sent yet is taken back: else it might be sent in the last moment.
        """
        if self._workspace.dispatcher.pid != os.getpid():
            return  # a forked child ends; they are its parent's
        with self._supervisor.begin_lock:  # what is being written down at this moment is in hand after that
            self._workspace.dispatcher.is_ending = True
        seen: set[Tracked] = set()
        stuck: set[Tracked] = set()
        is_told = False
        end = time.monotonic() + self._workspace.timing.exit_wait_s
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

    def _not_answered(self, stuck: set[Tracked]) -> set[Tracked]:
        """What this process has written down and the service has not answered, but for intentions that are *stuck*."""
        own = {run for run in self._supervisor.driven if run.row.owner == owner.me()}
        return {
            run
            for run in own
            if run.state is State.SENDING or (run.state is State.INTENT and run not in stuck)
        }

    def _take_back(self, run: Tracked) -> bool:
        """Take *run* back if it was not sent; False if the ledger cannot be written: the next look takes it back then."""
        try:
            if run.state is State.INTENT:
                cancel_unsent(run)  # too late if it is just being sent: then its answer is waited for
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
        left = [run for run in self._supervisor.driven if run.task_id and run.state in OPEN]
        if left:
            ids = ", ".join(run.id[:8] for run in left[:5])
            sys.stderr.write(
                f"kie_nb: this process ends with {len(left)} open ({ids}): their tasks go on at the service. "
                "Run the script again, or kie_nb.resume(), to fetch the videos.\n"
            )
