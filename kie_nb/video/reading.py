"""Open, probe and decode a video file; its frames as they are meant to be shown.

PyAV opens almost anything: a playlist, a picture, a text. What reaches it here came over the network, so only real
video containers are let in, and only from the local disk.
"""

import os
import struct
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from ..home import open_file
from .bounds import MOST_PIXELS, Budget, TooManyPixels, refuse_pixels
from .facts import AnyPath, NotAVideo, VideoFacts
from .sniff import HEAD_BYTES, PLAYED, describe, describe_head, looks_like_video, missing_part

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL.Image import Image

# FFmpeg would follow addresses in a playlist and show text and pictures as a "video": those formats stay shut.
_OPEN_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": "mov,matroska,webm,avi,mpegts,mpeg,flv,ogg,asf,gif,ivf",
}
_IN_MP4, _HEARD_IN_MP4 = {"h264", "av1", "vp9"}, {"aac", "mp3", "opus", "flac"}
_BROWSER_CODECS = {"mp4": _IN_MP4, "mov": _IN_MP4, "webm": {"av1", "vp9", "vp8"}}
_BROWSER_SOUNDS = {"mp4": _HEARD_IN_MP4, "mov": _HEARD_IN_MP4, "webm": {"opus", "vorbis"}}
_BROWSER_H264_PIXELS = {"yuv420p", "yuvj420p"}  # 10 bit and 4:4:4 play in some browsers only
_CODEC_OF_LIBRARY = {"libdav1d": "av1", "libaom-av1": "av1", "libvpx": "vp8", "libvpx-vp9": "vp9"}
_CODEC_OF_LIBRARY |= {"libopus": "opus", "libvorbis": "vorbis", "mp3float": "mp3"}
_CALLED = {"hevc": "HEVC (H.265)", "h264": "H.264", "mpeg4": "MPEG-4 Visual", "vp8": "VP8", "vp9": "VP9"}
_CALLED |= {"webm": "WebM", "matroska": "Matroska", "prores": "ProRes", "ac3": "AC-3", "eac3": "E-AC-3"}
TOO_LONG = "a video too long to be decoded here"
_DEFAULT_FPS = Fraction(25)
SOUND_ALONE = "sound without a picture"
NO_FRAME = "a video without a single frame that can be decoded"
_MATRIX = struct.Struct("=9i")  # of FFmpeg's `libavutil/display.h`
_HD = 720  # lines from which on unnamed colours are taken for those of HD
_UNNAMED = 2  # of colours
_LEAN = 0.01  # of the matrix: what leans more is turned by another angle than a quarter
_FLATTEST = 10  # width to height of a pixel; what says more is a mistake, such as 72:1


def probe(path: AnyPath) -> VideoFacts:
    """Read what a video is: codecs, the size that it is shown in, length; NotAVideo for anything else, or a cut MP4."""
    with opened(path) as (container, stream):
        return _facts(Path(path), container, stream)


def why_not_played(path: AnyPath) -> str:
    """Why not every browser plays a video, in words; "" if they do, and for a file that cannot be read here: it may be theirs."""
    ending = Path(path).suffix[1:]
    if ending not in PLAYED:
        return f"Not every browser plays {_CALLED.get(ending, ending.upper())} files"
    try:
        facts = probe(path)
    except (OSError, ValueError):
        return ""
    if facts.browser_playable:
        return ""
    kind = facts.container
    if facts.video_codec not in _BROWSER_CODECS.get(kind, ()):
        what = _CALLED.get(facts.video_codec, facts.video_codec)
    elif facts.audio_codec in {None, *_BROWSER_SOUNDS[kind]}:
        what = "H.264 with more than 8 bits or other colours than 4:2:0"
    else:
        what = f"the sound ({_CALLED.get(str(facts.audio_codec), facts.audio_codec)})"
    return f"Not every browser plays {what} in {_CALLED.get(kind, kind.upper())}"


def container_of(place: Path, options: Mapping[str, str] = _OPEN_OPTIONS) -> "InputContainer":
    """The file opened; a tag that is not UTF-8 must not cost a paid video."""
    import av

    try:
        return av.open(str(place), options=dict(options))
    except UnicodeDecodeError:
        # PyAV before 19 wants to be told to live with it; later ones do, and know the word no more.
        return av.open(str(place), options=dict(options), metadata_errors="surrogateescape")


@contextmanager
def opened(
    path: AnyPath, *, whole: bool = True, by_header: bool = False
) -> "Iterator[tuple[InputContainer, VideoStream]]":
    """The open container and its first moving picture; the cover of a sound file is none.

    Args:
        whole: refuse an MP4 that ends before its own boxes do; what is there of it may still be worth showing.
        by_header: take its header's word for what is in it. FFmpeg decodes a frame otherwise: 20 ms at 720p.
    """
    import av

    place = Path(path).absolute()  # absolute: a name such as "concat:x" or "http://x" stays a file name
    _refuse_the_obvious(place, whole=whole)
    try:
        container = container_of(place, _OPEN_OPTIONS | ({"skip_frame": "all"} if by_header else {}))
    except av.FFmpegError as exc:
        raise _refusal(place, describe(place)) from exc
    with container:
        playing = [s for s in container.streams.video if s.codec_context is not None and s.width]
        streams = [s for s in playing if not is_cover(s)]
        if not streams:
            raise _refusal(place, SOUND_ALONE if container.streams.audio else describe(place))
        try:
            refuse_pixels(streams[0].width, streams[0].height)
        except TooManyPixels as exc:
            raise _refusal(place, f"a video too large to be decoded here: {exc}") from exc
        # The header may say less than a later frame has.
        streams[0].codec_context.options = {"max_pixels": str(MOST_PIXELS)}
        # Frames are decoded on all cores; what comes out does not depend on their number.
        streams[0].thread_type = "AUTO"
        yield container, streams[0]


def is_cover(stream: "VideoStream") -> bool:
    """Whether it is the still picture of a record, which never moves."""
    from av.stream import Disposition

    return bool(stream.disposition & Disposition.attached_pic)


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


def demuxed(container: "InputContainer", streams: "Sequence[Any]") -> "Iterator[Packet[Any]]":
    """The packets of *streams* to the end, or to the place from which nothing can be read."""
    import av

    with suppress(av.FFmpegError):
        yield from container.demux(list(streams))


def decoded(packet: "Packet[Any]") -> "tuple[Sequence[VideoFrame | AudioFrame], bool]":
    """The frames in a packet, and whether it could be decoded: when it is damaged the rest of the video is still worth showing."""
    import av

    try:
        return cast("Sequence[VideoFrame | AudioFrame]", packet.decode()), True
    except (av.FFmpegError, ValueError, MemoryError):
        return (), False


def frames_of(container: "InputContainer", stream: "VideoStream") -> "Iterator[VideoFrame]":
    """The frames that can be decoded, from here to the end."""
    for packet in demuxed(container, [stream]):
        yield from cast("Sequence[VideoFrame]", decoded(packet)[0])


def is_full_range(frame: "VideoFrame") -> bool:
    """Whether black is 0 rather than 16."""
    return frame.format.name.startswith("yuvj") or int(frame.color_range) == 2  # noqa: PLR2004 - AVCOL_RANGE_JPEG


def colours_of(frame: "VideoFrame") -> int | None:
    """Which colours its numbers mean where it does not say, as players guess it by the number of lines; None where it does."""
    from av.video.reformatter import Colorspace

    if int(frame.colorspace) != _UNNAMED or not frame.format.name.startswith("yuv"):
        return None
    return Colorspace.ITU709 if frame.height >= _HD else Colorspace.ITU601


def can_be_heard(sound: "AudioStream") -> bool:
    """Whether there is a decoder for a track of sound here."""
    return sound.codec_context is not None and bool(sound.rate)


def frame_rate(stream: "VideoStream") -> Fraction:
    """Frames per second of a stream, 25 where the file does not say."""
    return stream.average_rate or stream.guessed_rate or stream.base_rate or _DEFAULT_FPS


def _refuse_the_obvious(place: Path, *, whole: bool) -> None:
    with open_file(place) as file:
        head = file.read(HEAD_BYTES)
        if not head:
            raise _refusal(place, describe_head(head))
        if head[4:8] != b"ftyp":
            return
        missing = missing_part(file, file.seek(0, os.SEEK_END)) if whole else None
    if missing or not looks_like_video(head):
        raise _refusal(place, missing or describe_head(head))


def _refusal(place: Path, seems: str) -> NotAVideo:
    return NotAVideo(f"{place.name} is not a video that can be played; it seems to be {seems}", seems=seems)


def _facts(path: Path, container: "InputContainer", stream: "VideoStream") -> VideoFacts:
    codec = codec_name(stream)
    kind = container_name(path, container)
    is_odd = codec == "h264" and stream.codec_context.pix_fmt not in _BROWSER_H264_PIXELS
    plays = codec in _BROWSER_CODECS.get(kind, ()) and not is_odd
    sound = container.streams.audio
    heard = codec_name(sound[0]) if sound else None
    length_s = round(duration_s(container, stream), 3)
    width, height = shown_size(stream, next(frames_of(container, stream), None))  # it says how it is turned
    return VideoFacts(
        container=kind,
        video_codec=codec,
        audio_codec=heard,
        width=width,
        height=height,
        fps=round(float(frame_rate(stream)), 3),
        duration_s=length_s,
        frames=stream.frames or None,
        bytes=path.stat().st_size,
        browser_playable=plays and (heard is None or heard in _BROWSER_SOUNDS[kind]),
    )


def codec_name(stream: "VideoStream | AudioStream") -> str:
    """The codec's name, whichever library decodes it here: "av1" rather than "libdav1d"."""
    if stream.codec_context is None:
        return "unknown"
    return _CODEC_OF_LIBRARY.get(stream.codec_context.name, stream.codec_context.name)


def container_name(path: Path, container: "InputContainer") -> str:
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


def pixel_aspect(stream: "VideoStream") -> float:
    """Width to height of a pixel of *stream*; 1 where it does not say, or says what cannot be."""
    said = stream.sample_aspect_ratio
    return float(said) if said and 1 / _FLATTEST <= said <= _FLATTEST else 1.0


def shown_size(stream: "VideoStream", frame: "VideoFrame | None" = None) -> tuple[int, int]:
    """Width and height as a player shows them; *frame*, a decoded one, tells how it is turned.

    The lines stay as they are and the width is stretched, as players do.
    """
    width, height = stream.width, stream.height
    stretched = max(1, round(width * pixel_aspect(stream)))
    if stretched * height <= MOST_PIXELS:
        width = stretched
    turn = turn_of(frame) if frame is not None else None
    return (height, width) if turn and turn[0] else (width, height)


def upright(frame: "VideoFrame") -> "VideoFrame":
    """*frame* turned and mirrored as a player shows it: a phone held upright writes lying pictures, and how to turn them."""
    import numpy as np

    turn = turn_of(frame)
    if turn is None:
        return frame
    is_lying, is_mirrored, is_upside_down = turn
    # By planes, where there are some: a way by RGB and back would change the colours.
    kind = "yuv444p" if frame.format.name.startswith("yuv") else "rgb24"
    flat = frame.reformat(format=kind)
    pixels: Any = flat.to_ndarray() if kind == "yuv444p" else np.moveaxis(flat.to_ndarray(), -1, 0)
    pixels = pixels.transpose(0, 2, 1) if is_lying else pixels
    pixels = pixels[:, :: -1 if is_upside_down else 1, :: -1 if is_mirrored else 1]
    pixels = pixels if kind == "yuv444p" else np.moveaxis(pixels, 0, -1)
    turned = type(frame).from_ndarray(np.ascontiguousarray(pixels), format=kind)
    turned.pts, turned.time_base = frame.pts, frame.time_base
    turned.colorspace, turned.color_range = flat.colorspace, flat.color_range
    return turned


def picture_of(frame: "VideoFrame", size: tuple[int, int]) -> "Image":
    """*frame* upright, of that size."""
    picture: Image = upright(frame).to_image()  # type: ignore[no-untyped-call]
    return picture if picture.size == size else picture.resize(size)


def turn_of(frame: "VideoFrame") -> tuple[bool, bool, bool] | None:
    """Whether columns become rows, and then whether left and right, above and below are exchanged; None for a frame shown as it is."""
    from av.sidedata.sidedata import Type

    found: Any = cast("Any", frame.side_data).get(Type.DISPLAYMATRIX)
    if found is None or len(told := bytes(found)) != _MATRIX.size:
        return None
    a, b, _, c, d, *_ = _MATRIX.unpack(told)
    lean = _LEAN * max(map(abs, (a, b, c, d)))
    if a and d and max(abs(b), abs(c)) <= lean:
        turn = False, a < 0, d < 0
    elif b and c and max(abs(a), abs(d)) <= lean:
        turn = True, c < 0, b < 0
    else:
        return None
    return turn if any(turn) else None
