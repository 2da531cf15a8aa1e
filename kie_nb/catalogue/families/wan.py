"""Wan 2.2 to 2.6 (kie-api §11.2 to §11.5)."""

from typing import Any

from ..entries import (
    EXPANSION,
    NSFW,
    Entry,
    aspect,
    choice,
    duration,
    negative,
    number,
    prompt,
    resolution,
    seed,
    sound,
    switch,
    whole,
)
from ..media import MB
from ..prices import clips, each_second, rates
from ..rows import Row, clip, first, voice

SOURCE = "docs.kie.ai/market/wan, kie.ai/pricing"
SHOTS = switch("multi_shots", "Several shots", "Cut between shots")

# 720p 5 s is $0.30, 1080p 10 s $1.00; the price page of Sep-Oct 2026 and the callback example of the model's own page agree.
WAN_2_5 = each_second("resolution", {"720p": 12.0, "1080p": 20.0})
FIELDS_2_5: tuple[Entry, ...] = (
    prompt(800, required=True),
    duration("5", "10"),
    resolution("720p", "1080p", default="720p"),
    negative(),
    EXPANSION,
    seed(),
    NSFW,
)


def wan_2_5(name: str, title: str, *entries: Entry, **more: Any) -> Row:
    """A model of Wan 2.5."""
    told: dict[str, Any] = {"entries": (*FIELDS_2_5, *entries), "price": WAN_2_5, "as_of": "2026-10"}
    return Row(
        id=f"wan/2-5-{name}", title=title, source=SOURCE, typical_s=120.0, was_raw=False, **told | more
    )


# Not linear (kie-api §11.5): 1080p of 10 s is not twice that of 5 s.
WAN_2_6 = (
    *clips("duration", {"5": 70, "10": 140, "15": 210}, resolution="720p"),
    *clips("duration", {"5": 104.5, "10": 209.5, "15": 315}, resolution="1080p"),
)
FRAME_2_6 = first("image_urls", is_list=True, min_side=256)
FILMS_2_6 = clip("video_urls", is_list=True, least=1, most=3, max_bytes=10 * MB)


def wan_2_6(name: str, title: str, *entries: Entry, lengths: tuple[str, ...], **more: Any) -> Row:
    """A model of Wan 2.6."""
    told: dict[str, Any] = {"price": WAN_2_6, "as_of": "2026-08", **more}
    return Row(
        id=f"wan/2-6-{name}",
        title=title,
        entries=(
            *entries,
            duration(*lengths),
            resolution("720p", "1080p", default="1080p"),
            SHOTS,
            NSFW,
        ),
        source=SOURCE,
        **told,
    )


TURBO = clips("resolution", {"480p": 40, "720p": 80})
ACCELERATION = choice(
    "acceleration", "Acceleration", "Faster, and less exact", "none", "regular", shown="none"
)
FIELDS_2_2 = (resolution("480p", "720p", default="720p"), EXPANSION, seed(shown=0), ACCELERATION, NSFW)
SIZES_2_2 = ("480p", "580p", "720p")

_SOUNDS_2_2 = (
    *("audio/mpeg", "audio/wav", "audio/ogg", "audio/mp4", "audio/flac", "audio/aac", "audio/x-ms-wma"),
)
SPEECH_2_2 = (
    prompt(5000),
    whole("num_frames", "Frames", "How many frames, in steps of 4", 40, 120, step=4, default=80),
    whole("frames_per_second", "Frames per second", "How fast they go", 4, 60, default=16),
    resolution(*SIZES_2_2, default="480p"),
    negative(),
    seed(),
    whole("num_inference_steps", "Steps", "How long it is worked on", 2, 40, shown=27),
    number("guidance_scale", "Guidance", "How closely the prompt is followed", 1, 10, shown=3.5),
    number("shift", "Shift", "How much moves", 1, 10, shown=5),
    NSFW,
)
ANIMATE = rates("resolution", {"480p": 6, "580p": 9.5, "720p": 12.5}, "video")


def animate(name: str, title: str) -> Row:
    """A model that moves a picture as a video moves, without a prompt."""
    return Row(
        id=f"wan/2-2-animate-{name}",
        title=title,
        entries=(resolution(*SIZES_2_2, default="480p"), NSFW),
        slots=(first(), clip("video_url", least=1, max_bytes=10 * MB)),
        price=ANIMATE,
        as_of="2026-08",
        source=SOURCE,
    )


ROWS = (
    wan_2_5("image-to-video", "Wan 2.5 image to video", slots=(first(),)),
    wan_2_5("text-to-video", "Wan 2.5 text to video", aspect("16:9", "9:16", "1:1")),
    Row(
        id="wan/2-2-a14b-image-to-video-turbo",
        title="Wan 2.2 turbo image to video",
        entries=(prompt(5000), *FIELDS_2_2),
        slots=(first(),),
        price=TURBO,
        as_of="2026-08",
        source=SOURCE,
    ),
    Row(
        id="wan/2-2-a14b-text-to-video-turbo",
        title="Wan 2.2 turbo text to video",
        entries=(prompt(5000), *FIELDS_2_2, aspect("16:9", "9:16", default="16:9")),
        price=TURBO,
        as_of="2026-08",
        source=SOURCE,
    ),
    Row(
        id="wan/2-2-a14b-speech-to-video-turbo",
        title="Wan 2.2 turbo speech to video",
        entries=SPEECH_2_2,
        slots=(first(), voice(least=1, mimes=_SOUNDS_2_2, max_bytes=10 * MB)),
        price=rates("resolution", {"480p": 12, "580p": 18, "720p": 24}, "frames"),
        as_of="2026-08",
        source=SOURCE,
    ),
    animate("move", "Wan 2.2 animate, move"),
    animate("replace", "Wan 2.2 animate, replace"),
    wan_2_6("text-to-video", "Wan 2.6 text to video", prompt(5000), lengths=("5", "10", "15")),
    wan_2_6(
        "image-to-video", "Wan 2.6 image to video", prompt(5000, least=2),
        lengths=("5", "10", "15"), slots=(FRAME_2_6,),
    ),
    wan_2_6(
        "video-to-video", "Wan 2.6 video to video", prompt(5000, least=2),
        lengths=("5", "10"), slots=(FILMS_2_6,),
    ),
    # Nobody publishes what the flash models cost.
    wan_2_6(
        "flash-image-to-video", "Wan 2.6 flash image to video", prompt(1500, least=2),
        sound("audio", required=True, default=False),
        lengths=("5", "10", "15"), slots=(FRAME_2_6,), price=(),
    ),
    wan_2_6(
        "flash-video-to-video", "Wan 2.6 flash video to video", prompt(1500, least=2), sound("audio"),
        lengths=("5", "10"), slots=(FILMS_2_6,), price=(),
    ),
)  # fmt: skip
