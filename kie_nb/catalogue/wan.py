"""Wan models on Kie's market endpoint (kie-api §11)."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, StrictBool, StrictInt

from .base import ModelInput

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

    prompt: Annotated[
        str,
        Field(
            title="Prompt",
            min_length=1,
            max_length=800,
            description="the motion wanted; speech and sound are described here too",
        ),
    ]
    duration: Annotated[
        Literal["5", "10"],
        BeforeValidator(_seconds),
        Field(title="Duration", description="length of the video", json_schema_extra={"unit": "s"}),
    ] = "5"
    resolution: Annotated[
        Literal["720p", "1080p"],
        BeforeValidator(_lines),
        Field(title="Resolution", description="lines of the video"),
    ] = "720p"
    negative_prompt: Annotated[
        str | None, Field(title="Negative prompt", max_length=500, description="what to avoid")
    ] = None
    enable_prompt_expansion: Annotated[
        StrictBool | None,
        Field(title="Prompt expansion", description="let the service rewrite the prompt; off repeats better"),
    ] = None
    seed: Annotated[
        StrictInt | None,
        Field(title="Seed", ge=0, le=SEED_MAX, description="left out: drawn here, sent and recorded"),
    ] = None
    nsfw_checker: Annotated[
        StrictBool | None, Field(title="NSFW checker", description="the service's extra content filter")
    ] = None


class Wan25ImageToVideo(_Wan25):
    """Wan 2.5, the picture becomes the first frame."""

    model_id: ClassVar[str] = "wan/2-5-image-to-video"
    model_title: ClassVar[str] = "Wan 2.5 image to video"
    image_field: ClassVar[str | None] = "image_url"

    image_url: Annotated[
        str | None,
        Field(
            title="Image",
            description="first frame: a path, a URL or a variable; jpeg, png or webp, at most 10 MB",
        ),
    ] = None


class Wan25TextToVideo(_Wan25):
    """Wan 2.5 from the prompt alone."""

    model_id: ClassVar[str] = "wan/2-5-text-to-video"
    model_title: ClassVar[str] = "Wan 2.5 text to video"

    aspect_ratio: Annotated[
        Literal["16:9", "9:16", "1:1"] | None, Field(title="Aspect ratio", description="width to height")
    ] = None


MODELS: tuple[type[ModelInput], ...] = (Wan25ImageToVideo, Wan25TextToVideo)
DEFAULT_MODEL = Wan25ImageToVideo.model_id
