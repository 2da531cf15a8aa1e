"""The seed: shown before it is sent, drawn anew by the dice, kept by the lock, counted up for several runs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from ...catalogue import SEED_MAX, Field
from ...markup import html
from .. import page
from ..card import widgets
from .callbacks import Callbacks
from .controls import LABEL, mark
from .draft import MOST_SEEDS


class SeedControl:
    """A text rather than a number's control: that would change a wrong number by itself."""

    def __init__(self, entry: Field, desk: Callbacks, changed: Callable[[], None]) -> None:
        kit = widgets()
        self._changed = changed
        self.text = kit.Text(
            description=entry.title,
            style=LABEL,
            tooltip=entry.help,
            layout=kit.Layout(width="260px", margin="2px 2px 2px -126px"),
        )
        self.dice = kit.Button(description="Draw", icon="random", tooltip="draw another seed")
        self.lock = kit.ToggleButton(
            description="Keep", icon="lock", tooltip="keep this seed for the next run too"
        )
        self.count = kit.BoundedIntText(
            value=1, min=1, max=MOST_SEEDS, description="Runs", tooltip="runs, each with the next seed",
            style={"description_width": "40px"}, layout=kit.Layout(width="110px"),
        )  # fmt: skip
        self.words = kit.HTML()
        self.error = kit.HTML(layout=kit.Layout(display="none", margin="0 2px 4px 128px"))
        row = kit.HBox(
            [self.text, self.dice, self.lock, self.count, self.words],
            layout=kit.Layout(
                flex_flow="row wrap", align_items="center", overflow="visible", padding="0 0 0 128px"
            ),
        )  # what finds no room beside the seed stands below its number, not below its label
        self.box = kit.VBox([row, self.error], layout=kit.Layout(overflow="visible"))
        self.draw()
        observed = desk.guard(self._observed)
        self.text.observe(observed, "value")
        self.count.observe(observed, "value")
        self.dice.on_click(desk.guard(lambda _button: self.draw()))

    @property
    def seed(self) -> Any:
        """The number, or what stands there instead of one; None for nothing."""
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
