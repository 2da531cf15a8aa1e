"""Pictures and previews for tiles, read or made in a worker and cached beside the video."""

from __future__ import annotations

import functools
import os
from pathlib import Path

from ...engine.dispatcher import Threads
from ...errors import KieError
from ...home import is_plain_file, open_file
from ...ledger import Files
from ...stores import bring, is_in_store
from ...video import is_media, read_media
from ..video import make_assets, still_of

PART = 4_000_000  # bytes of a file in one message
TILE_WIDTH = 480  # twice what a tile is wide: sharp on dense screens, about 15 kB
GONE = "the file is not on this machine; %kie doctor looks for it"


@functools.cache
def workers() -> Threads:
    """Threads of the galleries' own: a preview being made for a card must not hold up what somebody looks at."""
    return Threads(2, "kie-nb-gallery")


@functools.cache
def measuring() -> Threads:
    """One more, for what takes seconds: posters must not wait for a comparison."""
    return Threads(1, "kie-nb-compare")


def picture(video: Path) -> bytes | None:
    """A JPEG of *video* as wide as a tile shows it, or None if it cannot be had."""
    files = Files.of(video)
    target, poster = files.tile(video), files.poster(video)
    if is_plain_file(video) or is_media(target) or is_in_store(video):
        return still_of(video, target, TILE_WIDTH)
    return read_media(poster) if is_media(poster) else None


def moving(video: Path | None) -> tuple[bytes, str]:
    """The preview of *video*, and its MIME type."""
    assets = make_assets(_here(video), "preview")
    if assets.content is None:
        raise KieError("No preview of it can be made.", hint="open the file itself")
    return assets.content, assets.mime


def _here(video: Path | None) -> Path:
    """*video*, on this disk; KieError where it cannot be brought."""
    why = bring(video) if video is not None else ""
    if video is None or why or not is_plain_file(video):
        raise KieError(f"{why or GONE}.")
    return video


def part_of(video: Path | None, at: int) -> tuple[int, bytes]:
    """How large the file is, and some of its bytes from *at* on."""
    with open_file(_here(video)) as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(min(max(at, 0), size))
        return size, file.read(PART)
