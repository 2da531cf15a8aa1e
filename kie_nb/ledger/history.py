"""The history of runs: every transition, appended and never changed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from .clock import now_in
from .reading import other_row
from .schema import event


def steps_of(db: sa.Connection, run_id: str) -> list[dict[str, Any]]:
    """The history of a run, oldest first."""
    found = db.execute(sa.select(event).where(event.c.run_id == run_id).order_by(event.c.id)).mappings()
    return [step for entry in found if (step := other_row("event", entry)) is not None]


def add_step(
    db: sa.Connection, run_id: str, before: str | None, after: str, evidence: dict[str, Any] | None
) -> None:
    """Append a step to the history of a run."""
    values = {"at": now_in(db), "run_id": run_id, "from_state": before, "to_state": after}
    db.execute(event.insert(), {**values, "evidence": evidence})
