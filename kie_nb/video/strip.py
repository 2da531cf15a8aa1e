"""A strip of frames: the same moments of several videos above each other, to compare them by eye."""

import math
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from .display import picture_of, shown_size
from .facts import AnyPath, NotAVideo
from .poster import write_jpeg
from .reading import NO_FRAME, frame_rate, opened, pictures

if TYPE_CHECKING:
    from PIL.Image import Image

_GAP = 4  # between pictures, in pixels
_GROUND = (128, 128, 128)  # between light and dark themes


def make_strip(
    videos: list[AnyPath],
    target: AnyPath,
    *,
    frames: int = 6,
    width: int = 960,
) -> Path:
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
    return write_jpeg(strip, target)


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
