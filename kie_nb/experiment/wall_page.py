"""A wall as HTML that needs nothing: no kernel, no network, no build.

The grid is written here with plain `<video controls>`, so that it can be used where scripts are stripped (an untrusted notebook); the
script finds it, and takes over.
"""

from __future__ import annotations

import functools
import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import design
from ..fileops import finished_in_one_step
from ..handles import Run
from ..markup import ROOT, Html, data_url, document, html, joined, rendered, script_json
from ..saved import SavedFile, written
from ..text import visible_in
from ..wording import Wall, strings
from .wall_media import Media, Medium
from .wall_tiles import Tile, Tiles

_BROWSER = Path(__file__).with_name("browser")
# One module of several files, joined here: a widget and a saved page get it as text and could not follow imports between them.
PARTS = (
    "layout.js",
    "player.js",
    "media.js",
    "difference.js",
    "marks.js",
    "stage.js",
    "view.js",
    "start.js",
)
MOST_PRELOADED = 12  # the others show their still until they are played
PAGE_STYLE = "body{margin:0}.kie-page{min-height:100vh;padding:16px;background:var(--kie-bg)}"
_NONE = Medium(source="")


def wall_page(wall: Tiles, media: Media) -> str:
    """A whole page that plays from disk.

    Args:
        wall: What is shown.
        media: How the page reaches a tile's video: `wall_media.for_file(folder, limit=20_000_000)`, or a function of one's own.
    """
    part = wall_part(wall, media)
    return page_of(wall.title or Wall.TITLE, part)


def page_of(title: str, part: Part) -> str:
    """*part* as a page of its own."""
    body = html('<main class="kie kie-page"><h1 class="kie-unseen">{}</h1>{}</main>', title, part.html)
    return document(title=title, style=PAGE_STYLE, body=body, scripts=[part.script])


def save_page(path: str | os.PathLike[str], text: Callable[[Path], str]) -> SavedFile:
    """Write the page that *text* gives for the folder of its file.

    Raises:
        LedgerError: it cannot be written; what was there before is unchanged.
    """
    with written(path) as named:
        target = SavedFile(os.path.abspath(named))  # noqa: PTH100 - a link in it is not followed
        page = text(target.parent)
        with finished_in_one_step(target) as part:
            part.write_text(page, encoding="utf-8")
    return target


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A wall as a part of a page or the output of a cell; several on one page do not meet.

    Attributes:
        script: The code in it, to the letter.
    """

    html: Html
    script: str


def wall_part(wall: Tiles, media: Media, *, is_styled: bool = True) -> Part:
    """The same as a part of a page, with its style sheet unless the page has it."""
    found, same = [media(tile) for tile in wall.tiles], wall.same
    data = script_json(wall_data(wall, found))
    name = hashlib.sha256(data.encode()).hexdigest()[:12]
    code = f'{script()}\nstart("{name}");\n'
    pairs = enumerate(zip(wall.tiles, found, strict=True))
    tiles = [_plain(number, tile, medium or _NONE, same) for number, (tile, medium) in pairs]
    shown = rendered(
        "wall.html",
        root=ROOT,
        name=name,
        style=Html(style() if is_styled else ""),
        title="" if wall.is_pair else wall.title,
        layout=wall.layout,
        tiles=tiles,
        spots={(tile.row, tile.col): plain for tile, plain in zip(wall.tiles, tiles, strict=True)},
        preloaded=MOST_PRELOADED,
        data=data,
        code=Html(code),
    )
    return Part(html=shown, script=code)


@functools.cache
def asset(name: str) -> str:
    """A file of the front end."""
    return (_BROWSER / name).read_text(encoding="utf-8")


def style() -> str:
    """The style sheet of a wall."""
    return design.style(asset("wall.css"))


@functools.cache
def script() -> str:
    """The front end of a wall as one module."""
    words = f"const WORDS = {script_json(strings(Wall))};"
    return "\n".join((words, design.script(), *map(asset, PARTS)))


def wall_data(wall: Tiles, media: Sequence[Medium | None] = ()) -> dict[str, Any]:
    """What the front end is told of a wall, as JSON; no video and no picture is in it.

    Args:
        wall: What is shown.
        media: Of each tile, where they are known already.
    """
    same = wall.same
    known = media or [None] * len(wall.tiles)
    told: dict[str, Any] = {
        "title": wall.title,
        "pair": wall.is_pair,
        "rows": wall.layout.rows,
        "cols": wall.layout.cols,
        "isGrid": wall.layout.is_grid,
        "same": list(same.items()),
        "simulated": any(map(_is_simulated, wall.tiles)),
        "tiles": [_tile(tile, medium or _NONE, same) for tile, medium in zip(wall.tiles, known, strict=True)],
    }
    return dict(visible_in(told))


def marks(run: Run) -> dict[str, Any]:
    """What people said of a run."""
    return {"rating": run.rating, "tags": visible_in(run.tags)}


def label_of(tile: Tile, same: dict[str, str]) -> str:
    """What tells *tile* from the others, in a line."""
    if tile.name:
        return tile.name
    own = [(name, tile.facts.get(name, str(value))) for name, value in tile.place.items() if name not in same]
    return ", ".join(f"{name} {value}" for name, value in own) or "the only one"


def _tile(tile: Tile, medium: Medium, same: dict[str, str]) -> dict[str, Any]:
    return {
        "row": tile.row,
        "col": tile.col,
        "label": label_of(tile, same),
        "facts": [item for item in tile.facts.items() if item[0] not in same],
        "run": tile.run.id[:8] if tile.run is not None else "",
        "state": tile.state,
        "problem": tile.problem or medium.remark,
        "hasVideo": tile.video is not None,
        "fps": medium.fps,
        "frames": medium.frames,
        "aspect": medium.aspect,
        **(marks(tile.run) if tile.run is not None else {"rating": None, "tags": []}),
    }


def _plain(number: int, tile: Tile, medium: Medium, same: dict[str, str]) -> dict[str, Any]:
    """A tile where scripts are stripped."""
    rating = tile.run.rating if tile.run is not None else None
    marked = design.badge(Wall.SIMULATED, "warn") if _is_simulated(tile) else ""
    return {
        "number": number,
        "label": label_of(tile, same),
        "source": medium.source,
        "still": data_url(medium.still) if medium.still else "",
        "problem": tile.problem or Wall.NO_VIDEO,
        "marks": joined((design.stars(rating), marked), " "),
    }


def _is_simulated(tile: Tile) -> bool:
    return tile.run is not None and tile.run.service == "simulator"
