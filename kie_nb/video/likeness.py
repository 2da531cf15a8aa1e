"""How alike two videos are: bytes, frames, structural similarity (SSIM), and the sound by itself.

Figures only; what they mean is judged elsewhere. Both videos are decoded once, frame by frame: no more than a few frames are in
memory, however long the videos are. Frames are paired by the moment they are shown at, counted from the first frame of each.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..fileops import hash_of
from .bounds import Budget
from .facts import AnyPath, Likeness, NotAVideo, Side, SoundLikeness, is_one_length
from .glances import Glances, seen_together
from .reading import (
    NO_FRAME,
    TOO_LONG,
    frame_rate,
    is_full_range,
    opened,
    pictures,
    pixel_aspect,
    shown_size,
    upright,
)

if TYPE_CHECKING:
    import numpy as np
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

_IS_OVER = 0.75  # of a frame's time after the last one: a moment that a rounded time stamp does not reach
_LEAST_SIDE = 16  # SSIM looks at blocks of 8 x 8, in the halved colour planes too
_FIGURE = re.compile(r"lavfi\.ssim\.All=(\S+)")
_PLAIN = "yuv420p"  # what both become where their formats differ
_TICK = Fraction(1, 1000)
_SOUND_RATE = 48_000  # where the rates differ


def compare_videos(first: AnyPath, second: AnyPath) -> Likeness:
    """Measure how alike two videos are; NotAVideo if one of them is something else, or damaged.

    Frames are paired by their moment, counted from the first frame, or from the moment since which both show the same; what only one of
    them has at its start or end is not compared. Different sizes are compared in the smaller, different frame rates in the lower.
    """
    one, other, gauge = _measured(first, second)
    fps = min(one.fps, other.fps)
    shift_s, seen = seen_together(one.glances, other.glances, fps)
    if shift_s:
        one, other, gauge = _measured(first, second, shift_s)
    sides = one.side(Path(first)), other.side(Path(second))
    ssim, ssim_min = gauge.figures
    left = [side.duration_s - max(0.0, by) for side, by in zip(sides, (shift_s, -shift_s), strict=True)]
    return Likeness(
        first=sides[0],
        second=sides[1],
        same_bytes=sides[0].sha256 == sides[1].sha256,
        same_frames=one.pixels.digest() == other.pixels.digest() and is_one_length(*sides),
        ssim=ssim,
        ssim_min=ssim_min,
        pairs=gauge.pairs,
        shift_s=round(shift_s, 3),
        seen=seen,
        compared_s=round(min(left), 3),
        compared_width=gauge.width,
        compared_height=gauge.height,
        sound=_compare_sound(first, second),
    )


def _measured(first: AnyPath, second: AnyPath, shift_s: float = 0.0) -> tuple[_Film, _Film, _Gauge]:
    """Both decoded once, their frames compared; the second is that much earlier."""
    gauge: _Gauge | None = None
    with (
        tempfile.TemporaryDirectory(prefix="kie-nb-") as folder,
        opened(first) as (one_file, one_stream),
        opened(second) as (other_file, other_stream),
    ):
        one = _Film(one_file, one_stream, start_s=max(0.0, shift_s))
        other = _Film(other_file, other_stream, start_s=max(0.0, -shift_s))
        for mine, theirs in _pairs(one, other):
            if gauge is None:
                smaller = min(one, other, key=lambda film: film.width * film.height)
                gauge = _Gauge(mine, theirs, Path(folder), (smaller.width, smaller.height))
            gauge.add(mine, theirs)
        assert gauge is not None  # noqa: S101 - for the type checker: without a frame `_pairs` has raised
        gauge.finish()
    return one, other, gauge


class _Film:
    """The frames of one video with their moments since *start_s*; they are counted, hashed and glanced at while they are decoded."""

    def __init__(self, container: InputContainer, stream: VideoStream, *, start_s: float) -> None:
        self.name = Path(container.name).name
        self.width, self.height = shown_size(stream)
        self.fps = float(frame_rate(stream))
        self.frames = 0
        self.last_s = 0.0  # the moment of the last frame decoded, since the first
        self.start_s = start_s
        self.glances = Glances()
        self.pixels = hashlib.sha256()  # of every frame decoded, without moments
        self.moments = self._decoded(container, stream)
        self._has_sound = bool(container.streams.audio)

    def finish(self) -> None:
        """Decode the rest; NotAVideo where there was no frame at all."""
        deque(self.moments, maxlen=0)
        if not self.frames:
            raise NotAVideo(f"{self.name} cannot be compared: it is {NO_FRAME}", seems=NO_FRAME)

    def side(self, path: Path) -> Side:
        return Side(
            name=self.name,
            sha256=hash_of(path, follow=True),
            bytes=path.stat().st_size,
            frames=self.frames,
            duration_s=round(self.last_s + 1 / self.fps, 3),
            fps=round(self.fps, 3),
            width=self.width,
            height=self.height,
            has_sound=self._has_sound,
        )

    def _decoded(self, container: InputContainer, stream: VideoStream) -> Iterator[tuple[float, VideoFrame]]:
        start_s = None
        for frame in pictures(container, stream):
            shown_s = self.frames / self.fps if frame.time is None else frame.time
            if start_s is None:
                start_s = shown_s
                self.width, self.height = shown_size(stream, frame)
            self.last_s = shown_s - start_s
            self.frames += 1
            shown = upright(frame)
            _add_pixels(self.pixels, shown, pixel_aspect(stream))
            self.glances.add(shown, self.last_s)
            yield self.last_s - self.start_s, shown


def _pairs(first: _Film, second: _Film) -> Iterator[tuple[VideoFrame, VideoFrame]]:
    """Both frames, for each frame of the slower video while both last. The rest is decoded, unpaired."""
    if second.fps < first.fps:
        yield from ((mine, theirs) for theirs, mine in _pairs(second, first))
        return
    ahead = second.moments
    shown, coming = next(ahead, None), next(ahead, None)
    for moment, frame in first.moments:
        if moment < -0.5 / first.fps:
            continue
        while shown and coming and abs(coming[0] - moment) <= abs(shown[0] - moment):
            shown, coming = coming, next(ahead, None)
        is_over = coming is None and moment > second.last_s - second.start_s + _IS_OVER / second.fps
        if shown is None or is_over:
            break
        yield frame, shown[1]
    first.finish()
    second.finish()


def _add_pixels(digest: Any, frame: VideoFrame, aspect: float) -> None:
    import numpy as np

    about = (frame.format.name, frame.width, frame.height, is_full_range(frame), aspect)
    digest.update(repr(about).encode())
    for number, plane in enumerate(frame.planes):
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        # What lies behind the end of a row is the decoder's scratch space.
        pixel = sum((part.bits + 7) // 8 for part in frame.format.components if part.plane == number)
        used = min(plane.line_size, plane.width * pixel)
        digest.update(np.ascontiguousarray(rows[: plane.height, :used]))


class _Gauge:
    """Takes pairs of frames and measures them in *size* and in one format: theirs, or plain 4:2:0.

    FFmpeg's own filter measures. It puts its figure into the metadata of each frame; PyAV gives that from 18.1 on only, and
    FFmpeg's `metadata` filter writes it to a file in every version, so it is read from there.
    """

    def __init__(self, first: VideoFrame, second: VideoFrame, folder: Path, size: tuple[int, int]) -> None:
        from av.filter import Graph
        from av.video.format import VideoFormat
        from av.video.reformatter import VideoReformatter

        self.width, self.height = (max(_LEAST_SIDE, side) for side in size)
        kinds = {(frame.format.name, is_full_range(frame)) for frame in (first, second)}
        self._format, self._is_full = (_PLAIN, False) if len(kinds) > 1 else kinds.pop()
        self._scalers = (VideoReformatter(), VideoReformatter())
        self._printed = folder / "figures.txt"
        self.pairs = 0
        graph = self._graph = Graph()  # its parts do not keep it alive
        kind = VideoFormat(self._format)
        self._inputs = [
            graph.add_buffer(width=self.width, height=self.height, format=kind, time_base=_TICK)
            for _ in range(2)
        ]
        meter, self._end = graph.add("ssim"), graph.add("buffersink")
        printer = graph.add("metadata", mode="print", file=str(self._printed), direct="1")
        for number, buffer in enumerate(self._inputs):
            buffer.link_to(meter, 0, number)
        meter.link_to(printer)
        printer.link_to(self._end)
        graph.configure()

    def add(self, first: VideoFrame, second: VideoFrame) -> None:
        """Measure two frames."""
        for frame, scaler, buffer in zip((first, second), self._scalers, self._inputs, strict=True):
            fitted = self._fitted(frame, scaler)
            fitted.pts, fitted.time_base = self.pairs, _TICK
            buffer.push(fitted)
        self.pairs += 1
        self._pull()

    def finish(self) -> None:
        """Sum it up; nothing can be added afterwards."""
        for buffer in self._inputs:
            buffer.push(None)
        self._pull()
        with self._printed.open(encoding="utf-8") as lines:
            self.figures = summed_up(lines)  # the mean of all pairs, and the least

    def _pull(self) -> None:
        import av

        with suppress(av.BlockingIOError, av.EOFError):
            while True:
                self._end.pull()

    def _fitted(self, frame: VideoFrame, scaler: VideoReformatter) -> VideoFrame:
        is_full = is_full_range(frame)
        wanted = (self.width, self.height, self._format)
        if (frame.width, frame.height, frame.format.name, is_full) == (*wanted, self._is_full):
            return frame
        ranges = ["JPEG" if full else "MPEG" for full in (is_full, self._is_full)]
        return scaler.reformat(
            frame, *wanted, interpolation="AREA", src_color_range=ranges[0], dst_color_range=ranges[1]
        )


def summed_up(lines: Iterable[str]) -> tuple[float, float]:
    """The mean and the least of what the `metadata` filter printed of each frame."""
    found = [float(match[1]) for line in lines if (match := _FIGURE.match(line))]
    if not found:
        raise ValueError("no frame was measured")
    return sum(found) / len(found), min(found)


def _compare_sound(first: AnyPath, second: AnyPath) -> SoundLikeness | None:
    """How alike the sound of two videos is, None where one has none; NotAVideo where it is damaged."""
    import numpy as np

    with opened(first) as (one, _), opened(second) as (other, _):
        if not (one.streams.audio and other.streams.audio):
            return None
        streams = _decodable(one), _decodable(other)
        rate = streams[0].rate if streams[0].rate == streams[1].rate else _SOUND_RATE
        channels = [stream.codec_context.layout.nb_channels for stream in streams]
        mix = channels[0] != channels[1]
        tracks = [_Track(stream, rate, mix=mix) for stream in streams]
        squares, count = np.zeros(3), 0
        for left, right in _together(*(track.pieces() for track in tracks)):
            squares += [float(np.square(part).sum()) for part in (left - right, left, right)]
            count += left.size
        apart, loud, other_loud = np.sqrt(squares / max(1, count)).tolist()
        return SoundLikeness(
            same_bytes=tracks[0].packets.digest() == tracks[1].packets.digest(),
            same_samples=tracks[0].samples.digest() == tracks[1].samples.digest(),
            rms_difference=apart,
            rms=(loud, other_loud),
            compared_s=count / rate / (1 if mix else channels[0]),
        )


def _decodable(container: InputContainer) -> AudioStream:
    stream = container.streams.audio[0]
    if stream.codec_context is None or not stream.codec_context.rate:
        raise _refusal(stream, "a video with sound that cannot be decoded")
    return stream


def _refusal(stream: AudioStream, seems: str) -> NotAVideo:
    name = Path(stream.container.name).name
    return NotAVideo(f"{name} cannot be compared: it seems to be {seems}", seems=seems)


class _Track:
    """The sound of one video in pieces; what went by is hashed."""

    def __init__(self, stream: AudioStream, rate: int, *, mix: bool) -> None:
        from av.audio.resampler import AudioResampler

        self.packets, self.samples = hashlib.sha256(), hashlib.sha256()
        self._stream, self._mix = stream, mix
        self._resampler = AudioResampler(format="fltp", rate=rate)

    def pieces(self) -> Iterator[Samples]:
        """The samples of all channels, or their mean."""
        import av

        budget = Budget()
        try:
            for packet in cast("InputContainer", self._stream.container).demux(self._stream):
                self.packets.update(bytes(packet))
                for frame in packet.decode():
                    if not budget.admits(frame):
                        raise _refusal(self._stream, TOO_LONG)
                    about = f"{frame.format.name} {frame.layout.name} {frame.sample_rate}"
                    self.samples.update(about.encode() + frame.to_ndarray().tobytes())
                    yield from self._resampled(frame)
            yield from self._resampled(None)
        except av.FFmpegError as exc:
            raise _refusal(self._stream, f"a video with damaged sound ({exc.strerror})") from exc

    def _resampled(self, frame: Any) -> Iterator[Samples]:
        import numpy as np

        for piece in self._resampler.resample(frame):
            samples = np.asarray(piece.to_ndarray(), np.float32)
            # The mean of the channels: FFmpeg's own mixing makes a mono track louder or quieter than the same in stereo.
            yield samples.mean(axis=0) if self._mix else samples.T.reshape(-1)


def _together(first: Iterator[Samples], second: Iterator[Samples]) -> Iterator[tuple[Samples, Samples]]:
    """Equal lengths of both until one ends; the rest of the other goes by."""
    one, other = next(first, None), next(second, None)
    while one is not None and other is not None:
        size = min(one.size, other.size)
        yield one[:size], other[:size]
        one, other = (
            rest if (rest := piece[size:]).size else next(source, None)
            for piece, source in ((one, first), (other, second))
        )
    deque(first, maxlen=0)
    deque(second, maxlen=0)
