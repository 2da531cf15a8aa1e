"""The read-only half of an experiment: its cells and runs as the ledger has them, their cost, and what is missing."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from .. import hosts
from .. import settings as settings_
from ..engine.channel import Channel
from ..engine.record import Record
from ..engine.states import State
from ..errors import InvalidRequest, KieError
from ..handles import Run
from ..ledger import Experiments, RunRow, Standing
from ..ledger.money import Figures
from . import status as status_
from .definition_store import refusal
from .exports import Exports
from .plan import Plan, PlannedCell, Remarks
from .runner import Runner

PARALLEL = 40


class Looking(Exports):
    """Looking buys nothing and sends nothing."""

    _made_for: settings_.Settings
    _identity: str
    _cells: dict[str, PlannedCell]
    _remarks: Remarks
    _runner: Runner | None
    _started: float

    @property
    def _shelf(self) -> Experiments:
        return Experiments(self._session.ledger(self._home).database, self._identity)

    @property
    def _home(self) -> Path:
        return self._made_for.home

    def _channel(self) -> Channel:
        """The way to the service that it was made for: with the key of now, for a request does not depend on that.

        Raises:
            InvalidRequest: another one answers now, or runs are kept in another folder.
        """
        current = settings_.current()
        channel = self._session.channel(current)
        if channel.identity != self._identity:
            raise InvalidRequest(
                f"the experiment {self.name!r} was made for {_name(self._identity)}, and {_name(channel.identity)} answers now.",
                hint="make it again in its cell, or go back with %kie use",
            )
        if current.home != self._home:
            raise InvalidRequest(
                f"the experiment {self.name!r} was made in {self._home}, and runs are kept in {current.home} now.",
                hint="make it again in its cell, or go back with configure(home=...)",
            )
        return channel

    def _check_process(self) -> None:
        """Refuse to buy or wait in a forked child: nothing that its parent has under way moves here."""
        if self._session.dispatcher.pid != os.getpid():
            raise KieError(
                f"the experiment {self.name!r} belongs to the process that this one was forked from.",
                hint="make it again here; its runs are kept under its name",
            )

    # --- looking -----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    @property
    def runs(self) -> list[Run]:
        """The runs of the cells that have one, in the order of the grid."""
        return [self._session.handle(self._home, row) for row in self._rows() if row is not None]

    def cells(self) -> list[tuple[dict[str, Any], Run | None]]:
        """The place of each cell, and its run if it has one."""
        return [
            (cell.place, self._session.handle(self._home, row) if row is not None else None)
            for cell, row in zip(self._cells.values(), self._rows(), strict=True)
        ]

    def _rows(self) -> list[RunRow | None]:
        found = self._shelf.runs(list(self._cells))
        return [found.get(fingerprint) for fingerprint in self._cells]

    def _recorded(self) -> list[tuple[dict[str, Any], Record | None]]:
        """`cells`, as the ledger has their runs."""
        ledger = self._session.ledger(self._home)
        return [
            (cell.place, Record(row, ledger) if row is not None else None)
            for cell, row in zip(self._cells.values(), self._rows(), strict=True)
        ]

    def _standings(self) -> list[Standing | None]:
        """The same, as much of it as is looked at each second."""
        found = self._shelf.standings(list(self._cells))
        gone = self._gone(found.values())
        incomplete = self._incomplete(found.values()) - gone
        rows = [found.get(fingerprint) for fingerprint in self._cells]
        return [
            replace(row, is_gone=row.id in gone, is_incomplete=row.id in incomplete)
            if row is not None and row.id in gone | incomplete
            else row
            for row in rows
        ]

    def _gone(self, rows: Iterable[RunRow | Standing]) -> set[str]:
        """The ids of those runs that are done, and whose video is not on this machine."""
        files = self._session.files(self._home)
        there = files.there()
        return {
            row.id
            for row in rows
            if row.state == State.FETCHED
            and not any(one.name in there or files.find(one.name) for one in row.files[:1])
        }

    def _incomplete(self, rows: Iterable[Standing]) -> set[str]:
        """The ids of those runs that are done, and not all of whose task's files are on this machine."""
        files = self._session.files(self._home)
        there = files.there()
        return {
            row.id
            for row in rows
            if row.state == State.FETCHED
            and (
                (row.files_made or 0) > max(1, len(row.files))
                or not all(kept.name in there or files.find(kept.name) for kept in row.files)
            )
        }

    def plan(self) -> Plan:
        """The grid as a table: which cells exist, what the rest should cost, and how long sending it takes.

        Raises:
            InvalidRequest: it was made for another service than the one that answers now.
        """
        self._channel()
        return Plan(
            name=self.name,
            cells=tuple(self._cells.values()),
            rows=tuple(self._standings()),
            per_window=settings_.current().creates_per_window,
            remarks=(*self._who(), *self._refusals(), *self._remarks.untold()),
            is_simulated=self._made_for.service == "simulator",
        )

    def _who(self) -> tuple[str, ...]:
        return (f"{self._made_for.via} answers",) if self._made_for.via else ()

    def _refusals(self) -> tuple[str, ...]:
        """Why `run` would refuse it, in words: a plan of what cannot be bought would promise too much."""
        kept, before = self._shelf.definition(self.name), self._shelf.places(self.name)
        refused = refusal(self.name, kept, before, self.definition.to_json(), self._cells)
        return () if refused is None else (f"run() would refuse it: {refused.message} {refused.hint}.",)

    def status(self) -> status_.Status:
        """How it stands now."""
        return self.look()[0]

    def look(self) -> tuple[status_.Status, list[tuple[dict[str, Any], Standing | None]]]:
        """How it stands now, and the place and the standing run of each cell, by one reading of the ledger."""
        rows = self._standings()
        places = [cell.place for cell in self._cells.values()]
        return self._status(rows), list(zip(places, rows, strict=True))

    def _status(self, rows: Sequence[Standing | None]) -> status_.Status:
        bought = self._bought()
        found = status_.of(
            rows,
            estimate=self._estimate,
            left=self._runner.left if self._runner else None,
            parallel=PARALLEL,
            per_window=settings_.current().creates_per_window,
            elapsed_s=time.monotonic() - self._started if self._started else 0.0,
            stopped=self._runner.stopped if self._runner else "",
        )
        beside = self._bought_beside(bought, rows)
        spent, at_risk = status_.money(
            [row for row in rows if row is not None and row.experiment != self.name]
        )
        return replace(
            found,
            spent=bought.spent + spent,
            at_risk=bought.at_risk + at_risk,
            reserved=bought.reserved,
            spent_beside=beside[0],
            reserved_beside=beside[1],
            is_simulated=self._made_for.service == "simulator",
        )

    def _bought(self) -> Figures:
        """All that was bought for it: a cell may have cost more than the run that stands for it."""
        ledger = self._session.ledger(self._home)
        return ledger.figures(self._made_for.service, scope="experiment", value=self.name)

    def _bought_beside(self, bought: Figures, rows: Sequence[Standing | None]) -> tuple[float, float]:
        """Credits spent and reserved for other requests than those of the cells: to verify one, or in another grid of this name."""
        # The rows were read before: what is counted in *bought* and stands for no cell makes it more than they are.
        own = sum(1 for row in rows if row is not None and row.experiment == self.name)
        if bought.runs <= own:
            return 0.0, 0.0
        ledger = self._session.ledger(self._home)
        return ledger.beside(self._made_for.service, self.name, self._cells.keys())

    @cached_property
    def _estimate(self) -> float | None:
        estimates = [cell.prepared.request.estimate for cell in self._cells.values()]
        return None if None in estimates else sum(found.credits for found in estimates if found)


def _name(identity: str) -> str:
    """Who answers, in a message."""
    service, _, address = identity.partition("@")
    return f"kie via {hosts.shown(address)}" if address else {"kie": "Kie.ai"}.get(service, f"the {service}")
