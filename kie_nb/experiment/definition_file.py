"""What a definition may hold: one schema, and errors that name the line, the key and what to write instead; no I/O."""

from __future__ import annotations

import contextlib
import datetime as dt
import math
import re
import sys
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal, Required

from pydantic import BeforeValidator, ConfigDict, Field, Strict, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict

from ..bounds import MAX_TEXT, Text
from ..catalogue import nearest_of
from ..errors import BadImage, InvalidRequest
from .grid import MAX_CELLS, RESERVED, seeds_in

VERSION = 1
_VALUES = "values are text, numbers, true or false"
# How each key is written.
_EXAMPLES = {
    "kie_nb": "kie_nb = 1",
    "name": 'name = "smile"',
    "model": 'model = "wan/2-5-image-to-video"',
    "description": 'description = "How much do seeds differ?"',
    "max_credits": "max_credits = 600",
    "repeats": "repeats = 2",
    "sample": "sample = 20",
    "sample_seed": "sample_seed = 0",
    "labels": 'labels = ["group"]',
    "zip": 'zip = [["prompt", "duration"]]',
    "fixed": '[fixed] on a line of its own, and below it prompt = "The cat smiles"',
    "axes": "[axes] on a line of its own, and below it seed = [1, 2, 3]",
    "when": '[when] on a line of its own, and below it duration = {resolution = "720p"}',
    "cells": "[[cells]] on a line of its own, and below it the cell: seed = 1",
    "dropped": "[[dropped]] on a line of its own, and below it the cell: seed = 1",
}
KEYS = tuple(_EXAMPLES)

# What `plain` leaves of a value; a date, a table or a list has no meaning on an axis.
_Value = (
    Annotated[str, Strict()]
    | Annotated[bool, Strict()]
    | Annotated[int, Strict()]
    | Annotated[float, Strict(), Field(allow_inf_nan=False)]
)


def _as_list(value: Any) -> Any:
    """A plain value of an axis is one value: a text would give its letters. {range = [0, 20]} is 0 to 19, as in Python."""
    if isinstance(value, Mapping) and [*value] == ["range"] and isinstance(value["range"], list):
        ends = value["range"]
        is_small = all(type(end) is int and abs(end) <= sys.maxsize // 2 for end in ends)
        if len(ends) in {2, 3} and is_small and ends[2:] != [0]:
            numbers = range(*ends)
            return list(numbers) if 0 < len(numbers) <= MAX_CELLS else value
    return [value] if isinstance(value, str | int | float) else value


def _as_groups(value: Any) -> Any:
    """One group of names may be written without its own brackets, as in Python."""
    is_one = isinstance(value, list) and value and all(isinstance(name, str) for name in value)
    return [value] if is_one else value


@with_config(ConfigDict(extra="forbid"))
class _Shape(TypedDict, total=False):
    """A definition as it is stored; a file or a row is not trusted."""

    kie_nb: Required[Literal[1]]
    name: Required[Text]
    description: Annotated[str, Strict(), Field(max_length=MAX_TEXT)]
    model: Text
    max_credits: (
        Annotated[int, Strict(), Field(ge=0)] | Annotated[float, Strict(), Field(ge=0, allow_inf_nan=False)]
    )
    sample: Annotated[int, Strict()]
    sample_seed: Annotated[int, Strict()]
    repeats: Annotated[int, Strict()]
    zip: Annotated[list[list[Text]], BeforeValidator(_as_groups)]
    labels: list[Text]
    fixed: dict[Text, _Value]
    axes: dict[Text, Annotated[list[_Value], BeforeValidator(_as_list)]]
    when: dict[Text, dict[Text, Annotated[list[_Value], BeforeValidator(_as_list)]]]
    dropped: list[Annotated[dict[Text, _Value], Field(min_length=1)]]
    cells: list[Annotated[dict[Text, _Value], Field(min_length=1)]]


_SHAPE = TypeAdapter(_Shape)


def checked(kept: Mapping[str, Any], *, text: str = "", file: str = "") -> dict[str, Any]:
    """*kept* with each axis as a list; InvalidRequest for what is not a definition, or holds what would have no effect.

    Args:
        text: The TOML it was read from: an error names the line.
        file: Its name, for errors.
    """

    def refused(path: Sequence[Any], words: str, hint: str) -> InvalidRequest:
        line = line_of(text, path)
        place = ", ".join(part for part in (file, f"line {line}" if line else "") if part)
        return InvalidRequest(f"{place or 'The definition'}: {words}.", hint=hint, charged="")

    if kept.get("kie_nb") != VERSION:
        words = f"kie_nb = {kept['kie_nb']!r} is not a version that is read here" if "kie_nb" in kept else ""
        hint = "a definition has kie_nb = 1, a name, [fixed] and [axes]"
        raise refused(["kie_nb"], words or "it has no kie_nb = 1, so it is not a definition", hint)
    axes = kept.get("axes")
    if isinstance(axes, Mapping) and isinstance(seed := axes.get("seed"), str):  # as on the magic's line
        kept = {**kept, "axes": {**axes, "seed": seeds_in(seed) or seed}}
    try:
        found: dict[str, Any] = _SHAPE.validate_python(kept)  # type: ignore[assignment]  # a plain dict at run time
    except ValidationError as exc:
        error = exc.errors(include_url=False)[0]
        raise refused(error["loc"], *_fault(kept, error["type"], error["loc"])) from None
    if not found["name"].strip():
        raise refused(["name"], *_fault(kept, "", ["name"]))
    for fault in _without_effect(found):
        raise refused(*fault)
    return found


def _without_effect(found: Mapping[str, Any]) -> Iterator[tuple[Sequence[Any], str, str]]:
    """The key, what is wrong and what to write instead, of each thing that would be ignored."""
    fixed, axes = found.get("fixed", {}), found.get("axes", {})
    for name in fixed.keys() & axes.keys():
        words = f"{name} is under [fixed] and under [axes]"
        yield ["fixed", name], words, f"remove one of the two: under [axes] {name} varies"
    for section in ("fixed", "axes"):
        for name in RESERVED & {*found.get(section, {})}:
            words = f"{name} under [{section}] is an argument of Experiment, so no placeholder has this name"
            yield [section, name], words, f"call it by another name, such as a_{name}"
    if "sample_seed" in found and "sample" not in found:
        yield ["sample_seed"], "sample_seed chooses nothing without a sample", "add sample = 20"
    values = {name: {*axis} for name, axis in axes.items()}
    yield from _never_met(found.get("when", {}), axes, values)
    for number, place in enumerate(found.get("dropped", ())):
        for name, value in place.items():
            if value not in values.get(name, ()):
                words = f"[[dropped]] has {name} = {value!r}, and no cell has that"
                yield ["dropped", number, name], words, _meant(name, value, axes)


def value_of(text: str) -> Any:
    """What `NAME=text` on a command line means: a value of TOML, numbers such as 0-9 and 1,5,9, else the text itself."""
    if found := seeds_in(text):
        return found[0] if len(found) == 1 else found
    with contextlib.suppress(tomllib.TOMLDecodeError):
        return tomllib.loads(f"value = {text}")["value"]
    return text


_SHAPE_KEYS = frozenset(_EXAMPLES) - {"kie_nb", "fixed", "axes", "when", "zip", "dropped", "cells"}


def changed(kept: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """*kept* with *changes* in their places: a list is an axis, any other value is fixed."""
    found = {**kept, "fixed": {**kept.get("fixed", {})}, "axes": {**kept.get("axes", {})}}
    for name, given in changes.items():
        value = list(given) if isinstance(given, list | tuple | range) else given
        if name in _SHAPE_KEYS:
            found[name] = value
            continue
        place, other = (
            ("axes", "fixed") if isinstance(value, list) or name in found["axes"] else ("fixed", "axes")
        )
        found[other].pop(name, None)
        found[place][name] = value
    return found


def _never_met(
    when: Mapping[str, Mapping[str, Sequence[Any]]],
    axes: Mapping[str, Sequence[Any]],
    known: Mapping[str, Collection[Any]],
) -> Iterator[tuple[Sequence[Any], str, str]]:
    for name, conditions in when.items():
        for axis, values in ((name, ()), *conditions.items()):
            wrong = next((value for value in values if value not in known.get(axis, ())), None)
            if axis not in axes or wrong is not None:
                words = f"{axis} is not an axis" if axis not in axes else f"{axis} is never {wrong!r}"
                yield ["when", name, axis], f"under [when], {words}", _meant(axis, wrong, axes)


def located(exc: InvalidRequest, kept: Mapping[str, Any], *, text: str, file: str) -> InvalidRequest:
    """*exc*, met where the cells of a definition were made, with the line of the key that it names, and how that is written."""
    keys = {name: [section, name] for section in ("fixed", "axes") for name in kept.get(section, {})}
    keys |= {name: [name] for name in ("zip", "repeats", "model") if name in kept}
    named = (found[0] for found in re.finditer(r"\w+", exc.message))
    about = "image" if isinstance(exc, BadImage) else next((name for name in named if name in keys), "")
    line = line_of(text, keys.get(about, ()))
    place = f"{file}, line {line}" if line else file
    hint = re.sub(r"--([a-z][a-z-]*) ", lambda found: f"{found[1].replace('-', '_')} = ", exc.hint)
    if about == "image" and "image" not in keys:
        hint = 'add image = "cat.png" under [fixed]'
    return type(exc)(f"{place}: {exc.message}", hint=hint, charged=exc.charged)


def _meant(name: str, value: Any, axes: Mapping[str, Sequence[Any]]) -> str:
    """What a value of a dropped cell may have meant."""
    near = nearest_of(name, axes) if name not in axes else None
    if name in axes and isinstance(value, str):
        near = nearest_of(value, [one for one in axes[name] if isinstance(one, str)])
    return f"did you mean {near!r}?" if near else "name a cell by its values on the axes, or remove this line"


def _fault(kept: Mapping[str, Any], kind: str, where: Sequence[Any]) -> tuple[str, str]:
    """What is wrong at *where*, and what to write instead."""
    section, name = str(where[0]), where[1] if len(where) > 1 else None
    if kind == "missing":
        return f"{section} is missing", f"add {_EXAMPLES[section]}"
    if kind == "extra_forbidden":
        near = nearest_of(section, _EXAMPLES)
        fields = (
            f"fields and placeholders go under [fixed], or under [axes] to be varied: move {section} there"
        )
        return f"{section} is not a key of a definition", f"did you mean {near}?" if near else fields
    value, example = kept[section], f"write {_EXAMPLES[section]}"
    if section in {"fixed", "axes"} and isinstance(value, Mapping) and name in value:
        label, value = f"{name} under [{section}]", value[name]
        if section == "fixed" and isinstance(value, list):
            return f"{label} is a list", f"to vary it, move it under [axes]; fixed {_VALUES}"
        if isinstance(value, list):
            wrong = next((one for one in value if not _is_plain(one)), value)
            return f"{label} has {_kind(wrong)} among its values", _VALUES
        return (
            f"{label} is {_kind(value)}",
            f"{name} = [1, 2, 3]: {_VALUES}" if section == "axes" else _VALUES,
        )
    is_name = section == "name" and isinstance(value, str)
    words = (
        "the name is empty, too long or has a control sign"
        if is_name
        else f"{section} is {_kind(value)} that is not understood"
    )
    return words, example


def _is_plain(value: Any) -> bool:
    return isinstance(value, str | int) or (isinstance(value, float) and math.isfinite(value))


def _kind(value: Any) -> str:
    """What kind of value of TOML it is."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"{value}, which is not a number"
    kinds: Sequence[tuple[Any, str]] = (
        (bool, "true or false"),
        (str, "a text"),
        (int | float, "a number"),
        (list, "a list"),
        (Mapping, "a table"),
        (dt.date | dt.time, "a date or a time"),
    )
    return next((words for kind, words in kinds if isinstance(value, kind)), f"a {type(value).__name__}")


_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?$")
_KEY = re.compile(r"""\s*("[^"]*"|'[^']*'|[\w.-]+)\s*=""")


def line_of(text: str, path: Sequence[Any]) -> int | None:
    """The line of TOML *text* where the longest known part of *path* stands, from 1."""
    best, found = 0, None
    table: tuple[Any, ...] = ()
    counts: dict[str, int] = {}
    quotes = ""  # of a text of several lines that has begun
    for number, line in enumerate(text.splitlines(), 1):
        here: tuple[Any, ...] | None = None
        if not quotes and (header := _HEADER.match(line)):
            name = header[2].strip("\"'")
            table = here = (name, counts.get(name, 0)) if header[1] == "[[" else tuple(name.split("."))
            counts[name] = counts.get(name, 0) + 1
        elif not quotes and (key := _KEY.match(line)):
            is_quoted = key[1][0] in "\"'"
            here = (*table, *([key[1][1:-1]] if is_quoted else key[1].split(".")))
        for mark in ('"""', "'''"):
            if line.count(mark) % 2 and quotes in {"", mark}:
                quotes = "" if quotes else mark
        if here is not None and best < len(here) <= len(path) and tuple(path[: len(here)]) == here:
            best, found = len(here), number
    return found
