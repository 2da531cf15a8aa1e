"""HappyHorse 1.0 and 1.1 (kie-models §8). Sound is always on."""

from typing import Any

from ..entries import Entry, aspect, choice, prompt, resolution, seconds, seed
from ..media import JPEG, MB, PNG, WEBP, Slot
from ..prices import Rate, each_second, rates
from ..rows import MOVIES, Row, clip, first, references

SOURCE = "docs.kie.ai/market/happyhorse, kie.ai/pricing, recordings of 2026-04-30"
SHAPES = ("16:9", "9:16", "1:1", "4:3", "3:4")
SIZES = resolution("720p", "1080p", default="1080p")
LENGTH = seconds(3, 15)
EACH = each_second("resolution", {"720p": 28, "1080p": 48})
EACH_1_1 = each_second("resolution", {"720p": 22.5, "1080p": 29})
EDITED = rates(
    "resolution", {"720p": 28, "1080p": 48}, "video", "video"
)  # as long as the video; both are billed
PHOTOS = (JPEG, PNG, WEBP)


def happyhorse(
    version: str, name: str, title: str, *entries: Entry, price: tuple[Rate, ...], **more: Any
) -> Row:
    """A model of either; 1.1 has no seed."""
    fields = (*entries, SIZES, *([seed(shown=0)] if version == "happyhorse" else ()))
    return Row(id=f"{version}/{name}", title=title, entries=fields, price=price, as_of="2026-08", source=SOURCE, typical_s=90.0, **more)  # fmt: skip


def frame(megabytes: int) -> Slot:
    """The first frame."""
    return first("image_urls", is_list=True, mimes=PHOTOS, max_bytes=megabytes * MB, min_side=300, ratio=2.5)


def figures(most: int, least: int) -> Slot:
    """Who is in it: character1, character2 in the prompt."""
    return references("reference_image", most, least=least, mimes=PHOTOS, max_bytes=10 * MB, min_side=400)


OPTIONAL, REQUIRED = prompt(5000, required=False), prompt(5000)
ONE, NEWER = "happyhorse", "happyhorse-1-1"
SHAPE = aspect(*SHAPES, default="16:9")
SHAPE_1_1 = aspect(*SHAPES, "4:5", "5:4", "9:21", "21:9", default="16:9")
ROWS = (
    happyhorse(ONE, "text-to-video", "HappyHorse text to video", REQUIRED, LENGTH, SHAPE, price=EACH),
    happyhorse(ONE, "image-to-video", "HappyHorse image to video", OPTIONAL, LENGTH, price=EACH, slots=(frame(10),)),
    happyhorse(
        ONE, "reference-to-video", "HappyHorse reference to video", REQUIRED, LENGTH, SHAPE, price=EACH,
        slots=(figures(9, 1),),
    ),
    happyhorse(
        ONE, "video-edit", "HappyHorse video edit", REQUIRED,
        choice("audio_setting", "Sound", "New sound, or that of the video", "auto", "origin", shown="auto"), price=EDITED,
        slots=(
            clip("video_url", least=1, mimes=MOVIES, min_s=3, max_s=60, min_side=320, max_side=2160, max_bytes=100 * MB),
            figures(5, 0),
        ),
    ),
    happyhorse(NEWER, "text-to-video", "HappyHorse 1.1 text to video", REQUIRED, LENGTH, SHAPE_1_1, price=EACH_1_1),
    happyhorse(NEWER, "image-to-video", "HappyHorse 1.1 image to video", OPTIONAL, LENGTH, price=EACH_1_1, slots=(frame(20),)),
    happyhorse(
        NEWER, "reference-to-video", "HappyHorse 1.1 reference to video", REQUIRED, LENGTH, SHAPE_1_1, price=EACH_1_1,
        slots=(figures(9, 1),),
    ),
)  # fmt: skip
