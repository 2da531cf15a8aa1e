"""The panel's boxes, and the controls that ipywidgets does not have.

Bytes go by custom messages: no picture or video is in a widget's state.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anywidget
import ipywidgets as kit
import traitlets as t
from ipywidgets import Widget

from ...markup import ROOT, html
from ...requests.images import EXTENSIONS
from .. import page
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


def column(*children: Any, **layout: Any) -> Any:
    """*children* one below the other."""
    return kit.VBox(children, layout=kit.Layout(**{"overflow": "visible", **layout}))


def row(*children: Any, **layout: Any) -> Any:
    """*children* side by side, on more lines where there is no room."""
    wrapped = {"align_items": "center", "flex_flow": "row wrap", "overflow": "visible"}
    return kit.HBox(children, layout=kit.Layout(**{**wrapped, **layout}))


def section(*children: Any, **layout: Any) -> Any:
    """A part of the panel, below a line."""
    made = column(*children, **layout)
    made.add_class("kie-panel-section")
    return made


def error_place() -> Any:
    """Where `mark` writes: below a control, indented as its value."""
    return kit.HTML(layout=kit.Layout(display="none", margin="0 2px 4px 128px"))


def mark(box: Any, place: Any, error: str) -> None:
    """Put *error* into *place*, and a mark on *box*."""
    place.value = html('<span {} style="{}">{}</span>', ROOT, page.LINES, page.wrong(error)) if error else ""
    show(place, is_shown=bool(error))
    (box.add_class if error else box.remove_class)("kie-panel-wrong")


def show(widget: Any, *, is_shown: bool) -> None:
    """Show or hide *widget*."""
    widget.layout.display = None if is_shown else "none"


def close_all(root: Widget) -> None:
    """Close *root* and all that it holds, with the layouts and styles that are theirs alone: ipywidgets keeps each until then."""
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
