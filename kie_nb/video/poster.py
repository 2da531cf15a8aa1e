"""One good frame of a video as a JPEG: what is shown before a video plays, and where none can play."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from ..fileops import finished_in_one_step
from .display import picture_of, shown_size
from .facts import AnyPath, NotAVideo
from .reading import NO_FRAME, decoded, demuxed, duration_s, go_to, opened

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from PIL.Image import Image

_QUALITY = 80
# Where a good frame is looked for, as shares of the length. Not at the very start: a fade-in is black there, and a
# video made from a picture begins with that picture, which the reader has seen already.
_LOOK_AT = (0.15, 0.4, 0.65)


def make_poster(
    path: AnyPath,
    target: AnyPath,
    *,
    max_width: int = 854,
    at_s: float | None = None,
) -> Path:
    """Write one frame of a video to *target*, in one step, as a progressive JPEG of at most *max_width* pixels; returns that path.

    Args:
        at_s: take the frame shown at this second; by default the one with the most contrast of three.
    """
    frame = _frame_at(path, at_s) if at_s is not None else _best_frame(path)
    with opened(path, whole=False) as (_, stream):
        width, height = shown_size(stream, frame)
    if width > max_width:
        width, height = max_width, max(1, round(height * max_width / width))
    return write_jpeg(picture_of(frame, (width, height)), target)


def write_jpeg(picture: "Image", target: AnyPath) -> Path:
    """Write *picture* to *target*, which appears in one step, and return that path."""
    with finished_in_one_step(target) as part:
        picture.convert("RGB").save(part, format="JPEG", quality=_QUALITY, progressive=True, optimize=True)
    return Path(target)


def _best_frame(path: AnyPath) -> "VideoFrame":
    with opened(path, whole=False) as (container, stream):
        length_s = duration_s(container, stream)
        start_s = float((stream.start_time or 0) * (stream.time_base or 0))
    moments = [start_s + length_s * share for share in (_LOOK_AT if length_s else (0.0,))]
    candidates = [_frame_at(path, moment) for moment in moments]
    # Of equals the earliest.
    return max(candidates, key=lambda frame: (not frame.is_corrupt, frame.to_ndarray(format="gray").std()))


def _frame_at(path: AnyPath, at_s: float) -> "VideoFrame":
    """The frame on screen at *at_s*, the last one that can be decoded when the video is over by then."""
    # The end may be cut off: then all of it is looked through.
    shown = _last_until(path, at_s, start_s=at_s) or _last_until(path, at_s, start_s=0.0)
    if shown is None:
        raise NotAVideo(f"{Path(path).name} is {NO_FRAME}", seems=NO_FRAME)
    return shown


def _last_until(path: AnyPath, at_s: float, *, start_s: float) -> "VideoFrame | None":
    shown = None
    with opened(path, whole=False) as (container, stream):
        if start_s > 0:
            go_to(container, start_s)
        for packet in demuxed(container, [stream]):
            for frame in cast("Sequence[VideoFrame]", decoded(packet)[0]):
                if shown is not None and frame.time is not None and frame.time > at_s:
                    return shown
                shown = frame
    return shown
