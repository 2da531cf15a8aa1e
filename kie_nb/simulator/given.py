"""What a task was given of videos and sounds, as the studio draws with it: the frames of one, the samples of the other."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from ..video import reading
from ..video.bounds import Budget
from ..video.facts import NotAVideo
from ..video.sounds import SOUND_OPTIONS

MOST_S = 30.0  # that is drawn, however long it is


class UnreadableMediaError(ValueError):
    """These bytes are no video, or no sound, that can be played."""


def length_of(data: bytes, *, is_video: bool) -> float:
    """How long it is, in seconds, as far as it is drawn."""
    if not is_video:
        return min(MOST_S, len(sound_of(data, 8000)) / 8000)
    with _file(data) as path, _opened(path) as (container, stream):
        return min(MOST_S, reading.duration_s(container, stream) or 1.0)


def size_of(data: bytes) -> tuple[int, int]:
    """Width and height of a video as it is shown."""
    with _file(data) as path, _opened(path) as (container, stream):
        return reading.shown_size(stream, next(reading.frames_of(container, stream), None))


def frames_at(data: bytes, moments: list[float]) -> Iterator[Image.Image]:
    """The picture that a video shows at each of *moments*, which ascend; its last one after its end."""
    with _file(data) as path, _opened(path) as (container, stream):
        budget, start_s, before, wanted = Budget(), None, None, iter(moments)
        moment = next(wanted, None)
        for number, frame in enumerate(reading.frames_of(container, stream)):
            if not budget.admits(frame):
                break
            shown_s = number / float(reading.frame_rate(stream)) if frame.time is None else frame.time
            start_s = shown_s if start_s is None else start_s
            while moment is not None and before is not None and shown_s - start_s > moment + 1e-6:
                yield _picture(before, stream)
                moment = next(wanted, None)
            if moment is None:
                return
            before = frame
        if before is None:
            raise UnreadableMediaError(reading.NO_FRAME)
        last = _picture(before, stream)
        while moment is not None:
            yield last
            moment = next(wanted, None)


def sound_of(data: bytes, rate: int) -> NDArray[np.float32]:
    """The sound of a video or a sound file, mono, between -1 and 1; nothing where it has none."""
    with _file(data) as path:
        try:
            with reading.container_of(path, SOUND_OPTIONS) as container:
                heard = [sound for sound in container.streams.audio if reading.can_be_heard(sound)][:1]
                pieces = list(_pieces(container, heard[0], rate)) if heard else []
        except (av.FFmpegError, ValueError, MemoryError) as exc:
            raise UnreadableMediaError(str(exc)) from exc
    return np.concatenate(pieces) if pieces else np.zeros(0, np.float32)


def _pieces(container: Any, sound: Any, rate: int) -> Iterator[NDArray[np.float32]]:
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=rate)
    count = 0
    for packet in reading.demuxed(container, [sound]):
        for frame in reading.decoded(packet)[0]:
            for piece in resampler.resample(frame):  # type: ignore[arg-type]
                samples = np.asarray(piece.to_ndarray(), np.float32).reshape(-1)
                count += len(samples)
                yield samples
        if count > MOST_S * rate:
            return


def _picture(frame: Any, stream: Any) -> Image.Image:
    return reading.picture_of(frame, reading.shown_size(stream, frame))


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with reading.opened(path, whole=False) as opened:
            yield opened
    except (NotAVideo, av.FFmpegError, OSError) as exc:
        raise UnreadableMediaError(str(exc)) from exc


@contextmanager
def _file(data: bytes) -> Iterator[Path]:
    """PyAV reads files best from the disk."""
    with tempfile.TemporaryDirectory(prefix="kie-nb-") as folder:
        path = Path(folder) / "given"
        path.write_bytes(data)
        yield path
