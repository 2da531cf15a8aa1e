"""The finished video as a notebook keeps it: readable with no kernel, no widget, no network and in an HTML export."""

from __future__ import annotations

import base64
import logging
import mimetypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from IPython.display import Video

from .. import settings as settings_
from ..engine import Run
from ..home import is_plain_file
from ..ledger import Files, is_picture
from ..markup import Html, data_url
from ..paths import shown_path
from . import page

log = logging.getLogger("kie_nb")
THUMB_WIDTH = 128  # shown at half of it: sharp on dense screens, about 3 kB
LARGEST_EMBED = 24_000_000  # a notebook with more in one cell is slow to open and save everywhere


@dataclass(frozen=True, kw_only=True, slots=True)
class Assets:
    """What a display needs of a video.

    Attributes:
        content: The bytes to embed; None for a link.
        poster: A JPEG.
        remark: Why it is not shown as asked, if so.
    """

    content: bytes | None
    poster: bytes | None
    remark: str = ""
    mime: str = "video/mp4"


def make_assets(video: Path, embed: settings_.Embed) -> Assets:
    """Read or make the preview and the poster (cached beside the video); runs in a worker."""
    from ..video import is_media, read_media

    if not is_media(video):
        remark = "The file is neither a video nor a picture, and is not shown."
        return Assets(content=None, poster=None, remark=remark)
    if not (mime := mimetypes.guess_type(video.name)[0] or "").startswith("image/"):
        return _assets_of_video(video, embed)
    content = None if embed == "link" else read_media(video)
    return Assets(content=content, poster=None, mime=mime, remark="The service made a picture, not a video.")


def _assets_of_video(video: Path, embed: settings_.Embed) -> Assets:
    from .. import video as room

    files = Files.of(video)
    poster_file, preview_file, remark = files.poster(video), files.preview(video), ""
    poster: bytes | None = None
    try:
        if not room.is_media(poster_file):
            room.make_poster(video, poster_file)
        poster = room.read_media(poster_file)
    except Exception:  # a picture less is no reason to hide a paid video
        log.exception("no poster for %s", video)
    if embed == "link":
        return Assets(content=None, poster=poster)
    if embed == "full" and video.stat().st_size <= LARGEST_EMBED:
        return Assets(content=room.read_media(video), poster=poster)
    if embed == "full":
        remark = f"The full file has {video.stat().st_size / 1e6:.0f} MB, too much for a notebook: a preview is shown."
    try:
        if not room.is_media(preview_file):
            room.make_preview(video, preview_file)
        return Assets(content=room.read_media(preview_file), poster=poster, remark=remark)
    except Exception:
        log.exception("no preview for %s", video)
        if video.stat().st_size <= LARGEST_EMBED:
            return Assets(
                content=room.read_media(video),
                poster=poster,
                remark="No preview could be made: the full file is shown.",
            )
        return Assets(content=None, poster=poster, remark="No preview could be made: the file is linked.")


def write_still(video: Path, target: Path, width: int) -> None:
    """A JPEG of *video*, *width* pixels wide at the most, into *target*; by way of its poster, which is kept too.

    Raises:
        Exception: of whatever kind, where it cannot be read or made.
    """
    from .. import video as room

    poster = Files.of(video).poster(video)
    if is_picture(video):
        poster = video
    elif not room.is_media(poster):
        room.make_poster(video, poster)
    with room.open_media(poster) as file, room.open_picture(file) as still:
        still.thumbnail((width, width))
        room.write_jpeg(still, target)


def thumbnail(video: Path, *, make: bool) -> bytes | None:
    """The tiny still of *video* (cached beside it), or None: if it is not there and not to be made, or cannot be."""
    from .. import video as room

    target = Files.of(video).thumbnail(video)
    try:
        if not is_plain_file(video):
            return None
        if not room.is_media(target):
            if not make:
                return None
            write_still(video, target, THUMB_WIDTH)
        return room.read_media(target)
    except Exception:  # a picture less is no reason to hide a run
        log.exception("no thumbnail for %s", video)
        return None


class RunVideo(Video):  # type: ignore[misc, unused-ignore]
    """`IPython.display.Video` of a run, with HTML of its own.

    The base class puts embedded data on a `<source>` child, which the sanitizer of an untrusted notebook strips.
    """

    def __init__(self, run: Run, assets: Assets, *, note: str = "") -> None:
        assert run.video is not None  # noqa: S101 - asked for only when it is there
        self.run, self.assets, self.note = run, assets, note
        linked = quote(shown_path(run.video), errors="replace")
        if assets.content is None:
            super().__init__(url=linked)  # type: ignore[no-untyped-call]
        else:
            super().__init__(data=assets.content, embed=True, mimetype=assets.mime)  # type: ignore[no-untyped-call]
        self._linked = linked
        self._html: Html | None = None

    def _repr_html_(self) -> Html:
        if self._html is None:
            content = self.assets.content
            source = self._linked if content is None else data_url(content)
            note = " ".join(part for part in (self.note, self.assets.remark) if part)
            show = page.picture_page if self.assets.mime.startswith("image/") else page.video_page
            self._html = show(self.run, source=source, poster=self.assets.poster, note=note)
        return self._html

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:  # noqa: ARG002
        bundle = {"text/html": self._repr_html_(), "text/plain": repr(self.run)}
        if self.assets.poster:
            bundle["image/jpeg"] = base64.b64encode(self.assets.poster).decode()
        return bundle

    def __repr__(self) -> str:
        return repr(self.run)


def show_video(run: Run, *, embed: settings_.Embed | None = None, note: str = "") -> RunVideo:
    """The display object of a finished run, made in the caller's thread."""
    assert run.video is not None  # noqa: S101 - asked for only when it is there
    return RunVideo(run, make_assets(run.video, embed or settings_.current().embed), note=note)
