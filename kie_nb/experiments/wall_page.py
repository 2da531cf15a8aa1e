"""A wall as HTML that needs nothing: no kernel, no network, no build.

The grid is written here with plain `<video controls>`, so that it can be used where scripts are stripped (an untrusted notebook); the
script finds it, and takes over. Everything from outside is escaped here.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..engine import Run
from .wall import Tile, Wall
from .wall_layout import Heading
from .wall_media import Media, Medium

_FONT = "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.4"
_HEAD = (
    "padding:4px 8px;text-align:left;vertical-align:top;font-weight:600;max-width:14em;overflow-wrap:anywhere"
)
_TILE = "padding:4px;text-align:left;vertical-align:top"
_MEDIUM = "display:block;width:100%;min-width:150px;max-width:320px;border-radius:4px;background:#000"
_NONE = (
    "padding:24px 8px;border:1px dashed rgba(128,128,128,.5);border-radius:4px;text-align:center;opacity:.8"
)
_MUTED = "opacity:.72"
_BROWSER = Path(__file__).with_name("browser")
# One module of several files, joined here: a widget and a saved page get it as text and could not follow imports between them.
PARTS = ("elements.js", "player.js", "media.js", "difference.js", "view.js", "start.js")
MOST_PRELOADED = 12  # the others show their still until they are played


def wall_page(wall: Wall, media: Media) -> str:
    """A whole page that plays from disk.

    Args:
        wall: What is shown.
        media: How the page reaches a tile's video: `wall_media.for_file(folder, limit=20_000_000)`, or a function of one's own.
    """
    title = _esc(wall.title or "Video wall")
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>:root{{color-scheme:light dark}}body{{margin:16px}}</style></head>\n"
        f"<body>{wall_fragment(wall, media)}</body></html>\n"
    )


def wall_fragment(wall: Wall, media: Media) -> str:
    """The same as a part of a page or the output of a cell; several on one page do not meet."""
    found = [media(tile) for tile in wall.tiles]
    data = _embedded(json.dumps(wall_data(wall, found), ensure_ascii=False))
    name = hashlib.sha256(data.encode()).hexdigest()[:12]
    return (
        # MathJax would take two prices in a prompt for a formula.
        f'<div class="kie-wall-page mathjax_ignore tex2jax_ignore" data-kie-wall="{name}" style="{_FONT}">'
        f"<style>{asset('wall.css')}</style>"
        f"{_plain(wall, found)}"
        f'<script type="application/json" data-kie-wall-data="{name}">{data}</script>'
        f'<script type="module">{script()}\nstart("{name}");\n</script></div>'
    )


@functools.cache
def asset(name: str) -> str:
    """A file of the front end."""
    return (_BROWSER / name).read_text(encoding="utf-8")


@functools.cache
def script() -> str:
    """The front end of a wall as one module."""
    return "\n".join(map(asset, PARTS))


def wall_data(wall: Wall, media: Sequence[Medium | None] = ()) -> dict[str, Any]:
    """What the front end is told of a wall, as JSON; no video and no picture is in it.

    Args:
        wall: What is shown.
        media: Of each tile, where they are known already.
    """
    same = wall.same
    known = media or [None] * len(wall.tiles)
    return {
        "title": wall.title,
        "rows": [_heading(heading) for heading in wall.layout.rows],
        "cols": [_heading(heading) for heading in wall.layout.cols],
        "isGrid": wall.layout.is_grid,
        "same": [[name, value] for name, value in same.items()],
        "simulated": any(tile.run is not None and tile.run.service == "simulator" for tile in wall.tiles),
        "tiles": [_tile(tile, medium, same) for tile, medium in zip(wall.tiles, known, strict=True)],
    }


def marks(run: Run) -> dict[str, Any]:
    """What people said of a run."""
    return {"rating": run.rating, "tags": list(run.tags)}


def label_of(tile: Tile, same: dict[str, str]) -> str:
    """What tells *tile* from the others, in a line."""
    own = [(name, tile.facts.get(name, str(value))) for name, value in tile.place.items() if name not in same]
    return ", ".join(f"{name} {value}" for name, value in own) or "the only one"


def _tile(tile: Tile, medium: Medium | None, same: dict[str, str]) -> dict[str, Any]:
    return {
        "row": tile.row,
        "col": tile.col,
        "label": label_of(tile, same),
        "facts": [[name, value] for name, value in tile.facts.items() if name not in same],
        "run": tile.run.id[:8] if tile.run is not None else "",
        "state": tile.state,
        "problem": tile.problem or (medium.remark if medium else ""),
        "hasVideo": tile.video is not None,
        "fps": medium.fps if medium else 0,
        "frames": medium.frames if medium else 0,
        "aspect": medium.aspect if medium else 0,
        **(marks(tile.run) if tile.run is not None else {"rating": None, "tags": []}),
    }


def _heading(heading: Heading) -> list[list[str]]:
    return [[name, value] for name, value in heading]


# --- without scripts -----------------------------------------------------------------------------------------------


def _plain(wall: Wall, media: Sequence[Medium | None]) -> str:
    same = wall.same
    tiles = [
        _plain_tile(number, tile, medium, label_of(tile, same))
        for number, (tile, medium) in enumerate(zip(wall.tiles, media, strict=True))
    ]
    title = f"<p><b>{_esc(wall.title)}</b></p>" if wall.title else ""
    if not wall.layout.is_grid:
        boxes = "".join(
            f'<div style="display:inline-block;width:240px;{_TILE}">{tile}</div>' for tile in tiles
        )
        return f'<div class="kie-wall-plain">{title}{boxes}</div>'
    spots = {(tile.row, tile.col): shown for tile, shown in zip(wall.tiles, tiles, strict=True)}
    head = "".join(f'<th scope="col" style="{_HEAD}">{_words(heading)}</th>' for heading in wall.layout.cols)
    lines = "".join(
        f'<tr><th scope="row" style="{_HEAD}">{_words(heading)}</th>'
        + "".join(
            f'<td style="{_TILE}">{spots.get((row, col), "")}</td>' for col in range(len(wall.layout.cols))
        )
        + "</tr>"
        for row, heading in enumerate(wall.layout.rows)
    )
    table = f"<table><thead><tr><td></td>{head}</tr></thead><tbody>{lines}</tbody></table>"
    return f'<div class="kie-wall-plain" style="overflow-x:auto">{title}{table}</div>'


def _plain_tile(number: int, tile: Tile, medium: Medium | None, label: str) -> str:
    still = (
        f"data:image/jpeg;base64,{base64.b64encode(medium.still).decode()}" if medium and medium.still else ""
    )
    if medium is not None and medium.source:
        poster = f' poster="{still}"' if still else ""
        preload = "metadata" if number < MOST_PRELOADED else "none"
        # The source stands on the video itself: a sanitizer strips a `<source>` child that holds data.
        shown = (
            f'<video controls muted playsinline preload="{preload}" data-tile="{number}" aria-label="{_esc(label)}" '
            f'style="{_MEDIUM}" src="{_esc(medium.source)}"{poster}></video>'
        )
    elif still:
        shown = f'<img data-tile="{number}" alt="{_esc(label)}" style="{_MEDIUM}" src="{still}">'
    else:
        shown = f'<div style="{_NONE}">{_esc(tile.problem or "no video")}</div>'
    rating = f" {'★' * tile.run.rating}" if tile.run is not None and tile.run.rating else ""
    if tile.run is not None and tile.run.service == "simulator":
        rating += " · SIMULATED"
    return f'{shown}<div style="{_MUTED};margin-top:2px;overflow-wrap:anywhere">{_esc(label)}{rating}</div>'


def _words(heading: Heading) -> str:
    return "<br>".join(f'<span style="{_MUTED}">{_esc(name)}</span> {_esc(value)}' for name, value in heading)


def _esc(value: object) -> str:
    return html.escape(str(value), quote=True)


def _embedded(text: str) -> str:
    """JSON that no parser of HTML or JavaScript can take for the end of its script."""
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text
