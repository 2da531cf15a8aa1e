"""papermill's parameters feed cells: options and prompt of the magic, and the axes of an experiment."""

import json

import kernelforks
import pytest
from kerneldriver import LOAD, environment

from kie_nb.simulator import Fault

PARAMETERS = """prompt = "The cat sleeps."
seed, duration, mood, seeds = 1, 5, None, [0]"""
ONE = """%%kie_wan --format --image cat.png --seed {seed} --duration {duration} --negative-prompt {mood} -o clip
{prompt}"""
GRID = """import kie_nb as kie
exp = kie.Experiment("moods", image="cat.png", prompt=prompt, seed=seeds)
exp.run().wait(100)
print(exp.status().done)"""
CELL_GRID = """%%kie_wan --format --experiment cells --image cat.png --seeds {seeds} --sweep who=cat,kitten --wait
{prompt} The {who} is there."""


def papermill(workshop, simulator, **parameters):
    """Execute the notebook with these values; the finished process, and the executed notebook."""
    given = [word for name, value in parameters.items() for word in ("-y", json.dumps({name: value}))]
    done = kernelforks.run(
        ["-m", "papermill", "notebook.ipynb", "executed.ipynb", "--no-progress-bar", *given],
        cwd=workshop.folder,
        env=environment(workshop.private, KIE_BASE_URL=simulator.base_url, KIE_NB_CREATES_PER_WINDOW="1000"),
    )
    import nbformat

    return done, nbformat.read(workshop.folder / "executed.ipynb", as_version=4)


def write(workshop, *sources):
    notebook = workshop.notebook(PARAMETERS, LOAD, *sources)
    notebook.cells[0].metadata["tags"] = ["parameters"]
    import nbformat

    nbformat.write(notebook, workshop.folder / "notebook.ipynb")


@pytest.fixture
def simulator(workshop):
    return workshop.simulate(speed=50.0)


def test_parameters_feed_the_prompt_and_the_options(workshop, simulator):
    """Whatever signs are in them: each is one value. What is None is not given."""
    write(workshop, ONE)
    odd = "She says \"it's 5 o'clock\" -- 猫, {braces} and --seed 3\non two lines"

    for more in ({"mood": "no 'blur', --fresh air"}, {}):
        done, _ = papermill(workshop, simulator, prompt=odd, seed=7, duration=10, **more)
        assert done.returncode == 0, done.stderr

    first, second = (task.input for task in simulator.tasks)
    assert first["negative_prompt"] == "no 'blur', --fresh air"
    assert "negative_prompt" not in second
    for asked in (first, second):
        assert (asked["prompt"], asked["seed"], asked["duration"]) == (odd, 7, "10")


def test_parameters_feed_the_axes_of_an_experiment(workshop, simulator):
    """In Python and in a cell, whose sweep keeps its own placeholder."""
    write(workshop, GRID, CELL_GRID)

    done, executed = papermill(workshop, simulator, prompt="Purring.", seeds=[3, 5])

    assert done.returncode == 0, done.stderr
    assert executed.cells[-2].outputs[-1].text.endswith("2\n")
    asked = {(task.input["prompt"], task.input["seed"]) for task in simulator.tasks}
    assert asked == {
        ("Purring." + more, seed)
        for more in ("", " The cat is there.", " The kitten is there.")
        for seed in (3, 5)
    }


def test_a_variable_that_is_missing_fails_the_notebook_before_anything_is_sent(workshop, simulator):
    """Its name is told."""
    write(workshop, ONE.replace("{seed}", "{seeed}"))

    done, executed = papermill(workshop, simulator, seed=7)

    assert done.returncode != 0
    told = "\n".join(
        output.get("evalue", "") for cell in executed.cells for output in cell.get("outputs", [])
    )
    assert "no variable 'seeed' for --seed" in told
    assert "Nothing was sent" in told
    assert len(simulator.tasks) == 0


def test_a_cell_runs_failed_cells_again_at_a_word(workshop):
    """`--retry-failed` and `--extend` say in a cell what `exp.run` is told in Python."""
    simulator = workshop.simulate(speed=50.0, faults=[Fault(call="task", kind="fail", times=1)])
    kernel = workshop.kernel(simulator)
    line = "%%kie_wan --experiment e --image cat.png --seeds 1,2 --wait"
    for more, tasks in (("", 2), ("", 2), ("--retry-failed", 3)):
        assert kernel.run(f"{line} {more}\nSmile").status == "ok"
        assert len(simulator.tasks) == tasks

    changed = line.replace("1,2", "3")
    assert "was defined differently before" in kernel.run(f"{changed}\nSmile").error
    assert kernel.run(f"{changed} --extend\nSmile").status == "ok"
    assert len(simulator.tasks) == 4
