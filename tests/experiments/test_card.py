"""The live card of an experiment: it lives through a ledger that cannot be read for a moment."""

import sys
import time
from dataclasses import replace

import pytest

import kie_nb as kie
from kie_nb.notebook.experiment_card import ExperimentCard
from kie_nb.notebook.experiment_page import _bar, _said, experiment_page


@pytest.fixture
def card(simulator, cat):
    exp = kie.Experiment("smile", image=cat, seed=range(3), prompt=["The cat smiles"])
    exp.run().wait(60)
    return ExperimentCard(exp)


@pytest.fixture
def locked(monkeypatch):
    """A ledger that cannot be read for so many looks."""
    module = sys.modules["kie_nb.notebook.experiment_card"]
    read, left = module.experiment_parts, []

    def parts(exp):
        if left:
            left.pop()
            raise kie.LedgerError("The ledger is locked by another program.")
        return read(exp)

    monkeypatch.setattr(module, "experiment_parts", parts)
    return lambda looks: left.extend(range(looks))


def tick(card):
    """A second."""
    card.tick()
    end = time.monotonic() + 60
    while card._busy:
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_failure_that_passes_does_not_freeze_it(card, locked):
    """The next tick shows how it stands."""
    card.head.value = "an old state"
    locked(2)
    for _ in range(3):
        tick(card)

    assert "3 of 3" in card.head.value
    assert card.button not in card.row.children


def test_before_anything_is_bought_it_says_that_it_is_free(simulator, cat):
    """Who answers is known then: the prices are those of Kie.ai, and nothing is spent."""
    said = experiment_page(kie.Experiment("smile", image=cat, seed=range(3), prompt="The cat smiles"))

    assert "Simulated · free" in said
    assert "at Kie.ai</span> about 180 credits" in said
    assert "spent" not in said


def test_what_was_stopped_cannot_be_stopped_again(simulator, cat):
    """The button is at rest, whether it was pressed or the cell was interrupted."""
    exp = kie.Experiment("smile", image=cat, seed=range(3), prompt="The cat smiles").run()
    assert not ExperimentCard(exp).button.disabled
    exp.stop()
    assert ExperimentCard(exp).button.disabled
    exp.wait(60)


@pytest.mark.parametrize(
    ("done", "said"),
    [(0, ""), (2, "a quarter of 8"), (5, "half of 8"), (6, "three quarters of 8"), (8, "all of 8")],
)
def test_progress_is_read_out_in_plain_words(card, done, said):
    """By quarters, so that a screen reader is not at it each second."""
    status = replace(card.exp.status(), counts={"fetched": done}, cells=8)
    assert _said(status) == (f"{said} cells done" if said else "")


def test_stills_come_by_message_and_are_in_no_state(card):
    """The state holds a run, a tone and words for each cell; who asks for the stills gets them."""
    sent = []
    card.grid.widget.send = lambda message, buffers: sent.append((message, buffers))
    tick(card)
    cells = card.grid.widget.cells
    assert [tone for _, tone, _ in cells] == ["ok"] * 3
    card.grid._hear(None, {"kind": "stills", "runs": [cells[0][0], "of-another-folder"]}, [])
    end = time.monotonic() + 60
    while not sent:
        assert time.monotonic() < end
        time.sleep(0.01)

    ((message, buffers),) = sent
    assert message == {"kind": "stills", "runs": [cells[0][0]]}
    assert buffers[0].startswith(b"\xff\xd8")


def test_the_bar_is_empty_while_nothing_has_ended(card):
    """What is under way is no progress."""
    status = replace(card.exp.status(), counts={"generating": 4}, cells=4)

    assert "width:100" not in _bar(status)
    assert "<span" not in _bar(status)


def test_what_cannot_be_read_for_long_shows_no_old_state(card, locked):
    """It says so in its place, and asks no more."""
    locked(99)
    for _ in range(12):
        tick(card)

    assert card.is_over
    assert "3 of 3" not in card.head.value
    assert "The ledger is locked by another program." in card.foot.value
    assert "run this cell again" in card.foot.value
