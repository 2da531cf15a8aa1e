"""Kling 2.1, 2.5 and 2.6, its avatars and motion control (kie-models §1)."""

from typing import Any

from ..entries import Entry, aspect, cfg, choice, duration, negative, prompt, resolution, sound
from ..media import MB, Slot
from ..prices import Rate, clips, rates
from ..rows import CLIPS, MOVIES, NO_WEBP, SPEECH, Row, clip, first, last, voice

SOURCE = "docs.kie.ai/market/kling, kie.ai/pricing; two copies of the docs and four clients agree"
LENGTH = duration("5", "10")
LENGTH_2_6 = duration("5", "10", required=True)
SHAPES = ("1:1", "16:9", "9:16")
FRAME = first(mimes=NO_WEBP)  # WebP was listed in spring, and is gone
END = last("tail_image_url", mimes=NO_WEBP)
OLD = (negative(500), cfg())


def kling_2(name: str, title: str, *entries: Entry, prices: tuple[float, float], **more: Any) -> Row:
    """A model of 2.1 or 2.5."""
    price = clips("duration", dict(zip(("5", "10"), prices, strict=True)))
    return Row(
        id=f"kling/{name}", title=title, entries=entries, price=price, as_of="2026-08", source=SOURCE, **more
    )


def kling_2_6(name: str, title: str, *entries: Entry, **more: Any) -> Row:
    """A model of 2.6: the docs say 1000 characters; a live page took 2500 once."""
    price = (
        *clips("duration", {"5": 55, "10": 110}, sound=False),
        *clips("duration", {"5": 110, "10": 220}, sound=True),
    )
    fields = (prompt(1000), LENGTH_2_6, *entries, sound(required=True, default=False))
    return Row(
        id=f"kling-2.6/{name}",
        title=title,
        entries=fields,
        price=price,
        as_of="2026-08",
        source=SOURCE,
        **more,
    )


def avatar(name: str, title: str, price: float) -> Row:
    """A face that speaks."""
    return Row(
        id=f"kling/ai-avatar-{name}",
        title=title,
        entries=(prompt(5000, least=0, default=""),),
        slots=(FRAME, voice(least=1, mimes=SPEECH, max_bytes=100 * MB, max_s=300)),
        price=(Rate(credits=price, seconds=("audio",)),),
        as_of="2026-08",
        source=SOURCE,
    )


ORIENTATION = choice(
    "character_orientation", "Orientation", "Which of the two the figure faces as", "image", "video", default="video", required=True
)  # fmt: skip
MODE = resolution("720p", "1080p", default="720p", name="mode")


def _image_is_short(inputs: Any, media: Any) -> str:
    seconds = [one.seconds for one in media.get("video", ()) if getattr(one, "seconds", None)]
    is_long = inputs.get("character_orientation") == "image" and any(found > 10 for found in seconds)  # noqa: PLR2004
    return "character_orientation=image: the video may last 10 s at most." if is_long else ""


def motion(version: str, prices: tuple[float, float], *entries: Entry, guide: Slot) -> Row:
    """A picture that moves as a video does."""
    return Row(
        id=f"kling-{version}/motion-control",
        title=f"Kling {version} motion control",
        entries=(prompt(2500, required=False), MODE, *entries),
        slots=(first("input_urls", is_list=True, mimes=NO_WEBP), guide),
        price=rates("mode", dict(zip(("720p", "1080p"), prices, strict=True)), "video"),
        as_of="2026-08",
        source=SOURCE,
        rules=(_image_is_short,),
    )


BACKGROUND = choice(
    "background_source", "Background", "That of the video, or of the picture", "input_video", "input_image"
)

ROWS = (
    kling_2_6("text-to-video", "Kling 2.6 text to video", aspect(*SHAPES, default="1:1", required=True)),
    kling_2_6("image-to-video", "Kling 2.6 image to video", slots=(first("image_urls", is_list=True, mimes=NO_WEBP),)),
    kling_2(
        "v2-5-turbo-text-to-video-pro", "Kling 2.5 turbo text to video",
        prompt(2500), LENGTH, aspect("16:9", "9:16", "1:1", default="16:9"), negative(2500), cfg(), prices=(42, 84),
    ),
    kling_2(
        "v2-5-turbo-image-to-video-pro", "Kling 2.5 turbo image to video",
        prompt(2500), LENGTH, *OLD, prices=(42, 84), slots=(FRAME, END),
    ),
    kling_2("v2-1-standard", "Kling 2.1 standard", prompt(5000), LENGTH, *OLD, prices=(25, 50), slots=(FRAME,)),
    kling_2("v2-1-pro", "Kling 2.1 pro", prompt(5000), LENGTH, *OLD, prices=(50, 100), slots=(FRAME, END)),
    kling_2(
        "v2-1-master-image-to-video", "Kling 2.1 master image to video",
        prompt(5000), LENGTH, *OLD, prices=(160, 320), slots=(FRAME,),
    ),
    kling_2(
        "v2-1-master-text-to-video", "Kling 2.1 master text to video",
        prompt(5000), LENGTH, aspect("16:9", "9:16", "1:1", default="16:9"), *OLD, prices=(160, 320),
    ),
    avatar("standard", "Kling avatar standard", 8),
    avatar("pro", "Kling avatar pro", 16),
    motion(
        "2.6", (11, 18), ORIENTATION,
        guide=clip("video_urls", is_list=True, least=1, mimes=CLIPS, max_bytes=100 * MB, min_s=3, max_s=30),
    ),
    # Its page says std and pro; the wire takes 720p and refuses those (recorded in April and September 2026).
    motion(
        "3.0", (20, 27), ORIENTATION, BACKGROUND,
        guide=clip("video_urls", is_list=True, least=1, mimes=MOVIES, max_bytes=100 * MB, min_s=3, max_s=30),
    ),
)  # fmt: skip
