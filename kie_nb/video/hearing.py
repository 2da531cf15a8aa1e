"""How far the sound of two videos is apart. Sound is compared by itself, never mixed into a figure of the picture."""

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .bounds import Budget
from .facts import AnyPath, NotAVideo, SoundLikeness
from .reading import TOO_LONG, opened

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

Samples = NDArray[np.float32]
_RATE = 48_000  # where the rates differ


def compare_sound(first: AnyPath, second: AnyPath) -> SoundLikeness | None:
    """How alike the sound of two videos is, None where one has none; NotAVideo where it is damaged."""
    with opened(first) as (one, _), opened(second) as (other, _):
        if not (one.streams.audio and other.streams.audio):
            return None
        streams = _decodable(one), _decodable(other)
        rate = streams[0].rate if streams[0].rate == streams[1].rate else _RATE
        channels = [stream.codec_context.layout.nb_channels for stream in streams]
        mix = channels[0] != channels[1]
        tracks = [
            _Track(box, stream, rate, mix=mix) for box, stream in zip((one, other), streams, strict=True)
        ]
        squares, count = np.zeros(3), 0
        for left, right in _together(*tracks):
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


def _decodable(container: "InputContainer") -> "AudioStream":
    stream = container.streams.audio[0]
    if stream.codec_context is None or not stream.codec_context.rate:
        raise _refusal(container, "a video with sound that cannot be decoded")
    return stream


def _refusal(container: "InputContainer", seems: str) -> NotAVideo:
    return NotAVideo(f"{Path(container.name).name} cannot be compared: it seems to be {seems}", seems=seems)


class _Track:
    """The sound of one video in pieces; what went by is hashed."""

    def __init__(self, container: "InputContainer", stream: "AudioStream", rate: int, *, mix: bool) -> None:
        from av.audio.resampler import AudioResampler

        self.packets, self.samples = hashlib.sha256(), hashlib.sha256()
        self._container, self._stream = container, stream
        self._resampler = AudioResampler(format="fltp", rate=rate)
        self._mix = mix

    def __iter__(self) -> Iterator[Samples]:
        import av

        budget = Budget()
        try:
            for packet in self._container.demux(self._stream):
                self.packets.update(bytes(packet))
                for frame in packet.decode():
                    if not budget.admits(frame):
                        raise _refusal(self._container, TOO_LONG)
                    self._add(frame)
                    yield from self._pieces(frame)
            yield from self._pieces(None)
        except av.FFmpegError as exc:
            raise _refusal(self._container, f"a video with damaged sound ({exc.strerror})") from exc

    def _add(self, frame: Any) -> None:
        self.samples.update(f"{frame.format.name} {frame.layout.name} {frame.sample_rate}".encode())
        self.samples.update(frame.to_ndarray().tobytes())

    def _pieces(self, frame: Any) -> Iterator[Samples]:
        for piece in self._resampler.resample(frame):
            samples = np.asarray(piece.to_ndarray(), np.float32)
            # The mean of the channels: FFmpeg's own mixing makes a mono track louder or quieter than the same in stereo.
            yield samples.mean(axis=0) if self._mix else samples.T.reshape(-1)


def _together(first: _Track, second: _Track) -> Iterator[tuple[Samples, Samples]]:
    """Equal lengths of both until one ends; the rest of the other goes by."""
    sources = iter(first), iter(second)
    held: list[Samples | None] = [None, None]
    while True:
        for number, source in enumerate(sources):
            if held[number] is None:
                held[number] = next((piece for piece in source if piece.size), None)
        one, other = held
        if one is None or other is None:
            break
        size = min(one.size, other.size)
        yield one[:size], other[:size]
        held = [rest if (rest := piece[size:]).size else None for piece in (one, other)]
    for source in sources:
        for _ in source:
            pass
