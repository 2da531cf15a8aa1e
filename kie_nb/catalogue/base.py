"""What every described model has in common."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from ..bounds import MAX_SECONDS


class ModelInput(BaseModel):
    """The `input` of one Kie model; a field's name here is its name on the wire.

    A field whose value is None is not sent. Unknown fields are refused: some models ignore them, others answer 422
    (kie-api §3), and neither is what was meant.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)

    model_id: ClassVar[str]
    model_title: ClassVar[str]
    image_field: ClassVar[str | None] = None
    credits_per_second: ClassVar[dict[str, float]] = {}
    prices_as_of: ClassVar[str] = ""

    @classmethod
    def credits(cls, inputs: dict[str, Any]) -> float | None:
        """What the price list asks for *inputs*, in credits; None where it does not say."""
        rate = cls.credits_per_second.get(str(inputs.get("resolution")))
        seconds = cls.asked_seconds(inputs)
        return None if rate is None or seconds is None else rate * seconds

    @classmethod
    def asked_seconds(cls, inputs: dict[str, Any]) -> float | None:
        """How long the video should be, in seconds; None where *inputs*, which may be a stored request's, do not say."""
        try:
            seconds = float(inputs["duration"])
        except (KeyError, TypeError, ValueError, OverflowError):
            return None
        return seconds if 0 < seconds < MAX_SECONDS else None
