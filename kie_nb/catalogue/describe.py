"""The fields of each model as data; options, help, completion and panel are derived from it."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from ..errors import InvalidRequest
from .entries import Entry
from .media import Role, Slot
from .models import NOT_OFFERED, candidates, near, rows

FieldKind = Literal["str", "int", "number", "bool", "choice", "json", "media"]
# What people call a field that has another name.
_SYNONYMS = dict.fromkeys(("length", "seconds", "time"), "duration")
_SYNONYMS |= dict.fromkeys(("size", "quality"), "resolution")
_KINDS: dict[str, FieldKind] = {
    "text": "str",
    "choice": "choice",
    "whole": "int",
    "whole or text": "int",
    "number": "number",
    "switch": "bool",
    "texts": "json",
    "objects": "json",
}
# What a medium is for, in the help.
_FOR: dict[tuple[Role, str], str] = {
    ("image", "image"): "First frame",
    ("last_image", "image"): "Last frame",
    ("reference", "image"): "Who or what is in it",
    ("video", "video"): "Video to work from",
    ("audio", "audio"): "Sound or speech to work from",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Field:
    """One thing a model can be asked.

    Attributes:
        name: In Python and on the wire.
        option: Its name on the magic's line, without the dashes; the words that all models share, where it is one of them.
        role: Of a medium.
        most: How many media.
        is_list: Whether the wire has a list of them.
        shown: What the service is said to do where nothing is sent.
    """

    name: str
    option: str
    title: str
    help: str
    kind: FieldKind
    choices: tuple[str, ...] = ()
    default: Any = None
    required: bool = False
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    max_length: int | None = None
    role: Role | None = None
    most: int = 1
    is_list: bool = False
    shown: Any = None
    range: str = ""
    also: tuple[int, ...] = ()

    @property
    def options(self) -> tuple[str, ...]:
        """How it may be called on the line: in the shared words, and as the wire calls it."""
        return tuple(dict.fromkeys((self.option, self.name.replace("_", "-"))))


@functools.cache
def describe(model_id: str) -> tuple[Field, ...]:
    """The fields of a described model, in the order people meet them; InvalidRequest for another model."""
    row = rows().get(model_id)
    if row is None:
        raise not_described(model_id)
    names = [slot.field for slot in row.slots]
    media = (_of_slot(slot, names.index(slot.field) == place) for place, slot in enumerate(row.slots))
    return (*map(_of_entry, row.entries), *media)


def not_described(model_id: str) -> InvalidRequest:
    """That a model is not one of ours, naming those that may be meant, and the way to reach any other."""
    found = candidates(model_id)
    if len(found) > 1:
        words = f"{model_id!r} may mean several models: {', '.join(found[:_MOST_NAMED])}"
        more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
        return InvalidRequest(
            f"{words}{more}.", hint="name one of them; `%kie models` lists what each can do"
        )
    close = near(model_id)
    why = (
        f": {NOT_OFFERED[model_id]}."
        if model_id in NOT_OFFERED
        else f"; did you mean {close!r}?"
        if close
        else "."
    )
    return InvalidRequest(
        f"Model {model_id!r} is not described here{why}",
        hint="`%kie models` lists the described ones; any other model takes raw inputs: --set key=value, or input={...}",
    )


_MOST_NAMED = 12


def _of_entry(entry: Entry) -> Field:
    return Field(
        name=entry.name,
        option=(entry.word or entry.name).replace("_", "-"),
        title=entry.title,
        help=entry.help,
        kind=_KINDS[entry.type],
        choices=entry.choices,
        default=entry.default,
        required=entry.required and entry.default is None,
        unit=entry.unit,
        minimum=entry.low,
        maximum=entry.high,
        max_length=entry.max_length,
        shown=entry.shown,
        range=entry.words,
        also=entry.also,
    )


def _of_slot(slot: Slot, is_first: bool) -> Field:
    return Field(
        name=slot.field if is_first else slot.role,
        option=slot.option,
        title=slot.title,
        help=f"{_FOR[slot.role, slot.kind]}: a path, a URL or a variable"
        + (f"; {slot.limits}" if slot.limits else ""),
        kind="media",
        required=slot.least > 0,
        role=slot.role,
        most=slot.most,
        is_list=slot.is_list,
    )


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
