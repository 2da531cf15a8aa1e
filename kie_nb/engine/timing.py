"""How long the engine waits and pauses, and when it looks next at a running task; pure.

A wait is bounded by a share of the time that has passed, wherever the task may end at any moment. Before that it is looked at seldom: before
half of what the catalogue says such tasks take, or a little before the shortest of those that were seen. Each that ends teaches
the ones that still run (`Pace`). Between the usual ends looks come in steps of a part of the usual time.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..bounds import MAX_SECONDS
from ..catalogue import Request, find
from ..ledger.owner import LEASE_S
from ..service import Patience

CAP_S = 30.0  # Kie's own word for videos (kie-api §4.7)
LATE_CAP_S = 60.0
LATE_S = 1800.0
LEARN_FROM = 3  # fewer durations than this say too little to be told
LEARN_FROM_LAST = 50
STEP = 0.11  # of the usual time
# The longest wait while a task may end: a share of the time that has passed, and a bit.
SHARE, BASE_S = 0.1, 0.5
EARLY = 0.5  # of what the catalogue says: few tasks are over before
SIMULATED_S = {"5": 5.5, "10": 8.0}  # what the simulator plans for a task, at its usual speed
FIRST_SIGN_S = 3.0  # long tasks get one early look, so that the card says what the service says


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Waits, pauses and grace times, in seconds. `kie-api` is the description of the service."""

    patience: Patience = field(default_factory=Patience)  # the longest waits for replies and files
    # How long an owner may give no sign of life; all who use a ledger must agree on it.
    lease_s: float = LEASE_S
    # How long a cell waits for the answer to its create: they came in 0.33-0.91 s, uploads in 0.6-0.9 s (kie-api §3, §9).
    accept_wait_s: float = 4.0
    rate_pause_s: float = 10.0  # after a rate limit refusal: back off at least the window (kie-api §5.1)
    connect_pauses_s: tuple[float, ...] = (1.0, 3.0, 8.0)  # between tries of a create
    upload_pauses_s: tuple[float, ...] = (1.0, 3.0)  # between tries of an upload
    balance_age_s: float = 1.0  # runs that are sent together share one reading of the balance
    # For a reading of it; with the create's own time this stays below `accept_wait_s`.
    balance_wait_s: float = 1.5
    balance_rest_s: float = 20.0  # a service that does not tell the balance is not asked again by every run
    # Where no earlier task is known: the first look, and how later pauses grow at most.
    kie_looks: tuple[float, float] = (2.0, 1.6)
    simulator_looks: tuple[float, float] = (0.8, 1.6)
    shortest_look_s: float = 0.4  # between two looks where earlier tasks are known
    # How long a callback is waited for before polling takes over, where earlier tasks do not tell: they took 1-5 minutes.
    callback_wait_s: float = 120.0
    # A task that is not shown for so long, and at so many looks, is lost: "unknown task" may pass just after creation
    # (kie-api §4.6 allows 90 s).
    lost_after_s: float = 600.0
    lost_looks: int = 10
    link_pauses_s: tuple[float, ...] = (0.0, 2.0, 5.0)  # before each question for files that were not named
    fetch_pauses_s: tuple[float, ...] = (2.0, 5.0, 15.0, 40.0)  # between tries to fetch files
    # After which files are tried again that could not be fetched; links live about a day.
    fetch_again_s: float = 300.0
    store_wait_s: float = 60.0  # for a team's store to take or give a file, before it is done without it
    watch_s: float = 0.5  # between two looks at a run that another process drives
    ledger_pause_s: float = 2.0  # before a transition is written again that the ledger refused
    unknown_wait_s: float = (
        3.0  # until runs of dead processes are recorded as unknown, so that `resume` reports them
    )
    # For the answer to a create when the process ends; a little longer than it may take.
    exit_wait_s: float = 65.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Usual:
    """What earlier tasks of the same kind took at work, in seconds."""

    low: float
    median: float
    high: float
    count: int


def usual_of(durations: Sequence[float], *, least: int = LEARN_FROM) -> Usual | None:
    """What *durations* (seconds) teach, or None if they are fewer than *least*."""
    known = sorted(value for value in durations if 0 < value <= MAX_SECONDS)
    if len(known) < least:
        return None
    # A small sample has not met its extremes yet: reach beyond them.
    reach = 0.4 / math.sqrt(len(known))
    parts = statistics.quantiles(known * (2 if len(known) == 1 else 1), n=20, method="inclusive")
    low, median, high = parts[0] * (1 - reach), statistics.median(known), parts[-1] * (1 + reach)
    return Usual(low=low, median=median, high=high, count=len(known))


class Pace:
    """What is known of the times of tasks of one kind: the catalogue's word, and the tasks that have ended."""

    def __init__(self, typical_s: float | None = None, durations: Sequence[float] = ()) -> None:
        self._typical_s = typical_s or 0.0
        self.know(durations)

    def know(self, durations: Sequence[float]) -> None:
        """These tasks have ended, the newest first."""
        self._durations = list(durations[:LEARN_FROM_LAST])
        self._seen = usual_of(self._durations, least=1)

    def learn(self, duration_s: float) -> bool:
        """One more has ended; True if it took less than was to be expected, so that others may be over too."""
        before = self._seen
        self.know([duration_s, *self._durations])
        return before is None or duration_s < before.low

    @property
    def usual(self) -> Usual | None:
        """What may be told of them."""
        return usual_of(self._durations)

    def next_look_s(self, elapsed_s: float, looks: int, **timing: float) -> float:
        """`next_look_s` by what is known now."""
        return next_look_s(elapsed_s, looks, self._seen, typical_s=self._typical_s, **timing)


def typical_s(service: str, request: Request, simulator_speed: float) -> float | None:
    """How long such a task takes where the ledger has no experience; None where nobody can say."""
    if service != "simulator":
        model = find(request.model)
        return model.typical_s if model else None
    found = SIMULATED_S.get(str(request.inputs.get("duration")), SIMULATED_S["5"]) / simulator_speed
    return found if math.isfinite(found) else None


def next_look_s(
    elapsed_s: float,
    looks: int,
    usual: Usual | None,
    *,
    first_s: float = 2.0,
    growth: float = 1.6,
    shortest_s: float = 0.4,
    typical_s: float = 0.0,
) -> float:
    """Seconds to wait before the next look, a minute at most: what earlier tasks took may be a slip of units.

    Args:
        elapsed_s: Since the task was accepted, or since it left the queue.
        looks: How many times it was looked at since then.
        usual: What tasks took that have ended.
        first_s: Before the first look, where none has ended.
        growth: Of the pauses after it, at most.
        shortest_s: Between two looks.
        typical_s: What the catalogue says that such tasks take; 0 for nothing.
    """
    if not looks and elapsed_s > FIRST_SIGN_S:
        return shortest_s  # taken up from a process of before, perhaps a night later: it may be over
    if elapsed_s >= LATE_S:
        return LATE_CAP_S
    bound = min(CAP_S, BASE_S + SHARE * elapsed_s)
    if usual is None:
        pause = min(CAP_S, first_s * growth ** min(looks, 20))
        early_s = EARLY * typical_s - elapsed_s
        if early_s > 0:
            return min(pause, max(early_s, shortest_s))
        return min(pause, bound) if looks else pause
    step = max(shortest_s, min(bound, STEP * usual.median))
    start = usual.low - step / 2
    if elapsed_s < start:
        early = start > 4 * FIRST_SIGN_S and looks == 0 and elapsed_s < FIRST_SIGN_S
        return FIRST_SIGN_S if early else min(LATE_CAP_S, max(shortest_s, start - elapsed_s))
    is_usual = elapsed_s <= min(usual.high, usual.median + (usual.median - usual.low) / 2)
    return step if is_usual else max(step, bound)
