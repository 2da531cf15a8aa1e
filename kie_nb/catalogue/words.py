"""The words that people use for every model (`aspect`, `sound`, `last_image`) → the names of one model's wire, which work as well."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from ..errors import InvalidRequest
from .media import ROLES, Role
from .models import having, resolve, rows
from .rows import Row

WORDS = ("duration", "resolution", "aspect", "sound", "seed", "negative_prompt")
NO_SEED = "It has no seed: the same request again makes another video."
NO_SEED_SHORT = "none, cannot be repeated"
_MOST_NAMED = 4


def media_names(model: str) -> frozenset[str]:
    """By which names *model* is given media: its roles, the fields of its wire that take addresses, and `several_of` them."""
    row = rows().get(resolve(model))
    slots = row.slots if row else ()
    more = {"reference"} if any(slot.is_reference for slot in slots) else set()
    names = {"image", *more, *(name for slot in slots for name in (slot.role, slot.field))}
    return frozenset({*names, *(name for several in several_of(model).values() for name in several)})


def several_of(model: str) -> dict[str, tuple[str, ...]]:
    """What the second and later media of a role are called one by one, as in a grid: `reference_2`, `reference_3` and so on."""
    row = rows().get(resolve(model))
    most: dict[str, int] = {}
    for slot in row.slots if row else ():
        for name in {slot.role, slot.field} | ({"reference"} if slot.is_reference else set()):
            most[name] = most.get(name, 0) + slot.most
    return {
        name: tuple(f"{name}_{number}" for number in range(2, count + 1))
        for name, count in most.items()
        if count > 1 and name != "image"
    }


def in_turn(model: str, name: str, several: Sequence[Any]) -> dict[str, Any]:
    """*several* media of one role, each by a name of its own."""
    names = (name, *several_of(model).get(name, ()))
    if len(several) > len(names):
        raise InvalidRequest(f"{name} has {len(several)} files; {model} takes at most {len(names)}.")
    return dict(zip(names, several, strict=False))


def field_of(row: Row | None, name: str) -> str:
    """The wire's name of the field that *name* means; *name* itself where the model has none."""
    entries = row.entries if row else ()
    if any(entry.name == name for entry in entries):
        return name
    return next((entry.name for entry in entries if entry.word == name), name)


def in_wire_words(row: Row, given: dict[str, Any]) -> dict[str, Any]:
    """*given* by the wire's names; InvalidRequest where one is given by two names."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        field = field_of(row, name)
        if field in found:
            other = next(other for other in given if other != name and field_of(row, other) == field)
            raise InvalidRequest(f"{name} is given twice, as {other} too.", hint="keep one of them")
        found[field] = value
    return found


def media_in(row: Row | None, given: dict[str, Any]) -> dict[Role, list[Any]]:
    """What *given* has of media, taken out of it, by role; nothing is an empty text or list, as examples of the service have it."""
    found: dict[Role, list[Any]] = {}
    for name in [name for name in given if name != name.strip()]:
        given[name.strip()] = given.pop(name)  # pages have names with a space at their end, the wire has none
    for role in ROLES:
        if role == "audio" and isinstance(given.get(role), bool):  # a switch of the wire
            continue
        several = _listed(given.pop(role, None), is_one=role == "image") + _later(given, role)
        if several:
            found[role] = several
    for field in dict.fromkeys(slot.field for slot in row.slots) if row else ():
        several = _listed(given.pop(field, None), is_one=False) + _later(given, field)
        for role, sources in _shared_out(row, field, several).items():
            if role in found:
                raise InvalidRequest(f"{field} is given twice, as {role} too.", hint="keep one of them")
            found[role] = sources
    return found


def _listed(value: Any, *, is_one: bool) -> list[Any]:
    """A list of what is given; of a role that takes one alone, a list may be a picture itself."""
    several = [value] if is_one or not isinstance(value, list | tuple) else list(value)
    return [one for one in several if one is not None and not (isinstance(one, str) and not one.strip())]


def _later(given: dict[str, Any], name: str) -> list[Any]:
    """Those of *name* that have names of their own, in order; they are taken out of *given*."""
    later = [one for one in given if name != "image" and re.fullmatch(rf"{name}_[1-9][0-9]?", one)]
    later.sort(key=lambda one: int(one.rpartition("_")[2]))
    return _listed([given.pop(one) for one in later], is_one=False)


def _shared_out(row: Row | None, field: str, sources: Sequence[Any]) -> dict[Role, list[Any]]:
    """Who gets which of a list that several roles share: the first frame, the last, then the rest; references alone share it whole."""
    slots = [slot for slot in row.slots if slot.field == field] if row else []
    if len(sources) > 1 and (whole := next((slot for slot in slots if slot.role == "reference"), None)):
        return {whole.role: list(sources)}
    shares: dict[Role, list[Any]] = {}
    rest = list(sources)
    for place, slot in enumerate(slots):
        most = len(rest) if place == len(slots) - 1 else slot.most
        if rest[:most]:
            shares[slot.role] = rest[:most]
        rest = rest[most:]
    return shares


def has_no(model: str, word: str, *, known: Iterable[str] = ()) -> InvalidRequest | None:
    """That *model* has no such thing, naming the models that have it; None where none has."""
    found = having(word, like=model)
    if not found:
        return None
    more = f" and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
    hint = f"models that have it: {', '.join(found[:_MOST_NAMED])}{more}; `%kie models {word.replace('_', '-')}` lists them"
    if known:
        hint += f". Its own fields are: {', '.join(known)}"
    noun = "picture" if word == "image" else word.replace("_", " ") if word in ROLES else f"field {word!r}"
    verb = "takes no" if word in ROLES else "has no"
    return InvalidRequest(f"{model} {verb} {noun}.", hint=hint)


def is_described(model: str) -> bool:
    """Whether *model* is one of ours."""
    return model in rows()
