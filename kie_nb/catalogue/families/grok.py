"""Grok Imagine (kie-models §6). Sound is always on, and there is no seed."""

from collections.abc import Mapping
from typing import Any

from ..entries import NSFW, Entry, aspect, choice, number, prompt, resolution, seconds, whole
from ..media import MB
from ..prices import Media, clips, each_second, rates
from ..rows import Row, apart, first, references

SOURCE = "docs.kie.ai/market/grok-imagine, kie.ai/pricing, recordings of April to August 2026"
SHAPES = ("2:3", "3:2", "1:1", "16:9", "9:16")
MODE = choice("mode", "Mode", "How it is told", "fun", "normal", "spicy", shown="normal")
SIZES = resolution("480p", "720p", "1080p", default="480p")
EACH = {"480p": 2.4, "720p": 4.5, "1080p": 8}
LENGTHS = tuple(str(number) for number in range(6, 31))


def task(most: int | None = 100) -> Entry:
    """The task of Grok's whose result goes on."""
    return Entry(
        name="task_id", title="Task", help="The id of a Grok task of yours", min_length=1, max_length=most, required=True
    )  # fmt: skip


def _with_one_length(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {**inputs, "duration": int(inputs["duration"])} if "duration" in inputs else dict(inputs)


def _pictures(media: Media) -> int:
    return len(media.get("image", ())) + len(media.get("reference", ()))


def _picture_or_task(inputs: Mapping[str, Any], media: Media) -> str:
    if inputs.get("task_id") and _pictures(media):
        return "task_id and pictures exclude each other: keep one of them."
    if not inputs.get("task_id") and not _pictures(media):
        return "It needs a picture (image), several (reference), or task_id."
    return "index goes with task_id." if "index" in inputs and not inputs.get("task_id") else ""


def _not_spicy(inputs: Mapping[str, Any], media: Media) -> str:
    return (
        "mode=spicy is not for pictures of yours."
        if inputs.get("mode") == "spicy" and _pictures(media)
        else ""
    )


def _large_is_of_one(inputs: Mapping[str, Any], media: Media) -> str:
    is_wrong = inputs.get("resolution") == "1080p" and _pictures(media) > 1
    return "resolution=1080p takes one picture." if is_wrong else ""


def _one_picture(_inputs: Mapping[str, Any], media: Media) -> str:
    return "" if _pictures(media) else "It needs a picture (image), or several (reference)."


PHOTOS: dict[str, Any] = {"mimes": ("image/jpeg", "image/png", "image/webp")}


def extended(times: str, size: Mapping[str, float]) -> Any:
    """Flat prices of a clip that is made longer; of which size its task was is not in the request."""
    return clips("extend_times", {times: max(size.values())})


ROWS = (
    Row(
        id="grok-imagine/text-to-video",
        title="Grok Imagine text to video",
        entries=(
            prompt(5000),
            # The docs have a number in the table and a text in the example; both were accepted.
            seconds(6, 30, 6, type="whole or text"),
            SIZES, aspect(*SHAPES, default="2:3"), MODE, NSFW,
        ),
        price=each_second("resolution", EACH),
        as_of="2026-08",
        source=SOURCE,
        canonical=_with_one_length,
    ),
    Row(
        id="grok-imagine/image-to-video",
        title="Grok Imagine image to video",
        entries=(
            prompt(5000, required=False),
            choice("duration", "Duration", "Length of the video", *LENGTHS, default="6", unit="s", word="duration"),
            SIZES, aspect(*SHAPES, help="Width to height, of several pictures"), MODE,
            Entry(name="task_id", title="Task", help="A task of Grok's text to image, in place of pictures", max_length=100),
            whole("index", "Index", "Which picture of the task", 0, 5, shown=0),
            NSFW,
        ),
        slots=(
            first("image_urls", is_list=True, least=0, **PHOTOS),
            references("image_urls", 7, max_bytes=10 * MB, **PHOTOS),
        ),
        price=each_second("resolution", EACH),
        as_of="2026-08",
        source=SOURCE,
        rules=(apart(("image",), ("reference",)), _picture_or_task, _not_spicy, _large_is_of_one),
    ),
    Row(
        id="grok-imagine/extend",
        title="Grok Imagine extend",
        entries=(
            prompt(None, least=0, default=""), task(),
            # The docs are wrong in both; eight probes of August 2026 took these types and no others.
            number("extend_at", "From", "Second of the clip that it goes on from", 0, 10_000, default=0, required=True),
            choice("extend_times", "Longer by", "Seconds more", "6", "10", default="6", required=True, unit="s", word="duration"),
        ),
        price=(*extended("6", {"480p": 14.4, "720p": 27}), *extended("10", {"480p": 24, "720p": 45})),
        as_of="2026-08",
        source=SOURCE,
    ),
    Row(
        id="grok-imagine/upscale",
        title="Grok Imagine upscale",
        entries=(task(), resolution("720p", "1080p", shown="720p")),
        price=rates("resolution", {None: 10, "720p": 10, "1080p": 30}),  # of 1080p: from 480p, the dearer of two
        as_of="2026-08",
        source=SOURCE,
    ),
    Row(
        id="grok-imagine-video-1-5-preview",
        title="Grok Imagine 1.5 preview",
        entries=(
            prompt(4096, required=False), seconds(1, 15, 8),
            SIZES, aspect("auto", "1:1", "16:9", "9:16", "3:2", "2:3", default="auto"), NSFW,
        ),
        slots=(
            first("image_urls", is_list=True, least=0, max_bytes=20 * MB, **PHOTOS),
            references("image_urls", 7, max_bytes=20 * MB, **PHOTOS),
        ),
        price=each_second("resolution", {"480p": 2.4, "720p": 4.5}),
        as_of="2026-08",
        source=SOURCE,
        rules=(apart(("image",), ("reference",)), _one_picture, _large_is_of_one),
    ),
)  # fmt: skip
