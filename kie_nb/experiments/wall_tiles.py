"""The tiles of a wall: each with its run, its parameters and its place in the grid."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..addresses import shareable_value
from ..errors import InvalidRequest
from ..handles import Run
from ..ledger.states import WORDS, State
from ..operations.integrity import video_as_fetched
from ..tables import counted
from ..text import in_line
from .wall_layout import REPEAT, Names, arrange, common, differences, numbered, shown

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

    def differences(self, one: int, other: int) -> list[tuple[str, str, str]]:
        """The parameters in which two tiles, by their numbers from 0, differ: name, value, and the other's value."""
        return differences(self.tiles[one].facts, self.tiles[other].facts)

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
