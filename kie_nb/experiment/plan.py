"""The plan of an experiment: its cells, which of them exist, the estimate of the rest and how long sending takes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import settings as settings_
from .. import tables
from ..addresses import shareable_value
from ..catalogue import USD_PER_CREDIT
from ..ledger.states import WORDS, State
from ..markup import Html, joined
from ..notice import is_new
from ..text import visible
from ..wording import Experiment as Words
from .cell_requests import PlannedCell, credits_of
from .definition import short
from .status import FAILED, GONE, is_to_buy, state_of, words_of

if TYPE_CHECKING:
    from ..catalogue import Request
    from ..errors import KieError
    from ..ledger import Standing
    from .definition import Definition
    from .runner import Limits
    from .stored import CellRuns

SHOWN = 60


_TO_BUY, _FAILED = "to buy", "failed (retry_failed=True asks again)"


def _standing(row: Standing | None) -> str:
    """What a plan counts a cell as."""
    if row is None or is_to_buy(row):
        return _TO_BUY
    if row.state in FAILED:
        return _FAILED
    return f"{words_of(row)} (run() fetches it again)" if state_of(row) == GONE else words_of(row)


def _order(counted: tuple[str, int]) -> int:
    """What is done first, what is to be bought last."""
    return {WORDS[State.FETCHED]: 0, _FAILED: 2, _TO_BUY: 3}.get(counted[0], 1)


def untold(name: str, remarks: Iterable[str]) -> tuple[str, ...]:
    """The *remarks* on an experiment that were not shown in this process yet; they count as shown from now on."""
    return tuple(text for text in remarks if is_new((name, text)))


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """The grid as a table; shows itself.

    Attributes:
        remarks: What should be known of it, in words.
        is_simulated: The simulator answers: nothing costs anything.
        refused: Why `Experiment.run` would buy nothing, where it would not.
    """

    name: str
    cells: tuple[PlannedCell, ...]
    rows: tuple[Standing | None, ...]
    per_window: int
    remarks: tuple[str, ...] = ()
    is_simulated: bool = False
    refused: KieError | None = None

    @property
    def _to_buy(self) -> list[PlannedCell]:
        pairs = zip(self.cells, self.rows, strict=True)
        return [cell for cell, row in pairs if is_to_buy(row)]

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
    def _headline(self) -> str:
        """How many videos are still to be made, and for how much."""
        if not self.missing:
            return Words.NOTHING_TO_MAKE
        price = self.credits
        cost = Words.NO_PRICE
        if price is not None:
            cost = Words.PRICE_AT_KIE.format(credits=f"{price:g}", usd=f"{price * USD_PER_CREDIT:.2f}")
        free = Words.FREE_IN_SIMULATOR if self.is_simulated else ""
        return Words.TO_MAKE.format(videos=tables.counted(self.missing, "video"), cost=cost, free=free)

    @property
    def _rest(self) -> str:
        counts = Counter(_standing(row) for row in self.rows)
        states = ", ".join(f"{count} {words}" for words, count in sorted(counts.items(), key=_order))
        also = f"; the first {SHOWN} are shown" if len(self.cells) > SHOWN else ""
        within = f", sent within {tables.clock(self.sending_s)}" if self.sending_s else ""
        return f"{self.name}: {tables.counted(len(self.cells), 'cell')}, {states}{within}{also}"

    @property
    def _axes(self) -> list[str]:
        """The axes, and the prompt as it is sent, last, if it is not the same in all cells."""
        names = dict.fromkeys(name for cell in self.cells for name in cell.place if name != "prompt")
        prompts = {cell.prepared.request.prompt for cell in self.cells}
        return [*names, *(["prompt"] if len(prompts) > 1 else [])]

    @property
    def _common(self) -> str:
        """What all cells ask for alike, defaults included: no column shows it."""
        first, *others = [_asked(cell.prepared.request) for cell in self.cells] or [{}]
        columns = {*self._axes, *Words.PLAN_COLUMNS}
        same = [
            f"{name}={repr(value) if name == 'prompt' else short(value)}"  # what is paid for is read whole
            for name, value in first.items()
            if name not in columns and all(other.get(name) == value for other in others)
        ]
        return Words.IN_ALL_CELLS.format(facts=", ".join(same))

    @property
    def _table(self) -> dict[str, Any]:
        names, rows = self._axes, []
        for cell, row in list(zip(self.cells, self.rows, strict=True))[:SHOWN]:
            estimate = cell.prepared.request.estimate
            state = "to buy" if row is None else f"{words_of(row)}, run {row.id[:8]}"
            price = f"{estimate.credits:g}" if estimate else "?"
            place = {"prompt": cell.prepared.request.prompt, **cell.shown}
            rows.append([*(str(shareable_value(place.get(name, ""))) for name in names), state, price])
        return {"headings": [*names, *Words.PLAN_COLUMNS], "rows": rows, "caption": self._headline}

    def __repr__(self) -> str:
        lines = [
            tables.as_text(**self._table),
            self._rest,
            self._common,
            *(f"- {remark}" for remark in self.remarks),
        ]
        return "\n".join(map(visible, lines))

    def _repr_html_(self) -> Html:
        below = map(tables.remark_html, (self._rest, self._common, *self.remarks))
        wide = self._axes.index("prompt") if "prompt" in self._axes else None
        return joined([tables.as_html(**self._table, wide=wide), *below])


def plan_of(
    cells: CellRuns,
    definition: Definition,
    made_for: settings_.Settings,
    remarks: Sequence[str],
    limits: Limits,
    **how: bool,
) -> Plan:
    """The plan of an experiment, and whether to `run` it within *limits*, and so, would buy nothing."""
    cells.channel()
    told, refused = (
        [f"{made_for.via} answers"] if made_for.via else [],
        cells.refused(definition, limits, **how),
    )
    if refused is not None:  # a plan of what cannot be bought would promise too much
        hint = f" Next: {refused.hint.removesuffix('.')}." if refused.hint else ""
        told.append(f"run() would refuse it: {refused.message}{hint}")
    return Plan(
        name=definition.name,
        cells=tuple(cells.cells.values()),
        rows=tuple(cells.standings()),
        per_window=settings_.current().creates_per_window,
        remarks=(*told, *cells.room(), *untold(definition.name, remarks)),
        is_simulated=made_for.service == "simulator",
        refused=refused,
    )


def _asked(request: Request) -> dict[str, Any]:
    """All that is asked for, pictures by their names."""
    image = {"image": request.image.label} if request.image else {}
    seed = {} if request.seed is None else {"seed": request.seed}
    return {**shareable_value(request.inputs), **image, **request.other_media, **seed}
