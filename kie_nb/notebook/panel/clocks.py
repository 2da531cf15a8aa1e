"""State and clock of an open run; the clock runs only while a process drives the run."""

from __future__ import annotations

from typing import Any

from ... import tables
from ...handles import Run, get_session
from ...ledger import RunRow, owner
from ...ledger.states import UNSETTLED, State, is_paused, shown_state
from ...wording import Panel
from ..card_data import sentence, typical_s


def whose_is(row: RunRow, run: Run) -> str:
    """Who drives the *run* of *row*: "ours", "another kernel's", "nobody" if its owner is dead or gave it up; "" if none is needed."""
    if row.state in UNSETTLED:
        return ""
    if row.owner == owner.me():
        return "nobody" if run.error is not None else "ours"
    return "nobody" if get_session().here.leases.is_dead(row) else "another kernel's"


def state_of(row: RunRow, whose: str) -> dict[str, str]:
    """The word for its state, and the tone."""
    word, tone = shown_state(row.state, is_undriven=whose == "nobody")
    return {"word": sentence(word), "tone": tone}


def is_left(run: Run) -> bool:
    """Whether it is open and nobody drives it."""
    return is_paused(run.state, is_undriven=whose_is(run.row, run) == "nobody")


def why_paused(row: RunRow) -> str:
    """Why nobody drives it, unless its error says so."""
    if row.owner == owner.me():
        return ""
    return Panel.NEVER_SENT if row.state == State.INTENT else Panel.NOTEBOOK_CLOSED


def clock_of(run: Run, learned_s: float | None) -> dict[str, Any]:
    """The time since it was asked for, in words and as a part of what is usual: by the ledger, else by the catalogue."""
    age_s, usual_s = run.age_s, learned_s or typical_s(run)
    elapsed = tables.clock(age_s)
    if not usual_s:
        return {"text": elapsed, "part": 0.0, "isLong": False}
    is_long = age_s > usual_s
    words = Panel.LONGER if is_long else Panel.TIME if learned_s else Panel.TIME_TYPICAL
    text = words.format(elapsed=elapsed, usual=tables.clock(usual_s))
    return {"text": text, "part": round(min(1.0, age_s / usual_s), 3), "isLong": is_long}
