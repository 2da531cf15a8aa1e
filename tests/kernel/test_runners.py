"""Runners that are no front end, each as a process: every cell waits, and the runs are kept beside the notebook."""

import base64
import re
from importlib.util import find_spec

import kernelforks
import pytest
from kerneldriver import CELL, LOAD, environment, picture

pytestmark = pytest.mark.slow

CAPTURED = "%%capture kept\nkie_nb.generate('Waves', image='cat.png', seed=8)"
PYTHON = {
    "papermill": "import papermill; papermill.execute_notebook('notebook.ipynb', 'executed.ipynb', progress_bar=False)",
    "nbclient": (
        "import nbclient, nbformat; notebook = nbformat.read('notebook.ipynb', 4); "
        "nbclient.NotebookClient(notebook).execute(); nbformat.write(notebook, 'executed.ipynb')"
    ),
    "testbook": (
        "import nbformat, testbook\n"
        "with testbook.testbook('notebook.ipynb', execute=True) as book: nbformat.write(book.nb, 'executed.ipynb')"
    ),
    "ploomber_engine": "import ploomber_engine; ploomber_engine.execute_notebook('notebook.ipynb', 'executed.ipynb')",
}
PROGRAMS = {
    "jupytext": ["jupytext", "--execute", "--to", "ipynb", "notebook.ipynb", "-o", "executed.ipynb"],
    "nbmake": ["pytest", "-p", "no:cacheprovider", "--nbmake", "--overwrite", "notebook.ipynb"],
}
RUNNERS = {name: ["-c", code] for name, code in PYTHON.items()} | {
    name: ["-m", *words] for name, words in PROGRAMS.items()
}


@pytest.fixture
def simulator(workshop):
    return workshop.simulate()


def run(workshop, simulator, *arguments, folder=None):
    """A program of this environment that ends well."""
    env = environment(workshop.private, KIE_BASE_URL=simulator.base_url)
    done = kernelforks.run(arguments, cwd=folder or workshop.folder, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def codes(path):
    import nbformat  # late: most workers need none

    return [cell for cell in nbformat.read(path, 4).cells if cell.cell_type == "code"]


def shown_in(cell):
    """The one thing that it shows; who answers is said beside it."""
    (shown,) = [output for output in cell.outputs if output.output_type != "stream"]
    return shown


def is_video(output):
    """Whether it is a page with a film in it."""
    found = re.search(
        r'<video [^>]*src="data:video/mp4;base64,([A-Za-z0-9+/=]+)"', output["data"]["text/html"]
    )
    return found is not None and b"ftyp" in base64.b64decode(found[1])[:12]


@pytest.mark.parametrize("runner", RUNNERS)
def test_every_runner_waits(workshop, simulator, runner):
    """Each cell ends with its video, shown once; a run that a captured cell ends with is kept once."""
    if find_spec(runner) is None:
        pytest.skip(f"{runner} is not installed")
    workshop.notebook(
        f"import kie_nb\n{LOAD}",
        CELL,
        "print(clip.state)",
        CAPTURED,
        "print(len(kept.outputs), end='')",
        "clip",
    )

    run(workshop, simulator, *RUNNERS[runner])

    executed = workshop.folder / ("notebook.ipynb" if runner == "nbmake" else "executed.ipynb")
    _, cell, state, captured, count, again = codes(executed)
    assert is_video(shown_in(cell))
    assert is_video(shown_in(again))
    assert state.outputs[0].text.strip() == "fetched"
    assert captured.outputs == []
    assert count.outputs[0].text.strip() == "1"
    assert len(simulator.tasks) == 2
    assert len(workshop.videos()) == 2


def test_a_variable_that_was_inherited_makes_nobody_watch(workshop, simulator):
    """A runner that was started from a cell of Lab, whose kernel has the name of that cell's notebook."""
    workshop.notebook(LOAD, CELL)
    outer = workshop.kernel(
        simulator,
        load=False,
        JPY_SESSION_NAME=str(workshop.folder / "outer.ipynb"),
        JPY_PARENT_PID="1",
    )

    done = outer.run(PYTHON["nbclient"], timeout_s=120)

    assert done.status == "ok", done.error
    assert is_video(shown_in(codes(workshop.folder / "executed.ipynb")[1]))


def test_a_card_without_its_video_names_the_setting_that_waits(workshop):
    """Where a cell was told not to wait."""
    simulator = workshop.simulate(speed=1.0)
    workshop.notebook(LOAD, CELL.replace("--seed", "--no-wait --seed"), "clip.stop_waiting()")

    run(workshop, simulator, *RUNNERS["nbclient"])

    card = shown_in(codes(workshop.folder / "executed.ipynb")[1])
    assert "--wait, or KIE_NB_WAIT=1" in card.data["text/html"]


def test_runs_are_beside_the_notebook_that_papermill_is_told(workshop, simulator, tmp_path):
    """From whatever folder: the same request is bought once."""
    other = tmp_path / "other"
    other.mkdir()
    picture(other)
    workshop.notebook(LOAD, CELL, "print(clip.id, end='')")
    ids = []

    for folder, path in ((workshop.folder, "notebook.ipynb"), (other, "../notebooks/notebook.ipynb")):
        run(workshop, simulator, "-m", "papermill", path, "out.ipynb", "--no-progress-bar", folder=folder)
        ids.append(codes(folder / "out.ipynb")[-1].outputs[0].text)

    assert len(set(ids)) == 1
    assert len(simulator.tasks) == 1
    assert not (other / "kie-runs").exists()


def test_a_path_that_is_not_found_names_the_kernels_folder(workshop, simulator, tmp_path):
    """A picture counts from there, and `--cwd` chooses it."""
    other = tmp_path / "elsewhere"
    other.mkdir()
    workshop.notebook(
        LOAD, "try:\n    %kie_wan --image cat.png Smile\nexcept Exception as exc:\n    print(exc)"
    )

    run(
        workshop, simulator, "-m", "papermill", "../notebooks/notebook.ipynb", "out.ipynb", "--no-progress-bar", folder=other
    )  # fmt: skip

    told = "".join(output.get("text", "") for output in codes(other / "out.ipynb")[-1].outputs)
    assert "the folder that the kernel runs in, 'elsewhere'" in told
    assert "'notebooks'" in told
    assert "--cwd" in told


def test_nbconvert_of_two_notebooks_keeps_the_runs_of_each(workshop, simulator):
    """Each kernel runs beside its own notebook, whichever was named first."""
    for name in ("a", "b"):
        (workshop.folder / name).mkdir()
        picture(workshop.folder / name)
        workshop.notebook(LOAD, CELL, name=f"{name}/{name}.ipynb")

    run(
        workshop,
        simulator,
        "-m",
        "nbconvert",
        "--execute",
        "--to",
        "notebook",
        "--inplace",
        "a/a.ipynb",
        "b/b.ipynb",
    )

    assert [len(list((workshop.folder / name).glob("kie-runs/videos/*.mp4"))) > 0 for name in "ab"] == [
        True
    ] * 2


def test_a_new_folder_says_that_a_neighbour_has_runs(workshop, simulator, tmp_path):
    """Where the notebook cannot be known: papermill's Python, from another folder."""
    other = tmp_path / "other"
    other.mkdir()
    picture(other)
    workshop.notebook(LOAD, CELL)
    run(workshop, simulator, *RUNNERS["nbclient"])

    code = PYTHON["papermill"].replace("'notebook.ipynb'", "'../notebooks/notebook.ipynb'")
    run(workshop, simulator, "-c", code, folder=other)

    told = str([cell.outputs for cell in codes(other / "executed.ipynb")])
    assert "A new folder for runs is made" in told
    assert "has runs already, which are not found from here" in told
    assert "KIE_NB_HOME=" in told
