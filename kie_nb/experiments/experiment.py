"""`Experiment`: a named grid of requests; only its missing cells are ever bought."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from .. import presenter
from .. import settings as settings_
from ..catalogue.wan import DEFAULT_MODEL
from ..engine.states import OPEN, State
from ..engine.waiting import wait_async, wait_blocking
from ..errors import SIMULATED, InvalidRequest, StillRunning, WaitInterrupted, explain_cancelled
from ..handles import Prepared, Run, get_session
from ..ledger import RunRow
from ..notice import say_simulator_once
from ..requests.prepare import check_number
from ..requests.provenance import here
from ..text import in_line, say
from . import status as status_
from .cells import as_axis, check_pictures, prepare_cells, settled
from .data import Cell
from .definition import Definition
from .definition_store import keep, keep_seed, with_seed
from .grid import Grid, Where
from .limit import NOT_GIVEN, NotGiven, check_limit, check_whole
from .looking import PARALLEL, Looking
from .plan import Remarks
from .runner import Runner
from .spread import Spread, Verified, spread_of, verify
from .wall import Wall
from .wall_layout import Names

FAILURES, UNKNOWNS = 3, 1
USUAL_LIMITS: dict[str, Any] = {
    "max_credits": None,
    "parallel": PARALLEL,
    "stop_after_failures": FAILURES,
    "stop_after_unknowns": UNKNOWNS,
}
TAKING_BACK_S = 10.0
GO_ON = "exp.run() goes on where it stopped"
LOOKED_FOR = OPEN - {State.INTENT} | {State.LOST}


class Experiment(Looking):
    """A named grid of requests.

    Args:
        name: Under which it is kept in the folder's ledger.
        model: A model id; by default wan/2-5-image-to-video.
        zip: Axes that go side by side instead of being crossed: `("prompt", "duration")`, or several such groups.
        where: Is given a cell's place on every axis, and says whether it is wanted.
        repeats: Runs of each request.
        **asked: The model's fields, `image`, and the placeholders of the prompt. A list, tuple, range or row of
            numpy is an axis.

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
        axes = {key: values for key, value in asked.items() if (values := as_axis(value)) is not None}
        fixed = {key: value for key, value in asked.items() if key not in axes}
        grid = Grid(axes=axes, fixed=fixed, zipped=_groups(zip), repeats=repeats)
        self._set_up(name.strip(), model or DEFAULT_MODEL, grid, where, dropped=())

    def _set_up(
        self, name: str, model: str, grid: Grid, where: Where | None, dropped: Sequence[Mapping[str, Any]]
    ) -> None:
        self.name, self.model = name, model
        self._session = get_session()
        self._made_for = settings_.current()
        self._identity = self._session.channel(self._made_for).identity
        self._runner: Runner | None = None
        self._limits = USUAL_LIMITS
        self._started = 0.0
        self._seed_is_left_out = "seed" not in grid.axes and grid.fixed.get("seed") is None
        shelf = self._shelf
        self._grid, remarks = settled(model, grid, shelf.definition(name) or {})
        self._cells, self._dropped, more = prepare_cells(
            self._session,
            name,
            model,
            self._grid,
            where=where,
            dropped=dropped,
            kept=shelf.places(name),
            current=self._made_for,
        )
        self._remarks = Remarks(name, (*remarks, *more))

    @classmethod
    def load(cls, path: str | os.PathLike[str], *, allow_outside: bool = False) -> Experiment:
        """The experiment that `save` has written; a picture is looked for beside the file, then from the notebook's folder.

        Args:
            path: The file; it may be anybody's.
            allow_outside: Take pictures outside the file's folder without asking; else their paths are shown and asked about.

        Raises:
            InvalidRequest: the file cannot be read, has no meaning, or its pictures were not agreed to.
        """
        found = Definition.load(path, allow_outside=allow_outside)
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
        if self._seed_is_left_out:
            self._take_seed(keep_seed(self._shelf, self.name, self.definition.to_json()))
        self._tell()
        return self.definition.save(path)

    # --- the grid ----------------------------------------------------------------------------------------------

    @property
    def definition(self) -> Definition:
        """What it asks for."""
        return Definition(name=self.name, model=self.model, grid=self._grid, dropped=self._dropped)

    # --- looking -----------------------------------------------------------------------------------------------

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
            InvalidRequest: it was not agreed to, there is no such video, or another service answers now; nothing was sent.
            WaitInterrupted: you pressed ■; what was bought goes on, and the same call finds it.
        """
        self._check_process()
        self._channel()
        return verify(self._session, run, repeats=repeats, yes=yes, cells=self.cells())

    # --- running -----------------------------------------------------------------------------------------------

    def run(
        self,
        *,
        max_credits: float | NotGiven | None = NOT_GIVEN,
        retry_failed: bool = False,
        extend: bool = False,
        parallel: int | NotGiven = NOT_GIVEN,
        stop_after_failures: int | NotGiven = NOT_GIVEN,
        stop_after_unknowns: int | NotGiven = NOT_GIVEN,
    ) -> Self:
        """Buy the cells that are missing, and return at once; `wait()` or `await` see it to the end.

        Videos that are not on this machine any more are fetched again, and tasks that the service did not show are looked for.
        Of one that is running, what is not sent yet goes on under limits that are given now; those left out stay as they are.

        Args:
            max_credits: The most that all runs of this experiment may cost, those before included, in credits. Asked again
                before each is sent, at what the service has charged for those that are done. None, as by default, is no limit.
            retry_failed: Ask again for cells whose run has failed, also while others are under way; failed tasks are not billed.
            extend: The definition has changed: keep the earlier cells and add these. The runs of earlier cells stay in the
                ledger, `kie_nb.runs(experiment=...)` gives them; this handle has its own grid alone.
            parallel: The most that are under way at once; by default 40.
            stop_after_failures: So many failures in a row, and no more is bought; by default 3.
            stop_after_unknowns: So many unknown outcomes, and no more is bought; by default 1. Those not settled yet count.

        Raises:
            InvalidRequest: the experiment of this name asked for something else, or it was made for another service than the
                one that answers now; nothing was sent.
            BudgetExceeded: the missing cells would pass `max_credits`; nothing was sent.
        """
        self._check_process()
        counts = {
            "parallel": parallel,
            "stop_after_failures": stop_after_failures,
            "stop_after_unknowns": stop_after_unknowns,
        }
        given: dict[str, Any] = {name: value for name, value in counts.items() if value is not NOT_GIVEN}
        check_whole(**given)
        if max_credits is not NOT_GIVEN:
            check_number(max_credits)
            given["max_credits"] = max_credits
        self._channel()
        limits = USUAL_LIMITS | given
        if self.is_running and self._runner is not None:
            if not self._runner.stopped:
                limits = self._limits | given
                if limits == self._limits and (not retry_failed or self._retry_meanwhile(self._runner)):
                    return self
                self._runner.stop("other limits were given")
            # It still fetches what it has sent, while this goes on with what it has taken back.
            wait_blocking(
                self._runner.taken_back, timeout_s=TAKING_BACK_S, goes_on="no more cells are bought."
            )
        self._keep(extend=extend)
        rows = self._rows()
        todo = self._to_buy(rows, limits["max_credits"], retry_failed=retry_failed)
        gone = self._gone(row for row in rows if row is not None)
        joined = [
            self._session.handle(self._home, row)
            for row in rows
            if row is not None and (row.state in LOOKED_FOR or row.id in gone or len(row.urls or ()) > 1)
        ]
        for run in joined:
            self._session.supervisor.ensure_driven(run, look_again=True)
        say_simulator_once()
        self._tell()
        self._started = time.monotonic()
        self._runner = Runner(
            self._session,
            [prepared for prepared, _ in todo],
            [run for run in joined if not run.is_final or self._session.supervisor.is_coming(run)],
            unknowns=sum(1 for row in rows if row is not None and row.state == State.UNKNOWN),
            **limits,
        )
        self._limits = limits
        self._runner.start()
        return self

    def _to_buy(
        self, rows: Sequence[RunRow | None], max_credits: float | None, *, retry_failed: bool
    ) -> list[tuple[Prepared, RunRow | None]]:
        """The cells that are asked for now, each with the run that it has.

        Raises:
            BudgetExceeded: they would pass *max_credits*.
        """
        channel, origin = self._channel(), here()
        todo = [
            (replace(cell.prepared, channel=channel, origin=origin), row)
            for cell, row in zip(self._cells.values(), rows, strict=True)
            if row is None or status_.is_wanted(row.state, retry_failed=retry_failed)
        ]
        if max_credits is not None:  # an intention that somebody left is reserved already
            new = [prepared for prepared, row in todo if row is None or row.state != State.INTENT]
            check_limit(self._bought(), new, max_credits)
        return todo

    def _retry_meanwhile(self, runner: Runner) -> bool:
        """Let the go that is under way buy the cells that have failed, too; False where it has come to its end.

        Raises:
            BudgetExceeded: with them its limit would be passed; it goes on without them.
        """
        todo = self._to_buy(self._rows(), self._limits["max_credits"], retry_failed=True)
        failed = [
            prepared for prepared, row in todo if row is not None and State(row.state) in status_.FAILED
        ]
        taken = self._session.dispatcher.submit(runner.take_up(failed))
        wait_blocking(taken, timeout_s=None, goes_on="the experiment goes on.")
        return taken.result()

    def stop(self) -> None:
        """Buy no more cells; tasks that were sent go on, and their videos are fetched."""
        if self._runner is not None:
            self._runner.stop("you stopped it")

    def wait(self, timeout_s: float | None = None) -> Self:
        """Block until all that was begun has ended.

        Args:
            timeout_s: The most to wait, in seconds; None for ever.

        Raises:
            StillRunning: the time is up; cells are bought on.
            WaitInterrupted: you pressed ■; no more cells are bought, and tasks that were sent go on.
        """
        self._check_process()
        if self._runner is not None:
            self._show_meanwhile()
            try:
                if not wait_blocking(self._runner.done, timeout_s=timeout_s):
                    raise StillRunning(
                        f"{self.name} was not done after {timeout_s:g} s: {self.status()!r}. It goes on, and buys its cells.",
                        hint="exp.wait() waits on; exp.stop() buys no more",
                    )
            except WaitInterrupted:
                raise WaitInterrupted(self._stopped_by_hand(), hint=GO_ON, charged=self._charged) from None
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        return self._wait_async().__await__()

    async def _wait_async(self) -> Self:
        self._check_process()
        if self._runner is not None:
            self._show_meanwhile()
            try:
                await wait_async(self._runner.done, timeout_s=None)
            except (asyncio.CancelledError, KeyboardInterrupt) as exc:  # what ■ makes of a cell that awaits
                words = self._stopped_by_hand()
                if isinstance(exc, KeyboardInterrupt):
                    raise WaitInterrupted(words, hint=GO_ON, charged=self._charged) from None
                explain_cancelled(exc, words, hint=GO_ON, charged=self._charged)
                raise
        return self

    def _stopped_by_hand(self) -> str:
        """Buy no more, and give the status in words."""
        self.stop()
        return f"{self.status()!r}; no more cells are bought."

    @property
    def _charged(self) -> str:
        """What the tasks cost that are no longer waited for, in words."""
        return SIMULATED if self._made_for.service == "simulator" else "what was sent goes on and is billed"

    def _show_meanwhile(self) -> None:
        """A cell that waits shows what it waits for, and can be told to buy no more."""
        shown_by = presenter.current()
        if self.is_running and shown_by is not None:
            shown_by.watch_experiment(self)

    def _keep(self, *, extend: bool) -> None:
        """Store the definition, or refuse one that differs from the stored one."""
        while True:
            asked = self.definition.to_json()
            seed = keep(
                self._shelf, self.name, asked, self._cells, extend=extend, drawn=self._seed_is_left_out
            )
            if seed is None:
                return
            self._take_seed(seed)

    def _take_seed(self, seed: int | None) -> None:
        """Use the stored *seed* in place of the one drawn here."""
        if seed is not None:
            self._grid = replace(self._grid, fixed={**self._grid.fixed, "seed": seed})
            self._cells = with_seed(self._cells, seed)

    def _tell(self) -> None:
        for remark in self._remarks.untold():
            say(f"kie_nb: {remark}")

    # --- what shows it -----------------------------------------------------------------------------------------

    @property
    def is_running(self) -> bool:
        """Whether cells are still bought or under way here."""
        return self._runner is not None and not self._runner.done.done()

    def __repr__(self) -> str:
        return in_line(f"<Experiment {self.name}: {self.status()!r}>")

    def _ipython_display_(self) -> None:
        shown_by = presenter.current()
        if shown_by is not None:
            shown_by.show_experiment(self)
        else:
            say(repr(self))  # there is no notebook to show it in


def _groups(given: Iterable[Any]) -> tuple[tuple[str, ...], ...]:
    """`zip=` as groups: one group of names, or several."""
    found = list(given)
    if found and all(isinstance(name, str) for name in found):
        return (tuple(found),)
    return tuple(tuple(group) for group in found)
