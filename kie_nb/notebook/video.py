"""The finished video as a notebook keeps it: readable with no kernel, no widget, no network and in an HTML export."""

from __future__ import annotations

import base64
import hashlib
import io
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from IPython.display import Video

from .. import settings as settings_
from ..fileops import write_whole
from ..handles import Run
from ..handles.small_copies import make_poster, make_preview
from ..home import is_plain_file, read_plain
from ..ledger import Files, is_picture
from ..markup import Html, data_url
from ..paths import shown_path
from ..requests.pixels import small_jpeg
from ..stores import bring, find_input, is_in_store, made
from ..video import PLAYED, SOUNDS, mime_of
from . import run_page

log = logging.getLogger("kie_nb")
THUMB_WIDTH = 128  # shown at half of it: sharp on dense screens, about 3 kB
STILL_WIDTH = 560  # of what a paper or a preview of the notebook shows
STILL_SHARE, STILL_LEAST = (
    0.02,
    6_000,
)  # of the video beside it, but so many bytes: it hardly makes a notebook larger
STILL_MOST = 60_000  # bytes, beside a link
LARGEST_EMBED = 24_000_000  # a notebook with more in one cell is slow to open and save everywhere


@dataclass(frozen=True, kw_only=True, slots=True)
class Assets:
    """What a display needs of a video.

    Attributes:
        content: The bytes to embed; None for a link.
        poster: A JPEG.
        remark: Why it is not shown as asked, if so.
        mime: Of the bytes, or of what is linked; "" where no browser plays it.
        linked: What is linked, if not the file itself.
    """

    content: bytes | None
    poster: bytes | None
    remark: str = ""
    mime: str = "video/mp4"
    linked: Path | None = None


def make_assets(video: Path, embed: settings_.Embed) -> Assets:  # noqa: PLR0911 - one a way
    """Read or make the preview and the poster (cached beside the video); runs in a worker."""
    from .. import video as room

    why = bring(video)
    if not room.is_media(video):
        remark = f"{why}." if why else "The file is neither video, picture nor sound, and is not shown."
        return Assets(content=None, poster=None, remark=remark, mime="")
    ending, size = video.suffix[1:], video.stat().st_size
    mime = mime_of(video.name)
    if mime.startswith("image/") or ending in SOUNDS:
        is_small = mime.startswith("image/") or size <= LARGEST_EMBED
        remark = "The service made a picture, not a video." if mime.startswith("image/") else ""
        content = room.read_media(video) if embed != "link" and is_small else None
        return Assets(content=content, poster=None, mime=mime or "audio/mpeg", remark=remark)
    unplayed = room.why_not_played(video)
    is_played = not unplayed
    poster = _cached(video, Files.of(video).poster(video), make_poster)
    if is_played and embed == "link":
        return Assets(content=None, poster=poster, mime=mime)
    if is_played and embed == "full" and size <= LARGEST_EMBED:
        return Assets(content=room.read_media(video), poster=poster, mime=mime)
    preview = Files.of(video).preview(video)
    content = _cached(video, preview, make_preview)
    if content is not None:
        remark = f"The full file has {size / 1e6:.0f} MB, too much for a notebook: a preview is shown."
        if unplayed:
            remark = f"{unplayed}: a preview is shown."
        linked = preview if embed == "link" else None
        shown = content if linked is None else None
        return Assets(
            content=shown, poster=poster, linked=linked, remark=remark if embed != "preview" else ""
        )
    if ending not in PLAYED:  # browsers play few containers: of the others the file is named
        return Assets(content=None, poster=poster, remark="No preview could be made.", mime="")
    no_preview = f"{unplayed}, and no preview could be made" if unplayed else "No preview could be made"
    remark = f"{no_preview}: the full file is shown."
    if size <= LARGEST_EMBED:
        return Assets(content=room.read_media(video), poster=poster, remark=remark, mime=mime)
    return Assets(content=None, poster=poster, remark=f"{no_preview}: the file is linked.", mime=mime)


def _cached(video: Path, target: Path, make: Callable[[Path, Path], object]) -> bytes | None:
    """The bytes of *target*, which *make* writes from *video* where it is not there; None where it cannot."""
    from .. import video as room

    try:
        made(video, target, make)
        return room.read_media(target)
    except Exception:  # a picture less is no reason to hide a paid video
        log.exception("no %s for %s", target.name, video)
        return None


def write_still(video: Path, target: Path, width: int) -> None:
    """A JPEG of *video*, *width* pixels wide at the most, into *target*; by way of its poster, which is kept too."""
    from .. import video as room

    poster = Files.of(video).poster(video)
    if is_picture(video):
        bring(video)
        poster = video
    else:
        made(video, poster, make_poster)
    with room.open_media(poster) as file:
        write_whole(target, small_jpeg(file, width))


def still_of(video: Path, target: Path, width: int) -> bytes | None:
    """The JPEG that `write_still` makes, kept in *target*; None where it cannot be made."""
    return _cached(video, target, lambda _video, _target: write_still(video, target, width))


def bounded_jpeg(picture: bytes, width: int, most: int) -> bytes | None:
    """*picture* as a JPEG, *width* pixels wide at the most, as good as *most* bytes allow; None where they allow none."""
    for part, quality in ((1, 75), (1, 55), (1, 35), (2, 50), (3, 40)):
        small = small_jpeg(io.BytesIO(picture), width // part, quality=quality)
        if len(small) <= most:
            return small
    return None


def sent_picture(run: Run, width: int, most: int) -> bytes | None:
    """The picture that *run* sent as a JPEG, *width* pixels wide at the most and of at most *most* bytes; None where it is not kept."""
    image = run.request.image
    kept = find_input(run.ledger.files, image) if image is not None else None
    if image is None or kept is None:
        return None
    try:
        content = read_plain(kept)
        if hashlib.sha256(content).hexdigest() != image.sha256:  # altered since: another picture was sent
            return None
        return bounded_jpeg(content, width, most)
    except Exception:  # a picture less is no reason to hide a run
        log.exception("no picture of run %s", run.id)
    return None


def thumbnail(video: Path, *, make: bool) -> bytes | None:
    """The tiny still of *video* (cached beside it), or None: if it is not there and not to be made, or cannot be."""
    from ..video import is_media

    target = Files.of(video).thumbnail(video)
    can_be = (is_plain_file(video) or is_in_store(video)) and (make or is_media(target))
    return still_of(video, target, THUMB_WIDTH) if can_be else None


class RunVideo(Video):  # type: ignore[misc, unused-ignore]
    """`IPython.display.Video` of a run, with HTML of its own.

    The base class puts embedded data on a `<source>` child, which the sanitizer of an untrusted notebook strips.
    """

    def __init__(
        self, run: Run, assets: Assets, *, note: str = "", how: str = "", ratio: float | None = None
    ) -> None:
        assert run.video is not None  # noqa: S101 - asked for only when it is there
        self.run, self.assets, self.note, self.how, self.ratio = run, assets, note, how, ratio
        linked = quote(shown_path(assets.linked or run.video), errors="replace")
        if assets.content is None:
            super().__init__(url=linked)  # type: ignore[no-untyped-call]
        else:
            super().__init__(data=assets.content, embed=True, mimetype=assets.mime)  # type: ignore[no-untyped-call]
        self._linked = linked
        self._html: Html | None = None

    def html(self) -> Html:
        """The page of the run: made once, for it may hold megabytes."""
        if self._html is None:
            content = self.assets.content
            is_sound = self.assets.mime.startswith("audio/")
            source = self._linked if content is None else data_url(content, is_sound=is_sound)
            note = " ".join(part for part in (self.note, self.assets.remark) if part)
            kind = self.assets.mime.partition("/")[0]
            self._html = run_page.finished_page(
                kind,
                self.run,
                source=source,
                # Of a video that is inside, its own first frame is shown: a notebook holds it once.
                poster=self.assets.poster if content is None else None,
                note=note,
                how=self.how,
                ratio=self.ratio,
            )
        return self._html

    _repr_html_ = html

    def _repr_mimebundle_(self, **_asked: Any) -> dict[str, Any]:
        return self.bundle()

    def bundle(self) -> dict[str, Any]:
        """The page and its still, by MIME type."""
        bundle = {"text/html": self.html(), "text/plain": repr(self.run)}
        poster, content = self.assets.poster, self.assets.content
        most = max(STILL_LEAST, int(STILL_SHARE * len(content))) if content else STILL_MOST
        still = bounded_jpeg(poster, STILL_WIDTH, most) if poster else None
        if still:
            bundle["image/jpeg"] = base64.b64encode(still).decode()
        return bundle

    def __repr__(self) -> str:
        return repr(self.run)


def show_video(run: Run, *, embed: settings_.Embed | None = None, note: str = "", how: str = "") -> RunVideo:
    """The display object of a finished run, made in the caller's thread."""
    assert run.video is not None  # noqa: S101 - asked for only when it is there
    return RunVideo(run, make_assets(run.video, embed or settings_.current().embed), note=note, how=how)
