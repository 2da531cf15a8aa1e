"""Which run from elsewhere is taken in: one rule for a copied ledger and an imported folder."""

import pytest

from kie_nb.ledger.merging import Known, is_news

OURS_WITHOUT_TASK = ("intent", "sending", "not_sent", "unknown", "written_off")
UNDER_WAY = ("accepted", "waiting", "queuing", "generating", "lost", "written_off")


def known(state, task_id=None, *, is_driven=False):
    return Known(state, task_id, is_driven)


def test_what_is_not_here_comes_in():
    """Whatever became of it."""
    assert is_news(None, "accepted", "t")
    assert is_news(None, "unknown", None)


@pytest.mark.parametrize("state", [*OURS_WITHOUT_TASK, *UNDER_WAY, "success"])
def test_a_run_that_a_process_drives_here_is_left_to_it(state):
    """It learns what becomes of it by itself."""
    assert not is_news(known(state, is_driven=True), "fetched", "t")
    assert not is_news(known(state, "t", is_driven=True), "fetched", "t")


@pytest.mark.parametrize("state", OURS_WITHOUT_TASK)
def test_a_task_settles_a_run_without_one(state):
    """It is paid for, perhaps, and must not be bought again."""
    assert is_news(known(state), "accepted", "t")
    assert is_news(known(state), "fail", "t")


def test_a_refused_run_has_no_task():
    """The service has said so here; a task that is named elsewhere is not its."""
    assert not is_news(known("refused"), "fetched", "t")


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ("unknown", "refused", True),
        ("unknown", "not_sent", True),
        ("unknown", "unknown", False),
        ("unknown", "written_off", False),
        ("intent", "unknown", True),
        ("intent", "not_sent", True),
        ("sending", "unknown", True),
        ("not_sent", "unknown", True),
        ("not_sent", "refused", False),
        ("refused", "unknown", False),
        ("written_off", "unknown", False),
    ],
)
def test_without_a_task_the_more_certain_danger_counts(ours, theirs, expected):
    """What may be billed there may be billed here; what was settled is settled."""
    assert is_news(known(ours), theirs, None) is expected


@pytest.mark.parametrize("ours", UNDER_WAY)
@pytest.mark.parametrize(
    ("theirs", "expected"),
    [("success", True), ("fetched", True), ("fail", True), ("generating", False), ("lost", False)],
)
def test_of_one_task_the_end_counts(ours, theirs, expected):
    """A video that somebody wrote off here is brought all the same."""
    assert is_news(known(ours, "t"), theirs, "t") is expected


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [("success", "fetched", True), ("fetched", "success", False), ("fetched", "fail", False), ("fail", "fetched", False)],
)  # fmt: skip
def test_an_end_is_not_taken_back(ours, theirs, expected):
    """Only a video that has come is more than one that was made."""
    assert is_news(known(ours, "t"), theirs, "t") is expected


@pytest.mark.parametrize("ours", ["accepted", "success", "lost"])
def test_another_task_is_another_run(ours):
    """Nothing here is replaced by it."""
    assert not is_news(known(ours, "t"), "fetched", "u")
