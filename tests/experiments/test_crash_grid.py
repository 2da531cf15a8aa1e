"""SIGKILL in the middle of a grid, at random moments, and run again: each cell is bought once.

The service's own tasks are counted. ``SEED=n`` repeats the plans of a day; where the kills landed is printed.
"""

import collections
import random
import time

import pytest
from soak import SEED

from kie_nb.simulator import Fault

pytestmark = pytest.mark.slow

ROUNDS, KILLS = 3, 4
TRANSITIONS = 30  # of the seventy or so that twelve runs have
SLOW = [
    Fault(call="upload", kind="slow_reply", seconds=0.1),
    Fault(call="create", kind="slow_reply", seconds=0.1),
    Fault(call="download", kind="slow", seconds=0.2, probability=0.5),
]


class Grid:
    """Three prompts and some seeds in a home, as its buyers ask for them."""

    def __init__(self, home):
        self.home = home
        self._prompts = [f"{home.folder.name}: the cat {verb}." for verb in ("smiles", "yawns", "sneezes")]

    def start(self, *steps, seeds=4, end=None):
        """A buyer that does *steps* and runs the grid."""
        grid = {
            "do": "grid",
            "seeds": seeds,
            "prompts": self._prompts,
            "image": self.home.cells(1)[0]["image"],
        }
        return self.home.start(*steps, grid, end=end)

    def check(self):
        """No cell has two tasks, and no task is without a row that knows it or may have made it."""
        rows, tasks = self.home.rows(), self.home.tasks()
        bought = collections.Counter((task.input["prompt"], task.seed) for task in tasks)
        assert [cell for cell, count in bought.items() if count > 1] == [], rows
        for task in tasks:
            mine = [row for row in rows if (row["prompt"], row["seed"]) == (task.input["prompt"], task.seed)]
            known = [row for row in mine if row["task_id"] == task.task_id]
            unsure = [
                row for row in mine if row["task_id"] is None and row["state"] in {"sending", "unknown"}
            ]
            assert (len(known), len(unsure)) in {(1, 0), (0, 1)}, f"{task}: {mine}"

    def strays(self):
        """The ids of tasks that no row knows."""
        known = {row["task_id"] for row in self.home.rows()}
        return [task.task_id for task in self.home.tasks() if task.task_id not in known]


@pytest.fixture
def grid(make_home, service):
    made = Grid(make_home("grid"))
    service.set_faults(SLOW)
    return made


def test_run_twice_it_makes_twelve_tasks_and_grown_fifteen(grid):
    """Each time by a process of its own."""
    for seeds, cells in ((4, 12), (4, 12), (5, 15), (5, 15)):
        assert grid.start(seeds=seeds).report["grid"] == {"fetched": cells}
        assert len(grid.home.tasks()) == cells
    grid.check()


def test_what_a_killed_process_meant_to_send_is_sent_by_the_next(grid):
    """An intention that was left keeps nobody waiting, and its cell is bought once."""
    assert grid.start(seeds=1, end={"leave": "ledger/runs.py:intend"}).was_killed()
    assert [row["state"] for row in grid.home.rows()] == ["intent"]

    assert grid.start(seeds=1).report["grid"] == {"fetched": 3}
    assert len(grid.home.tasks()) == 3
    grid.check()


@pytest.mark.parametrize("number", range(ROUNDS))
def test_killed_at_random_and_resumed_it_makes_twelve(grid, number):
    """Unless the fate of a create is truly unknown: then it is said, nothing is sent again, and its task settles it."""
    seed = SEED + number
    print(f"SEED={SEED}")
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    landed = collections.Counter()
    for _ in range(KILLS):
        kill(grid, chance)
        grid.check()
        landed.update(row["state"] for row in grid.home.rows())
    print(dict(landed))
    assert set(landed) - {"fetched"}, "no kill met a run under way"

    counts = grid.start().report["grid"]
    grid.check()
    unknown = [row for row in grid.home.rows() if row["state"] == "unknown"]
    strays = grid.strays()
    assert counts == {"fetched": 12 - len(unknown)} | ({"unknown": len(unknown)} if unknown else {})
    assert len(grid.home.tasks()) == 12 - len(unknown) + len(strays)

    if unknown:
        report = grid.start({"do": "settle", "tasks": strays}).report
        assert len(report["settle"]) == len(unknown) - len(strays)
        assert report["grid"] == {"fetched": 12}
    assert len(grid.home.tasks()) == 12
    grid.check()
    assert grid.start(seeds=5).report["grid"] == {"fetched": 15}
    assert len(grid.home.tasks()) == 15
    grid.check()


def kill(grid, chance):
    """Start a buyer and kill it after so many more transitions in the ledger, and so many seconds."""
    before, after, later_s = grid.home.transitions(), chance.randrange(TRANSITIONS), chance.uniform(0, 0.3)
    buyer = grid.start()
    end = time.monotonic() + 60
    while grid.home.transitions() - before < after and not buyer.ends_in(0.01):
        assert time.monotonic() < end
    if not buyer.ends_in(later_s):
        buyer.kill()
    buyer.was_killed()
