"""The cells of an experiment with their runs, as the ledger has them, and which of them are to be bought."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

from .. import hosts
from .. import settings as settings_
from ..engine.channel import Channel
from ..engine.record import Record
from ..errors import InvalidRequest, KieError
from ..handles import Prepared, Run, Session
from ..ledger import Experiments, RunRow, Standing
from ..ledger.money import Figures
from ..ledger.states import OPEN, State
from ..requests.provenance import here
from .cell_requests import Cells, credits_of
from .limits import check_limit
from .status import is_wanted

T = TypeVar("T")
Place = dict[str, Any]
_LOOKED_FOR = OPEN - {State.INTENT} | {State.LOST}


class CellRuns:
    """The runs of an experiment's cells in one folder, at one service.

    Args:
        name: Of the experiment.
        made_for: The settings when it was made.

    Attributes:
        key: Tells the experiment from others of this process.
        cells: By fingerprint, in the order of the grid.
    """

    cells: Cells

    def __init__(self, session: Session, name: str, made_for: settings_.Settings) -> None:
        self._session, self._name, self._home = session, name, made_for.home
        self._service, self._identity = made_for.service, session.channel(made_for).identity
        self.key = (self._home, self._identity, name)

    # --- checks ------------------------------------------------------------------------------------------------

    def check_process(self) -> None:
        """Refuse to buy or wait in a forked child: nothing that its parent has under way moves here."""
        if self._session.dispatcher.pid != os.getpid():
            raise KieError(
                f"the experiment {self._name!r} belongs to the process that this one was forked from.",
                hint="make it again here; its runs are kept under its name",
            )

    def channel(self) -> Channel:
        """The channel to the service that it was made for, with the current key: no request depends on that.

        Raises:
            InvalidRequest: another service answers now, or runs are kept in another folder.
        """
        current = settings_.current()
        channel = self._session.channel(current)
        if channel.identity != self._identity:
            raise InvalidRequest(
                f"the experiment {self._name!r} was made for {_shown(self._identity)}, and {_shown(channel.identity)} answers now.",
                hint="make it again in its cell, or go back with %kie use",
            )
        if current.home != self._home:
            raise InvalidRequest(
                f"the experiment {self._name!r} was made in {self._home}, and runs are kept in {current.home} now.",
                hint="make it again in its cell, or go back with configure(home=...)",
            )
        return channel

    # --- reading -----------------------------------------------------------------------------------------------

    @property
    def store(self) -> Experiments:
        """Where definitions are stored."""
        return Experiments(self._session.ledger(self._home).database, self._identity)

    @cached_property
    def estimate(self) -> float | None:
        """Credits of all cells by the price list; None where a price is not known."""
        return credits_of(self.cells.values())

    def bought(self) -> Figures:
        """What all runs of the experiment cost, those of earlier grids and for verifying included."""
        ledger = self._session.ledger(self._home)
        return ledger.figures(self._service, scope="experiment", value=self._name)

    def runs(self) -> list[tuple[Place, Run | None]]:
        """The place of each cell, and the handle of its run."""
        return self.with_places([self._handle(row) if row is not None else None for row in self._rows()])

    def records(self) -> list[tuple[Place, Record | None]]:
        """The same without handles."""
        ledger = self._session.ledger(self._home)
        return self.with_places([Record(row, ledger) if row is not None else None for row in self._rows()])

    def with_places(self, values: Sequence[T]) -> list[tuple[Place, T]]:
        """Each cell's place with its value."""
        return list(zip((cell.place for cell in self.cells.values()), values, strict=True))

    def standings(self) -> list[Standing | None]:
        """As much of each row as is shown each second."""
        found = self.store.standings(list(self.cells))
        is_here = self._is_here()
        for fingerprint, row in found.items():
            if row.state == State.FETCHED:
                here = [is_here(one.name) for one in row.files]
                is_gone = not any(here[:1])
                is_whole = all(here) and len(here) >= (row.files_made or 0)
                if is_gone or not is_whole:
                    found[fingerprint] = replace(row, is_gone=is_gone, is_incomplete=not is_gone)
        return [found.get(fingerprint) for fingerprint in self.cells]

    def _rows(self) -> list[RunRow | None]:
        found = self.store.runs(list(self.cells))
        return [found.get(fingerprint) for fingerprint in self.cells]

    def _handle(self, row: RunRow) -> Run:
        return self._session.handle(self._home, row)

    def _gone(self, rows: Iterable[RunRow]) -> set[str]:
        """The ids of the runs that are done, and whose video is not on this machine."""
        is_here = self._is_here()
        return {row.id for row in rows if row.state == State.FETCHED and not is_here(row.video)}

    def _is_here(self) -> Callable[[str | None], bool]:
        files = self._session.files(self._home)
        there = files.there()
        return lambda name: bool(name and (name in there or files.find(name)))

    # --- buying ------------------------------------------------------------------------------------------------

    def to_buy(
        self, max_credits: float | None, *, retry_failed: bool
    ) -> tuple[list[RunRow], list[tuple[Prepared, RunRow | None]]]:
        """The runs that there are, and the cells to buy now, each with its run.

        Raises:
            BudgetExceeded: they would pass *max_credits*.
        """
        channel, origin = self.channel(), here()
        with self._session.begin_lock:  # no request is recorded between the two readings
            rows, bought = self._rows(), self.bought()
        todo = [
            (replace(cell.prepared, channel=channel, origin=origin), row)
            for cell, row in zip(self.cells.values(), rows, strict=True)
            if row is None or is_wanted(row.state, retry_failed=retry_failed)
        ]
        if max_credits is not None:  # what is recorded and unsent is reserved already
            new = [prepared for prepared, row in todo if row is None or row.state != State.INTENT]
            check_limit(bought, new, max_credits)
        return [row for row in rows if row is not None], todo

    def look_for(self, rows: Sequence[RunRow]) -> list[Run]:
        """Resume what was sent, and fetch again what is missing; the runs that then are under way."""
        gone = self._gone(rows)
        found = [
            self._handle(row)
            for row in rows
            if row.state in _LOOKED_FOR or row.id in gone or len(row.urls or ()) > 1
        ]
        for run in found:
            self._session.supervisor.ensure_driven(run, look_again=True)
        return [run for run in found if not run.is_final or self._session.supervisor.is_coming(run)]


def _shown(identity: str) -> str:
    """Who answers, in a message."""
    service, _, address = identity.partition("@")
    return f"kie via {hosts.shown(address)}" if address else {"kie": "Kie.ai"}.get(service, f"the {service}")
