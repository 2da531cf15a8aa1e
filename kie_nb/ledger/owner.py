"""Owners of runs: the id of this process, and whether another owner is dead, decided without wall clocks.

An owner is a random id, because host names and process numbers are not unique: all containers may be called *jupyter*, and
each has a process 7. Boot, namespace and process number are a hint that only shortens a wait: with the same boot and namespace
it shows that the other process has ended.

A live owner increments the `beat` of each of its runs. A process takes an owner for dead when *its own reads* have shown
the same beat for a whole lease, on its own monotonic clock. So wall clocks, clock changes, sleep and the kind of database do
not matter. The price: a process that sees a run for the first time waits for a lease before taking it over, unless the process
table shows that its owner has ended. A lease must be longer than the database may make a beat wait for its lock.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from .database import Database
from .schema import moment_in, run

if TYPE_CHECKING:
    from .rows import RunRow


_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PARTS = 4
LEASE_S = 45.0
BEATS = 4  # in a lease
_GOES_ON_ASLEEP = getattr(time, "CLOCK_BOOTTIME", None)

_mine = uuid.uuid4().hex


def me() -> str:
    """The id of this process as an owner; a forked child has its own."""
    return _mine


@cache
def hint() -> str:
    """Boot, namespaces, number and start of this process; "" where the system does not tell, or tells of another one."""
    try:
        if Path("/proc/self").readlink().name != str(os.getpid()):
            return ""  # /proc is another namespace's: its numbers are not ours
        # Seen from another time namespace the same process has started at another moment.
        spaces = [str(Path(f"/proc/self/ns/{name}").stat().st_ino) for name in ("pid", "time")]
        boot, started = _BOOT.read_text(encoding="ascii").strip(), _started(str(os.getpid()))
    except (OSError, ValueError):
        return ""
    return f"{boot}|{'.'.join(spaces)}|{os.getpid()}|{started}"


def mark() -> str:
    """This process for use in a file name: `hint` with boot and namespaces hashed; "0" where there is none."""
    place, _, process = hint().partition("|")[2].partition("|")
    return f"{_place()}-{process.replace('|', '-')}" if place else "0"


def marked_has_ended(other: str) -> bool:
    """Whether the process with this `mark` is known to have ended, as `has_ended` knows it."""
    place, _, process = other.partition("-")
    ours = "|".join(hint().split("|")[:2])
    return bool(process) and place == _place() and has_ended(f"{ours}|{process.replace('-', '|')}")


def _place() -> str:
    boot_and_spaces = "|".join(hint().split("|")[:2])
    return hashlib.sha256(boot_and_spaces.encode()).hexdigest()[:12]


def _draw_anew() -> None:
    global _mine  # noqa: PLW0603 - one process has one
    _mine = uuid.uuid4().hex
    hint.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_draw_anew)


def has_ended(other: str | None) -> bool:
    """Whether the process with this hint is known to have ended; False where that cannot be told from here."""
    theirs, ours = (other or "").split("|"), hint().split("|")
    if len(theirs) != _PARTS or len(ours) != _PARTS or theirs[:2] != ours[:2]:
        return False
    number = theirs[2]
    if not (number.isascii() and number.isdecimal() and len(number) <= len("4194304")):
        return False
    try:
        return _started(number) != theirs[3]
    except FileNotFoundError:
        return _is_free(int(number))
    except (OSError, ValueError):
        return False


def _started(number: str) -> str:
    """When a process of this namespace started, in ticks since boot (proc(5)); "" for one that is only waited for."""
    told = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
    fields = told.rpartition(")")[2].split()
    if len(fields) < 20:  # noqa: PLR2004 - as proc(5) counts them, after the name
        raise ValueError(number)
    return "" if fields[0] in {"Z", "X"} else fields[19]


def _is_free(number: int) -> bool:
    """Whether no process has this number: /proc may hide those of other users."""
    try:
        os.kill(number, 0)
    except OSError as exc:
        return isinstance(exc, ProcessLookupError)
    return False


@dataclass(frozen=True, slots=True)
class Sight:
    """One beat of an owner, and the reads that showed it, on the monotonic clock of this process."""

    owner: str | None
    beat: int
    first: float
    last: float


def is_dead(silent_s: float, lease_s: float, *, has_ended: bool) -> bool:
    """The rule. A process in the table proves nothing: its number may have been reused."""
    return has_ended or silent_s >= lease_s


class Leases:
    """What this process has seen of the owners of runs, which may be silent for *lease_s*: all must agree on that."""

    def __init__(self, lease_s: float = LEASE_S) -> None:
        self.lease_s = lease_s
        self._seen: dict[str, Sight] = {}  # a run each, for as long as the process: a few words

    def saw(self, began: float, *rows: RunRow | None) -> None:
        """These rows were read, by a read that *began* then (`time.monotonic`): it may have come back much later."""
        for row in filter(None, rows):
            known = self._seen.get(row.id)
            if known is None or (known.owner, known.beat) != (row.owner, row.beat):
                at = time.monotonic()
                self._seen[row.id] = Sight(row.owner, row.beat, at, at)
            elif began > known.last:
                self._seen[row.id] = Sight(row.owner, row.beat, known.first, began)

    def is_dead(self, row: RunRow) -> bool:
        """Whether the run of *row* is undriven: it has no owner, or its owner process is dead."""
        if row.owner is None or row.owner == me():
            return row.owner is None
        seen = self._seen.get(row.id)
        silent_s = seen.last - seen.first if seen is not None and seen.owner == row.owner else 0.0
        return is_dead(silent_s, self.lease_s, has_ended=has_ended(row.owner_hint))

    def is_others(self, row: RunRow) -> bool:
        """Whether another process drives the run of *row*, or may."""
        return row.owner != me() and not self.is_dead(row)


def elapsed_s() -> float:
    """A clock for "has it taken too long", which goes on while this machine sleeps, where the system has one."""
    return time.monotonic() if _GOES_ON_ASLEEP is None else time.clock_gettime(_GOES_ON_ASLEEP)


class Driving:
    """The part of the ledger that knows owners; `leases` decides which of them are dead."""

    _db: Database
    _ahead = dt.timedelta(0)

    def claim(self, row: RunRow, owner: str, *, hint: str | None = None) -> bool:
        """Take over a run from a dead owner; False if another process was quicker, or the owner has sent a heartbeat since *row*."""
        held = run.c.owner.is_(None) if row.owner is None else run.c.owner == row.owner
        values = {"owner": owner, "owner_hint": hint, "beat": run.c.beat + 1}
        change = run.update().where(run.c.id == row.id, held, run.c.beat == row.beat).values(values)
        with self._db.write() as db:
            return bool(db.execute(change).rowcount)

    def renew(self, run_ids: Sequence[str], owner: str) -> int:
        """Send a heartbeat of *owner* for these runs; the number of those that it still owns."""
        with self._db.write(is_news=False) as db:
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
