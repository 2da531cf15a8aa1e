"""The words for how runs end, from the ledger and from the service's record; no I/O."""

from __future__ import annotations

from typing import Any

from .. import errors
from ..errors import SIMULATED, KieError, Refused, TaskFailed
from ..ledger.states import State
from ..service import TaskRecord
from ..settings import LOGS
from .record import Record

DISK_FULL = "disk_full"  # the embedded simulator's word: it is this machine's disk

_KEPT = ("message", "hint", "charged", "code", "fail_code")


def stored(error: KieError) -> dict[str, Any]:
    """*error* as the ledger keeps it."""
    return {"class": type(error).__name__} | {
        name: getattr(error, name) for name in _KEPT if hasattr(error, name)
    }


def error_of(run: Record) -> KieError:
    """The error that a run in the ledger ended with."""
    if run.state is State.WRITTEN_OFF:
        words = f"{run.label} is written off."
        return KieError(words, hint="run its cell to send the request anew", charged="", run_id=run.id)
    kept = run.row.error or {}
    kind = getattr(errors, str(kept.get("class")), KieError)
    if not (isinstance(kind, type) and issubclass(kind, KieError)):
        kind = KieError
    message = kept.get("message") or f"run {run.id[:8]} is {run.state}."
    taken = {Refused: "code", TaskFailed: "fail_code"}
    more: Any = {name: kept.get(name) for base, name in taken.items() if issubclass(kind, base)}
    return kind(message, hint=kept.get("hint") or "", charged=kept.get("charged"), run_id=run.id, **more)


def failure(record: TaskRecord) -> TaskFailed:
    """The error for a task that ended without a video (kie-api §5.4)."""
    said = record.fail_message or "no reason given"
    code = f" (code {record.fail_code!r})" if record.fail_code else ""
    lowered = said.lower()
    if record.credits:
        hint = f"failed tasks should not be billed: show {LOGS} to the service's support"
    elif "sensitive" in lowered or "policy" in lowered or "flagged" in lowered:
        hint = "the content filter stopped it: change the prompt or the picture"
    elif "fetch" in lowered:
        hint = "the service could not read the picture: check that its address is public, or pass the file itself"
    else:
        hint = "run the cell again; a failed task is not billed"
    if record.fail_code == DISK_FULL:
        return TaskFailed(
            f"{said}.", fail_code=DISK_FULL, hint="make room, then run the cell again", charged=SIMULATED
        )
    charged = f"{record.credits:g} credits, by the service's record" if record.credits else "nothing"
    return TaskFailed(
        f"the task failed at the service: {said!r}{code}.",
        fail_code=record.fail_code,
        hint=hint,
        charged=charged,
    )
