"""The states of a run and what may follow what; a pure table.

intent → sending → accepted → waiting/queuing/generating → success → fetched
intent, sending → not_sent   nothing left this machine
sending → refused            the service said no, nothing charged
sending → unknown            a task may exist and be billed
accepted … → fail, lost      ended without a video; no longer known to the service
unknown, lost → accepted     found again; → written_off: settled by the user (→ accepted, if its task turns up)
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from ..catalogue import nearest
from ..errors import InvalidRequest


class State(StrEnum):
    """Where a run is in its life. The three middle ones are the service's own words."""

    INTENT = "intent"
    SENDING = "sending"
    ACCEPTED = "accepted"
    WAITING = "waiting"
    QUEUING = "queuing"
    GENERATING = "generating"
    SUCCESS = "success"
    FETCHED = "fetched"
    FAIL = "fail"
    REFUSED = "refused"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"
    LOST = "lost"
    WRITTEN_OFF = "written_off"

    def __repr__(self) -> str:
        return repr(self.value)


AT_SERVICE = frozenset({State.ACCEPTED, State.WAITING, State.QUEUING, State.GENERATING})
OPEN = frozenset({State.INTENT, State.SENDING, State.SUCCESS}) | AT_SERVICE
FINAL = frozenset(State) - OPEN
# Ended without anybody knowing whether it was billed: settled by evidence or by the user. `ledger.money` calls it at risk.
UNSETTLED = frozenset({State.UNKNOWN, State.LOST})
# No task is known to exist.
UNSENT = frozenset({State.INTENT, State.SENDING, State.REFUSED, State.NOT_SENT})
# A run in one of these no longer stands for its request, which may be sent anew.
RELEASED = frozenset({State.FAIL, State.REFUSED, State.NOT_SENT, State.WRITTEN_OFF})

_AFTER_ACCEPTED = (AT_SERVICE - {State.ACCEPTED}) | {State.SUCCESS, State.FAIL, State.LOST}
NEXT: dict[State, frozenset[State]] = {
    State.INTENT: frozenset({State.SENDING, State.NOT_SENT}),
    # Back to intent after a 429 or when no connection was made: both say for sure that no task exists.
    State.SENDING: frozenset({State.INTENT, State.ACCEPTED, State.REFUSED, State.NOT_SENT, State.UNKNOWN}),
    **dict.fromkeys(AT_SERVICE, _AFTER_ACCEPTED),
    State.SUCCESS: frozenset({State.FETCHED}),
    State.FETCHED: frozenset({State.SUCCESS}),  # its file is gone: fetched again
    **dict.fromkeys((State.FAIL, State.REFUSED, State.NOT_SENT), frozenset()),
    **dict.fromkeys(UNSETTLED, frozenset({State.ACCEPTED, State.WRITTEN_OFF})),  # found again, or given up
    State.WRITTEN_OFF: frozenset({State.ACCEPTED}),  # its task has turned up after all
}

# The words and the tones of screens (see `design`); every screen shows these and no others.
WORDS: dict[State, str] = {
    State.INTENT: "preparing",
    State.SENDING: "sending",
    State.ACCEPTED: "accepted",
    State.WAITING: "waiting",
    State.QUEUING: "queued",
    State.GENERATING: "generating",
    State.SUCCESS: "downloading",
    State.FETCHED: "done",
    State.FAIL: "failed",
    State.REFUSED: "refused",
    State.NOT_SENT: "not sent",
    State.UNKNOWN: "outcome unknown",
    State.LOST: "lost at the service",
    State.WRITTEN_OFF: "written off",
}
PAUSED = "paused"
Tone = Literal["run", "ok", "warn", "bad", "soft"]
TONES: dict[State, Tone] = {
    **dict.fromkeys(OPEN, "run"),
    State.FETCHED: "ok",
    **dict.fromkeys((State.FAIL, State.REFUSED), "bad"),
    **dict.fromkeys(UNSETTLED, "warn"),
    **dict.fromkeys((State.NOT_SENT, State.WRITTEN_OFF), "soft"),
}


def is_paused(state: str, *, is_undriven: bool) -> bool:
    """Whether a run is shown as paused: it is open, and no process drives it."""
    return is_undriven and state in OPEN


def shown_state(state: str, *, is_undriven: bool) -> tuple[str, Tone]:
    """The word for a run's state, and its tone."""
    if is_paused(state, is_undriven=is_undriven):
        return PAUSED, "warn"
    return WORDS[State(state)], TONES[State(state)]


def state_of(name: str) -> State:
    """The state called *name*, or shown as *name* on screens; InvalidRequest if there is none."""
    found = next((state for state, word in WORDS.items() if name in {state, word}), None)
    if found is None:
        raise InvalidRequest(
            f"There is no state {name!r}{nearest(str(name), [*WORDS, *WORDS.values()])}",
            hint=f"states are {', '.join(state if state == word else f'{state} ({word})' for state, word in WORDS.items())}",
            charged="",
        )
    return found


def sources(after: State) -> frozenset[State]:
    """The states that *after* may come from."""
    return frozenset(before for before in State if after in NEXT[before])


def from_service(word: str, before: State) -> State:
    """Our state for the service's word; one we do not know means that the task goes on (kie-api §4.5)."""
    if word in {"waiting", "queuing", "generating", "success", "fail"}:
        return State(word)
    return before if before in AT_SERVICE else State.WAITING
