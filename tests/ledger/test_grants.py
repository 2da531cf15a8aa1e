"""May we send a create now? Never more than the service allows in any window, wherever in time it counted ours."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kie_nb.ledger import GrantStore
from kie_nb.ledger.grants import ABANDONED_AFTER_S, SHARED_S, Slot, shared_limit, wait_s

NOW = 1_790_000_000.0


def replied(*ago):
    """Creates whose replies came so many seconds ago."""
    return [Slot(NOW - seconds - 0.5, NOW - seconds) for seconds in ago]


def awaited(*ago):
    """Creates granted so many seconds ago, not answered yet."""
    return [Slot(NOW - seconds) for seconds in ago]


@pytest.mark.parametrize(
    ("slots", "paused", "wait"),
    [
        pytest.param([], 0, 0.0, id="nothing was sent"),
        pytest.param(replied(1, 2), 0, 0.0, id="below the limit"),
        pytest.param(replied(1, 2, 4), 0, 6.0, id="full: the oldest reply and 10 s"),
        pytest.param(replied(1, 2, 4, 5), 0, 6.0, id="over the limit: two must become free"),
        pytest.param(replied(1, 2, 10), 0, 0.0, id="the window has passed"),
        pytest.param(replied(1, 2, 9.5), 0, 0.5, id="it has nearly passed"),
        pytest.param(awaited(1, 2) + replied(3), 0, 7.0, id="one reply known"),
        pytest.param(awaited(1, 2, 3), 0, None, id="all awaited: when a reply comes"),
        pytest.param(awaited(1, 2, 60), 0, None, id="a reply that takes a minute still counts"),
        pytest.param(awaited(1, 2, ABANDONED_AFTER_S + 1), 0, 0.0, id="abandoned by a dead kernel"),
        pytest.param(
            awaited(1, 2, -ABANDONED_AFTER_S - 1), 0, 0.0, id="granted in the future: clock set back"
        ),
        pytest.param(replied(1, 2, -3600), 0, 0.0, id="replied in the future: clock set back"),
        pytest.param([], 4.0, 4.0, id="paused after a 429"),
        pytest.param([], -1.0, 0.0, id="the pause is over"),
        pytest.param(replied(1, 2, 4), 8.0, 8.0, id="paused and full"),
    ],
)
def test_how_long_to_wait(slots, paused, wait):
    """With a limit of three in ten seconds."""
    assert wait_s(slots, NOW, limit=3, paused_until=NOW + paused) == (
        wait if wait is None else pytest.approx(wait)
    )


creates = st.tuples(
    st.floats(0, 30, allow_nan=False),  # how long its reply takes
    st.floats(0, 1, allow_nan=False),  # where in that time the service counts it
    st.floats(0, 3, allow_nan=False),  # how long the sender idles before asking
)


@settings(deadline=None, max_examples=150, database=None)
@given(plan=st.lists(creates, min_size=1, max_size=60), limit=st.integers(1, 20), window=st.floats(0.5, 20))
def test_no_window_at_the_service_ever_holds_more_than_the_limit(plan, limit, window):
    """A greedy sender that asks for the right to send, against a service that counts anywhere up to its reply."""
    now, slots, arrivals = NOW, [], []

    def known():
        return [Slot(taken, reply if reply <= now else None) for taken, reply in slots]

    for takes, where, idle in plan:
        now += idle
        while (wait := wait_s(known(), now, limit=limit, window_s=window)) != 0:
            replies = [reply for _, reply in slots if reply > now]
            now = min([*replies, *([now + wait] if wait is not None else [])])
        slots.append((now, now + takes))
        arrivals.append(now + takes * where)

    arrivals.sort()
    for first, last in zip(arrivals, arrivals[limit:], strict=False):
        assert last - first > window - 1e-3


@pytest.fixture
def open_store(tmp_path):
    opened = []

    def open_one():
        opened.append(GrantStore(tmp_path / "state"))
        return opened[-1]

    yield open_one
    for store in opened:
        store.close()


def test_kernels_share_their_grants(open_store):
    """Two stores of one folder never give more than the limit together; another account has its own."""
    one, other = open_store(), open_store()

    grants = [store.take("a", limit=3, window_s=10)[0] for store in (one, other, one, other)]

    assert [grant is not None for grant in grants] == [True, True, True, False]
    assert one.take("b", limit=3, window_s=10)[0] is not None


def test_the_window_begins_with_the_reply(open_store):
    """Until it is in, a grant counts; after it, for the length of the window."""
    store = open_store()
    grant, _ = store.take("a", limit=1, window_s=0.05)
    time.sleep(0.08)
    held, _ = store.take("a", limit=1, window_s=0.05)

    store.replied(grant)
    full, wait = store.take("a", limit=1, window_s=0.05)
    time.sleep(wait + 0.01)

    assert (held, full) == (None, None)
    assert 0 < wait <= 0.05
    assert store.take("a", limit=1, window_s=0.05)[0] is not None


def test_a_429_pauses_all_kernels_of_the_account(open_store):
    """The longest pause counts; other accounts go on."""
    one, other = open_store(), open_store()
    one.pause("a", 5)
    other.pause("a", 1)

    grant, wait = other.take("a", limit=3, window_s=10)

    assert grant is None
    assert 4 < wait <= 5
    assert one.take("b", limit=3, window_s=10)[0] is not None


@pytest.mark.parametrize(
    ("limit", "since_s", "ours"),
    [
        pytest.param(20, -5.0, 15, id="still paused"),
        pytest.param(20, 0.0, 15, id="the pause is just over"),
        pytest.param(20, SHARED_S - 1, 15, id="nearly forgotten"),
        pytest.param(20, SHARED_S, 20, id="forgotten"),
        pytest.param(20, NOW, 20, id="there never was a 429"),
        pytest.param(4, 0.0, 2, id="a low limit of the user's own"),
        pytest.param(1, 0.0, 1, id="one stays"),
    ],
)
def test_another_client_of_the_account_lowers_the_limit_for_a_while(limit, since_s, ours):
    """Our own creates never exceed it, so a 429 tells of somebody else's."""
    assert shared_limit(limit, NOW, paused_until=NOW - since_s) == ours


def test_after_a_429_all_kernels_of_the_account_leave_room(open_store):
    """The window holds fewer; another account's is as before."""
    one, other = open_store(), open_store()
    one.pause("a", 0.01)
    time.sleep(0.02)

    grants = {
        account: [store.take(account, limit=8, window_s=10)[0] for store in (one, other) * 4]
        for account in ("a", "b")
    }

    assert [sum(grant is not None for grant in given) for given in grants.values()] == [6, 8]


def test_a_pause_far_ahead_is_a_clock_set_back(open_store):
    """It must not stop an account for hours."""
    store = open_store()
    store.pause("a", 10_000)

    assert store.take("a", limit=3, window_s=10)[0] is not None
