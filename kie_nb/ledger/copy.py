"""Copy one ledger into another: missing records are added completely and once; the source is unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import sqlalchemy as sa

from ..settings import LOGS
from .database import Database
from .merging import Arrival, merge
from .owner import has_ended
from .reading import other_row, read_events
from .rows import RunRow
from .schema import event, metadata, run

BATCH = 200
_ASIDE = ("owner", "owner_hint", "beat", "live_key")
# Nobody here knows its task: where another ledger does, that settles it.
_WITHOUT_TASK = ("unknown", "written_off")
_NEVER_MADE = ("refused", "not_sent")
# How far the run of a task is: what another ledger has seen later of it is true here too.
_FAR = {"success": 1, "fetched": 2, "fail": 2}
_EARLY = ("accepted", "waiting", "queuing", "generating", "lost")

_DRIVEN = ("intent", "sending", "accepted", "waiting", "queuing", "generating", "success")

# Of a run: its state, its task, and whether somebody drives it just now.
_Known = Mapping[str, tuple[str, str | None, bool]]
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
        copied: Runs that joined.
        known: Runs that were there already.
        left: Runs that are written down but not sent; they stay where they are, or both ledgers would send them.
        others: Rows of the other tables that joined: pictures at the service, budgets.
        unreadable: Runs that are no runs; they stay where they are.
    """

    copied: int
    known: int
    left: int
    others: int
    unreadable: int = 0


def copy_ledger(source: Database, target: Database) -> Counts:
    """Bring the runs of *source*, their history and what else is kept with them, into *target*.

    It may be broken off and called again. What is there already stays as it is, but for a run of unknown outcome of which
    *source* knows what became of it, and one that nobody drives here and *source* has seen further. Nobody drives the copies: a run that is under way is taken up by whoever asks for it first, and one that
    was just being sent counts as unknown.

    Raises:
        LedgerError: one of them cannot be used.
    """
    known = _known_runs(target)
    copied = already = left = unreadable = 0
    with source.read() as old:
        rows = old.execute(sa.select(run).order_by(run.c.family, run.c.created_at)).mappings()
        batch: list[Arrival] = []
        # What stands for a request is decided among all its runs at once: a family is never split.
        for _, family in groupby(rows, key=lambda row: row["family"]):
            for found in family:
                checked = source.reading.run(found)
                if checked is None:
                    unreadable += 1
                    continue
                row = {name: getattr(checked, name) for name in RunRow.__slots__}
                if row["id"] in known:
                    already += 1
                elif row["state"] == "intent":
                    left += 1
                else:
                    copied += 1
                if _is_news(known, row):
                    batch.append(_arrival(known, row, _events(old, row["id"]), source.name))
            if len(batch) >= BATCH:
                merge(target, batch)
                batch = []
        merge(target, batch)
        others = sum(
            _join(old, target, table) for table in metadata.sorted_tables if table not in {run, event}
        )
    return Counts(copied=copied, known=already, left=left, others=others, unreadable=unreadable)


def _known_runs(database: Database) -> _Known:
    """What `_is_news` asks of every run in *database*, by its id."""
    with database.read() as db:
        found = database.reading.runs(db.execute(sa.select(run)).mappings())
    return {row.id: (row.state, row.task_id, _is_driven(row)) for row in found}


def _is_driven(row: RunRow) -> bool:
    """Whether a process may be driving it: a single look cannot prove a stale lease."""
    return row.owner is not None and row.state in _DRIVEN and not has_ended(row.owner_hint)


def _is_news(known: _Known, values: Mapping[str, Any]) -> bool:
    """Whether a run of another ledger joins one that has the *known* runs, settles one of them, or tells how it went on."""
    if values["id"] not in known:
        return bool(values["state"] != "intent")
    state, task_id, is_driven = known[values["id"]]
    if task_id is None:
        if values["task_id"] is not None:
            return state in _WITHOUT_TASK
        return state == "unknown" and values["state"] in _NEVER_MADE and not is_driven
    if task_id != values["task_id"] or is_driven or state not in (*_EARLY, *_FAR):
        return False
    return _FAR.get(values["state"], 0) > _FAR.get(state, 0)


def _arrival(
    known: _Known,
    values: dict[str, Any],
    events: Sequence[Mapping[str, Any]],
    name: str,
) -> Arrival:
    """A run from *name* as it comes in: without an owner, and unknown if it was being sent."""
    stands = values["live_key"] is not None
    if values["state"] == "sending":
        values |= {"state": "unknown", "error": _LEFT_OPEN}
    return Arrival(
        values={key: value for key, value in values.items() if key not in _ASIDE},
        events=[{key: value for key, value in entry.items() if key != "id"} for entry in events],
        stands=stands,
        seen=known[values["id"]][0] if values["id"] in known else None,
        evidence={"copied from": name},
    )


def _events(old: sa.Connection, run_id: str) -> list[dict[str, Any]]:
    return read_events(
        old.execute(sa.select(event).where(event.c.run_id == run_id).order_by(event.c.id)).mappings()
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
