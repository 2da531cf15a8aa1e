"""MiniMax: Hailuo 02 and 2.3, and H3 (kie-models §5)."""

from collections.abc import Mapping
from typing import Any

from ..entries import NSFW, Entry, aspect, duration, prompt, resolution, seconds, switch
from ..media import MB, Slot
from ..prices import Media, Rate, clips, rates
from ..rows import MOVIES, Row, clip, first, last, not_alone, one_of, references, voice

SOURCE = "docs.kie.ai/market/hailuo, kie.ai/pricing"
OPTIMIZER = switch("prompt_optimizer", "Prompt optimizer", "Let the service rewrite the prompt")
FRAMES = (first(), last("end_image_url"))
WHOLE = (Rate(credits=57),)  # of 6 s in 1080p


def hailuo_02(
    name: str, title: str, *entries: Entry, price: tuple[Rate, ...], slots: tuple[Slot, ...] = ()
) -> Row:
    """A model of Hailuo 02; the service refuses a resolution where there is none to choose."""
    fields = (prompt(1500), *entries, OPTIMIZER, NSFW)
    return Row(
        id=f"hailuo/02-{name}", title=title, entries=fields, slots=slots, price=price, as_of="2026-08", source=SOURCE
    )  # fmt: skip


def _ten_seconds_are_small(inputs: Mapping[str, Any], _media: Media) -> str:
    is_both = inputs.get("duration") == "10" and inputs.get("resolution") == "1080P"
    return "duration=10 is offered at 768P alone." if is_both else ""


def hailuo_2_3(name: str, price: tuple[float, float, float]) -> Row:
    """A model of Hailuo 2.3."""
    short, long, large = price
    return Row(
        id=f"hailuo/2-3-image-to-video-{name}",
        title=f"Hailuo 2.3 {name}",
        entries=(prompt(5000), duration("6", "10"), resolution("768P", "1080P", default="768P"), NSFW),
        slots=(first(),),
        price=(*clips("duration", {"6": short, "10": long}, resolution="768P"), *clips("duration", {"6": large}, resolution="1080P")),
        as_of="2026-09",
        source=SOURCE,
        typical_s=90.0,
        rules=(_ten_seconds_are_small,),
    )  # fmt: skip


SHAPES = ("21:9", "16:9", "4:3", "1:1", "3:4", "9:16")
FRAME: dict[str, Any] = {
    "mimes": ("image/jpeg", "image/png", "image/webp", "image/heic", "image/heif"),
    "max_bytes": 30 * MB, "min_side": 256, "max_side": 5760, "ratio": 2.5,
}  # fmt: skip
H3_PRICES = {"768P": 8, "2K": 13}


def h3(
    name: str, title: str, *entries: Entry, slots: tuple[Slot, ...] = (), rules: tuple[Any, ...] = ()
) -> Row:
    """A model of H3: 4 credits more for each picture beyond five; the seconds of a video that is given are billed, too."""
    dear: dict[str, Any] = {"extra": (4, 5)}
    return Row(
        id=f"minimax-h3/{name}",
        title=title,
        entries=(
            prompt(7000), seconds(4, 15, 6, required=True), resolution("768P", "2K", default="2K", required=True), *entries
        ),
        slots=slots,
        price=(*rates("resolution", H3_PRICES, "duration", "video", **dear, video=True), *rates("resolution", H3_PRICES, "duration", **dear)),
        as_of="2026-09",
        source="docs.kie.ai/market/minimax, kie.ai/pricing",
        rules=rules,
    )  # fmt: skip


ROWS = (
    hailuo_02("text-to-video-pro", "Hailuo 02 pro text to video", price=WHOLE),
    hailuo_02(
        "text-to-video-standard", "Hailuo 02 standard text to video", duration("6", "10"),
        price=clips("duration", {"6": 30, "10": 50}),
    ),
    hailuo_02("image-to-video-pro", "Hailuo 02 pro image to video", price=WHOLE, slots=FRAMES),
    hailuo_02(
        "image-to-video-standard", "Hailuo 02 standard image to video",
        duration("6", "10", default="10"), resolution("512P", "768P", default="768P"), slots=FRAMES,
        # No page has 6 s at 768P: it is taken from the text model.
        price=(*clips("duration", {"6": 30, "10": 50}, resolution="768P"), *clips("duration", {"6": 12, "10": 20}, resolution="512P")),
    ),
    hailuo_2_3("pro", (45, 90, 80)),
    hailuo_2_3("standard", (30, 50, 50)),
    h3("text-to-video", "MiniMax H3 text to video", aspect(*SHAPES, default="16:9", required=True)),
    h3(
        "image-to-video", "MiniMax H3 image to video",
        slots=(first("first_frame_url", **FRAME | {"least": 0}), last("last_frame_url", **FRAME)),
        rules=(one_of("image", "last_image"),),
    ),
    h3(
        "reference-to-video", "MiniMax H3 reference to video", aspect(*SHAPES, "adaptive", default="adaptive"),
        slots=(
            references("reference_image_urls", 9, mimes=()),
            clip("reference_video_urls", is_list=True, most=3, total_s=15, max_bytes=50 * MB, mimes=MOVIES, is_reference=True),
            voice("reference_audio_urls", is_list=True, most=3, mimes=(), is_reference=True),
        ),
        rules=(one_of("reference", "video", "audio"), not_alone("audio", "reference", "video")),
    ),
)  # fmt: skip
