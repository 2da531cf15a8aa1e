"""What a wait that ended says of a run that goes on."""

from __future__ import annotations

from ..engine.record import Record
from ..errors import MADE, SIMULATED
from ..ledger import owner
from ..ledger.states import State


def goes_on(run: Record) -> str:
    """What becomes of it now."""
    if run.state is State.SUCCESS:
        return f"task {run.task_id} is done; its video is still to be fetched."
    if run.task_id:
        return f"task {run.task_id} goes on at the service; its video will still be fetched."
    if run.state is State.INTENT:
        who = "it is not sent yet" if run.row.owner == owner.me() else "another kernel is about to send it"
        return f"run {run.id[:8]} is recorded; {who}."
    return f"run {run.id[:8]} is recorded; if it was sent, it goes on at the service."


def charged(run: Record) -> str:
    """What a task costs that is no longer waited for; empty while there is none."""
    if not run.task_id:
        return ""
    if run.service == "simulator":
        return SIMULATED
    return MADE if run.state is State.SUCCESS else "the task goes on and is billed"


def come_back(run: Record) -> str:
    """How to come back to it."""
    return f"run the cell again or `%kie show {run.id[:8]}`; after a restart `%kie resume`"


def what_goes_on(run: Record, *, is_cancelled: bool) -> tuple[str, dict[str, str]]:
    """What an interrupted wait means, its cost and the next step.

    Args:
        is_cancelled: What was not sent yet was cancelled, and will not be sent behind anyone's back.
    """
    if is_cancelled:
        return (
            f"{run.label} was not sent yet and will not be: nothing was charged.",
            {"hint": "run the cell to send it"},
        )
    return goes_on(run), {"hint": come_back(run), "charged": charged(run)}
