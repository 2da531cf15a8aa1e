"""What is shown of a video: one good frame and a strip of frames as JPEGs, and a small copy that any browser plays.

The copy is embedded in a notebook. Notebooks keep what they show as text, so it has to be small; and a service may answer with HEVC,
which no browser plays, so it is always made anew. The same file gives the same copy, byte for byte, on the same machine.
"""

import math
from collections.abc import Iterator, Sequence
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..fileops import finished_in_one_step
from . import reading
from .bounds import Budget
from .facts import AnyPath, NotAVideo

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL.Image import Image

_CRF = 26  # quiet footage stays far below the limit, noisy footage is held by the rate
_MAX_FPS = 30
_KEY_FRAME_EVERY_S = 2  # so that a player can jump about
_SOUND_BITS_PER_S = 64_000
_SOUND_RATES = (48_000, 44_100, 32_000, 24_000, 22_050, 16_000)
_CONTAINER_SHARE = 0.04  # of the file, for boxes and the encoder's inexactness
_LEAST_BITS_PER_S = 40_000  # less than this shows nothing, so a very long video may exceed its limit
_UNKNOWN_LENGTH_S = 5.0
_QUALITY = 80
_GAP = 4  # between pictures, in pixels
_GROUND = (128, 128, 128)  # between light and dark themes
# Where a good frame is looked for, as shares of the length. Not at the very start: a fade-in is black there, and a
# video made from a picture begins with that picture, which the reader has seen already.
_LOOK_AT = (0.15, 0.4, 0.65)


def make_preview(
    path: AnyPath, target: AnyPath, *, max_height: int = 480, max_bytes: int = 1_000_000
) -> Path:
    """Write a small H.264 copy of a video to *target*, in one step, and return that path.

    The copy keeps length, sound and frame rate (at most 30 a second). A damaged part is left out, and so is the end of a
    video of many minutes. Its shorter side is at most *max_height*; only very long videos weigh more than *max_bytes*.
    """
    with finished_in_one_step(target) as part:
        with reading.opened(path, whole=False) as (source, picture):
            length_s = reading.duration_s(source, picture) or _UNKNOWN_LENGTH_S
            first = next(reading.frames_of(source, picture), None)
            if first is None:
                raise NotAVideo(
                    f"no preview of {Path(path).name}: it is {reading.NO_FRAME}", seems=reading.NO_FRAME
                )
            size = _preview_size(*reading.shown_size(picture, first), max_height)
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
        reading.opened(path, whole=False) as (source, picture),
        av.open(str(part), "w", format="mp4", options=options) as copy,
    ):
        start_s = source.start_time / 1_000_000 if source.start_time else 0.0
        screen = _Screen(copy, picture, size, bits_per_s, start_s)
        tracks: dict[int, _Screen | _Speaker] = {picture.index: screen}
        for sound in [sound for sound in source.streams.audio if reading.can_be_heard(sound)][:1]:
            tracks[sound.index] = _Speaker(copy, sound, start_s=start_s)
        budget = Budget()
        for packet in reading.demuxed(source, [source.streams[index] for index in tracks]):
            for frame in reading.decoded(packet)[0]:
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

        self._rate = _preview_rate(reading.frame_rate(source))
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
        picture, size = reading.upright(cast("VideoFrame", frame)), (self.stream.width, self.stream.height)
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


def make_poster(path: AnyPath, target: AnyPath, *, max_width: int = 854, at_s: float | None = None) -> Path:
    """Write one frame of a video to *target*, in one step, as a progressive JPEG of at most *max_width* pixels; returns that path.

    Args:
        at_s: take the frame shown at this second; by default the one with the most contrast of three.
    """
    frame = _frame_at(path, at_s) if at_s is not None else _best_frame(path)
    with reading.opened(path, whole=False) as (_, stream):
        width, height = reading.shown_size(stream, frame)
    if width > max_width:
        width, height = max_width, max(1, round(height * max_width / width))
    return _write_jpeg(reading.picture_of(frame, (width, height)), target)


def _write_jpeg(picture: "Image", target: AnyPath) -> Path:
    with finished_in_one_step(target) as part:
        picture.convert("RGB").save(part, format="JPEG", quality=_QUALITY, progressive=True, optimize=True)
    return Path(target)


def _best_frame(path: AnyPath) -> "VideoFrame":
    with reading.opened(path, whole=False) as (container, stream):
        length_s = reading.duration_s(container, stream)
        start_s = float((stream.start_time or 0) * (stream.time_base or 0))
    moments = [start_s + length_s * share for share in (_LOOK_AT if length_s else (0.0,))]
    candidates = [_frame_at(path, moment) for moment in moments]
    # Of equals the earliest.
    return max(candidates, key=lambda frame: (not frame.is_corrupt, frame.to_ndarray(format="gray").std()))


def _frame_at(path: AnyPath, at_s: float) -> "VideoFrame":
    """The frame on screen at *at_s*, the last one that can be decoded when the video is over by then."""
    # The end may be cut off: then all of it is looked through.
    shown = _last_until(path, at_s, start_s=at_s) or _last_until(path, at_s, start_s=0.0)
    if shown is None:
        raise NotAVideo(f"{Path(path).name} is {reading.NO_FRAME}", seems=reading.NO_FRAME)
    return shown


def _last_until(path: AnyPath, at_s: float, *, start_s: float) -> "VideoFrame | None":
    import av

    shown = None
    with reading.opened(path, whole=False) as (container, stream):
        if start_s > 0:
            with suppress(av.FFmpegError):  # where a file cannot be searched, continue where we are
                container.seek(int(start_s * 1_000_000))
        for frame in reading.frames_of(container, stream):
            if shown is not None and frame.time is not None and frame.time > at_s:
                return shown
            shown = frame
    return shown


def make_strip(videos: list[AnyPath], target: AnyPath, *, frames: int = 6, width: int = 960) -> Path:
    """Write *frames* evenly spaced frames of *videos* to *target* as a JPEG, a row for each video, and return that path.

    A column is one moment, counted from the first frame, of the part that all of them have. NotAVideo if one is damaged.
    """
    from PIL import Image

    length_s = min(_length_s(path) for path in videos)
    moments = [length_s * (number + 0.5) / frames for number in range(frames)]
    column = max(16, (width - _GAP * (frames - 1)) // frames)
    rows = [list(_thumbs(path, moments, column)) for path in videos]
    height = sum(row[0].height for row in rows) + _GAP * (len(rows) - 1)
    strip = Image.new("RGB", (column * frames + _GAP * (frames - 1), height), _GROUND)
    top = 0
    for row in rows:
        for number, thumb in enumerate(row):
            strip.paste(thumb, (number * (column + _GAP), top))
        top += row[0].height + _GAP
    return _write_jpeg(strip, target)


def _length_s(path: AnyPath) -> float:
    """From the first frame to the end of the last. Packets tell it, without decoding: a header may be wrong."""
    import av

    first, last = math.inf, -math.inf
    with reading.opened(path) as (container, stream):
        with suppress(av.FFmpegError):  # a damaged end is told when it is decoded
            for packet in container.demux(stream):
                if packet.pts is not None and packet.time_base is not None:
                    shown = float(packet.pts * packet.time_base)
                    first, last = min(first, shown), max(last, shown)
        return max(0.0, last - first) + float(1 / reading.frame_rate(stream))


def _thumbs(path: AnyPath, moments: list[float], column: int) -> "Iterator[Image]":
    """The pictures shown at *moments*, in one pass through the file."""
    wanted, before, start_s = list(moments), None, None
    with reading.opened(path) as (container, stream):
        size = column, 1
        for number, frame in enumerate(reading.pictures(container, stream)):
            shown_s = number / float(reading.frame_rate(stream)) if frame.time is None else frame.time
            if start_s is None:
                start_s, (width, height) = shown_s, reading.shown_size(stream, frame)
                size = column, max(1, round(height * column / width))
            while wanted and before is not None and shown_s - start_s > wanted[0]:
                wanted.pop(0)
                yield reading.picture_of(before, size)
            if not wanted:
                return
            before = frame
    if before is None:
        raise NotAVideo(f"{Path(path).name} is {reading.NO_FRAME}", seems=reading.NO_FRAME)
    for _ in wanted:  # shown until the end
        yield reading.picture_of(before, size)
