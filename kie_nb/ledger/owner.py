"""This process as an owner of runs, and what the process table of this machine knows of others.

An owner is a random id. Host names and numbers of processes are given to several at once: all containers may be called
*jupyter*, and each has a process 7. What else is known is a hint, and only ever shortens a wait: it says that another one has
ended where both were started by one boot and count their processes in one namespace.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from functools import cache
from pathlib import Path

_BOOT = Path("/proc/sys/kernel/random/boot_id")
_PARTS = 4


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
    fields = (
        Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    )
    if len(fields) < 20:  # noqa: PLR2004 - as proc(5) counts them, after the name
        raise ValueError(number)
    return "" if fields[0] in {"Z", "X"} else fields[19]


def _is_free(number: int) -> bool:
    """Whether no process has this number: /proc may hide those of other users."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
