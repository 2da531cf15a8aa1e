"""One pydantic model per Kie model on the market endpoint (kie-api §11), and the dated price list, for estimates only. A new model is a class here, listed in `MODELS`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, StrictInt

from ..bounds import MAX_SECONDS, as_whole
from .media import MB, PICTURES, Slot


class ModelInput(BaseModel):
    """The `input` of one Kie model; a field's name here is its name on the wire.

    A field whose value is None is not sent. Unknown fields are refused: some models ignore them, others answer 422
    (kie-api §3), and neither is what was meant.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)

    model_id: ClassVar[str]
    model_title: ClassVar[str]
    slots: ClassVar[tuple[Slot, ...]] = ()
    image_field: ClassVar[str | None] = None  # of the role `image`
    credits_per_second: ClassVar[dict[str, float]] = {}
    prices_as_of: ClassVar[str] = ""
    typical_s: ClassVar[float | None] = None  # how long a task takes at work, about

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


SEED_MAX = 2_147_483_647  # undocumented for 2.5; the range of its sibling models (kie-api §11.1)


def _seconds(value: Any) -> Any:
    """5 and "5s" mean "5": the wire wants a string (kie-api §3), people write numbers."""
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and float(value).is_integer():
        return str(int(value))
    return value.strip().removesuffix("s") if isinstance(value, str) else value


def _lines(value: Any) -> Any:
    """720, "720" and "720P" mean "720p"; the wire wants the small p for 2.5."""
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value}p"
    if isinstance(value, str):
        text = value.strip().lower()
        return f"{text}p" if text.isdigit() else text
    return value


class _Wan25(ModelInput):
    """The fields that both Wan 2.5 models share (kie-api §11.2, §11.3)."""

    # 720p 5 s is $0.30, 1080p 10 s $1.00; the price page of Sep-Oct 2026 and the callback example of the model's own page agree.
    credits_per_second: ClassVar[dict[str, float]] = {"720p": 12.0, "1080p": 20.0}
    prices_as_of: ClassVar[str] = "2026-10"
    typical_s: ClassVar[float | None] = (
        120.0  # recorded tasks of its siblings took 1 to 5 minutes (kie-api §4.7)
    )

    prompt: str = Field(
        title="Prompt",
        min_length=1,
        max_length=800,
        description="What should move? Describe speech and sound too.",
    )
    duration: Annotated[Literal["5", "10"], BeforeValidator(_seconds)] = Field(
        "5", title="Duration", description="Length of the video", json_schema_extra={"unit": "s"}
    )
    resolution: Annotated[Literal["720p", "1080p"], BeforeValidator(_lines)] = Field(
        "720p", title="Resolution", description="Height of the video in lines"
    )
    negative_prompt: str | None = Field(
        None, title="Negative prompt", max_length=500, description="What to avoid"
    )
    enable_prompt_expansion: StrictBool | None = Field(
        None, title="Prompt expansion", description="Let the service rewrite the prompt; off repeats better"
    )
    seed: Annotated[StrictInt | None, BeforeValidator(as_whole)] = Field(
        None, title="Seed", ge=0, le=SEED_MAX, description="Left out: a random one, recorded with the run"
    )
    nsfw_checker: StrictBool | None = Field(
        None, title="NSFW checker", description="The service's extra content filter"
    )


class Wan25ImageToVideo(_Wan25):
    """Wan 2.5, the picture becomes the first frame."""

    model_id: ClassVar[str] = "wan/2-5-image-to-video"
    model_title: ClassVar[str] = "Wan 2.5 image to video"
    image_field: ClassVar[str | None] = "image_url"
    slots: ClassVar[tuple[Slot, ...]] = (
        Slot(role="image", field="image_url", least=1, mimes=PICTURES, max_bytes=10 * MB),
    )

    image_url: str | None = Field(
        None,
        title="Image",
        description="First frame: a path, a URL or a variable; JPEG, PNG or WebP, at most 10 MB",
    )


class Wan25TextToVideo(_Wan25):
    """Wan 2.5 from the prompt alone."""

    model_id: ClassVar[str] = "wan/2-5-text-to-video"
    model_title: ClassVar[str] = "Wan 2.5 text to video"

    aspect_ratio: Literal["16:9", "9:16", "1:1"] | None = Field(
        None, title="Aspect ratio", description="Width to height"
    )


MODELS: tuple[type[ModelInput], ...] = (Wan25ImageToVideo, Wan25TextToVideo)
DEFAULT_MODEL = Wan25ImageToVideo.model_id
_BY_ID = {model.model_id: model for model in MODELS}


def known_models() -> tuple[str, ...]:
    """The ids of the models we describe, the default first."""
    return tuple(_BY_ID)


def find(model_id: str) -> type[ModelInput] | None:
    """The description of *model_id*, or None if we have none."""
    return _BY_ID.get(model_id)


USD_PER_CREDIT = 0.005  # kie-api §7
SLACK = 0.25  # of the listed price


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What the price list of *as_of* asks."""

    credits: float
    as_of: str

    @property
    def usd(self) -> float:
        """The same in US dollars."""
        return self.credits * USD_PER_CREDIT

    def __str__(self) -> str:
        return f"about {self.credits:g} credits (${self.usd:.2f}, prices of {self.as_of})"


def estimate(model_id: str, inputs: dict[str, Any]) -> Estimate | None:
    """The estimate for *inputs*; None where no price is known, which does not mean free."""
    model = find(model_id)
    credits_ = model.credits(inputs) if model else None
    return None if model is None or credits_ is None else Estimate(credits=credits_, as_of=model.prices_as_of)


def is_far(estimate: Estimate, real: float) -> bool:
    """Whether a *real* cost differs from the estimate by more than a quarter: the price list may be old."""
    return abs(real - estimate.credits) > estimate.credits * SLACK


def price_remarks(costs: Iterable[tuple[Estimate, float]]) -> list[str]:
    """What is to be said of real costs that are far from the list, a line for each list and direction."""
    far: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for found, real in costs:
        if is_far(found, real):
            key = (found.as_of, "more" if real > found.credits else "less")
            far.setdefault(key, []).append((found.credits, real))
    said = []
    for (as_of, direction), pairs in sorted(far.items()):
        listed, real_sum = (sum(column) for column in zip(*pairs, strict=True))
        runs = f"{len(pairs)} run{'s' if len(pairs) > 1 else ''}"
        share = f"{abs(real_sum / listed - 1):.0%} {direction}"
        said.append(f"{runs} cost {share} than the price list of {as_of} says; it may be old")
    return said
