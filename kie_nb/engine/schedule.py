"""When to look next at a running task; pure.

Without experience: soon, then ever more slowly (kie-api §4.7). With the durations of earlier tasks of the same kind:
hardly before the shortest of them, then in steps of a tenth of the usual time, so that a finished task waits half a step
in the middle, then more slowly again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..bounds import MAX_SECONDS

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
