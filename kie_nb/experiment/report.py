"""An experiment as one HTML file that plays from disk, with no server, no kernel and no network."""

from __future__ import annotations

import contextlib
import datetime as dt
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from .. import settings as settings_
from ..errors import BadImage, InvalidRequest
from ..fileops import finished_in_one_step, hash_of
from ..handles import Session
from ..home import make_folder
from ..paths import places_of
from ..saved import SavedFile
from ..stores import find_input
from ..video import copy_media
from .data import Cells
from .definition import Definition
from .report_page import page
from .spread import spread_of
from .status import Status
from .wall import Wall
from .wall_media import Clip, Medium, embedded, make_clip, medium_of, small_still
from .wall_page import save_page, wall_part
from .wall_tiles import Tile

_PICTURE_WIDTH, _MOST_PICTURES = 480, 24
_AS_TEXT = 4 / 3  # what base64 makes of a byte


def write_report(
    session: Session,
    definition: Definition,
    status: Status,
    cells: Cells,
    path: str | os.PathLike[str],
    *,
    embed_mb: float,
    compare: bool,
) -> SavedFile:
    """Write the page; see `Experiment.report`."""
    check_name(Path(path))
    wall = Wall(cells)

    def text(folder: Path) -> str:
        media = _media(wall.tiles, files_folder(folder / Path(path).name), int(embed_mb * 1e6))
        return page(
            definition=definition,
            cells=cells,
            status=status,
            written_at=f"{dt.datetime.now(dt.UTC):%Y-%m-%d %H:%M} UTC",
            wall=wall_part(wall, media, is_styled=False),
            pictures=_pictures(cells),
            spread=spread_of(session, cells) if compare else None,
            places=places_of(settings_.current().home),
        )

    return save_page(path, text)


def check_name(target: Path) -> None:
    """Refuse a name that no browser would take for a page.

    Raises:
        InvalidRequest: saying so.
    """
    if target.suffix.lower() not in {".html", ".htm"}:
        raise InvalidRequest(f"{target.name}: use a name that ends in .html.", charged="")


def files_folder(target: Path) -> Path:
    """The folder beside a report for videos that it has no room for."""
    return target.with_name(f"{target.stem}_files")


def _media(tiles: Sequence[Tile], beside: Path, limit: int) -> Callable[[Tile], Medium | None]:
    """All videos inside the page if there is room for them, else all of them beside it: one file, or a light one."""
    clips = {tile.video: make_clip(tile.video) for tile in tiles if tile.video is not None}
    weight = sum(clip.path.stat().st_size for clip in clips.values() if clip is not None) * _AS_TEXT
    source = embedded if weight <= limit else _beside(beside)
    return lambda tile: medium_of(tile.video, clips[tile.video], source) if tile.video is not None else None


def _beside(folder: Path) -> Callable[[Clip], str]:
    make_folder(folder)

    def beside(clip: Clip) -> str:
        with finished_in_one_step(folder / clip.path.name) as part:
            copy_media(clip.path, part)
        return quote(f"{folder.name}/{clip.path.name}")

    return beside


def _pictures(cells: Cells) -> list[tuple[str, bytes]]:
    """The pictures that were sent, small, each once."""
    found: dict[str, tuple[str, bytes]] = {}
    for _, run in cells:
        image = run.request.image if run is not None else None
        if (
            run is None
            or image is None
            or image.by_url
            or image.sha256 in found
            or len(found) >= _MOST_PICTURES
        ):
            continue
        kept = find_input(run.ledger.files, image)
        with contextlib.suppress(BadImage, OSError, ValueError, SyntaxError):  # it is not a picture any more
            if kept is not None and hash_of(kept) == image.sha256:  # else another one was sent
                caption = f"{image.label}, {image.width} × {image.height}, sha256 {image.sha256[:12]}…"
                found[image.sha256] = (caption, small_still(kept, _PICTURE_WIDTH, quality=80))
    return list(found.values())
