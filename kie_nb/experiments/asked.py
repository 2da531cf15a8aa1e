"""From the arguments of `Experiment` to its definition; no I/O."""

from __future__ import annotations

from collections.abc import ItemsView, Iterable, KeysView, Mapping, ValuesView
from types import GeneratorType
from typing import Any

from ..bounds import as_scalar
from ..catalogue.models import DEFAULT_MODEL
from ..errors import InvalidRequest
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


def asked_for(
    name: str, *, model: str | None, zipped: Iterable[Any], repeats: int, asked: Mapping[str, Any]
) -> Definition:
    """The definition that the arguments of an experiment make: a list is an axis, anything else stays."""
    if not name.strip():
        raise InvalidRequest("An experiment needs a name.", charged="")
    values = {key: as_scalar(value) for key, value in asked.items()}
    _check_values(values)
    axes = {key: axis for key, value in values.items() if (axis := as_axis(value)) is not None}
    fixed = {key: value for key, value in values.items() if key not in axes}
    grid = Grid(axes=axes, fixed=fixed, zipped=_zip_groups(zipped), repeats=as_scalar(repeats))
    return Definition(name=name.strip(), model=model or DEFAULT_MODEL, grid=grid)


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
