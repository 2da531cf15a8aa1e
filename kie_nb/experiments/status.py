"""How an experiment stands: its cells by state, what they cost, and how long the rest should take; no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..catalogue import USD_PER_CREDIT
from ..engine import tables
from ..engine.schedule import usual_of
from ..engine.states import OPEN, UNSETTLED, WORDS, State
from ..ledger import Standing
from ..settings import WINDOW_S
from ..text import in_line

MISSING = "missing"
GONE = "gone"
GONE_WORDS = "not on this machine"
INCOMPLETE = "incomplete"
FAILED = frozenset({State.FAIL, State.REFUSED})
UNBILLED = FAILED | {State.NOT_SENT}
# Nothing stands for such a cell any more, and nothing is open about it: it is bought as one that was never asked for.
TO_BUY = frozenset({State.NOT_SENT, State.WRITTEN_OFF})


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """How it stands now; shows itself as a line.

    Attributes:
        counts: Cells by state; "missing" has no run, the video of "gone" was fetched and is not on this machine, nor is another
            file of its task with "incomplete".
        spent: Credits of all that was bought for it, verifying and sending again included, and of cells bought elsewhere: as
            reported, or estimated while that is not known.
        reserved: Credits of what was bought and is still under way, by the price list.
        spent_beside: What of it was spent for other requests than those of its cells: to verify one, or in another grid of its name.
        reserved_beside: The same of what is reserved.
        is_simulated: The simulator answers: nothing costs anything, and credits are what Kie.ai would charge.
        estimate: Credits of all cells by the price list; None where a price is not known.
        left_s: How long the rest should take, in seconds; None while nothing is known of that.
        damaged: Cells that are done, of which a file is damaged as the service sent it.
        stopped: Why it was stopped before its end; empty if it was not.
    """

    cells: int
    counts: dict[str, int]
    spent: float
    at_risk: float
    estimate: float | None
    elapsed_s: float
    left_s: float | None
    stopped: str = ""
    reserved: float = 0.0
    spent_beside: float = 0.0
    reserved_beside: float = 0.0
    is_simulated: bool = False
    damaged: int = 0

    @property
    def done(self) -> int:
        """Cells with their video on disk, and with every other file of its task."""
        return self.counts.get(State.FETCHED, 0)

    @property
    def gone(self) -> int:
        """Cells whose video was fetched, and is not on this machine: `Experiment.run` fetches it again."""
        return self.counts.get(GONE, 0)

    @property
    def incomplete(self) -> int:
        """Cells with their video on disk, and without another file that its task has made."""
        return self.counts.get(INCOMPLETE, 0)

    @property
    def failed(self) -> int:
        """Cells whose run ended without a video and was not billed."""
        return sum(self.counts.get(state, 0) for state in FAILED)

    @property
    def open(self) -> int:
        """Cells that are under way."""
        return sum(self.counts.get(state, 0) for state in OPEN)

    @property
    def missing(self) -> int:
        """Cells that nothing stands for: they were never asked for, never sent, or written off."""
        return self.counts.get(MISSING, 0) + sum(self.counts.get(state, 0) for state in TO_BUY)

    def __repr__(self) -> str:
        states = ", ".join(
            f"{count} {_NAMES.get(name) or WORDS[State(name)]}"
            for name, count in self.counts.items()
            if count and name != State.FETCHED
        )
        left = f"; about {tables.clock(self.left_s)} left" if self.left_s else ""
        damaged = f" ({self.damaged} with a damaged file)" if self.damaged else ""
        head = f"{self.done} of {tables.counted(self.cells, 'cell')} done{damaged}{f', {states}' if states else ''}"
        return in_line(f"{head}; {self._money}{left}{f'; stopped: {self.stopped}' if self.stopped else ''}")

    @property
    def _money(self) -> str:
        if self.is_simulated:
            return f"simulated, free (at Kie.ai about {self.spent if self.estimate is None else self.estimate:g} credits)"
        estimate = f" of about {self.estimate:g}" if self.estimate is not None else ""
        risk = f", {self.at_risk:g} at risk" if self.at_risk else ""
        held = f", {self.reserved:g} more for what is under way" if self.reserved else ""
        return (
            f"{self.spent:g}{estimate} credits (${self.spent * USD_PER_CREDIT:.2f}){self.beside}{held}{risk}"
        )

    @property
    def beside(self) -> str:
        """In words, what of the money is not that of the cells; empty where there is nothing of it."""
        if not self.spent_beside:
            return ""
        return f", {self.spent_beside:g} of the {self.spent:g} for other runs than those of these cells, such as verifying"


_NAMES = {MISSING: "to come", GONE: GONE_WORDS, INCOMPLETE: INCOMPLETE}


def count(rows: Sequence[Standing | None]) -> dict[str, int]:
    """Cells by state."""
    return dict(Counter(map(_kind, rows)))


def _kind(row: Standing | None) -> str:
    if row is None:
        return MISSING
    if row.is_gone:
        return GONE
    return INCOMPLETE if row.is_incomplete else str(row.state)


def words_of(row: Standing) -> str:
    """The state of a cell's run, as it is shown."""
    if row.is_gone:
        return GONE_WORDS
    words = INCOMPLETE if row.is_incomplete else WORDS[State(row.state)]
    return f"{words}, damaged" if row.is_damaged else words


def money(rows: Sequence[Standing | None]) -> tuple[float, float]:
    """Credits that were spent, and that are at risk."""
    spent = at_risk = 0.0
    for row in rows:
        if row is None:
            continue
        cost = row.credits if row.credits is not None else row.estimate or 0.0
        if row.state in UNSETTLED:
            at_risk += cost
        elif row.state in {State.SUCCESS, State.FETCHED, State.WRITTEN_OFF} or (
            row.state == State.FAIL and row.credits
        ):
            spent += cost
    return spent, at_risk


def is_wanted(state: str, *, retry_failed: bool) -> bool:
    """Whether a cell is asked for (again): nothing stands for it, it was never sent, or it has failed and that is wanted.

    What a living process is about to send is joined by asking; what a dead one has left is sent.
    """
    if state in TO_BUY | {State.INTENT}:
        return True
    return retry_failed and state in FAILED


def time_left_s(
    missing: int, opened: int, *, usual_s: float | None, parallel: int, per_window: int, window_s: float
) -> float | None:
    """How long the rest should take: sent no faster than the account may, and no more at once than *parallel*."""
    if not missing and not opened:
        return 0.0
    if usual_s is None:
        return None
    sending = missing / per_window * window_s
    waves = -(-(missing + opened) // parallel)
    return max(sending + usual_s, waves * usual_s)


def of(
    rows: Sequence[Standing | None],
    *,
    estimate: float | None,
    left: int | None,
    parallel: int,
    per_window: int,
    elapsed_s: float,
    stopped: str,
) -> Status:
    """How cells with these runs stand.

    Args:
        rows: The run that stands for each cell, or None.
        left: Cells that are still to be bought; None while nothing is bought here: then those without a run.
    """
    counts = count(rows)
    spent, at_risk = money(rows)
    usual = usual_of([row.duration_s for row in rows if row is not None and row.duration_s])
    left_s = time_left_s(
        counts.get(MISSING, 0) if left is None else left,
        sum(1 for row in rows if row is not None and row.state in OPEN),
        usual_s=usual.median if usual else None,
        parallel=parallel,
        per_window=per_window,
        window_s=WINDOW_S,
    )
    return Status(
        cells=len(rows),
        counts=counts,
        spent=spent,
        at_risk=at_risk,
        estimate=estimate,
        elapsed_s=elapsed_s,
        left_s=left_s,
        stopped=stopped,
        damaged=sum(1 for row in rows if row is not None and row.is_damaged and _kind(row) == State.FETCHED),
    )
