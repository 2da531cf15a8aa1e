"""How long the engine waits and pauses, and when it looks next at a running task; pure.

Without earlier tasks of the same kind: soon, then with growing pauses (kie-api §4.7). With them: little before the shortest
of their durations, then every tenth of the usual time, so that a finished task is noticed after half a step on average, then
with growing pauses again.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..bounds import MAX_SECONDS
from ..ledger.owner import LEASE_S
from ..service import Patience

CAP_S = 15.0
LATE_CAP_S = 60.0
LATE_S = 1800.0
LEARN_FROM = 3  # fewer durations than this say too little
STEP = 0.1
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
    # Where no earlier task is known: the first look, and how later pauses grow.
    kie_looks: tuple[float, float] = (2.5, 1.5)
    simulator_looks: tuple[float, float] = (0.6, 1.25)
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


def usual_of(durations: Sequence[float]) -> Usual | None:
    """What *durations* (seconds) teach, or None if they are too few."""
    known = sorted(value for value in durations if 0 < value <= MAX_SECONDS)
    if len(known) < LEARN_FROM:
        return None
    # A small sample has not met its extremes yet: reach a little beyond them.
    reach = 1 / math.sqrt(len(known)) * 0.2
    parts = statistics.quantiles(known, n=20, method="inclusive")
    low, median, high = parts[0] * (1 - reach), statistics.median(known), parts[-1] * (1 + reach)
    return Usual(low=low, median=median, high=high, count=len(known))


def next_look_s(
    elapsed_s: float,
    looks: int,
    usual: Usual | None,
    *,
    first_s: float = 2.0,
    growth: float = 1.5,
    shortest_s: float = 0.4,
) -> float:
    """Seconds to wait before the next look, a minute at most: what earlier tasks took may be a slip of units.

    Args:
        elapsed_s: Since the task was accepted, or since it left the queue.
        looks: How many times it was looked at since then.
    """
    if elapsed_s >= LATE_S:
        return LATE_CAP_S
    if usual is None:
        return min(CAP_S, first_s * growth ** min(looks, 20))
    step = min(CAP_S, max(shortest_s, STEP * usual.median))
    start = usual.low - step / 2
    if elapsed_s < start:
        early = start > 4 * FIRST_SIGN_S and looks == 0 and elapsed_s < FIRST_SIGN_S
        return FIRST_SIGN_S if early else min(LATE_CAP_S, start - elapsed_s)
    if elapsed_s <= usual.high:
        return step
    return min(CAP_S, step + (elapsed_s - usual.high) / 4)
