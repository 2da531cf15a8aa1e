"""What the record says of the place that asked: by what each front end really tells, and nothing where it tells nothing."""

import kernelforks
from kerneldriver import CELL, LOAD, environment

PLACE = "print(clip.wait(60).origin['notebook'], clip.origin['execution_count'])"


def test_jupyter_server_names_the_notebook(workshop):
    """By the variable that it gives each kernel, of which the name alone is kept; the cell by its number."""
    kernel = workshop.kernel(workshop.simulate(), JPY_SESSION_NAME="/home/me/work/cats.ipynb")
    kernel.run(CELL)

    assert kernel.value("clip.wait(60).origin['notebook']") == "'cats.ipynb'"
    assert kernel.value("clip.origin['execution_count']") == "2"
    assert "cats.ipynb [2]" in kernel.run("%kie show {clip.id}".replace("{clip.id}", _id(kernel))).html


def _id(kernel):
    return kernel.value("clip.id").strip("'")


def test_vs_code_names_it_by_a_variable_of_its_own(workshop):
    """Also from Python, where the extension was never loaded."""
    kernel = workshop.kernel(workshop.simulate(), load=False)
    kernel.run("__vsc_ipynb_file__ = '/home/me/dogs.ipynb'")
    kernel.run("import kie_nb; clip = kie_nb.generate('The cat smiles.', image='cat.png', seed=7)")

    assert kernel.value("clip.wait(60).origin['notebook']") == "'dogs.ipynb'"
    assert kernel.value("clip.origin['execution_count']") == "2"


def test_the_cell_that_runs_an_experiment_is_the_one_that_counts(workshop):
    """Not the one that defines it, nor whichever runs when a run is sent."""
    kernel = workshop.kernel(workshop.simulate())
    kernel.run(
        "import kie_nb; exp = kie_nb.Experiment('smile', image='cat.png', prompt='Smile', seed=[1, 2, 3])"
    )
    kernel.run("exp.run(parallel=1);")
    kernel.run("exp.wait(60);")

    assert kernel.value("[run.origin['execution_count'] for run in exp]") == "[3, 3, 3]"
    assert kernel.value("set(exp.to_frame()['execution_count'].tolist())") == "{3}"


def test_papermill_does_not_say_and_nothing_is_guessed(workshop):
    """Not even by the name of the notebook whose cell has started it."""
    simulator = workshop.simulate()
    workshop.notebook(LOAD, CELL, PLACE)
    given = {"KIE_BASE_URL": simulator.base_url, "JPY_SESSION_NAME": "/home/me/outer.ipynb"}

    kernelforks.run(
        ["-m", "papermill", "notebook.ipynb", "executed.ipynb", "--no-progress-bar"],
        cwd=workshop.folder,
        env=environment(workshop.private, **given),
    ).check_returncode()

    import nbformat

    executed = nbformat.read(workshop.folder / "executed.ipynb", as_version=4)
    assert executed.cells[-1].outputs[0].text == "None 2\n"
