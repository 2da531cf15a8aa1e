"""The videos of a wall as pages and widgets need them: small copies, stills, and links where there is no room."""

from __future__ import annotations

import functools
import logging
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from .. import settings as settings_
from ..handles.small_copies import make_poster, make_preview
from ..ledger import Files, is_picture
from ..markup import data_url
from ..requests.pixels import small_jpeg
from ..settings import start_folder
from ..stores import bring, made
from ..video import (
    PLAYED,
    NotAVideo,
    is_media,
    open_media,
    probe,
    read_media,
)
from .wall_tiles import Tile

log = logging.getLogger("kie_nb")
STILL_WIDTH = 360  # a tile is about that wide: 10 to 15 kB
STILL_QUALITY = 72
EMBED_LIMIT = 8_000_000  # bytes of video in one output: a third more as text, and several walls still make a notebook that opens


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A file that plays: a small copy, or the video itself; its still is None where none could be made."""

    path: Path
    fps: float
    frames: int
    aspect: float  # width by height
    still: bytes | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Medium:
    """How a page reaches a tile's video.

    Attributes:
        source: A `data:` URL, or a link relative to the page; empty where there is only a still.
        remark: Why it is not there, in words.
    """

    source: str
    fps: float = 0.0
    frames: int = 0
    aspect: float = 0.0
    still: bytes | None = None
    remark: str = ""


Media = Callable[[Tile], Medium | None]


def is_ready(video: Path) -> bool:
    """Whether the small copy and the still of *video* are there already."""
    files = Files.of(video)
    return is_picture(video) or (is_media(files.preview(video)) and is_media(files.poster(video)))


def make_clip(video: Path, *, into: Path | None = None) -> Clip | None:
    """The small copy and the still of *video* (cached beside it, or *into* a folder), or None: it is not a video that plays."""
    if is_picture(video):
        return None
    preview = Files.of(video).preview(into / video.name if into else video)
    chosen = preview
    try:
        made(video, preview, make_preview)
    except Exception:  # a copy less is no reason to hide a paid video
        log.exception("no preview for %s", video)
        if video.suffix[1:] not in PLAYED:
            return None
        chosen = video
    try:
        facts = probe(chosen)
    except (OSError, NotAVideo):
        log.exception("%s cannot be read", chosen)
        return None
    frames = facts.frames or max(1, round(facts.duration_s * facts.fps))
    aspect = round(facts.width / facts.height, 4)
    return Clip(path=chosen, fps=facts.fps, frames=frames, aspect=aspect, still=make_still(video, into=into))


def make_still(video: Path, *, into: Path | None = None) -> bytes | None:
    """A small JPEG of *video*, from its poster (kept like the copy); None where none can be made."""
    poster = video if is_picture(video) else Files.of(video).poster(into / video.name if into else video)
    try:
        made(video, poster, make_poster) if poster != video else bring(video)
        return small_still(poster, STILL_WIDTH, quality=STILL_QUALITY)
    except Exception:
        log.exception("no still for %s", video)
        return None


def small_still(picture: Path, side: int, *, quality: int) -> bytes:
    """*picture* in at most *side* pixels, as a viewer shows it.

    Raises:
        BadImage, OSError, ValueError, SyntaxError: it is not a picture, or has too many pixels.
    """
    with open_media(picture) as file:
        return small_jpeg(file, side, quality=quality)


def medium_of(
    video: Path, clip: Clip | None, source: Callable[[Clip], str], *, into: Path | None = None
) -> Medium:
    """How a page reaches *video*, whose clip is at the address that *source* gives."""
    if clip is None:
        return Medium(source="", still=make_still(video, into=into), remark="only a still is shown here")
    address = source(clip)
    remark = "" if address else "no room for the video here; the file is kept beside the notebook"
    return Medium(
        source=address, remark=remark, fps=clip.fps, frames=clip.frames, aspect=clip.aspect, still=clip.still
    )


def embedded(clip: Clip) -> str:
    """The clip as an address of its own."""
    return data_url(read_media(clip.path))


class Embedding:
    """Puts small copies into the page up to a limit, and links what is left.

    Args:
        limit: Bytes of video in all, before they are written as text (which takes a third more).
        link: The address of a file as the page reaches it; a ValueError where it cannot.
        make: False takes only copies that are there already.
    """

    def __init__(self, limit: int, link: Callable[[Path], Path | str], *, make: bool = True) -> None:
        self._left, self._link, self._make = limit, link, make

    def __call__(self, tile: Tile) -> Medium | None:
        """How the page reaches the video of *tile*."""
        if tile.video is None:
            return None
        if not self._make and not is_ready(tile.video):
            return Medium(source="", remark="its small copy is being made")
        if tile.run is not None:
            return medium_of(tile.video, make_clip(tile.video), self._source)
        with tempfile.TemporaryDirectory(
            prefix="kie-nb-"
        ) as folder:  # nothing is written beside a file of the user's
            into, source = Path(folder), functools.partial(self._source, lasting=tile.video)
            return medium_of(tile.video, make_clip(tile.video, into=into), source, into=into)

    def _source(self, clip: Clip, *, lasting: Path | None = None) -> str:
        """Its address; a clip that is removed again is not linked, but the *lasting* file that it was made of."""
        size = clip.path.stat().st_size
        if size <= self._left:
            self._left -= size
            return embedded(clip)
        try:
            return quote(Path(self._link(lasting or clip.path)).as_posix())
        except ValueError:
            return ""


def for_file(folder: Path, *, limit: int) -> Embedding:
    """Media of a page that is written into *folder*; on another drive nothing can be linked."""
    return Embedding(limit, lambda path: os.path.relpath(path, folder))


def for_notebook(*, make: bool = True) -> Embedding:
    """Media of a cell's output: links lead below the notebook's folder only, elsewhere they would work nowhere."""
    limit = 0 if settings_.current().embed == "link" else EMBED_LIMIT
    return Embedding(limit, lambda path: path.relative_to(start_folder()), make=make)
