"""Wan 2.7 and 3.0, and the two of 2.7 that draw pictures (kie-api §11.6 to §11.8)."""

from collections.abc import Mapping
from typing import Any

from ..entries import (
    EXTEND,
    NSFW,
    WATERMARK,
    Entry,
    aspect,
    choice,
    negative,
    objects,
    prompt,
    resolution,
    seconds,
    seed,
    sound,
    switch,
    texts,
    whole,
)
from ..media import MB, Slot
from ..prices import Media, Rate, each_second, rates, with_input_seconds
from ..rows import MOVIES, Row, apart, clip, first, last, needs, one_of, references, together, voice

SOURCE = "docs.kie.ai/market/wan, kie.ai/pricing"
SIZES = resolution("720p", "1080p", default="1080p")
SHAPES = ("16:9", "9:16", "1:1", "4:3", "3:4")
COMMON = (EXTEND, WATERMARK, seed(), NSFW)
WAN_2_7 = each_second("resolution", {"720p": 16, "1080p": 24})
# A whole clip is edited where no length is given.
EDITED = (
    *rates("resolution", {"720p": 16, "1080p": 24}, "video", duration=0),
    *WAN_2_7,
)


def wan_2_7(name: str, title: str, *entries: Entry, slots: tuple[Slot, ...], **more: Any) -> Row:
    """A model of Wan 2.7; all but the edit need a prompt."""
    told: dict[str, Any] = {"price": WAN_2_7, "as_of": "2026-08", "source": SOURCE, "typical_s": 300.0}
    fields = (prompt(5000, required=name != "videoedit"), *entries, SIZES, negative(), *COMMON)
    return Row(id=f"wan/2-7-{name}", title=title, entries=fields, slots=slots, **told | more)


VIDEOS_2_7 = (
    wan_2_7(
        "text-to-video", "Wan 2.7 text to video", seconds(2, 15), aspect(*SHAPES, name="ratio", default="16:9"),
        slots=(voice(mimes=()),),
    ),
    wan_2_7(
        "image-to-video", "Wan 2.7 image to video", seconds(2, 15),
        slots=(
            first("first_frame_url", least=0), last("last_frame_url"),
            clip("first_clip_url"), voice("driving_audio_url", mimes=()),
        ),
        rules=(one_of("image", "video"), needs("last_image", "image"), apart(("image",), ("video",))),
    ),
    wan_2_7(
        "r2v", "Wan 2.7 reference to video", seconds(2, 10), aspect(*SHAPES, default="16:9"),
        slots=(
            first("first_frame", least=0), references("reference_image", 5),
            clip("reference_video", is_list=True, most=5, is_reference=True),
            voice("reference_voice", mimes=("audio/wav", "audio/mpeg"), min_s=1, max_s=10, max_bytes=15 * MB),
        ),
        rules=(one_of("reference", "video"), together(5, "reference", "video")),
    ),
    wan_2_7(
        "videoedit", "Wan 2.7 video edit", seconds(2, 10, 0, also=(0,), help="Length of the video; 0: the whole clip"), aspect(*SHAPES),
        choice("audio_setting", "Sound", "New sound, or that of the video", "auto", "origin", shown="auto"),
        slots=(
            clip("video_url", least=1, mimes=MOVIES, min_s=2, max_s=10, min_side=240, max_side=4096, ratio=8, max_bytes=100 * MB),
            references("reference_image", 1, is_list=False),
        ),
        price=EDITED,
    ),
)  # fmt: skip


def _file_or_link(inputs: Mapping[str, Any], _media: Media) -> str:
    both = inputs.get("reference_file_urls") and inputs.get("reference_link_urls")
    return "reference_file_urls and reference_link_urls exclude each other: keep one of them." if both else ""


def _frames_or_pages(inputs: Mapping[str, Any], media: Media) -> str:
    pages = inputs.get("reference_file_urls") or inputs.get("reference_link_urls")
    return (
        "image and reference pages exclude each other: keep one of them."
        if pages and media.get("image")
        else ""
    )


def wan_3(name: str, title: str, prices: Mapping[str, float]) -> Row:
    """A model of Wan 3.0; the seconds of videos that are given are billed, too."""
    return Row(
        id=f"wan/3-0-{name}",
        title=title,
        entries=(
            prompt(20_000),
            seconds(2, 30, also=(-1,), help="Length of the video; -1: the model decides"),
            resolution("480P", "720P", "1080P", default="1080P"),
            aspect("adaptive", "16:9", "4:3", "1:1", "3:4", "9:16", default="adaptive"),
            sound("audio", default=True),
            seed(),
            texts("reference_file_urls", "Reference file", "The address of a document, up to 50 pages", 1),
            texts("reference_link_urls", "Reference link", "The address of a page", 1),
            NSFW,
        ),
        slots=(
            first("first_frame_url", least=0),
            last("last_frame_url"),
            references("reference_image_urls", 10),
            clip("reference_video_urls", is_list=True, most=5, total_s=15, is_reference=True),
            voice("reference_audio_urls", mimes=(), is_list=True, most=5, is_reference=True),
        ),
        price=(*with_input_seconds("resolution", prices), *each_second("resolution", prices)),
        as_of="2026-08",
        source=f"{SOURCE}, newer than 2026-08",
        rules=(
            needs("last_image", "image"),
            apart(("image", "last_image"), ("reference", "video", "audio")),
            _file_or_link,
            _frames_or_pages,
        ),
    )


def _has_no_picture(inputs: Mapping[str, Any], media: Media) -> str:
    is_both = media.get("reference") and inputs.get("aspect_ratio")
    return "aspect_ratio is for pictures without a reference." if is_both else ""


def _count(inputs: Mapping[str, Any], _media: Media) -> str:
    most = 12 if inputs.get("enable_sequential") else 4
    return f"n={inputs['n']}: at most {most} here." if (inputs.get("n") or 0) > most else ""


def _four_k(inputs: Mapping[str, Any], media: Media) -> str:
    is_wrong = inputs.get("resolution") == "4K" and media.get("reference")
    return "resolution=4K is for pictures from the prompt alone." if is_wrong else ""


def _colour(given: Any) -> str:
    told = {name: given.get(name) for name in ("hex", "ratio")}
    return (
        ""
        if all(isinstance(value, str) for value in told.values())
        else "each colour is {hex, ratio}, both texts"
    )


def _boxes(given: Any) -> str:
    is_fine = (
        isinstance(given, list)
        and len(given) <= 2  # noqa: PLR2004
        and all(
            isinstance(box, list) and len(box) == 4 and all(type(side) is int for side in box)  # noqa: PLR2004
            for box in given
        )
    )
    return "" if is_fine else "at most 2 boxes for each picture, each of 4 whole numbers"


def pictures(name: str, title: str, price: float, *sizes: str, rules: tuple[Any, ...] = ()) -> Row:
    """A model of Wan 2.7 that draws; each picture is billed."""
    return Row(
        id=f"wan/2-7-{name}",
        title=title,
        entries=(
            prompt(5000, help="What should be seen?"),
            resolution(*sizes, default="2K", help="Size of the picture"),
            aspect("1:1", "16:9", "4:3", "21:9", "3:4", "9:16", "8:1", "1:8"),
            whole("n", "Number", "How many pictures", 1, 12, default=1),
            switch("enable_sequential", "A series", "Pictures that belong together", shown=False),
            switch("thinking_mode", "Thinking", "Think before drawing", shown=False),
            objects(
                "color_palette",
                "Colours",
                "Colours to use, 3 to 10: {hex, ratio}",
                10,
                min_length=3,
                check=_colour,
            ),
            objects(
                "bbox_list",
                "Boxes",
                "Where to draw: for each picture at most 2 boxes of 4 numbers",
                9,
                check=_boxes,
            ),
            WATERMARK,
            seed(shown=0),
            NSFW,
        ),
        slots=(references("input_urls", 9),),
        price=tuple(Rate(credits=price * count, when=(("n", count),)) for count in range(1, 13)),
        as_of="2026-08",
        source=SOURCE,
        typical_s=60.0,
        makes="image",
        rules=(_has_no_picture, _count, *rules),
    )


ROWS = (
    wan_3("video", "Wan 3.0", {"480P": 8, "720P": 16, "1080P": 32}),
    wan_3("video-prime", "Wan 3.0 prime", {"480P": 12.2, "720P": 25.2, "1080P": 50.4}),
    *VIDEOS_2_7,
    pictures("image", "Wan 2.7 image", 4.8, "1K", "2K"),
    pictures("image-pro", "Wan 2.7 image pro", 12, "1K", "2K", "4K", rules=(_four_k,)),
)
