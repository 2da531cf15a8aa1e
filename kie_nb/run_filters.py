"""The filters of `runs()`, parsed and checked: states by name, moments, numbers."""

from __future__ import annotations

import datetime as dt

from .catalogue import nearest
from .errors import InvalidRequest
from .handles import get_session
from .ledger.states import WORDS, State, named


def check_numbers(*, rating: object, seed: object, limit: object) -> None:
    """Raise InvalidRequest for a number that cannot be meant; None is no filter."""
    if rating is not None and rating not in range(1, 6):
        raise InvalidRequest(f"rating={rating!r}: a whole number from 1 to 5 is needed.", charged="")
    for name, number in (("seed", seed), ("limit", limit)):
        if number is not None and not (isinstance(number, int) and 0 <= number < 2**63):
            raise InvalidRequest(f"{name}={number!r}: a whole number of at least 0 is needed.", charged="")


def state_of(name: str) -> State:
    """The state called *name*, or shown as *name* in the table; InvalidRequest for another name."""
    found = named(name)
    if found is None:
        raise InvalidRequest(
            f"there is no state {name!r}{nearest(str(name), [*WORDS, *WORDS.values()])}",
            hint=f"states are {', '.join(state if state == word else f'{state} ({word})' for state, word in WORDS.items())}",
            charged="",
        )
    return found


def moment_of(since: dt.datetime | dt.timedelta | str | None) -> dt.datetime | None:
    """The moment that *since* means: a moment, so long ago, or a text in ISO format; else InvalidRequest."""
    if isinstance(since, dt.datetime) or since is None:
        return since
    try:
        if isinstance(since, str):
            return dt.datetime.fromisoformat(since.strip())
        return get_session().here.now() - since
    except (OverflowError, TypeError, ValueError):
        raise InvalidRequest(
            f"since={since!r}: a date such as '2026-11-01', a datetime, or a timedelta is needed.", charged=""
        ) from None
