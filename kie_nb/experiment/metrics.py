"""An experiment in numbers, as DVC and other trackers of metrics read them from a JSON file."""

from __future__ import annotations

import json
import os
import statistics
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from ..fileops import write_whole
from ..saved import SavedFile, written

if TYPE_CHECKING:
    from ..handles import Run
    from .spread import Spread
    from .status import Status


class Source(Protocol):
    """What the numbers are of."""

    @property
    def runs(self) -> list[Run]:
        """The runs of its cells."""

    def status(self) -> Status:
        """How it stands now."""

    def spread(self) -> Spread:
        """The distance between seeds."""


def metrics(exp: Source, path: str | os.PathLike[str], *, spread: bool = True) -> SavedFile:
    """Write counts, credits, times, ratings and the spread between seeds as JSON: `dvc metrics show` reads it.

    What is not known is null, never 0.

    Args:
        path: The file, such as metrics.json; an earlier one is replaced in one step.
        spread: Measure the distance between seeds, too; a second or so a pair that was not measured yet.

    Raises:
        InvalidRequest, LedgerError: the file cannot be written.
    """
    status, runs = exp.status(), exp.runs
    between = exp.spread() if spread else None
    ratings = [run.rating for run in runs if run.rating is not None]
    found: dict[str, Any] = {
        "cells": {
            "all": status.cells,
            **{name: getattr(status, name) for name in ("done", "failed", "open", "unsettled", "missing")},
        },
        "credits": {
            "spent": status.spent,
            "estimate": status.estimate,
            "at_risk": status.at_risk,
            "simulated": status.is_simulated,
        },
        "seconds": {"median": _median([run.duration_s for run in runs if run.duration_s is not None])},
        "rating": {"rated": len(ratings), "mean": statistics.fmean(ratings) if ratings else None},
        **({"spread": {"median": between.median, "pairs": between.pairs}} if between is not None else {}),
    }
    with written(path) as target:
        write_whole(target, (json.dumps(found, indent=2) + "\n").encode())
    return target


def of_study(status: Status, spread: Spread | None) -> dict[str, float]:
    """What is known of it as a flat table of numbers."""
    found: dict[str, float | None] = {
        "cells": status.cells,
        "done": status.done,
        "failed": status.failed,
        "credits": status.spent,
        "spread_median": spread.median if spread else None,
        "spread_pairs": spread.pairs if spread else None,
    }
    return {name: float(value) for name, value in found.items() if value is not None}


def _median(values: Sequence[float]) -> float | None:
    return statistics.median(values) if values else None
