"""The tiles of a wall: each with its run, its parameters and its place in the grid; and which cell stands where.

What decides the places is pure: `arrange`, `common`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..addresses import shareable_value
from ..catalogue import nearest
from ..errors import InvalidRequest
from ..handles import Run
from ..ledger.states import WORDS, State
from ..operations.integrity import video_as_fetched
from ..stores import bring_all
from ..tables import counted
from ..text import in_line

Place = Mapping[str, Any]
Heading = tuple[tuple[str, str], ...]  # names of axes and values in words
Names = str | Sequence[str] | None
SPARSE = 0.5  # a grid with no more filled spots than this says less than a plain sequence
NOTHING = "–"
REPEAT = "repeat"
PROMPT = "prompt"
TO_COME = "to come"
Cell = tuple[dict[str, Any], Run | None]
_TROUBLES = {
    "": "",
    "missing": "the file is not on this machine; %kie doctor fetches it again",
    "not media": "the file is neither a video nor a picture",
    "altered": "altered since it was fetched; %kie doctor fetches it again",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Tile:
    """One place on a wall."""

    place: dict[str, Any]  # its value on every axis
    run: Run | None  # None where it was never asked for
    row: int  # from 0
    col: int
    facts: dict[str, str] = field(repr=False)  # every parameter of its request in words
    name: str = ""  # of one that its place does not name
    file: Path | None = None  # in place of the run's

    @property
    def state(self) -> str:
        """How it stands, in words."""
        return WORDS[self.run.state] if self.run is not None else TO_COME

    @property
    def video(self) -> Path | None:
        """The file, where it is on disk as it was fetched."""
        run = self.run
        if self.file is not None:
            return self.file
        if run is None or run.state is not State.FETCHED or video_as_fetched(run):
            return None
        return run.video

    @property
    def problem(self) -> str:
        """Why there is no video, in words; empty where there is one."""
        if self.file is not None:
            return ""
        if self.run is None or self.run.state is not State.FETCHED:
            return self.state
        return _TROUBLES[video_as_fetched(self.run)]


class Tiles:
    """Videos in rows and columns, as they stand now; `Wall` says what it takes."""

    is_pair = False  # shown as a comparison of two

    def __init__(
        self,
        cells: Sequence[Cell],
        *,
        rows: Names = None,
        cols: Names = None,
        title: str = "",
    ) -> None:
        if not cells:
            raise InvalidRequest("There is nothing to put on a wall.", charged="")
        self.title = title
        cells = as_sent(cells)
        bring_all(run.video for _, run in cells if run is not None)
        places = numbered([shareable_value(place) for place, _ in cells])
        self.layout = arrange(places, rows=rows, cols=cols)
        self.tiles = tuple(
            Tile(place=place, run=run, row=row, col=col, facts=facts_of(place, run))
            for place, (_, run), (row, col) in zip(places, cells, self.layout.spots, strict=True)
        )

    @property
    def same(self) -> dict[str, str]:
        """The parameters that are equal in all tiles that have a run."""
        asked = [tile.facts for tile in self.tiles if tile.run is not None]
        return common(asked or [tile.facts for tile in self.tiles])

    def __repr__(self) -> str:
        videos = counted(sum(tile.video is not None for tile in self.tiles), "video")
        name = f" {self.title}" if self.title else ""
        size = (
            f"{len(self.layout.rows)} × {len(self.layout.cols)}"
            if self.layout.is_grid
            else str(len(self.tiles))
        )
        return in_line(f"<Wall{name}: {size}, {videos}>")


class Pair(Tiles):
    """Two videos, A and B, to be compared.

    Args:
        sides: The name of each, its run if it is one's, and its file.
    """

    is_pair = True

    def __init__(self, sides: Sequence[tuple[str, Run | None, Path]], *, title: str) -> None:
        self.title = title
        self.layout = arrange([{"side": name} for name, _, _ in sides])
        self.tiles = tuple(
            Tile(
                place={},
                run=run,
                row=0,
                col=col,
                facts=request_facts(run) if run else {},
                name=name,
                file=file,
            )
            for col, (name, run, file) in enumerate(sides)
        )


def as_sent(cells: Sequence[Cell]) -> list[Cell]:
    """The same with prompts as they were sent, in place of templates with {placeholders}, where one always became the same."""
    sent: dict[Any, set[str]] = {}
    for place, run in cells:
        if run is not None and PROMPT in place:
            sent.setdefault(place[PROMPT], set()).add(run.prompt)
    only = {asked: {PROMPT: min(known)} for asked, known in sent.items() if len(known) == 1}
    return [(place | only.get(place.get(PROMPT), {}), run) for place, run in cells]


def request_facts(run: Run) -> dict[str, str]:
    """Every parameter of a run's request, in words."""
    request = run.request
    facts = {PROMPT: run.prompt} if run.prompt else {}
    if request.image is not None:
        facts["image"] = request.image.label
    facts |= request.other_media
    if run.seed is not None:
        facts["seed"] = str(run.seed)
    inputs = shareable_value(request.inputs)
    facts |= {name: shown(value) for name, value in inputs.items() if name != PROMPT}
    facts |= {"model": run.model, "service": run.service}
    if request.replicate:
        facts[REPEAT] = str(request.replicate + 1)
    return facts


def facts_of(place: dict[str, Any], run: Run | None) -> dict[str, str]:
    """What a tile stands for: its place, and all that its request says."""
    named = {name: shown(value) for name, value in place.items()}
    if run is None:
        return named
    # The prompt as it was sent says more than the one with {placeholders}.
    return {**named, **request_facts(run), **({"image": named["image"]} if "image" in named else {})}


@dataclass(frozen=True, kw_only=True, slots=True)
class Layout:
    """Where the tiles of a wall stand.

    Attributes:
        rows: What each row is called; empty where the tiles are a plain sequence.
        cols: The same of the columns.
        spots: Row and column of each place, from 0, in the order they were given.
        is_grid: False where rows and columns would say little: the tiles follow each other, each with a label of its own.
    """

    rows: tuple[Heading, ...]
    cols: tuple[Heading, ...]
    spots: tuple[tuple[int, int], ...]
    is_grid: bool = True


def shown(value: Any) -> str:
    """A value in words."""
    if value is None:
        return NOTHING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else str(value)


def numbered(places: Sequence[Place]) -> list[dict[str, Any]]:
    """*places*, with those that are equal told apart by their number."""
    seen: dict[str, int] = {}
    found = []
    for place in places:
        key = json.dumps([[name, _key(value)] for name, value in place.items()])
        seen[key] = seen.get(key, 0) + 1
        found.append({**place, **({REPEAT: seen[key]} if seen[key] > 1 else {})})
    return found


def arrange(places: Sequence[Place], *, rows: Names = None, cols: Names = None) -> Layout:
    """Give every place its row and column.

    The columns are the seeds where they vary, else the axis that varies fastest; the rows are the axis with most values among the
    others. Axes that nobody named are told in the headings of the rows, so that no two places share a spot.

    Args:
        places: Value by axis; an axis that a place does not have counts as nothing.
        rows: One axis, or several that are nested.
        cols: The same.

    Raises:
        InvalidRequest: one of them is not an axis, or is named twice.
    """
    axes = _Axes(places)
    asked_rows, asked_cols = axes.check("rows", rows), axes.check("cols", cols)
    if twice := [name for name in asked_cols if name in asked_rows]:
        raise InvalidRequest(f"{twice[0]!r} is asked for as rows and as columns.", charged="")
    left = [name for name in axes.varied if name not in (*asked_rows, *asked_cols)]
    if cols is None and left:
        asked_cols = ("seed" if "seed" in left else left[-1],)
        left = [name for name in left if name not in asked_cols]
    if rows is None and left:
        most = max(left, key=lambda name: len(axes.values[name]))
        left = [most, *(name for name in left if name != most)]
    row_axes = (*asked_rows, *left)
    row_of, row_headings = axes.ranked(row_axes)
    col_of, col_headings = axes.ranked(asked_cols)
    spots = tuple(zip(row_of, col_of, strict=True))
    is_asked = rows is not None or cols is not None
    is_full = len(spots) > SPARSE * len(row_headings) * len(col_headings)
    if not is_asked and (not row_axes or not is_full):
        return Layout(
            rows=(), cols=(), spots=tuple((0, number) for number in range(len(spots))), is_grid=False
        )
    return Layout(rows=row_headings, cols=col_headings, spots=spots)


def common(facts: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """What is the same in all of them."""
    if not facts:
        return {}
    return {
        name: value
        for name, value in facts[0].items()
        if all(other.get(name) == value for other in facts[1:])
    }


def _key(value: Any) -> list[str]:
    """What tells values apart: 1 is not True and not "1"."""
    return [type(value).__name__, str(value)]


class _Axes:
    """The axes of some places, and the order in which their values come."""

    def __init__(self, places: Sequence[Place]) -> None:
        self.places = places
        names = dict.fromkeys(name for place in places for name in place)
        self.values: dict[str, dict[tuple[str, ...], int]] = {name: {} for name in names}
        for place in places:
            for name, known in self.values.items():
                known.setdefault(self._key(place, name), len(known))
        self.varied = [name for name, known in self.values.items() if len(known) > 1]

    def check(self, what: str, asked: Names) -> tuple[str, ...]:
        found = () if asked is None else (asked,) if isinstance(asked, str) else tuple(asked)
        for name in found:
            if name not in self.values:
                raise InvalidRequest(
                    f"{what}={name!r} is not an axis here{nearest(str(name), self.values)}",
                    hint=f"axes are {', '.join(self.varied) or 'none: nothing varies'}",
                    charged="",
                )
        if len(set(found)) < len(found):
            raise InvalidRequest(f"{what} names an axis twice.", charged="")
        return found

    def ranked(self, names: Sequence[str]) -> tuple[list[int], tuple[Heading, ...]]:
        """The number of each place's combination of values of *names*, and what each combination is called."""
        keys = [tuple(self.values[name][self._key(place, name)] for name in names) for place in self.places]
        order = {key: number for number, key in enumerate(sorted(set(keys)))}
        headings: dict[int, Heading] = {}
        for place, key in zip(self.places, keys, strict=True):
            headings.setdefault(order[key], tuple((name, shown(self._value(place, name))) for name in names))
        return [order[key] for key in keys], tuple(headings[number] for number in range(len(order)))

    def _key(self, place: Place, name: str) -> tuple[str, ...]:
        return tuple(_key(self._value(place, name)))

    def _value(self, place: Place, name: str) -> Any:
        return place.get(name, 1 if name == REPEAT else None)  # the first of several has no number
