"""Pages of runs, sorted and counted by the database: the same on a file and on a server."""

import datetime as dt

import pytest

from kie_nb.ledger import Ledger
from kie_nb.ledger.search import ORDERS

# name: rating, credits, prompt, tags; written in this order
RUNS = {
    "a": (None, 60.0, "Waves in RAIN", None),
    "b": (5, None, "A cat", ["best", "100%"]),
    "c": (2, 120.0, "rain, 100% of it", ["best of all"]),
    "d": (5, 60.0, "A dog", []),
    "e": (1, 0.0, "Snow_fall", ["rain"]),
}


@pytest.fixture(params=["file", "server"])
def shelf(request, tmp_path, intention):
    """A ledger with `RUNS` in it; their ids by name."""
    url = request.getfixturevalue("postgres").database() if request.param == "server" else None
    ledger = Ledger(tmp_path / "shelf", url=url)
    names = {}
    for seed, (name, (rating, cost, prompt, tags)) in enumerate(RUNS.items()):
        asked = {"model": "wan", "input": {"prompt": prompt}}
        row, _ = ledger.intend(
            intention(seed=seed, request=asked, experiment="rains" if "rain" in prompt.lower() else None)
        )
        ledger.move(row.id, "fetched", expect={"intent"}, credits=cost)
        if rating or tags is not None:
            ledger.mark(row.id, rating=rating, add=tags)
        names[row.id] = name
    ledger.intend(intention(seed=99, service="simulator"))
    yield ledger, names
    ledger.close()


def named(shelf, number=1, *, size=10, **asked):
    ledger, names = shelf
    found = ledger.page(number, size=size, **{"states": {"fetched"}, **asked})
    return "".join(names[row.id] for row in found.rows), found.count


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("newest", "edcba"),
        ("oldest", "abcde"),
        ("best", "dbcea"),
        ("dearest", "cdaeb"),
        ("cheapest", "edacb"),
        ("unsettled", "edcba"),  # these are all done; `test_what_is_to_be_settled_comes_first` has others
    ],
)
def test_orders(shelf, order, expected):
    """What is not known comes last, whichever way it is sorted; of equals the newest is first."""
    assert named(shelf, order=order) == (expected, 5)


def test_what_is_to_be_settled_comes_first(shelf):
    """Before all that is newer."""
    ledger, names = shelf
    (lost,) = [run_id for run_id, name in names.items() if name == "b"]
    ledger.move(lost, "unknown", expect={"fetched"})

    assert named(shelf, order="unsettled", states={"fetched", "unknown"})[0] == "bedca"
    assert named(shelf, order="newest", states={"fetched", "unknown"})[0] == "edcba"


def test_every_order_is_tested():
    """A new order needs its line above."""
    (mark,) = test_orders.pytestmark
    assert {order for order, _ in mark.args[1]} == set(ORDERS)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"text": "rain"}, "ca"),
        ({"text": "100%"}, "c"),
        ({"text": "w_f"}, "e"),
        ({"words": "RAIN"}, "eca"),  # a prompt, or a tag
        ({"words": "ains"}, "ca"),  # an experiment
        ({"words": "best"}, "cb"),
        ({"words": "cat", "tag": "best"}, "b"),
        ({"tag": "best"}, "b"),
        ({"tag": "100%"}, "b"),
        ({"least_rating": 2}, "dcb"),
        ({"least_rating": 5, "text": "cat"}, "b"),
        ({"experiment": "rains"}, "ca"),
        ({"service": "simulator"}, ""),
        ({"model": "wan/2-5-text-to-video", "text": "dog"}, "d"),
    ],
    ids=str,
)
def test_filters_count_what_they_find(shelf, asked, expected):
    """The count is of all that match, not of the table."""
    assert named(shelf, **asked) == (expected, len(expected))


def test_since_counts_the_very_moment(shelf):
    """A run recorded at that time is in, one of a moment earlier is not."""
    ledger, names = shelf
    moments = {names[row.id]: row.created_at for row in ledger.runs(states={"fetched"})}

    assert named(shelf, since=dt.datetime.fromisoformat(moments["c"]))[0] == "edc"


def test_pages_hold_every_run_once(shelf):
    """Page after page, in the order of all; the last one is short."""
    pages = [named(shelf, number, size=2, order="best") for number in (1, 2, 3)]

    assert pages == [("db", 5), ("ce", 5), ("a", 5)]


def test_a_page_beyond_the_end_is_the_last_one(shelf):
    """Runs are filtered away while somebody stands on page 3."""
    ledger, _ = shelf
    found = ledger.page(10**9, size=2, states={"fetched"})

    assert (found.number, found.pages, len(found.rows)) == (3, 3, 1)


def test_nothing_is_one_empty_page(shelf):
    """There is always a page to stand on."""
    ledger, _ = shelf
    found = ledger.page(2, size=2, text="nowhere")

    assert (found.number, found.pages, found.count, found.rows) == (1, 1, 0, [])


def test_choices_are_what_there_is(shelf):
    """Each word once, in the order of letters; no run's missing words among them."""
    ledger, _ = shelf
    found = ledger.choices(states={"fetched"})

    assert found.models == ["wan/2-5-text-to-video"]
    assert found.experiments == ["rains"]
    assert found.tags == ["100%", "best", "best of all", "rain"]
