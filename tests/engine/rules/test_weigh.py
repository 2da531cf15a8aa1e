"""What two balances say about a run whose answer was lost."""

import datetime as dt

import pytest

from kie_nb.operations.evidence import SETTLED_AFTER_S, Others, Reading, Verdict, in_words, weigh

AT = dt.datetime(2026, 11, 22, 12, 0, tzinfo=dt.UTC)
BEFORE = Reading(credits=300.0, at=AT)


def after(credits_, seconds=5.0):
    return Reading(credits=credits_, at=AT + dt.timedelta(seconds=seconds))


@pytest.mark.parametrize(
    ("left", "seconds", "others", "verdict"),
    [
        (240, 5, Others(), Verdict.BILLED),
        (250, 5, Others(), Verdict.BILLED),  # the price list may be a little old
        (300, 5, Others(), Verdict.NOT_YET),
        (300, SETTLED_AFTER_S, Others(), Verdict.NOT_BILLED),
        (180, 5, Others(runs=1, credits=60), Verdict.BILLED),
        (240, 5, Others(runs=1, credits=60), Verdict.NOT_YET),
        (240, SETTLED_AFTER_S, Others(runs=1, credits=60), Verdict.NOT_BILLED),
        (180, 5, Others(), Verdict.OPEN),  # something that is not in this ledger used the account
        (1300, 5, Others(), Verdict.OPEN),  # somebody bought credits
        (240, 5, Others(unsure=1), Verdict.OPEN),
        (285, 5, Others(), Verdict.NOT_YET),  # a quarter of the price is within what an old list may miss
        (284, 5, Others(), Verdict.OPEN),
    ],
)
def test_a_verdict_is_what_the_figures_bear(left, seconds, others, verdict):
    """What other runs took comes off first; whatever does not fit is left open."""
    assert weigh(BEFORE, after(left, seconds), 60.0, others) is verdict
    assert f"{left:g} at 12:" in in_words(BEFORE, after(left, seconds), 60.0, others)


def test_what_else_was_under_way_is_named():
    """A reader sees why there is no verdict."""
    assert "with 2 other runs under way" in in_words(BEFORE, after(240), 60.0, Others(unsure=2))


@pytest.mark.parametrize(
    ("before", "later", "cost"), [(None, after(240), 60.0), (BEFORE, None, 60.0), (BEFORE, after(240), None)]
)
def test_without_all_figures_there_is_no_verdict(before, later, cost):
    """Unknown is never a number."""
    assert weigh(before, later, cost, Others()) is Verdict.OPEN
    assert "cannot be told" in in_words(before, later, cost, Others())


@pytest.mark.parametrize("kept", [None, "x", {}, {"credits": "many", "at": "now"}, {"credits": 1.0}])
def test_what_is_no_reading_is_none(kept):
    """A ledger from elsewhere may hold anything."""
    assert Reading.from_json(kept) is None
    assert Reading.from_json(BEFORE.to_json()) == BEFORE
