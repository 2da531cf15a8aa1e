"""One control for each field of a model, made of its description: nothing is written twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...catalogue import Field
from ...markup import ROOT, html
from .. import page
from ..card import widgets
from .callbacks import Callbacks

LONG = 200  # a text that may be longer has room to be seen
LABEL = {"description_width": "120px"}
NOT_GIVEN = "as the service likes"
NOTHING = ""  # None would be no choice at all, an empty list
_ROWS = {True: 4, False: 2}


class Control:
    """A field's widget, with its error below.

    Args:
        entry: The field.
        changed: Called in a widget's callback when the value has changed.
    """

    def __init__(self, entry: Field, desk: Callbacks, changed: Callable[[], None]) -> None:
        self.entry = entry
        self.widget = _widget(entry)
        kit = widgets()
        self.count = (
            kit.HTML(layout={"margin": "0 2px 2px 128px"})
            if entry.kind == "str" and entry.max_length
            else None
        )
        self.error = kit.HTML(layout=kit.Layout(display="none", margin="0 2px 4px 128px"))
        parts = [self.widget, *([self.count] if self.count else []), self.error]
        if self.count:
            self._count()
        is_wide = entry.kind == "str"
        self.box = kit.VBox(
            parts, layout=kit.Layout(width="100%" if is_wide else "320px", overflow="visible")
        )
        self._changed = changed
        self.widget.observe(desk.guard(self._observed), "value")

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
            default = NOTHING if self.entry.default is None else self.entry.default
            self.widget.value = value if value in known and value is not None else default

    def mark(self, error: str) -> None:
        """Say what is wrong with it; nothing for nothing."""
        mark(self.box, self.error, error)

    def _observed(self, _change: Any) -> None:
        if self.count:
            self._count()
        self._changed()

    def _count(self) -> None:
        assert self.count is not None  # noqa: S101 - asked by the caller
        length, most = len(self.widget.value), self.entry.max_length or 0
        words = f"{length} of {most} characters"
        style = "color:#d64545;font-weight:600" if length > most else page.MUTED
        self.count.value = html('<span style="font-size:11px;{}">{}</span>', style, words)


def mark(box: Any, place: Any, error: str) -> None:
    """Put *error* into *place*, and a mark on *box*."""
    place.value = html('<span {} style="{}">{}</span>', ROOT, page.LINES, page.wrong(error)) if error else ""
    place.layout.display = None if error else "none"
    (box.add_class if error else box.remove_class)("kie-panel-wrong")


def _widget(entry: Field) -> Any:
    kit = widgets()
    common = {"description": entry.title, "style": LABEL, "tooltip": entry.help}
    if entry.kind == "choice":
        unit = f" {entry.unit}" if entry.unit else ""
        options: list[tuple[str, Any]] = [(f"{choice}{unit}", choice) for choice in entry.choices]
        if entry.default is None:
            options.insert(0, (NOT_GIVEN, NOTHING))
        return kit.Dropdown(
            options=options, value=NOTHING if entry.default is None else entry.default, **common
        )
    if entry.kind == "bool":
        switch = [(NOT_GIVEN, NOTHING), ("on", True), ("off", False)]
        return kit.Dropdown(
            options=switch, value=NOTHING if entry.default is None else entry.default, **common
        )
    wide = kit.Layout(width="100%")
    if entry.max_length and entry.max_length > LONG:
        return kit.Textarea(placeholder=entry.help, rows=_ROWS[entry.required], layout=wide, **common)
    return kit.Text(placeholder=entry.help, layout=wide, **common)
