"""Which requests the simulator accepts for each model, what they cost, and the texts of refusals.

No I/O. Wan 2.5 is checked here, every other model of the catalogue by its row (`checks`). What the catalogue does not describe is
let through when it carries a prompt or a picture, so that a client written for it can be tried.
"""

import hashlib
import math
import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ..addresses import literal, why_not_public
from ..catalogue import Role, Row, credits_for, field_of, find, rows
from . import checks
from .faults import UNKNOWN_MODEL, Refusal
from .store import Shot

IMAGE_TO_VIDEO = "wan/2-5-image-to-video"
TEXT_TO_VIDEO = "wan/2-5-text-to-video"
MEDIA_PREFIX = "/media/"
UPLOADS_PREFIX = "/kieai/"  # where files given to the upload routes are served from

_CREDITS_PER_SECOND = {"720p": 12.0, "1080p": 20.0}
_FLAT_PRICE = 60.0
_ASPECTS = {"16:9": 16 / 9, "9:16": 9 / 16, "1:1": 1.0, "4:3": 4 / 3, "3:4": 3 / 4, "21:9": 21 / 9}
_MAX_PROMPT, _MAX_NEGATIVE = 800, 500

# Of a model that is not described, by a part of its field's name; the first that fits.
_ROLES = (
    *(("callback", None), ("audio", "audio"), ("video", "video")),
    *(("last", "last_image"), ("tail", "last_image"), ("end_", "last_image")),
    *(("image", "image"), ("frame", "image"), ("input_url", "image")),
)

UNDESCRIBED = frozenset({"veed/fabric-1"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """A request that passed: what to draw and what it costs."""

    prompt: str
    shot: Shot
    credits: float
    seed: int | None


def check(model: Any, given: Any) -> Order:
    """The order in this request; raises the Refusal of the service."""
    if not isinstance(model, str) or not model.strip():
        raise Refusal(422, "model cannot be empty")
    if model not in UNDESCRIBED and model not in rows():
        raise Refusal(422, UNKNOWN_MODEL)
    if not isinstance(given, Mapping) or not given:
        raise Refusal(422, "input cannot be empty")
    fields = {name: value for name, value in given.items() if value is not None}  # null is "not given"
    if model in {IMAGE_TO_VIDEO, TEXT_TO_VIDEO}:
        return _order_of_wan(model, fields)
    return _order_of_other(model, fields) if model in UNDESCRIBED else _order_of_row(rows()[model], fields)


def parts_of(url: str) -> SplitResult:
    """The parts of *url*; none where it is not an address at all."""
    try:
        parts = urlsplit(url)
        _ = parts.hostname, parts.port  # they are looked at late
    except ValueError:
        return urlsplit("")
    return parts


def is_public_url(url: str) -> bool:
    """Whether the service could fetch this from where it stands, as far as the text tells; `reach` looks names up."""
    parts = parts_of(url)
    host = (parts.hostname or "").lower()
    if parts.scheme not in {"http", "https"} or not host or _is_loopback(host):
        return False
    address = literal(host)
    if address is None:
        return "." in host and not host.endswith((".local", ".internal"))
    return not why_not_public(address)


def _is_loopback(host: str) -> bool:
    return host in {"localhost", "::1"} or host.endswith(".localhost") or host.startswith("127.")


def own_upload(url: str) -> str | None:
    """The path of a file given to our upload routes, whatever port it was given to."""
    parts = parts_of(url)
    is_own = parts.scheme in {"http", "https"} and _is_loopback(parts.hostname or "")
    return parts.path.removeprefix("/") if is_own and parts.path.startswith(UPLOADS_PREFIX) else None


def planned_seconds(request: Mapping[str, Any], seed: int) -> float:
    """How long the service takes over this request: the same for the same request and seed."""
    given = request.get("input") or {}
    text = f"{request.get('model')}|{given.get('prompt')}|{given.get('duration')}|{given.get('resolution')}|{seed}"
    chance = random.Random(hashlib.sha256(text.encode("utf-8", "replace")).digest())  # noqa: S311
    return chance.uniform(6.0, 10.0) if str(given.get("duration")) == "10" else chance.uniform(4.0, 7.0)


def _outside(name: str) -> Refusal:
    return Refusal(500, f"{name} is not within the range of allowed options")


def _order_of_wan(model: str, fields: Mapping[str, Any]) -> Order:
    _check_text(fields)
    _check_options(model, fields)
    if model == IMAGE_TO_VIDEO:
        _check_picture(fields)
    # The published defaults stand in for what is left out, as the page of the model promises.
    resolution, seconds = fields.get("resolution", "1080p"), float(fields.get("duration", "5"))
    lines, aspect = int(resolution.removesuffix("p")), _aspect(fields.get("aspect_ratio"))
    shot = Shot(seconds=seconds, short_side=lines, aspect=aspect, image_url=fields.get("image_url"))
    price = _CREDITS_PER_SECOND[resolution] * seconds
    return Order(prompt=fields["prompt"], shot=shot, credits=price, seed=fields.get("seed"))


def _check_text(fields: Mapping[str, Any]) -> None:
    if "prompt" not in fields:
        raise Refusal(500, "prompt is required")
    for name, most in (("prompt", _MAX_PROMPT), ("negative_prompt", _MAX_NEGATIVE)):
        text = fields.get(name, "")
        if not isinstance(text, str):
            raise _outside(name)
        if len(text) > most:
            raise Refusal(422, f"{name} cannot exceed {most} characters")
    if not fields["prompt"].strip():
        raise Refusal(422, "prompt cannot be empty")


def _check_options(model: str, fields: Mapping[str, Any]) -> None:
    options: dict[str, tuple[str, ...]] = {"duration": ("5", "10"), "resolution": tuple(_CREDITS_PER_SECOND)}
    if model == TEXT_TO_VIDEO:
        options["aspect_ratio"] = ("16:9", "9:16", "1:1")
    for name, allowed in options.items():
        # `not in` compares by value, so 5 is not "5": the service is as strict.
        if name in fields and fields[name] not in allowed:
            raise _outside(name)
    for name in ("enable_prompt_expansion", "nsfw_checker"):
        if not isinstance(fields.get(name, False), bool):
            raise _outside(name)
    if not _is_seed(fields.get("seed", 0)):
        raise _outside("seed")


def _check_picture(fields: Mapping[str, Any]) -> None:
    if "image_url" not in fields:
        raise Refusal(500, "image_url is required")
    url = fields["image_url"]
    if not isinstance(url, str):
        raise _outside("image_url")
    if not url.strip():
        raise Refusal(422, "image_url cannot be empty")
    if own_upload(url) is None and not is_public_url(url):
        raise Refusal(422, "image_url is required to be a public http(s) URL")


def _order_of_row(row: Row, given: Mapping[str, Any]) -> Order:
    fields = checks.kept(row, given)
    checks.check_fields(row, fields)
    addresses = _by_role(row, fields)
    checks.check_media(row, fields, addresses)
    for urls in addresses.values():
        for url in urls:
            if not isinstance(url, str) or (own_upload(url) is None and not is_public_url(url)):
                raise Refusal(422, "url is required to be a public http(s) URL")
    # The published defaults stand in for what is left out, as the page of the model promises.
    usual = {entry.name: entry.shown if entry.default is None else entry.default for entry in row.entries}
    whole = {name: value for name, value in usual.items() if value is not None} | fields
    credits_ = credits_for(row.price, whole, addresses)
    shot = _shot(row.id, fields, whole, row)
    seed = fields.get("seed")
    return Order(
        prompt=str(fields.get("prompt", "")),
        shot=shot,
        credits=_FLAT_PRICE if credits_ is None else credits_,
        seed=seed if isinstance(seed, int) and _is_seed(seed) and seed >= 0 else None,
    )


def _by_role(row: Row, fields: Mapping[str, Any]) -> dict[Role, list[Any]]:
    """What is in the fields of media, by role; lists that several roles share are shared out in their order."""
    left: dict[str, list[Any]] = {}
    for slot in row.slots:
        value = fields.get(slot.field)
        left.setdefault(slot.field, list(value) if isinstance(value, list) else [value] * bool(value))
    found: dict[Role, list[Any]] = {}
    for slot in row.slots:
        several = left[slot.field]
        is_whole = (
            slot.role == "image"
            and len(several) > 1
            and any(other.role == "reference" and other.field == slot.field for other in row.slots)
        )
        taken = [] if is_whole else several[: slot.most]
        left[slot.field] = several[len(taken) :]
        if taken:
            found[slot.role] = [
                url for one in taken for url in (_addresses(one) if isinstance(one, Mapping) else [one])
            ]
    return found


def _shot(model: str, fields: Mapping[str, Any], whole: Mapping[str, Any], row: Row) -> Shot:
    media = _media_in(model, fields)
    return Shot(
        seconds=_plain_seconds(whole.get(field_of(row, "duration"), 5)),
        short_side=_lines(whole.get(field_of(row, "resolution"))),
        aspect=_aspect(whole.get(field_of(row, "aspect"))),
        image_url=media.get("image"),
        last_url=media.get("last_image"),
        video_url=media.get("video"),
        audio_url=media.get("audio"),
        is_as_long="duration" not in fields and bool({"video", "audio"} & set(media)),
    )


def _lines(size: Any) -> int:
    """The lines that are drawn for a size in any dialect: at least 480 and at most 1080."""
    named = {"std": 720, "pro": 1080, "1k": 720, "2k": 1080, "4k": 1080}
    text = str(size).lower()
    digits = text.removesuffix("p")
    lines = named.get(text, int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 5 else 720)  # noqa: PLR2004
    return min(1080, max(480, lines))


def _order_of_other(model: str, fields: Mapping[str, Any]) -> Order:
    prompt = fields.get("prompt", "")
    media = _media_in(model, fields)
    if not isinstance(prompt, str) or not (prompt.strip() or media):
        raise Refusal(500, "prompt is required")
    digits = "".join(sign for sign in str(fields.get("resolution", "")) if sign.isdigit())
    shot = Shot(
        seconds=_plain_seconds(fields.get("duration", 5)),
        short_side=int(digits) if digits in {"480", "580", "720", "1080"} else 720,
        aspect=_aspect(fields.get("aspect_ratio", fields.get("ratio"))),
        image_url=media.get("image"),
        last_url=media.get("last_image"),
        video_url=media.get("video"),
        audio_url=media.get("audio"),
        is_as_long="duration" not in fields and bool({"video", "audio"} & set(media)),
    )
    seed = fields.get("seed")
    return Order(prompt=prompt, shot=shot, credits=_FLAT_PRICE, seed=seed if _is_seed(seed) else None)


def _is_seed(given: Any) -> bool:
    return isinstance(given, int) and not isinstance(given, bool) and -(2**63) <= given < 2**63


def _aspect(given: Any) -> float:
    return _ASPECTS.get(given, 16 / 9) if isinstance(given, str) else 16 / 9


def _media_in(model: str, fields: Mapping[str, Any]) -> dict[str, str]:
    """The addresses that a task is drawn from, by role: `image`, `last_image`, `video`, `audio`."""
    given = {name: urls for name, value in fields.items() if (urls := list(_addresses(value)))}
    described = find(model)
    slots = described.slots if described else ()
    found: dict[str, str] = {}
    for slot in slots:
        urls = given.get(slot.field, [])
        taken, given[slot.field] = urls[: slot.most], urls[slot.most :]
        if taken:
            role = slot.kind if slot.role == "reference" else slot.role
            found.setdefault(role, taken[0])
    return found or _media_by_name(given)


def _media_by_name(given: Mapping[str, list[str]]) -> dict[str, str]:
    """The same for a model that is not described."""
    found: dict[str, str] = {}
    for name, urls in given.items():
        role = next((role for part, role in _ROLES if part in name), None)
        if role is not None and urls:
            found.setdefault(role, urls[0])
    return found


def _addresses(value: Any) -> Iterator[str]:
    """The addresses in a field: one, or several, or in objects."""
    for one in value if isinstance(value, list) else [value]:
        within = one.values() if isinstance(one, Mapping) else [one]
        yield from (url for url in within if isinstance(url, str) and url.startswith(("http://", "https://")))


def _plain_seconds(duration: Any) -> float:
    try:
        seconds = float(duration)
    except (TypeError, ValueError, OverflowError):
        return 5.0
    return float(round(seconds)) if math.isfinite(seconds) and 1 <= seconds <= 30 else 5.0  # noqa: PLR2004
