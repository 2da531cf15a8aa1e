"""Gemini Omni (kie-models §9.3)."""

from collections.abc import Mapping
from typing import Any

from ..entries import aspect, duration, objects, prompt, resolution, seed, texts
from ..prices import Media, Rate, rates
from ..rows import Row, references


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
SIZES = ("720p", "1080p", "4k")
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

ROWS = (
    Row(
        id="gemini-omni-video",
        title="Gemini Omni",
        entries=(
            prompt(20_000),
            duration("4", "6", "8", "10", required=True),
            resolution("720p", "1080p", "4k", default="720p"),
            aspect("16:9", "9:16"),
            seed(),
            objects("video_list", "Video", "A video to work from: {url, start, ends}", 1, check=_window),
            texts("audio_ids", "Sounds", "Ids of sounds at the service", 3),
            texts("character_ids", "Characters", "Ids of characters at the service", 3),
        ),
        slots=(references("image_urls", 7, mimes=()),),
        price=PRICE,
        as_of="2026-09",
        source="docs.kie.ai/market, kie.ai/pricing",
        rules=(_seven_in_all,),
    ),
)
