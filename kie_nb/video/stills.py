"""Frames of videos as JPEGs: one good frame to show before a video plays, and a strip that compares several videos by eye."""

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ..fileops import finished_in_one_step
from .facts import AnyPath, NotAVideo
from .reading import (
    NO_FRAME,
    duration_s,
    frame_rate,
    frames_of,
    opened,
    picture_of,
    pictures,
    shown_size,
)

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from PIL.Image import Image

_QUALITY = 80
_GAP = 4  # between pictures, in pixels
_GROUND = (128, 128, 128)  # between light and dark themes
# Where a good frame is looked for, as shares of the length. Not at the very start: a fade-in is black there, and a
# video made from a picture begins with that picture, which the reader has seen already.
_LOOK_AT = (0.15, 0.4, 0.65)


def make_poster(path: AnyPath, target: AnyPath, *, max_width: int = 854, at_s: float | None = None) -> Path:
    """Write one frame of a video to *target*, in one step, as a progressive JPEG of at most *max_width* pixels; returns that path.

    Args:
        at_s: take the frame shown at this second; by default the one with the most contrast of three.
    """
    frame = _frame_at(path, at_s) if at_s is not None else _best_frame(path)
    with opened(path, whole=False) as (_, stream):
        width, height = shown_size(stream, frame)
    if width > max_width:
        width, height = max_width, max(1, round(height * max_width / width))
    return _write_jpeg(picture_of(frame, (width, height)), target)


def _write_jpeg(picture: "Image", target: AnyPath) -> Path:
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
    import av

    shown = None
    with opened(path, whole=False) as (container, stream):
        if start_s > 0:
            with suppress(av.FFmpegError):  # where a file cannot be searched, continue where we are
                container.seek(int(start_s * 1_000_000))
        for frame in frames_of(container, stream):
            if shown is not None and frame.time is not None and frame.time > at_s:
                return shown
            shown = frame
    return shown


def make_strip(videos: list[AnyPath], target: AnyPath, *, frames: int = 6, width: int = 960) -> Path:
    """Write *frames* evenly spaced frames of *videos* to *target* as a JPEG, a row for each video, and return that path.

    A column is one moment, counted from the first frame, of the part that all of them have. NotAVideo if one is damaged.
    """
    from PIL import Image

    length_s = min(_length_s(path) for path in videos)
    moments = [length_s * (number + 0.5) / frames for number in range(frames)]
    column = max(16, (width - _GAP * (frames - 1)) // frames)
    rows = [list(_thumbs(path, moments, column)) for path in videos]
    height = sum(row[0].height for row in rows) + _GAP * (len(rows) - 1)
    strip = Image.new("RGB", (column * frames + _GAP * (frames - 1), height), _GROUND)
    top = 0
    for row in rows:
        for number, thumb in enumerate(row):
            strip.paste(thumb, (number * (column + _GAP), top))
        top += row[0].height + _GAP
    return _write_jpeg(strip, target)


def _length_s(path: AnyPath) -> float:
    """From the first frame to the end of the last. Packets tell it, without decoding: a header may be wrong."""
    import av

    first, last = math.inf, -math.inf
    with opened(path) as (container, stream):
        with suppress(av.FFmpegError):  # a damaged end is told when it is decoded
            for packet in container.demux(stream):
                if packet.pts is not None and packet.time_base is not None:
                    shown = float(packet.pts * packet.time_base)
                    first, last = min(first, shown), max(last, shown)
        return max(0.0, last - first) + float(1 / frame_rate(stream))


def _thumbs(path: AnyPath, moments: list[float], column: int) -> "Iterator[Image]":
    """The pictures shown at *moments*, in one pass through the file."""
    wanted, before, start_s = list(moments), None, None
    with opened(path) as (container, stream):
        size = column, 1
        for number, frame in enumerate(pictures(container, stream)):
            shown_s = number / float(frame_rate(stream)) if frame.time is None else frame.time
            if start_s is None:
                start_s, (width, height) = shown_s, shown_size(stream, frame)
                size = column, max(1, round(height * column / width))
            while wanted and before is not None and shown_s - start_s > wanted[0]:
                wanted.pop(0)
                yield picture_of(before, size)
            if not wanted:
                return
            before = frame
    if before is None:
        raise NotAVideo(f"{Path(path).name} is {NO_FRAME}", seems=NO_FRAME)
    for _ in wanted:  # shown until the end
        yield picture_of(before, size)
