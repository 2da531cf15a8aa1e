"""A request: what the service is asked to make, checked and with every default made explicit.

Pure: a picture is its identity here; it is read and uploaded elsewhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import Field as Checked
from pydantic import TypeAdapter

from ..bounds import MAX_DEPTH, Seed, Url, Whole, Word, is_deeper
from .media import ImageIdentity, Kind, MediaIdentity, Role, Slot
from .models import estimate, find, rows
from .prices import Estimate

UNDESCRIBED = (Slot(role="image", field="image_url"),)
_MOST_MEDIA = 100  # of one role; a model takes 30
_KEPT_AS = {"inputs": "input", "call_back_url": "callBackUrl"}  # on the wire and in the ledger


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What the service is asked to make. Equal requests have equal fingerprints. The types are those of a stranger's row."""

    model: Word
    # Every field that is sent, except media and the seed.
    inputs: Annotated[dict[str, Any], Checked(validation_alias="input")]
    image: ImageIdentity | None = None
    media: dict[Role, Annotated[tuple[MediaIdentity, ...], Checked(max_length=_MOST_MEDIA)]] = field(
        default_factory=dict
    )  # of every other role
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
        row = rows().get(self.model)
        return row is not None and row.has_seed

    @property
    def has_no_seed(self) -> bool:
        """Whether its model has none, so that it cannot be repeated."""
        row = rows().get(self.model)
        return row is not None and not row.has_seed

    @property
    def length(self) -> str:
        """How long the video should be, in words; nothing where that is not asked."""
        value = self._said("duration")
        return "" if value is None else length_in_words(value)

    @property
    def size(self) -> str:
        """How large it should be, in the model's own words."""
        return str(self._said("resolution") or "")

    def _said(self, word: str) -> Any:
        row = rows().get(self.model)
        entry = next((entry for entry in row.entries if entry.word == word), None) if row else None
        return self.inputs.get(entry.name if entry else word)

    @property
    def other_media(self) -> dict[str, str]:
        """The media beside the picture, each role with the names of its media."""
        return {role: ", ".join(one.label for one in given) for role, given in self.media.items()}

    @property
    def image_field(self) -> str | None:
        """The wire name of the picture's field."""
        return next((slot.field for slot in self.slots if slot.role == "image"), None)

    @property
    def estimate(self) -> Estimate | None:
        """What it should cost; None where no price is known."""
        return estimate(self.model, self.inputs, self._by_role())

    @property
    def asked_seconds(self) -> float | None:
        """How long the video should be."""
        model = find(self.model)
        return model.asked_seconds(self.inputs) if model else None

    def with_seed(self, seed: int) -> Request:
        """The same request with *seed*."""
        return replace(self, seed=seed)

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The media that the model takes."""
        row = rows().get(self.model)
        slots = row.slots if row else ()
        # A run of before its model was described may have a picture that it takes nowhere.
        is_old = self.image is not None and all(slot.role != "image" for slot in slots)
        return (*UNDESCRIBED, *slots) if row is None or is_old else slots

    @property
    def all_media(self) -> tuple[tuple[Role, ImageIdentity], ...]:
        """Every picture, video and sound, each with its role."""
        return tuple((role, one) for role, given in self._by_role().items() for one in given)

    def _by_role(self) -> dict[Role, tuple[ImageIdentity, ...]]:
        first: dict[Role, tuple[ImageIdentity, ...]] = {"image": (self.image,)} if self.image else {}
        return {**first, **self.media}

    def wire_input(
        self, image_url: str | None, addresses: Mapping[str, str] = MappingProxyType({})
    ) -> dict[str, Any]:
        """The `input` object as it is sent; None is never in it, 0 and False stay.

        Args:
            image_url: Where the picture of the role `image` is.
            addresses: Where every other medium is, by its sha256; one that is missing is a KeyError.
        """
        wire = dict(self.inputs)
        for slot in self.slots:
            urls = [addresses[one.sha256] for one in self.media.get(slot.role, ())]
            if slot.role == "image" and image_url is not None:
                urls = [image_url]
            found = [slot.wrap(url) if slot.wrap else url for url in urls]
            if found:
                wire[slot.field] = [*wire.get(slot.field, ()), *found] if slot.is_list else found[0]
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
        row = rows().get(self.model)
        inputs = row.canonical(self.inputs) if row and row.canonical else self.inputs
        others = {role: [one.sha256 for one in given] for role, given in self.media.items()}
        identity = {"service": service, "model": self.model, "input": inputs, "image": image}
        return identity | ({"media": others} if others else {})

    def to_json(self) -> dict[str, Any]:
        """A plain object for the ledger."""
        kept = {_KEPT_AS.get(name, name): value for name, value in asdict(self).items()}
        if not self.media:  # as rows of before have it
            del kept["media"]
        return kept

    @classmethod
    def from_json(cls, stored: dict[str, Any]) -> Request:
        """What `to_json` gave."""
        image = ImageIdentity(**stored["image"]) if stored.get("image") else None
        media: dict[Role, tuple[MediaIdentity, ...]] = {
            role: tuple(MediaIdentity(**one) for one in given)
            for role, given in stored.get("media", {}).items()
        }
        apart = {"image", "media"}
        kept = {name: _KEPT_AS.get(name, name) for name in cls.__slots__ if name not in apart}
        return cls(
            image=image, media=media, **{name: stored[key] for name, key in kept.items() if key in stored}
        )


def length_in_words(seconds: object) -> str:
    """A length as a model takes it: some have numbers that are no seconds."""
    return {"-1": "as the model decides", "0": "as long as its video"}.get(str(seconds), f"{seconds} s")


def _digest(identity: dict[str, Any]) -> str:
    canonical = json.dumps(identity, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


_IMAGE, _MEDIUM, _REQUEST = TypeAdapter(ImageIdentity), TypeAdapter(MediaIdentity), TypeAdapter(Request)


def read_image(stored: Any, kind: Kind = "image") -> ImageIdentity:
    """The picture, or what else, that *stored* names; ValueError where it names none."""
    return _IMAGE.validate_python(stored) if kind == "image" else _MEDIUM.validate_python(stored)


def read_request(stored: Any) -> Request:
    """The request that `Request.to_json` gave; ValueError for one that could not be shown and sent."""
    if is_deeper(stored, MAX_DEPTH):
        raise ValueError("it is nested too deeply")
    request = _REQUEST.validate_python(stored)
    _check_inputs(request)
    return request


def _check_inputs(request: Request) -> None:
    """Refuse inputs that a call would take for something else, that no JSON can hold, or that do not fit their model."""
    row = rows().get(request.model)
    is_strict = row is not None and not row.was_raw
    given = {role for role, _one in request.all_media}
    apart = {"seed"} | {slot.field for slot in request.slots if is_strict or slot.role in given}
    if apart & set(request.inputs):
        raise ValueError("its picture or seed is among its inputs, too")
    if unknown_roles := set(request.media) - {slot.role for slot in request.slots}:
        raise ValueError(f"its model takes no {min(unknown_roles)}")
    json.dumps(request.inputs, allow_nan=False, ensure_ascii=False).encode()
    if not is_strict:
        return
    model = find(request.model)
    if unknown := set(request.inputs) - set(model.model_fields if model else ()):
        raise ValueError(f"its model has no field {min(unknown)[:60]!r}")
    checked = model.model_validate(request.inputs) if model else None
    if any(getattr(checked, name) != value for name, value in request.inputs.items()):
        raise ValueError("its inputs do not fit its model")
