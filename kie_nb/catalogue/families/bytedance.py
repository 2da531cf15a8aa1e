"""ByteDance's Seedance 1, 1.5, 2 and 2.5 (kie-models §3, §4)."""

from collections.abc import Mapping
from typing import Any

from ..entries import NSFW, Entry, aspect, choice, duration, prompt, resolution, seconds, seed, sound, switch
from ..media import MB, Slot
from ..prices import Media, each_second, with_input_seconds
from ..prices import clips as a_clip
from ..rows import MOVIES, Row, apart, clip, first, last, needs, references, together, voice

SOURCE = "docs.kie.ai/market/bytedance, kie.ai/pricing"
PICTURES = (
    *("image/jpeg", "image/png", "image/webp", "image/bmp", "image/tiff"),
    "image/gif",
)
SHAPES = ("1:1", "4:3", "3:4", "16:9", "9:16", "21:9")


def _frame(role: Any, field: str) -> Slot:
    return role(field, least=0, mimes=PICTURES, max_bytes=30 * MB, min_side=300, max_side=6000, ratio=2.5)  # type: ignore[no-any-return]


def _media(most_pictures: int, most: int, total_s: float, video_bytes: int) -> tuple[Slot, ...]:
    return (
        _frame(first, "first_frame_url"),
        _frame(last, "last_frame_url"),
        references(
            "reference_image_urls", most_pictures, mimes=PICTURES, max_bytes=30 * MB,
            min_side=300, max_side=6000, ratio=2.5,
        ),
        clip(
            "reference_video_urls", is_list=True, most=most, is_reference=True, mimes=MOVIES,
            min_s=2, max_s=total_s, total_s=total_s, max_bytes=video_bytes,
        ),
        voice(
            "reference_audio_urls", is_list=True, most=most, is_reference=True, mimes=("audio/wav", "audio/mpeg"),
            min_s=2, max_s=total_s, total_s=total_s, max_bytes=15 * MB,
        ),
    )  # fmt: skip


def _search_is_for_text(inputs: Mapping[str, Any], media: Media) -> str:
    return "web_search is for a prompt alone." if inputs.get("web_search") and any(media.values()) else ""


MEDIA, MEDIA_2_5 = _media(9, 3, 15, 50 * MB), _media(30, 10, 30, 200 * MB)
LAST_FRAME = switch("return_last_frame", "Last frame", "Give the last frame as a picture, too", shown=False)
SEARCH = switch("web_search", "Web search", "Look the prompt's subject up")
USUAL = (LAST_FRAME, SEARCH)


def seedance_2(
    name: str,
    title: str,
    sizes: Mapping[str, float],
    with_video: Mapping[str, float],
    *entries: Entry,
    **more: Any,
) -> Row:
    """A model of Seedance 2: frames, or references, or neither; the seconds of reference videos are billed, too."""
    shape = aspect(*SHAPES, "adaptive", default=more.pop("shape", "16:9"))
    told: dict[str, Any] = {"slots": MEDIA, "as_of": "2026-10", "source": SOURCE, "typical_s": 240.0}
    length, text = more.pop("length", seconds(4, 15)), prompt(more.pop("characters", 20_000), least=3)
    return Row(
        id=f"bytedance/{name}",
        title=title,
        entries=(
            text, length, resolution(*sizes, default="720p"), shape,
            sound("generate_audio", default=True), *entries, NSFW,
        ),
        price=(*with_input_seconds("resolution", with_video), *each_second("resolution", sizes)),
        rules=(
            needs("last_image", "image"),
            apart(("image", "last_image"), ("reference", "video", "audio")),
            together(told["slots"][2].most if "slots" not in more else 30, "image", "last_image", "reference"),
            _search_is_for_text,
        ),
        **told | more,
    )  # fmt: skip


# --- 1.5 and 1.0 ---------------------------------------------------------------------------------------------------------


def _with_one_length(inputs: Mapping[str, Any]) -> dict[str, Any]:
    return {**inputs, "duration": int(inputs["duration"])} if "duration" in inputs else dict(inputs)


# The newest docs say a whole number, older ones and most clients a text; a wrong type is refused before any charge.
SEEDANCE_1_5 = Row(
    id="bytedance/seedance-1.5-pro",
    title="Seedance 1.5 pro",
    entries=(
        prompt(20_000, least=3),
        seconds(4, 12, 4, type="whole or text", required=True, help='Length of the video; duration="8" in Python sends it as text'),
        resolution("480p", "720p", "1080p", default="720p"),
        aspect(*SHAPES, default="1:1", required=True),
        sound("generate_audio", default=False),
        switch("fixed_lens", "Fixed camera", "The camera stays where it is", shown=False),
        NSFW,
    ),
    slots=(first("input_urls", is_list=True, least=0), last("input_urls", is_list=True)),
    price=(
        *each_second("resolution", {"480p": 1.75, "720p": 3.5, "1080p": 7.5}, generate_audio=False),
        *each_second("resolution", {"480p": 3.5, "720p": 7, "1080p": 15}, generate_audio=True),
    ),
    as_of="2026-09",
    source=SOURCE,
    rules=(needs("last_image", "image"),),
    canonical=_with_one_length,
)  # fmt: skip

CHECKS = (
    switch("camera_fixed", "Fixed camera", "The camera stays where it is"),
    seed(-1, shown=-1),
    switch("enable_safety_checker", "Safety checker", "The maker's content filter"),
)
THREE_SIZES = ("480p", "720p", "1080p")
PRO = each_second("resolution", {"480p": 2.8, "720p": 6, "1080p": 14})
LITE = each_second("resolution", {"480p": 2, "720p": 4.5, "1080p": 10})
# By the clip, and ten seconds are more than twice five.
FAST = (
    *a_clip("duration", {"5": 16, "10": 36}, resolution="720p"),
    *a_clip("duration", {"5": 36, "10": 72}, resolution="1080p"),
)


def seedance_1(
    name: str, title: str, *entries: Entry, sizes: tuple[str, ...] = THREE_SIZES, **more: Any
) -> Row:
    """A model of Seedance 1."""
    fields = (prompt(10_000), duration("5", "10"), resolution(*sizes, default="720p"), *entries, NSFW)
    return Row(id=f"bytedance/v1-{name}", title=title, entries=fields, as_of="2026-09", source=SOURCE, **more)


ROWS = (
    seedance_2(
        "seedance-2", "Seedance 2", {"480p": 19, "720p": 41, "1080p": 102, "4k": 208},
        {"480p": 11.5, "720p": 25, "1080p": 62, "4k": 128}, *USUAL,
    ),
    # A promotion until 7 October 2026; whether its end raised them is not known: these are the prices before it.
    seedance_2("seedance-2-fast", "Seedance 2 fast", {"480p": 15.5, "720p": 33}, {"480p": 9, "720p": 20}, *USUAL),
    seedance_2("seedance-2-mini", "Seedance 2 mini", {"480p": 9.5, "720p": 20.5}, {"480p": 6, "720p": 12.5}, SEARCH),
    seedance_2(
        "seedance-2-5", "Seedance 2.5", {"480p": 28, "720p": 63, "1080p": 159},
        {"480p": 17, "720p": 38, "1080p": 96}, LAST_FRAME, SEARCH,
        choice("output_format", "Format", "Kind of the file", "mp4", "mov", shown="mp4"),
        length=seconds(4, 30, also=(-1,), help="Length of the video; -1: the model decides"),
        characters=30_000, shape="adaptive", slots=MEDIA_2_5,
    ),
    SEEDANCE_1_5,
    seedance_1(
        "pro-text-to-video", "Seedance 1 pro text to video",
        aspect("21:9", "16:9", "4:3", "1:1", "3:4", "9:16", default="16:9"), *CHECKS, price=PRO,
    ),
    seedance_1("pro-image-to-video", "Seedance 1 pro image to video", *CHECKS, slots=(first(),), price=PRO),
    seedance_1(
        "pro-fast-image-to-video", "Seedance 1 pro fast image to video", sizes=("720p", "1080p"),
        slots=(first(),), price=FAST,
    ),
    seedance_1(
        "lite-text-to-video", "Seedance 1 lite text to video",
        aspect("16:9", "4:3", "1:1", "3:4", "9:16", "9:21", default="16:9"), *CHECKS, price=LITE,
    ),
    seedance_1(
        "lite-image-to-video", "Seedance 1 lite image to video", *CHECKS,
        slots=(first(), last("end_image_url")), price=LITE,
    ),
)  # fmt: skip
