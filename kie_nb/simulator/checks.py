"""What the service checks of a request to a described model, and what it lets through (kie-models §0.1); no I/O.

It checks types, spelling and required fields in its own words, whatever its pages call a default, and drops unknown fields without
a word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..catalogue.entries import Entry
from ..catalogue.media import Slot
from ..catalogue.prices import Media
from ..catalogue.rows import Row
from .faults import Refusal

# Of Kling 3.0 the words are recorded; the others say which field by silence.
_CANNOT_BE_EMPTY = ("kling-3.0/video",)
_EXCLUSIVE = "reference video and first/last frames are mutually exclusive"


def kept(row: Row, given: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that the model has; the others are dropped, but for one that is refused."""
    if row.id == "hailuo/02-text-to-video-standard" and "resolution" in given:
        raise Refusal(422, "Invalid parameter")
    names = {entry.name for entry in row.entries} | {slot.field for slot in row.slots}
    return {name: value for name, value in given.items() if name in names}


def check_fields(row: Row, fields: Mapping[str, Any]) -> None:
    """Raise the Refusal of the first field that is missing, of another type, or outside its limits."""
    needed = [entry.name for entry in row.entries if entry.required]
    needed += [slot.field for slot in row.slots if slot.least]
    for name in needed:
        if name not in fields:
            said = (
                (422, f"{name} cannot be empty")
                if row.id in _CANNOT_BE_EMPTY
                else (500, "This field is required")
            )
            raise Refusal(*said)
    for entry in row.entries:
        if entry.name in fields:
            _check(row, entry, fields[entry.name])


def check_media(row: Row, fields: Mapping[str, Any], media: Media) -> None:
    """The same of media: arrays where they are wanted, not too many, and nothing that excludes another."""
    by_field: dict[str, list[Slot]] = {}
    for slot in row.slots:
        by_field.setdefault(slot.field, []).append(slot)
    for name, slots in by_field.items():
        value = fields.get(name)
        if value is None:
            continue
        if isinstance(value, list) is not slots[0].is_list:
            raise Refusal(500, f"{name} it must be a {'array' if slots[0].is_list else 'string'}")
        if isinstance(value, list) and len(value) > max(sum(slot.most for slot in slots), 1):
            raise Refusal(422, f"the number of {name} must not exceed {sum(slot.most for slot in slots)}")
    has_frames = any(slot.field == "first_frame_url" for slot in row.slots) and {"image", "last_image"} & {
        *media
    }
    if has_frames and any(value for name, value in fields.items() if name.startswith("reference_")):
        raise Refusal(422, _EXCLUSIVE)
    for rule in row.rules:
        if words := rule(fields, media):
            raise Refusal(422, words)


def _check(row: Row, entry: Entry, value: Any) -> None:
    name = entry.name
    if entry.type in {"text", "choice"} and not isinstance(value, str):
        raise Refusal(500, f"{name} it must be a string")
    if entry.type == "text":
        _check_length(row, entry, value)
    elif entry.type == "choice" and value not in entry.choices:
        is_seedance = row.id.startswith("bytedance/seedance-2") and name == "resolution"
        raise Refusal(422, "Invalid resolution") if is_seedance else _outside(name)
    elif entry.type == "switch" and not isinstance(value, bool):
        raise _outside(name)
    elif entry.type in {"texts", "objects"}:
        if not isinstance(value, list):
            raise Refusal(500, f"{name} it must be a array")
        for words in _wrong_in(entry, value):
            raise Refusal(422, f"{name} {words}")
    elif entry.type in {"whole", "number", "whole or text"} and not _is_number(entry, value):
        raise _outside(name)


def _check_length(row: Row, entry: Entry, text: str) -> None:
    if entry.max_length is not None and len(text) > entry.max_length:
        if row.id.startswith("hailuo/02"):
            raise Refusal(500, f"{entry.name} exceeds maximum length")
        raise Refusal(422, f"length of '{entry.name}' must not exceed {entry.max_length} characters")
    if not text.strip() and entry.required and entry.min_length:
        raise Refusal(422, f"{entry.name} cannot be empty")


def _wrong_in(entry: Entry, several: list[Any]) -> Iterator[str]:
    if entry.max_length is not None and len(several) > entry.max_length:
        yield f"must not exceed {entry.max_length}"
    yield from (words for one in several if entry.check is not None and (words := entry.check(one)))


def _is_number(entry: Entry, value: Any) -> bool:
    if entry.type == "whole or text" and isinstance(value, str) and re.fullmatch(r"-?\d{1,6}", value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if entry.type != "number" and not isinstance(value, int):
        return False
    return value in entry.also or entry.low is None or entry.high is None or entry.low <= value <= entry.high


def _outside(name: str) -> Refusal:
    return Refusal(500, f"{name} is not within the range of allowed options")
