"""The experiments that a folder has, as a list that shows itself and becomes one frame."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, overload

from .. import settings as settings_
from .. import tables
from ..catalogue import USD_PER_CREDIT, nearest
from ..errors import InvalidRequest
from ..handles import Session
from ..ledger import Experiments
from ..ledger.schema import moment
from ..text import in_line
from ..wording import Experiment, Lists, Money
from .data import frame
from .lines import of_study
from .runner import PARALLEL
from .status import Status, status_of

_HEADINGS = ("experiment", "cells", "done", "cost", "made (UTC)", "changed (UTC)")
_MINUTE = "%Y-%m-%d %H:%M"


@dataclass(frozen=True, kw_only=True, slots=True)
class Study:
    """An experiment as the ledger has it, earlier grids under its name included.

    Attributes:
        description: What its definition says of it.
        status: Its cells by state, and what they cost.
    """

    name: str
    description: str
    status: Status
    made_at: dt.datetime | None
    changed_at: dt.datetime | None

    @property
    def cost(self) -> str:
        """What it cost, as a table shows it."""
        spent = self.status.spent
        if self.status.is_simulated:
            return Lists.FREE
        if unpriced := self.status.unpriced:
            unknown = Money.UNPRICED.format(runs=unpriced)
            return f"{spent:g} (${spent * USD_PER_CREDIT:.2f}) {unknown}" if spent else Experiment.NO_PRICE
        return f"{spent:g} (${spent * USD_PER_CREDIT:.2f})"

    def _row(self) -> list[str]:
        dates = [f"{at:{_MINUTE}}" if at is not None else "" for at in (self.made_at, self.changed_at)]
        return [self.name, str(self.status.cells), str(self.status.done), self.cost, *dates]

    def __repr__(self) -> str:
        return in_line(f"<Study {self.name}: {self.status!r}>")


class Studies(Sequence[Study]):
    """What `kie_nb.experiments()` gives: the one changed last first, or in the order of the names that were given."""

    def __init__(self, session: Session, names: str | Iterable[str] | None) -> None:
        names = [names] if isinstance(names, str) else names
        current = settings_.current()
        self._ledger = session.ledger(current.home)
        self._store = Experiments(self._ledger.database, session.channel(current).identity)
        kept = {row["name"]: row for row in self._store.all()}
        chosen = list(kept) if names is None else list(dict.fromkeys(names))
        if missing := next((name for name in chosen if name not in kept), None):
            raise InvalidRequest(f"There is no experiment {missing!r}{nearest(missing, kept)}", charged="")
        self._definitions = {name: kept[name]["definition"] for name in chosen}
        self._studies = [
            Study(
                name=name,
                description=str(kept[name]["definition"].get("description", "")),
                status=self._status(name, current),
                made_at=moment(kept[name]["made_at"]),
                changed_at=moment(kept[name]["changed_at"]),
            )
            for name in chosen
        ]

    def _status(self, name: str, current: settings_.Settings) -> Status:
        keys = list(self._store.places(name))
        found = self._store.standings(keys)
        return status_of(
            [found.get(key) for key in keys],
            name=name,
            bought=self._ledger.figures(current.service, scope="experiment", value=name),
            estimate=None,
            left=None,
            parallel=PARALLEL,
            per_window=current.creates_per_window,
            elapsed_s=0.0,
            stopped="",
            is_simulated=current.service == "simulator",
        )

    @overload
    def __getitem__(self, place: int) -> Study: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Study]: ...
    def __getitem__(self, place: int | slice) -> Study | Sequence[Study]:
        return self._studies[place]

    def __len__(self) -> int:
        return len(self._studies)

    def to_frame(self) -> Any:
        """A `pandas.DataFrame` with the cells of all of them, those of earlier grids too; the columns of `Experiment.to_frame`.

        A cell that two of them share is there under both names.

        Raises:
            KieError: pandas is not installed.
        """
        parts = (of_study(self._ledger, self._store, *one) for one in self._definitions.items())
        return frame([line for part in parts for line in part])

    def _table(self) -> dict[str, Any]:
        rows = [study._row() for study in self]  # noqa: SLF001 - of this file
        caption = tables.counted(len(self), "experiment") if self else "No experiments."
        return {"headings": _HEADINGS, "rows": rows, "caption": caption}

    def __repr__(self) -> str:
        return tables.as_text(**self._table())

    def _repr_html_(self) -> str:
        return tables.as_html(**self._table())
