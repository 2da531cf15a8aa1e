"""What people say of runs: changes, so that those of two people, and of two ledgers, all count."""

import pytest

from kie_nb.ledger import Ledger
from kie_nb.ledger.copying import copy_ledger
from kie_nb.ledger.marks import united


@pytest.fixture(params=["sqlite", "postgres"])
def two(request, tmp_path, intention):
    """Two kernels of one ledger, and a run in it."""
    url = request.getfixturevalue("postgres").database() if request.param == "postgres" else None
    kernels = [Ledger(tmp_path / "home", url=url) for _ in range(2)]
    yield (*kernels, kernels[0].intend(intention(asked_by="ana@laptop"))[0])
    for ledger in kernels:
        ledger.close()


def test_two_people_who_tag_at_once_keep_both_tags(two):
    """Each adds to what is there by then, whatever it has read before; the history says who and when."""
    ana, ben, row = two
    assert ana.get(row.id).tags is ben.get(row.id).tags is None

    ana.mark(row.id, by="ana", add=["calm"], rating=3)
    ben.mark(row.id, by="ben", add=["keeper"])
    found = ben.mark(row.id, by="ben", remove=["never given"], add=["calm"])
    last = ana.mark(row.id, by="ana", remove=["calm"], note="n")

    assert (found.tags, last.tags) == (["calm", "keeper"], ["keeper"])
    assert (last.rating, last.note) == (3, "n")
    assert [step["evidence"]["marked"]["by"] for step in ana.events(row.id)[1:]] == ["ana", "ben", "ana"]


def test_runs_are_found_by_who_asked(two, intention):
    """A name without a machine means that of each; a wildcard is a letter."""
    ana, _, row = two
    other = ana.intend(intention(seed=8, asked_by="ana"))[0]
    ana.intend(intention(seed=9, asked_by="anastasia@laptop"))
    ana.intend(intention(seed=10))

    assert {found.id for found in ana.runs(by="ana")} == {row.id, other.id}
    assert [found.id for found in ana.runs(by="ana@laptop")] == [row.id]
    assert ana.runs(by="an_") == ana.runs(by="%") == []


def test_a_copy_has_the_changes_of_both(open_ledger, intention, tmp_path):
    """Both go on saying something after it; a second copy brings them together, a third changes nothing."""
    one, other = open_ledger(tmp_path / "one"), open_ledger(tmp_path / "other")
    row, _ = one.intend(intention())
    one.move(row.id, "fetched", expect={"intent"}, task_id="t")
    one.mark(row.id, by="ana", add=["first", "wrong"], rating=2)
    copy_ledger(one.database, other.database)
    other.mark(row.id, by="ben", remove=["wrong"], add=["ben's"], rating=4)
    one.mark(row.id, by="ana", add=["ana's"], note="n")

    copy_ledger(one.database, other.database)
    steps = other.events(row.id)
    copy_ledger(one.database, other.database)
    copy_ledger(other.database, one.database)

    for ledger in (one, other):
        found = ledger.get(row.id)
        assert (set(found.tags), found.rating, found.note) == ({"first", "ben's", "ana's"}, 4, "n")
    assert other.events(row.id) == steps


SAID = {"tags": None, "note": None, "rating": None, "score": None}


def step(at, **change):
    return {"at": f"2026-01-01T00:00:{at:02}+00:00", "evidence": {"marked": change}}


@pytest.mark.parametrize(
    ("ours", "theirs", "steps", "expected"),
    [
        pytest.param({"tags": ["a"]}, {"tags": ["b"], "note": "n"}, [], {"tags": ["a", "b"], "note": "n"}, id="no history"),
        pytest.param({"rating": 1}, {"rating": 2}, [], {"rating": 1}, id="no history: what is here stays"),
        pytest.param({"tags": ["a"]}, {}, [step(1, add=["a"]), step(2, remove=["a"])], {}, id="taken away there"),
        pytest.param({}, {}, [step(2, add=["a"]), step(1, remove=["a"])], {"tags": ["a"]}, id="by their moments"),
        pytest.param({}, {}, [step(2, rating=None), step(1, rating=5)], {}, id="a rating that was taken back"),
        pytest.param({}, {}, [step(1, rating=9), step(2, add="abc"), {"at": "x", "evidence": None}], {}, id="strange ones"),
    ],
)  # fmt: skip
def test_what_follows_from_the_changes_of_two_ledgers(ours, theirs, steps, expected):
    """Tags are the sum of what was added and taken away; of the others the last word counts."""
    assert united(SAID | ours, SAID | theirs, steps) == SAID | expected
