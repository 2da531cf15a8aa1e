"""Stale leases: whether an owner process is dead, decided without any wall clock, for every kind of database.

A live owner increments the `beat` of each of its runs. A process takes an owner for dead when *its own reads* have shown
the same beat for a whole lease, on its own monotonic clock. What the machines' clocks say, whether one was
set, and how long this machine slept does not matter; nor does it whether the database is a server or a file that two machines
write. The price: whoever sees a run for the first time waits for a lease before it takes it up, unless the process table
knows more (`owner`).

A lease must outlast a beat that waits for the database's lock as long as the database allows.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from . import owner as owner_

if TYPE_CHECKING:
    from .rows import RunRow

LEASE_S = 45.0
BEATS = 4  # in a lease
_GOES_ON_ASLEEP = getattr(time, "CLOCK_BOOTTIME", None)


@dataclass(frozen=True, slots=True)
class Sight:
    """One beat of an owner, and the reads that showed it, on the monotonic clock of this process."""

    owner: str | None
    beat: int
    first: float
    last: float

    @property
    def silent_s(self) -> float:
        """How long it was seen unchanged."""
        return self.last - self.first


def is_dead(silent_s: float, lease_s: float, *, has_ended: bool) -> bool:
    """The rule. A process in the table proves nothing: its number may have been reused."""
    return has_ended or silent_s >= lease_s


class Leases:
    """What this process has seen of the owners of runs.

    Args:
        lease_s: How long an owner may be silent; all who use the database must agree on it.
    """

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
        if row.owner is None or row.owner == owner_.me():
            return row.owner is None
        seen = self._seen.get(row.id)
        silent_s = seen.silent_s if seen is not None and seen.owner == row.owner else 0.0
        return is_dead(silent_s, self.lease_s, has_ended=owner_.has_ended(row.owner_hint))

    def is_others(self, row: RunRow) -> bool:
        """Whether another process drives the run of *row*, or may."""
        return row.owner != owner_.me() and not self.is_dead(row)


def elapsed_s() -> float:
    """A clock for "has it taken too long", which goes on while this machine sleeps, where the system has one."""
    return time.monotonic() if _GOES_ON_ASLEEP is None else time.clock_gettime(_GOES_ON_ASLEEP)
