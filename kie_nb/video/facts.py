"""The values this room hands out: what is known of a video, and the refusal of a file that is none."""

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
    """What was measured in a video file; nothing here is taken from its name.

    Attributes:
        width: As it is shown: turned by the display matrix, its pixels square.
        height: Likewise.
        browser_playable: Whether every browser plays the file as it is.
    """

    container: str
    video_codec: str
    audio_codec: str | None
    width: int
    height: int
    fps: float
    duration_s: float
    frames: int | None
    bytes: int
    browser_playable: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class SoundLikeness:
    """How alike two tracks of sound are.

    Attributes:
        same_bytes: The coded sound is equal.
        same_samples: The decoded sound is equal; coded sound that is equal always is.
        rms_difference: Of one minus the other, over the part that both have; 1 is full scale.
        rms: How loud each of them is in that part.
        compared_s: How long that part is.
    """

    same_bytes: bool
    same_samples: bool
    rms_difference: float
    rms: tuple[float, float]
    compared_s: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Side:
    """One of two compared videos, as counted while it was decoded.

    Attributes:
        duration_s: From the first frame to the end of the last.
    """

    name: str
    sha256: str
    bytes: int
    frames: int
    duration_s: float
    fps: float
    width: int
    height: int
    has_sound: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Likeness:
    """How alike two videos are.

    Attributes:
        same_bytes: The files are equal.
        same_frames: All decoded frames are equal, pixel by pixel, and last equally long; containers, tags and sound may differ.
        ssim: Structural similarity of the pairs of frames, the mean; 1 for equal ones.
        ssim_min: That of the pair that is least alike.
        pairs: How many pairs of frames were compared.
        compared_s: How long the part is that both have.
        compared_width: In which size they were compared: that of the smaller one.
        sound: None where one of them, or both, have no sound: see `Side.has_sound`.
    """

    first: Side
    second: Side
    same_bytes: bool
    same_frames: bool
    ssim: float
    ssim_min: float
    pairs: int
    compared_s: float
    compared_width: int
    compared_height: int
    sound: SoundLikeness | None

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
