"""One control for each field of a model, made of its description; the seed has buttons and a number of runs beside it."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import ipywidgets as kit

from ...catalogue import SEED_MAX, Field
from ...markup import html
from .. import page
from .callbacks import Callbacks
from .draft import MOST_SEEDS
from .widgets import column, error_place, mark, row

LONG = 200  # a text that may be longer has room to be seen
LABEL = {"description_width": "120px"}
NOT_GIVEN = "as the service likes"
NOTHING = ""  # None would be no choice at all, an empty list
_ROWS = {True: 4, False: 2}


class SeedControl:
    """A text rather than a number's control: that would change a wrong number by itself."""

    def __init__(self, entry: Field, callbacks: Callbacks, changed: Callable[[], None]) -> None:
        self._changed = changed
        self.text = kit.Text(
            description=entry.title, style=LABEL, tooltip=entry.help,
            layout={"width": "260px", "margin": "2px 2px 2px -126px"},
        )  # fmt: skip
        self.dice = callbacks.button("Draw", "draw another seed", self.draw, icon="random")
        self.lock = kit.ToggleButton(
            description="Keep", icon="lock", tooltip="keep this seed for the next run too"
        )
        self.count = kit.BoundedIntText(
            value=1, min=1, max=MOST_SEEDS, description="Runs", tooltip="runs, each with the next seed",
            style={"description_width": "40px"}, layout={"width": "110px"},
        )  # fmt: skip
        self.words = kit.HTML()
        self.error = error_place()
        # What has no room beside the seed wraps below its number, not below its label.
        controls = row(self.text, self.dice, self.lock, self.count, self.words, padding="0 0 0 128px")
        self.box = column(controls, self.error)
        self.draw()
        observed = callbacks.guard(self._observed)
        self.text.observe(observed, "value")
        self.count.observe(observed, "value")

    @property
    def seed(self) -> Any:
        """The number, or the text that is none; None for nothing."""
        text = self.text.value.strip()
        try:
            return int(text)
        except ValueError:
            return text or None

    @property
    def is_kept(self) -> bool:
        """Whether the lock is on."""
        return bool(self.lock.value)

    def draw(self) -> None:
        """Another seed."""
        self.text.value = str(secrets.randbelow(SEED_MAX + 1))

    def show(self, seed: int | None, *, keep: bool) -> None:
        """Show *seed*; one that is wanted again is kept."""
        self.lock.value = keep and seed is not None
        if seed is not None:
            self.text.value = str(seed)

    def mark(self, error: str) -> None:
        """Say what is wrong with it; the number of runs beside it is not."""
        mark(self.text, self.error, error)

    def _observed(self, _change: Any) -> None:
        seed, count = self.seed, self.count.value
        words = f"seeds {seed} to {seed + count - 1}" if isinstance(seed, int) and count > 1 else ""
        self.words.value = html('<span style="{};margin-left:6px">{}</span>', page.MUTED, words)
        self._changed()


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
        """Show *value*, or the choice that means nothing was given."""
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
