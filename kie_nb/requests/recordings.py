"""Any video or sound → bytes to upload, and an identity. What a file says of place, time and person is not sent."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from ..catalogue import MediaIdentity
from ..errors import BadImage, InvalidRequest
from ..video import NotAVideo, probe
from ..video.sniff import HEAD_BYTES, VIDEOS, describe_head, ending_of, mime_of
from ..video.sounds import probe_sound
from .boxes import without_personal_boxes
from .images import Picture
from .sources import file_in

Recording = Literal["video", "audio"]
MOST = 500_000_000  # bytes: more than any model takes; it is held in memory
NOUNS: dict[Recording, str] = {"video": "video", "audio": "sound"}
_NEEDED = "pass a path, a URL, bytes, an open file{or_run}"


def read_recording(
    source: Any, kind: Recording, *, keep_metadata: bool = False, link: Mapping[str, Any] | None = None
) -> Picture:
    """Read and check a video or a sound that is at hand (everything but a URL).

    Args:
        source: A path, bytes, an open file, or a display or widget of one.
        kind: What it must be.
        keep_metadata: Send what it says of place, time and person too.
        link: The run that it is the video of.

    Raises:
        InvalidRequest: saying what is wrong with it and what to do.
    """
    noun = NOUNS[kind]
    try:
        held = file_in(source, noun=noun, most=MOST)
    except BadImage as exc:
        raise InvalidRequest(exc.message, hint=exc.hint) from None
    if held is None or held.content is None:
        hint = _NEEDED.format(or_run=" or a run" if kind == "video" else "")
        raise InvalidRequest(f"A value of type {type(source).__name__} is not a {noun}.", hint=hint)
    label = held.name or f"{noun} ({held.what})"
    content = held.content if keep_metadata else without_personal_boxes(held.content)
    identity = look_at(content, label, kind)
    as_given = None
    if held.content != content:
        as_given = replace(identity, sha256=hashlib.sha256(held.content).hexdigest())
    if held.name is None:
        identity = replace(identity, label=f"{noun} ({held.what} {identity.sha256[:6]})")
    return Picture(identity=identity, content=content, as_given=as_given, link=link)


def look_at(content: bytes, label: str, kind: Recording, *, url: str | None = None) -> MediaIdentity:
    """What *content* is; InvalidRequest where it is not of that kind, or cannot be played."""
    noun = NOUNS[kind]
    if not content:
        raise InvalidRequest(f"{label} is empty: there is no {noun} in it.")
    if len(content) > MOST:
        words = f"{label} has more than {MOST / 1e6:g} MB: no model takes a {noun} so large."
        raise InvalidRequest(words, hint="cut or shrink it")
    ending = ending_of(content[:HEAD_BYTES])
    if kind == "video" and ending not in VIDEOS:
        words = f"{label} is not a video; it seems to be {describe_head(content[:HEAD_BYTES]) or ending}."
        raise InvalidRequest(words, hint="use an mp4 or mov file")
    with tempfile.TemporaryDirectory(prefix="kie-nb-") as folder:
        file = Path(folder) / f"{kind}.{ending}"
        file.write_bytes(content)
        try:
            told = _of_video(file) if kind == "video" else _of_sound(file)
        except NotAVideo as exc:
            words = f"{label} is not a {noun} that can be played; it seems to be {exc.seems or 'damaged'}."
            hint = f"use a file of a {noun}" if exc.seems else "save it again and retry"
            raise InvalidRequest(words, hint=hint) from None
    digest = hashlib.sha256(content).hexdigest()
    told = {"mime": mime_of(file.name), **told}
    return MediaIdentity(sha256=digest, label=label, bytes=len(content), url=url, kind=kind, **told)


def _of_video(file: Path) -> dict[str, Any]:
    facts = probe(file)
    return {"seconds": facts.duration_s or None, "width": facts.width, "height": facts.height}


def _of_sound(file: Path) -> dict[str, Any]:
    ending, seconds = probe_sound(file)
    return {"seconds": seconds, "mime": mime_of(f"sound.{ending}")}
