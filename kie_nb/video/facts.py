"""The values of this package: `VideoFacts`, `Likeness`, and the error for a file that is not a video."""

import os
from dataclasses import dataclass

AnyPath = str | os.PathLike[str]

_SHAPE = 0.02  # a difference of width to height that rounding to even numbers makes


class NotAVideo(ValueError):
    """A file cannot be watched.

    `seems` says what it is instead ("an HTML page", "an MP4 cut short: ..."), for a message or a log.
    """

    def __init__(self, message: str, *, seems: str = "") -> None:
        super().__init__(message)
        self.seems = seems


@dataclass(frozen=True, kw_only=True, slots=True)
class VideoFacts:
    """What was measured in a video file; nothing here is taken from its name."""

    container: str
    video_codec: str
    audio_codec: str | None
    width: int  # as it is shown: turned by the display matrix, its pixels square
    height: int
    fps: float
    duration_s: float
    frames: int | None
    bytes: int
    browser_playable: bool  # by every browser, as it is


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundLikeness:
    """How alike two tracks of sound are."""

    same_bytes: bool  # the coded sound is equal
    same_samples: bool  # the decoded sound is equal; coded sound that is equal always is
    rms_difference: float  # of one minus the other, over the part that both have; 1 is full scale
    rms: tuple[float, float]  # how loud each of them is in that part
    compared_s: float  # how long that part is


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of two compared videos, as counted while it was decoded."""

    name: str
    sha256: str
    bytes: int
    frames: int
    duration_s: float  # from the first frame to the end of the last
    fps: float
    width: int
    height: int
    has_sound: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Likeness:
    """How alike two videos are."""

    first: Side
    second: Side
    same_bytes: bool
    same_frames: bool  # pixel by pixel, and last equally long; containers, tags and sound may differ
    ssim: float  # structural similarity of the pairs of frames, the mean; 1 for equal ones
    ssim_min: float  # that of the pair that is least alike
    pairs: int  # how many pairs of frames were compared
    compared_s: float  # how long the part is that both have
    compared_width: int  # the size of the smaller one
    compared_height: int
    sound: SoundLikeness | None  # None where one of them, or both, have no sound: see `Side.has_sound`

    @property
    def distance(self) -> float:
        """1 - SSIM: 0 for equal frames."""
        return round(max(0.0, 1.0 - self.ssim), 6)  # the filter says no more digits

    @property
    def is_one_length(self) -> bool:
        """Whether both last equally long, to within a frame."""
        return is_one_length(self.first, self.second)

    @property
    def is_one_size(self) -> bool:
        """Whether both have the same width and height; otherwise the larger was scaled down."""
        return (self.first.width, self.first.height) == (self.second.width, self.second.height)

    @property
    def is_one_shape(self) -> bool:
        """Whether width to height is the same; otherwise one was stretched."""
        shapes = [side.width / side.height for side in (self.first, self.second)]
        return max(shapes) <= min(shapes) * (1 + _SHAPE)


def is_one_length(first: Side, second: Side) -> bool:
    """Whether both last equally long, to within a frame."""
    return abs(first.duration_s - second.duration_s) <= 1 / min(first.fps, second.fps)
