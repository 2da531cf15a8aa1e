"""A file of sound: how long it is, by decoding it."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..home import open_file
from . import reading
from .bounds import Budget
from .facts import AnyPath, NotAVideo
from .sniff import HEAD_BYTES, describe_head, ending_of

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame

# As for videos: a playlist would be followed. FFmpeg's names.
SOUND_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": "mp3,wav,flac,ogg,aac,mov,matroska,webm"}
_HOLDERS = {"mp4": "m4a", "mov": "m4a", "m4v": "m4a", "webm": "ogg", "mkv": "ogg", "ogv": "ogg"}
_SOUND_ENDINGS = {"mp3", "wav", "m4a", "flac", "ogg", "aac"}


def probe_sound(path: AnyPath) -> tuple[str, float]:
    """The true ending and the seconds of a file that holds sound and no moving picture; NotAVideo for anything else."""
    import av

    place = Path(path).absolute()
    with open_file(place) as file:
        head = file.read(HEAD_BYTES)
        size = file.seek(0, os.SEEK_END)
    ending = ending_of(head)
    ending = _HOLDERS.get(ending, ending)
    if not size or ending not in _SOUND_ENDINGS:
        raise _refusal(place, describe_head(head))
    try:
        with reading.container_of(place, SOUND_OPTIONS) as container:
            if any(not reading.is_cover(stream) for stream in container.streams.video):
                raise _refusal(place, "a video")
            heard = [sound for sound in container.streams.audio if reading.can_be_heard(sound)]
            if not heard:
                raise _refusal(place, "a file without sound that can be decoded")
            seconds = _seconds(container, heard[0], place)
    except (av.FFmpegError, ValueError, MemoryError) as exc:
        if isinstance(exc, NotAVideo):
            raise
        raise _refusal(place, "damaged") from exc
    if not seconds:
        raise _refusal(place, "damaged")
    return ending, seconds


def _seconds(container: Any, sound: Any, place: Path) -> float:
    budget, samples = Budget(), 0
    for packet in reading.demuxed(container, [sound]):
        frame: AudioFrame
        for frame in reading.decoded(packet)[0]:  # type: ignore[assignment]
            samples += frame.samples
            if not budget.admits(frame):
                raise _refusal(place, "a sound too long to be decoded here")
    return round(samples / int(sound.rate), 3)


def _refusal(place: Path, seems: str) -> NotAVideo:
    return NotAVideo(f"{place.name} is not a sound that can be played; it seems to be {seems}", seems=seems)
