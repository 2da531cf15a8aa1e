"""Axes → cells: what an experiment asks for; no I/O.

An axis is a field of the model, the picture, or a placeholder in a prompt: `{who}` takes the values of the axis `who`.
Axes are crossed; zipped ones advance together.
"""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..catalogue import nearest
from ..errors import InvalidRequest
from ..tables import counted

MAX_CELLS = 100_000  # at 60 credits each that is $30,000: more likely a typing mistake
FILLED = ("prompt", "negative_prompt")  # the fields whose placeholders are filled
RESERVED = frozenset({"name", "model", "zip", "where", "repeats"})  # arguments of `Experiment`, so no axes
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)((?:![rsa])?(?::[^{}]*)?)\}")
_WIDE = re.compile(r"\d{4}")  # a longer number is a typing mistake

Axes = Mapping[str, Sequence[Any]]
Where = Callable[[dict[str, Any]], bool]


@dataclass(frozen=True, kw_only=True, slots=True)
class Cell:
    """One request of the grid."""

    at: dict[str, Any]  # where it stands on each axis
    asked: dict[str, Any]  # what `kie_nb.generate` would be given
    replicate: int = 0  # or the number of a wanted repetition of the same request


@dataclass(frozen=True, kw_only=True, slots=True)
class Grid:
    """What is varied, and what stays."""

    axes: Axes = field(default_factory=dict)  # the first varies slowest
    fixed: Mapping[str, Any] = field(default_factory=dict)
    zipped: tuple[tuple[str, ...], ...] = ()  # axes that advance together, by groups
    repeats: int = 1  # runs of each request

    @property
    def leaves_seed_out(self) -> bool:
        """Whether the seed is to be drawn."""
        return "seed" not in self.axes and self.fixed.get("seed") is None

    def with_images(self, change: Callable[[Any], Any]) -> Grid:
        """The same with each picture as *change* gives it."""
        fixed, axes = dict(self.fixed), dict(self.axes)
        if "image" in fixed:
            fixed["image"] = change(fixed["image"])
        if "image" in axes:
            axes["image"] = tuple(map(change, axes["image"]))
        return replace(self, fixed=fixed, axes=axes)


def expand(grid: Grid, fields: Sequence[str], where: Where | None = None) -> list[Cell]:
    """The cells of *grid*, each request once, in order; InvalidRequest where that has no meaning.

    Args:
        fields: The names of the model's fields, and `image`.
        where: Is given the place of a cell on every axis, and says whether it is wanted.
    """
    placeholders = _check(grid, fields)
    size = grid.repeats * math.prod(len(grid.axes[group[0]]) for group in _groups(grid))
    if size > MAX_CELLS:
        words = f"This grid has {size:,} cells; {MAX_CELLS:,} are allowed."
        raise InvalidRequest(words, hint="leave out an axis")
    found: dict[tuple[Any, ...], Cell] = {}
    for place in _places(grid):
        if where is not None and not where(dict(place)):
            continue
        asked, used = _fill({**grid.fixed, **place}, placeholders)
        at = {name: value for name, value in place.items() if name not in placeholders or name in used}
        for replicate in range(grid.repeats):
            cell = Cell(at=at, asked=asked, replicate=replicate)
            # A prompt without {who} is the same request for every who: it is asked for once.
            found.setdefault((replicate, *((name, identity(value)) for name, value in asked.items())), cell)
    return list(found.values())


def left_over(grid: Grid, fields: Sequence[str]) -> tuple[str, ...]:
    """Remarks on what looks like a placeholder and is sent as it is typed; refused where it is like one that is filled."""
    placeholders = [name for name in (*grid.axes, *grid.fixed) if name not in fields]
    remarks: list[str] = []
    for name in _named(grid, *FILLED):
        if name in placeholders:
            continue
        if name in RESERVED:
            hint = f"call it by another name, such as {{a_{name}}}, in the prompt and as the axis"
            words = f"A prompt has {{{name}}}: {name} is an argument of Experiment and cannot be an axis."
            raise InvalidRequest(words, hint=hint)
        near = nearest(name, placeholders)
        if near != ".":
            hint = "every cell would be sent, and paid for, with the braces in it"
            raise InvalidRequest(f"A prompt has {{{name}}}, but no axis has this name{near}", hint=hint)
        remarks.append(f"{{{name}}} stays in the prompt as it is typed: no axis is called {name}.")
    remarks += [
        f"{name} has {len(values)} values, {counted(different, 'different one')}: equal values are one cell."
        for name, values in grid.axes.items()
        if not any(name in group for group in grid.zipped)
        and (different := len(set(map(identity, values)))) < len(values)
    ]
    remarks += [
        f"{{{name}}} stays in {field_} as it is typed: only prompts are filled."
        for field_ in fields
        if field_ not in FILLED
        for name in _named(grid, field_)
        if name in placeholders
    ]
    return tuple(remarks)


def _named(grid: Grid, *fields: str) -> list[str]:
    """The names in braces in the texts of *fields*."""
    values = (value for name in fields for value in (*grid.axes.get(name, ()), grid.fixed.get(name)))
    texts = (text for text in values if isinstance(text, str))
    return list(dict.fromkeys(name for text in texts for name, _ in _PLACEHOLDER.findall(text)))


def identity(value: Any) -> Any:
    """A key for *value*: by value where it can be compared so, else by the object."""
    if isinstance(value, str | int | float | bool | bytes | None):
        return (type(value).__name__, value)
    return (type(value).__name__, str(value) if hasattr(value, "__fspath__") else id(value))


def _check(grid: Grid, fields: Sequence[str]) -> set[str]:  # noqa: C901 - one rule after the other
    """The names that are placeholders of the prompts."""
    if isinstance(grid.repeats, bool) or not isinstance(grid.repeats, int) or grid.repeats < 1:
        raise InvalidRequest(f"repeats={grid.repeats!r}: use a whole number above 0.")
    named = _named(grid, *FILLED)
    placeholders = {name for name in (*grid.axes, *grid.fixed) if name not in fields}
    for name in placeholders:
        if name not in named:
            words = f"{name!r} is not a field of the model and not a placeholder {{{name}}} of the prompt"
            near = nearest(name, (*fields, *named))
            raise InvalidRequest(f"{words}{near}", hint="axes are fields, or placeholders of the prompt")
    for name, values in grid.axes.items():
        if not values:
            raise InvalidRequest(f"The axis {name!r} is empty.", hint="give at least one value")
    seen: set[str] = set()
    for group in grid.zipped:
        for name in group:
            if name not in grid.axes:
                raise InvalidRequest(f"zip names {name!r}, which is not an axis{nearest(name, grid.axes)}")
            if name in seen:
                raise InvalidRequest(f"zip names {name!r} twice.")
            seen.add(name)
        lengths = {name: len(grid.axes[name]) for name in group}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{name} has {length}" for name, length in lengths.items())
            raise InvalidRequest(f"Zipped axes need as many values each: {told}.")
    return placeholders


def _groups(grid: Grid) -> list[tuple[str, ...]]:
    """The axes in order; those zipped together stand at the place of the first."""
    group_of = {name: group for group in grid.zipped for name in group}
    return list(dict.fromkeys(group_of.get(name, (name,)) for name in grid.axes))


def _places(grid: Grid) -> Iterator[dict[str, Any]]:
    groups = _groups(grid)
    steps = [list(zip(*(grid.axes[name] for name in group), strict=True)) for group in groups]
    for chosen in itertools.product(*steps):
        place = dict(zip(itertools.chain(*groups), itertools.chain(*chosen), strict=True))
        yield {name: place[name] for name in grid.axes}


def _fill(values: dict[str, Any], placeholders: set[str]) -> tuple[dict[str, Any], set[str]]:
    """What is asked, with the placeholders filled, and those that were used."""
    used: set[str] = set()

    def fill(found: re.Match[str]) -> str:
        name = found[1]
        if name not in placeholders:
            return found[0]  # a brace that was meant as one
        used.add(name)
        return _shown(values[name], found[0], found[2])

    asked = {name: value for name, value in values.items() if name not in placeholders and value is not None}
    for name in FILLED:
        if isinstance(asked.get(name), str):
            asked[name] = _PLACEHOLDER.sub(fill, asked[name])
    return asked, used


def _shown(value: Any, typed: str, form: str) -> str:
    """*value* as the *form* of a placeholder asks for, such as `:.2f`."""
    if not form:
        return str(value)
    try:
        if not _WIDE.search(form):
            return f"{{0{form}}}".format(value)
    except (ValueError, TypeError):
        pass
    words = f"{typed} cannot be filled with {value!r}."
    raise InvalidRequest(
        words, hint="a form is that of Python, such as {n:.2f} or {n:03d}, and fits each value"
    ) from None
