"""The values of this package: `VideoFacts`, `Likeness`, and the error for a file that is not a video."""

import os
from dataclasses import dataclass
from enum import StrEnum

AnyPath = str | os.PathLike[str]

_SHAPE = 0.02  # a difference of width to height that rounding to even numbers makes
_A_FRAME = 1.02  # lengths and moments are rounded


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


class Framing(StrEnum):
    """What was done to the whole picture of the second video."""

    SAME = "same"
    MIRRORED = "mirrored"
    UPSIDE_DOWN = "upside down"
    NEGATIVE = "negative"
    CLOSER = "closer"  # it shows a part of the first one's picture
    WIDER = "wider"  # the first shows a part of its picture


@dataclass(frozen=True, kw_only=True, slots=True)
class Appearance:
    """What people see of two videos at a glance, of small pictures of the same moments; signs are of the second minus the first."""

    outline: float  # correlation of their luma, the mean: 1 for the same shot, in whatever colours
    outline_min: float  # that of the pair that is least alike
    framing: Framing  # what was made good before they were compared
    part: float  # which share of the picture both show
    colour: float  # CIEDE2000, the mean: 0 for equal colours, about 2 is seen side by side
    hue: float  # the same without the difference in lightness
    lightness: float  # of 100
    saturation: float  # its hues are those of the first by this, below 0 for inverted ones, plus the tint
    tint: tuple[float, float]  # a (to red, from green) and b (to yellow, from blue) of CIELAB
    chroma: tuple[float, float]  # how colourful each of them is: 0 for grey


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
    shift_s: float  # by how much the second is earlier, which was made good before all else was measured
    seen: Appearance
    compared_s: float  # how long the part is that both have
    compared_width: int  # the size of the smaller one
    compared_height: int
    sound: SoundLikeness | None  # None where one of them, or both, have no sound: see `Side.has_sound`

    @property
    def distance(self) -> float:
        """1 - SSIM: 0 for equal frames."""
        return round(max(0.0, 1.0 - self.ssim), 6)  # the filter says no more digits

    @property
    def is_in_time(self) -> bool:
        """Whether both show the same at the same moment, to within a frame."""
        return abs(self.shift_s) <= _A_FRAME / min(self.first.fps, self.second.fps)

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
    return abs(first.duration_s - second.duration_s) <= _A_FRAME / min(first.fps, second.fps)
