"""A grid in a cell, its kernel killed as the machine would kill it, and the cell run again in a new one."""

import random
import time

import pytest

from kie_nb.simulator import Fault

GRID = """%%kie_wan --experiment smile --image cat.png --seeds 0-3 --sweep who=cat,dog,kitten -o exp
The {who} smiles."""

RESUME = """import contextlib, kie_nb as kie
for run in kie.resume():
    with contextlib.suppress(kie.KieError):
        run.wait(60)"""


def test_a_cell_that_waits_shows_the_card(workshop):
    """`run()` and `wait()` in one cell are not blank until the end; and the experiment is shown once."""
    kernel = workshop.kernel(workshop.simulate())
    kernel.run(
        "import kie_nb as kie; exp = kie.Experiment('e', image='cat.png', prompt='A cat.', seed=[1, 2])"
    )

    cell = kernel.run("exp.run()\nexp.wait()")

    assert cell.status == "ok", cell.error
    assert cell.html.count("2 of 2") + cell.html.count("of 2</") >= 1
    assert len([output for output in cell.outputs if "data" in output]) == 1

    kernel.run("%load_ext kie_nb")
    cell = kernel.run("%%kie_wan --experiment g --image cat.png --seeds 5-6 --wait -o grid\nA cat.")
    assert cell.status == "ok", cell.error
    assert len([output for output in cell.outputs if "data" in output]) == 1

    kernel.run("more = kie.Experiment('f', image='cat.png', prompt='A cat.', seed=[3, 4])")
    assert kernel.run("more.run()").html
    later = kernel.run("await more")
    assert [output for output in later.outputs if "data" in output] == []  # its card is above


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2])
def test_a_kernel_killed_in_the_middle_of_a_grid(workshop, seed):
    """Twelve tasks in all; what is unknown is settled by its task before the rest is bought."""
    chance = random.Random(seed)  # noqa: S311 - to be repeated
    simulator = workshop.simulate()
    for _ in range(2):
        kernel = restarted(workshop, simulator)
        kernel.submit(GRID)
        enough = min(12, len(simulator.tasks) + chance.randrange(1, 6))
        kernel.until(lambda enough=enough: len(simulator.tasks) >= enough)
        time.sleep(chance.uniform(0, 0.2))
        kernel.kill()

    kernel = restarted(workshop, simulator)
    assert kernel.run(GRID).status == "ok"

    assert counts(kernel) == "{'fetched': 12}"
    assert len(simulator.tasks) == 12
    assert kernel.run(GRID.replace("0-3", "0-4")).status == "ok"
    assert counts(kernel) == "{'fetched': 15}"
    assert len(simulator.tasks) == 15


def counts(kernel):
    """The cells by state when all has ended; a cell that waits shows the card, which is another cell's output."""
    assert kernel.run("_ = exp.wait(60)").status == "ok"
    return kernel.value("exp.status().counts")


def restarted(workshop, simulator):
    """A new kernel, in which the owner settles what is unknown with the tasks that the service shows."""
    kernel = workshop.kernel(simulator)
    tasks = ", ".join(repr(task.task_id) for task in simulator.tasks)
    assert kernel.run(RESUME).status == "ok"
    assert kernel.run(f"kie.settle({tasks})").status == "ok"
    kernel.run("for run in kie.runs(state='unknown'): run.write_off(charged=False)")
    return kernel


TEXT = "%%kie_wan --model wan/2-5-text-to-video --wait -o exp --seeds 1,2 "
PAIRS = TEXT + "--experiment pairs --sweep who=cat,dog --zip seed,who --repeats 2\nThe {who} smiles."
REFUSED = TEXT + "--experiment refused --stop-after-failures 1\nThe cat yawns."


def test_a_cell_says_how_axes_go_together_and_when_to_stop(workshop):
    """Side by side, each request twice, and no more after a first failure: as from Python."""
    simulator = workshop.simulate()
    kernel = workshop.kernel(simulator)
    assert kernel.run(PAIRS).status == "ok"
    assert kernel.value("[tuple(place.values()) for place, _ in exp.cells()]") == (
        "[(1, 'cat'), (1, 'cat', 2), (2, 'dog'), (2, 'dog', 2)]"
    )
    assert len(simulator.tasks) == 4

    simulator.set_faults([Fault(call="create", kind="422")])
    assert kernel.run(REFUSED).status == "ok"
    assert "failures in a row" in kernel.value("exp.status().stopped")
