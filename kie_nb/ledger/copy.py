"""Copy one ledger into another: missing records are added completely and once; the source is unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from ..settings import LOGS
from .database import Database
from .history import steps_of
from .leases import Leases
from .merging import Arrival, Known, is_news, merge
from .reading import other_row
from .rows import RunRow, values_of
from .schema import event, metadata, run

BATCH = 200
_ASIDE = ("owner", "owner_hint", "beat", "active_key")
_LEFT_OPEN = {
    "class": "OutcomeUnknown",
    "message": "it was taken over while the request was under way; a task may exist and be billed.",
    "hint": f"look at the run in the ledger it comes from, or at {LOGS}",
    "charged": "unknown, perhaps the full price",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Counts:
    """What a copy did.

    Attributes:
        copied: Runs that were added.
        known: Runs that were there already.
        left: Runs that are recorded but unsent; they stay where they are, or both ledgers would send them.
        others: Rows of the other tables that were added: uploads, budgets.
        unreadable: Runs that cannot be read; they stay where they are.
    """

    copied: int
    known: int
    left: int
    others: int
    unreadable: int = 0


def copy_ledger(source: Database, target: Database) -> Counts:
    """Bring the runs of *source*, their history and what else is kept with them, into *target*.

    It may be interrupted and called again. What is there already stays as it is, but for a run that *source* has seen further
    (`is_news`). Nobody owns the copies: a run that is under way is taken up by whoever asks for it first, and one that was
    just being sent counts as unknown.

    Raises:
        LedgerError: one of them cannot be used.
    """
    with target.read() as db:
        here = target.reading.runs(db.execute(sa.select(run)).mappings())
        known = {row.id: Known.of(row, Leases()) for row in here}
    copied = already = left = unreadable = 0
    with source.read() as old:
        entries = old.execute(sa.select(run).order_by(run.c.family, run.c.created_at)).mappings()
        batch: list[Arrival] = []
        # Which run stands for a request is decided among all its runs at once: a family is never split.
        for _, family in groupby(entries, key=lambda entry: entry["family"]):
            for found in family:
                row, ours = source.reading.run(found), known.get(found["id"])
                unreadable += row is None
                already += row is not None and ours is not None
                left += row is not None and ours is None and row.state == "intent"
                if row is not None and row.state != "intent" and is_news(ours, row.state, row.task_id):
                    batch.append(_arrival(row, ours, steps_of(old, row.id), source.name))
                    copied += ours is None
            if len(batch) >= BATCH:
                merge(target, batch)
                batch = []
        merge(target, batch)
        others = sum(
            _join(old, target, table) for table in metadata.sorted_tables if table not in {run, event}
        )
    return Counts(copied=copied, known=already, left=left, others=others, unreadable=unreadable)


def _arrival(row: RunRow, ours: Known | None, events: Sequence[dict[str, Any]], name: str) -> Arrival:
    """A run from *name* as it comes in: without an owner, and unknown if it was being sent."""
    values = {key: value for key, value in values_of(row).items() if key not in _ASIDE}
    if row.state == "sending":
        values |= {"state": "unknown", "error": _LEFT_OPEN}
    return Arrival(
        values=values,
        events=[{key: value for key, value in entry.items() if key != "id"} for entry in events],
        stands=row.active_key is not None,
        seen=ours.state if ours else None,
        evidence={"copied from": name},
    )


def _join(old: sa.Connection, target: Database, table: sa.Table) -> int:
    """Rows of a table whose primary key is not there yet."""
    keys = list(table.primary_key.columns)
    joined = 0
    for rows in _batches(old.execute(sa.select(table)).mappings()):
        with target.write() as db:
            there = {tuple(row) for row in db.execute(sa.select(*keys))}
            whole = [row for row in rows if other_row(table.name, row) is not None]
            new = [row for row in whole if tuple(row[key.name] for key in keys) not in there]
            if new:
                db.execute(table.insert(), new)
            joined += len(new)
    return joined


def _batches(rows: Any) -> Iterator[list[dict[str, Any]]]:
    for part in rows.partitions(BATCH * 10):
        yield [dict(row) for row in part]
