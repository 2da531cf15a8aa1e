"""What a budget counts, kept as sums: those of a million runs must not be added up while a purchase holds the lock.

The row of each notebook, day and experiment changes in the transaction that changes a run. `money` has the same rules as sums over
the runs themselves, by which a tally is made anew when a budget is set.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa

from .reading import other_row
from .rows import FILM, RunRow
from .schema import tally
from .states import OPEN, UNSETTLED, State

BILLED = ("success", "fetched", "written_off")
MADE = (*BILLED, "fail")
UNDER_WAY = tuple(OPEN - {State.SUCCESS})
AT_RISK = tuple(UNSETTLED)
SUMS = ("spent", "reserved", "at_risk", "unpriced")
_AT_ONCE = 100
Change = tuple[RunRow | None, RunRow | None]  # a run before it and after it
_TINY = 1e-6  # what is left of fractions that were added and taken away again


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Credits of the runs of one scope."""

    spent: float = 0.0
    reserved: float = 0.0
    at_risk: float = 0.0
    unpriced: int = 0

    @property
    def committed(self) -> float:
        """What a limit counts."""
        return self.spent + self.reserved + self.at_risk


def names_of(value: str) -> tuple[str, ...]:
    """The names under which the runs of a notebook were counted: until it had a folder, its file's alone."""
    return tuple(dict.fromkeys((value, value.rpartition("/")[2])))


def read(db: sa.Connection, service: str, scopes: Mapping[str, str]) -> dict[str, Tally]:
    """What is kept of each of *scopes*, by its name; without those of which it cannot be true."""
    whose = [
        sa.and_(
            tally.c.scope == scope, tally.c.value.in_(names_of(value) if scope == "notebook" else [value])
        )
        for scope, value in scopes.items()
    ]
    sums: dict[str, dict[str, Any]] = {scope: dict.fromkeys(SUMS, 0) for scope in scopes}
    for entry in db.execute(sa.select(tally).where(tally.c.service == service, sa.or_(*whose))).mappings():
        row = other_row(tally, entry)
        if row is None:  # a stranger's; a sum that cannot be is not 0
            sums.pop(entry["scope"], None)
        elif (found := sums.get(row["scope"])) is not None:
            for name in SUMS:
                found[name] += row[name]
    return {scope: Tally(**found) for scope, found in sums.items()}


def count(db: sa.Connection, *changes: Change) -> None:
    """Keep the sums true while runs change; inside the transaction that changes them."""
    sums: dict[tuple[str, str, str], list[float]] = defaultdict(lambda: [0.0] * len(SUMS))
    for row, sign in ((row, sign) for change in changes for row, sign in zip(change, (-1, 1), strict=True)):
        if row is not None and row.model != FILM:
            for scope, value in _scopes(row):
                found = sums[row.service, scope, value]
                found[:] = [had + sign * more for had, more in zip(found, _share(row), strict=True)]
    rows = [(*key, *found) for key, found in sorted(sums.items()) if any(abs(more) > _TINY for more in found)]
    for start in range(0, len(rows), _AT_ONCE):
        some = rows[start : start + _AT_ONCE]
        values = {f"p{number}": value for number, value in enumerate(value for row in some for value in row)}
        db.execute(_add(len(some)), values)


def _scopes(row: RunRow) -> Iterable[tuple[str, str]]:
    found = (("notebook", row.notebook), ("experiment", row.experiment), ("day", row.created_at[:10]))
    return ((scope, value) for scope, value in found if value is not None)


def _share(row: RunRow) -> Sequence[float]:
    listed, reported, state = row.estimate, row.credits, row.state
    cost = reported if reported is not None else 0.0 if state == "fail" else listed or 0.0
    is_unpriced = state in {*UNDER_WAY, *AT_RISK, *BILLED} and listed is None and reported is None
    return (
        cost if state in MADE else 0.0,
        listed or 0.0 if state in UNDER_WAY else 0.0,
        listed or 0.0 if state in AT_RISK else 0.0,
        int(is_unpriced),
    )


@cache
def _add(rows: int) -> sa.TextClause:
    names = list(tally.columns.keys())
    marks = (", ".join(f":p{row * len(names) + place}" for place in range(len(names))) for row in range(rows))
    sums = ", ".join(f"{name} = tally.{name} + excluded.{name}" for name in SUMS)
    return sa.text(
        f"INSERT INTO tally ({', '.join(names)}) VALUES {', '.join(f'({one})' for one in marks)} "  # noqa: S608 - names of ours alone
        f"ON CONFLICT (service, scope, value) DO UPDATE SET {sums}"
    )
