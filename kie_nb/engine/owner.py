"""Who drives a run: this process, another living one, or one that is gone."""

from __future__ import annotations

import datetime as dt
import functools
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..ledger import RunRow

LEASE_S = 30.0
HEARTBEAT_S = 10.0


def name_of(pid: int) -> str:
    """The name of a process of this machine, told apart from an earlier one with the same number."""
    return f"{socket.gethostname()}|{pid}|{_started(pid)}"


_me = functools.cache(name_of)


def _started(pid: int) -> str:
    """When a process started, told so that a step of the clock does not change it; "" if there is no such process."""
    try:
        ticks = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]  # since boot, proc(5)
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except (OSError, IndexError):
        import psutil

        try:
            return f"{psutil.Process(pid).create_time():.0f}"
        except psutil.Error:
            return ""
    return f"{boot[:8]}.{ticks}"


def me() -> str:
    """This process, told apart from an earlier one with the same number."""
    return _me(os.getpid())


def lease() -> str:
    """The moment until which an owner counts as alive without another sign."""
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=LEASE_S)).isoformat(timespec="microseconds")


def lease_is_over(lease_until: str | None) -> bool:
    """Whether an owner has given no sign for longer than its lease."""
    return not lease_until or lease_until < dt.datetime.now(dt.UTC).isoformat(timespec="microseconds")


def is_others(row: RunRow) -> bool:
    """Whether another living process drives the run of *row*."""
    return row.owner != me() and is_alive(row.owner, row.lease_until)


def is_alive(owner: str | None, lease_until: str | None) -> bool:
    """Whether *owner* still exists: on this machine its process is asked for, elsewhere its lease counts."""
    if not owner:
        return False
    try:
        host, pid, started = owner.split("|")
        number = int(pid)
    except ValueError:
        return False
    if host != socket.gethostname():
        return not lease_is_over(lease_until)
    import psutil

    try:
        return (
            bool(started)
            and _started(number) == started
            and psutil.Process(number).status() != psutil.STATUS_ZOMBIE
        )
    except (psutil.Error, ValueError, OverflowError):
        return False
