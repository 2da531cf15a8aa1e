"""What a long history is looked up by: the orders of its pages, and a condition that finds what no look-up would.

SQLite takes an index over an expression, or over a part of the rows, where the query has the same one, without parameters.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..bounds import MAX_CREDITS, MAX_RATING
from .schema import run
from .states import RELEASED, UNSENT, State

HASH = 64  # digits
_CHARGED = f"CASE WHEN credits BETWEEN 0 AND {MAX_CREDITS:.0f} THEN"
# What is not known comes last either way: an unknown cost is not 0, and no rating is not the worst.
STARS: Any = sa.literal_column(f"coalesce(CASE WHEN rating BETWEEN 0 AND {MAX_RATING} THEN rating END, -1)")
DEAREST: Any = sa.literal_column(f"coalesce({_CHARGED} credits END, -1)")
CHEAPEST: Any = sa.literal_column(f"coalesce({_CHARGED} -credits END, -{2 * MAX_CREDITS:.0f})")
TAGS: Any = sa.cast(run.c.tags, sa.String)
NEWEST = (run.c.created_at.desc(), run.c.id.desc())
FETCHED = run.c.state == sa.literal_column(f"'{State.FETCHED.value}'")


def _is_hash(column: sa.Column[Any]) -> sa.ColumnElement[bool]:
    """Whether a look-up by a hash can find it; bytes, which SQLite keeps too, equal no text."""
    has_digits_alone = sa.func.ltrim(column, "0123456789abcdef") == ""
    return (sa.func.length(column) == HASH) & (column == sa.func.lower(column)) & has_digits_alone


def _doubtful() -> sa.ColumnElement[bool]:
    """A run that may be billed, and that no look-up by its request would find."""
    was_sent = run.c.task_id.is_not(None) & run.c.state.in_(sorted(UNSENT))
    kept = run.c.active_key.is_not(None) | run.c.state.not_in(sorted({State.INTENT, *RELEASED})) | was_sent
    key = sa.func.coalesce(run.c.active_key, run.c.fingerprint + ":")
    whole = (
        *(_is_hash(run.c.fingerprint), _is_hash(run.c.family), sa.not_(was_sent)),
        sa.func.substr(key, 1, HASH + 1) == run.c.fingerprint + ":",
        run.c.seed_drawn.is_(True) | run.c.seed_drawn.is_(False),
    )
    return sa.and_(kept, sa.not_(sa.and_(*whole)))


DOUBTFUL = _doubtful()


def _index(name: str, *columns: Any, only: sa.ColumnElement[bool]) -> None:
    sa.Index(name, *columns, sqlite_where=only, postgresql_where=only)


_index("run_doubtful", run.c.id, only=DOUBTFUL)  # empty, unless somebody else has written the table
_index(
    "run_newest", run.c.service, run.c.created_at, run.c.id, run.c.model, run.c.rating, run.c.experiment, only=FETCHED
)  # fmt: skip
for _name, _rank in {"best": STARS, "dearest": DEAREST, "cheapest": CHEAPEST}.items():
    _index(f"run_{_name}", run.c.service, _rank, run.c.created_at, run.c.id, only=FETCHED)
_index("run_model", run.c.service, run.c.model, run.c.created_at, run.c.id, only=FETCHED)
_index("run_study", run.c.service, run.c.experiment, only=FETCHED & run.c.experiment.is_not(None))
_index("run_tags", run.c.service, TAGS, only=FETCHED & run.c.tags.is_not(None))
