"""Runs that are written down and not sent yet: they can be taken back."""

from __future__ import annotations

from ..errors import NotSent
from .outcomes import stored
from .states import State
from .tracked import Tracked


def cancel_unsent(run: Tracked) -> bool:
    """Take back an intention that was not sent; False if it is too late for that, or another living process's."""
    held_by = run.row.owner
    if run.ledger.leases.is_others(run.row):
        return False
    words = "it was taken back before it was sent."
    error = NotSent(f"run {run.id[:8]} was never sent: {words}", hint="run its cell to send it")
    row = run.ledger.move(
        run.id,
        State.NOT_SENT,
        expect={State.INTENT},
        owner=held_by,
        evidence={"because": words},
        release=True,
        error=stored(error),
    )
    if row is not None:
        run.update(row)
        run.finish(error)
    return row is not None
