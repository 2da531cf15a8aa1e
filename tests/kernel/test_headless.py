"""The main job where nobody watches: the executed notebook holds its video and can be handed on."""

import base64
import io
import re
import subprocess
import sys

import av
import kernelforks
import pytest
from kerneldriver import CELL, LOAD, environment

from kie_nb.simulator import Fault

WIDGET = "application/vnd.jupyter.widget-view+json"
DATA = re.compile(r'<video [^>]*src="data:video/mp4;base64,([A-Za-z0-9+/=]+)"')


@pytest.fixture
def simulator(workshop):
    return workshop.simulate()


def variables(workshop, simulator, **given):
    return environment(workshop.private, KIE_BASE_URL=simulator.base_url, **given)


def execute(workshop, simulator, *sources, **given):
    """Run a notebook with nbclient, as a runner of somebody's own would."""
    notebook = workshop.notebook(*sources)
    client = kernelforks.client(notebook, workshop.folder)
    client.execute(env=variables(workshop, simulator, **given))
    return notebook


def shown(cell):
    """The one display of a finished cell."""
    bundles = [output.data for output in cell.outputs if output.output_type == "display_data"]
    assert len(bundles) == 1, cell.outputs
    return bundles[0]


def frames_in(html):
    found = DATA.search(html)
    assert found, f"no embedded video in: {html[:2000]}"
    with av.open(io.BytesIO(base64.b64decode(found[1]))) as film:
        return sum(1 for _ in film.decode(video=0))


def assert_is_finished_video(bundle):
    assert WIDGET not in bundle
    assert set(bundle) == {"text/html", "image/jpeg", "text/plain"}
    assert frames_in(bundle["text/html"]) > 5
    assert base64.b64decode(bundle["image/jpeg"])[:2] == b"\xff\xd8"
    assert "seed=7" in bundle["text/plain"]
    assert "SIMULATED" in bundle["text/plain"]


def test_a_runner_that_asks_to_wait(workshop, simulator):
    """With KIE_NB_WAIT=1 the cell ends with its video, in the notebook and in a page made of it; `clip` is its run."""
    notebook = execute(
        workshop, simulator, LOAD, CELL, "print(type(clip).__name__, clip.state, clip.video)", KIE_NB_WAIT=1
    )

    assert_is_finished_video(shown(notebook.cells[1]))
    name, state, video = notebook.cells[2].outputs[0].text.split()
    assert (name, state) == ("Run", "fetched")
    assert str(workshop.videos()[0]) == video
    assert len(simulator.tasks) == 1

    from nbconvert import HTMLExporter

    page = HTMLExporter().from_notebook_node(notebook)[0]
    assert frames_in(page) > 5
    assert f'<script type="{WIDGET}">' not in page
    assert "The cat smiles." in page


@pytest.mark.parametrize("wait", ["await clip;", "clip.wait();"])
def test_a_later_cell_waits(workshop, simulator, wait):
    """The first cell's output holds the video although only a later cell waited for it."""
    notebook = execute(workshop, simulator, LOAD, CELL, wait)

    assert_is_finished_video(shown(notebook.cells[1]))


RUNNERS = {
    "papermill": ["papermill", "notebook.ipynb", "executed.ipynb", "--no-progress-bar"],
    "nbconvert": [
        "nbconvert",
        "--execute",
        "--to",
        "notebook",
        "--output",
        "executed.ipynb",
        "notebook.ipynb",
    ],
    "jupyter execute": ["jupyter", "execute", "notebook.ipynb", "--output=executed.ipynb"],
}


@pytest.mark.parametrize("command", RUNNERS.values(), ids=RUNNERS.keys())
def test_known_runners_are_recognised(workshop, simulator, command):
    """papermill, nbconvert and jupyter execute need no setting: their cells wait by themselves."""
    workshop.notebook(LOAD, CELL, "print(clip.state)")

    done = run(workshop, simulator, *command)

    assert done.returncode == 0, done.stderr
    import nbformat

    notebook = nbformat.read(workshop.folder / "executed.ipynb", as_version=4)
    codes = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert_is_finished_video(shown(codes[1]))
    assert codes[2].outputs[0].text == "fetched\n"
    assert len(simulator.tasks) == 1


def test_a_failed_task_fails_the_notebook(workshop):
    """A headless run must not go on to cells that need the video."""
    simulator = workshop.simulate(faults=[Fault(call="task", kind="fail_moderation")])

    from nbclient.exceptions import CellExecutionError

    with pytest.raises(CellExecutionError, match="TaskFailed"):
        execute(workshop, simulator, LOAD, CELL, "print('must not run')", KIE_NB_WAIT=1)


def run(workshop, simulator, module, *arguments):
    """A program of this environment, in the notebook's folder."""
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=workshop.folder,
        env=variables(workshop, simulator),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )


GRID = "kie.Experiment('{name}', model='wan/2-5-text-to-video', prompt='Waves {name}', seed=range(3))"


@pytest.mark.parametrize("runner", ["nbclient", "papermill"])
def test_the_card_of_an_experiment_is_never_stale(workshop, simulator, runner, monkeypatch):
    """Where nobody waits in its cell either: it is drawn anew when a later cell has run, with its videos; no other output is."""
    sources = [
        f"{LOAD}\nimport kie_nb as kie\none = {GRID.format(name='one')}\ntwo = {GRID.format(name='two')}",
        "one.run()",
        "display(two)",
        "two.run().wait()\none.wait()",
    ]
    if runner == "nbclient":
        notebook = execute(workshop, simulator, *sources, KIE_NB_WAIT=0)
    else:
        import papermill

        workshop.notebook(*sources)
        for name, value in variables(workshop, simulator, KIE_NB_WAIT=0).items():
            monkeypatch.setenv(name, value)
        folder = workshop.folder
        file = str(folder / "notebook.ipynb")
        notebook = papermill.execute_notebook(file, None, cwd=str(folder), progress_bar=False)
    for name, cell in zip(("one", "two"), notebook.cells[-3:-1], strict=True):
        page = shown(cell)
        assert page["text/plain"].startswith(f"<Experiment {name}: 3 of 3 cells done")
        assert "3 of 3" in page["text/html"]
        assert "while it was running" not in page["text/html"]
        assert len(DATA.findall(page["text/html"])) == 3
        assert frames_in(page["text/html"]) > 5
