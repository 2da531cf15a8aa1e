"""Ownership of runs in the ledger: take-over, heartbeats, and the clock that all owners share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import TYPE_CHECKING

import sqlalchemy as sa

from .clock import moment_in
from .database import Database
from .schema import run

if TYPE_CHECKING:
    from .rows import RunRow


class Driving:
    """The part of the ledger that knows owners; `leases` decides which of them are dead."""

    _db: Database
    _ahead = dt.timedelta(0)

    def claim(self, row: RunRow, owner: str, *, hint: str | None = None) -> bool:
        """Take over a run from a dead owner; False if another process was quicker, or the owner has sent a heartbeat since *row*."""
        held = run.c.owner.is_(None) if row.owner is None else run.c.owner == row.owner
        values = {"owner": owner, "owner_hint": hint, "beat": run.c.beat + 1}
        with self._db.write() as db:
            found = db.execute(
                run.update().where(run.c.id == row.id, held, run.c.beat == row.beat).values(values)
            )
            return bool(found.rowcount)

    def renew(self, run_ids: Sequence[str], owner: str) -> int:
        """Send a heartbeat of *owner* for these runs; the number of those that it still owns."""
        with self._db.write() as db:
            self._read_clock(db)
            mine = run.update().where(run.c.id.in_(run_ids), run.c.owner == owner)
            return int(db.execute(mine.values(beat=run.c.beat + 1)).rowcount)

    def read_clock(self) -> dt.datetime:
        """The current time by the database's clock (UTC)."""
        with self._db.read() as db:
            return self._read_clock(db)

    def now(self) -> dt.datetime:
        """The same without a query: by this machine's clock and its offset when the database was last asked."""
        return dt.datetime.now(dt.UTC) + self._ahead

    def _read_clock(self, db: sa.Connection) -> dt.datetime:
        moment = moment_in(db)
        self._ahead = moment - dt.datetime.now(dt.UTC)
        return moment
