"""A request: what the service is asked to make, checked and with every default made explicit.

Pure: a picture is its identity here; it is read and uploaded elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Annotated, Any

from pydantic import Field as Checked
from pydantic import StrictBool, TypeAdapter, ValidationError

from ..bounds import MAX_DEPTH, Seed, Sha256, Text, Url, Whole, Word, is_deeper
from ..errors import InvalidRequest
from .describe import Field, describe, nearest
from .models import DEFAULT_MODEL, Estimate, estimate, find

UNDESCRIBED_IMAGE_FIELD = "image_url"
_KEPT_AS = {"inputs": "input", "call_back_url": "callBackUrl"}  # on the wire and in the ledger


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageIdentity:
    """Which picture: by its bytes, wherever they came from. The types are those of a stranger's row."""

    sha256: Sha256  # of the bytes; for a URL that could not be read, of the URL itself, with `by_url` set
    label: Text  # what to call it in a card: a file name or a URL
    mime: Annotated[Text, Checked(max_length=100)] = ""
    bytes: Whole = 0
    width: Whole = 0
    height: Whole = 0
    url: Url | None = None  # the address that was given, if one was
    by_url: StrictBool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What the service is asked to make. Equal requests have equal fingerprints. The types are those of a stranger's row."""

    model: Word
    # Every field that is sent, except the picture and the seed.
    inputs: Annotated[dict[str, Any], Checked(validation_alias="input")]
    image: ImageIdentity | None = None
    seed: Seed | None = None  # always a number once the request is sent, except for models that have none
    call_back_url: Annotated[Url | None, Checked(validation_alias="callBackUrl")] = None
    replicate: Whole = 0  # or the number of a wanted repetition of the same request

    @property
    def prompt(self) -> str:
        """The prompt, or nothing for models without one."""
        return str(self.inputs.get("prompt", ""))

    @property
    def takes_seed(self) -> bool:
        """Whether the model has a seed that we can draw; a raw model gets one only if it was given."""
        model = find(self.model)
        return model is not None and "seed" in model.model_fields

    @property
    def image_field(self) -> str | None:
        """The wire name of the picture's field."""
        model = find(self.model)
        return model.image_field if model else UNDESCRIBED_IMAGE_FIELD

    @property
    def estimate(self) -> Estimate | None:
        """What it should cost; None where no price is known."""
        return estimate(self.model, self.inputs)

    @property
    def asked_seconds(self) -> float | None:
        """How long the video should be."""
        model = find(self.model)
        return model.asked_seconds(self.inputs) if model else None

    def with_seed(self, seed: int) -> Request:
        """The same request with *seed*."""
        return replace(self, seed=seed)

    def wire_input(self, image_url: str | None) -> dict[str, Any]:
        """The `input` object as it is sent; None is never in it, 0 and False stay."""
        wire = dict(self.inputs)
        if image_url is not None and self.image_field:
            wire[self.image_field] = image_url
        if self.seed is not None:
            wire["seed"] = self.seed
        return wire

    def fingerprint(self, service: str) -> str:
        """The identity of this request at *service*, seed and replicate included."""
        return _digest({**self._identity(service), "seed": self.seed, "replicate": self.replicate})

    def family(self, service: str) -> str:
        """The identity without the seed: requests that differ in nothing else."""
        return _digest({**self._identity(service), "replicate": self.replicate})

    def _identity(self, service: str) -> dict[str, Any]:
        image = {"sha256": self.image.sha256} if self.image else None
        return {"service": service, "model": self.model, "input": self.inputs, "image": image}

    def to_json(self) -> dict[str, Any]:
        """A plain object for the ledger."""
        return {_KEPT_AS.get(name, name): value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Request:
        """What `to_json` gave."""
        image = ImageIdentity(**stored["image"]) if stored.get("image") else None
        kept = {name: _KEPT_AS.get(name, name) for name in cls.__slots__ if name != "image"}
        return cls(image=image, **{name: stored[key] for name, key in kept.items() if key in stored})


def build_request(
    *,
    model: str = DEFAULT_MODEL,
    image: ImageIdentity | None = None,
    call_back_url: str | None = None,
    raw: dict[str, Any] | None = None,
    **fields_: Any,
) -> Request:
    """Check *fields_* against the model's description and make defaults explicit; InvalidRequest names what is wrong.

    Args:
        model: A model id. One that is not described takes `raw` inputs and is not checked here.
        image: Identity of the picture, for models that take one.
        call_back_url: A public http(s) URL that the service calls at the end.
        raw: Inputs sent as they are, for models we do not describe.
        **fields_: The model's own fields; None means not given.
    """
    if call_back_url is not None and not call_back_url.startswith(("http://", "https://")):
        raise InvalidRequest(f"callBackUrl={call_back_url!r}: use a public http(s) address.")
    given = {name: value for name, value in fields_.items() if value is not None}
    sent_as_is = {name: value for name, value in (raw or {}).items() if value is not None}
    description = find(model)
    if description is None and not raw:
        # Raises, with the nearest name: raw inputs are given explicitly, so this is a typing mistake.
        describe(model)
    if twice := next((name for name in sent_as_is if name in given), None):
        raise InvalidRequest(f"{twice} is given twice, once as a raw input.", hint="keep one of them")
    given |= sent_as_is
    if description is None:
        _refuse_two_pictures(UNDESCRIBED_IMAGE_FIELD, given, image)
        seed = given.pop("seed", None)
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int)):
            raise InvalidRequest(f"seed={seed!r}: use a whole number.")
        _need_json({**given, "callBackUrl": call_back_url})
        return Request(model=model, inputs=given, image=image, seed=seed, call_back_url=call_back_url)
    names = [entry.name for entry in describe(model)]
    if wrong_name := next((name for name in given if name not in names), None):
        hint = f"its fields are: {', '.join(names)}"
        raise InvalidRequest(f"{model} has no field {wrong_name!r}{nearest(wrong_name, names)}", hint=hint)
    wrong = _image_mistakes(model, description.image_field, image)
    _refuse_two_pictures(description.image_field, given, image)
    if isinstance(given.get("prompt"), str) and not given["prompt"].strip():
        given["prompt"] = ""
    try:
        checked = description(**given)
    except ValidationError as exc:
        # The cause would repeat it in pydantic's words.
        raise together([*wrong, *_mistakes(model, exc, given)]) from None
    if wrong:
        raise together(wrong)
    inputs = checked.model_dump(exclude_none=True)
    seed = inputs.pop("seed", None)
    inputs.pop(description.image_field or "", None)
    _need_json({**inputs, "callBackUrl": call_back_url})
    return Request(model=model, inputs=inputs, image=image, seed=seed, call_back_url=call_back_url)


def _refuse_two_pictures(image_field: str | None, given: dict[str, Any], image: ImageIdentity | None) -> None:
    if image is not None and image_field in given:
        raise InvalidRequest(f"{image_field} is given twice.", hint="name the picture by --image alone")


def _need_json(inputs: dict[str, Any]) -> None:
    """What no JSON can carry is found out here: in mid-request it would look like a lost answer."""
    for name, value in inputs.items():
        try:
            json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
        except (TypeError, ValueError, RecursionError):
            shown = repr(value)[:60].encode("utf-8", "backslashreplace").decode()
            raise InvalidRequest(f"{name}={shown}: it cannot be sent as JSON.") from None


def _image_mistakes(model: str, image_field: str | None, image: ImageIdentity | None) -> list[InvalidRequest]:
    if image_field and image is None:
        hint = "--image cat.png on the magic's line, image=... in Python"
        return [InvalidRequest("Add a picture: it becomes the first frame.", hint=hint)]
    if image is not None and image_field is None:
        hint = "leave the picture out, or use wan/2-5-image-to-video"
        return [InvalidRequest(f"{model} takes no picture.", hint=hint)]
    return []


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
    wrong = [(fields_[str(error["loc"][0])], error["type"]) for error in exc.errors()]
    return [
        InvalidRequest(_explain_one(entry, given.get(entry.name), kind), hint=_fix(entry))
        for entry, kind in wrong
        if missing or entry.name in given
    ]


def _fix(entry: Field) -> str:
    """What to write instead, as the magic's line has it."""
    if entry.name == "prompt":
        what = f"1 to {entry.max_length} characters," if entry.max_length else "write it"
        return f"{what} in the cell's body"
    value = {
        "choice": " or ".join(entry.choices),
        "int": f"{entry.minimum} to {entry.maximum}",
        "bool": f"or --no-{entry.option}",
    }.get(entry.kind, f"with at most {entry.max_length} characters" if entry.max_length else "TEXT")
    return f"use --{entry.option} {value}"


def _explain_one(entry: Any, value: Any, kind: str) -> str:
    shown = repr(value) if len(repr(value)) <= 60 else f"{repr(value)[:57]}…"  # noqa: PLR2004
    if kind == "missing" or (kind == "string_too_short" and not value):
        return f"{entry.title} is missing. {entry.help}"
    if kind == "string_too_long":
        over = len(value) - entry.max_length
        return f"{entry.name} has {len(value)} characters, {over} over the limit of {entry.max_length}."
    if entry.kind == "choice":
        return (
            f"{entry.name}={shown}: use {' or '.join(entry.choices)}{' ' + entry.unit if entry.unit else ''}."
        )
    if entry.kind == "int":
        return f"{entry.name}={shown}: use a whole number from {entry.minimum} to {entry.maximum}."
    if entry.kind == "bool":
        return f"{entry.name}={shown}: use True or False."
    return f"{entry.name}={shown}: use text."


def _digest(identity: dict[str, Any]) -> str:
    canonical = json.dumps(identity, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


_IMAGE, _REQUEST = TypeAdapter(ImageIdentity), TypeAdapter(Request)


def read_image(stored: Any) -> ImageIdentity:
    """The picture that *stored* names; ValueError where it names none."""
    return _IMAGE.validate_python(stored)


def read_request(stored: Any) -> Request:
    """The request that `Request.to_json` gave; ValueError for one that could not be shown and sent."""
    if is_deeper(stored, MAX_DEPTH):
        raise ValueError("it is nested too deeply")
    request = _REQUEST.validate_python(stored)
    _check_inputs(request)
    return request


def _check_inputs(request: Request) -> None:
    """Refuse inputs that a call would take for something else, that no JSON can hold, or that do not fit their model."""
    model = find(request.model)
    apart = {"seed"} | ({str(request.image_field)} if request.image or model else set())
    if apart & set(request.inputs):
        raise ValueError("its picture or seed is among its inputs, too")
    if model is None:
        json.dumps(request.inputs, allow_nan=False, ensure_ascii=False).encode()
        return
    if unknown := set(request.inputs) - set(model.model_fields):
        raise ValueError(f"its model has no field {min(unknown)[:60]!r}")
    checked = model.model_validate(request.inputs)
    if any(getattr(checked, name) != value for name, value in request.inputs.items()):
        raise ValueError("its inputs do not fit its model")
