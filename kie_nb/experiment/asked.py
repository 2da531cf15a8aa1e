"""From the arguments of `Experiment` to its definition; no I/O."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, KeysView, Mapping, ValuesView
from dataclasses import dataclass
from types import GeneratorType
from typing import Any

from ..bounds import as_scalar, as_whole, is_missing
from ..catalogue import resolve
from ..catalogue.models import DEFAULT_MODEL
from ..errors import InvalidRequest
from ..requests.prepare import check_number
from .definition import Definition
from .grid import Grid, Where

_NO_LISTS = (
    set,
    frozenset,
    GeneratorType,
    map,
    filter,
    zip,
    enumerate,
    reversed,
    KeysView,
    ValuesView,
    ItemsView,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Options:
    """The arguments of `Experiment` that are neither axes nor fixed values."""

    model: str | None = None
    zip: Iterable[Any] = ()
    when: Mapping[str, Any] | None = None
    repeats: int = 1
    sample: int | None = None
    sample_seed: int = 0
    cells: Any = None
    description: str = ""
    max_credits: float | None = None
    labels: Iterable[str] = ()


def asked_for(name: str, asked: Mapping[str, Any], given: Options) -> Definition:
    """The definition that the arguments of an experiment make: a list is an axis, anything else stays."""
    if not name.strip():
        raise InvalidRequest("An experiment needs a name.", charged="")
    check_number(given.max_credits)
    values = {key: as_scalar(value) for key, value in asked.items()}
    _check_values(values)
    axes = {key: axis for key, value in values.items() if (axis := as_axis(value)) is not None}
    grid = Grid(
        axes=axes,
        fixed={key: value for key, value in values.items() if key not in axes},
        zipped=_zip_groups(given.zip),
        repeats=as_scalar(given.repeats),
        when=_conditions(given.when or {}),
        sample=as_scalar(given.sample),
        sample_seed=as_scalar(given.sample_seed),
        cells=None if given.cells is None else tuple(map(place_of, rows_of(given.cells))),
        labels=_names(given.labels),
    )
    more = {"description": given.description, "max_credits": as_scalar(given.max_credits)}
    return Definition(name=name.strip(), model=resolve(given.model or DEFAULT_MODEL), grid=grid, **more)


def _names(labels: Iterable[str]) -> tuple[str, ...]:
    found = (labels,) if isinstance(labels, str) else tuple(labels)
    if not all(isinstance(name, str) for name in found):
        raise InvalidRequest(f"labels={labels!r}: use names of columns.", charged="")
    return found


def _conditions(when: Mapping[str, Any]) -> dict[str, dict[str, tuple[Any, ...]]]:
    """`when=` with a list of values for each axis that one belongs to."""
    if not all(isinstance(conditions, Mapping) for conditions in (when, *when.values())):
        hint = "when={'duration': {'resolution': '720p'}}: the axis duration is there at 720p alone"
        raise InvalidRequest(f"when={when!r} names no values of other axes.", hint=hint, charged="")
    return {
        name: {
            axis: values if (values := as_axis(value)) is not None else (as_scalar(value),)
            for axis, value in conditions.items()
        }
        for name, conditions in when.items()
    }


def rows_of(table: Any) -> list[Mapping[str, Any]]:
    """The rows of a data frame, or rows by name as they are."""
    found: Any = table.to_dict("records") if hasattr(table, "to_dict") else table
    is_table = isinstance(found, Iterable) and not isinstance(found, str | bytes | Mapping)
    rows = list(found) if is_table else [table]
    if not is_table or not all(isinstance(row, Mapping) for row in rows):
        words = f"A table is a data frame, or rows by name, not a {type(table).__name__}."
        hint = "pandas.read_csv('table.csv'), or list(csv.DictReader(file))"
        raise InvalidRequest(words, hint=hint, charged="")
    return rows


def place_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The cell that a row of a table is: without what is empty, and with a whole seed where pandas has made it real."""
    if not isinstance(row, Mapping):
        hint = "exp.ask({'seed': 3, 'who': 'cat'})"
        raise InvalidRequest(f"{row!r} names no values of a cell.", hint=hint, charged="")
    place = {str(name): as_scalar(value) for name, value in row.items() if not is_missing(value)}
    if "seed" in place:
        place["seed"] = as_whole(place["seed"])
    _check_values(place)
    if several := next((name for name, value in place.items() if as_axis(value) is not None), None):
        hint = "list the cells one by one, or cross axes: Experiment(..., seed=[1, 2])"
        raise InvalidRequest(f"A cell has several values of {several}.", hint=hint, charged="")
    return place


def check_where(where: Where | None) -> None:
    """Refuse what cannot be asked about a cell."""
    if where is not None and not callable(where):
        hint = "where=lambda at: at['seed'] != 3; a placeholder or an axis needs another name"
        raise InvalidRequest(f"where={where!r} is no function of a cell's place.", hint=hint, charged="")


def _zip_groups(given: Iterable[Any]) -> tuple[tuple[str, ...], ...]:
    """`zip=` as groups: one group of names, or several."""
    found = list(given)
    if found and all(isinstance(name, str) for name in found):
        return (tuple(found),)
    return tuple(tuple(group) for group in found)


def _check_values(asked: Mapping[str, Any]) -> None:
    """Refuse what has values, and is not a list of them: the axis that was meant would be one strange value."""
    for name, value in asked.items():
        is_table = isinstance(value, Mapping) and name != "image"  # an upload widget gives one
        if is_table or isinstance(value, _NO_LISTS):
            kind = type(value).__name__
            hint = f"a list is an axis: {name}=list(...)" + (
                ", of its keys or of its values" if is_table else ""
            )
            raise InvalidRequest(
                f"{name} is a {kind}, which is neither one value nor a list of values.", hint=hint
            )


def as_axis(value: Any) -> tuple[Any, ...] | None:
    """The values of an axis; None for a single value, such as a picture of numpy."""
    if getattr(value, "ndim", None) == 1 and hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, list | tuple | range):
        return None
    return tuple(map(as_scalar, list[Any](value)))
