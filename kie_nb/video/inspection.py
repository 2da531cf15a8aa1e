"""What a file is: its true ending, its length, and its faults. Used for reports; it does not decide what is kept."""

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from ..home import open_file
from ..tables import said_size
from . import packing, reading
from .bounds import TooManyPixels, open_picture
from .facts import AnyPath, NotAVideo
from .sniff import HEAD_BYTES, PAGES, PICTURES, SOUNDS, VIDEOS, describe_head, ending_of, missing_part

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from fractions import Fraction

    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

Kind = Literal["video", "picture", "sound", "page", "other"]
_MOST_FRAMES = 3000  # some minutes of film: the end of a longer one is not looked at
_COUNTED = {"mp4", "m4v", "mov"}  # their headers tell size, length and number of frames
_SOUND_ENDINGS = {"mp4": "m4a", "m4v": "m4a", "mov": "m4a", "ogv": "ogg"}
_SLACK_S = 0.25  # encoders end on whole frames, and some add a few
_CHEAP_PIXELS = 6_000_000  # about 25 ms of decoding: a small film as a whole, or the ends of a larger one


@dataclass(frozen=True, kw_only=True, slots=True)
class Look:
    """What a file is."""

    kind: Kind  # a "page" is a text or an empty reply: never a result of a model
    ending: str  # the true one, by the bytes, without a dot
    seconds: float | None = None  # of a video, by its header where that says it; None where it shows no frame
    size: tuple[int, int] | None = None  # width and height of the video as they are shown; None likewise
    remark: str = ""  # what is wrong with it, in a sentence without its full stop


def inspect(path: AnyPath, *, thoroughly: bool = False) -> Look:  # noqa: PLR0911 - one a kind
    """Look at a file that may be anything, and say what it is; nothing but OSError is raised.

    Args:
        thoroughly: Decode every frame. Otherwise that is done with a small film, and with one whose packets are not all there
            and in order; of any other its sound, its first frame and a short last group of pictures are decoded. A packet of right length with wrong
            bits is not found by that.
    """
    place = Path(path)
    with open_file(place) as file:
        head = file.read(HEAD_BYTES)
        size = file.seek(0, os.SEEK_END)
        cut = missing_part(file, size) if head[4:8] == b"ftyp" else None
    ending = ending_of(head)
    if not size:
        return Look(kind="page", ending=ending, remark="not a video: an empty file")
    if ending in PAGES:
        words = "text" if ending == "txt" else ending.upper()
        return Look(kind="page", ending=ending, remark=f"not a video: {said_size(size)} of {words}")
    if ending in SOUNDS:
        return Look(kind="sound", ending=ending, remark=reading.SOUND_ALONE)
    if ending in PICTURES - {"gif"}:
        return Look(kind="picture", ending=ending, remark=_trouble_of_picture(place))
    if ending not in VIDEOS | {"gif"}:
        words = f"not a video: {said_size(size)} of {describe_head(head)}"
        return Look(kind="other", ending=ending, remark=words)
    kind: Kind = "picture" if ending == "gif" else "video"
    try:
        found = None if thoroughly or ending not in _COUNTED else _glanced(place)
        seconds, size_shown, remark = found or _watched(place)
    except Exception as exc:  # noqa: BLE001 - FFmpeg has many errors, and none of them may cost a paid file
        seems = exc.seems if isinstance(exc, NotAVideo) else ""
        if seems == reading.SOUND_ALONE:
            return Look(kind="sound", ending=_SOUND_ENDINGS.get(ending, ending), remark=reading.SOUND_ALONE)
        words = f"cannot be played here: it seems to be {cut or seems or 'damaged'}"
        return Look(kind=kind, ending=ending, remark=words)
    return Look(kind=kind, ending=ending, seconds=seconds, size=size_shown, remark=remark)


_Seen = tuple[float, tuple[int, int] | None, str]


def _watched(place: Path) -> _Seen:
    """How long it is, the size that it is shown in, and what is wrong with it."""
    with reading.opened(place, whole=False) as opened:
        watched = _Watched.of(*opened)
        for packet in watched.packets_of(opened[0]):
            if not watched.add(packet):
                break
        return watched.seconds, watched.size, watched.remark()


def _glanced(place: Path) -> _Seen | None:
    """The same of a film that is seen to be whole, for a tenth of the work; None where it takes decoding."""
    # Whatever fails here is told by decoding.
    with suppress(Exception), reading.opened(place, whole=False, by_header=True) as opened:
        container, stream = opened
        pixels = stream.width * stream.height
        if stream.frames * pixels <= _CHEAP_PIXELS:  # as well where the header counts none
            return None
        watched = _Watched.of(*opened)
        is_whole = watched.is_whole
        if is_whole is None:  # only decoding tells whether another codec's packet is all there
            return None
        most = _CHEAP_PIXELS // pixels - 1
        group: list[Packet[Any]] = []  # the last group of pictures, if it is short
        for packet in watched.packets_of(container):
            if packet.stream.index != stream.index:
                watched.add(packet)
            elif packet.size:
                if packet.is_corrupt or not is_whole(packet):
                    return None
                watched.count(packet)
                if watched.packets == 1:
                    watched.show_first(packet)
                elif packet.is_keyframe or group:
                    group = [packet] if packet.is_keyframe else [*group, packet]
                    group = group if len(group) <= most else []
            if watched.is_over:
                break
        watched.bad += not all(reading.decoded(packet)[1] for packet in group)
        return None if watched.remark() else (watched.seconds, watched.size, "")
    return None


@dataclass
class _Watched:
    """Counts while a video goes by."""

    stream: "VideoStream"
    sounds: "list[AudioStream]"
    is_deaf: bool  # there is sound that cannot be decoded here
    is_whole: "Callable[[Packet[Any]], bool] | None"  # whether a packet is all there: decoders of H.265 fill up what is not
    length_s: float
    has_own_length: bool
    packets: int = 0
    trimmed: int = 0
    bad: int = 0
    frames: int = 0
    first_s: float | None = None
    size: tuple[int, int] | None = None
    end_s: float = 0.0
    sound_end_s: float = 0.0
    heard: int = 0
    unheard: int = 0
    is_over: bool = False

    @classmethod
    def of(cls, container: "InputContainer", stream: "VideoStream") -> "_Watched":
        """Nothing of it was seen so far."""
        stream.thread_type = "SLICE"  # frames decoded ahead would swallow the error of the last one
        sounds = [sound for sound in container.streams.audio if reading.can_be_heard(sound)]
        return cls(
            stream=stream,
            sounds=sounds,
            is_deaf=len(sounds) < len(container.streams.audio),
            is_whole=packing.checker_of(stream),
            length_s=reading.duration_s(container, stream),
            has_own_length=bool(stream.duration),
        )

    def packets_of(self, container: "InputContainer") -> "Iterator[Packet[Any]]":
        """The packets of its picture and its sounds."""
        return reading.demuxed(container, [self.stream, *self.sounds])

    def add(self, packet: "Packet[Any]") -> bool:
        """Take one more packet; False when enough was seen."""
        frames, is_good = reading.decoded(packet)
        if packet.stream.index != self.stream.index:
            self.heard += len(frames)
            self.unheard += not is_good
            if packet.size:
                ended = ((packet.pts or 0) + (packet.duration or 0)) * (packet.time_base or 0)
                self.sound_end_s = max(self.sound_end_s, float(ended))
            return True
        if packet.size:
            self.packets += 1
            self.trimmed += packet.is_discard
        self.bad += not (is_good and self._is_all_there(packet))
        for frame in frames:
            self.bad += frame.is_corrupt
            if self.size is None:
                self.size = reading.shown_size(self.stream, cast("VideoFrame", frame))
            self._show(frame.time, frame.duration, frame.time_base)
        return not self.is_over

    def _is_all_there(self, packet: "Packet[Any]") -> bool:
        """Whether a packet lacks nothing that its decoder would fill up without a word."""
        is_filled_up = self.stream.codec_context.name == "hevc" and packet.size
        return not is_filled_up or self.is_whole is None or self.is_whole(packet)

    def count(self, packet: "Packet[Any]") -> None:
        """Take one more packet of the picture for the frame that it should be."""
        self.packets += 1
        if packet.is_discard:
            self.trimmed += 1
        else:
            base = packet.time_base
            shown_s = float(packet.pts * base) if packet.pts is not None and base else None
            self._show(shown_s, packet.duration, base)

    def show_first(self, packet: "Packet[Any]") -> None:
        """Decode the first packet, without the ones that its frame waits for."""
        frames, is_good = reading.decoded(packet)
        self.bad += not is_good
        for frame in frames or self.stream.codec_context.decode(None):
            self.bad += frame.is_corrupt
            self.size = reading.shown_size(self.stream, cast("VideoFrame", frame))
        self.bad += self.size is None
        self.stream.codec_context.flush_buffers()

    def _show(self, shown_s: float | None, duration: int | None, base: "Fraction | None") -> None:
        self.frames += 1
        self.is_over = self.frames >= _MOST_FRAMES
        shown_s = self.end_s if shown_s is None else shown_s
        lasts_s = float(duration * base) if duration and base else float(1 / reading.frame_rate(self.stream))
        self.first_s = shown_s if self.first_s is None else min(self.first_s, shown_s)
        self.end_s = max(self.end_s, shown_s + lasts_s)

    @property
    def seconds(self) -> float:
        """As long as it should be by its header, where the header speaks of the picture alone or rightly; else as was seen."""
        if self.first_s is None:
            raise NotAVideo(reading.NO_FRAME, seems=reading.NO_FRAME)
        is_believed = self.has_own_length or self.is_over or self._short()
        return round((self._expected if is_believed else 0.0) or self.end_s - self.first_s, 3)

    @property
    def _expected(self) -> float:
        return max(self.length_s, self.stream.frames / float(reading.frame_rate(self.stream)))

    @property
    def _lost(self) -> int:
        """Frames that the header counts and the file has not."""
        return 0 if self.is_over else max(0, self.stream.frames - self.packets)

    def remark(self) -> str:
        """What is wrong, in a sentence."""
        count = self.packets + self._lost - self.trimmed
        short = self._short()
        said = [short] if short else []
        if not short and (bad := self.bad + self._lost):
            said.append(f"{'one frame' if bad == 1 else f'{bad} frames'} of {count} cannot be decoded")
        if self.is_deaf or (self.unheard and not self.heard):
            said.append("the sound cannot be decoded here")
        elif self.unheard and not short:
            said.append("a part of the sound cannot be decoded")
        return " and ".join(said)

    def _short(self) -> str:
        """That it ends before its header says, if frames are missing: where none is, the header is taken to be generous."""
        is_complete = self.stream.frames and not self._lost and not self.bad
        if self.is_over or is_complete:
            return ""
        played = self.end_s - (self.first_s or 0.0)
        expected = self._expected
        if not self.has_own_length:  # it is that of the whole file, and some count from before its start
            played = max(played, self.end_s)
            expected = 0.0 if self.sound_end_s >= expected - _SLACK_S else expected
        is_short = played < expected - _SLACK_S
        return f"plays to {round(played, 1):g} s of {round(expected, 1):g} s" if is_short else ""


def _trouble_of_picture(place: Path) -> str:
    try:
        with open_file(place) as file, open_picture(file) as image:
            image.load()
    except TooManyPixels as exc:
        return f"the picture is too large to be decoded here: {exc}"
    except Exception:  # noqa: BLE001 - Pillow raises many classes for what it cannot show
        return "the picture cannot be decoded here"
    return ""
