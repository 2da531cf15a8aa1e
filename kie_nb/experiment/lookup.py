"""Finding runs of an experiment by their place or by a table, and rating them by one. They are its methods."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from .. import settings as settings_
from ..bounds import as_scalar, is_missing
from ..catalogue import nearest
from ..errors import InvalidRequest
from ..handles import Run
from ..tables import counted
from ..text import say
from ..wording import Experiment as Words
from .asked import rows_of
from .data import check_measure, in_words, is_high_better
from .definition import plain

MAX_STARS = 5
_SHOWN = 3
Places = Sequence[tuple[dict[str, Any], Run | None]]


class Source(Protocol):
    """What is needed of an experiment."""

    def cells(self) -> list[tuple[dict[str, Any], Run | None]]:
        """The place of each cell, and its run if it has one."""


def at(exp: Source, **place: Any) -> Run:
    """The run of the one cell that has these values on its axes.

    Raises:
        InvalidRequest: no cell has them, several have, or it has no run yet.
    """
    wanted = {name: plain(as_scalar(value)) for name, value in place.items()}
    cells = exp.cells()
    found = [cell for cell in cells if wanted.items() <= cell[0].items()]
    if len(found) == 1:
        return _run_of(*found[0])
    told = in_words(wanted)
    if found:
        others = dict.fromkeys(name for cell, _ in found for name in cell if name not in wanted)
        hint = f"name {', '.join(others)} too" if others else "exp[0] is the first cell"
        raise InvalidRequest(f"{counted(len(found), 'cell')} have {told}.", hint=hint, charged="")
    axes = list(dict.fromkeys(name for cell, _ in cells for name in cell))
    unknown = next((name for name in wanted if name not in axes), None)
    words = f"There is no axis {unknown!r}{nearest(unknown, axes)}" if unknown else f"No cell has {told}."
    raise InvalidRequest(words, hint=f"axes are {', '.join(axes) or 'none'}", charged="")


def nth(exp: Source, number: int) -> Run:
    """The run of a cell by its number in the order of the grid, from 0; negative ones count from the end.

    Raises:
        IndexError: there are not so many cells.
        InvalidRequest: it has no run yet.
    """
    return _run_of(*exp.cells()[number])


def _run_of(place: Mapping[str, Any], run: Run | None) -> Run:
    if run is None:
        words = f"The cell {in_words(place)} has no run yet."
        raise InvalidRequest(words, hint="exp.run() buys it; exp.to_frame() shows all cells", charged="")
    return run


def best(exp: Source, by: str = "rating") -> Run | None:
    """The run with the highest "rating" or "score", or the smallest "credits", "duration_s" or "seed"; None if none has one.

    Where no run is rated it says how to rate one.

    Raises:
        InvalidRequest: for another measure.
    """
    check_measure(by, "best")
    runs = [run for _, run in exp.cells() if run is not None]
    known = {run: float(value) for run in runs if (value := getattr(run, by)) is not None}
    sign = -1 if is_high_better(by) else 1
    found = min(known, key=lambda run: sign * known[run], default=None)
    if found is None and by == "rating":
        say(Words.NOT_RATED)
    return found


def tell(exp: Source, run: Run, score: float | None) -> Run:
    """Record how good a run came out, as any number; `best`, `top` and the frame have it as *score*, and None takes it away.

    Raises:
        InvalidRequest: it is no finite number, or the run is of another experiment.
    """
    number = as_scalar(score)
    is_number = isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
    if number is not None and not is_number:
        raise InvalidRequest(f"score={score!r}: use a finite number.", charged="")
    if not any(other is not None and other.id == run.id for _, other in exp.cells()):
        raise InvalidRequest(f"{run.label} stands for no cell of this experiment.", charged="")
    run.ledger.mark(run.id, by=settings_.user(), score=None if number is None else float(number))
    return run


def rate(exp: Source, table: Any, *, on: str | Sequence[str] = "run", column: str = "rating") -> int:
    """Rate runs by a table that people have filled in; all of it is checked before any run is rated.

    Args:
        table: A `pandas.DataFrame`, or rows as `csv.DictReader` gives them.
        on: The column with the ids of the runs, or the axes that tell a cell.
        column: The column with 1 to 5 stars; what is empty there rates nothing.

    Returns:
        How many runs were rated.

    Raises:
        InvalidRequest: a column is missing, a row names no run of this experiment or several, or a rating is not 1 to 5.
    """
    rows = rows_of(table)
    names = [on] if isinstance(on, str) else list(on)
    known = list(rows[0]) if rows else [*names, column]
    if missing := next((name for name in (*names, column) if name not in known), None):
        hint = f"its columns are {', '.join(map(str, known))}"
        raise InvalidRequest(
            f"The table has no column {missing!r}{nearest(missing, known)}", hint=hint, charged=""
        )
    runs: dict[tuple[str, ...], list[Run]] = {}
    for place, run in exp.cells():
        if run is not None:
            key = (run.id,) if names == ["run"] else tuple(_key(place.get(name)) for name in names)
            runs.setdefault(key, []).append(run)
    stars: dict[Run, int] = {}
    for number, row in enumerate(rows, 1):
        if is_missing(row[column]) or str(row[column]).strip() == "":
            continue
        key = tuple(_key(row[name]) for name in names)
        found = runs.get(key, [])
        told = ", ".join(f"{name}={value}" for name, value in zip(names, key, strict=True))
        if len(found) != 1:
            words = "is no run of this experiment" if not found else f"is {counted(len(found), 'run')}"
            raise InvalidRequest(
                f"Row {number} of the table: {told} {words}.", hint="nothing was rated", charged=""
            )
        stars[found[0]] = _stars(row[column], number)
    for run, count in stars.items():
        run.rate(count)
    return len(stars)


def _key(value: Any) -> str:
    """*value* so that a number is the same one after it was in a CSV."""
    value = as_scalar(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value).strip()


def _stars(value: Any, number: int) -> int:
    try:
        stars = float(as_scalar(value))
    except (TypeError, ValueError):
        stars = math.nan
    if stars not in range(1, MAX_STARS + 1):
        words = f"Row {number} of the table: the rating is {value!r}: use 1 to 5."
        raise InvalidRequest(
            words, hint="nothing was rated; round a mean of several people first", charged=""
        )
    return int(stars)
