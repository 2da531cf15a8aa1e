"""Evidence for a run of unknown outcome: what happened, what the balance did, and how to settle it.

The service has no list of tasks, so the balance is the best evidence: the balance read just before the request left, and the
one read after its answer was lost. What other runs here cost in between is taken off first.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

from .. import tables
from ..engine.channel import Reading
from ..engine.record import Record
from ..errors import InvalidRequest
from ..ledger import Ledger, RunRow
from ..ledger.states import UNSETTLED, State
from ..tables import counted
from ..wording.next_steps import LOGS

if TYPE_CHECKING:
    from ..engine.workspace import Workspace


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
    """Runs of the same account whose price may be in the difference between the two readings."""

    runs: int = 0  # sent and ended in between, at a known cost
    credits: float = 0.0  # what these cost together
    # Of unknown outcome or cost, or under way at a reading: the service may have taken theirs on either side of it.
    unsure: int = 0


def weigh(before: Reading | None, after: Reading | None, cost: float | None, others: Others) -> Verdict:
    """What the balances say of a run that was estimated at *cost* credits."""
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
        known, what = before or after, "No balance could be read"
        if known:
            what = f"Only one balance is known ({known.credits:g} at {known.at:%H:%M:%S} UTC)"
        return f"{what}: whether it was billed cannot be told from here."
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


# What is booked for a written-off run is claimed by the user; not used as evidence.
_UNSURE = UNSETTLED | {State.SENDING, State.WRITTEN_OFF}
_NEVER_BILLED = frozenset({State.REFUSED, State.NOT_SENT, State.INTENT})


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What is known of a run whose outcome is unknown; shows itself as a table.

    Attributes:
        happened: What went wrong, in words.
        cost: What it may have cost, in credits; None where no price is known.
        before: The balance just before it was sent, and when; None if it could not be read.
        after: The balance last read after it.
        others: Runs of the same account that were under way in between.
        verdict: What the balances say.
        matched: How it was found that its task is its own, where it was adopted; else "".
        logs: Where people find the tasks of its service.
    """

    run_id: str
    happened: str
    cost: float | None
    before: Reading | None
    after: Reading | None
    others: Others
    verdict: Verdict
    matched: str = ""
    logs: str = LOGS

    @property
    def words(self) -> str:
        """What the balances say, with the figures."""
        return in_words(self.before, self.after, self.cost, self.others)

    @property
    def short(self) -> str:
        """The same in a few words."""
        figures = [f"{reading.credits:g}" if reading else "?" for reading in (self.before, self.after)]
        price = f"{self.cost:g}" if self.cost else "an unknown price"
        return f"{self.verdict} (balance {' → '.join(figures)}, this run {price})"

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Name and words of each part."""
        price = f"{self.cost:g} credits" if self.cost else "the price of one run, which is not known here"
        find = f"find it by its prompt and seed at {self.logs}: `%kie settle TASK_ID` brings its video"
        call = f"kie.get({self.run_id[:8]!r})"
        return [
            ("what happened", self.happened),
            ("at risk", f"{price}; held in the budget until it is settled"),
            ("balance", self.words),
            *([("its task", self.matched)] if self.matched else []),
            ("if there is a task", find),
            ("if there is none", f"{call}.resend() sends it again and asks first; .write_off() gives it up"),
        ]

    def __repr__(self) -> str:
        return tables.as_text(("", ""), self.rows, caption=self._caption)

    def _repr_html_(self) -> str:
        return tables.as_html(("", ""), self.rows, caption=self._caption)

    @property
    def _caption(self) -> str:
        return f"run {self.run_id[:8]}: {self.verdict}"


def evidence(workspace: Workspace, run: Record, *, max_age_s: float = 0.0) -> Evidence:
    """What is known of *run*, with the balance as it was at most *max_age_s* ago; the reading is kept in the ledger.

    Raises:
        InvalidRequest: there is nothing to settle.
    """
    run = need_unsettled(run)
    channel = workspace.channel_of(run)
    is_same = run.row.account == channel.account
    after = workspace.call(lambda: channel.balance(max_age_s=max_age_s)) if is_same else None
    found = replace(from_ledger(run.ledger, run.row, after), logs=logs_of(workspace, run))
    if after is not None and run.state in UNSETTLED:
        told, read = {"balance_after": after.to_json(), "verdict": str(found.verdict)}, after.credits
        run.ledger.move(run.id, run.state, expect={run.state}, evidence=told, balance_after=read)
    return found


def logs_of(workspace: Workspace, run: Record) -> str:
    """Where people find the tasks of the service of *run*."""
    return f"{workspace.channel_of(run).base_url}/" if run.service == "simulator" else LOGS


def need_unsettled(run: Record) -> Record:
    """*run* as the ledger has it now; InvalidRequest if its outcome is known: another kernel may have settled it."""
    now = run.reread()
    if now.state not in UNSETTLED:
        raise nothing_to_settle(now)
    return now


def nothing_to_settle(run: Record) -> InvalidRequest:
    """The refusal to settle a run that has an outcome."""
    words = f"{run.label} is {run.state}: there is nothing to settle."
    return InvalidRequest(words, hint="only an unknown or lost run is settled", charged="")


def from_ledger(ledger: Ledger, row: RunRow, after: Reading | None = None) -> Evidence:
    """What the ledger holds of it, with *after* as the newest balance."""
    before = last = None
    matched = ""
    for entry in ledger.events(row.id):
        kept = entry["evidence"] or {}
        before = Reading.from_json(kept.get("balance_before")) or before
        last = Reading.from_json(kept.get("balance_after")) or last
        matched = str(kept.get("matched") or matched)
    after = after or last
    others = _others(ledger, row, before.at, after.at) if before and after else Others()
    return Evidence(
        run_id=row.id,
        happened=str((row.error or {}).get("message") or f"it is {row.state}"),
        cost=row.estimate,
        before=before,
        after=after,
        others=others,
        verdict=weigh(before, after, row.estimate, others),
        matched=matched,
    )


def _others(ledger: Ledger, row: RunRow, since: dt.datetime, until: dt.datetime) -> Others:
    earliest = since - dt.timedelta(seconds=SETTLED_AFTER_S)
    count, taken, unsure = 0, 0.0, 0
    for other in ledger.sent_between(row.account, earliest, until):
        if other.id == row.id or other.state in _NEVER_BILLED:
            continue
        sent = dt.datetime.fromisoformat(str(other.sent_at))
        cost = other.credits if other.credits is not None else other.estimate
        ended = dt.datetime.fromisoformat(other.completed_at) if other.completed_at else None
        # Of one that was under way at a reading it is not known on which side of it the service took its credits.
        if sent < since:
            unsure += ended is None or ended >= since
        elif other.state == State.FAIL and not other.credits:
            unsure += ended is None or ended > until  # its credits may have been held at the last reading
        elif other.state in _UNSURE or cost is None or ended is None or ended > until:
            unsure += 1
        else:
            count, taken = count + 1, taken + cost
    return Others(runs=count, credits=taken, unsure=unsure)
