"""An experiment in the ledger: its definition, its cells with their runs, and which of them are to be bought."""

from __future__ import annotations

import contextlib
import itertools
import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, TypeVar

from .. import addresses
from .. import settings as settings_
from ..engine.channel import Channel
from ..errors import NOTHING, InvalidRequest, KieError
from ..handles import Prepared, Run, Session
from ..handles.begin import callback_of, nothing_charged
from ..ledger import Experiments, RunRow, Standing
from ..ledger.experiments import Standings
from ..ledger.money import CellTerms, Figures
from ..ledger.states import OPEN, State
from ..requests.provenance import Origin, here, notebook_of
from ..tables import counted
from .cell_requests import Cells, PlannedCell, credits_of, prepare_cells, with_seed
from .columns import Line
from .definition import SHOWN_DIFFERENCES, Definition, differences
from .deriving import also, only
from .lines import of_cells
from .runner import NOT_GIVEN, PARALLEL, Limits, NotGiven, Runner, check_limit, reason_to_stop
from .status import FAILED, Status, failures_in_a_row, is_bought, is_to_buy, is_wanted, status_of

T = TypeVar("T")
Place = dict[str, Any]
Stored = Mapping[str, Any] | None
Places = Mapping[str, Mapping[str, Any]]
Change = tuple[Mapping[str, Any], Places] | None
_BALANCE_AGE_S = 30.0
_LOOKED_FOR = OPEN - {State.INTENT} | {State.LOST}


class CellRuns:
    """The runs of an experiment's cells in one folder, at one service: those of the settings when it was made."""

    cells: Cells  # in the order of the grid

    def __init__(self, session: Session, name: str, made_for: settings_.Settings) -> None:
        self._session, self._name, self._home, self._made_for = session, name, made_for.home, made_for
        self._service, self._identity = made_for.service, session.channel(made_for).identity
        self.key = (self._home, self._identity, name)  # tells the experiment from others of this process
        self._call_back_url: str | None = None

    # --- checks ------------------------------------------------------------------------------------------------

    def check_process(self) -> None:
        """Refuse to buy or wait in a forked child: nothing that its parent has under way moves here."""
        if self._session.dispatcher.pid != os.getpid():
            words = f"The experiment {self._name!r} belongs to the process that this one was forked from."
            raise KieError(words, hint="make it again here; its runs are kept under its name")

    def channel(self) -> Channel:
        """The channel to the service that it was made for, with the current key; InvalidRequest where another answers now."""
        current = settings_.current()
        channel, made = self._session.channel(current), f"the experiment {self._name!r} was made"
        if channel.identity != self._identity:
            words = f"{made} for {_shown(self._identity)}, and {_shown(channel.identity)} answers now."
            raise InvalidRequest(words, hint="make it again in its cell, or go back with %kie use")
        if current.home != self._home:
            words = f"{made} in {self._home}, and runs are kept in {current.home} now."
            raise InvalidRequest(words, hint="make it again in its cell, or go back with configure(home=...)")
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
        handle, home = self._session.handle, self._home
        return self.with_places([handle(home, row) if row else None for row in self._rows()])

    def lines(self, asked: Definition) -> list[Line]:
        """Each cell of the grid *asked* as a row of a frame."""
        return of_cells(self._session.ledger(self._home), self.store, asked, self.cells)

    def with_places(self, values: Sequence[T]) -> list[tuple[Place, T]]:
        """Each cell's place with its value."""
        return list(zip((cell.place for cell in self.cells.values()), values, strict=True))

    def standings(self) -> list[Standing | None]:
        """As much of each row as is shown each second."""
        found, is_here = self.store.standings(list(self.cells)), self._is_here()

        def seen(row: Standing | None) -> Standing | None:
            if row is None or row.state != State.FETCHED:
                return row
            here = [is_here(one.name) for one in row.files]
            if all(here) and here and len(here) >= (row.files_made or 0):
                return row
            is_gone = not any(here[:1])
            return replace(row, is_gone=is_gone, is_incomplete=not is_gone)

        return [seen(found.get(fingerprint)) for fingerprint in self.cells]

    def _rows(self) -> list[RunRow | None]:
        found = self.store.runs(list(self.cells))
        return [found.get(fingerprint) for fingerprint in self.cells]

    def _is_here(self) -> Callable[[str | None], bool]:
        files = self._session.ledger(self._home).files
        if files.cache is not None:  # they are in the store, and brought when they are looked at
            return bool
        there = files.there()
        return lambda name: name in there

    def look(self, runner: Runner | None) -> tuple[Status, list[tuple[Place, Standing | None]]]:
        """The status, and the place and run of each cell, from one reading of the ledger."""
        rows = self.standings()
        status = status_of(
            rows,
            name=self._name,
            bought=self.bought(),
            estimate=self.estimate,
            left=runner.left if runner else None,
            parallel=PARALLEL,
            per_window=settings_.current().creates_per_window,
            elapsed_s=time.monotonic() - runner.started if runner else 0.0,
            stopped=runner.stopped if runner else "",
            is_simulated=self._service == "simulator",
        )
        return status, list(zip((cell.shown for cell in self.cells.values()), rows, strict=True))

    def room(self) -> list[str]:
        """Remarks on budgets and a balance that have no room for all cells to buy; nothing where no money is spent."""
        wanted = [
            cell for cell, row in zip(self.cells.values(), self.standings(), strict=True) if is_to_buy(row)
        ]
        if self._service != "kie" or not wanted or (whole := credits_of(wanted)) is None:
            return []
        ledger, reading = self._session.ledger(self._home), None
        values = {
            "notebook": notebook_of(ledger),
            "day": ledger.now().date().isoformat(),
            "experiment": self._name,
        }
        rooms = {
            f"Your budget of {most:g} credits per {scope}": most
            - ledger.figures(self._service, scope=scope, value=value).committed
            for scope, most in ledger.limits().items()
            if (value := values[scope]) is not None
        }
        with contextlib.suppress(KieError):
            reading = self._session.call(partial(self.channel().balance, max_age_s=_BALANCE_AGE_S))
        if reading is not None:
            rooms[f"The balance of {reading.credits:g} credits"] = reading.credits
        return [
            f"{what} has room for {_fitting(wanted, most)} of {counted(len(wanted), 'video')}; the rest would stay to come."
            for what, most in rooms.items()
            if whole > most + 1e-9
        ]

    # --- the stored definition ---------------------------------------------------------------------------------

    @nothing_charged()
    def keep(self, asked: Definition, *, extend: bool, drawn: bool) -> Definition:
        """Store *asked* and its cells, or refuse a definition that differs from the stored one, in one transaction.

        Args:
            extend: Keep the earlier cells, too. They stay in the ledger under this name; the grid is the new one's.
            drawn: The user gave no seed: the stored one counts.
        """
        cells = self.cells

        def decide(stored: Stored, before: Places, standings: Standings) -> Change:
            nonlocal asked, cells
            if drawn:
                asked, cells = _with_stored_seed(asked, cells, stored)
            unbought = _unbought(before, cells, standings)
            refused = None if extend else refusal(asked, stored, before, cells, unbought)
            if refused is not None:
                raise refused
            definition, ours = asked.to_json(), {key: cell.place for key, cell in cells.items()}
            is_part = ours.keys() <= before.keys()
            # Cells that were never bought are forgotten with the grid that had them: its runner, if any, buys none of them.
            keeps_all = is_part or extend
            kept = {key: at for key, at in before.items() if keeps_all or key in ours or key not in unbought}
            places = ours if ours.keys() >= kept.keys() else {**kept, **ours}
            return None if places == before and stored == definition else (definition, places)

        self.store.change(asked.name, decide)
        self.cells = cells
        return asked

    def unbought(self) -> frozenset[str]:
        """The stored cells that no run stands for: another grid may leave them out."""
        return _unbought(self.store.places(self._name), self.cells, self.store.standings)

    def keep_seed(self, asked: Definition) -> Definition:
        """Store a drawn seed before a file names it: who draws one later gets it. Returns what `keep` does."""

        def decide(stored: Stored, *_: object) -> Change:
            nonlocal asked
            asked, self.cells = _with_stored_seed(asked, self.cells, stored)
            definition = asked.to_json()
            # Without cells: nothing was bought under this name, so that it may still ask for something else.
            return (definition, {}) if stored is None and "seed" in definition["fixed"] else None

        self.store.change(asked.name, decide)
        return asked

    # --- buying ------------------------------------------------------------------------------------------------

    def ask_to_call(self, told: str | None) -> tuple[str, ...]:
        """Have the service call this address for each cell that is bought from now on; what is to be said of it."""
        self._call_back_url, said = callback_of(told, self._made_for)
        return said

    def _asked_now(self, cell: PlannedCell, channel: Channel, origin: Origin) -> Prepared:
        request = replace(cell.prepared.request, call_back_url=self._call_back_url)
        return replace(cell.prepared, request=request, channel=channel, origin=origin)

    @nothing_charged()
    def to_buy(
        self, max_credits: float | None, *, retry_failed: bool, partial: bool = False
    ) -> tuple[list[RunRow], list[tuple[Prepared, RunRow | None]]]:
        """The runs that there are, and the cells to buy now, each with its run; BudgetExceeded past *max_credits*, unless *partial*."""
        channel, origin = self.channel(), here()
        with self._session.begin_lock:  # no request is recorded between the two readings
            rows, bought = self._rows(), self.bought()
        todo = [
            (self._asked_now(cell, channel, origin), row)
            for cell, row in zip(self.cells.values(), rows, strict=True)
            if is_wanted(row, retry_failed=retry_failed)
        ]
        if partial and max_credits is None:
            words = "partial=True buys what fits into max_credits, and there is none."
            raise InvalidRequest(words, hint="give both; budgets always buy what fits")
        if max_credits is not None and not partial:  # what is recorded and unsent is reserved already
            new = [prepared for prepared, row in todo if row is None or row.state != State.INTENT]
            check_limit(bought, new, max_credits)
        return [row for row in rows if row is not None], todo

    def refused(
        self, asked: Definition, limits: Limits, *, partial: bool, retry_failed: bool, extend: bool
    ) -> KieError | None:
        """Why `run` would buy nothing, where it would not; nothing is sent or written."""
        before, stored = self.store.places(self._name), self.store.definition(self._name)
        found = None if extend else refusal(asked, stored, before, self.cells, self.unbought())
        if found is not None:
            return found
        try:
            rows, todo = self.to_buy(limits.max_credits, retry_failed=retry_failed, partial=partial)
            if todo and self._service == "kie":
                settings_.require_key(settings_.current())
        except KieError as exc:
            return exc
        why = self._why_stopped(rows, limits, goes_on=retry_failed, is_run=True)
        return KieError(f"{why[0].upper()}{why[1:]}.") if todo and why else None

    def ask(
        self,
        asked: Definition,
        at: Mapping[str, Any] | None,
        max_credits: float | NotGiven | None,
        failures: int | NotGiven,
        unknowns: int | NotGiven,
        *,
        drawn: bool,
    ) -> tuple[Definition, Run | None]:
        """Add the cell *at* to *asked*, by default take the next one to buy; the definition, and the cell's run, which is new or stands."""
        stops = {"stop_after_failures": failures, "stop_after_unknowns": unknowns}
        limits = Limits(max_credits=asked.max_credits).changed(max_credits=max_credits, **stops)
        goes_on = failures is not NOT_GIVEN  # those before do not count then, as of `run`
        channel = self.channel()
        wanted = None
        if at is not None:
            one = only(asked, at)
            _, found, _ = prepare_cells(self._session, one, self.store, self._made_for, None)
            key, wanted = next(iter(found.items()))
            if key not in self.cells:
                asked, self.cells = also(asked, at), {**self.cells, **found}
                self.__dict__.pop("estimate", None)
        elif self._next_to_buy() is None:
            return asked, None
        asked = self.keep(asked, extend=True, drawn=drawn)
        if wanted is None:
            wanted = self._next_to_buy()  # another handle may have bought the first one
        elif (key := wanted.prepared.fingerprint) not in self.cells:  # another handle has drawn the seed
            (wanted,) = with_seed({key: wanted}, asked.grid.fixed["seed"]).values()
        if wanted is None:
            return asked, None
        prepared = self._asked_now(wanted, channel, here())
        self._check_outcomes(prepared, limits, goes_on=goes_on)
        run, _ = self._session.begin(prepared, cell_terms=CellTerms(limits.max_credits))
        self._session.wait_for_answer(run)
        return asked, run

    def _check_outcomes(self, wanted: Prepared, limits: Limits, *, goes_on: bool) -> None:
        """Refuse to buy one more after so many failures or unknown outcomes; a run that stands for it is no purchase."""
        rows = [row for row in self._rows() if row is not None]
        if any(
            row.fingerprint == wanted.fingerprint and row.state not in FAILED and not is_to_buy(row)
            for row in rows
        ):
            return
        if why := self._why_stopped(rows, limits, goes_on=goes_on):
            hint = "exp.ask(…, stop_after_failures=…) or stop_after_unknowns=… goes on"
            raise KieError(f"Nothing was sent: {why}.", hint=hint, charged=NOTHING)

    @staticmethod
    def _why_stopped(rows: Sequence[RunRow], limits: Limits, *, goes_on: bool, is_run: bool = False) -> str:
        """Why no more is bought after *rows*, where failures before count unless one *goes_on*."""
        failures = 0 if goes_on else failures_in_a_row(rows)
        unknowns = sum(row.state == State.UNKNOWN for row in rows)
        return reason_to_stop(limits, failures=failures, unknowns=unknowns, before=failures if is_run else 0)

    def _next_to_buy(self) -> PlannedCell | None:
        pairs = zip(self.cells.values(), self.standings(), strict=True)
        return next((cell for cell, row in pairs if is_to_buy(row)), None)

    def look_for(self, rows: Sequence[RunRow]) -> list[Run]:
        """Resume what was sent, and fetch again what is missing; the runs that then are under way."""
        is_here = self._is_here()
        found = [
            self._session.handle(self._home, row)
            for row in rows
            if row.state in _LOOKED_FOR
            or (row.state == State.FETCHED and not is_here(row.video))
            or len(row.urls or ()) > 1
        ]
        for run in found:
            self._session.supervisor.ensure_driven(run, look_again=True)
        return [run for run in found if not run.is_final or self._session.supervisor.is_coming(run)]


def _fitting(cells: Sequence[PlannedCell], most: float) -> int:
    """How many of *cells*, in their order, cost no more than *most* together."""
    costs = itertools.accumulate(credits_of([cell]) or 0.0 for cell in cells)
    return sum(cost <= most + 1e-9 for cost in costs)


def _shown(identity: str) -> str:
    """Who answers, in a message."""
    service, _, address = identity.partition("@")
    return (
        f"kie via {addresses.host_of(address)}"
        if address
        else {"kie": "Kie.ai"}.get(service, f"the {service}")
    )


def _unbought(before: Places, cells: Cells, standings: Standings) -> frozenset[str]:
    if before.keys() <= cells.keys():
        return frozenset()
    found = standings(list(before))
    return frozenset(key for key in before if not is_bought(found.get(key)))


def _with_stored_seed(asked: Definition, cells: Cells, stored: Stored) -> tuple[Definition, Cells]:
    fixed, seed = asked.grid.fixed, (stored or {}).get("fixed", {}).get("seed")
    if seed in {None, fixed.get("seed")}:
        return asked, cells
    grid = replace(asked.grid, fixed={**fixed, "seed": seed})
    return replace(asked, grid=grid), with_seed(cells, seed)


def refusal(
    asked: Definition, stored: Stored, before: Collection[str], cells: Cells, unbought: Collection[str]
) -> InvalidRequest | None:
    """Why *asked* with its *cells* may not take the place of the *stored* definition with those of *before*, if it may not.

    A part of it may be run; what leaves out none but *unbought* cells may take its place.
    """
    definition = asked.to_json()
    lost = sum(1 for fingerprint in before if fingerprint not in cells and fingerprint not in unbought)
    if not lost or all(fingerprint in before for fingerprint in cells):
        return None
    told = "; ".join(differences(stored or {}, definition)[:SHOWN_DIFFERENCES])
    if not told and "image" in {**definition["fixed"], **definition["axes"]}:
        told = "a picture has other bytes than before"
    told = told or "what it leaves out has other defaults than before"
    words = f"The experiment {asked.name!r} was defined differently before ({told})"
    return InvalidRequest(
        f"{words}: {lost} of its cells are not in this grid.",
        hint="--extend, or extend=True in Python, keeps them and adds these; another name starts a new one",
    )
