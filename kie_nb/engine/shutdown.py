"""The end of a process: nothing more is sent, and the answer to a request on its way is waited for."""

from __future__ import annotations

import logging
import os
import sys
import time
from typing import TYPE_CHECKING

from ..errors import KieError
from ..frontend import is_session
from ..ledger import owner
from ..ledger.states import OPEN, State
from .intents import cancel_unsent
from .record import Key, Record

if TYPE_CHECKING:
    from .supervisor import Supervisor

log = logging.getLogger("kie_nb")


def finish_sending(supervisor: Supervisor) -> None:
    """A process that ends in mid-request would lose the answer, and with it the task: send nothing more, and wait.

    What was not sent yet is cancelled: else it might be sent in the last moment.
    """
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
            if run.state is State.INTENT and not _cancel(run):
                stuck.add(run.key)
        if not is_told and any(run.state is State.SENDING for run in waiting):
            is_told = True
            sys.stderr.write("kie_nb: waiting for the service's answer to a request on its way…\n")
        time.sleep(0.05)
    if not is_session():
        _say_what_is_left(supervisor, seen)


def _not_answered(supervisor: Supervisor, stuck: set[Key]) -> list[Record]:
    """What this process has recorded and the service has not answered, but for intents that are *stuck*."""
    return [
        run
        for run in supervisor.driven
        if run.row.owner == owner.me()
        and (run.state is State.SENDING or (run.state is State.INTENT and run.key not in stuck))
    ]


def _cancel(run: Record) -> bool:
    """Cancel *run* if it was not sent; False if the ledger cannot be written."""
    try:
        cancel_unsent(run)  # too late if it is just being sent: then its answer is waited for
    except KieError:
        log.exception("%s could not be cancelled", run.label)
        return False
    return True


def _say_what_is_left(supervisor: Supervisor, seen: dict[Key, Record]) -> None:
    cancelled = sum(_state_now(run) is State.NOT_SENT for run in seen.values())
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


def _state_now(run: Record) -> State:
    try:
        return run.reread().state
    except KieError:
        return run.state
