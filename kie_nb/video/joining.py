"""One film of several clips: streams are copied where the clips agree, else drawn anew; no frame is lost or shown twice.

A frame keeps its own moment, whatever the rates of the clips are. Where a clip starts with the last frame of the one before, that
frame is left out of the one before. The film is an MP4 that every browser plays.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from ..fileops import finished_in_one_step
from . import reading
from .facts import AnyPath, NotAVideo
from .parts import Part, is_doubled, survey
from .tracks import CopiedPicture, CopiedSound, DrawnPicture, MixedSound, Track

if TYPE_CHECKING:
    from av.container import OutputContainer

_MOST_S = 3600.0
_ROUNDED_S = 0.001


class CannotJoin(ValueError):
    """These clips make no film."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Film:
    """What became of the clips."""

    frames: int
    seconds: float
    size: tuple[int, int]
    is_copied: bool  # the picture, packet by packet
    sound: str  # "copied", "mixed", or "" for none
    doubled: tuple[int, ...]  # the parts, from 0, whose last frame is the first of the next


def join_videos(
    clips: Sequence[AnyPath],
    target: AnyPath,
    *,
    note: str = "",
    title: str = "",
    linked: Mapping[int, int] = MappingProxyType({}),
) -> Film:
    """Write one film of *clips* to *target*, in one step; NotAVideo for what is none, CannotJoin for clips that make no film.

    Args:
        note: For its tags.
        title: The same.
        linked: The clips, from 0, that were asked for with a frame of the one before as their first, and its number.
    """
    parts = [survey(clip) for clip in clips]
    for number, (before, after) in enumerate(pairwise(parts)):
        last = len(before.moments) - 1
        is_linked = linked.get(number + 1) == last
        before.without_last = last > 0 and is_doubled(before, after, is_linked=is_linked)
    if (seconds := sum(float(part.length_s) for part in parts)) > _MOST_S:
        raise CannotJoin(
            f"the film would last {seconds / 60:.0f} minutes; at most {_MOST_S / 60:.0f} are made"
        )
    tags = {name: text for name, text in (("title", title), ("comment", note)) if text}
    with finished_in_one_step(target) as part:
        is_copied = _agree(parts) and _written(part, parts, tags, is_copied=True)
        if not is_copied and not _written(part, parts, tags, is_copied=False):
            raise CannotJoin("the film came out with other frames than its clips have")
    return Film(
        frames=sum(one.frames for one in parts),
        seconds=round(seconds, 3),
        size=_size_of(parts),
        is_copied=is_copied,
        sound=""
        if not any(one.has_sound for one in parts)
        else "copied"
        if _sounds_agree(parts)
        else "mixed",
        doubled=tuple(number for number, one in enumerate(parts) if one.without_last),
    )


def _agree(parts: list[Part]) -> bool:
    """Whether the pictures can follow each other as they are."""
    if parts[0].picture is None or any(part.picture != parts[0].picture for part in parts):
        return False
    if any(part.without_last and not part.can_be_cut for part in parts):
        return False
    order, start = [], Fraction(0)
    for part in parts:
        kept = part.packets[:-1] if part.without_last else part.packets
        order += [start + dts for _, dts in kept]
        start += part.length_s
    return all(one < other for one, other in pairwise(order))


def _sounds_agree(parts: list[Part]) -> bool:
    first = parts[0].sound
    return first is not None and all(part.sound == first and part.is_heard_throughout for part in parts)


def _size_of(parts: list[Part]) -> tuple[int, int]:
    """The size of the film: that of the largest clip, with even sides where it is drawn anew."""
    width, height = max((part.size for part in parts), key=lambda size: size[0] * size[1])
    return (width, height) if _agree(parts) else (max(2, width // 2 * 2), max(2, height // 2 * 2))


def _written(target: Path, parts: list[Part], tags: dict[str, str], *, is_copied: bool) -> bool:
    """Write the film; whether it has the frames that it should have."""
    import av

    try:
        with ExitStack() as stack:
            options = {"movflags": "+faststart", "fflags": "+bitexact"}
            film = stack.enter_context(av.open(str(target), "w", format="mp4", options=options))
            film.metadata.update(tags)
            _write(film, parts, is_copied=is_copied)
        found, wanted = _shown(target), list(_moments(parts))
        return len(found) == len(wanted) and all(
            abs(one - other) <= _ROUNDED_S for one, other in zip(found, wanted, strict=True)
        )
    except (av.FFmpegError, NotAVideo):
        if not is_copied:
            raise
        return False


def _write(film: "OutputContainer", parts: list[Part], *, is_copied: bool) -> None:
    picture: Track = CopiedPicture(film, parts) if is_copied else DrawnPicture(film, parts, _size_of(parts))
    sound: Track | None = None
    if any(part.has_sound for part in parts):
        sound = CopiedSound(film, parts) if _sounds_agree(parts) else MixedSound(film)
    tracks = [track for track in (picture, sound) if track is not None]
    start = Fraction(0)
    for part in parts:
        for track in tracks:
            track.begin(part, start)
        with reading.opened(part.path, whole=False) as (container, stream):
            heard = [one for one in container.streams.audio if reading.can_be_heard(one)][:1]
            for packet in reading.demuxed(container, [stream, *heard]):
                taken_by = picture if packet.stream is stream else sound
                if taken_by is not None:
                    film.mux(taken_by.add(packet))
        for track in tracks:
            film.mux(track.end())
        start += part.length_s
    for track in tracks:
        film.mux(track.finish())


def _moments(parts: list[Part]) -> Iterator[Fraction]:
    """The moment of each frame of the film."""
    start = Fraction(0)
    for part in parts:
        yield from (start + moment for moment in part.moments[: part.frames])
        start += part.length_s


def _shown(path: Path) -> list[Fraction]:
    """The moment of each frame that is shown, from the first one on; NotAVideo where a key frame cannot be decoded.

    All others are what was decoded before, or has just been encoded: a film of an hour is read in a moment.
    """
    found: list[Fraction] = []
    with reading.opened(path) as (container, stream):
        stream.codec_context.skip_frame = "NONKEY"
        for packet in reading.demuxed(container, [stream]):
            _, is_good = reading.decoded(packet)
            if not is_good or packet.is_corrupt:
                raise NotAVideo(f"{path.name} is {reading.NO_FRAME}", seems=reading.NO_FRAME)
            if packet.size and packet.pts is not None and packet.time_base and not packet.is_discard:
                found.append(packet.pts * packet.time_base)
    first = min(found, default=Fraction(0))
    return [moment - first for moment in sorted(found)]
