"""What may follow what, for every pair of states."""

import pytest

from kie_nb.ledger import money
from kie_nb.ledger.states import (
    AT_SERVICE,
    FINAL,
    NEXT,
    OPEN,
    RELEASED,
    TONES,
    UNSETTLED,
    WORDS,
    State,
    from_service,
    sources,
)

# The life of a run, drawn once more by hand: a state, and all that may come after it.
AFTER = {
    "intent": "sending not_sent",
    "sending": "intent accepted refused not_sent unknown",
    "accepted": "waiting queuing generating success fail lost",
    "waiting": "queuing generating success fail lost",
    "queuing": "waiting generating success fail lost",
    "generating": "waiting queuing success fail lost",
    "success": "fetched",
    "fetched": "success",
    "fail": "",
    "refused": "",
    "not_sent": "",
    "unknown": "accepted written_off",
    "lost": "accepted written_off",
    "written_off": "accepted",
}


@pytest.mark.parametrize("before", list(State))
def test_every_pair(before):
    """A state is followed by those in the table and by no other."""
    assert NEXT[before] - {before} == set(AFTER[before].split())


@pytest.mark.parametrize("after", list(State))
def test_sources_are_the_other_way_round(after):
    """What the ledger expects before a move is the same table, read backwards."""
    assert sources(after) - {after} == {before for before, names in AFTER.items() if after in names.split()}


def test_nothing_is_ever_sent_again_by_itself():
    """Only an intention is sent; what was sent goes back to one only from `sending`, on a clear refusal."""
    assert sources(State.SENDING) == {State.INTENT}
    assert sources(State.INTENT) == {State.SENDING}


def test_the_kinds_of_states():
    """Every state is open or final; a released one is final; an unknown outcome is not released."""
    assert set(State) == OPEN | FINAL
    assert not OPEN & FINAL
    assert {State.FAIL, State.REFUSED, State.NOT_SENT, State.WRITTEN_OFF} == RELEASED
    assert AT_SERVICE < OPEN
    assert {State.FETCHED, State.UNKNOWN, State.LOST} | RELEASED == FINAL


def test_every_state_has_words_of_its_own_and_a_tone():
    """A card never shows the name of a state, nor nothing; a table is filtered by the word it shows."""
    assert set(WORDS) == set(TONES) == set(State)
    assert len(set(WORDS.values())) == len(WORDS)
    assert all("_" not in words and words for words in WORDS.values())


@pytest.mark.parametrize(
    ("word", "before", "state"),
    [
        ("waiting", "accepted", "waiting"),
        ("queuing", "waiting", "queuing"),
        ("generating", "accepted", "generating"),
        ("success", "waiting", "success"),
        ("fail", "generating", "fail"),
        ("postprocessing", "generating", "generating"),
        ("postprocessing", "accepted", "accepted"),
        ("", "queuing", "queuing"),
        ("SUCCESS", "waiting", "waiting"),
        ("fetched", "waiting", "waiting"),
        ("refused", "waiting", "waiting"),
        ("lost", "intent", "waiting"),
    ],
)
def test_the_words_of_the_service(word, before, state):
    """Its five words are ours; any other, also one of our own, means that the task goes on."""
    assert from_service(word, State(before)) == state


def test_money_knows_the_same_states():
    """The ledger, which may not know the engine, has words of its own for them: each state is in one sum, or is never billed."""
    sums = (money.MADE, money.UNDER_WAY, money.AT_RISK)
    words = [word for each in sums for word in each]

    assert set(money.AT_RISK) == UNSETTLED
    assert set(money.UNDER_WAY) == OPEN - {State.SUCCESS}
    assert sorted([*words, State.REFUSED, State.NOT_SENT]) == sorted(State)
