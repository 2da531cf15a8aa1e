"""Two videos side by side: which frame of one belongs to which of the other.

Frames are paired by the moment they are shown at, counted from the first frame of each, and looked at one after the
other: no more than a few are in memory, however long the videos are.
"""

import hashlib
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .display import pixel_aspect, shown_size, upright
from .facts import NotAVideo
from .reading import frame_rate, opened, pictures

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.format import VideoFormat
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_IS_OVER = 0.75  # of a frame's time after the last one: a moment that a rounded time stamp does not reach


class Film:
    """The frames of one video with their moments; they are counted and hashed while they are decoded."""

    def __init__(self, container: "InputContainer", stream: "VideoStream") -> None:
        self.name = Path(container.name).name
        self.width, self.height = shown_size(stream)
        self.fps = float(frame_rate(stream))
        self.has_sound = bool(container.streams.audio)
        self.frames = 0
        self._last_s = 0.0
        self._hash = hashlib.sha256()
        self._moments = self._watched(container, stream)

    def __iter__(self) -> Iterator[tuple[float, "VideoFrame"]]:
        return self._moments

    @property
    def length_s(self) -> float:
        """From the first frame to the end of the last one decoded."""
        return self._last_s + 1 / self.fps

    @property
    def digest(self) -> str:
        """A hash of every pixel decoded, without moments."""
        return self._hash.hexdigest()

    def is_over_at(self, moment_s: float) -> bool:
        """Whether the last frame decoded is no longer shown then."""
        return moment_s > self._last_s + _IS_OVER / self.fps

    def finish(self) -> None:
        """Decode the rest.

        Raises:
            NotAVideo: there was no frame at all.
        """
        deque(self._moments, maxlen=0)
        if not self.frames:
            seems = "a video without a single frame that can be decoded"
            raise NotAVideo(f"{self.name} cannot be compared: it is {seems}", seems=seems)

    def _watched(
        self, container: "InputContainer", stream: "VideoStream"
    ) -> Iterator[tuple[float, "VideoFrame"]]:
        start_s = None
        for frame in pictures(container, stream):
            shown_s = self.frames / self.fps if frame.time is None else frame.time
            if start_s is None:
                start_s = shown_s
                self.width, self.height = shown_size(stream, frame)
            self._last_s = shown_s - start_s
            self.frames += 1
            shown = upright(frame)
            _add_pixels(self._hash, shown, pixel_aspect(stream))
            yield self._last_s, shown


@contextmanager
def films(*paths: str | PathLike[str]) -> Iterator[list[Film]]:
    """The videos opened, each from its first frame."""
    with ExitStack() as stack:
        yield [Film(*stack.enter_context(opened(path))) for path in paths]


def pairs(first: Film, second: Film) -> Iterator[tuple["VideoFrame", "VideoFrame"]]:
    """Both frames, for each frame of the slower video while both last. The rest is decoded, unpaired."""
    if second.fps < first.fps:
        yield from ((mine, theirs) for theirs, mine in pairs(second, first))
        return
    ahead = iter(second)
    shown, coming = next(ahead, None), next(ahead, None)
    for moment, frame in first:
        while shown and coming and abs(coming[0] - moment) <= abs(shown[0] - moment):
            shown, coming = coming, next(ahead, None)
        if shown is None or (coming is None and second.is_over_at(moment)):
            break
        yield frame, shown[1]
    first.finish()
    second.finish()


def is_full_range(frame: "VideoFrame") -> bool:
    """Whether black is 0 rather than 16."""
    return frame.format.name.startswith("yuvj") or int(frame.color_range) == 2  # noqa: PLR2004 - AVCOL_RANGE_JPEG


def _add_pixels(digest: Any, frame: "VideoFrame", aspect: float) -> None:
    about = (frame.format.name, frame.width, frame.height, is_full_range(frame), aspect)
    digest.update(repr(about).encode())
    for number, plane in enumerate(frame.planes):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        # What lies behind the end of a row is the decoder's scratch space.
        used = min(plane.line_size, plane.width * _bytes_per_pixel(frame.format, number))
        digest.update(np.ascontiguousarray(rows[: plane.height, :used]))


def _bytes_per_pixel(kind: "VideoFormat", plane: int) -> int:
    return sum((part.bits + 7) // 8 for part in kind.components if part.plane == plane)
