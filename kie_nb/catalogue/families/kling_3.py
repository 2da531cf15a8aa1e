"""Kling 3.0, its turbo and omni models (kie-models §2)."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..entries import Entry, aspect, duration, objects, prompt, resolution, seconds, sound, switch
from ..media import Slot
from ..prices import Media, each_second
from ..rows import NO_WEBP, Row, clip, first, last, needs, references

SOURCE = "docs.kie.ai/market/kling, kie.ai/pricing, recordings of April to September 2026"
LENGTHS = tuple(str(seconds) for seconds in range(3, 16))
SHAPES = ("16:9", "9:16", "1:1")
SHOTS = "Shots of one video, each {prompt, duration}"


def _texts(given: Any, *names: str) -> bool:
    return isinstance(given, dict) and all(isinstance(given.get(name), str) and given[name] for name in names)


def _shot(most_text: int, most_seconds: int, *, an_element_counts: int = 0) -> Any:
    def check(given: Any) -> str:
        if not _texts(given, "prompt") or set(given) - {"prompt", "duration"}:
            return "each shot is {prompt, duration}"
        length = len(given["prompt"])
        if an_element_counts:
            names = re.findall(r"@\w+", given["prompt"])
            length += sum(an_element_counts - len(name) for name in names)
        if length > most_text:
            return f"a shot's prompt has {length} characters, at most {most_text}"
        seconds = given.get("duration")
        is_whole = type(seconds) is int and 1 <= seconds <= most_seconds
        return "" if is_whole else f"a shot's duration is a whole number from 1 to {most_seconds}"

    return check


_ELEMENT = {
    *("name", "description", "element_input_urls", "element_input_audio_urls"),
    *("start_time", "end_time"),
}
_VIDEO = re.compile(r"\.(mp4|mov)$", re.IGNORECASE)


def _element(given: Any) -> str:
    if not _texts(given, "name", "description"):
        return "each element has name, description and element_input_urls"
    if unknown := set(given) - _ELEMENT:
        return f"an element has no {min(unknown)}"
    urls = given.get("element_input_urls")
    if not isinstance(urls, list) or not all(isinstance(url, str) and url for url in urls):
        return "element_input_urls is a list of addresses"
    is_video = len(urls) == 1 and _VIDEO.search(urls[0].partition("?")[0])
    if not is_video and not 2 <= len(urls) <= 4:  # noqa: PLR2004
        return "element_input_urls has 2 to 4 pictures, or one video (mp4, mov)"
    return _times(given, is_video=bool(is_video))


def _times(element: Any, *, is_video: bool) -> str:
    times = [element[name] for name in ("start_time", "end_time") if name in element]
    if times and (not is_video or not all(type(time) is int and time >= 0 for time in times)):
        return "start_time and end_time are whole milliseconds of a video"
    span = element.get("end_time", 0) - element.get("start_time", 0)
    is_wrong = "end_time" in element and not 3000 <= span <= 8000  # noqa: PLR2004
    return "from start_time to end_time are 3000 to 8000 ms" if is_wrong else ""


def _shots_sound(inputs: Mapping[str, Any], media: Media) -> str:
    if not inputs.get("multi_shots"):
        return ""
    if media.get("last_image"):
        return "last_image is for one shot: with multi_shots only the first frame is used."
    if not inputs.get("multi_prompt"):
        return "multi_shots needs multi_prompt."
    return "" if inputs.get("sound") else "multi_shots needs sound: --sound."


VIDEO = Row(
    id="kling-3.0/video",
    title="Kling 3.0",
    entries=(
        prompt(2500),
        duration(*LENGTHS, default="5", required=True),
        resolution(
            "std", "pro", "4K", default="pro", name="mode", required=True, help="Height: 720p, 1080p or 2160p; the wire's own std, pro, 4K",
            alike={"720": "std", "1080": "pro", "2160": "4K", "4k": "4K"},
        ),
        aspect(*SHAPES, default="16:9", required=True),
        # Refused without any of these three, whatever the page says of defaults.
        sound(required=True, default=False),
        switch("multi_shots", "Several shots", "Cut between the shots of multi_prompt", required=True, default=False),
        objects("multi_prompt", "Shots", SHOTS, 5, default=[], check=_shot(500, 12, an_element_counts=37)),
        objects("kling_elements", "Elements", "Who and what is @named in the prompt", 3, check=_element),
    ),
    slots=(
        first("image_urls", is_list=True, least=0, mimes=NO_WEBP),
        last("image_urls", is_list=True, mimes=NO_WEBP),
    ),
    price=(
        *each_second("mode", {"std": 14, "pro": 18, "4K": 67}, sound=False),
        *each_second("mode", {"std": 20, "pro": 27, "4K": 67}, sound=True),
    ),
    as_of="2026-09",
    source=SOURCE,
    rules=(needs("last_image", "image"), _shots_sound),
)  # fmt: skip


def turbo(name: str, title: str, *entries: Entry, slots: tuple[Slot, ...] = ()) -> Row:
    """A turbo model; two clients send the length as a number, the docs and four others as a text."""
    return Row(
        id=f"kling/v3-turbo-{name}",
        title=title,
        entries=(
            prompt(2500),
            duration(*LENGTHS, default="5", required=True),
            resolution("720p", "1080p", default="720p", required=True),
            *entries,
        ),
        slots=slots,
        price=each_second("resolution", {"720p": 18, "1080p": 22.5}),
        as_of="2026-09",
        source=SOURCE,
    )


def _one_way_of_cutting(inputs: Mapping[str, Any], _media: Media) -> str:
    if inputs.get("customize_multi_shots") and inputs.get("prefer_multi_shots"):
        return "customize_multi_shots and prefer_multi_shots exclude each other: keep one of them."
    is_bare = inputs.get("customize_multi_shots") and not inputs.get("multi_prompt")
    return "customize_multi_shots needs multi_prompt." if is_bare else ""


def _silent_with_video(inputs: Mapping[str, Any], media: Media) -> str:
    if not media.get("video"):
        return ""
    if inputs.get("audio"):
        return "video and sound exclude each other: --no-sound."
    is_shaped = not media.get("reference") and inputs.get("aspect_ratio") not in {None, "auto"}
    return "aspect_ratio=auto is what a video alone takes." if is_shaped else ""


def _own_length(inputs: Mapping[str, Any], media: Media) -> str:
    is_set = inputs.get("duration") is not None and not media.get("reference")
    return "duration can be chosen with reference pictures only." if is_set else ""


def _auto_shape(inputs: Mapping[str, Any], _media: Media) -> str:
    is_wrong = inputs.get("aspect_ratio") not in {None, "auto"} and not inputs.get("customize_multi_shots")
    return "aspect_ratio=auto is what a picture takes, but with customize_multi_shots." if is_wrong else ""


_CUTS = (
    switch("customize_multi_shots", "Own shots", "Cut between the shots of multi_prompt"),
    switch("prefer_multi_shots", "Several shots", "Let the model cut between shots"),
    objects("multi_prompt", "Shots", SHOTS, 6, check=_shot(512, 15)),
    objects("elements", "Elements", "Who and what is in it", None, check=lambda one: "" if isinstance(one, dict) else "an object each"),
)  # fmt: skip
OMNI = (
    *each_second(
        "resolution", {"720p": 20, "1080p": 27, "4k": 67}, video=True
    ),  # its own seconds are not billed
    *each_second("resolution", {"720p": 18, "1080p": 23, "4k": 67}, audio=True),
    *each_second("resolution", {"720p": 14, "1080p": 18, "4k": 67}),
)


def omni(
    name: str, title: str, length: Entry, shape: Sequence[str], slots: tuple[Slot, ...], *rules: Any
) -> Row:
    """An omni model; of these the docs are not public, two clients and real bills agree."""
    default = "16:9" if name == "text-to-video" else "auto"
    shapes = (aspect(*shape, shown=default),) if shape else ()
    return Row(
        id=f"kling-3.0-omni/{name}",
        title=title,
        entries=(
            prompt(3072), length, resolution("720p", "1080p", "4k", default="720p"), *shapes,
            sound("audio", default=False), *_CUTS,
        ),
        slots=slots,
        price=OMNI,
        as_of="2026-09",
        source="two clients of 2026-09, two bills; not in the copies of the docs",
        rules=(_one_way_of_cutting, *rules),
    )  # fmt: skip


_LENGTH = seconds(3, 15)
_SHAPES = ("auto", *SHAPES)
ROWS = (
    VIDEO,
    turbo("text-to-video", "Kling 3.0 turbo text to video", aspect(*SHAPES, default="16:9", required=True)),
    turbo("image-to-video", "Kling 3.0 turbo image to video", slots=(first("image_urls", is_list=True, mimes=NO_WEBP),)),
    omni("text-to-video", "Kling 3.0 omni text to video", _LENGTH, SHAPES, ()),
    omni(
        "image-to-video", "Kling 3.0 omni image to video", _LENGTH, _SHAPES,
        (first("image_urls", is_list=True, mimes=()), last("image_urls", is_list=True, mimes=())),
        _auto_shape,
    ),
    omni(
        "reference-to-video", "Kling 3.0 omni reference to video", _LENGTH, _SHAPES,
        (references("image_urls", 7, mimes=()), clip("video_urls", is_list=True, mimes=(), is_reference=True)),
        _silent_with_video,
    ),
    omni(
        "transformation", "Kling 3.0 omni transformation", duration(*LENGTHS, default=None, shown="5"), (),
        (clip("video_urls", is_list=True, least=1, mimes=()), references("image_urls", 4, mimes=())),
        _own_length,
    ),
)  # fmt: skip
