"""The controls that ipywidgets does not have. Bytes go by custom messages: no picture or video is in a widget's state."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anywidget
import traitlets as t
from ipywidgets import Widget

from ...requests.images import EXTENSIONS
from ..card import is_shared

HERE = Path(__file__).parent
MOST_BYTES = 100_000_000  # a video that is dropped for its settings may be larger than a picture


class PicturePlace(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """Takes a file by drop, paste or dialog. `revision` changes with the picture: pages then ask for a small one."""

    _esm = HERE / "picture.js"
    _css = HERE / "panel.css"
    facts = t.Unicode().tag(sync=True)
    revision = t.Int().tag(sync=True)
    limit = t.Int(MOST_BYTES).tag(sync=True)
    accept = t.Unicode(",".join((*EXTENSIONS, "video/mp4"))).tag(sync=True)


class MessageLine(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """What happened last; read out by a screen reader."""

    _esm = HERE / "line.js"
    text = t.Unicode().tag(sync=True)
    is_bad = t.Bool(False).tag(sync=True)


class Player(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """Plays the video of the run that `showing` names; its bytes are asked for by the page."""

    _esm = HERE / "player.js"
    showing = t.Unicode().tag(sync=True)
    label = t.Unicode().tag(sync=True)


class CopyButton(anywidget.AnyWidget):  # type: ignore[misc, unused-ignore]
    """Copies `text` in the browser; hidden while there is none. `panel` is the model's id by which the page finds its cell."""

    _esm = HERE / "copy.js"
    text = t.Unicode().tag(sync=True)
    panel = t.Unicode().tag(sync=True)


def set_html(place: Any, html: str) -> None:
    """Put *html* into *place*; only what is new goes to the page."""
    if place.value != html:
        place.value = html


def close_all(root: Widget) -> None:
    """Close *root* and all that it holds, with the layouts and styles that are theirs alone: each is known for ever else."""
    todo, found = [root], {root}
    while todo:
        inner = {widget for widget in _held(todo.pop()) if not is_shared(widget)} - found
        found |= inner
        todo += inner
    for widget in found:
        widget.close()


def _held(widget: Widget) -> Iterator[Widget]:
    for name in widget.keys:
        value: Any = getattr(widget, name)
        yield from (
            each for each in (value if isinstance(value, tuple) else [value]) if isinstance(each, Widget)
        )
