"""The tables. A released column keeps its meaning for ever; new ones come by a migration.

Times are UTC ISO text with microseconds, so that they sort as text and read well in any SQLite browser.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa

metadata = sa.MetaData()


class Flag(sa.Boolean):
    """A boolean whose odd values are seen as they are; SQLAlchemy's own would take them all for True."""

    cache_ok = True

    def result_processor(self, dialect: sa.Dialect, _coltype: Any) -> Callable[[Any], Any] | None:
        """What SQLite gives for one."""
        return (
            None if dialect.supports_native_boolean else lambda value: {0: False, 1: True}.get(value, value)
        )


run = sa.Table(
    "run",
    metadata,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("service", sa.String, nullable=False),
    sa.Column("account", sa.String, nullable=False),
    sa.Column("model", sa.String, nullable=False),
    sa.Column("request", sa.JSON, nullable=False),
    sa.Column("fingerprint", sa.String, nullable=False),
    sa.Column("family", sa.String, nullable=False),
    # fingerprint and take while the run stands for its request; null once it cannot (refused, failed, not sent).
    sa.Column("live_key", sa.String, nullable=True),
    sa.Column("seed", sa.BigInteger, nullable=True),
    sa.Column("seed_drawn", Flag, nullable=False),
    sa.Column("state", sa.String, nullable=False),
    sa.Column("task_id", sa.String, nullable=True),
    sa.Column("estimate", sa.Float, nullable=True),
    sa.Column("credits", sa.Float, nullable=True),
    sa.Column("urls", sa.JSON, nullable=True),
    sa.Column("video", sa.String, nullable=True),
    sa.Column("video_sha256", sa.String, nullable=True),
    sa.Column("video_bytes", sa.BigInteger, nullable=True),
    sa.Column("video_seconds", sa.Float, nullable=True),
    sa.Column("more_videos", sa.JSON, nullable=True),
    sa.Column("error", sa.JSON, nullable=True),
    sa.Column("created_at", sa.String, nullable=False),
    sa.Column("sent_at", sa.String, nullable=True),
    sa.Column("accepted_at", sa.String, nullable=True),
    sa.Column("started_at", sa.String, nullable=True),
    sa.Column("completed_at", sa.String, nullable=True),
    sa.Column("duration_s", sa.Float, nullable=True),
    sa.Column("owner", sa.String, nullable=True),
    # What the process table may know of the owner, and what it counts up while it drives the run: see `leases.py`.
    sa.Column("owner_hint", sa.String, nullable=True),
    sa.Column("beat", sa.BigInteger, nullable=False, default=0, server_default="0"),
    sa.Column("made_by", sa.JSON, nullable=True),
    # What a budget counts, what people say of a run, and what settles an uncertain one.
    sa.Column("notebook", sa.String, nullable=True),
    sa.Column("experiment", sa.String, nullable=True),
    sa.Column("tags", sa.JSON, nullable=True),
    sa.Column("note", sa.String, nullable=True),
    sa.Column("rating", sa.Integer, nullable=True),
    sa.Column("balance_before", sa.Float, nullable=True),
    sa.Column("balance_after", sa.Float, nullable=True),
    # {"notebook", "execution_count", "git": {"commit", "dirty"}}, each as far as it is known; no path of a machine.
    sa.Column("origin", sa.JSON, nullable=True),
    # [{"name", "number", "sha256", "bytes"}], a file each, `video` first as it is shown. Which of its task's files, from 0;
    # hash and size of what was put on the disk, or null.
    sa.Column("files", sa.JSON, nullable=True),
    # How many files the task made, whether they came or not: links die, and an import brings none.
    sa.Column("files_made", sa.Integer, nullable=True),
    sa.Index("run_live_key", "live_key", unique=True),
    sa.Index("run_fingerprint", "fingerprint"),
    sa.Index("run_family", "family"),
    sa.Index("run_state", "state"),
    sa.Index("run_task", "task_id"),
    sa.Index("run_created", "created_at"),
)

# Every transition, appended and never changed: history can be read back.
event = sa.Table(
    "event",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("at", sa.String, nullable=False),
    sa.Column("run_id", sa.String, nullable=False),
    sa.Column("from_state", sa.String, nullable=True),
    sa.Column("to_state", sa.String, nullable=False),
    sa.Column("evidence", sa.JSON, nullable=True),
    sa.Index("event_run", "run_id"),
)

# When a run came into this ledger, among all that did: clocks may be set back. 0 for one without a history.
CAME = sa.func.coalesce(
    sa.select(sa.func.min(event.c.id)).where(event.c.run_id == run.c.id).correlate(run).scalar_subquery(), 0
)

# One upload per content and account, for as long as the service keeps it.
upload = sa.Table(
    "upload",
    metadata,
    sa.Column("account", sa.String, primary_key=True),
    sa.Column("sha256", sa.String, primary_key=True),
    sa.Column("url", sa.String, nullable=False),
    sa.Column("uploaded_at", sa.String, nullable=False),
)

# What a picture's address served when a run was last made with it, and before that under "earlier".
picture_url = sa.Table(
    "picture_url",
    metadata,
    sa.Column("url", sa.String, primary_key=True),
    sa.Column("identity", sa.JSON, nullable=False),
    sa.Column("fetched_at", sa.String, nullable=False),
)

# Limits of the user's own: the most that the runs of one scope may cost, in credits.
budget = sa.Table(
    "budget",
    metadata,
    sa.Column("scope", sa.String, primary_key=True),
    sa.Column("credits", sa.Float, nullable=False),
    sa.Column("set_at", sa.String, nullable=False),
)

# What an experiment asks for, as it was last defined; one for each service, whose fingerprints differ.
experiment = sa.Table(
    "experiment",
    metadata,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("service", sa.String, primary_key=True),
    sa.Column("definition", sa.JSON, nullable=False),
    sa.Column("made_at", sa.String, nullable=False),
    sa.Column("changed_at", sa.String, nullable=False),
)

# Its cells: a run stands for a cell by its fingerprint, whoever bought it.
cell = sa.Table(
    "cell",
    metadata,
    sa.Column("experiment", sa.String, primary_key=True),
    sa.Column("service", sa.String, primary_key=True),
    sa.Column("fingerprint", sa.String, primary_key=True),
    sa.Column("place", sa.JSON, nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
)

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


IMPORTED = "imported"  # the account of a run that came with an import: whose key it was is not told


def moment(text: str | None) -> dt.datetime | None:
    """A moment of the tables as a datetime."""
    return dt.datetime.fromisoformat(text) if text else None


def within(column: Any, most: float) -> Any:
    """*column* where it is a figure from 0 to *most*, else null: no sum, order or average counts what cannot be.

    SQLite keeps texts in columns of numbers; both databases take them, and what is no number, for more than any number.
    """
    return sa.case((column.between(0, most), column))
