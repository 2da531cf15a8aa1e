"""PixVerse V6 (kie-models §7). Its resolution is called quality."""

from collections.abc import Mapping
from typing import Any

from ..entries import Entry, aspect, prompt, resolution, seconds, seed, sound, switch
from ..media import MB, PICTURES, Slot
from ..prices import Media, each_second
from ..rows import Row, clip, first, last

SOURCE = "docs.kie.ai/market/pixverse, kie.ai/pricing of 2026-10-08"
LENGTH = seconds(1, 15, required=True)
QUALITY = resolution("360p", "540p", "720p", "1080p", default="720p", name="quality", required=True)
SHAPE = aspect("16:9", "4:3", "1:1", "3:4", "9:16", "2:3", "3:2", "21:9", default="16:9", required=True)
SOUND = sound("generate_audio_switch", default=False)
CUTS = switch("generate_multi_clip_switch", "Several shots", "Cut between shots", shown=False)
FRAME: dict[str, Any] = {"max_bytes": 20 * MB}
USUAL = (
    *each_second(
        "quality", {"360p": 4, "540p": 5.6, "720p": 7.2, "1080p": 14.4}, generate_audio_switch=False
    ),
    *each_second(
        "quality", {"360p": 5.6, "540p": 7.2, "720p": 9.6, "1080p": 18.4}, generate_audio_switch=True
    ),
)
OF_REFERENCES = (
    *each_second(
        "quality", {"360p": 4.5, "540p": 6.3, "720p": 8.1, "1080p": 16.2}, generate_audio_switch=False
    ),
    *each_second(
        "quality", {"360p": 6.3, "540p": 8.1, "720p": 10.8, "1080p": 20.7}, generate_audio_switch=True
    ),
)


def pixverse(name: str, title: str, *entries: Entry, **more: Any) -> Row:
    """A model of V6."""
    told: dict[str, Any] = {"price": USUAL, "as_of": "2026-10", "source": SOURCE}
    fields = (prompt(5000, least=3), *entries)
    return Row(id=f"pixverse-v6/{name}", title=title, entries=fields, **told | more)


def _length_or_template(inputs: Mapping[str, Any], _media: Media) -> str:
    both = "duration" in inputs and "template_id" in inputs
    return "duration and template_id exclude each other: a template sets the length." if both else ""


def _video_or_task(inputs: Mapping[str, Any], media: Media) -> str:
    count = ("taskId" in inputs) + bool(media.get("video"))
    words = "taskId and video exclude each other" if count else "It needs a video (video), or taskId"
    return "" if count == 1 else f"{words}: one of them is made longer."


def _with_a_length(given: Mapping[str, Any]) -> dict[str, Any]:
    return dict(given) if "template_id" in given else {"duration": 5, **given}


def as_subject(url: str) -> dict[str, Any]:
    """A reference as the wire wants it; the raw field names one in the prompt or as background."""
    return {"image_url": url, "type": "subject"}


ROWS = (
    pixverse("text-to-video", "PixVerse V6 text to video", LENGTH, QUALITY, SHAPE, SOUND, CUTS, seed()),
    pixverse(
        "image-to-video", "PixVerse V6 image to video",
        seconds(1, 15, None, shown=5, help="Length of the video, where no template sets it"), QUALITY, SOUND, CUTS,
        Entry(name="template_id", title="Template", help="The id of a template, which sets the length", min_length=1, max_length=100),
        seed(), slots=(first("image_urls", is_list=True, **FRAME),), rules=(_length_or_template,), fill=_with_a_length,
    ),
    pixverse(
        "transition", "PixVerse V6 transition", LENGTH, QUALITY, SOUND, seed(),
        slots=(first("first_frame_image_url", **FRAME), last("last_frame_image_url", least=1, **FRAME)),
    ),
    pixverse(
        # The page (July to October 2026) has two forms, with taskId or video_url; new seconds alone are billed.
        "extend", "PixVerse V6 extend",
        seconds(1, 15, required=True, help="How much longer"), QUALITY, SOUND,
        Entry(name="taskId", title="Task", help="A finished task of yours that goes on, in place of a video", min_length=1, max_length=100),
        seed(), slots=(clip("video_url", mimes=()),), rules=(_video_or_task,),
    ),
    pixverse(
        "reference-to-video", "PixVerse V6 reference to video", LENGTH, QUALITY, SHAPE, SOUND, seed(),
        slots=(
            Slot(
                role="reference", field="image_references", is_list=True, least=1, most=7, mimes=PICTURES,
                max_bytes=20 * MB, wrap=as_subject,
            ),
        ),
        price=OF_REFERENCES,
    ),
)  # fmt: skip
