"""Loose arguments → a checked request with its defaults made explicit; what is wrong is said in words, all of it at once."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pydantic import ValidationError

from ..bounds import as_plain
from ..errors import InvalidRequest
from .describe import Field, describe, nearest, nearest_of
from .media import ROLES, ImageIdentity, MediaIdentity, Role, Slot
from .models import DEFAULT_MODEL, ModelInput, find, resolve
from .request import UNDESCRIBED, Request
from .words import has_no, in_wire_words

Media = Mapping[Role, Sequence[MediaIdentity]]


def build_request(
    *,
    model: str = DEFAULT_MODEL,
    image: ImageIdentity | None = None,
    media: Media = MappingProxyType({}),
    call_back_url: str | None = None,
    raw: dict[str, Any] | None = None,
    **fields_: Any,
) -> Request:
    """Check *fields_* against the model's description and make defaults explicit; InvalidRequest names what is wrong.

    Args:
        model: A model id. One that is not described takes `raw` inputs and is not checked here.
        image: Identity of the picture, for models that take one.
        media: Those of every other role.
        call_back_url: A public http(s) URL that the service calls at the end.
        raw: Inputs sent as they are, for models we do not describe.
        **fields_: The model's own fields; None means not given.
    """
    check_address(call_back_url)
    others: dict[Role, tuple[MediaIdentity, ...]] = {
        role: tuple(media[role]) for role in ROLES if media.get(role)
    }
    given = _one_of_each(fields_, raw or {})
    model = model if raw and find(model) is None else resolve(model)
    description = find(model)
    if description is None:
        if not raw:
            # Raises, with the nearest name: raw inputs are given explicitly, so this is a typing mistake.
            describe(model)
        checked = _undescribed(model, given, image, others)
    else:
        checked = _checked(description, given, image, others)
    seed = checked.pop("seed", None)
    _need_json({**checked, "callBackUrl": call_back_url})
    return Request(
        model=model, inputs=checked, image=image, media=others, seed=seed, call_back_url=call_back_url
    )


def check_address(call_back_url: str | None) -> None:
    """Refuse what the service could not call."""
    if call_back_url is not None and not call_back_url.startswith(("http://", "https://")):
        raise InvalidRequest(f"callBackUrl={call_back_url!r}: use a public http(s) address.")


def _one_of_each(fields_: Mapping[str, Any], raw: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in fields_.items() if value is not None}
    sent_as_is = {name: as_plain(value) for name, value in raw.items() if value is not None}
    if twice := next((name for name in sent_as_is if name in given), None):
        raise InvalidRequest(f"{twice} is given twice, once as a raw input.", hint="keep one of them")
    return given | sent_as_is


def _undescribed(
    model: str, given: dict[str, Any], image: ImageIdentity | None, others: Media
) -> dict[str, Any]:
    _refuse_two_pictures(UNDESCRIBED, given, image)
    if wrong := _media_mistakes(model, UNDESCRIBED, image, others):
        raise together(wrong)
    seed = given.get("seed")
    if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
        raise InvalidRequest(f"seed={seed!r}: use a whole number.")
    return given


def _checked(
    description: type[ModelInput], given: dict[str, Any], image: ImageIdentity | None, others: Media
) -> dict[str, Any]:
    """The fields that are sent, seed included, but not the media."""
    model, names = description.model_id, [entry.name for entry in describe(description.model_id)]
    given = in_wire_words(description.row, given)
    given = description.row.fill(given) if description.row.fill else given
    if wrong_name := next((name for name in given if name not in names), None):
        raise _unknown(model, wrong_name, names)
    wrong = _media_mistakes(model, description.slots, image, others)
    _refuse_two_pictures(description.slots, given, image)
    if isinstance(given.get("prompt"), str) and not given["prompt"].strip():
        given["prompt"] = ""
    apart = {slot.field for slot in description.slots}
    try:
        checked = description(**{name: value for name, value in given.items() if name not in apart})
    except ValidationError as exc:
        # The cause would repeat it in pydantic's words.
        raise together([*wrong, *_mistakes(model, exc, given)]) from None
    inputs = checked.model_dump(exclude_none=True)
    present: dict[Role, Sequence[Any]] = {"image": [image] if image is not None else [], **others}
    wrong += [InvalidRequest(f"{model}: {words}") for words in description.objections(inputs, present)]
    if wrong:
        raise together(wrong)
    return inputs


def _unknown(model: str, name: str, names: Sequence[str]) -> InvalidRequest:
    found = has_no(model, name, known=names)
    if found is not None and nearest_of(name, names) is None:
        return found
    hint = f"its fields are: {', '.join(names)}"
    return InvalidRequest(f"{model} has no field {name!r}{nearest(name, names)}", hint=hint)


def _refuse_two_pictures(slots: tuple[Slot, ...], given: dict[str, Any], image: ImageIdentity | None) -> None:
    field = next((slot.field for slot in slots if slot.role == "image"), None)
    if image is not None and field in given:
        raise InvalidRequest(f"{field} is given twice.", hint="name the picture by --image alone")


def _need_json(inputs: dict[str, Any]) -> None:
    """What no JSON can carry is found out here: in mid-request it would look like a lost answer."""
    for name, value in inputs.items():
        try:
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError):
            shown = repr(value)[:60].encode("utf-8", "backslashreplace").decode()
            raise InvalidRequest(f"{name}={shown}: it cannot be sent as JSON.") from None


def _media_mistakes(
    model: str,
    slots: tuple[Slot, ...],
    image: ImageIdentity | None,
    others: Media,
) -> list[InvalidRequest]:
    """What is wrong with the media of a request; what is required of an undescribed model is not known."""
    given: dict[Role, Sequence[ImageIdentity]] = {"image": [image] if image is not None else [], **others}
    by_role = {slot.role: slot for slot in slots}
    wrong = []
    for role in ROLES:
        slot, found = by_role.get(role), given.get(role, ())
        if found and slot is None:
            wrong.append(_has_no(model, role))
        elif slot is not None and slot.least and not found:
            hint = f"--{slot.option} {_EXAMPLES[slot.kind]} on the magic's line, {role}=... in Python"
            words = (
                "Add a picture: it becomes the first frame."
                if role == "image"
                else f"Add a {slot.noun}: {role}."
            )
            wrong.append(InvalidRequest(words, hint=hint))
        elif slot is not None:
            wrong += [InvalidRequest(words) for words in slot.mistakes(found)]
    return wrong


_EXAMPLES = {"image": "cat.png", "video": "clip.mp4", "audio": "speech.mp3"}


def _has_no(model: str, role: Role) -> InvalidRequest:
    return has_no(model, role) or InvalidRequest(f"{model} takes no {role}.")


def mistakes_in(model: str, given: dict[str, Any]) -> list[InvalidRequest]:
    """What is wrong with these fields of *model*, each for itself; what is missing is not looked for."""
    description = find(model)
    if description is None:
        return []
    try:
        description(**given)
    except ValidationError as exc:
        return [] if not given else _mistakes(model, exc, given, missing=False)
    return []


def together(mistakes: Sequence[InvalidRequest]) -> InvalidRequest:
    """Several mistakes as one error."""
    said = dict.fromkeys(one.message for one in mistakes)
    fixes = dict.fromkeys(one.hint for one in mistakes if one.hint)
    return InvalidRequest("\n".join(said), hint="; ".join(fixes))


def _mistakes(
    model: str, exc: ValidationError, given: dict[str, Any], *, missing: bool = True
) -> list[InvalidRequest]:
    fields_ = {entry.name: entry for entry in describe(model)}
    wrong: dict[str, InvalidRequest] = {}
    for error in exc.errors():
        entry = fields_[str(error["loc"][0])]
        if missing or entry.name in given:
            words = _explain_one(entry, given.get(entry.name), error)
            wrong.setdefault(entry.name, InvalidRequest(words, hint=_fix(entry)))
    return list(wrong.values())


def _fix(entry: Field) -> str:
    """What to write instead, as the magic's line has it."""
    if entry.name == "prompt":
        what = f"1 to {entry.max_length} characters," if entry.max_length else "write it"
        return f"{what} in the cell's body"
    value = {
        "choice": " or ".join(entry.choices),
        "int": entry.range,
        "number": entry.range,
        "bool": f"or --no-{entry.option}",
        "json": "JSON",
    }.get(entry.kind, f"with at most {entry.max_length} characters" if entry.max_length else "TEXT")
    return f"use --{entry.option} {value}"


def _explain_one(entry: Field, value: Any, error: Any) -> str:
    shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:57]}…"  # noqa: PLR2004
    kind = error["type"]
    if kind == "missing" or (kind == "string_too_short" and not value):
        return f"{entry.title} is missing. {entry.help}"
    if kind == "string_too_long" and entry.max_length is not None:
        over = len(value) - entry.max_length
        return f"{entry.name} has {len(value)} characters, {over} over the limit of {entry.max_length}."
    unit = f" {entry.unit}" if entry.unit else ""
    if entry.kind == "json":
        why = str(error.get("ctx", {}).get("error", "")) or f"use a list of {_how_many(entry)}"
        return f"{entry.name}={shown}: {why}."
    what = {
        "choice": f"{' or '.join(entry.choices)}{unit}",
        "int": f"a whole number from {entry.range}" if entry.range else "a whole number",
        "number": f"a number from {entry.range}",
        "bool": "True or False",
    }.get(entry.kind, "text")
    return f"{entry.name}={shown}: use {what}."


def _how_many(entry: Field) -> str:
    return f"at most {entry.max_length}" if entry.max_length else "any length"
