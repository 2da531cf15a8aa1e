"""A request as ledgers, exports and videos keep it, checked when it is read back: they are untrusted."""

from __future__ import annotations

import json
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ..bounds import MAX_DEPTH, Seed, Sha256, Text, Url, Whole, Word, is_deeper
from .describe import find
from .request import ImageIdentity, Request


class _Part(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class StoredImage(_Part):
    """`ImageIdentity` as it is kept."""

    sha256: Sha256
    label: Text
    mime: Annotated[Text, Field(max_length=100)] = ""
    bytes: Whole = 0
    width: Whole = 0
    height: Whole = 0
    url: Url | None = None
    by_url: bool = False

    def identity(self) -> ImageIdentity:
        """What was kept."""
        return ImageIdentity(**self.__dict__)


class _StoredRequest(_Part):
    model: Word
    input: dict[str, Any]
    image: StoredImage | None = None
    seed: Seed | None = None
    call_back_url: Annotated[Url | None, Field(alias="callBackUrl")] = None
    replicate: Whole = 0


def read_image(stored: Any) -> ImageIdentity:
    """The picture that *stored* names; ValueError where it names none."""
    return StoredImage.model_validate(stored).identity()


def read_request(stored: Any) -> Request:
    """The request that `Request.to_json` gave; ValueError for one that could not be shown and sent."""
    if is_deeper(stored, MAX_DEPTH):
        raise ValueError("it is nested too deeply")
    found = _StoredRequest.model_validate(stored)
    request = Request(
        model=found.model,
        inputs=found.input,
        image=found.image.identity() if found.image else None,
        seed=found.seed,
        call_back_url=found.call_back_url,
        replicate=found.replicate,
    )
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
