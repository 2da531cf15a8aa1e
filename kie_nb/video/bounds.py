"""Limits of decoding: a file of some kilobytes may claim a picture of gigabytes, or a day of video."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.video.frame import VideoFrame
    from PIL.Image import Image

MOST_PIXELS = 40_000_000  # of one picture; 8K has 33 million
MOST_DECODED = 20_000_000_000  # pixels of one file: five minutes of 1080p at 30 a second
MOST_SOUND_S = 3600.0


class TooManyPixels(ValueError):
    """A picture that is not decoded, by its header."""


@contextmanager
def open_picture(source: Path | IO[bytes]) -> "Iterator[Image]":
    """A picture opened with Pillow, its pixels not decoded yet: TooManyPixels, or what Pillow raises for no picture."""
    from PIL import Image

    bombs = Image.DecompressionBombError, Image.DecompressionBombWarning  # a warning where those are errors
    try:
        opened = Image.open(source)
    except bombs as exc:
        told = re.search(r"\((\d+) pixels\)", str(exc))
        has = f"it has {int(told[1]) / 1e6:.0f} million pixels; " if told else ""
        raise TooManyPixels(f"{has}at most {MOST_PIXELS / 1e6:g} million are decoded") from None
    with opened as picture:
        if picture.format == "EPS":
            raise ValueError("an EPS is a program, and no picture")  # Pillow would start Ghostscript
        refuse_pixels(*picture.size)
        yield picture


def open_shrunk(source: IO[bytes]) -> "Image":
    """A JPEG that is decoded at a half, a quarter or an eighth of its sides; TooManyPixels where that does not do.

    Its `info` has what it has in the file, as `full_size`.
    """
    from PIL.JpegImagePlugin import JpegImageFile

    picture = JpegImageFile(source)  # `Image.open` would refuse it by its size
    width, height = picture.size
    if "progressive" not in picture.info:  # that kind is held in memory whole
        scale = next((by for by in (1, 2, 4, 8) if width * height <= MOST_PIXELS * by**2), 8)
        picture.draft(None, (width // scale, height // scale))
        picture.info["full_size"] = width, height
    refuse_pixels(*picture.size)
    return picture


def refuse_pixels(width: int, height: int) -> None:
    """Raise TooManyPixels for a picture of a size that is not decoded."""
    if width * height > MOST_PIXELS:
        raise TooManyPixels(
            f"it has {width} × {height} pixels; at most {MOST_PIXELS / 1e6:g} million are decoded"
        )


class Budget:
    """What may yet be decoded of one file."""

    def __init__(self) -> None:
        self._pixels, self._sound_s = float(MOST_DECODED), MOST_SOUND_S

    def admits(self, frame: "VideoFrame | AudioFrame") -> bool:
        """Whether *frame*, which counts from now on, is within it."""
        rate = getattr(frame, "sample_rate", 0)
        if rate:
            self._sound_s -= frame.samples / rate  # type: ignore[union-attr]
        else:
            self._pixels -= frame.width * frame.height  # type: ignore[union-attr]
        return not self.is_spent

    @property
    def is_spent(self) -> bool:
        """Whether nothing more is decoded."""
        return self._pixels < 0 or self._sound_s < 0
