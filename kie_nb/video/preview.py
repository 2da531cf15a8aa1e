"""A small copy of a video that any browser plays: what is embedded in a notebook.

Notebooks keep what they show as text, so the copy has to be small; and a service may answer with HEVC, which no
browser plays, so it is always made anew. The same file gives the same copy, byte for byte, on the same machine.
"""

import math
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..fileops import finished_in_one_step
from .bounds import Budget
from .facts import AnyPath, NotAVideo
from .reading import (
    NO_FRAME,
    can_be_heard,
    decoded,
    demuxed,
    duration_s,
    frame_rate,
    frames_of,
    opened,
    shown_size,
    upright,
)

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_CRF = 26  # quiet footage stays far below the limit, noisy footage is held by the rate
_MAX_FPS = 30
_KEY_FRAME_EVERY_S = 2  # so that a player can jump about
_SOUND_BITS_PER_S = 64_000
_SOUND_RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000)
_CONTAINER_SHARE = 0.04  # of the file, for boxes and the encoder's inexactness
_LEAST_BITS_PER_S = 40_000  # less than this shows nothing, so a very long video may exceed its limit
_UNKNOWN_LENGTH_S = 5.0


def make_preview(
    path: AnyPath, target: AnyPath, *, max_height: int = 480, max_bytes: int = 1_000_000
) -> Path:
    """Write a small H.264 copy of a video to *target*, in one step, and return that path.

    The copy keeps length, sound and frame rate (at most 30 a second). A damaged part is left out, and so is the end of a
    video of many minutes. Its shorter side is at most *max_height*; only very long videos weigh more than *max_bytes*.
    """
    with finished_in_one_step(target) as part:
        with opened(path, whole=False) as (source, picture):
            length_s = duration_s(source, picture) or _UNKNOWN_LENGTH_S
            first = next(frames_of(source, picture), None)
            if first is None:
                raise NotAVideo(f"no preview of {Path(path).name}: it is {NO_FRAME}", seems=NO_FRAME)
            size = _preview_size(*shown_size(picture, first), max_height)
        wanted = _bits_per_s(max_bytes, length_s)
        length_s = _write(path, part, size, wanted)
        weight = part.stat().st_size
        if weight > max_bytes:  # the length was not known, or noise beat the rate control
            wanted = min(_bits_per_s(max_bytes, length_s), int(wanted * 0.9 * max_bytes / weight))
            _write(path, part, size, max(wanted, _LEAST_BITS_PER_S))
    return Path(target)


def _bits_per_s(max_bytes: int, length_s: float) -> int:
    """The rate at which the picture fits, counting the sound and the second that the rate control may run ahead."""
    total = max_bytes * 8 * (1 - _CONTAINER_SHARE) - _SOUND_BITS_PER_S * length_s
    return max(int(total / (length_s + 1)), _LEAST_BITS_PER_S)


def _preview_size(width: int, height: int, max_short: int) -> tuple[int, int]:
    """Shrink so that the shorter side fits, never enlarge; both sides even, as 4:2:0 wants them."""
    scale = min(1.0, max_short / min(width, height))
    return _even(width * scale, width), _even(height * scale, height)


def _even(wanted: float, at_most: int) -> int:
    return max(2, min(round(wanted / 2), at_most // 2) * 2)


def _write(path: AnyPath, part: Path, size: tuple[int, int], bits_per_s: int) -> float:
    """Encode all that can be decoded to *part*; the seconds of picture written."""
    import av

    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with (
        opened(path, whole=False) as (source, picture),
        av.open(str(part), "w", format="mp4", options=options) as copy,
    ):
        start_s = source.start_time / 1_000_000 if source.start_time else 0.0
        screen = _Screen(copy, picture, size, bits_per_s, start_s)
        tracks: dict[int, _Screen | _Speaker] = {picture.index: screen}
        for sound in [sound for sound in source.streams.audio if can_be_heard(sound)][:1]:
            tracks[sound.index] = _Speaker(copy, sound, start_s=start_s)
        budget = Budget()
        for packet in demuxed(source, [source.streams[index] for index in tracks]):
            for frame in decoded(packet)[0]:
                if budget.admits(frame):
                    copy.mux(tracks[packet.stream.index].encode(frame))
            if budget.is_spent:
                break
        for track in tracks.values():
            copy.mux(track.stream.encode(None))
    return screen.length_s


def _preview_rate(rate: Fraction) -> Fraction:
    """*rate*, divided by a whole number above the limit: 60 becomes 30, 50 becomes 25."""
    return (rate / math.ceil(rate / _MAX_FPS)).limit_denominator(1001)


class _Screen:
    """The picture of the copy: scaled, thinned to the frame rate, held to a bit rate."""

    def __init__(
        self,
        copy: "OutputContainer",
        source: "VideoStream",
        size: tuple[int, int],
        bits_per_s: int,
        start_s: float,
    ) -> None:
        from av.video.reformatter import VideoReformatter

        self._rate = _preview_rate(frame_rate(source))
        self._start_s = start_s
        self._last = -1
        self._scaler = VideoReformatter()
        self.stream = copy.add_stream("libx264", rate=self._rate)
        self.stream.width, self.stream.height = size
        self.stream.pix_fmt = "yuv420p"
        self.stream.options = {
            "preset": "superfast",  # half the time of "veryfast", for a look that is hard to tell apart at this size
            "crf": str(_CRF),
            "maxrate": str(bits_per_s),
            "bufsize": str(bits_per_s),
            "g": str(math.ceil(self._rate * _KEY_FRAME_EVERY_S)),
            "threads": "1",  # with more, the result depends on how the threads were scheduled
        }
        # Say which colours the numbers mean, where the source does: a player would guess by the frame size, and the small
        # copy look paler or greener than the video.
        theirs, ours = source.codec_context, self.stream.codec_context
        if (theirs.pix_fmt or "").startswith("yuv"):
            ours.color_primaries, ours.color_trc = theirs.color_primaries, theirs.color_trc
            ours.colorspace = theirs.colorspace

    @property
    def length_s(self) -> float:
        return float((self._last + 1) / self._rate)

    def encode(self, frame: "VideoFrame | AudioFrame") -> "Sequence[Packet[Any]]":
        # Frames go to places in a steady grid, and what comes second to a place is dropped. A frame may be a
        # quarter early: WebM rounds its times to milliseconds.
        place = self._last + 1
        if frame.time is not None:
            place = max(0, math.floor((frame.time - self._start_s) * self._rate + 0.25))
        if place <= self._last:
            return []
        self._last = place
        picture, size = upright(cast("VideoFrame", frame)), (self.stream.width, self.stream.height)
        small = self._scaler.reformat(picture, *size, "yuv420p", interpolation="AREA")
        small.pts, small.time_base = place, 1 / self._rate
        small.pict_type = 0  # the source's key frames are of no use here: the encoder chooses
        return self.stream.encode(small)


class _Speaker:
    """The sound of the copy: AAC, mono or stereo."""

    def __init__(self, copy: "OutputContainer", source: "AudioStream", *, start_s: float) -> None:
        rate = source.rate if source.rate in _SOUND_RATES else _SOUND_RATES[0]
        layout = "mono" if source.codec_context.layout.nb_channels == 1 else "stereo"
        self._start_s = start_s
        self.stream = copy.add_stream("aac", rate=rate, layout=layout)
        self.stream.bit_rate = _SOUND_BITS_PER_S
        self.stream.options = {"aac_coder": "fast"}  # half the time; unheard at this rate

    def encode(self, frame: "VideoFrame | AudioFrame") -> "Sequence[Packet[Any]]":
        if self._start_s and frame.pts is not None and frame.time_base:
            frame.pts -= round(self._start_s / frame.time_base)
        return self.stream.encode(cast("AudioFrame", frame))
