"""A wall as HTML that needs nothing: no kernel, no network, no build.

The grid is written here with plain `<video controls>`, so that it can be used where scripts are stripped (an untrusted notebook); the
script finds it, and takes over.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..handles import Run
from ..markup import NOTHING, ROOT, Html, data_url, document, html, joined, script_json
from ..text import visible_in
from .wall_layout import Heading
from .wall_media import Media, Medium
from .wall_tiles import Tile, Tiles

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


def wall_page(wall: Tiles, media: Media) -> str:
    """A whole page that plays from disk.

    Args:
        wall: What is shown.
        media: How the page reaches a tile's video: `wall_media.for_file(folder, limit=20_000_000)`, or a function of one's own.
    """
    part = wall_part(wall, media)
    style = ":root{color-scheme:light dark}body{margin:16px}"
    return document(title=wall.title or "Video wall", style=style, body=part.html, scripts=[part.script])


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """A wall as a part of a page or the output of a cell; several on one page do not meet.

    Attributes:
        script: The code in it, to the letter.
    """

    html: Html
    script: str


def wall_part(wall: Tiles, media: Media) -> Part:
    """The same as a part of a page."""
    found = [media(tile) for tile in wall.tiles]
    data = script_json(wall_data(wall, found))
    name = hashlib.sha256(data.encode()).hexdigest()[:12]
    code = f'{script()}\nstart("{name}");\n'
    shown = html(
        '<div {root} data-kie-wall="{name}" style="{font}"><style>{style}</style>{plain}'
        '<script type="application/json" data-kie-wall-data="{name}">{data}</script>'
        '<script type="module">{code}</script></div>',
        root=ROOT,
        name=name,
        font=_FONT,
        style=Html(asset("wall.css")),
        plain=_plain(wall, found),
        data=data,
        code=Html(code),
    )
    return Part(html=shown, script=code)


@functools.cache
def asset(name: str) -> str:
    """A file of the front end."""
    return (_BROWSER / name).read_text(encoding="utf-8")


@functools.cache
def script() -> str:
    """The front end of a wall as one module."""
    return "\n".join(map(asset, PARTS))


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
        "rows": [_heading(heading) for heading in wall.layout.rows],
        "cols": [_heading(heading) for heading in wall.layout.cols],
        "isGrid": wall.layout.is_grid,
        "same": [[name, value] for name, value in same.items()],
        "simulated": any(tile.run is not None and tile.run.service == "simulator" for tile in wall.tiles),
        "tiles": [_tile(tile, medium, same) for tile, medium in zip(wall.tiles, known, strict=True)],
    }
    return dict(visible_in(told))


def marks(run: Run) -> dict[str, Any]:
    """What people said of a run."""
    return {"rating": run.rating, "tags": visible_in(run.tags)}


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


def _plain(wall: Tiles, media: Sequence[Medium | None]) -> Html:
    same = wall.same
    tiles = [
        _plain_tile(number, tile, medium, label_of(tile, same))
        for number, (tile, medium) in enumerate(zip(wall.tiles, media, strict=True))
    ]
    title = html("<p><b>{}</b></p>", wall.title) if wall.title else ""
    if not wall.layout.is_grid:
        boxes = joined(
            html('<div style="display:inline-block;width:240px;{}">{}</div>', _TILE, tile) for tile in tiles
        )
        return html('<div class="kie-wall-plain">{}{}</div>', title, boxes)
    spots = {(tile.row, tile.col): shown for tile, shown in zip(wall.tiles, tiles, strict=True)}
    head = joined(
        html('<th scope="col" style="{}">{}</th>', _HEAD, _words(heading)) for heading in wall.layout.cols
    )
    table = html(
        "<table><thead><tr><td></td>{}</tr></thead><tbody>{}</tbody></table>",
        head,
        joined(
            html(
                '<tr><th scope="row" style="{}">{}</th>{}</tr>',
                _HEAD,
                _words(heading),
                joined(
                    html('<td style="{}">{}</td>', _TILE, spots.get((row, col), ""))
                    for col in range(len(wall.layout.cols))
                ),
            )
            for row, heading in enumerate(wall.layout.rows)
        ),
    )
    return html('<div class="kie-wall-plain" style="overflow-x:auto">{}{}</div>', title, table)


def _plain_tile(number: int, tile: Tile, medium: Medium | None, label: str) -> Html:
    still = data_url(medium.still) if medium and medium.still else NOTHING
    if medium is not None and medium.source:
        # The source stands on the video itself: a sanitizer strips a `<source>` child that holds data.
        shown = html(
            '<video controls muted playsinline preload="{}" data-tile="{}" aria-label="{}" style="{}" src="{}"{}></video>',
            "metadata" if number < MOST_PRELOADED else "none",
            number,
            label,
            _MEDIUM,
            medium.source,
            html(' poster="{}"', still) if still else "",
        )
    elif still:
        shown = html('<img data-tile="{}" alt="{}" style="{}" src="{}">', number, label, _MEDIUM, still)
    else:
        shown = html('<div style="{}">{}</div>', _NONE, tile.problem or "no video")
    rating = f" {'★' * tile.run.rating}" if tile.run is not None and tile.run.rating else ""
    if tile.run is not None and tile.run.service == "simulator":
        rating += " · SIMULATED"
    style = f"{_MUTED};margin-top:2px;overflow-wrap:anywhere"
    return html('{}<div style="{}">{}{}</div>', shown, style, label, rating)


def _words(heading: Heading) -> Html:
    return joined(
        (html('<span style="{}">{}</span> {}', _MUTED, name, value) for name, value in heading), "<br>"
    )
