"""The one clock of all who share a database: machines may disagree by hours, and a day's budget is one day's for all.

A server's clock is asked inside the transaction. A file has none but that of the machine which writes.
"""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa


def moment_in(db: sa.Connection) -> dt.datetime:
    """The present moment by the database's clock (UTC)."""
    if db.dialect.name == "postgresql":
        found: dt.datetime = db.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
        return found.astimezone(dt.UTC)
    return dt.datetime.now(dt.UTC)


def now_in(db: sa.Connection) -> str:
    """The same as the tables keep it."""
    return moment_in(db).isoformat(timespec="microseconds")
