"""The status of an experiment: its cells by state, what they cost, and how long the rest should take; no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .. import tables
from ..catalogue import USD_PER_CREDIT
from ..engine.timing import usual_of
from ..errors import OutOfCredits
from ..ledger import RunRow, Standing
from ..ledger.money import Figures
from ..ledger.states import OPEN, UNSETTLED, WORDS, State
from ..ledger.tallies import BILLED
from ..settings import WINDOW_S
from ..text import in_line

MISSING = "missing"
GONE = "gone"
GONE_WORDS = "not on this machine"
INCOMPLETE = "incomplete"
FAILED = frozenset({State.FAIL, State.REFUSED})
UNBILLED = FAILED | {State.NOT_SENT}
# Such a run does not stand for its cell: the cell is bought like one without a run.
TO_BUY = frozenset({State.NOT_SENT, State.WRITTEN_OFF})
_NAMES = {MISSING: "to come", GONE: GONE_WORDS, INCOMPLETE: INCOMPLETE}


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """How an experiment stands now; shows itself as a line.

    Attributes:
        counts: Cells by state; "missing" has no run, the video of "gone" was fetched and is not on this machine, nor is another
            file of its task with "incomplete".
        spent: Credits of all that was bought for it, verifying and sending again included, and of cells bought elsewhere: as
            reported, or estimated while that is not known.
        reserved: Credits of its cells that are under way, by the price list.
        is_simulated: The simulator answers: nothing costs anything, and credits are what Kie.ai would charge.
        estimate: Credits of all cells by the price list; None where a price is not known.
        left_s: How long the rest should take, in seconds; None while nothing is known of that.
        unpriced: Runs of which neither price nor cost is known: `spent` does not count them.
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
    is_simulated: bool = False
    unpriced: int = 0
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
        return self._count(FAILED)

    @property
    def open(self) -> int:
        """Cells that are under way."""
        return self._count(OPEN)

    @property
    def unsettled(self) -> int:
        """Cells of unknown outcome, perhaps billed."""
        return self._count(UNSETTLED)

    @property
    def missing(self) -> int:
        """Cells that no run stands for: they were never asked for, never sent, or written off."""
        return self._count({MISSING, *TO_BUY})

    def _count(self, states: Sequence[str] | frozenset[State] | set[str]) -> int:
        return sum(self.counts.get(state, 0) for state in states)

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
        no_price = self.estimate is None and not self.spent  # what has no known price does not cost 0
        if self.is_simulated:
            credits_ = self.spent if self.estimate is None else self.estimate
            return (
                "simulated, free" if no_price else f"simulated, free (at Kie.ai about {credits_:g} credits)"
            )
        if no_price and not self.reserved and not self.at_risk:
            return "price not known here"
        estimate = f" of about {self.estimate:g}" if self.estimate is not None else ""
        risk = f", {self.at_risk:g} at risk" if self.at_risk else ""
        held = f", {self.reserved:g} more for what is under way" if self.reserved else ""
        unpriced = f" and {tables.counted(self.unpriced, 'run')} of unknown price" if self.unpriced else ""
        return f"{self.spent:g}{estimate} credits (${self.spent * USD_PER_CREDIT:.2f}){unpriced}{held}{risk}"


def state_of(row: Standing | None) -> str:
    """The state that a cell counts as."""
    if row is None:
        return MISSING
    if row.is_gone:
        return GONE
    return INCOMPLETE if row.is_incomplete else str(row.state)


def words_of(row: Standing) -> str:
    """The state of a cell's run, as it is shown."""
    state = state_of(row)
    words = _NAMES.get(state) or WORDS[State(state)]
    return f"{words}, damaged" if row.is_damaged and state != GONE else words


def is_unpaid(row: Standing | RunRow) -> bool:
    """Whether the service refused it for want of credits: it is asked for again like one that was never sent."""
    return row.state == State.REFUSED and (row.error or {}).get("class") == OutOfCredits.__name__


def is_bought(row: Standing | RunRow | None) -> bool:
    """Whether a run stands for its cell: one that failed, or was never sent, does not."""
    return row is not None and row.state not in TO_BUY | FAILED


def failures_in_a_row(rows: Sequence[RunRow]) -> int:
    """How many of the runs that ended last have failed."""
    ended = [row for row in rows if row.state in FAILED | {State.FETCHED} and not is_unpaid(row)]
    ended.sort(key=lambda row: row.completed_at or row.created_at, reverse=True)
    return next((count for count, row in enumerate(ended) if row.state not in FAILED), len(ended))


def is_to_buy(row: Standing | RunRow | None) -> bool:
    """Whether the cell of *row* is bought like one without a run."""
    return row is None or row.state in TO_BUY or is_unpaid(row)


def without_video(rows: Sequence[Standing | None], why: str) -> str:
    """Which cells have no video, and what to do; empty where every cell has one.

    Args:
        why: Cells that no run stands for were not bought.
    """
    lacking = [row for row in rows if row is None or row.state != State.FETCHED]
    to_buy = f"not bought ({why})"
    counts = Counter(to_buy if row is None or is_to_buy(row) else words_of(row) for row in lacking)
    states = {row.state for row in lacking if row is not None and not is_to_buy(row)}
    ways = [
        "exp.run() buys what is missing." if counts[to_buy] else "",
        "exp.run(retry_failed=True) asks again for what failed." if states & FAILED else "",
        "%kie resume says how to settle what is unknown." if states & UNSETTLED else "",
    ]
    told = ", ".join(f"{tables.counted(count, 'cell')} {words}" for words, count in counts.items() if count)
    return f"{told}. {' '.join(filter(None, ways))}".strip() if told else ""


def is_wanted(row: Standing | RunRow | None, *, retry_failed: bool) -> bool:
    """Whether the cell of *row* is asked for (again).

    An intention of a living process is joined by asking; one whose owner process is dead is sent.
    """
    if row is None or is_to_buy(row):
        return True
    return row.state == State.INTENT or (retry_failed and row.state in FAILED)


def status_of(
    rows: Sequence[Standing | None],
    *,
    name: str,
    bought: Figures,
    estimate: float | None,
    left: int | None,
    parallel: int,
    per_window: int,
    elapsed_s: float,
    stopped: str,
    is_simulated: bool,
) -> Status:
    """The status of the experiment *name*.

    Args:
        rows: The run that stands for each cell, or None; read before *bought*.
        bought: What all runs of the experiment cost: a cell may have cost more than the run that stands for it.
        left: Cells that are still to be bought; None while nothing is bought here: then those without a run.
    """
    counts = dict(Counter(map(state_of, rows)))
    runs = [row for row in rows if row is not None]
    elsewhere = [row for row in runs if row.experiment != name]
    open_ = [row for row in runs if row.state in OPEN]
    return Status(
        cells=len(rows),
        counts=counts,
        spent=bought.spent + sum(_cost(row) for row in elsewhere if _is_billed(row)),
        at_risk=bought.at_risk + sum(_cost(row) for row in elsewhere if row.state in UNSETTLED),
        # Of one that has ended since the rows were read, `bought.spent` counts the cost.
        reserved=min(bought.reserved, sum(row.estimate or 0.0 for row in open_)),
        estimate=estimate,
        elapsed_s=elapsed_s,
        left_s=_time_left_s(
            runs,
            counts.get(MISSING, 0) if left is None else left,
            len(open_),
            parallel=parallel,
            per_window=per_window,
        ),
        stopped=stopped,
        is_simulated=is_simulated,
        unpriced=bought.unpriced,
        damaged=sum(1 for row in runs if row.is_damaged and state_of(row) == State.FETCHED),
    )


def _cost(row: Standing) -> float:
    return row.credits if row.credits is not None else row.estimate or 0.0


def _is_billed(row: Standing) -> bool:
    return row.state in BILLED or bool(row.state == State.FAIL and row.credits)


def _time_left_s(
    runs: Sequence[Standing], missing: int, opened: int, *, parallel: int, per_window: int
) -> float | None:
    """How long the rest should take: sent no faster than the account may, and no more at once than *parallel*."""
    if not missing and not opened:
        return 0.0
    usual = usual_of([row.duration_s for row in runs if row.duration_s])
    if usual is None:
        return None
    waves = -(-(missing + opened) // parallel)
    return max(missing / per_window * WINDOW_S + usual.median, waves * usual.median)
