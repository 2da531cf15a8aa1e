"""The tracks of a film that is being made of parts: each takes the packets of one part after another and gives those of the film."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, cast

from typing_extensions import override

from . import reading
from .bounds import Budget
from .parts import Part

if TYPE_CHECKING:
    import numpy as np
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    Packets = Sequence[Packet[Any]]
    Samples = NDArray[np.float32]

_TICKS = 90_000  # a second, of a picture that is drawn: no usual rate is rounded noticeably
_MOST_TICKS = 1 << 30
_QUALITY = {"preset": "veryfast", "crf": "17"}  # hard to tell from the clips
_RATE, _BITS_PER_S, _PIECE = 48_000, 192_000, 4800
_SLACK = 0.02  # of width to height, that rounding to even numbers makes


class Track(ABC):
    """One track of a film, which goes through its parts."""

    @abstractmethod
    def begin(self, part: Part, start_s: Fraction) -> None:
        """Take the packets of *part* from now on, whose first frame is shown at *start_s*."""

    @abstractmethod
    def add(self, packet: "Packet[Any]") -> "Packets":
        """The film's packets that come of one more of the part's."""

    def end(self) -> "Packets":
        """The film's packets that come of the end of a part."""
        return ()

    def finish(self) -> "Packets":
        """The last packets."""
        return ()


def _templated(film: "OutputContainer", part: Part, kind: str, base: Fraction) -> Any:
    """A track of *film* as *part* has it."""
    with reading.opened(part.path, whole=False) as (container, stream):
        sample = stream if kind == "video" else container.streams.audio[0]
        track: Any = film.add_stream_from_template(sample, opaque=True)
        if sample.codec_context is not None and "mp4" in container.format.name:
            track.codec_context.codec_tag = sample.codec_context.codec_tag  # as in `tags`
        track.time_base = base
        return track


class CopiedPicture(Track):
    """Packets as they are, at other moments."""

    def __init__(self, film: "OutputContainer", parts: list[Part]) -> None:
        self._base = _common(moment for part in parts for packet in part.packets for moment in packet)
        self._track = _templated(film, parts[0], "video", self._base)
        self._shift = Fraction(0)
        self._left_out: Fraction | None = None

    @override
    def begin(self, part: Part, start_s: Fraction) -> None:
        self._shift = start_s - part.start_s
        self._left_out = part.start_s + part.moments[-1] if part.without_last else None

    @override
    def add(self, packet: "Packet[Any]") -> "Packets":
        if not packet.size or packet.pts is None or packet.pts * packet.time_base == self._left_out:
            return ()
        return (moved(packet, self._track, self._shift, self._base),)


def moved(packet: "Packet[Any]", track: Any, shift_s: Fraction, base: Fraction) -> "Packet[Any]":
    """*packet* as one of *track*, later by *shift_s*, in ticks of *base*."""
    old = packet.time_base or base
    pts, dts = (round(((moment or 0) * old + shift_s) / base) for moment in (packet.pts, packet.dts))
    lasts = round((packet.duration or 0) * old / base)
    packet.stream = track
    packet.time_base = base
    packet.pts, packet.dts, packet.duration = pts, dts, lasts
    return packet


def _common(moments: "Iterator[Fraction]") -> Fraction:
    """A tick that all *moments* are whole numbers of; a fine one where that would be too fine."""
    ticks = 1
    for moment in moments:
        ticks = math.lcm(ticks, moment.denominator)
        if ticks > _MOST_TICKS:
            return Fraction(1, _TICKS)
    return Fraction(1, ticks)


class DrawnPicture(Track):
    """Every frame encoded anew as H.264, whole in the film's size."""

    def __init__(self, film: "OutputContainer", parts: list[Part], size: tuple[int, int]) -> None:
        from av.video.reformatter import VideoReformatter

        rate = max(part.rate for part in parts)
        self._base, self._size = Fraction(1, _TICKS), size
        self._track: VideoStream = film.add_stream("libx264", rate=rate)
        self._track.width, self._track.height = size
        self._track.pix_fmt = "yuv420p"
        context = self._track.codec_context
        context.time_base = self._track.time_base = self._base
        context.options = {**_QUALITY, "g": str(math.ceil(rate * 2))}
        context.color_primaries = context.color_trc = context.colorspace = 1
        context.color_range = 1
        self._scaler = VideoReformatter()
        self._lasts: dict[int, int] = {}

    @override
    def begin(self, part: Part, start_s: Fraction) -> None:
        self._part, self._start_s = part, start_s
        self._number, self._budget = 0, Budget()

    @override
    def add(self, packet: "Packet[Any]") -> "Packets":
        made: list[Packet[Any]] = []
        for frame in cast("Sequence[VideoFrame]", reading.decoded(packet)[0]):
            if self._number < self._part.frames and self._budget.admits(frame):
                made += self._encoded(frame)
        return self._lasting(made)

    @override
    def finish(self) -> "Packets":
        return self._lasting(self._track.encode(None))

    def _encoded(self, frame: "VideoFrame") -> "Packets":
        part, number = self._part, self._number
        self._number += 1
        ends = [*part.moments[1:], part.moments[-1] + part.last_s]
        pts, after = (
            round((self._start_s + moment) * _TICKS) for moment in (part.moments[number], ends[number])
        )
        drawn = self._placed(frame)
        drawn.pts, drawn.time_base = pts, self._base
        drawn.pict_type = 0 if number else 1  # a part begins with a key frame: players jump there
        self._lasts[pts] = max(1, after - pts)
        return self._track.encode(drawn)

    def _lasting(self, packets: "Packets") -> "Packets":
        """The packets, each with how long it is shown: the encoder would guess the last one's."""
        for packet in packets:
            packet.duration = self._lasts.pop(cast("int", packet.pts), packet.duration or 0)
        return packets

    def _placed(self, frame: "VideoFrame") -> "VideoFrame":
        """*frame* upright and whole in the film's size, between black bars where its shape is another."""
        import numpy as np
        from av.video.reformatter import Colorspace

        width, height = _fitted(self._part.size, self._size)
        small = self._scaler.reformat(
            reading.upright(frame),
            width,
            height,
            "yuv420p",
            src_colorspace=reading.colours_of(frame),
            dst_colorspace=Colorspace.ITU709,
            src_color_range="JPEG" if reading.is_full_range(frame) else "MPEG",
            dst_color_range="MPEG",
            interpolation="BICUBIC",
        )
        if (width, height) == self._size:
            return small
        whole_width, whole_height = self._size
        planes = []
        for plane, black, halves in zip(small.planes, (16, 128, 128), (1, 2, 2), strict=True):
            pixels = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
            ground = np.full((whole_height // halves, whole_width // halves), black, np.uint8)
            top, left = (
                (whole - part) // 4 * 2 // halves
                for whole, part in ((whole_height, height), (whole_width, width))
            )
            ground[top : top + plane.height, left : left + plane.width] = pixels[
                : plane.height, : plane.width
            ]
            planes.append(ground.reshape(-1))
        return type(frame).from_ndarray(np.concatenate(planes).reshape(-1, whole_width), format="yuv420p")


def _fitted(size: tuple[int, int], room: tuple[int, int]) -> tuple[int, int]:
    """*size* scaled into *room*: all of that where the shapes are as good as one, with even sides."""
    scale = min(room[0] / size[0], room[1] / size[1])
    width, height = (size[0] * scale, size[1] * scale)
    if width >= room[0] * (1 - _SLACK) and height >= room[1] * (1 - _SLACK):
        return room
    return max(2, round(width / 2) * 2), max(2, round(height / 2) * 2)


class CopiedSound(Track):
    """Packets as they are; at a joint those that would sound together with the part before are left out."""

    def __init__(self, film: "OutputContainer", parts: list[Part]) -> None:
        self._base = Fraction(1, cast("int", parts[0].sound[2])) if parts[0].sound else Fraction(1, _RATE)
        self._track = _templated(film, parts[0], "audio", self._base)
        self._free: int | None = None  # where the next packet may begin, in ticks

    @override
    def begin(self, part: Part, start_s: Fraction) -> None:
        self._shift, self._end_s = start_s - part.start_s, start_s + part.length_s

    @override
    def add(self, packet: "Packet[Any]") -> "Packets":
        if not packet.size or packet.pts is None or packet.dts is None:
            return ()
        after = moved(packet, self._track, self._shift, self._base)
        begins, lasts = after.pts or 0, after.duration or 0
        half = lasts // 2
        if self._free is not None:
            if begins < self._free - half:
                return ()
            begins = max(begins, self._free)
        if begins + half > self._end_s / self._base:
            return ()
        after.pts = after.dts = begins
        self._free = begins + lasts
        return (after,)


class MixedSound(Track):
    """Sound of any kind as AAC, each part's at its place, and silence where there is none."""

    def __init__(self, film: "OutputContainer") -> None:
        self._track: AudioStream = film.add_stream("aac", rate=_RATE, layout="stereo")
        self._track.bit_rate = _BITS_PER_S
        self._written = 0

    @override
    def begin(self, part: Part, start_s: Fraction) -> None:
        from av.audio.resampler import AudioResampler

        self._shift = start_s - part.start_s
        self._end = round((start_s + part.length_s) * _RATE)
        self._resampler = AudioResampler(format="fltp", layout="stereo", rate=_RATE)
        self._place: int | None = None

    @override
    def add(self, packet: "Packet[Any]") -> "Packets":
        made: list[Packet[Any]] = []
        for frame in cast("Sequence[AudioFrame]", reading.decoded(packet)[0]):
            made += self._played(frame)
        return made

    @override
    def end(self) -> "Packets":
        return [*self._played(None), *self._silence(self._end)]

    @override
    def finish(self) -> "Packets":
        return self._track.encode(None)

    def _played(self, frame: "AudioFrame | None") -> "Packets":
        import numpy as np

        if frame is not None and frame.pts is not None and frame.time_base:
            place = round((frame.pts * frame.time_base + self._shift) * _RATE)
            if self._place is None or abs(place - self._place) > _RATE // 50:  # less is rounding
                self._place = place
        made: list[Packet[Any]] = []
        for piece in self._resampler.resample(frame):
            samples = np.asarray(piece.to_ndarray(), np.float32)
            begins = self._written if self._place is None else self._place
            self._place = begins + samples.shape[1]
            made += self._silence(min(begins, self._end))
            made += self._encoded(
                samples[:, max(0, self._written - begins) :][:, : max(0, self._end - self._written)]
            )
        return made

    def _silence(self, until: int) -> "Packets":
        import numpy as np

        made: list[Packet[Any]] = []
        while self._written < until:
            made += self._encoded(np.zeros((2, min(_PIECE, until - self._written)), np.float32))
        return made

    def _encoded(self, samples: "Samples") -> "Packets":
        import numpy as np
        from av.audio.frame import AudioFrame

        if not samples.shape[1]:
            return ()
        frame = AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = _RATE, self._written, Fraction(1, _RATE)
        self._written += samples.shape[1]
        return self._track.encode(frame)
