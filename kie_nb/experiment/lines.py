"""The lines of a frame: the cells of an experiment here or in the ledger, or any runs with the cells that they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..catalogue import ImageIdentity, MediaIdentity, Request, Role, build_request, media_in, rows
from ..engine.record import Record
from ..errors import InvalidRequest
from ..ledger import Experiments, Ledger, Likenesses, RunRow, Told
from .cell_requests import HOW, Cells, fields_of
from .columns import Line
from .definition import Definition
from .grid import Grid, expand

_NOT_READ = "0" * 64


def of_cells(ledger: Ledger, store: Experiments, asked: Definition, cells: Cells) -> list[Line]:
    """A line a cell of the grid at hand."""
    fixed, keys = asked.to_json()["fixed"], list(cells)
    rows, attempts = store.runs(keys), store.attempts(keys)
    likeness = _likeness(ledger, rows.values())
    return [
        Line(
            experiment=asked.name,
            place=cell.place,
            fixed=fixed,
            asked=cell.prepared.request,
            run=_record(rows.get(key), ledger),
            attempts=attempts.get(key, 0),
            likeness=likeness.get(key),
        )
        for key, cell in cells.items()
    ]


def of_study(ledger: Ledger, store: Experiments, name: str, definition: Mapping[str, Any]) -> list[Line]:
    """A line a cell that the ledger has of the experiment *name*, those of earlier grids too."""
    places = store.places(name)
    rows, attempts = store.runs(list(places)), store.attempts(list(places))
    likeness = _likeness(ledger, rows.values())
    return [
        Line(
            experiment=name,
            place=place,
            **_planned(definition, place, run := _record(rows.get(key), ledger)),
            run=run,
            attempts=attempts.get(key, 0),
            likeness=likeness.get(key),
        )
        for key, place in places.items()
    ]


def of_runs(runs: Iterable[Record], experiment: str | None = None) -> list[Line]:
    """A line a run, with the cell that it stands for: of *experiment*, else of the one that bought it, else of any."""
    by_ledger: dict[Ledger, list[Record]] = {}
    for run in runs:
        by_ledger.setdefault(run.ledger, []).append(run)
    lines: dict[tuple[Ledger, str], Line] = {}
    for ledger, some in by_ledger.items():
        store, keys = Experiments(ledger.database, ""), [run.row.fingerprint for run in some]
        studies, attempts = store.of_requests(keys), store.attempts(keys)
        likeness = _likeness(ledger, [run.row for run in some])
        for run in some:
            theirs = studies.get(run.row.fingerprint, {})
            names = [name for name in (experiment, run.row.experiment, *theirs) if name in theirs]
            cell = theirs[names[0]] if names else None
            lines[run.key] = Line(
                experiment=names[0] if names else run.row.experiment,
                place=cell.place if cell else {},
                **(_planned(cell.definition, cell.place, run) if cell else {"fixed": {}, "asked": None}),
                run=run,
                attempts=attempts.get(run.row.fingerprint, 0),
                likeness=likeness.get(run.row.fingerprint),
            )
    return list(lines.values())


def _likeness(ledger: Ledger, rows: Iterable[RunRow]) -> dict[str, Told]:
    """What was measured of the videos of *rows*, by fingerprint."""
    videos = {row.fingerprint: row.video_sha256 for row in rows if row.video_sha256 is not None}
    found = Likenesses(ledger.database).of(videos.values())
    return {key: found[video] for key, video in videos.items()}


def _record(row: RunRow | None, ledger: Ledger) -> Record | None:
    return None if row is None else Record(row, ledger)


def _planned(definition: Mapping[str, Any], place: Mapping[str, Any], run: Record | None) -> dict[str, Any]:
    """What the *definition* says of a cell; nothing where its run was asked for by an earlier one."""
    asked = _request(definition, place)
    is_its = run is None or (asked is not None and asked.inputs == run.request.inputs)
    return {"fixed": definition.get("fixed", {}) if is_its else {}, "asked": asked}


def _request(definition: Mapping[str, Any], place: Mapping[str, Any]) -> Request | None:
    """What a cell that was never bought is to ask for, but for its picture; None where that cannot be told any more."""
    model, at = str(definition.get("model", "")), {**place}
    replicate = at.pop("repeat", 1) - 1
    described = fields_of(model)
    at = {name: value for name, value in at.items() if name not in definition.get("labels", ())}
    grid = Grid(axes={name: (value,) for name, value in at.items()}, fixed=definition.get("fixed", {}))
    fields: Sequence[str] = [*(described or [*grid.axes, *grid.fixed]), "image", *HOW]
    try:
        asked = {name: value for name, value in expand(grid, fields)[0].asked.items() if name not in HOW}
        label = asked.pop("image", None)
        # It is not read: it may be gone, and its bytes are known once it was sent.
        image = None if label is None else ImageIdentity(sha256=_NOT_READ, label=str(label), by_url=True)
        media = _media(model, asked) if described else {}
        asked = asked if described else {"raw": asked}
        request = build_request(model=model, image=image, media=media, **asked)
    except (InvalidRequest, TypeError, ValueError):
        return None
    return replace(request, replicate=replicate)


def _media(model: str, asked: dict[str, Any]) -> dict[Role, list[MediaIdentity]]:
    """The media of other roles among *asked*, by their names alone; they are taken out of it."""
    return {
        role: [MediaIdentity(sha256=_NOT_READ, label=str(one), by_url=True) for one in given]
        for role, given in media_in(rows().get(model), asked).items()
    }
