"""The session: everything that magic, panel, Python and command line share; `start` and `begin` ask for a run."""

from __future__ import annotations

import contextlib
import copyreg
import os
import secrets
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import EllipsisType
from typing import Any

from .. import settings as settings_
from ..bounds import as_scalar
from ..catalogue import rows
from ..engine.dispatcher import dispatcher
from ..engine.record import LINK_LIFE, Record
from ..engine.timing import Timing
from ..engine.transitions import ToSend, cancel_unsent, error_of
from ..engine.workers import Workers
from ..errors import InvalidRequest, KieError, LedgerError
from ..home import LEDGER
from ..ledger import RunRow
from ..ledger.money import SCOPES, CellTerms
from ..ledger.states import OPEN, UNSETTLED, State
from ..operations import films, settling
from ..requests.prepare import Prepared, check, new_run
from ..requests.provenance import here
from ..settable import is_amount
from ..text import in_line
from .begin import DryRun, Started, again, intend, look, nothing_charged, prepare, resend, to_send
from .called_back import CalledBack
from .registry import Handles
from .run import Run


@dataclass(frozen=True, kw_only=True, slots=True)
class Settled:
    """What became of a task that was named."""

    task_id: str
    run: Run | None  # that it settled, or already belonged to
    words: str  # what was done

    def __repr__(self) -> str:
        return in_line(f"task {self.task_id} {self.words}")


class Session(Handles):
    """Everything of this process: what its runs share, their live handles, and what is done with them."""

    def __init__(self, timing: Timing) -> None:
        super().__init__(timing, lambda run, yes: resend(self, run, yes=yes))
        self.called_back = CalledBack(self.supervisor)
        self.previews = Workers(1, "kie-nb-preview")
        self.measures = Workers(2, "kie-nb-measure")

    # --- asking ------------------------------------------------------------------------------------------------

    def start(
        self,
        prompt: str | None = None,
        *,
        fresh: bool = False,
        max_credits: float | None = None,
        on_start: Callable[[Started], None] | None = None,
        **asked: Any,
    ) -> Started:
        """Ask for a video, or find the run that already stands for the same request.

        Returns when the service has answered the create, or after a few seconds without waiting for it any longer; a
        refusal in that time is raised here, so that "Run All" stops.

        Args:
            prompt: What should happen.
            fresh: Buy another video even if there is one for this request.
            max_credits: The most that this run may be estimated at.
            on_start: Called as soon as the run is known, before the service has answered.
            **asked: `image`, `model`, `raw`, `call_back_url` and the model's own fields.
        """
        origin = here()  # first: git answers while the picture is read
        with nothing_charged():
            prepared = replace(prepare(self, prompt, asked), origin=origin)
            ledger = self.ledger(prepared.home)
            before = None
            with contextlib.suppress(LedgerError):  # it cannot be read, which a remark says
                before = ledger.standing(new_run(prepared)) if fresh else None
        run, how = self.begin(prepared, fresh=fresh, max_credits=max_credits)
        unsure = (_unsure(before),) if before is not None and before.state in UNSETTLED else ()
        started = Started(run=run, how=how, warnings=(*ledger.untold(), *prepared.warnings, *unsure))
        if on_start is not None:
            on_start(started)
        self.wait_for_answer(run)
        return started

    def begin(
        self,
        prepared: Prepared,
        *,
        fresh: bool = False,
        max_credits: float | None = None,
        cell_terms: CellTerms | None = None,
    ) -> tuple[Run, str]:
        """The run of a checked request, new or standing, and how it came about (see `Started`); waits for nothing.

        A cell of an experiment is bought on *cell_terms*, which are checked where the intent is recorded.
        """
        limits: dict[str, Any] = {"max_credits": max_credits, "cell_terms": cell_terms}
        record = nothing_charged()(partial(intend, self, prepared, fresh=fresh, **limits))
        with self.begin_lock:
            row, is_new = record()
            run = self.handle(prepared.home, row, is_intent=is_new)
            if not is_new and self.supervisor.is_abandoned(run):
                # It was recorded and never sent: this call sends it, with its own limits and key, or joins
                # another process that has found it at the same moment.
                cancel_unsent(run)
                row, is_new = record()
                run = self.handle(prepared.home, row)
            may_send = to_send(self, prepared) if is_new else self._joined(run, prepared, max_credits)
            is_lost = run.state is State.LOST
            how = self.supervisor.ensure_driven(run, may_send=may_send, look_again=is_lost)
            if not how:
                raise run.error or error_of(run)
            return run, "new" if is_new else how

    def _joined(self, run: Run, prepared: Prepared, max_credits: float | None) -> ToSend | None:
        """What may be sent for an intent of another process, should that die: the request that was checked here, if its own."""
        if run.state is not State.INTENT:
            return None
        request, estimate = prepared.request, prepared.request.estimate
        if prepared.seed_drawn and run.seed is not None:
            request = request.with_seed(run.seed)
        is_it = request.fingerprint(prepared.channel.identity) == run.row.fingerprint
        if not is_it or run.row.estimate != (estimate.credits if estimate else None):
            return None
        try:
            check(prepared, max_credits)
        except KieError:
            return None
        return to_send(self, replace(prepared, request=request))

    def prepare(
        self, prompt: str | None = None, *, current: settings_.Settings | None = None, **asked: Any
    ) -> Prepared:
        """Check a request and read its picture, with *current* settings for many; nothing is sent or written."""
        with nothing_charged():
            return prepare(self, prompt, asked, current)

    def dry_run(
        self,
        prompt: str | None = None,
        *,
        fresh: bool = False,
        max_credits: float | None = None,
        **asked: Any,
    ) -> DryRun:
        """What `start` would send. Sends nothing, uploads nothing, writes nothing to the ledger."""
        return look(self, prepare(self, prompt, asked), fresh=fresh, max_credits=max_credits)

    def another(self, run: Run, *, cell: int | None = None) -> Run:
        """Ask for the request of *run* with another seed, at its service and in its folder; waits for nothing.

        Args:
            run: Which one.
            cell: The number of the cell that is asked from, which need not be the last one that was run.

        Raises:
            KieError: as `begin`; BadImage where its picture is gone.
        """
        prepared = again(self, run, self.channel_of(run))
        is_seeded = prepared.request.takes_seed
        seed = secrets.choice(rows()[prepared.request.model].seeds) if is_seeded else prepared.request.seed
        request = replace(prepared.request, seed=seed, replicate=0)
        origin = replace(here(), execution_count=cell)
        asked = replace(prepared, request=request, seed_drawn=False, experiment=None, origin=origin)
        return self.begin(asked, fresh=not is_seeded)[0]  # without a seed each time gives another

    def join(self, clips: Sequence[Run | str | os.PathLike[str]], path: str | os.PathLike[str] | None) -> Run:
        """The film of *clips*, whose runs are waited for; with a *path* copied there too."""
        for clip in clips:
            if isinstance(clip, Run):
                clip.wait()
        target = None if path is None else Path(path).expanduser()
        return self.handle_of(films.join(self, clips, target))

    # --- looking -----------------------------------------------------------------------------------------------

    def resume(self) -> list[Run]:
        """Drive every open run of the current home, cancel abandoned intents, fetch missing files while their links live."""
        found = self.runs(None, states=OPEN | {State.LOST})
        ledger = self.here
        lately = ledger.now() - 2 * LINK_LIFE  # a task takes less than a day
        done = ledger.runs(states={State.FETCHED}, since=lately, limit=None)
        several = [Record(row, ledger) for row in done if len(row.urls or ()) > 1]
        found += [self.handle_of(run) for run in several if run.missing and run.link_lives]
        for run in found:
            with self.begin_lock:
                if self.supervisor.is_abandoned(run):
                    cancel_unsent(run)
                self.supervisor.ensure_driven(run, look_again=True)
        self.supervisor.push_later(ledger)
        self._await_unknown(found)
        for run in self.unsettled():
            self.called_back.wait_for(run)
        return found

    def _await_unknown(self, runs: list[Run]) -> None:
        """Wait briefly until runs whose process died while sending are recorded as unknown."""
        end = time.monotonic() + self.timing.unknown_wait_s
        sending = [run for run in runs if run.state is State.SENDING]
        dead = [run for run in sending if not run.ledger.leases.is_others(run.row)]
        while any(run.state is State.SENDING for run in dead) and time.monotonic() < end:
            time.sleep(0.02)

    def unsettled(self) -> list[Run]:
        """Runs of which it is unknown whether they were billed."""
        return self.runs(None, states=UNSETTLED)

    # --- money and settling ------------------------------------------------------------------------------------

    def settle(self, task: str | Mapping[str, Any]) -> Settled:
        """Find the run of unknown outcome that made *task*, by all that was asked, and fetch its video."""
        task_id, record, words = settling.settle(self.supervisor, task)
        return Settled(task_id=task_id, run=self.handle_of(record) if record else None, words=words)

    def budget(self, amount: float | EllipsisType | None, per: str | None) -> dict[str, float]:
        """Set or clear a limit of the current home, see `kie_nb.budget`; gives those that are set."""
        if per is not None and per not in SCOPES:
            raise InvalidRequest(f"Budget per {per!r}: use {', '.join(SCOPES)}.", charged="")
        if not isinstance(amount, EllipsisType):
            most: float | None = as_scalar(amount)
            if most is not None and not is_amount(most):
                raise InvalidRequest(f"Budget of {most!r}: use a number above 0, or None.", charged="")
            for scope in SCOPES if per is None and most is None else (per or "notebook",):
                self.here.set_limit(scope, most)
        return self.here.limits()

    def credits(self) -> float:
        """The balance at the current service, in credits."""
        channel = self.channel(settings_.current())

        async def ask() -> float:
            return await (await channel.client()).credits()

        return float(self.call(ask))


def found_again(run_id: str, home: str) -> Run:
    """The handle of a run that was pickled: in the ledger that it was in, or in the current one."""
    session, current = get_session(), settings_.current()
    for folder in dict.fromkeys((Path(home), current.home)):
        is_there = current.ledger_url or (folder / LEDGER).is_file()
        if is_there and (row := session.ledger(folder).get(run_id)) is not None:
            return session.handle(folder, row)
    names = (
        "KIE_NB_LEDGER names its database"
        if current.ledger_url
        else "KIE_NB_HOME=... names the folder of its ledger"
    )
    raise LedgerError(
        f"Run {run_id[:8]} is in no ledger that can be reached from here; it was in the folder {Path(home).name!r}.",
        hint=f"{names}; `%kie export` and `%kie import` bring runs to another machine",
        charged="nothing now",
    )


copyreg.pickle(Run, lambda run: (found_again, (run.id, str(run.ledger.home))))


def _unsure(row: RunRow) -> str:
    price = f"{row.estimate:g} credits" if row.estimate else "its price"
    return f"run {row.id[:8]} of the same request may be billed too ({price}): %kie show {row.id[:8]} tells how to settle it."


_session: Session | None = None
_session_lock = threading.Lock()


def get_session() -> Session:
    """The session of this process; a forked child gets its own."""
    global _session  # noqa: PLW0603
    with _session_lock:
        if _session is None or _session.dispatcher.pid != dispatcher().pid:
            _session = Session(Timing())
        return _session
