"""Copy a ledger into another one, in either direction between a file and a server, and verify what came of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from ..home import full_name, name_beside
from ..wording.next_steps import LOGS
from .database import Database
from .marks import words_of
from .merging import Arrival, Known, Said, is_news, merge
from .owner import Leases
from .reading import other_row, steps_of
from .rows import RunRow, values_of
from .schema import event, metadata, run, tally
from .schema import words as words_

BATCH = 200
_LEFT_OPEN = {
    "class": "OutcomeUnknown",
    "message": "it was copied while the request was under way; a task may exist and be billed.",
    "hint": f"look at the run in the ledger it comes from, or at {LOGS}",
    "charged": "unknown, perhaps the full price",
}


@dataclass(kw_only=True, slots=True)
class Counts:
    """What a copy did."""

    copied: int = 0  # runs that were added
    known: int = 0  # runs that were there already
    left: int = 0  # recorded but unsent: they stay where they are, or both ledgers would send them
    unreadable: int = 0
    others: int = 0  # rows of the other tables that were added: uploads, budgets
    verified: int = 0  # runs that are there as they are here, or further
    differing: list[str] = field(default_factory=list)  # ids of those that are not

    @property
    def seen(self) -> int:
        """How many runs were looked at."""
        return self.copied + self.known + self.left + self.unreadable


def copy_ledger(
    source: Database, target: Database, progress: Callable[[Counts], object] = lambda _counts: None
) -> Counts:
    """Bring the runs of *source*, their history and what else is kept with them, into *target*, and verify them.

    It may be interrupted and called again. What is there already stays as it is, but for a run that *source* has seen further
    (`is_news`), and what people say of it. Nobody owns the copies: a run that is under way is taken up by whoever asks for it
    first, and one that was just being sent counts as unknown.
    """
    counts = Counts()
    for rows in _pages(source, counts):
        here = _same(target, rows)
        arrivals, said = [], []
        with source.read() as old:
            for row in rows:
                ours = Known.of(here[row.id], Leases()) if row.id in here else None
                counts.known += ours is not None
                counts.left += ours is None and row.state == "intent"
                if row.state != "intent" and is_news(ours, row.state, row.task_id):
                    named = replace(row, notebook=_renamed(row.notebook, source.home, target.home))
                    arrivals.append(_arrival(named, ours, steps_of(old, row.id), source.name))
                    counts.copied += ours is None
                elif ours is not None and words_of(here[row.id]) != words_of(row):
                    said.append(Said(values_of(row), steps_of(old, row.id)))
        if arrivals or said:
            merge(target, arrivals, said, act="copy")
        progress(counts)
    with source.read() as old:
        for table in metadata.sorted_tables:
            counts.others += 0 if table in {run, event, tally, words_} else _join(old, target, table)
    _verify(source, target, counts)
    return counts


def _verify(source: Database, target: Database, counts: Counts) -> None:
    """Read all again, from both: whether each run is there, of the same request, and no less far."""
    for rows in _pages(source, Counts()):
        here = _same(target, rows)
        for row in rows:
            theirs = here.get(row.id)
            if row.state == "intent" and theirs is None:
                continue
            is_there = (
                theirs is not None and theirs.request == row.request and theirs.fingerprint == row.fingerprint
            )
            if is_there and theirs is not None and not is_news(_still(theirs), row.state, row.task_id):
                counts.verified += 1
            else:
                counts.differing.append(row.id)


def _still(row: RunRow) -> Known:
    """A run as if nobody drove it."""
    return Known(row.state, row.task_id, is_driven=False)


def _pages(database: Database, counts: Counts) -> Iterator[list[RunRow]]:
    """All runs, some hundred at a time: which one stands for a request is decided among all its runs, so a family is never split."""
    last: Any = None
    while True:
        query = sa.select(run).order_by(run.c.family, run.c.created_at)
        some = query if last is None else query.where(run.c.family > last)
        with database.read() as db:
            found = list(db.execute(some.limit(BATCH)).mappings())
            if not found:
                return
            last = found[-1]["family"]
            if len(found) == BATCH:
                whole = db.execute(query.where(run.c.family == last)).mappings()
                found = [*(entry for entry in found if entry["family"] != last), *whole]
        rows = database.reading.runs(found)
        counts.unreadable += len(found) - len(rows)
        yield rows


def _same(database: Database, rows: Sequence[RunRow]) -> dict[str, RunRow]:
    """The runs of these ids there."""
    found: dict[str, RunRow] = {}
    with database.read() as db:
        for start in range(0, len(rows), BATCH):
            some = [row.id for row in rows[start : start + BATCH]]
            theirs = database.reading.runs(db.execute(sa.select(run).where(run.c.id.in_(some))).mappings())
            found |= {row.id: row for row in theirs}
    return found


def _renamed(notebook: str | None, source: Path | None, target: Path | None) -> str | None:
    """What a notebook is called in another ledger, in whose home."""
    if notebook is not None and source is not None:
        notebook = full_name(notebook, source)
    return name_beside(notebook, target) if notebook is not None and target is not None else notebook


def _arrival(row: RunRow, ours: Known | None, events: Sequence[dict[str, Any]], name: str) -> Arrival:
    """A run from *name* as it comes in: unknown if it was being sent."""
    changed = {"state": "unknown", "error": _LEFT_OPEN} if row.state == "sending" else {}
    return Arrival(
        values=values_of(row) | changed,
        events=events,
        stands=row.active_key is not None,
        seen=ours.state if ours else None,
        evidence={"copied from": name},
    )


def _join(old: sa.Connection, target: Database, table: sa.Table) -> int:
    """Rows of a table whose primary key is not there yet."""

    def count() -> int:
        with target.read() as db:
            return int(db.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())

    before = count()
    for rows in old.execute(sa.select(table)).mappings().partitions(BATCH * 10):
        whole: list[Mapping[str, Any]] = [dict(row) for row in rows if other_row(table, row) is not None]
        if whole:
            with target.write() as db:
                dialect: Any = postgresql if db.dialect.name == "postgresql" else sqlite
                db.execute(dialect.insert(table).on_conflict_do_nothing(), whole)
    return count() - before
