"""The files of a run, numbered as in the task's result. Pure rules, no disk."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from ..video.sniff import PICTURES, SOUNDS, VIDEOS
from .rows import KeptFile, RunRow


def files_made(row: RunRow) -> int:
    """How many files the task of *row* made; 0 where unknown.

    A service that names fewer later made no fewer.
    """
    return max(len(row.urls or ()), row.files_made or 0, *(kept.number + 1 for kept in row.files), 0)


def with_kept(row: RunRow | None, came: Iterable[KeptFile], *, made: int) -> dict[str, Any]:
    """The columns of *row* with the files that *came*: each replaces the one of its number.

    The video comes first: it was asked for; a still or a sound beside it follows, in whatever order the service lists them.

    Args:
        row: The run as it is; None for a new one.
        made: How many files its task made; 0 where unknown.
    """
    kept = {one.number: one for one in (*(row.files if row else ()), *came)}
    return {
        "files": tuple(sorted(kept.values(), key=lambda one: _rank(one.name))),
        "files_made": made or None,
    }


def _rank(name: str) -> int:
    ending = PurePosixPath(name).suffix[1:]
    return next((rank for rank, kind in enumerate((VIDEOS, PICTURES, SOUNDS)) if ending in kind), 3)
