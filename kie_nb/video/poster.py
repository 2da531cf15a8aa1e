"""One good frame of a video as a JPEG: what is shown before a video plays, and where none can play."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from .facts import NotAVideo
from .files import finished_in_one_step
from .reading import duration_s, go_to, opened, pictures

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from PIL.Image import Image

_QUALITY = 80
# Where a good frame is looked for, as shares of the length. Not at the very start: a fade-in is black there, and a
# video made from a picture begins with that picture, which the reader has seen already.
_LOOK_AT = (0.15, 0.4, 0.65)


def make_poster(
    path: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    max_width: int = 854,
    at_s: float | None = None,
) -> Path:
    """Write one frame of a video to *target* as a progressive JPEG and return that path.

    Args:
        path: the video.
        target: the picture to write; it appears in one step.
        max_width: wider frames are scaled down, in pixels.
        at_s: take the frame shown at this second; by default the one with the most contrast of three.
    """
    frame = _frame_at(path, at_s) if at_s is not None else _best_frame(path)
    picture = frame.to_image()  # type: ignore[no-untyped-call]
    if picture.width > max_width:
        picture = picture.resize((max_width, max(1, round(picture.height * max_width / picture.width))))
    return write_jpeg(picture, target)


def write_jpeg(picture: "Image", target: str | os.PathLike[str]) -> Path:
    """Write *picture* to *target*, which appears in one step, and return that path."""
    with finished_in_one_step(target) as part:
        picture.convert("RGB").save(part, format="JPEG", quality=_QUALITY, progressive=True, optimize=True)
    return Path(target)


def _best_frame(path: str | os.PathLike[str]) -> "VideoFrame":
    with opened(path) as (container, stream):
        length_s = duration_s(container, stream)
    candidates = [_frame_at(path, length_s * share) for share in (_LOOK_AT if length_s else (0.0,))]
    return max(candidates, key=_contrast)  # of equals the earliest


def _frame_at(path: str | os.PathLike[str], at_s: float) -> "VideoFrame":
    """The frame on screen at *at_s*, the last one when the video is over by then."""
    shown = None
    with opened(path) as (container, stream):
        if at_s > 0:
            go_to(container, at_s)
        for frame in pictures(container, stream):
            if shown is not None and frame.time is not None and frame.time > at_s:
                break
            shown = frame
    if shown is None:
        raise NotAVideo(
            f"{Path(path).name} holds no frame that can be decoded", seems="a video without frames"
        )
    return shown


def _contrast(frame: "VideoFrame") -> float:
    return float(frame.to_ndarray(format="gray").std())
