"""One control for each field of a model, made of its description: nothing is written twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ipywidgets as kit

from ...catalogue import Field
from ...markup import html
from .. import page
from .callbacks import Callbacks
from .widgets import column, error_place, mark

LONG = 200  # a text that may be longer has room to be seen
LABEL = {"description_width": "120px"}
NOT_GIVEN = "as the service likes"
NOTHING = ""  # None would be no choice at all, an empty list
_ROWS = {True: 4, False: 2}


class Control:
    """A field's widget, with its error below.

    Args:
        changed: Called in a widget's callback when the value has changed.
    """

    def __init__(self, entry: Field, callbacks: Callbacks, changed: Callable[[], None]) -> None:
        self.entry, self._changed = entry, changed
        self.widget = _widget(entry)
        is_text = entry.kind == "str"
        has_limit = is_text and entry.max_length
        self.count = kit.HTML(layout={"margin": "0 2px 2px 128px"}) if has_limit else None
        self.error = error_place()
        self.box = column(
            self.widget, *filter(None, [self.count]), self.error, width="100%" if is_text else "320px"
        )
        self._count()
        self.widget.observe(callbacks.guard(self._observed), "value")

    @property
    def value(self) -> Any:
        """What was given; an empty text for nothing."""
        return self.widget.value

    def show(self, value: Any) -> None:
        """Show *value*, or what stands for nothing."""
        if self.entry.kind == "str":
            self.widget.value = value or ""
        else:
            known = [choice for _, choice in self.widget.options]
            self.widget.value = value if value in known and value is not None else _default(self.entry)

    def mark(self, error: str) -> None:
        """Say what is wrong with it; nothing for nothing."""
        mark(self.box, self.error, error)

    def _observed(self, _change: Any) -> None:
        self._count()
        self._changed()

    def _count(self) -> None:
        if self.count is not None:
            length, most = len(self.widget.value), self.entry.max_length or 0
            style = "color:#d64545;font-weight:600" if length > most else page.MUTED
            words = f"{length} of {most} characters"
            self.count.value = html('<span style="font-size:11px;{}">{}</span>', style, words)


def _default(entry: Field) -> Any:
    return NOTHING if entry.default is None else entry.default


def _widget(entry: Field) -> Any:
    common = {"description": entry.title, "style": LABEL, "tooltip": entry.help}
    if entry.kind in {"choice", "bool"}:
        unit = f" {entry.unit}" if entry.unit else ""
        options: list[tuple[str, Any]] = [(f"{choice}{unit}", choice) for choice in entry.choices]
        if entry.kind == "bool":
            options = [("on", True), ("off", False)]
        if entry.kind == "bool" or entry.default is None:
            options.insert(0, (NOT_GIVEN, NOTHING))
        return kit.Dropdown(options=options, value=_default(entry), **common)
    common |= {"placeholder": entry.help, "layout": {"width": "100%"}}
    if entry.max_length and entry.max_length > LONG:
        return kit.Textarea(rows=_ROWS[entry.required], **common)
    return kit.Text(**common)
