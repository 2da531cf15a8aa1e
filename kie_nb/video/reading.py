"""Open, probe and check a video file.

PyAV opens almost anything: a playlist, a picture, a text. What reaches it here came over the network, so only real
video containers are let in, and only from the local disk.
"""

import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from ..home import open_file
from .bounds import MOST_PIXELS, Budget, TooManyPixels, refuse_pixels
from .facts import NotAVideo, VideoFacts
from .sniff import HEAD_BYTES, describe, describe_head, looks_like_video, missing_part

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# FFmpeg would follow addresses in a playlist and show text and pictures as a "video": those formats stay shut.
_OPEN_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf,gif,ivf",
}
_BROWSER_CODECS = {"h264", "av1", "vp9", "vp8"}
_BROWSER_CONTAINERS = {"mp4", "mov", "webm"}
_BROWSER_H264_PIXELS = {"yuv420p", "yuvj420p"}  # 10 bit and 4:4:4 play in some browsers only
_CODEC_OF_LIBRARY = {
    "libdav1d": "av1",
    "libaom-av1": "av1",
    "libvpx": "vp8",
    "libvpx-vp9": "vp9",
    "libopus": "opus",
    "libvorbis": "vorbis",
    "mp3float": "mp3",
}
TOO_LONG = "a video too long to be decoded here"
_DEFAULT_FPS = Fraction(25)
_CUT_SHORT = 0.5  # less than this share of the expected length is a broken download, not a generous rounding


def probe(path: str | os.PathLike[str]) -> VideoFacts:
    """Read what the container says about a video: codecs, size, length.

    Raises:
        NotAVideo: the file is something else, or an MP4 that ends before its own boxes do.
        OSError: the file cannot be read at all.
    """
    with opened(path) as (container, stream):
        return _facts(Path(path), container, stream)


def check(path: str | os.PathLike[str], *, asked_duration_s: float | None = None) -> VideoFacts:
    """Probe a video and decode its first and last frame: proof that a download is whole.

    Args:
        path: the file.
        asked_duration_s: the length that was asked for; less than half of it counts as cut short.
    """
    with opened(path) as (container, stream):
        facts = _facts(Path(path), container, stream)
        last_s = _decode_both_ends(Path(path), container, stream)
    for expected, whose in ((facts.duration_s, "its header announces"), (asked_duration_s, "were asked for")):
        if expected and last_s < expected * _CUT_SHORT:
            seems = f"a video cut short: {last_s:.1f} s can be played, {expected:.1f} s {whose}"
            raise NotAVideo(f"{Path(path).name} is {seems}", seems=seems)
    return facts


def _container(place: Path) -> "InputContainer":
    """The file opened; a tag that is not UTF-8 must not cost a paid video."""
    import av

    try:
        return av.open(str(place), options=dict(_OPEN_OPTIONS))
    except UnicodeDecodeError:
        # PyAV before 19 wants to be told to live with it; later ones do, and know the word no more.
        return av.open(str(place), options=dict(_OPEN_OPTIONS), metadata_errors="surrogateescape")


@contextmanager
def opened(path: str | os.PathLike[str]) -> "Iterator[tuple[InputContainer, VideoStream]]":
    """The open container and its first picture stream."""
    import av

    place = Path(path).absolute()  # absolute: a name such as "concat:x" or "http://x" stays a file name
    _refuse_the_obvious(place)
    try:
        container = _container(place)
    except av.FFmpegError as exc:
        raise _refusal(place, describe(place)) from exc
    with container:
        streams = [s for s in container.streams.video if s.codec_context is not None and s.width]
        if not streams:
            raise _refusal(place, "sound without a picture" if container.streams.audio else describe(place))
        try:
            refuse_pixels(streams[0].width, streams[0].height)
        except TooManyPixels as exc:
            raise _refusal(place, f"a video too large to be decoded here: {exc}") from exc
        # The header may say less than a later frame has.
        streams[0].codec_context.options = {"max_pixels": str(MOST_PIXELS)}
        # Frames are decoded on all cores; what comes out does not depend on their number.
        streams[0].thread_type = "AUTO"
        yield container, streams[0]


def pictures(container: "InputContainer", stream: "VideoStream") -> "Iterator[VideoFrame]":
    """The frames from here to the end; a part that cannot be decoded, or too much of it, raises `NotAVideo`."""
    import av

    budget = Budget()
    try:
        for frame in container.decode(stream):
            if not budget.admits(frame):
                raise _refusal(Path(container.name), TOO_LONG)
            yield frame
    except av.FFmpegError as exc:
        seems = f"a damaged video ({exc.strerror})"
        raise _refusal(Path(container.name), seems) from exc


def go_to(container: "InputContainer", time_s: float) -> None:
    """Continue at the key frame before *time_s*; where a file cannot be searched, continue where we are."""
    import av

    with suppress(av.FFmpegError):
        container.seek(int(time_s * 1_000_000))


def frame_rate(stream: "VideoStream") -> Fraction:
    """Frames per second of a stream, 25 where the file does not say."""
    return stream.average_rate or stream.guessed_rate or stream.base_rate or _DEFAULT_FPS


def _refuse_the_obvious(place: Path) -> None:
    with open_file(place) as file:
        head = file.read(HEAD_BYTES)
        if not head:
            raise _refusal(place, describe_head(head))
        if head[4:8] != b"ftyp":
            return
        missing = missing_part(file, file.seek(0, os.SEEK_END))
    if missing or not looks_like_video(head):
        raise _refusal(place, missing or describe_head(head))


def _refusal(place: Path, seems: str) -> NotAVideo:
    return NotAVideo(f"{place.name} is not a video that can be played; it seems to be {seems}", seems=seems)


def _facts(path: Path, container: "InputContainer", stream: "VideoStream") -> VideoFacts:
    codec = _codec_name(stream)
    kind = _container_name(path, container)
    playable = codec in _BROWSER_CODECS and kind in _BROWSER_CONTAINERS
    if codec == "h264" and stream.codec_context.pix_fmt not in _BROWSER_H264_PIXELS:
        playable = False
    sound = container.streams.audio
    return VideoFacts(
        container=kind,
        video_codec=codec,
        audio_codec=_codec_name(sound[0]) if sound else None,
        width=stream.width,
        height=stream.height,
        fps=round(float(frame_rate(stream)), 3),
        duration_s=round(duration_s(container, stream), 3),
        frames=stream.frames or None,
        bytes=path.stat().st_size,
        browser_playable=playable,
    )


def _codec_name(stream: "VideoStream | AudioStream") -> str:
    """The codec's name, whichever library decodes it here: "av1" rather than "libdav1d"."""
    return _CODEC_OF_LIBRARY.get(stream.codec_context.name, stream.codec_context.name)


def _container_name(path: Path, container: "InputContainer") -> str:
    """FFmpeg names a family ("mov,mp4,m4a,..."); the first bytes tell which member this is."""
    with path.open("rb") as file:
        head = file.read(64)
    family = container.format.name.split(",")
    if "mp4" in family:
        return "mp4" if head[4:8] == b"ftyp" and head[8:12] != b"qt  " else "mov"
    if "webm" in family:
        return "webm" if b"webm" in head else "matroska"
    return family[0]


def duration_s(container: "InputContainer", stream: "VideoStream") -> float:
    """Length of the picture in seconds, 0 where the file does not say."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration else 0.0


def _decode_both_ends(path: Path, container: "InputContainer", stream: "VideoStream") -> float:
    """Decode the first frame and the last group of frames; how many seconds lie between their ends."""
    first = next(pictures(container, stream), None)
    if first is None:
        raise _refusal(path, "a video without a single frame that can be decoded")
    length_s = duration_s(container, stream)
    if length_s:
        go_to(container, (first.time or 0.0) + length_s)
    last = deque(pictures(container, stream), maxlen=1)
    if not last or last[0].time is None or first.time is None:
        return length_s if last else 0.0  # frames without a time stamp came through: the header is believed
    return last[0].time - first.time + float(1 / frame_rate(stream))
