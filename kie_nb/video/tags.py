"""A note inside a video file: written by copying the packets as they are, so that no frame and no sound changes.

The note is a JSON object in a tag that any player shows ("comment", or the next that is free). Existing tags are kept,
even where ours cannot be added.
"""

import json
from collections.abc import Iterator
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..fileops import finished_in_one_step
from .facts import AnyPath, NotAVideo
from .reading import opened, probe

if TYPE_CHECKING:
    from av.container import InputContainer, OutputContainer
    from av.stream import Stream

MARK = "kie_nb"  # the key that tells our note from other people's JSON
MAX_NOTE = 1 << 20
# Tags that an MP4 holds in its standard place. The last is our own, for a file where all these are taken.
_TAGS = ("comment", "description", "synopsis", "grouping", "kie_nb_request")
_WRITERS = {"mp4", "mov", "webm", "matroska"}  # containers, as FFmpeg calls their writers too
# What the writer says of itself; `encoding_tool` is how an MP4 is told to keep the first writer's name.
_OF_THE_CONTAINER = {"major_brand", "minor_version", "compatible_brands", "encoder", "duration"}
_COPIED = {"video", "audio", "subtitle"}
# The standard place first: players read it. It holds known names only; the other holds any, for fewer readers.
_PLACES = ("+faststart", "+faststart+use_metadata_tags")


class CannotTag(ValueError):
    """A note cannot be written into this file without changing something else in it."""


def write_request(source: AnyPath, target: AnyPath, text: str) -> Path:
    """Copy the video *source* to *target* with *text* in its tags; returns that path.

    Pictures and sound are copied packet by packet, and compared before the copy gets its name. A note of ours that is there is
    replaced. CannotTag where the copy would lose something: a tag, a track, a moment; *target* is not written then.

    Args:
        text: A JSON object that has the key "kie_nb".
    """
    try:
        kind = probe(source).container
    except UnicodeDecodeError as exc:
        raise CannotTag(f"{Path(source).name} has tags that are not text") from exc
    if kind not in _WRITERS:
        raise CannotTag(f"{Path(source).name} is {kind}, which holds no such tags")
    tags = _tags_of(source)
    name = next((name for name in _TAGS if name not in tags or _as_note(tags[name]) is not None), None)
    if name is None:
        raise CannotTag(f"{Path(source).name} has no tag that is free")
    with finished_in_one_step(target) as part:
        lost = ""
        for place in _PLACES:
            _copy(Path(source), part, kind, tags | {name: text}, place)
            lost = _what_is_lost(tags | {name: text}, _tags_of_copy(source, part))
            if not lost or kind in {"webm", "matroska"}:
                break
        if lost:
            raise CannotTag(f"{Path(source).name} would lose its tag {lost!r}")
        if not _same_packets(source, part):
            raise CannotTag(f"{Path(source).name} would not be copied exactly")
    return Path(target)


def read_request(path: AnyPath) -> dict[str, Any] | None:
    """The note that `write_request` left in a video, or None; NotAVideo for another file."""
    try:
        notes = map(_as_note, _tags_of(path).values())
    except UnicodeDecodeError:
        return None
    return next((note for note in notes if note is not None), None)


def _as_note(text: str) -> dict[str, Any] | None:
    if len(text) > MAX_NOTE or not text.lstrip().startswith("{"):
        return None
    try:
        text.encode()  # bytes that are not text come as half surrogates
        note = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return note if isinstance(note, dict) and MARK in note else None


def _tags_of(path: AnyPath) -> dict[str, str]:
    """The tags of the file as a whole; Matroska writes their names in capitals."""
    with opened(path) as (container, _):
        return {name.lower(): text for name, text in container.metadata.items()}


def _tags_of_copy(source: AnyPath, part: Path) -> dict[str, str]:
    try:
        return _tags_of(part)
    except NotAVideo as exc:  # it names the unfinished copy
        raise CannotTag(f"{Path(source).name} would not be copied exactly") from exc


def _what_is_lost(wanted: dict[str, str], found: dict[str, str]) -> str:
    ours = {name: text for name, text in wanted.items() if text and name not in _OF_THE_CONTAINER}
    return next((name for name, text in ours.items() if found.get(name) != text), "")


def _copy(source: Path, target: Path, kind: str, tags: dict[str, str], place: str) -> None:
    import av

    options = {"fflags": "+bitexact"}  # the same file gives the same copy
    if kind in {"mp4", "mov"}:
        options["movflags"] = place
    try:
        with opened(source) as (film, _), av.open(str(target), "w", format=kind, options=options) as copy:
            if film.chapters():
                raise CannotTag(f"{source.name} has chapters")
            if strange := next((stream.type for stream in film.streams if stream.type not in _COPIED), None):
                raise CannotTag(f"it has a track of another kind ({strange})")
            tracks = {stream.index: _track(copy, stream) for stream in film.streams}
            copy.metadata.update(_kept(tags, place))
            for packet in film.demux(list(film.streams)):
                if packet.dts is not None:  # as in the empty packet at the end of each stream
                    packet.stream = tracks[packet.stream.index]
                    copy.mux(packet)
    except (av.FFmpegError, ValueError) as exc:
        if isinstance(exc, CannotTag | NotAVideo):
            raise
        why = exc.strerror if isinstance(exc, av.FFmpegError) else exc  # whose text names the unfinished copy
        raise CannotTag(f"{source.name} cannot be copied: {why}") from exc


def _track(copy: "OutputContainer", stream: "Stream") -> "Stream":
    track: Stream = copy.add_stream_from_template(stream, opaque=True)
    track.metadata.update(stream.metadata)
    if stream.codec_context is not None and copy.format.name in {"mp4", "mov"}:
        track.codec_context.codec_tag = stream.codec_context.codec_tag  # "hvc1" must not become "hev1"
    return track


def _kept(tags: dict[str, str], place: str) -> dict[str, str]:
    kept = {name: text for name, text in tags.items() if name not in _OF_THE_CONTAINER}
    if "encoder" in tags and place == _PLACES[0]:  # in the other place FFmpeg keeps none but its own
        kept["encoding_tool"] = tags["encoder"]
    return kept


def _same_packets(one: AnyPath, other: AnyPath) -> bool:
    """Whether both files hold the same pictures and sounds, each at the same moment."""
    with opened(one) as (first, _), opened(other) as (second, _):
        if [_look(stream) for stream in first.streams] != [_look(stream) for stream in second.streams]:
            return False
        for index in range(len(first.streams)):
            first.seek(0)
            second.seek(0)
            if any(a != b for a, b in zip_longest(_packets(first, index), _packets(second, index))):
                return False
    return True


def _look(stream: "Stream") -> tuple[Any, ...]:
    context = stream.codec_context
    return (stream.type, context.name if context else None, getattr(stream, "width", None))


def _packets(container: "InputContainer", index: int) -> Iterator[tuple[Any, ...]]:
    for packet in container.demux(container.streams[index]):
        if packet.dts is not None:
            base = packet.time_base
            shown = None if packet.pts is None else packet.pts * base
            yield (shown, packet.dts * base, packet.is_keyframe, bytes(packet))
