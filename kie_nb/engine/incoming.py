"""Downloads under way: their names on disk, and whether the process that writes one is dead."""

from __future__ import annotations

import re
import time
from pathlib import Path

from ..home import NAME
from ..ledger import owner

STALE_S = 3600.0
# A download under way, its number, and the process that writes it.
INCOMING = re.compile(rf"{NAME}\.\d+\.(\d+|[0-9a-f]{{12}}-\d+-\d+)\.incoming(?:\.part)?")


def writer_is_dead(path: Path) -> bool:
    """Whether *path* is a download whose process is dead: known to have ended, or silent for an hour.

    A process id alone tells nothing: two containers that share the folder may each have a process of it.
    """
    named = INCOMING.fullmatch(path.name)
    return named is not None and (owner.marked_has_ended(named.group(1)) or is_stale(path))


def is_stale(path: Path) -> bool:
    """Whether nobody has written *path* for an hour."""
    return age_s(path) > STALE_S


def age_s(path: Path) -> float:
    """Seconds since *path* was last written; 0 for one that is gone."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:  # its process has moved it just now
        return 0.0
