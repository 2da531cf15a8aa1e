"""Rate grants: whether a create may be sent now. The rule, and the store shared by all kernels of a user or team.

The service allows 20 new tasks in any 10 s per account and rejects the rest (kie-api §10). It counts when it handles a
request: some time between our sending and its reply. Counting a slot as taken until 10 s after the *reply* is
therefore never too early, however slow the network was.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from .database import STATE, Database, SqliteFile
from .schema import grants_metadata, moment_in, slot
from .schema import pause as pause_table

if TYPE_CHECKING:
    from .rows import RunRow
    from .runs import Ledger


SHARED_S = 300.0  # how long after a 429 another client of the account is reckoned with
ABANDONED_AFTER_S = 90.0  # longer than a create can take: its kernel died between the grant and the reply


@dataclass(frozen=True, slots=True)
class Slot:
    """One create: when it was granted, and when its reply came (Unix seconds)."""

    taken_at: float
    replied_at: float | None = None

    def free_at(self, window_s: float) -> float | None:
        """When it stops counting; None while its reply is awaited."""
        return None if self.replied_at is None else self.replied_at + window_s


def wait_s(
    slots: Iterable[Slot], now: float, *, limit: int, window_s: float = 10.0, paused_until: float = 0.0
) -> float | None:
    """Seconds until one more of at most *limit* creates in any window may be sent: 0 for now, None for "when a reply comes"."""
    if paused_until > now:
        return paused_until - now
    counted = []
    for one in slots:
        free_at = one.free_at(window_s)
        if free_at is None:
            # A clock set back must not hold a slot forever.
            free_at = None if abs(now - one.taken_at) < ABANDONED_AFTER_S else now
        if free_at is None or now < free_at <= now + window_s + ABANDONED_AFTER_S:
            counted.append(free_at)
    if len(counted) < limit:
        return 0.0
    known = sorted(moment for moment in counted if moment is not None)
    needed = len(counted) - limit  # so many and one more must become free
    return max(0.0, known[needed] - now) if needed < len(known) else None


def shared_limit(limit: int, now: float, *, paused_until: float) -> int:
    """How many creates are ours in a window: fewer for a while after a 429, which shows that another client of the account creates too."""
    is_shared = now < paused_until + SHARED_S
    return max(1, limit - max(2, limit // 4)) if is_shared else limit


_KEEP_S = 2 * ABANDONED_AFTER_S
_SHORTEST_WAIT_S = 0.05
_CLEAN_EVERY = 50  # grants
_FAR = 1e11  # later than any time; SQLite sorts texts after all numbers
_ACCOUNT: sa.BindParameter[str] = sa.bindparam("account")
# In one question: the creates of an account, whether their replies came in the future, and without a first moment until when it is paused.
_OF_ACCOUNT = sa.union_all(
    sa.select(
        slot.c.taken_at, slot.c.replied_at, sa.case((slot.c.replied_at > sa.bindparam("now"), 1), else_=0)
    ).where(slot.c.account == _ACCOUNT, slot.c.taken_at.between(sa.bindparam("since"), _FAR)),
    sa.select(sa.cast(sa.null(), sa.Double), pause_table.c.until, sa.literal(0)).where(
        pause_table.c.account == _ACCOUNT, pause_table.c.until.between(0, _FAR)
    ),
)


@dataclass(frozen=True, slots=True)
class Grant:
    """The right to send one create. SQLite reuses an id once its row is deleted; with the time it is unique."""

    id: int
    taken_at: float


@dataclass(frozen=True, slots=True)
class SendDecision:
    """The result of asking to send a run."""

    row: RunRow | None = None  # now `sending`; None if another process owns it or its state has changed
    grant: Grant | None = None  # for `GrantStore.replied` when the reply is in; None with `row`
    wait_s: float | None = None  # until asking again makes sense, if there was no grant to be had
    limit: int = 0  # then: how many creates there may be in a window at present


class GrantStore:
    """Grants for the creates of all accounts, in the user's state folder or the database that several machines share."""

    def __init__(self, place: Path | Database) -> None:
        self._is_own = isinstance(place, Path)
        if isinstance(place, Database):
            self._db = place  # its migrations made the tables
            return
        # Not durable against a power cut: a machine that was off for a second has nothing in flight.
        self._db = SqliteFile(
            place / "grants.sqlite", grants_metadata.create_all, durable=False, private=True, setting=STATE
        )
        with self._db.write(is_news=False) as db:
            self._db.make_tables(db)

    def close(self) -> None:
        """Close the file."""
        if self._is_own:
            self._db.close()

    def send(
        self, ledger: Ledger, run_id: str, *, account: str, limit: int, window_s: float, **step: Any
    ) -> SendDecision:
        """A grant and the run's transition from `intent` to `sending`: both or neither.

        In one transaction where they share a database. Where they do not, a process that dies between the two leaves a
        grant that nobody uses; it never leaves a run without one.

        *account* may have *limit* creates in any *window_s* seconds; *step* is for `Ledger.move`.
        """
        row = None
        if ledger.database is self._db:
            with self._db.write() as db:
                grant, pause, limit = self._take(db, account, limit, window_s)
                if grant is not None and (row := ledger.moved(db, run_id, **step)) is None:
                    self._give_back(db, grant)
            if row is not None:
                ledger.publish(row)
        else:
            with self._db.write() as db:
                grant, pause, limit = self._take(db, account, limit, window_s)
            try:
                row = ledger.move(run_id, **step) if grant is not None else None
            finally:
                if row is None and grant is not None:
                    with self._db.write(is_news=False) as db:
                        self._give_back(db, grant)
        if grant is None:
            return SendDecision(wait_s=pause, limit=limit)
        return SendDecision(row=row, grant=grant if row else None)

    def take(self, account: str, *, limit: int, window_s: float) -> tuple[Grant | None, float]:
        """A grant and 0, or None and the seconds until asking again makes sense."""
        with self._db.write(is_news=False) as db:
            grant, pause, _ = self._take(db, account, limit, window_s)
        return grant, pause

    def replied(self, grant: Grant) -> None:
        """The reply to this create is in (or will never come): its window begins."""
        with self._db.write(is_news=False) as db:
            db.execute(slot.update().where(*_is(grant)).values(replied_at=moment_in(db).timestamp()))

    def pause(self, account: str, seconds: float) -> None:
        """A 429 was received: no process on this account sends for *seconds*."""
        with self._db.write(is_news=False) as db:
            until = moment_in(db).timestamp() + seconds
            held = _paused_until(db, account)
            db.execute(pause_table.delete().where(pause_table.c.account == account))
            db.execute(pause_table.insert().values(account=account, until=max(until, held)))

    @staticmethod
    def _take(
        db: sa.Connection, account: str, limit: int, window_s: float
    ) -> tuple[Grant | None, float, int]:
        moment = moment_in(db).timestamp()
        asked = {"account": account, "now": moment, "since": moment - _KEEP_S}
        found = db.execute(_OF_ACCOUNT, asked).all()
        slots = [Slot(taken, moment if is_ahead else replied) for taken, replied, is_ahead in found if taken]
        until = next((replied for taken, replied, _ in found if not taken), 0.0)
        if any(is_ahead for _, _, is_ahead in found):
            # The clock was set back since. Counted from now it is never too early.
            db.execute(slot.update().where(slot.c.replied_at > moment).values(replied_at=moment))
        if until > moment + _KEEP_S:  # likewise
            until = 0.0
        limit = shared_limit(limit, moment, paused_until=until)
        pause = wait_s(slots, moment, limit=limit, window_s=window_s, paused_until=until)
        if pause != 0:
            return None, _SHORTEST_WAIT_S if pause is None else pause, limit
        new = slot.insert().values(account=account, taken_at=moment).returning(slot.c.id)
        number = db.execute(new).scalar_one()
        if number % _CLEAN_EVERY == 0:
            db.execute(slot.delete().where(~slot.c.taken_at.between(moment - _KEEP_S, _FAR)))
        return Grant(int(number), moment), 0.0, limit

    @staticmethod
    def _give_back(db: sa.Connection, grant: Grant) -> None:
        """Delete a grant that nothing was sent with."""
        db.execute(slot.delete().where(*_is(grant)))


def _is(grant: Grant) -> tuple[sa.ColumnElement[bool], ...]:
    return (slot.c.id == grant.id, slot.c.taken_at == grant.taken_at)


def _paused_until(db: sa.Connection, account: str) -> float:
    until = pause_table.c.until
    found = sa.select(until).where(pause_table.c.account == account, until.between(0, _FAR))
    return float(db.execute(found).scalar() or 0.0)
