"""`Experiment`: a named grid of requests; only its missing cells are ever bought."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from .. import _hooks
from .. import settings as settings_
from ..catalogue.wan import DEFAULT_MODEL
from ..engine import Run, get_session
from ..engine.answering import say_simulator_once
from ..engine.bridge import wait_async, wait_blocking
from ..engine.facts import Recorded
from ..engine.origin import here
from ..engine.states import OPEN, State
from ..errors import InvalidRequest, WaitInterrupted
from ..ledger import Experiments, RunRow, Standing
from ..ledger.money import Figures
from . import status as status_
from .cells import check_pictures, prepare_cells, settled
from .data import Cell
from .definition import Definition
from .exports import Exports
from .grid import Grid, Where
from .judging import Spread, Verified, spread_of, verify
from .keeping import keep, with_seed
from .limit import check_limit
from .plan import Plan, Remarks
from .runner import Runner
from .wall import Wall
from .wall_layout import Names

PARALLEL = 40
TAKING_BACK_S = 10.0
AXIS_TYPES = (list, tuple, range)


class Experiment(Exports):
    """A named grid of requests.

    Args:
        name: Under which it is kept in the folder's ledger.
        model: A model id; by default wan/2-5-image-to-video.
        zip: Axes that go side by side instead of being crossed: `("prompt", "duration")`, or several such groups.
        where: Is given a cell's place on every axis, and says whether it is wanted.
        repeats: Runs of each request.
        **asked: The model's fields, `image`, and the placeholders of the prompt. A list, tuple or range is an axis.

    A seed that is left out is drawn once for the experiment and kept. Prompt expansion is off unless it is asked for:
    the service would rewrite each prompt, and cells would differ by more than their axes; `plan` or `run` says so once.

    Raises:
        InvalidRequest: it has no meaning as it is; nothing was sent.
    """

    def __init__(
        self,
        name: str,
        *,
        model: str | None = None,
        zip: Iterable[Any] = (),  # noqa: A002 - the word for it
        where: Where | None = None,
        repeats: int = 1,
        **asked: Any,
    ) -> None:
        if not name.strip():
            raise InvalidRequest("an experiment needs a name.", charged="")
        axes = {key: tuple(value) for key, value in asked.items() if isinstance(value, AXIS_TYPES)}
        fixed = {key: value for key, value in asked.items() if key not in axes}
        grid = Grid(axes=axes, fixed=fixed, zipped=_groups(zip), repeats=repeats)
        self._set_up(name.strip(), model or DEFAULT_MODEL, grid, where, dropped=())

    def _set_up(
        self, name: str, model: str, grid: Grid, where: Where | None, dropped: Sequence[Mapping[str, Any]]
    ) -> None:
        self.name, self.model = name, model
        self._session = get_session()
        self._runner: Runner | None = None
        self._started = 0.0
        self._listeners: list[Callable[[], None]] = []
        self._seed_is_left_out = "seed" not in grid.axes and grid.fixed.get("seed") is None
        shelf = self._shelf
        self._grid, remarks = settled(model, grid, shelf.definition(name) or {})
        self._cells, self._dropped, more = prepare_cells(
            self._session, name, model, self._grid, where=where, dropped=dropped, kept=shelf.places(name)
        )
        self._remarks = Remarks(name, (*remarks, *more))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Experiment:
        """The experiment that `save` has written; a picture is looked for from the notebook's folder, then beside the file.

        Raises:
            InvalidRequest: the file cannot be read, or has no meaning.
        """
        found = Definition.load(path)
        new = cls.__new__(cls)
        new._set_up(  # noqa: SLF001 - our own
            found.name, found.model or DEFAULT_MODEL, found.grid, None, found.dropped
        )
        return new

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the definition as TOML: it holds no key and no path of this machine.

        Raises:
            InvalidRequest: a picture has no name by which it could be found again.
        """
        check_pictures(self._grid)
        return self.definition.save(path)

    # --- the grid ----------------------------------------------------------------------------------------------

    @property
    def definition(self) -> Definition:
        """What it asks for."""
        return Definition(name=self.name, model=self.model, grid=self._grid, dropped=self._dropped)

    @property
    def _shelf(self) -> Experiments:
        current = settings_.current()
        channel = self._session.channel(current)
        return Experiments(self._session.ledger(current.home).database, channel.identity)

    # --- looking -----------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._cells)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    @property
    def runs(self) -> list[Run]:
        """The runs of the cells that have one, in the order of the grid."""
        home = settings_.current().home
        return [self._session.handle(home, row) for row in self._rows() if row is not None]

    def cells(self) -> list[tuple[dict[str, Any], Run | None]]:
        """The place of each cell, and its run if it has one."""
        home = settings_.current().home
        return [
            (cell.place, self._session.handle(home, row) if row is not None else None)
            for cell, row in zip(self._cells.values(), self._rows(), strict=True)
        ]

    def _rows(self) -> list[RunRow | None]:
        found = self._shelf.runs(list(self._cells))
        return [found.get(fingerprint) for fingerprint in self._cells]

    def _recorded(self) -> list[tuple[dict[str, Any], Recorded | None]]:
        """`cells`, as the ledger has their runs."""
        return [
            (cell.place, Recorded(row) if row is not None else None)
            for cell, row in zip(self._cells.values(), self._rows(), strict=True)
        ]

    def _standings(self) -> list[Standing | None]:
        """The same, as much of it as is looked at each second."""
        found = self._shelf.standings(list(self._cells))
        return [found.get(fingerprint) for fingerprint in self._cells]

    def plan(self) -> Plan:
        """The grid as a table: which cells exist, what the rest should cost, and how long sending it takes."""
        return Plan(
            name=self.name,
            cells=tuple(self._cells.values()),
            rows=tuple(self._standings()),
            per_window=settings_.current().creates_per_window,
            remarks=self._remarks.untold(),
            is_simulated=settings_.current().service == "simulator",
        )

    def status(self) -> status_.Status:
        """How it stands now."""
        return self.look()[0]

    def look(self) -> tuple[status_.Status, list[tuple[dict[str, Any], Standing | None]]]:
        """How it stands now, and the place and the standing run of each cell, by one reading of the ledger."""
        rows = self._standings()
        places = [cell.place for cell in self._cells.values()]
        return self._status(rows), list(zip(places, rows, strict=True))

    def _status(self, rows: Sequence[Standing | None]) -> status_.Status:
        current, bought = settings_.current(), self._bought()
        found = status_.of(
            rows,
            estimate=self._estimate,
            left=self._runner.left if self._runner else None,
            parallel=PARALLEL,
            per_window=current.creates_per_window,
            elapsed_s=time.monotonic() - self._started if self._started else 0.0,
            stopped=self._runner.stopped if self._runner else "",
        )
        spent, at_risk = status_.money(
            [row for row in rows if row is not None and row.experiment != self.name]
        )
        return replace(
            found,
            spent=bought.spent + spent,
            at_risk=bought.at_risk + at_risk,
            reserved=bought.reserved,
            is_simulated=current.service == "simulator",
        )

    def _bought(self) -> Figures:
        """All that was bought for it: a cell may have cost more than the run that stands for it."""
        current = settings_.current()
        return self._session.ledger(current.home).figures(
            current.service, scope="experiment", value=self.name
        )

    @cached_property
    def _estimate(self) -> float | None:
        estimates = [cell.prepared.request.estimate for cell in self._cells.values()]
        return None if None in estimates else sum(found.credits for found in estimates if found)

    def wall(self, *, rows: Names = None, cols: Names = None) -> Wall:
        """The videos side by side under one control, as they are now; see `kie_nb.wall`."""
        return Wall(self.cells(), rows=rows, cols=cols, title=self.name)

    # --- judging -----------------------------------------------------------------------------------------------

    def spread(self) -> Spread:
        """Whether different seeds make a visible difference: the median distance between their videos."""
        return spread_of(self._session, self.cells())

    def verify(self, run: Run | Cell, *, repeats: int = 1, yes: bool = False) -> Verified:
        """Buy the same request again and say how alike the videos are, set against what different seeds do.

        Args:
            run: A finished run of this experiment, or any other; or one of `cells()`.
            repeats: How many more runs of its request are compared, from 1; those there already are not bought again.
            yes: Go on without asking; else what it buys is asked about once. Its price is said anyway.

        Raises:
            InvalidRequest: it was not agreed to, or there is no such video; nothing was sent.
            WaitInterrupted: you pressed ■; what was bought goes on, and the same call finds it.
        """
        return verify(self._session, run, repeats=repeats, yes=yes, cells=self.cells())

    # --- running -----------------------------------------------------------------------------------------------

    def run(
        self,
        *,
        max_credits: float | None = None,
        retry_failed: bool = False,
        extend: bool = False,
        parallel: int = PARALLEL,
        stop_after_failures: int = 3,
        stop_after_unknowns: int = 1,
    ) -> Self:
        """Buy the cells that are missing, and return at once; `wait()` or `await` see it to the end.

        Args:
            max_credits: The most that all runs of this experiment may cost, those before included, in credits.
            retry_failed: Ask again for cells whose run has failed; failed tasks are not billed.
            extend: The definition has changed: keep the earlier cells and add these.
            parallel: The most that are under way at once.
            stop_after_failures: So many failures in a row, and no more is bought.
            stop_after_unknowns: So many unknown outcomes, and no more is bought.

        Raises:
            InvalidRequest: the experiment of this name asked for something else; nothing was sent.
            BudgetExceeded: the missing cells would pass `max_credits`; nothing was sent.
        """
        if self.is_running and self._runner is not None:
            if not self._runner.stopped:
                return self
            # It still fetches what it has sent, while this goes on with what it has taken back.
            self._runner.has_taken_back.wait(TAKING_BACK_S)
        self._keep(extend=extend)
        rows = self._rows()
        origin = here()
        todo = [
            (replace(cell.prepared, origin=origin), row)
            for cell, row in zip(self._cells.values(), rows, strict=True)
            if row is None or status_.is_wanted(row.state, retry_failed=retry_failed)
        ]
        if max_credits is not None:  # an intention that somebody left is reserved already
            new = [prepared for prepared, row in todo if row is None or row.state != State.INTENT]
            check_limit(self._bought(), new, max_credits)
        home = settings_.current().home
        joined = [
            self._session.handle(home, row)
            for row in rows
            if row is not None and row.state in OPEN - {State.INTENT}
        ]
        for run in joined:
            self._session.revive(run)
        say_simulator_once()
        for remark in self._remarks.untold():
            print(f"kie_nb: {remark}")  # noqa: T201 - said in the cell, or where the script runs
        self._started = time.monotonic()
        self._runner = Runner(
            self._session,
            [prepared for prepared, _ in todo],
            [run for run in joined if not run.is_final],
            parallel=parallel,
            stop_after_failures=stop_after_failures,
            stop_after_unknowns=stop_after_unknowns,
            changed=self._notify,
        )
        self._runner.start()
        return self

    def stop(self) -> None:
        """Buy no more cells; tasks that were sent go on, and their videos are fetched."""
        if self._runner is not None:
            self._runner.stop("you stopped it")

    def wait(self, timeout_s: float | None = None) -> Self:
        """Block until all that was begun has ended.

        Raises:
            WaitInterrupted: you pressed ■; no more cells are bought, and tasks that were sent go on.
        """
        if self._runner is not None:
            self._show_meanwhile()
            try:
                wait_blocking(self._runner.done, timeout_s=timeout_s)
            except WaitInterrupted:
                self.stop()
                raise WaitInterrupted(
                    f"{self.status()!r}; no more cells are bought.", hint="exp.run() goes on where it stopped"
                ) from None
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        return self._wait_async().__await__()

    async def _wait_async(self) -> Self:
        if self._runner is not None:
            self._show_meanwhile()
            await wait_async(self._runner.done, timeout_s=None)
        return self

    def _show_meanwhile(self) -> None:
        """A cell that waits shows what it waits for, and can be told to buy no more."""
        if self.is_running and _hooks.watch_experiment is not None:
            _hooks.watch_experiment(self)

    def _keep(self, *, extend: bool) -> None:
        """Write the definition down, or refuse one that is not what was kept."""
        while True:
            asked = self.definition.to_json()
            seed = keep(
                self._shelf, self.name, asked, self._cells, extend=extend, drawn=self._seed_is_left_out
            )
            if seed is None:
                return
            self._grid = replace(self._grid, fixed={**self._grid.fixed, "seed": seed})
            self._cells = with_seed(self._cells, seed)

    # --- what shows it -----------------------------------------------------------------------------------------

    def listen(self, listener: Callable[[], None]) -> None:
        """Call *listener* on the dispatcher's thread at every change."""
        self._listeners.append(listener)

    def unlisten(self, listener: Callable[[], None]) -> None:
        """Stop calling it."""
        if listener in self._listeners:
            self._listeners.remove(listener)

    @property
    def is_running(self) -> bool:
        """Whether cells are still bought or under way here."""
        return self._runner is not None and not self._runner.done.done()

    def _notify(self) -> None:
        for listener in list(self._listeners):
            listener()

    def __repr__(self) -> str:
        return f"<Experiment {self.name}: {self.status()!r}>"

    def _ipython_display_(self) -> None:
        if _hooks.show_experiment is not None:
            _hooks.show_experiment(self)
        else:
            print(repr(self))  # noqa: T201 - asked for by word, with no notebook to show it in


def _groups(given: Iterable[Any]) -> tuple[tuple[str, ...], ...]:
    """`zip=` as groups: one group of names, or several."""
    found = list(given)
    if found and all(isinstance(name, str) for name in found):
        return (tuple(found),)
    return tuple(tuple(group) for group in found)
