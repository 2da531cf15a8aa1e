"""Axes → cells: what an experiment asks for; no I/O.

An axis is a field of the model, the picture, or a placeholder in a prompt: `{who}` takes the values of the axis `who`.
Axes are crossed; zipped ones advance together, and one of `when` belongs to some values of another. Of these places *where* leaves
out some, and a sample keeps a random part. Places that are listed by themselves come after them.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ..catalogue import nearest
from ..errors import InvalidRequest
from ..tables import counted

MAX_CELLS = 100_000  # at 60 credits each that is $30,000: more likely a typing mistake
_MOST_DIGITS = 40
FILLED = ("prompt", "negative_prompt")  # the fields whose placeholders are filled
RESERVED = frozenset(  # arguments of `Experiment`, so no axes
    (
        "name",
        "model",
        "zip",
        "where",
        "when",
        "repeats",
        "sample",
        "sample_seed",
        "cells",
        "description",
        "labels",
        "max_credits",
    )
)
_PLACEHOLDER = re.compile(r"\{([A-Za-z_]\w*)((?:![rsa])?(?::[^{}]*)?)\}")
_WIDE = re.compile(r"\d{4}")  # a longer number is a typing mistake

Axes = Mapping[str, Sequence[Any]]
Place = Mapping[str, Any]
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
    # The values of other axes at which an axis is there at all.
    when: Mapping[str, Axes] = field(default_factory=dict)
    sample: int | None = None  # so many of the crossed places, chosen at random by the sample's seed
    sample_seed: int = 0
    cells: tuple[Place, ...] | None = None  # places beside the crossed ones; without axes there are no others
    labels: tuple[str, ...] = ()  # what places say besides, which is kept and not sent

    @property
    def names(self) -> tuple[str, ...]:
        """What varies: the axes, and what places that are listed name."""
        return tuple(dict.fromkeys((*self.axes, *itertools.chain.from_iterable(self.cells or ()))))

    @property
    def leaves_seed_out(self) -> bool:
        """Whether the seed is to be drawn."""
        is_listed = bool(self.cells) and all("seed" in place for place in self.cells or ())
        return "seed" not in self.axes and not is_listed and self.fixed.get("seed") is None

    def values(self, name: str) -> list[Any]:
        """All values that *name* takes."""
        listed = (place[name] for place in self.cells or () if name in place)
        return [*self.axes.get(name, ()), *listed, *([self.fixed[name]] if name in self.fixed else [])]

    def with_media(self, change: Callable[[Any], Any], names: Collection[str]) -> Grid:
        """The same with each value of *names* as *change* gives it."""

        def changed(place: Place) -> dict[str, Any]:
            return {name: change(value) if name in names else value for name, value in place.items()}

        axes = {name: tuple(map(change, axis)) if name in names else axis for name, axis in self.axes.items()}
        cells = None if self.cells is None else tuple(map(changed, self.cells))
        return replace(self, fixed=changed(self.fixed), axes=axes, cells=cells)


def seeds_in(text: str) -> list[int] | None:
    """`0-3` as 0, 1, 2, 3; `1,5,9` as those; None for anything else."""
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            return None
        if len(first) + len(last) > _MOST_DIGITS or len(found) + int(last or first) - int(first) > MAX_CELLS:
            return None
        found += range(int(first), int(last or first) + 1)
    return found


def expand(
    grid: Grid, fields: Sequence[str], where: Where | None = None, plain: Callable[[Any], Any] = str
) -> list[Cell]:
    """The cells of *grid*, each request once, in order; InvalidRequest where that has no meaning.

    Args:
        fields: The names of the model's fields, and `image`.
        where: Is given the place of a cell on every axis, and says whether it is wanted.
        plain: A value as it is stored: a sample is the same one wherever its definition is read.
    """
    placeholders = _check(grid, fields)
    crossed = math.prod(len(grid.axes[group[0]]) for group in _groups(grid))
    size = grid.repeats * ((crossed if grid.axes or grid.cells is None else 0) + len(grid.cells or ()))
    if size > MAX_CELLS:
        words = f"This grid has {size:,} cells; {MAX_CELLS:,} are allowed."
        raise InvalidRequest(words, hint="leave out an axis" if grid.axes else "list fewer cells")
    found: dict[tuple[Any, ...], Cell] = {}
    for place in _wanted(grid, where, plain):
        sent = {name: value for name, value in place.items() if name not in grid.labels}
        asked, used = _fill({**grid.fixed, **sent}, placeholders)
        at = {name: value for name, value in place.items() if name not in placeholders or name in used}
        for replicate in range(grid.repeats):
            cell = Cell(at=at, asked=asked, replicate=replicate)
            # A prompt without {who} is the same request for every who: it is asked for once.
            key = (replicate, *((name, identity(value)) for name, value in asked.items()))
            _check_one_label(found.setdefault(key, cell), cell, grid.labels)
    return list(found.values())


def _check_one_label(known: Cell, cell: Cell, labels: Sequence[str]) -> None:
    """Refuse two labels of one request: a cell is one run, which has one of them."""
    for name in labels:
        if known.at.get(name) != cell.at.get(name):
            told = f"{known.at.get(name)!r} and {cell.at.get(name)!r}"
            hint = "make the rows differ in what is sent, such as the seed"
            raise InvalidRequest(f"Two rows ask for the same video with {name} {told}.", hint=hint)


def left_over(grid: Grid, fields: Sequence[str]) -> tuple[str, ...]:
    """Remarks on what looks like a placeholder and is sent as it is typed; refused where it is like one that is filled."""
    placeholders = [name for name in (*grid.names, *grid.fixed) if name not in {*fields, *grid.labels}]
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
            hint = "correct the name: every cell would be sent, and paid for, with the braces in it"
            raise InvalidRequest(f"A prompt has {{{name}}}, but no axis has this name{near}", hint=hint)
        if grid.cells == ():  # the cells that are asked for later name it
            continue
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
    texts = (text for name in fields for text in grid.values(name) if isinstance(text, str))
    return list(dict.fromkeys(name for text in texts for name, _ in _PLACEHOLDER.findall(text)))


def identity(value: Any) -> Any:
    """A key for *value*: by value where it can be compared so, else by the object."""
    if isinstance(value, str | int | float | bool | bytes | None):
        return (type(value).__name__, value)
    return (type(value).__name__, str(value) if hasattr(value, "__fspath__") else id(value))


def _check(grid: Grid, fields: Sequence[str]) -> set[str]:  # noqa: C901 - one rule after the other
    """The names that are placeholders of the prompts."""
    for name, number, least in (
        ("repeats", grid.repeats, 1),
        ("sample", 1 if grid.sample is None else grid.sample, 1),
        ("sample_seed", grid.sample_seed, 0),
    ):
        if isinstance(number, bool) or not isinstance(number, int) or number < least:
            raise InvalidRequest(f"{name}={number!r}: use a whole number {'above 0' if least else 'from 0'}.")
    named = _named(grid, *FILLED)
    placeholders = {name for name in (*grid.names, *grid.fixed) if name not in {*fields, *grid.labels}}
    _check_labels(grid, {*fields, *named})
    for name in placeholders:
        if name not in named:
            words = f"{name!r} is not a field of the model and not a placeholder {{{name}}} of the prompt"
            near = nearest(name, (*fields, *named))
            hint = "axes are fields, or placeholders of the prompt; from_frame(labels=[…]) keeps other columns unsent"
            raise InvalidRequest(f"{words}{near}", hint=hint)
    for name, values in grid.axes.items():
        if not values:
            raise InvalidRequest(f"The axis {name!r} is empty.", hint="give at least one value")
    _check_when(grid)
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


def _check_labels(grid: Grid, sent: Collection[str]) -> None:
    """Refuse a label that no place has, or that is sent."""
    for name in grid.labels:
        if name in sent:
            words = f"{name!r} is a field of the model or a placeholder of the prompt, and so no label."
            raise InvalidRequest(words, hint="leave it out of labels: its values are sent")
        if name not in grid.names and grid.cells != ():
            words = f"`labels` names {name!r}, which is no column{nearest(name, grid.names)}"
            raise InvalidRequest(words, hint="a label is a column of the table that is not sent")


def _check_when(grid: Grid) -> None:
    """Refuse a condition that could never be met: the axis that was meant would never be there."""
    for name, conditions in grid.when.items():
        for axis in (name, *conditions):
            if axis not in grid.axes:
                raise InvalidRequest(f"`when` names {axis!r}, which is not an axis{nearest(axis, grid.axes)}")
        for axis, values in conditions.items():
            known = set(map(identity, grid.axes[axis]))
            if axis == name or not values or (wrong := [one for one in values if identity(one) not in known]):
                told = (
                    f"{axis}={wrong[0]!r}, which no cell has"
                    if axis != name and values
                    else f"{axis}: nothing"
                )
                hint = f"when={{{name!r}: {{{axis!r}: one of its values, or a list of them}}}}"
                raise InvalidRequest(f"`when` has {name!r} at {told}.", hint=hint)


def _groups(grid: Grid) -> list[tuple[str, ...]]:
    """The axes in order; those zipped together stand at the place of the first."""
    group_of = {name: group for group in grid.zipped for name in group}
    return list(dict.fromkeys(group_of.get(name, (name,)) for name in grid.axes))


def _wanted(grid: Grid, where: Where | None, plain: Callable[[Any], Any]) -> Iterator[Place]:
    """The places that cells are made of, in order."""
    crossed: dict[frozenset[Any], Place] = {}
    for place in _places(grid) if grid.axes or grid.cells is None else ():
        kept = _belonging(place, grid.when)
        if where is None or where(dict(kept)):
            crossed.setdefault(_at(kept), kept)
    yield from _sampled(list(crossed.values()), grid, plain)
    yield from grid.cells or ()


def _at(place: Place) -> frozenset[Any]:
    return frozenset((name, identity(value)) for name, value in place.items())


def _belonging(place: Place, when: Mapping[str, Axes]) -> Place:
    """*place* without the axes that do not belong to it; one that belongs to such an axis goes, too."""
    kept, before = dict(place), 0
    while len(kept) != before:
        before = len(kept)
        for name in [name for name in kept if name in when]:
            if not all(
                axis in kept and identity(kept[axis]) in map(identity, values)
                for axis, values in when[name].items()
            ):
                del kept[name]
    return kept


def _sampled(places: Sequence[Place], grid: Grid, plain: Callable[[Any], Any]) -> Sequence[Place]:
    """Those with the smallest hashes: a larger sample has the cells of a smaller one, and most stay when an axis grows."""
    if grid.sample is None or grid.sample >= len(places):
        return places

    def rank(number: int) -> bytes:
        place = {name: plain(value) for name, value in places[number].items()}
        return hashlib.sha256(json.dumps([grid.sample_seed, place], sort_keys=True).encode()).digest()

    return [places[number] for number in sorted(sorted(range(len(places)), key=rank)[: grid.sample])]


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
        if name not in values:
            told = ", ".join(f"{one}={value!r}" for one, value in values.items() if one not in FILLED)
            hint = f"give the cell a value for {name}, or a prompt without it"
            raise InvalidRequest(
                f"A prompt has {{{name}}}, and the cell with {told} has no {name}.", hint=hint
            )
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
