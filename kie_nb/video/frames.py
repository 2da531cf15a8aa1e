"""One frame of a video, by its number or by its moment, as a player shows it."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from . import reading
from .bounds import Budget
from .facts import AnyPath, NotAVideo

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from PIL.Image import Image


class NoSuchFrame(ValueError):
    """A video has no frame of that number, or is over by that moment."""


def frame_at(path: AnyPath, at: float) -> tuple[int, "Image"]:
    """The number of a frame and its picture: by its number, from the end where that is negative, or by seconds if *at* is a float.

    NotAVideo for what is none, NoSuchFrame for what it does not have. All of it up to the frame is decoded: a seek may miss by some.
    """
    return _by_moment(path, at) if isinstance(at, float) else _by_number(path, at)


def _by_number(path: AnyPath, number: int) -> tuple[int, "Image"]:
    if number < -1:
        count = sum(1 for _ in _shown(path))
        if count + number < 0:
            raise NoSuchFrame(_has(count))
        number += count
    found, place = None, -1
    for place, (found, _, _) in enumerate(_shown(path)):
        if place == number:
            return place, found()
    if found is None:
        raise _no_frame()
    if number != -1:
        raise NoSuchFrame(_has(place + 1))
    return place, found()


def _by_moment(path: AnyPath, at_s: float) -> tuple[int, "Image"]:
    if not at_s >= 0:
        raise NoSuchFrame("a moment is counted from its start, in seconds")
    found, place, end_s = None, -1, 0.0
    for place, (frame, shown_s, lasts_s) in enumerate(_shown(path)):
        if found is not None and shown_s > at_s:
            return place - 1, found()
        found, end_s = frame, shown_s + lasts_s
    if found is None:
        raise _no_frame()
    if at_s > end_s:
        raise NoSuchFrame(f"it lasts {end_s:.3f} s")
    return place, found()


def _no_frame() -> NotAVideo:
    return NotAVideo(f"it is {reading.NO_FRAME}", seems=reading.NO_FRAME)


def _has(count: int) -> str:
    return f"it has {count} frames, 0 to {count - 1}, or -{count} to -1 from the end"


def _shown(path: AnyPath) -> "Iterator[tuple[_Shown, float, float]]":
    """Each frame as a call that gives its picture, its moment from the first one on, and how long it is shown, in seconds."""
    with reading.opened(path, whole=False) as (container, stream):
        budget, start_s, each_s = Budget(), None, float(1 / reading.frame_rate(stream))
        for number, frame in enumerate(reading.frames_of(container, stream)):
            if not budget.admits(frame):
                raise NotAVideo(f"it is {reading.TOO_LONG}", seems=reading.TOO_LONG)
            shown_s = number * each_s if frame.time is None else frame.time
            start_s = shown_s if start_s is None else start_s
            lasts_s = (
                float(frame.duration * frame.time_base) if frame.duration and frame.time_base else each_s
            )
            yield _Shown(frame, stream), shown_s - start_s, lasts_s


class _Shown:
    """A decoded frame; called, its picture."""

    def __init__(self, frame: "VideoFrame", stream: Any) -> None:
        self._frame, self._size = frame, reading.shown_size(stream, frame)

    def __call__(self) -> "Image":
        from av.video.reformatter import ColorRange

        frame = reading.upright(self._frame)
        ranges = ColorRange.JPEG if reading.is_full_range(frame) else ColorRange.MPEG
        flat = frame.reformat(
            format="rgb24",
            src_colorspace=reading.colours_of(self._frame),
            src_color_range=ranges,
            interpolation="BICUBIC",
        )
        picture: Image = flat.to_image()  # type: ignore[no-untyped-call]
        return picture if picture.size == self._size else picture.resize(self._size)
