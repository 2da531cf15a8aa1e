"""Experiments: named grids of requests that are planned, priced, run, interrupted, grown, compared and repeated.

The request: `definition` (as stored) → `grid` (its cells) → `cell_requests` (checked).
Its state: `stored` (the definition and the cells with their runs), `plan`, `status`. Buying: `runner`. The handle over all of
it is `experiment`; `headless` runs one from the command line. Exports: `data`, `crate`, `tracking`, `report`, `wall`.
Judging: `comparison`, `verdict`, `spread`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .studies import Studies


class _Room(ModuleType):
    """Answers a call as `kie_nb.api.experiments` does: once this room is imported, `kie_nb.experiments` is the room."""

    def __call__(self, names: str | Iterable[str] | None = None) -> Studies:
        """The experiments of the current folder and service with their cells, cost and dates; shows itself as a table."""
        from ..handles import get_session
        from .studies import Studies

        return Studies(get_session(), names)


sys.modules[__name__].__class__ = _Room
