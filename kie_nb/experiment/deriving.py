"""Experiments made of others, of files and of tables; and one more cell of an experiment. They are its methods."""

from __future__ import annotations

import dataclasses
import itertools
import os
import statistics
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Generic, Self, TypeVar

from ..bounds import as_scalar
from ..catalogue import nearest
from ..errors import InvalidRequest
from ..handles import Run
from .asked import Options, asked_for, place_of
from .data import check_measure, in_words, is_high_better
from .definition import Definition, plain
from .grid import Grid, identity

E = TypeVar("E", bound="Deriving")
REPEAT = "repeat"  # in a place: the number of a wanted repetition


class Deriving(ABC):
    """The part of an experiment that makes others of files, of tables and of itself."""

    name: str
    definition: Definition

    @classmethod
    @abstractmethod
    def of(cls, asked: Definition) -> Self:
        """The experiment that a definition makes."""

    @abstractmethod
    def cells(self) -> list[tuple[dict[str, Any], Run | None]]:
        """The place of each cell, and its run if it has one."""

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        allow_outside: bool = False,
        changes: Mapping[str, Any] | None = None,
    ) -> Self:
        """Load what `save` has written; media are looked for beside the file, then from the notebook's folder.

        Args:
            path: The file; it is not trusted.
            allow_outside: Take media outside the file's folder without asking; else their paths are shown and asked about.
            changes: Values in place of the file's, by name: `{"seed": range(10)}`.

        Raises:
            InvalidRequest: the file cannot be read, has no meaning, or media outside were not agreed to.
        """
        return cls.of(Definition.load(path, allow_outside=allow_outside, changes=changes))

    @classmethod
    def from_frame(
        cls,
        name: str,
        table: Any,
        *,
        model: str | None = None,
        repeats: int = 1,
        description: str = "",
        max_credits: float | None = None,
        labels: Iterable[str] = (),
        **asked: Any,
    ) -> Self:
        """An experiment whose cells are the rows of a table: of a random search, or of one's own design.

        Args:
            table: A `pandas.DataFrame`, or rows by name; its columns are fields, `image` or placeholders. What is empty is left out.
            labels: Columns that are not sent: they stay with their cells, in frames and exports.
            **asked: What all cells have in common; the values of a list are crossed with the rows.

        Raises:
            InvalidRequest: a column that is no label is neither a field nor a placeholder, or a value cannot be sent.
        """
        given = Options(
            model=model,
            repeats=repeats,
            description=description,
            max_credits=max_credits,
            cells=table,
            labels=labels,
        )
        found = asked_for(name, asked, given)
        cells = _crossed(found.grid.cells, Grid(axes=found.grid.axes), is_listed=True)
        return cls.of(dataclasses.replace(found, grid=dataclasses.replace(found.grid, axes={}, cells=cells)))

    def replace(self, *, name: str | None = None, **changes: Any) -> Self:
        """The same experiment with other values, options or *name*; None takes a field away. Nothing is bought.

        Under the same name it is a part of it, or another grid, which `run(extend=True)` adds.

        Raises:
            InvalidRequest: it has no meaning as it is.
        """
        options = {field.name: changes.pop(field.name) for field in fields(Options) if field.name in changes}
        asked = self.definition
        new = asked_for(name or self.name, changes, Options(**options))
        grid, other = asked.grid, new.grid
        axes = {key: other.axes.get(key, axis) for key, axis in grid.axes.items() if key not in other.fixed}
        is_listed = grid.cells is not None and not grid.axes
        axes |= {} if is_listed else other.axes
        fixed = {
            key: value
            for key, value in {**grid.fixed, **other.fixed}.items()
            if value is not None and key not in {*axes, *other.axes}
        }
        zipped = tuple(group for group in grid.zipped if all(key in axes for key in group))
        when = {
            key: values for key, values in grid.when.items() if key in axes and values.keys() <= axes.keys()
        }
        values = {key: set(map(plain, axis)) for key, axis in axes.items()}
        dropped = tuple(
            place
            for place in asked.dropped
            if all(value in values.get(key, ()) for key, value in place.items())
        )
        mine = Grid(
            axes=axes,
            fixed=fixed,
            zipped=other.zipped if "zip" in options else zipped,
            repeats=other.repeats if "repeats" in options else grid.repeats,
            when=other.when if "when" in options else when,
            sample=other.sample if "sample" in options else grid.sample,
            sample_seed=other.sample_seed if "sample_seed" in options else grid.sample_seed,
            labels=other.labels if "labels" in options else grid.labels,
            cells=other.cells if "cells" in options else _crossed(grid.cells, other, is_listed=is_listed),
        )
        return self.of(
            dataclasses.replace(
                _apart(asked),
                name=new.name,
                model=new.model if "model" in options else asked.model,
                grid=mine,
                dropped=dropped,
                description=new.description if "description" in options else asked.description,
                max_credits=new.max_credits if "max_credits" in options else asked.max_credits,
            )
        )

    def grow(self, **more: Any) -> Self:
        """The same experiment with these values of axes added to what it has: `exp.grow(seed=range(4, 12)).run()`. Nothing is bought.

        Raises:
            InvalidRequest: a value cannot be sent.
        """
        asked, added = self.definition, _axes(more)
        grid = asked.grid
        is_plain = grid.cells is None and grid.sample is None and not grid.when and not asked.dropped
        if not is_plain or any(name in group for group in grid.zipped for name in added):
            return _grown(self, [place for place, _ in self.cells()], added)
        axes, fixed = dict(grid.axes), dict(grid.fixed)
        for name, values in added.items():
            before = axes.get(name, (fixed.pop(name),) if name in fixed else ())
            axes[name] = tuple({identity(value): value for value in (*before, *values)}.values())
        return self.of(
            dataclasses.replace(_apart(asked), grid=dataclasses.replace(grid, axes=axes, fixed=fixed))
        )

    def top(self, count: int = 1, *, by: str = "rating", over: str | Sequence[str] = "seed") -> Top[Self]:
        """The places whose runs are best on average.

        Args:
            count: How many.
            by: "rating" and "score", the higher the better; "credits", "duration_s" and "seed", the lower the better.
            over: The axes that are averaged over.

        Raises:
            InvalidRequest: there is no such axis or measure, or no run has one.
        """
        check_measure(by, "top")
        names = [over] if isinstance(over, str) else list(over)
        cells = self.cells()
        axes = list(dict.fromkeys(name for place, _ in cells for name in place))
        if unknown := next((name for name in names if name not in axes), None):
            raise InvalidRequest(f"There is no axis {unknown!r}{nearest(unknown, axes)}", charged="")
        groups: dict[Any, tuple[dict[str, Any], list[Run]]] = {}
        for place, run in cells:
            kept = {name: value for name, value in place.items() if name not in {*names, REPEAT}}
            if run is not None and getattr(run, by) is not None:
                groups.setdefault(_key(kept), (kept, []))[1].append(run)
        if not groups:
            hint = "exp.runs[0].rate(5), exp.rate(table) or exp.tell(run, 0.8)"
            raise InvalidRequest(f"No run has a {by}.", hint=hint, charged="")
        means = {key: statistics.fmean(getattr(run, by) for run in runs) for key, (_, runs) in groups.items()}
        best = sorted(groups, key=means.__getitem__, reverse=is_high_better(by))[: int(as_scalar(count))]
        return Top(
            experiment=self,
            by=by,
            places=tuple(groups[key][0] for key in best),
            means=tuple(means[key] for key in best),
            runs=tuple(run for key in best for run in groups[key][1]),
        )


def _apart(asked: Definition) -> Definition:
    """*asked* with the comments of its file, whose lines do not say any more what it asks for."""
    read_from = asked.read_from and (asked.read_from[0], "")
    return dataclasses.replace(asked, read_from=read_from)


def _crossed(
    cells: Sequence[Mapping[str, Any]] | None, other: Grid, *, is_listed: bool
) -> tuple[dict[str, Any], ...] | None:
    """Listed *cells* with the values of *other* in place of their own; where all cells are listed, each gets all axes of it."""
    if cells is None:
        return None
    found: dict[Any, dict[str, Any]] = {}
    for place in cells:
        axes = {name: axis for name, axis in other.axes.items() if is_listed or name in place}
        bare = {name: value for name, value in place.items() if name not in axes and name not in other.fixed}
        for one in _with_each(bare, axes):
            found.setdefault(_key(one), one)
    return tuple(found.values())


def _with_each(place: Mapping[str, Any], axes: Mapping[str, Iterable[Any]]) -> Iterable[dict[str, Any]]:
    return ({**place, **dict(zip(axes, chosen, strict=True))} for chosen in itertools.product(*axes.values()))


def _key(place: Mapping[str, Any]) -> frozenset[Any]:
    return frozenset((name, identity(value)) for name, value in place.items())


def _axes(more: Mapping[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Each value as an axis; checked as the arguments of an experiment are."""
    found = asked_for("any", more, Options()).grid
    return {name: tuple(found.axes[name]) if name in found.axes else (found.fixed[name],) for name in more}


def _grown(exp: E, places: Iterable[Mapping[str, Any]], added: Mapping[str, tuple[Any, ...]]) -> E:
    """*exp* with the *added* values at some of its places, as listed cells."""
    grid = exp.definition.grid
    known = {_plain_key(place) for place, _ in exp.cells()}
    cells = [*(grid.cells or ())]
    for place in places:
        bare = {
            name: _typed(grid, name, value)
            for name, value in place.items()
            if name not in added and name != REPEAT
        }
        for one in _with_each(bare, added):
            if (key := _plain_key(one)) not in known:
                known.add(key)
                cells.append(one)
    return exp.of(
        dataclasses.replace(_apart(exp.definition), grid=dataclasses.replace(grid, cells=tuple(cells)))
    )


def _plain_key(place: Mapping[str, Any]) -> frozenset[Any]:
    return frozenset((name, plain(value)) for name, value in place.items() if name != REPEAT)


def _typed(grid: Grid, name: str, value: Any) -> Any:
    """The value that a place shows in plain words, as the grid has it: a picture may be an object."""
    return next((one for one in grid.values(name) if plain(one) == value), value)


@dataclass(frozen=True, kw_only=True, slots=True)
class Top(Generic[E]):
    """The best places of an experiment; shows itself as lines.

    Attributes:
        places: The value on each axis but those that were averaged over, the best first.
        means: What was measured there, on average.
        runs: The runs of these places.
    """

    experiment: E
    by: str
    places: tuple[dict[str, Any], ...]
    means: tuple[float, ...]
    runs: tuple[Run, ...]

    def grow(self, **more: Any) -> E:
        """The experiment with these values of axes added at these places alone: `.grow(seed=range(4, 12)).run()`. Nothing is bought."""
        chosen = [
            place
            for place, _ in self.experiment.cells()
            if any(one.items() <= place.items() for one in self.places)
        ]
        return _grown(self.experiment, chosen, _axes(more))

    def __repr__(self) -> str:
        lines = (
            f"{in_words(place)}: {self.by} {mean:g}"
            for place, mean in zip(self.places, self.means, strict=True)
        )
        return "\n".join(lines)


def only(asked: Definition, at: Mapping[str, Any]) -> Definition:
    """*asked* with this one cell alone."""
    place = place_of(at)
    labels = tuple(name for name in asked.grid.labels if name in place)
    grid = Grid(fixed=asked.grid.fixed, cells=(place,), labels=labels)
    return dataclasses.replace(_apart(asked), grid=grid, dropped=())


def also(asked: Definition, at: Mapping[str, Any]) -> Definition:
    """*asked* with this cell too."""
    grid = asked.grid
    if not grid.axes and grid.cells is None:  # its only cell would be no cell any more
        grid = dataclasses.replace(grid, cells=())
    return dataclasses.replace(
        asked, grid=dataclasses.replace(grid, cells=(*(grid.cells or ()), place_of(at)))
    )
