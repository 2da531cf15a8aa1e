"""How long the engine waits and pauses, and when it looks next at a running task; pure.

Without experience: soon, then ever more slowly (kie-api §4.7). With the durations of earlier tasks of the same kind:
hardly before the shortest of them, then in steps of a tenth of the usual time, so that a finished task waits half a step
in the middle, then more slowly again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from ..bounds import MAX_SECONDS
from ..ledger.owner import LEASE_S
from ..service import Patience


@dataclass(frozen=True, kw_only=True, slots=True)
class Timing:
    """Waits, pauses and grace times, in seconds. `kie-api` is the description of the service.

    Attributes:
        patience: The longest waits for replies and files.
        lease_s: How long an owner of runs may give no sign of life; all who use a ledger must agree on it.
        accept_wait_s: How long a cell waits for the answer to its create: they came in 0.33-0.91 s, uploads in 0.6-0.9 s
            (kie-api §3, §9).
        rate_pause_s: After a rate limit refusal: back off at least the window (kie-api §5.1).
        connect_pauses_s: Between tries of a create that found no connection.
        upload_pauses_s: Between tries of an upload.
        balance_age_s: Runs that are sent together share one reading of the balance.
        balance_wait_s: For a reading of it; with the create's own time this stays below `accept_wait_s`.
        balance_rest_s: A service that does not tell the balance is not asked again by every run.
        kie_looks: First look at a task after so long, and the growth of later pauses, where no earlier task is known.
        simulator_looks: The same for the simulator's tasks.
        shortest_look_s: The shortest pause between two looks where earlier tasks are known.
        lost_after_s: A task that is not shown for so long, and at `lost_looks` looks, is lost: "unknown task" may pass just after
            creation (kie-api §4.6 allows 90 s).
        lost_looks: See `lost_after_s`.
        link_pauses_s: Before each question for the files of a task that succeeded and named none.
        fetch_pauses_s: Between tries to fetch files.
        fetch_again_s: After which files are tried again that could not be fetched; their links live about a day.
        watch_s: Between two looks at a run that another process drives.
        ledger_pause_s: Before a transition is written again that the ledger refused.
        judged_wait_s: For runs of dead processes to become unknown, so that `resume` tells it.
        exit_wait_s: For the answer to a create when the process ends; a little longer than it may take.
    """

    patience: Patience = field(default_factory=Patience)
    lease_s: float = LEASE_S
    accept_wait_s: float = 4.0
    rate_pause_s: float = 10.0
    connect_pauses_s: tuple[float, ...] = (1.0, 3.0, 8.0)
    upload_pauses_s: tuple[float, ...] = (1.0, 3.0)
    balance_age_s: float = 1.0
    balance_wait_s: float = 1.5
    balance_rest_s: float = 20.0
    kie_looks: tuple[float, float] = (2.5, 1.5)
    simulator_looks: tuple[float, float] = (0.6, 1.25)
    shortest_look_s: float = 0.4
    lost_after_s: float = 600.0
    lost_looks: int = 10
    link_pauses_s: tuple[float, ...] = (0.0, 2.0, 5.0)
    fetch_pauses_s: tuple[float, ...] = (2.0, 5.0, 15.0, 40.0)
    fetch_again_s: float = 300.0
    watch_s: float = 0.5
    ledger_pause_s: float = 2.0
    judged_wait_s: float = 3.0
    exit_wait_s: float = 65.0


CAP_S = 15.0
LATE_CAP_S = 60.0
LATE_S = 1800.0
LEARN_FROM = 3  # fewer durations than this are hearsay
STEP = 0.1
FIRST_SIGN_S = 3.0  # long tasks get one early look, so that the card says what the service says


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
    return Usual(
        low=_quantile(known, 0.05) * (1 - reach),
        median=_quantile(known, 0.5),
        high=_quantile(known, 0.95) * (1 + reach),
        count=len(known),
    )


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
        usual: What earlier tasks taught, if anything.
        first_s: The first wait of a task of which nothing is known.
        growth: By what later waits grow.
        shortest_s: The shortest wait where something is known.
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


def _quantile(known: Sequence[float], part: float) -> float:
    place = part * (len(known) - 1)
    below = math.floor(place)
    above = min(below + 1, len(known) - 1)
    return known[below] + (known[above] - known[below]) * (place - below)
