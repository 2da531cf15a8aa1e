"""Gemini Omni (kie-models §9.3)."""

from collections.abc import Mapping
from typing import Any

from ..entries import aspect, duration, objects, prompt, resolution, seed, texts
from ..media import MB
from ..prices import Media, Rate, rates
from ..rows import Row, apart, first, last, needs, references


def _window(given: Any) -> str:
    if not isinstance(given, dict) or set(given) != {"url", "start", "ends"}:
        return "each is {url, start, ends}"
    times = [given["start"], given["ends"]]
    if not isinstance(given["url"], str) or not all(type(time) in {int, float} for time in times):
        return "url is an address, start and ends are seconds"
    return "" if 0 < times[1] - times[0] <= 10 else "from start to ends are at most 10 s"  # noqa: PLR2004


def _seven_in_all(inputs: Mapping[str, Any], media: Media) -> str:
    count = (
        len(media.get("reference", ()))
        + 2 * len(inputs.get("video_list", ()))
        + len(inputs.get("character_ids", ()))
    )
    return f"{count} of pictures, twice the videos, and characters: at most 7." if count > 7 else ""  # noqa: PLR2004


SMALL, LARGE = {"4": 63, "6": 84, "8": 105, "10": 126}, {"4": 147, "6": 168, "8": 189, "10": 210}


def _frame_alone(inputs: Mapping[str, Any], media: Media) -> str:
    others = [name for name in ("video_list", "audio_ids", "character_ids") if inputs.get(name)]
    both = media.get("image") and others
    return f"image and {others[0]} exclude each other: keep one of them." if both else ""


SIZES = ("360p", "720p", "1080p", "4k")  # the first of Flash alone
PRICE = (
    *(
        Rate(credits=252 if size == "4k" else 168, when=(("resolution", size), ("video", True)))
        for size in SIZES
    ),
    *(
        rate
        for size in SIZES
        for rate in rates("duration", LARGE if size == "4k" else SMALL, resolution=size)
    ),
)


def omni(model: str, title: str, *sizes: str, **more: Any) -> Row:
    """A model of the family."""
    return Row(
        id=model,
        title=title,
        entries=(
            prompt(20_000),
            duration("4", "6", "8", "10", required=True),
            resolution(*sizes, default="720p"),
            aspect("16:9", "9:16"),
            seed(),
            objects("video_list", "Video", "A video to work from: {url, start, ends}", 1, check=_window),
            texts("audio_ids", "Sounds", "Ids of sounds at the service", 3),
            texts("character_ids", "Characters", "Ids of characters at the service", 3),
        ),
        price=tuple(rate for rate in PRICE if dict(rate.when)["resolution"] in sizes),
        source="docs.kie.ai/market, kie.ai/pricing",
        **more,
    )


PICTURES = references("image_urls", 7, mimes=())
LARGE_FRAME: dict[str, Any] = {"mimes": (), "max_bytes": 20 * MB}
ROWS = (
    omni(
        "gemini-omni-video", "Gemini Omni", *SIZES[1:], slots=(PICTURES,), rules=(_seven_in_all,), as_of="2026-09"
    ),
    omni(
        "google/gemini-omni-flash-1-1", "Gemini Omni 1.1 Flash", *SIZES, as_of="2026-10",
        slots=(first("first_frame_url", least=0, **LARGE_FRAME), last("last_frame_url", **LARGE_FRAME), PICTURES),
        rules=(_seven_in_all, needs("last_image", "image"), apart(("image",), ("reference",)), _frame_alone),
    ),
)  # fmt: skip
