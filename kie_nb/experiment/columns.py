"""The columns of an experiment as data: one table of names, kinds and meanings, of which every frame and file is made; no I/O."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from ..addresses import shareable_value
from ..catalogue import Request, describe, find
from ..engine.record import Record
from ..ledger import Told
from ..ledger.states import WORDS, State
from ..paths import places_of, redacted
from ..requests import provenance
from ..settings import start_folder
from .wall_tiles import TO_COME

Kind = Literal["text", "whole", "real", "bool", "time"]
_KINDS: Mapping[str, Kind] = {"int": "whole", "bool": "bool"}  # of fields; others are text
_FILES, _HASHES = "_file", "_sha256"
_INT64 = range(-(2**63), 2**63)


@dataclass(frozen=True, kw_only=True)
class Line:
    """A row: a cell of an experiment with what is planned for it, or a run.

    Attributes:
        place: Its value on each axis.
        fixed: What the definition says of all cells.
        asked: What a cell without a run is to ask for; None where that is not known.
        run: The run that stands for the cell, if one does.
        attempts: How often the request was sent.
        likeness: What was measured of its video.
    """

    experiment: str | None
    place: Mapping[str, Any]
    fixed: Mapping[str, Any]
    asked: Request | None
    run: Record | None
    attempts: int
    likeness: Told | None = None

    @cached_property
    def request(self) -> Request | None:
        """What was, or is to be, asked for; read from the ledger's JSON once."""
        return self.run.request if self.run is not None else self.asked

    @cached_property
    def origin(self) -> Mapping[str, Any]:
        """Where it was asked for."""
        run, request = self.run, self.request
        return provenance.facts(run.row, request) if run is not None and request is not None else {}

    def given(self, name: str) -> Any:
        """What the definition gives for a field."""
        return self.place.get(name, self.fixed.get(name))

    def sent(self, name: str) -> Any:
        """An input of the request, or media of a role: their names, or their hashes."""
        request = self.request
        if request is None or name in request.inputs:
            return None if request is None else request.inputs[name]
        media = {str(role): given for role, given in request.media.items()}
        told = [one.label for one in media.get(name.removesuffix(_FILES), ())]
        told += [one.sha256 for one in media.get(name.removesuffix(_HASHES), ()) if name.endswith(_HASHES)]
        return "; ".join(told) or None


def _error(line: Line) -> str | None:
    run = line.run
    if run is None or run.state is State.FETCHED or not run.row.error:
        return None
    said = redacted(run.row.error, places_of(run.ledger.home)).get("message")
    return str(said) if said else None


def _image(line: Line) -> str | None:
    label = line.request.image.label if line.request is not None and line.request.image else None
    given = line.given("image")
    return given if isinstance(given, str) else label


def _image_sha256(line: Line) -> str | None:
    image = line.request.image if line.request is not None else None
    return image.sha256 if image is not None and not image.by_url else None


def _estimate(line: Line) -> float | None:
    found = line.request.estimate if line.request is not None else None
    return found.credits if found is not None else None


def _of_run(read: Callable[[Record], Any]) -> Callable[[Line], Any]:
    return lambda line: None if line.run is None else read(line.run)


def _likeness(name: str) -> Callable[[Line], Any]:
    return lambda line: getattr(line.likeness, name, None)


def _input(name: str) -> Callable[[Line], Any]:
    return lambda line: line.sent(name)


def _axis(name: str) -> Callable[[Line], Any]:
    return lambda line: line.place.get(name)


def _origin(name: str) -> Callable[[Line], Any]:
    return lambda line: line.origin.get(name)


def in_folder(run: Record) -> str | None:
    """Where the video of *run* is, for a file: from the notebook's folder, else from the ledger's, never on this machine."""
    video, start = run.video, start_folder()
    if video is None:
        return None
    return video.relative_to(start).as_posix() if video.is_relative_to(start) else run.row.video


def on_machine(run: Record) -> str | None:
    """The same for this process: from the notebook's folder, else the whole path."""
    video, start = run.video, start_folder()
    if video is None:
        return None
    return str(video.relative_to(start) if video.is_relative_to(start) else video)


Columns = Mapping[str, tuple[Kind, Callable[[Line], Any]]]
_ASKED: Columns = {
    "prompt": ("text", _input("prompt")),
    "prompt_template": ("text", lambda line: line.given("prompt")),
    "negative_prompt": ("text", _input("negative_prompt")),
    "image": ("text", _image),
    "image_sha256": ("text", _image_sha256),
    "resolution": ("text", _input("resolution")),
    "duration": ("real", lambda line: _seconds(line.sent("duration"))),
    "seed": ("whole", lambda line: line.request.seed if line.request is not None else None),
}
_BEFORE: Columns = {
    "run": ("text", _of_run(lambda run: run.id)),
    "experiment": ("text", lambda line: line.experiment),
    "state": ("text", lambda line: TO_COME if line.run is None else WORDS[line.run.state]),
    "error": ("text", _error),
    "attempts": ("whole", lambda line: line.attempts),
    "model": ("text", lambda line: line.request.model if line.request is not None else None),
    **_ASKED,
}
_AFTER: Columns = {
    "repeat": ("whole", lambda line: 1 + (line.request.replicate if line.request is not None else 0)),
    "rating": ("whole", _of_run(lambda run: run.rating)),
    "score": ("real", _of_run(lambda run: run.score)),
    "tags": ("text", _of_run(lambda run: "; ".join(run.tags) or None)),
    "credits": ("real", _of_run(lambda run: run.credits)),
    "estimate": ("real", _estimate),
    "asked_at": ("time", _of_run(lambda run: run.created_at)),
    "completed_at": ("time", _of_run(lambda run: run.completed_at)),
    "waited_s": ("real", _of_run(lambda run: run.duration_s)),
    "video_path": ("text", _of_run(in_folder)),
    "on_disk": ("bool", lambda line: line.run is not None and line.run.is_here),
    "video_sha256": ("text", _of_run(lambda run: run.row.video_sha256)),
    "seed_distance": ("real", _likeness("seed_distance")),
    "repeat_distance": ("real", _likeness("repeat_distance")),
    "repeat_verdict": ("text", _likeness("repeat_verdict")),
    "service": ("text", _of_run(lambda run: run.service)),
    "task_id": ("text", _of_run(lambda run: run.task_id)),
    "git_commit": ("text", _origin("git_commit")),
    "git_dirty": ("bool", _origin("git_dirty")),
    "notebook": ("text", _origin("notebook")),
    "execution_count": ("whole", _origin("execution_count")),
    **{name: ("text", _origin(name)) for name in ("kie_nb", "python", "os")},
    **{name: ("whole", _origin(name)) for name in ("image_width", "image_height")},
}
NAMES = (*_BEFORE, *_AFTER)  # of all frames; inputs of other models and axes stand between them
_CONVERT: Mapping[Kind, Callable[[Any], Any]] = {
    "text": lambda value: value if isinstance(value, str) else _as_text(value),
    "whole": int,
    "real": float,
    "bool": bool,
    "time": lambda value: value.astimezone(dt.UTC),
}


@dataclass(frozen=True, slots=True)
class Column:
    """A column: the kind of its values, whether they are known or not, and the values, None for what is not known."""

    kind: Kind
    values: tuple[Any, ...]


def table_of(lines: Sequence[Line], path: Callable[[Record], str | None] = in_folder) -> dict[str, Column]:
    """The columns of *lines* by name: the same ones whatever is known, besides the inputs of other models, and the axes.

    Args:
        path: What tells where a video is.
    """
    table = {name: _column(kind, read, lines) for name, (kind, read) in _BEFORE.items()}
    inputs = _inputs(lines)
    for name, kind in inputs.items():
        column = f"input_{name}" if name in NAMES else name
        table[column] = _column(kind, _input(name), lines)
    for name in dict.fromkeys(name for line in lines for name in line.place if name != "repeat"):
        if name not in inputs and name not in {*_ASKED, "model"}:  # those are above, as they are sent
            column = f"axis_{name}" if name in table or name in NAMES else name
            table[column] = _column(None, _axis(name), lines)
    after = {**_AFTER, "video_path": ("text", _of_run(path))}
    return table | {name: _column(kind, read, lines) for name, (kind, read) in after.items()}


def _inputs(lines: Iterable[Line]) -> dict[str, Kind | None]:
    """The other inputs of the requests, with the kinds that their models describe."""
    kinds: dict[str, Kind | None] = {}
    requests = [line.request for line in lines if line.request is not None]
    for model in filter(None, map(find, dict.fromkeys(request.model for request in requests))):
        for field in describe(model.model_id):
            if field.kind != "media":
                kinds[field.name] = _KINDS.get(field.kind, "text")
    for request in requests:
        for name in request.inputs:
            kinds.setdefault(name, None)
    fields = frozenset(kinds)  # a model may have a field called as a role is
    for request in requests:
        for slot in request.slots:
            if slot.role != "image":
                name = f"{slot.role}{_FILES}" if slot.role in fields else slot.role
                kinds |= {name: "text", f"{slot.role}{_HASHES}": "text"}
    return {name: kind for name, kind in kinds.items() if name not in _ASKED}


def _column(kind: Kind | None, read: Callable[[Line], Any], lines: Sequence[Line]) -> Column:
    values = [shareable_value(read(line)) for line in lines]
    kind = kind or _kind_of([value for value in values if value is not None])
    convert = _CONVERT[kind]
    return Column(kind, tuple(None if value is None else convert(value) for value in values))


def _kind_of(known: Sequence[Any]) -> Kind:
    """The kind that all *known* values are of; whole and real numbers are real, several kinds are text."""
    kinds = {type(value) for value in known}
    if kinds == {bool}:
        return "bool"
    if kinds == {int} and all(value in _INT64 for value in known):
        return "whole"
    return "real" if kinds in ({float}, {int, float}) else "text"


def _seconds(value: Any) -> float | None:
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def _as_text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
