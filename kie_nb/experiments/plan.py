"""What an experiment would do: its cells, which exist already, what the rest should cost and how long sending takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import settings as settings_
from ..catalogue import USD_PER_CREDIT
from ..engine import tables
from ..markup import Html, joined
from ..notice import is_new
from ..text import visible
from .definition import short
from .status import GONE_WORDS, TO_BUY, words_of

if TYPE_CHECKING:
    from ..catalogue import Request
    from ..handles import Prepared
    from ..ledger import Standing

SHOWN = 60


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedCell:
    """A cell with its checked request.

    Attributes:
        place: Where it stands on each axis, in plain values.
    """

    place: dict[str, Any]
    prepared: Prepared


class Remarks:
    """What should be known of an experiment, said once in the life of a process, by whatever shows something first."""

    def __init__(self, name: str, texts: Sequence[str]) -> None:
        self._name, self._texts = name, texts

    def untold(self) -> tuple[str, ...]:
        """Those not reported yet; they count as reported from now on."""
        return tuple(text for text in self._texts if is_new((self._name, text)))


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
    def missing(self) -> int:
        """Cells that no run stands for."""
        return sum(1 for row in self.rows if row is None or row.state in TO_BUY)

    @property
    def credits(self) -> float | None:
        """What the missing cells should cost; None where a price is not known."""
        estimates = [
            cell.prepared.request.estimate
            for cell, row in zip(self.cells, self.rows, strict=True)
            if row is None or row.state in TO_BUY
        ]
        return None if None in estimates else sum(found.credits for found in estimates if found)

    @property
    def sending_s(self) -> float:
        """How long sending takes at the account's rate, in seconds."""
        return max(0.0, (self.missing - 1) // self.per_window * settings_.WINDOW_S)

    @property
    def _caption(self) -> str:
        exist = len(self.cells) - self.missing
        gone = sum(1 for row in self.rows if row is not None and row.is_gone)
        fetch = f" ({gone} {GONE_WORDS}: run fetches {'it' if gone == 1 else 'them'} again)" if gone else ""
        also = f"; the first {SHOWN} are shown" if len(self.cells) > SHOWN else ""
        rest = (
            f"{self.missing} to buy{self._price}, sent within {tables.clock(self.sending_s)}"
            if self.missing
            else "nothing to buy"
        )
        return f"{self.name}: {tables.counted(len(self.cells), 'cell')}, {exist} exist{fetch}, {rest}{also}"

    @property
    def _common(self) -> str:
        """What is asked in all cells alike, defaults included: no column shows it."""
        first, *others = [_asked(cell.prepared.request) for cell in self.cells] or [{}]
        same = [
            f"{name}={short(value)}"
            for name, value in first.items()
            if name not in self._headings and all(other.get(name) == value for other in others)
        ]
        return f"in all cells: {', '.join(same)}"

    @property
    def _price(self) -> str:
        price = self.credits
        words = None if price is None else f"about {price:g} credits (${price * USD_PER_CREDIT:.2f})"
        if self.is_simulated:
            return f": simulated, free{f' (at Kie.ai {words})' if words else ''}"
        return f" for {words or 'a price that is not known here'}"

    @property
    def _headings(self) -> list[str]:
        return [*dict.fromkeys(name for cell in self.cells for name in cell.place), "state", "estimate"]

    @property
    def _rows(self) -> list[list[str]]:
        names = self._headings[:-2]
        shown = []
        for cell, row in list(zip(self.cells, self.rows, strict=True))[:SHOWN]:
            estimate = cell.prepared.request.estimate
            state = "to buy" if row is None else f"{words_of(row)}, run {row.id[:8]}"
            price = f"{estimate.credits:g}" if estimate else "?"
            shown.append([*(str(cell.place.get(name, "")) for name in names), state, price])
        return shown

    def __repr__(self) -> str:
        table = tables.as_text(self._headings, self._rows, caption=self._caption)
        return "\n".join(map(visible, [table, self._common, *(f"- {remark}" for remark in self.remarks)]))

    def _repr_html_(self) -> Html:
        table = tables.as_html(self._headings, self._rows, caption=self._caption)
        return joined([table, *map(tables.remark_html, (self._common, *self.remarks))])


def _asked(request: Request) -> dict[str, Any]:
    """All that is asked, pictures by their names."""
    image = {"image": request.image.label} if request.image else {}
    seed = {} if request.seed is None else {"seed": request.seed}
    return {**request.inputs, **image, **seed}
