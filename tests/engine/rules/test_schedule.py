"""When to look next: seldom enough for the service, soon enough for the person who waits."""

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kie_nb.engine.timing import Usual, next_look_s, usual_of

MINUTE = Usual(low=50.0, median=60.0, high=80.0, count=20)
QUICK = Usual(low=1.0, median=1.2, high=2.0, count=20)


def looks(usual, until_s, **more):
    """The moments at which a task is looked at, if it never ends."""
    moments, elapsed = [], 0.0
    while elapsed < until_s:
        elapsed += next_look_s(elapsed, len(moments), usual, **more)
        moments.append(elapsed)
    return moments


def test_without_experience_looks_grow_apart_up_to_a_cap():
    """2 s, then half as long again each time, never more than 15 s."""
    waits = [next_look_s(10.0, number, None) for number in range(8)]

    assert waits[:4] == [2.0, 3.0, 4.5, 6.75]
    assert waits[5:] == [15.0, 15.0, 15.0]


def test_a_night_of_looks_does_not_overflow():
    """The growth is bounded."""
    assert next_look_s(100.0, 10**6, None) == 15.0


def test_the_first_look_and_the_growth_can_be_chosen():
    """The simulator on this machine is asked sooner than the service."""
    assert [next_look_s(0, number, None, first_s=0.6, growth=1.25) for number in (0, 1)] == [0.6, 0.75]


def test_with_experience_there_is_one_early_look_and_then_quiet():
    """So that the card says what the service says; then none before a task has ever been ready."""
    first, second, *_ = looks(MINUTE, 60)

    assert first == 3.0
    assert 45 < second <= 50


def test_between_the_usual_ends_looks_come_in_steps_of_a_tenth():
    """A finished task waits half a step in the middle."""
    waits = {round(next_look_s(elapsed, 5, MINUTE), 6) for elapsed in (50, 60, 70, 80)}

    assert waits == {6.0}


def test_after_the_usual_end_looks_grow_apart_again():
    """What takes longer than all before may take much longer."""
    waits = [next_look_s(elapsed, 9, MINUTE) for elapsed in (80.1, 90, 100, 120, 1000)]

    assert waits == sorted(waits)
    assert waits[0] < 6.1
    assert waits[-1] == 15.0


def test_short_tasks_are_looked_at_often_but_not_incessantly():
    """No early look for what is over before it would help."""
    moments = looks(QUICK, 3)

    assert moments[0] < QUICK.median
    assert min(after - before for before, after in itertools.pairwise(moments)) > 0.399


@pytest.mark.parametrize("usual", [None, MINUTE, QUICK], ids=["unknown", "minute", "quick"])
def test_after_half_an_hour_once_a_minute(usual):
    """It still may come: the looks never end."""
    assert next_look_s(1800.0, 200, usual) == 60.0


@settings(deadline=None, max_examples=200, database=None)
@given(
    durations=st.lists(st.floats(0.001, 5000), max_size=30),
    elapsed=st.floats(0, 10_000),
    number=st.integers(0, 5000),
)
def test_a_wait_is_always_a_time_to_come(durations, elapsed, number):
    """Never zero or less, which would ask without pause; never beyond the time a task may take to be ready."""
    usual = usual_of(durations)

    wait = next_look_s(elapsed, number, usual)

    assert 0 < wait <= max(60.0, usual.low if usual else 0.0)
    assert math.isfinite(wait)


@pytest.mark.parametrize(
    "durations",
    [[], [30.0], [30.0, 31.0], [30.0, 0.0, -5.0, 31.0], [30.0, 31.0, math.nan, math.inf]],
    ids=["none", "one", "two", "not positive", "not finite"],
)
def test_fewer_than_three_durations_teach_nothing(durations):
    """What cannot be a duration is not counted."""
    assert usual_of(durations) is None


def test_three_durations_teach():
    """The least that is more than hearsay."""
    assert usual_of([30.0, 31.0, 32.0]).median == 31.0


def test_what_durations_teach():
    """Their middle, and ends a little beyond those seen: a small sample has not met its extremes yet."""
    usual = usual_of([40.0, 50.0, 60.0, 70.0, 80.0])

    assert (usual.median, usual.count) == (60.0, 5)
    assert 0 < usual.low < 42
    assert usual.high > 78


def test_the_order_of_the_durations_means_nothing():
    """They come newest first."""
    assert usual_of([3.0, 1.0, 2.0, 9.0]) == usual_of([9.0, 3.0, 2.0, 1.0])
