"""The one clock of all processes that share a database: clocks of machines may differ by hours, and a budget per day counts the same day for all.

A server's clock is asked inside the transaction. A file has none but that of the machine which writes.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa


def moment_in(db: sa.Connection) -> dt.datetime:
    """The current time by the database's clock (UTC)."""
    if db.dialect.name == "postgresql":
        found: dt.datetime = db.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return found.astimezone(dt.UTC)
    return dt.datetime.now(dt.UTC)


def now_in(db: sa.Connection) -> str:
    """The same as text, as the tables store it."""
    return moment_in(db).isoformat(timespec="microseconds")
