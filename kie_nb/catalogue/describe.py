"""The fields of each model as data; options, help, completion and panel are derived from it."""

from __future__ import annotations

import difflib
import functools
import types
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from ..errors import InvalidRequest
from .models import ModelInput, find, known_models

# What people call a field that has another name.
_SYNONYMS = dict.fromkeys(("length", "seconds", "time"), "duration")
_SYNONYMS |= dict.fromkeys(("size", "quality"), "resolution")


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One thing a model can be asked."""

    name: str  # in Python and on the wire
    option: str  # its name on the magic's line, without the dashes
    title: str
    help: str
    kind: Literal["str", "int", "bool", "choice"]
    choices: tuple[str, ...] = ()
    default: Any = None
    required: bool = False
    unit: str = ""
    minimum: int | None = None
    maximum: int | None = None
    max_length: int | None = None


@functools.cache
def describe(model_id: str) -> tuple[Field, ...]:
    """The fields of a described model, in the order people meet them; InvalidRequest for another model."""
    model = find(model_id)
    if model is None:
        raise InvalidRequest(
            f"Model {model_id!r} is not described here{nearest(model_id, known_models())}",
            hint=f"described: {', '.join(known_models())}; any other model takes raw inputs: --set key=value, or input={{...}}",
        )
    return tuple(_field(name, info, model) for name, info in model.model_fields.items())


def nearest(word: str, words: Iterable[str]) -> str:
    """The end of a sentence about a wrong word: `; did you mean 'x'?`, or a full stop when none is near."""
    near = nearest_of(word, words)
    return f"; did you mean {near!r}?" if near else "."


def nearest_of(word: str, words: Iterable[str]) -> str | None:
    """The one of *words* that is nearly *word*, or means the same."""
    dashes = "--" if word.startswith("--") else ""  # they would make all options alike
    bare = {known.removeprefix(dashes): known for known in words if known.startswith(dashes)}
    other = {synonym: bare[name] for synonym, name in _SYNONYMS.items() if name in bare}
    known = other | bare
    bare_word = word.removeprefix(dashes)
    near = difflib.get_close_matches(bare_word, known, n=1, cutoff=0.75) or [
        name
        for name in difflib.get_close_matches(bare_word, known, n=1, cutoff=0.65)
        if len(name) == len(bare_word)
        or name.startswith(bare_word)  # `sat` is nearly `set`, `width` is not nearly `wait`
    ]
    return known[near[0]] if near else None


def _field(name: str, info: Any, model: type[ModelInput]) -> Field:
    annotation, choices = _plain(info.annotation), ()
    kind: Literal["str", "int", "bool", "choice"]
    if get_origin(annotation) is Literal:
        kind, choices = "choice", get_args(annotation)
    else:
        kind = {"int": "int", "bool": "bool"}.get(annotation.__name__, "str")  # type: ignore[assignment]
    told = {"minimum": "ge", "maximum": "le", "max_length": "max_length"}
    limits: dict[str, Any] = {
        ours: getattr(constraint, theirs)
        for constraint in info.metadata
        for ours, theirs in told.items()
        if hasattr(constraint, theirs)
    }
    is_image = name == model.image_field
    return Field(
        name=name,
        option="image" if is_image else name.replace("_", "-"),
        title=info.title or name,
        help=info.description or "",
        kind=kind,
        choices=choices,
        default=None if info.is_required() else info.default,
        required=info.is_required() or is_image,
        unit=(info.json_schema_extra or {}).get("unit", ""),
        **limits,
    )


def _plain(annotation: Any) -> Any:
    """`Annotated[X | None, ...]` and `X | None` without their wrappings."""
    while True:
        if hasattr(annotation, "__metadata__"):
            annotation = annotation.__origin__
        elif get_origin(annotation) in (Union, types.UnionType):
            annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
        else:
            return annotation
