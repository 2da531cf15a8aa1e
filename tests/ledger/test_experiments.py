"""The definition of an experiment in the ledger, while its cells are bought."""

import os

import pytest
import sqlalchemy as sa

from kie_nb.errors import InvalidRequest
from kie_nb.ledger import Experiments, KeptFile
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


def test_the_runs_of_thousands_of_cells_are_one_statement_and_always_as_they_are_now(
    ledger, intention, stored
):
    """What has not changed since the last look is not read from its JSON again; of two runs of a cell the one that stands counts."""
    cells = [intention(seed=seed) for seed in range(3)]
    rows = [ledger.intend(cell)[0] for cell in cells]
    asked = [cell.fingerprint for cell in cells] + [f"{number:064x}" for number in range(1200)]
    seen = []
    sa.event.listen(ledger.database._engine, "before_cursor_execute", lambda *told: seen.append(told[2]))

    def look():
        seen.clear()
        return {key: (one.id, one.state, one.files) for key, one in stored.standings(asked).items()}

    first = look()
    assert len([each for each in seen if each.startswith("SELECT run")]) == 1
    assert first == {row.fingerprint: (row.id, "intent", ()) for row in rows} == look()

    file = KeptFile(name="videos/a.mp4", number=0)
    ledger.move(rows[0].id, "fetched", expect={"intent"}, files=(file,))
    ledger.move(rows[1].id, "not_sent", expect={"intent"}, release=True)
    again, is_new = ledger.intend(cells[1])
    expected = {
        cells[0].fingerprint: (rows[0].id, "fetched", (file,)),
        cells[1].fingerprint: (again.id, "intent", ()),
    }
    assert is_new
    assert look() == first | expected
    assert {key: row.id for key, row in stored.runs(asked).items()} == {
        key: found[0] for key, found in look().items()
    }


def test_a_folder_is_listed_again_once_it_has_changed(ledger):
    """A file that comes, goes or is replaced by a link counts at the next look, however shortly after the last one."""
    videos = ledger.files.videos
    videos.mkdir(parents=True)
    for _ in range(20):
        (videos / "a.mp4").touch()
        assert ledger.files.there() == {"videos/a.mp4"}
        (videos / "a.mp4").unlink()
        assert ledger.files.there() == frozenset()
    os.utime(videos, (1, 1))
    assert ledger.files.there() == frozenset() == ledger.files.there()
    (videos / "b.mp4").symlink_to(videos)
    (videos / "c.mp4").touch()
    assert ledger.files.there() == {"videos/c.mp4"}
