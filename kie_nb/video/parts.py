"""A clip as a part of a film: its frames by their moments, its ends as they look, and what must agree to be copied."""

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from . import reading
from .bounds import Budget
from .facts import AnyPath, NotAVideo

if TYPE_CHECKING:
    import numpy as np
    from av.audio.stream import AudioStream
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    Still = NDArray[np.int16]

_KEEPING = {"mp4", "mov", "webm", "matroska"}  # containers whose packets an MP4 takes as they are
_PICTURES, _SOUNDS = {"h264", "av1", "vp9"}, {"aac", "mp3", "opus"}
_PLAIN = {"yuv420p", "yuvj420p"}  # what every browser plays of H.264
_STILL = (
    96,
    54,
)  # ends of clips are compared in this size: less than that, noise of coding is no longer seen
_MOST_S, _MOST_FRAMES = 3600.0, 500_000
_LONGEST_S = 60.0  # of one frame: longer is a mistake of its container
_IDR, _SLICES = 5, {1, 2, 3, 4, 5}  # of H.264, by the type of a unit
# In levels of 255.
_EQUAL, _NEAR, _STILL_MOVES = 0.25, 4.0, 0.5
_REDRAWN = 12.0  # a model that was given the last frame draws it anew


@dataclass(kw_only=True, slots=True)
class Part:
    """What was found out about a clip by decoding it."""

    path: Path
    size: tuple[int, int]  # as it is shown
    rate: Fraction  # frames a second, by its header
    start_s: Fraction  # the moment of its first frame in its own time
    moments: list[Fraction]  # of each frame, from the first one on
    last_s: Fraction  # how long the last frame is shown
    first: list["Still"]  # its first two frames, small
    last: list["Still"]  # its last two
    picture: (
        tuple[Any, ...] | None
    )  # equal for clips whose pictures can follow each other as they are; None for one that is drawn anew
    sound: tuple[Any, ...] | None  # the same of sound
    has_sound: bool
    packets: list[tuple[Fraction, Fraction]]  # (pts, dts) of the picture
    heard: list[tuple[Fraction, Fraction]] = field(
        default_factory=list
    )  # start and end of each packet of sound
    without_last: bool = False  # its last frame is the first of the next part

    @property
    def frames(self) -> int:
        """How many of its frames are in the film."""
        return len(self.moments) - self.without_last

    @property
    def length_s(self) -> Fraction:
        """How long it is in the film."""
        return self.moments[-1] if self.without_last else self.moments[-1] + self.last_s

    @property
    def can_be_cut(self) -> bool:
        """Whether its last frame can be left out without decoding: no other is made from what comes last in the file."""
        return len(self.packets) > 1 and self.packets[-1] == max(self.packets)

    @property
    def is_heard_throughout(self) -> bool:
        """Whether its sound has no gap as long as its picture lasts."""
        if not self.heard:
            return False
        length, slack = self.moments[-1] + self.last_s, Fraction(1, 10)
        gaps = (later[0] - earlier[1] for earlier, later in zip(self.heard, self.heard[1:], strict=False))
        is_whole = max(gaps, default=Fraction()) < Fraction(1, 100)
        return is_whole and self.heard[0][0] <= slack and self.heard[-1][1] >= length - slack


def survey(path: AnyPath) -> Part:
    """Decode a clip and say what it is; NotAVideo for anything else, and for one that is too long."""
    place = Path(path)
    with reading.opened(place, whole=False) as (container, stream):
        sounds = [sound for sound in container.streams.audio if reading.can_be_heard(sound)][:1]
        found = _Survey(stream, sounds[0] if sounds else None)
        for packet in reading.demuxed(container, [stream, *sounds]):
            found.add(packet)
            if found.budget.is_spent or found.span_s > _MOST_S or len(found.shown) > _MOST_FRAMES:
                words = f"{place.name} is {reading.TOO_LONG}"
                raise NotAVideo(words, seems=reading.TOO_LONG)
        if not found.firsts:
            raise NotAVideo(f"{place.name} is {reading.NO_FRAME}", seems=reading.NO_FRAME)
        kind = reading.container_name(place, container)
        is_kept = kind in _KEEPING and found.is_clean
        start = found.shown[0]
        return Part(
            path=place,
            size=reading.shown_size(stream, found.firsts[0]),
            rate=reading.frame_rate(stream),
            start_s=start,
            moments=[moment - start for moment in found.shown],
            last_s=found.last_s,
            first=[_small(frame) for frame in found.firsts],
            last=[_small(frame) for frame in found.lasts],
            picture=_picture_kind(stream, found.firsts[0]) if is_kept and found.can_be_copied else None,
            sound=_sound_kind(sounds[0]) if sounds and kind in _KEEPING else None,
            has_sound=bool(sounds),
            packets=[(pts - start, dts - start) for pts, dts in found.packets],
            heard=[(begin - start, end - start) for begin, end in found.heard],
        )


class _Survey:
    """Counts while a clip goes by."""

    def __init__(self, stream: "VideoStream", sound: "AudioStream | None") -> None:
        self._stream, self._sound = stream, sound
        self.budget = Budget()
        self.shown: list[Fraction] = []
        self.packets: list[tuple[Fraction, Fraction]] = []
        self.heard: list[tuple[Fraction, Fraction]] = []
        self.firsts: list[VideoFrame] = []
        self.lasts: deque[VideoFrame] = deque(maxlen=2)
        self.last_s = Fraction(0)
        self.is_clean = True  # no packet is damaged, left out or without its moment
        self._starts_anew = False

    @property
    def span_s(self) -> float:
        return float(self.shown[-1] - self.shown[0]) if self.shown else 0.0

    @property
    def can_be_copied(self) -> bool:
        return self._starts_anew and len(self.packets) == len(self.shown)

    def add(self, packet: "Packet[Any]") -> None:
        base = packet.time_base or Fraction(1)
        if packet.stream is self._sound:
            if packet.size and packet.pts is not None:
                begin = packet.pts * base
                self.heard.append((begin, begin + (packet.duration or 0) * base))
            return
        frames, is_good = reading.decoded(packet)
        self.is_clean = self.is_clean and is_good
        if packet.size:
            if not self.packets:
                self._starts_anew = packet.is_keyframe and _is_fresh(self._stream, bytes(packet))
            has_moment = packet.pts is not None and packet.dts is not None
            self.is_clean = self.is_clean and has_moment and not packet.is_discard and not packet.is_corrupt
            self.packets.append(((packet.pts or 0) * base, (packet.dts or 0) * base))
        for frame in cast("list[VideoFrame]", frames):
            self._see(frame)

    def _see(self, frame: "VideoFrame") -> None:
        if not self.budget.admits(frame):
            return
        self.is_clean = self.is_clean and not frame.is_corrupt
        each = 1 / reading.frame_rate(self._stream)
        moment = None if frame.pts is None or frame.time_base is None else frame.pts * frame.time_base
        if self.shown and (moment is None or moment <= self.shown[-1]):
            moment, self.is_clean = self.shown[-1] + each, False
        if len(self.shown) < 2:  # noqa: PLR2004
            self.firsts.append(frame)
        self.lasts.append(frame)
        self.shown.append(moment or Fraction(0))
        lasts = Fraction(frame.duration or 0) * (frame.time_base or 0)
        self.last_s = lasts if 0 < lasts <= _LONGEST_S else each


def _small(frame: "VideoFrame") -> "Still":
    import numpy as np

    small = reading.upright(frame).reformat(*_STILL, "gray", interpolation="AREA")
    return small.to_ndarray().astype(np.int16)


def _is_fresh(stream: "VideoStream", packet: bytes) -> bool:
    """Whether no frame before this packet is needed for any after it: in H.264 not every key frame is such a one."""
    if stream.codec_context.name != "h264":
        return True
    return next((kind for kind in _units(packet) if kind in _SLICES), 0) == _IDR


def _units(packet: bytes) -> Iterator[int]:
    """The types of the units in a packet of H.264, each after its length in four bytes, as in an MP4."""
    place = 0
    while place + 4 < len(packet):
        yield packet[place + 4] & 0x1F
        place += 4 + int.from_bytes(packet[place : place + 4], "big")


def _picture_kind(stream: "VideoStream", first: "VideoFrame") -> tuple[Any, ...] | None:
    context = stream.codec_context
    name = reading.codec_name(stream)
    if name not in _PICTURES or context.pix_fmt not in _PLAIN:
        return None
    colours = (context.color_primaries, context.color_trc, context.colorspace, context.color_range)
    size = stream.width, stream.height, reading.pixel_aspect(stream), reading.turn_of(first)
    return (
        name,
        bytes(context.extradata or b""),
        context.codec_tag,
        context.pix_fmt,
        *size,
        *map(int, colours),
    )


def _sound_kind(sound: "AudioStream") -> tuple[Any, ...] | None:
    context, name = sound.codec_context, reading.codec_name(sound)
    if name not in _SOUNDS:
        return None
    return name, bytes(context.extradata or b""), sound.rate, context.layout.name


def is_doubled(before: Part, after: Part, *, is_linked: bool) -> bool:
    """Whether *after* starts with the last frame of *before*.

    Args:
        is_linked: *after* was asked for with that frame as its first one: then it may be drawn anew, with a caption, say.
    """
    import numpy as np

    apart = np.abs(before.last[-1] - after.first[0])
    if is_linked and float(np.median(apart)) <= _REDRAWN:
        return True
    distance = float(apart.mean())
    if distance <= _EQUAL:
        return True
    pairs = [pair for pair in (before.last, after.first) if len(pair) > 1]
    moves = min((float(np.abs(one - other).mean()) for one, other in pairs), default=math.inf)
    return distance <= _NEAR and distance <= _STILL_MOVES * moves
