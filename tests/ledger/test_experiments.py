"""The definition of an experiment in the ledger, while its cells are bought."""

import pytest

from kie_nb.errors import InvalidRequest
from kie_nb.ledger import Experiments
from kie_nb.ledger.money import CellTerms


@pytest.fixture
def stored(ledger):
    """The experiments of the service."""
    return Experiments(ledger.database, "kie")


def grid(*cells):
    """What stores these as the cells of an experiment."""
    return lambda *_: ({"name": "late"}, {cell.fingerprint: {"seed": cell.seed} for cell in cells})


def test_what_is_no_cell_any_more_is_not_bought(ledger, intention, stored):
    """Two grids were stored at the same moment, the later one before a cell of the first was recorded."""
    first, second = (intention(seed=seed, experiment="late") for seed in (1, 2))
    stored.change("late", grid(first))
    stored.change("late", grid(second))

    with pytest.raises(InvalidRequest, match="Another definition of the experiment 'late'") as caught:
        ledger.intend(first, cell_terms=CellTerms())
    assert "nothing" in caught.value.charged
    assert ledger.intend(second, cell_terms=CellTerms())[1]
    assert [row.seed for row in ledger.runs()] == [2]


def test_a_cell_that_is_bought_while_another_grid_is_stored_is_seen(ledger, intention, stored):
    """Whether a grid may go is decided in the transaction that writes the other one."""
    cell, seen = intention(seed=1, experiment="late"), []
    stored.change("late", grid(cell))

    def decide(definition, places, standings):
        seen.append(set(standings(list(places))))
        if len(seen) == 1:
            ledger.intend(cell, cell_terms=CellTerms())
        return grid()()

    stored.change("late", decide)
    assert seen == [set(), {cell.fingerprint}]
