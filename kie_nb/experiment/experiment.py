"""`Experiment`: a named grid of requests; only its missing cells are ever bought."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Generator, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, Self

from .. import presenter
from .. import settings as settings_
from ..bounds import as_scalar
from ..catalogue.models import DEFAULT_MODEL
from ..engine.waiting import wait_async, wait_blocking
from ..errors import SIMULATED, InvalidRequest, StillRunning, WaitInterrupted, explain_cancelled
from ..handles import Run, get_session
from ..ledger import Standing
from ..ledger.states import State
from ..notice import say_simulator_once
from ..saved import SavedFile
from ..text import in_line, say
from . import exports, lookup, spread
from .asked import Options, asked_for, check_where
from .cell_requests import check_media, prepare_cells
from .columns import Line
from .data import Cell
from .definition import Definition
from .deriving import Deriving
from .grid import Where
from .metrics import metrics as write_metrics
from .plan import Plan, plan_of, untold
from .runner import FAILURES, NOT_GIVEN, Limits, NotGiven, Runner, runners_of
from .spread import Verified, verify
from .status import FAILED, Status, failures_in_a_row, without_video
from .stored import CellRuns
from .wall import Wall
from .wall_tiles import Names

GO_ON = "exp.run(), or the %%kie_wan cell again, goes on where it stopped"


class Experiment(Deriving):
    """A named grid of requests.

    Args:
        name: Under which it is stored in the folder's ledger.
        model: A model id; by default wan/2-5-image-to-video.
        zip: Axes that advance together instead of being crossed: `("prompt", "duration")`, or several such groups.
        where: Is given a cell's place on every axis, and says whether it is wanted.
        when: Axes that belong to some values of others: `{"duration": {"resolution": "720p"}}`.
        repeats: Runs of each request.
        sample, sample_seed: So many cells of the grid, chosen at random; a larger sample has those of a smaller one.
        cells: Places that are listed, besides the crossed axes: dicts, or a data frame; `[]` where `ask` adds them.
        description: What it is for, in the file and in lists.
        max_credits: The most that all its runs may cost, where `run` is given no other limit.
        **asked: The model's fields, `image`, and the placeholders of the prompt. A list, tuple, range or row of
            numpy is an axis.

    A seed that is left out is drawn once for the experiment and stored. Prompt expansion is off unless it is asked for:
    the service would rewrite each prompt, and cells would differ by more than their axes; `plan` or `run` says so once.

    Attributes:
        definition: What it asks for.

    Raises:
        InvalidRequest: it has no meaning as it is; nothing was sent.
    """

    definition: Definition

    def __init__(
        self,
        name: str,
        *,
        model: str | None = None,
        zip: Iterable[Any] = (),  # noqa: A002 - the word for it
        where: Where | None = None,
        when: Mapping[str, Any] | None = None,
        repeats: int = 1,
        sample: int | None = None,
        sample_seed: int = 0,
        cells: Any = None,
        description: str = "",
        max_credits: float | None = None,
        **asked: Any,
    ) -> None:
        check_where(where)
        given = Options(
            model=model, zip=zip, when=when, repeats=repeats, sample=sample, sample_seed=sample_seed, cells=cells,
            description=description, max_credits=max_credits,
        )  # fmt: skip
        self._set_up(asked_for(name, asked, given), where)

    def _set_up(self, asked: Definition, where: Where | None = None) -> None:
        self.name, self.model = asked.name, asked.model
        self._session, self._made_for = get_session(), settings_.current()
        self._runner: Runner | None = None
        self._told = ""  # of cells without a video
        self._draws_seed = asked.grid.leaves_seed_out
        self._cells = CellRuns(self._session, asked.name, self._made_for)
        with asked.locating():
            self.definition, self._cells.cells, self._remarks = prepare_cells(
                self._session, asked, self._cells.store, self._made_for, where
            )

    @classmethod
    def of(cls, asked: Definition) -> Self:
        """The experiment that a definition makes."""
        new = cls.__new__(cls)
        new._set_up(replace(asked, model=asked.model or DEFAULT_MODEL))  # noqa: SLF001 - our own
        return new

    def save(self, path: str | os.PathLike[str]) -> SavedFile:
        """Write the definition as TOML: it holds no key and no path of this machine.

        Raises:
            InvalidRequest: a picture has no name by which it could be found again.
        """
        check_media(self.definition)
        if self._draws_seed:
            self.definition = self._cells.keep_seed(self.definition)
        self._tell()
        return self.definition.save(path)

    # --- reading: buys and sends nothing -----------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._cells.cells)

    def __iter__(self) -> Iterator[Run]:
        return iter(self.runs)

    @property
    def runs(self) -> list[Run]:
        """The runs of the cells that have one, in the order of the grid."""
        return [run for _, run in self.cells() if run is not None]

    def cells(self) -> list[tuple[dict[str, Any], Run | None]]:
        """The place of each cell, and its run if it has one."""
        return self._cells.runs()

    def lines(self) -> list[Line]:
        """Each cell as a row of a frame."""
        return self._cells.lines(self.definition)

    def plan(
        self,
        *,
        max_credits: float | NotGiven | None = NOT_GIVEN,
        partial: bool = False,
        retry_failed: bool = False,
        extend: bool = False,
        stop_after_failures: int = FAILURES,
    ) -> Plan:
        """The grid as a table: which cells exist, what the rest should cost, and what budgets and balance allow of it.

        With the arguments of `run` it says whether that would buy nothing, and why.

        Raises:
            InvalidRequest: it was made for another service than the one that answers now.
        """
        usual = Limits(max_credits=self.definition.max_credits)
        limits = usual.changed(max_credits=max_credits, stop_after_failures=stop_after_failures)
        how = {"partial": partial, "retry_failed": retry_failed, "extend": extend}
        return plan_of(self._cells, self.definition, self._made_for, self._remarks, limits, **how)

    def status(self) -> Status:
        """How it stands now."""
        return self.look()[0]

    def look(self) -> tuple[Status, list[tuple[dict[str, Any], Standing | None]]]:
        """The status, and the place and run of each cell, from one reading of the ledger."""
        return self._cells.look(self._runner)

    def wall(self, *, rows: Names = None, cols: Names = None) -> Wall:
        """The videos side by side under one control, as they are now; see `kie_nb.wall`."""
        return Wall(self.cells(), rows=rows, cols=cols, title=self.name)

    spread = spread.spread
    best = lookup.best
    at = lookup.at
    __getitem__ = lookup.nth
    rate = lookup.rate
    tell = lookup.tell
    to_frame = exports.to_frame
    export_data = exports.export_data
    export_crate = exports.export_crate
    log_to_mlflow = exports.log_to_mlflow
    report = exports.report
    metrics = write_metrics

    # --- buying ------------------------------------------------------------------------------------------------

    def run(
        self,
        *,
        max_credits: float | NotGiven | None = NOT_GIVEN,
        partial: bool = False,
        retry_failed: bool = False,
        extend: bool = False,
        parallel: int | NotGiven = NOT_GIVEN,
        stop_after_failures: int | NotGiven = NOT_GIVEN,
        stop_after_unknowns: int | NotGiven = NOT_GIVEN,
        call_back_url: str | None = None,
    ) -> Self:
        """Buy the cells that are missing, and return at once; `wait()` or `await` until the end.

        Videos that are not on this machine any more are fetched again, and tasks that the service did not show are looked for.
        While it is running, here or by another handle, its limits cannot be changed: call `stop` first.

        Args:
            max_credits: The most that all runs of this experiment may cost, those before included, in credits; by default that of
                the definition. Checked again before each is sent, at what the service has charged for those that are done. None
                is no limit.
            partial: Buy what fits into `max_credits`, in the order of the grid; the rest stays to come. Budgets always do so.
            retry_failed: Ask again for cells whose run has failed, also while others are under way; failed tasks are not billed.
            extend: The definition has changed: keep the earlier cells and add these. The runs of earlier cells stay in the
                ledger, `kie_nb.runs(experiment=...)` gives them; this handle has its own grid alone.
            parallel: The most that are under way at once; by default 40.
            stop_after_failures: Buy no more after this many failures in a row; by default 3. Those that ended last before
                count too, unless it is given or *retry_failed* is.
            stop_after_unknowns: Buy no more at this many unknown outcomes, earlier ones that are not settled included; by default 1.
            call_back_url: Called when a task has ended, as of `generate`: an address, or `auto`. It is no part of the definition.

        Raises:
            InvalidRequest: the experiment of this name asked for something else, it was made for another service than the
                one that answers now, or it is running with other limits; nothing was sent.
            BudgetExceeded: the missing cells would pass `max_credits`, and not *partial*; nothing was sent.
        """
        self._cells.check_process()
        self._told = ""
        running = [runner for runner in runners_of(self._cells.key) if not runner.stopped]
        usual = Limits(max_credits=self.definition.max_credits)
        limits = (running[0].limits if running else usual).changed(
            max_credits=max_credits,
            parallel=parallel,
            stop_after_failures=stop_after_failures,
            stop_after_unknowns=stop_after_unknowns,
        )
        self._cells.channel()
        if any(runner.limits != limits for runner in running):
            words = f"The experiment {self.name!r} is running with other limits, and goes on with those."
            hint = "stop it first: exp.stop() or the button of its card, then run it with the new limits"
            raise InvalidRequest(words, hint=hint, charged="")
        if self._runner in running and (not retry_failed or self._retry_meanwhile(self._runner)):
            return self
        cells = self._cells
        self.definition = cells.keep(self.definition, extend=extend, drawn=self._draws_seed)
        self._remarks += cells.ask_to_call(call_back_url)
        rows, todo = cells.to_buy(limits.max_credits, retry_failed=retry_failed, partial=partial)
        joined = cells.look_for(rows)
        say_simulator_once()
        self._tell()
        goes_on = retry_failed or stop_after_failures is not NOT_GIVEN
        failures, missing = failures_in_a_row(rows), [cell for cell, _ in todo]
        self._runner = Runner(
            *(self._session, cells.key, missing, joined, limits),
            unknowns=sum(row.state == State.UNKNOWN for row in rows),
            failures=0 if goes_on else failures,
            is_proven=not failures and any(row.state == State.FETCHED for row in rows),
        )
        self._runner.start()
        return self

    def ask(
        self,
        at: Mapping[str, Any] | None = None,
        *,
        max_credits: float | NotGiven | None = NOT_GIVEN,
        stop_after_failures: int | NotGiven = NOT_GIVEN,
        stop_after_unknowns: int | NotGiven = NOT_GIVEN,
    ) -> Run | None:
        """Ask for one cell, and return its run at once: for a loop of one's own, or Optuna's, that chooses by what it sees.

        Args:
            at: The cell's value for each field or placeholder that varies, added to the grid where it is not in it; by default the next to buy.
            max_credits, stop_after_failures, stop_after_unknowns: As of `run`.

        Returns:
            Its run, which may have ended already; None where no cell is left.

        Raises:
            KieError: as `run`, what the service refuses, and where `run` would buy no more: after failures, or an unknown outcome.
        """
        self._cells.check_process()
        say_simulator_once()
        self._tell()
        given = (max_credits, stop_after_failures, stop_after_unknowns)
        self.definition, run = self._cells.ask(self.definition, at, *given, drawn=self._draws_seed)
        return run

    def _retry_meanwhile(self, runner: Runner) -> bool:
        """Let the *runner* buy the failed cells, too; False where it has ended. Past its limit it goes on without them."""
        _, todo = self._cells.to_buy(runner.limits.max_credits, retry_failed=True)
        failed = [prepared for prepared, row in todo if row is not None and row.state in FAILED]
        added = self._session.dispatcher.submit(runner.add(failed))
        wait_blocking(added, timeout_s=None, goes_on="the experiment goes on.")
        return added.result()

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
        self._cells.check_process()
        self._cells.channel()
        return verify(self._session, run, repeats=as_scalar(repeats), yes=yes, cells=self.cells())

    def stop(self, why: str = "by you") -> None:
        """Buy no more cells, from any handle of it in this process; what was sent goes on, and its videos are fetched."""
        for runner in runners_of(self._cells.key):
            runner.stop(why)

    @property
    def is_running(self) -> bool:
        """Whether cells are still bought or under way here."""
        return self._runner is not None and self._runner.is_running

    def wait(self, timeout_s: float | None = None) -> Self:
        """Block until everything that was bought has ended; cells without a video are told on stderr.

        Args:
            timeout_s: The most to wait, in seconds; None is no limit.

        Raises:
            StillRunning: the time is up; cells are bought on.
            WaitInterrupted: you pressed ■; no more cells are bought, and tasks that were sent go on.
        """
        with self._waiting() as runner:
            if runner is not None and not wait_blocking(runner.done, timeout_s=timeout_s):
                words = f"The experiment {self.name!r} was not done after {timeout_s:g} s: {self.status()!r}. It goes on and buys its cells."
                raise StillRunning(words, hint="exp.wait() waits on; exp.stop() buys no more")
        self._tell_missing()
        return self

    def __await__(self) -> Generator[Any, None, Self]:
        return self._wait_async().__await__()

    async def _wait_async(self) -> Self:
        with self._waiting() as runner:
            if runner is not None:
                await wait_async(runner.done, timeout_s=None)
        self._tell_missing()
        return self

    def _tell_missing(self) -> None:
        """Say once which cells have no video: a script would go on as if all were there."""
        why = self._runner.stopped.rstrip(".") or "unsent" if self._runner else "exp.run() was not called"
        told = without_video(self._cells.standings(), why)
        if told and told != self._told:
            say(f"kie_nb: {self.name}: {told}", file=sys.stderr)
        self._told = told

    @contextlib.contextmanager
    def _waiting(self) -> Iterator[Runner | None]:
        """Show what a cell waits for; an interrupt buys no more."""
        self._cells.check_process()
        shown_by = presenter.current()
        if self.is_running and shown_by is not None:
            shown_by.watch_experiment(self)
        try:
            yield self._runner
        except (WaitInterrupted, KeyboardInterrupt, asyncio.CancelledError) as exc:  # ■, in any kind of cell
            self.stop()
            words = f"{self.status()!r}; no more cells are bought."
            is_free = self._made_for.service == "simulator"
            charged = SIMULATED if is_free else "what was sent goes on and is billed"
            if not isinstance(exc, asyncio.CancelledError):
                raise WaitInterrupted(words, hint=GO_ON, charged=charged) from None
            explain_cancelled(exc, words, hint=GO_ON, charged=charged)
            raise

    # --- what shows it -----------------------------------------------------------------------------------------

    def _tell(self) -> None:
        for remark in untold(self.name, self._remarks):
            say(f"kie_nb: {remark}")

    def __repr__(self) -> str:
        return in_line(f"<Experiment {self.name}: {self.status()!r}>")

    def _ipython_display_(self) -> None:
        presenter.show_result(self, lambda shown_by: shown_by.show_experiment(self))
