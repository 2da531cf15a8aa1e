"""The videos of a wall as pages and widgets need them: small copies, stills, and links where there is no room."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from ..ledger import Files, is_picture
from ..markup import data_url
from ..requests.pixels import small_jpeg
from ..settings import start_folder
from ..video import read_media
from .wall_tiles import Tile

log = logging.getLogger("kie_nb")
STILL_WIDTH = 360  # a tile is about that wide: 10 to 15 kB
STILL_QUALITY = 72


@dataclass(frozen=True, kw_only=True, slots=True)
class Clip:
    """A file that plays.

    Attributes:
        path: A small copy, or the video itself.
        fps: Frames a second.
        frames: How many.
        aspect: Width by height.
        still: A small JPEG; None where none could be made.
    """

    path: Path
    fps: float
    frames: int
    aspect: float
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
    from .. import video as room

    files = Files.of(video)
    return is_picture(video) or (room.is_media(files.preview(video)) and room.is_media(files.poster(video)))


def make_clip(video: Path) -> Clip | None:
    """The small copy and the still of *video* (cached beside it), or None: it is no video that plays."""
    from .. import video as room

    if is_picture(video):
        return None
    preview = Files.of(video).preview(video)
    chosen = preview
    try:
        if not room.is_media(preview):
            room.make_preview(video, preview)
    except Exception:  # a copy less is no reason to hide a paid video
        log.exception("no preview for %s", video)
        if video.suffix[1:] not in room.PLAYED:
            return None
        chosen = video
    try:
        facts = room.probe(chosen)
    except (OSError, room.NotAVideo):
        log.exception("%s cannot be read", chosen)
        return None
    frames = facts.frames or max(1, round(facts.duration_s * facts.fps))
    aspect = round(facts.width / facts.height, 4)
    return Clip(path=chosen, fps=facts.fps, frames=frames, aspect=aspect, still=make_still(video))


def make_still(video: Path, width: int = STILL_WIDTH) -> bytes | None:
    """A small JPEG of *video*, from its poster (cached beside it); None where none can be made."""
    from .. import video as room

    poster = video if is_picture(video) else Files.of(video).poster(video)
    try:
        if not room.is_media(poster):
            room.make_poster(video, poster)
        with room.open_media(poster) as file:
            return small_jpeg(file, width, quality=STILL_QUALITY)
    except Exception:
        log.exception("no still for %s", video)
        return None


class Embedding:
    """Puts small copies into the page up to a limit, and links what is left.

    Args:
        limit: Bytes of video in all, before they are written as text (which takes a third more).
        link: The address of a file as the page reaches it, or None where it cannot.
        make: False takes only copies that are there already.
    """

    def __init__(self, limit: int, link: Callable[[Path], str | None], *, make: bool = True) -> None:
        self._left, self._link, self._make = limit, link, make

    def __call__(self, tile: Tile) -> Medium | None:
        """How the page reaches the video of *tile*."""
        if tile.video is None:
            return None
        if not self._make and not is_ready(tile.video):
            return Medium(source="", remark="its small copy is being made")
        clip = make_clip(tile.video)
        if clip is None:
            return Medium(source="", still=make_still(tile.video), remark="only a still is shown here")
        size = clip.path.stat().st_size
        if size <= self._left:
            self._left -= size
            source: str = data_url(read_media(clip.path))
        else:
            source = self._link(clip.path) or ""
        remark = "" if source else "no room for the video here; the file is kept beside the notebook"
        return Medium(
            source=source,
            fps=clip.fps,
            frames=clip.frames,
            aspect=clip.aspect,
            still=clip.still,
            remark=remark,
        )


def for_file(folder: Path, *, limit: int) -> Embedding:
    """Media of a page that is written into *folder*."""

    def link(path: Path) -> str | None:
        try:
            return quote(Path(os.path.relpath(path, folder)).as_posix())
        except ValueError:  # another drive
            return None

    return Embedding(limit, link)


def for_notebook(*, limit: int, make: bool = True) -> Embedding:
    """Media of a cell's output: links lead below the notebook's folder only, elsewhere they would work nowhere."""

    def link(path: Path) -> str | None:
        try:
            return quote(path.relative_to(start_folder()).as_posix())
        except ValueError:
            return None

    return Embedding(limit, link, make=make)
