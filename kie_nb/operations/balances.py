"""What two balances say about a run of unknown outcome; no I/O.

The service has no list of tasks, so the balance is the best evidence: the balance read just before the request left, and the
one read after its answer was lost. What other runs here cost in between is taken off first.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..engine.balance import Reading
from ..tables import counted

# When the service takes its credits, at the create or at the end, is not documented; recorded tasks took up to 13 minutes
# (kie-api §4.7). A balance that has not fallen says little before that.
SETTLED_AFTER_S = 1200.0


class Verdict(StrEnum):
    """How sure it is that the task was billed."""

    BILLED = "probably billed"
    NOT_YET = "not billed so far"
    NOT_BILLED = "probably not billed"
    OPEN = "cannot be told"


@dataclass(frozen=True, kw_only=True, slots=True)
class Others:
    """Runs of the same account whose price may be in the difference between the two readings.

    Attributes:
        runs: How many were sent and ended in between, at a known cost.
        credits: What these cost together.
        unsure: How many besides have an unknown outcome or cost, or were under way at a reading: the service may have taken
            theirs on either side of it.
    """

    runs: int = 0
    credits: float = 0.0
    unsure: int = 0


def weigh(before: Reading | None, after: Reading | None, cost: float | None, others: Others) -> Verdict:
    """What the balances say.

    Args:
        cost: What the run was estimated at, in credits.
    """
    if before is None or after is None or not cost or others.unsure or after.at < before.at:
        return Verdict.OPEN  # a clock that was set back hides what happened in between
    unexplained = before.credits - after.credits - others.credits
    if abs(unexplained - cost) <= cost / 4:
        return Verdict.BILLED
    if abs(unexplained) > cost / 4:
        return Verdict.OPEN
    has_settled = (after.at - before.at).total_seconds() >= SETTLED_AFTER_S
    return Verdict.NOT_BILLED if has_settled else Verdict.NOT_YET


def in_words(before: Reading | None, after: Reading | None, cost: float | None, others: Others) -> str:
    """The same as a sentence or two, with the figures."""
    if before is None or after is None:
        known = before or after
        what = (
            f"only one balance is known ({known.credits:g} at {known.at:%H:%M:%S} UTC)"
            if known
            else "no balance could be read"
        )
        return f"{what[0].upper()}{what[1:]}: whether it was billed cannot be told from here."
    fall = before.credits - after.credits
    price = f"this run would cost {cost:g}" if cost else "the price of this run is not known"
    moved = f"fell by {fall:g}" if fall > 0 else f"rose by {-fall:g}" if fall < 0 else "did not change"
    also = f", {counted(others.runs, 'other run')} here took {others.credits:g}" if others.runs else ""
    also += f", with {counted(others.unsure, 'other run')} under way or uncertain" if others.unsure else ""
    span = f"from {before.credits:g} at {before.at:%H:%M:%S} to {after.credits:g} at {after.at:%H:%M:%S} UTC"
    end = {
        Verdict.BILLED: "it was probably billed, if nothing else used the account",
        Verdict.NOT_BILLED: "it was probably not billed",
        Verdict.NOT_YET: "it is not billed so far; the service may take its credits later",
        Verdict.OPEN: "whether it was billed cannot be told from that",
    }[weigh(before, after, cost, others)]
    return f"The balance {moved} ({span}){also}; {price}: {end}."
