"""When to look next: seldom enough for the service, soon enough for the person who waits."""

import asyncio
import heapq
import itertools
import math
import random
import statistics

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kie_nb.engine.timing import Pace, Timing, Usual, next_look_s, usual_of
from kie_nb.engine.workspace import Kind

MINUTE = Usual(low=50.0, median=60.0, high=80.0, count=20)
QUICK = Usual(low=1.0, median=1.2, high=2.0, count=20)


def looks(usual, until_s, **more):
    """The moments at which a task is looked at, if it never ends."""
    moments, elapsed = [], 0.0
    while elapsed < until_s:
        elapsed += next_look_s(elapsed, len(moments), usual, **more)
        moments.append(elapsed)
    return moments


def test_without_experience_a_wait_is_a_share_of_the_time_that_has_passed():
    """2 s, then soon again, and later a tenth of the time and half a second; never more than 30 s."""
    waits = [
        next_look_s(elapsed, number, None) for number, elapsed in enumerate([0, 2, 10, 20, 60, 100, 1000])
    ]

    assert waits == [2.0, 0.7, 1.5, 2.5, 6.5, 10.5, 30.0]


def test_before_half_of_what_the_catalogue_says_looks_are_rare():
    """Waits that grow up to that moment, and from there a share of the time."""
    moments = looks(None, 130, typical_s=120.0)
    before = [moment for moment in moments if moment <= 60]

    assert before[-1] == 60.0
    assert len(before) <= 7
    assert moments[len(before)] == 60 + 6.5


@pytest.mark.parametrize("usual", [None, MINUTE, QUICK], ids=["unknown", "minute", "quick"])
@pytest.mark.parametrize("elapsed", [10.0, 600.0, 80_000.0])
def test_a_task_that_is_taken_up_is_looked_at_at_once(usual, elapsed):
    """By a process that has not looked at it so far: it may have ended during the night."""
    assert next_look_s(elapsed, 0, usual, typical_s=120.0) == 0.4


def test_a_night_of_looks_does_not_overflow():
    """The growth is bounded."""
    assert next_look_s(100.0, 10**6, None) == 10.5


def test_the_first_look_and_the_growth_can_be_chosen():
    """The simulator on this machine is asked sooner than the service."""
    assert [next_look_s(2.5, number, None, first_s=0.6, growth=1.25) for number in (0, 1)] == [0.6, 0.75]


def test_with_experience_there_is_one_early_look_and_then_quiet():
    """So that the card says what the service says; then none before a task has ever been ready."""
    first, second, *_ = looks(MINUTE, 60)

    assert first == 3.0
    assert 45 < second <= 50


def test_between_the_usual_ends_looks_come_in_steps_of_about_a_tenth():
    """A finished task waits half a step in the middle."""
    waits = [round(next_look_s(elapsed, 5, MINUTE), 6) for elapsed in (50, 57, 64)]

    assert waits == [5.5, 6.2, 6.6]


def test_after_the_usual_end_looks_grow_apart_again():
    """What takes longer than all before may take much longer."""
    waits = [next_look_s(elapsed, 9, MINUTE) for elapsed in (80.1, 90, 100, 120, 1000)]

    assert waits == sorted(waits)
    assert waits[0] < 8.6
    assert waits[-1] == 30.0


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


EIGHT = {
    "normal": lambda chance: max(2.0, chance.gauss(8, 2)),
    "long tail": lambda chance: 4 + chance.expovariate(1 / 4),
    "in proportion": lambda chance: 8 * math.exp(chance.gauss(0, 0.3)),
}
MINUTES = {"one to three": lambda chance: chance.uniform(60, 180)}
KIE, SIMULATED = Timing().kie_looks, Timing().simulator_looks
PLAIN_S = 1.0  # between two looks of a plain loop


def batch(draw, number, *, typical_s, known=0, first=KIE):
    """Looks, and delays beside the tasks' times, of *number* tasks that are sent as the rate allows, on a clock of their own."""
    chance = random.Random(number)  # noqa: S311
    takes = [draw(chance) for _ in range(number)]
    pace = Pace(typical_s, [draw(chance) for _ in range(known)])
    begun = [each // 20 * 10 + each % 20 * 0.05 for each in range(number)]
    last, seen, delays, plans = list(begun), [0] * number, {}, [(at, each) for each, at in enumerate(begun)]
    first_s, growth = first
    phases = [growth ** chance.random() for _ in range(number)]

    def plan(each, now):
        more = {"first_s": first_s * phases[each], "growth": growth}
        due = last[each] + pace.next_look_s(last[each] - begun[each], seen[each], **more)
        latest[each] = max(now, due)
        heapq.heappush(plans, (latest[each], each))

    latest = {}
    while plans:
        now, each = heapq.heappop(plans)
        if each not in latest:
            plan(each, now)
        elif each not in delays and now == latest[each]:
            seen[each] += 1
            last[each] = now
            if now - begun[each] < takes[each]:
                plan(each, now)
                continue
            delays[each] = now - begun[each] - takes[each]
            if pace.learn(takes[each]):
                for other in latest.keys() - delays.keys():
                    plan(other, now)
    return seen, [delays[each] for each in range(number)], takes


def share_of_late(delays, takes):
    return statistics.mean(late > 0.1 * took + 0.5 for late, took in zip(delays, takes, strict=True))


@pytest.mark.parametrize("typical_s", [120.0, 0.0], ids=["minutes by the catalogue", "unknown"])
@pytest.mark.parametrize("draw", EIGHT.values(), ids=EIGHT)
def test_a_first_batch_of_short_tasks_is_seen_in_time(draw, typical_s):
    """Nobody has taught the ledger: 95 % are seen within a tenth of their time and 0.5 s, at no more looks than one a second."""
    seen, delays, takes = batch(draw, 500, typical_s=typical_s)

    assert share_of_late(delays, takes) <= 0.05
    assert statistics.mean(seen) <= statistics.mean(math.ceil(took / PLAIN_S) for took in takes)


@pytest.mark.parametrize("number", [50, 500])
def test_a_first_batch_of_minutes_takes_few_looks(number):
    """Fifteen for a task."""
    seen, delays, takes = batch(MINUTES["one to three"], number, typical_s=120.0)

    assert share_of_late(delays, takes) <= 0.05
    assert statistics.mean(seen) <= 15


@pytest.mark.parametrize("draw", (EIGHT | MINUTES).values(), ids=EIGHT | MINUTES)
def test_one_task_of_the_simulator_is_seen_in_time(draw):
    """It is known what it plans."""
    chance = random.Random(8)  # noqa: S311
    alone = [batch(lambda _: draw(chance), 1, typical_s=8.0, first=SIMULATED) for _ in range(200)]
    _seen, delays, takes = ([one for (one,) in part] for part in zip(*alone, strict=True))

    assert share_of_late(delays, takes) <= 0.05


@pytest.mark.parametrize("draw", EIGHT.values(), ids=EIGHT)
def test_what_was_learned_saves_looks(draw):
    """At most 0.7 of a look a second, and half of the tasks are seen no later."""
    seen, delays, takes = batch(draw, 500, typical_s=120.0, known=50)
    plain = [math.ceil(took / PLAIN_S) for took in takes]

    assert share_of_late(delays, takes) <= 0.05
    assert statistics.mean(seen) <= 0.7 * statistics.mean(plain)
    assert statistics.median(delays) <= PLAIN_S / 2


def test_who_rests_thinks_again_when_a_task_was_quick():
    """The wait that was begun is not slept to its end."""
    kind, pauses = Kind(Pace(120.0)), iter([600.0, 0.0])

    async def rest():
        resting = asyncio.create_task(kind.rest(lambda: next(pauses)))
        await asyncio.sleep(0)
        kind.learn(8.0)
        await asyncio.wait_for(resting, 60)

    asyncio.run(rest())

    assert list(pauses) == []
