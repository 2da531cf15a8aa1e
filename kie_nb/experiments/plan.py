"""What an experiment would do: its cells, which exist already, what the rest should cost and how long sending takes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import settings as settings_
from .. import tables
from ..addresses import shareable_value
from ..catalogue import USD_PER_CREDIT
from ..markup import Html, joined
from ..notice import is_new
from ..text import visible
from .cell_requests import PlannedCell, credits_of
from .definition import short
from .status import GONE_WORDS, TO_BUY, words_of

if TYPE_CHECKING:
    from ..catalogue import Request
    from ..ledger import Standing

SHOWN = 60


def untold(name: str, remarks: Iterable[str]) -> tuple[str, ...]:
    """The *remarks* on an experiment that were not shown in this process yet; they count as shown from now on."""
    return tuple(text for text in remarks if is_new((name, text)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The grid as a table; shows itself.

    Attributes:
        remarks: What should be known of it, in words.
        is_simulated: The simulator answers: nothing costs anything.
    """

    name: str
    cells: tuple[PlannedCell, ...]
    rows: tuple[Standing | None, ...]
    per_window: int
    remarks: tuple[str, ...] = ()
    is_simulated: bool = False

    @property
    def _to_buy(self) -> list[PlannedCell]:
        pairs = zip(self.cells, self.rows, strict=True)
        return [cell for cell, row in pairs if row is None or row.state in TO_BUY]

    @property
    def missing(self) -> int:
        """Cells that no run stands for."""
        return len(self._to_buy)

    @property
    def credits(self) -> float | None:
        """What the missing cells should cost; None where a price is not known."""
        return credits_of(self._to_buy)

    @property
    def sending_s(self) -> float:
        """How long sending takes at the account's rate, in seconds."""
        return max(0.0, (self.missing - 1) // self.per_window * settings_.WINDOW_S)

    @property
    def _caption(self) -> str:
        missing, gone = self.missing, sum(1 for row in self.rows if row is not None and row.is_gone)
        fetch = f" ({gone} {GONE_WORDS}: run fetches {'it' if gone == 1 else 'them'} again)" if gone else ""
        also = f"; the first {SHOWN} are shown" if len(self.cells) > SHOWN else ""
        within = f"sent within {tables.clock(self.sending_s)}"
        rest = f"{missing} to buy{self._price}, {within}" if missing else "nothing to buy"
        return f"{self.name}: {tables.counted(len(self.cells), 'cell')}, {len(self.cells) - missing} exist{fetch}, {rest}{also}"

    @property
    def _price(self) -> str:
        price = self.credits
        words = None if price is None else f"about {price:g} credits (${price * USD_PER_CREDIT:.2f})"
        if self.is_simulated:
            return f": simulated, free{f' (at Kie.ai {words})' if words else ''}"
        return f" for {words or 'a price that is not known here'}"

    @property
    def _axes(self) -> list[str]:
        return list(dict.fromkeys(name for cell in self.cells for name in cell.place))

    @property
    def _common(self) -> str:
        """What all cells ask for alike, defaults included: no column shows it."""
        first, *others = [_asked(cell.prepared.request) for cell in self.cells] or [{}]
        columns = {*self._axes, "state", "estimate"}
        same = [
            f"{name}={short(value)}"
            for name, value in first.items()
            if name not in columns and all(other.get(name) == value for other in others)
        ]
        return f"in all cells: {', '.join(same)}"

    @property
    def _table(self) -> dict[str, Any]:
        names, rows = self._axes, []
        for cell, row in list(zip(self.cells, self.rows, strict=True))[:SHOWN]:
            estimate = cell.prepared.request.estimate
            state = "to buy" if row is None else f"{words_of(row)}, run {row.id[:8]}"
            price = f"{estimate.credits:g}" if estimate else "?"
            rows.append([*(str(shareable_value(cell.place.get(name, ""))) for name in names), state, price])
        return {"headings": [*names, "state", "estimate"], "rows": rows, "caption": self._caption}

    def __repr__(self) -> str:
        lines = [tables.as_text(**self._table), self._common, *(f"- {remark}" for remark in self.remarks)]
        return "\n".join(map(visible, lines))

    def _repr_html_(self) -> Html:
        below = map(tables.remark_html, (self._common, *self.remarks))
        return joined([tables.as_html(**self._table), *below])


def _asked(request: Request) -> dict[str, Any]:
    """All that is asked for, pictures by their names."""
    image = {"image": request.image.label} if request.image else {}
    seed = {} if request.seed is None else {"seed": request.seed}
    return {**shareable_value(request.inputs), **image, **seed}
