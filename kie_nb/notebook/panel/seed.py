"""The seed: shown before it is sent, drawn anew by the dice, kept by the lock, counted up for several runs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

import ipywidgets as kit

from ...catalogue import SEED_MAX, Field
from ...markup import html
from .. import page
from .callbacks import Callbacks
from .controls import LABEL
from .draft import MOST_SEEDS
from .widgets import column, error_place, mark, row


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
        # What finds no room beside the seed stands below its number, not below its label.
        controls = row(self.text, self.dice, self.lock, self.count, self.words, padding="0 0 0 128px")
        self.box = column(controls, self.error)
        self.draw()
        observed = callbacks.guard(self._observed)
        self.text.observe(observed, "value")
        self.count.observe(observed, "value")

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
