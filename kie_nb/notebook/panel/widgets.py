"""ipywidgets boxes for the parts outside of the panel's own widget."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import ipywidgets as kit
from ipywidgets import Widget

from ..card import is_shared


def column(*children: Any, **layout: Any) -> Any:
    """*children* one below the other."""
    return kit.VBox(children, layout=kit.Layout(**{"overflow": "visible", **layout}))


def row(*children: Any, **layout: Any) -> Any:
    """*children* side by side, on more lines where there is no room."""
    wrapped = {"align_items": "center", "flex_flow": "row wrap", "overflow": "visible"}
    return kit.HBox(children, layout=kit.Layout(**{**wrapped, **layout}))


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
