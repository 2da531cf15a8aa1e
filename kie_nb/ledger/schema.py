"""The tables, made of the columns that `rows.py` declares, and the clock of their database."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable
from types import NoneType
from typing import Any, get_args, get_type_hints

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from .rows import (
    BudgetRow,
    CellRow,
    EventRow,
    ExperimentRow,
    LikenessRow,
    PictureUrlRow,
    RunRow,
    TallyRow,
    UploadColumns,
    WordsRow,
)

metadata = sa.MetaData()


class Flag(sa.Boolean):
    """A boolean that returns invalid values as they are; SQLAlchemy's own would return True."""

    cache_ok = True

    def result_processor(self, dialect: sa.Dialect, _coltype: Any) -> Callable[[Any], Any] | None:
        """What SQLite gives for one."""
        known = {0: False, 1: True}
        return None if dialect.supports_native_boolean else lambda value: known.get(value, value)


_WHOLE = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_SQL: dict[Any, Any] = {str: sa.String, int: _WHOLE, float: sa.Float, bool: Flag}


def _table(name: str, row: type, *indexes: sa.Index, key: tuple[str, ...]) -> sa.Table:
    """The table of *row*: texts and numbers as they are, anything else as JSON."""
    columns = []
    for column, hint in get_type_hints(row).items():
        is_optional = NoneType in get_args(hint)
        sql = _SQL.get(get_args(hint)[0] if is_optional else hint, sa.JSON)
        columns.append(sa.Column(column, sql, primary_key=column in key, nullable=is_optional))
    return sa.Table(name, metadata, *columns, *indexes, info={"row": row})


run = _table(
    "run",
    RunRow,
    sa.Index("run_active_key", "active_key", unique=True),
    sa.Index("run_fingerprint", "fingerprint"),
    sa.Index("run_family", "family"),
    sa.Index("run_state", "state"),
    sa.Index("run_task", "task_id", postgresql_ops={"task_id": "text_pattern_ops"}),
    sa.Index("run_created", "created_at", "id", "model", "rating", "seed"),
    sa.Index("run_experiment", "experiment"),
    sa.Index("run_sent", "account", "sent_at"),
    key=("id",),
)
event = _table("event", EventRow, sa.Index("event_run", "run_id"), key=("id",))
upload = _table("upload", UploadColumns, key=("account", "sha256"))
picture_url = _table("picture_url", PictureUrlRow, key=("url",))
budget = _table("budget", BudgetRow, key=("scope",))
tally = _table("tally", TallyRow, key=("service", "scope", "value"))
experiment = _table("experiment", ExperimentRow, key=("name", "service"))
cell = _table(
    "cell",
    CellRow,
    sa.Index("cell_fingerprint", "fingerprint"),
    key=("experiment", "service", "fingerprint"),
)
likeness = _table(
    "likeness", LikenessRow, sa.Index("likeness_other", "other"), key=("video", "other", "kind")
)

words = _table("words", WordsRow, sa.Index("words_run", "run_id", unique=True), key=("number",))
PARTS = "words_parts"  # SQLite's index of them
sa.event.listen(
    words,
    "after_create",
    sa.DDL(  # type: ignore[no-untyped-call]
        f"CREATE VIRTUAL TABLE {PARTS} USING fts5(prompt, marks, content='words', content_rowid='number', "
        "tokenize='trigram case_sensitive 1', detail=none, columnsize=0)"
    ).execute_if(dialect="sqlite"),
)
# Ids are looked up by how they begin.
sa.Index("run_id_text", run.c.id, postgresql_ops={"id": "text_pattern_ops"}).ddl_if(dialect="postgresql")

# The order in which runs came into this ledger: clocks may be set back. 0 for one without a history.
_FIRST = sa.select(sa.func.min(event.c.id)).where(event.c.run_id == run.c.id).correlate(run)
CAME = sa.func.coalesce(_FIRST.scalar_subquery(), 0)

# The creates of the last seconds, and until when an account must wait: beside the runs where machines share the database.
grants_metadata = sa.MetaData()

slot = sa.Table(
    "slot",
    grants_metadata,
    sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
    sa.Column("account", sa.String, nullable=False),
    sa.Column("taken_at", sa.Double, nullable=False),
    sa.Column("replied_at", sa.Double, nullable=True),
    sa.Index("slot_account", "account"),
)

pause = sa.Table(
    "pause",
    grants_metadata,
    sa.Column("account", sa.String, primary_key=True),
    sa.Column("until", sa.Double, nullable=False),
)


IMPORTED = "imported"  # the account of an imported run: whose key it was is not known


def moment(text: str | None) -> dt.datetime | None:
    """A time of the tables as a datetime."""
    return dt.datetime.fromisoformat(text) if text else None


class _Elements(sa.sql.functions.GenericFunction[Any]):
    """The elements of a JSON list as rows."""

    inherit_cache = True


@compiles(_Elements, "sqlite")
def _(element: Any, compiler: Any, **more: Any) -> str:
    return f"json_each({compiler.process(element.clauses, **more)})"


@compiles(_Elements, "postgresql")
def _(element: Any, compiler: Any, **more: Any) -> str:
    return f"jsonb_array_elements_text(CAST({compiler.process(element.clauses, **more)} AS JSONB))"


def listed(column: Any, values: Iterable[Any]) -> Any:
    """Whether *column* is among *values*, which may be thousands: one parameter holds them."""
    found = _Elements(sa.bindparam(None, json.dumps([*values]), sa.String)).table_valued("value")
    return column.in_(sa.select(found.c.value))


def within(column: Any, most: float) -> Any:
    """*column* where it is a figure from 0 to *most*, else null: no sum, order or average counts what cannot be.

    SQLite keeps texts in columns of numbers; both databases take them, and what is not a number, for more than any number.
    """
    return sa.case((column.between(0, most), column))


def moment_in(db: sa.Connection) -> dt.datetime:
    """The current time by the database's clock (UTC)."""
    if db.dialect.name == "postgresql":
        found: dt.datetime = db.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return found.astimezone(dt.UTC)
    return dt.datetime.now(dt.UTC)


def now_in(db: sa.Connection) -> str:
    """The same as text, as the tables store it."""
    return moment_in(db).isoformat(timespec="microseconds")
