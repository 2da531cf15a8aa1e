"""Runs that are recorded and not sent yet: they can be cancelled."""

from __future__ import annotations

from ..errors import NotSent
from ..ledger.states import State
from .outcomes import stored
from .record import Record


def cancel_unsent(run: Record) -> bool:
    """Cancel an intent that was not sent; False if it is too late for that, or it belongs to another living process."""
    row = run.row
    if run.ledger.leases.is_others(row):
        return False
    words = "it was cancelled before it was sent."
    error = NotSent(f"run {run.id[:8]} was never sent: {words}", hint="run its cell to send it")
    moved = run.ledger.move(
        run.id,
        State.NOT_SENT,
        expect={State.INTENT},
        owner=row.owner,
        evidence={"because": words},
        release=True,
        error=stored(error),
    )
    return moved is not None
