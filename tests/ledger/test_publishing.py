"""Committed rows are published to whoever listens."""

import pytest

from kie_nb.ledger import GrantStore

SEND = {"account": "a1", "limit": 1, "window_s": 10.0, "to": "sending", "expect": {"intent"}}


@pytest.fixture
def heard(ledger):
    """The rows that were published, each beside what the database held at that moment."""
    found = []
    ledger.listen(lambda row: found.append((row, ledger.get(row.id))))
    return found


@pytest.fixture
def run(ledger, intention, heard):
    """A recorded run; that is told by whoever recorded it."""
    row, _ = ledger.intend(intention())
    assert heard == []
    return row


def test_a_move_publishes_the_committed_row(ledger, run, heard):
    """What is published can be read by everybody."""
    moved = ledger.move(run.id, "sending", expect={"intent"})

    assert heard == [(moved, moved)]


def test_a_move_that_is_not_made_publishes_nothing(ledger, run, heard):
    """Another process was quicker."""
    assert ledger.move(run.id, "accepted", expect={"sending"}, task_id="t") is None
    assert heard == []


def test_words_are_published_too(ledger, run, heard):
    """A card shows a tag that was given in another cell."""
    marked = ledger.mark(run.id, add=["good"])

    assert heard == [(marked, marked)]


def test_a_step_with_its_grant_is_published_once(ledger, tmp_path, run, heard):
    """And nothing is where there was no grant to be had."""
    grants = GrantStore(tmp_path / "state")
    leave = grants.send(ledger, run.id, **SEND)
    assert grants.send(ledger, run.id, **SEND).wait_s
    grants.close()

    assert heard == [(leave.row, leave.row)]


def test_a_listener_that_fails_stops_nobody(ledger, run, heard, caplog):
    """Neither the move nor the listeners after it."""
    told = []
    ledger.listen(lambda _row: 1 / 0)
    ledger.listen(told.append)

    moved = ledger.move(run.id, "sending", expect={"intent"})
    assert told == [moved]
    assert "a listener of run" in caplog.text
