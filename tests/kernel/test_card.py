"""The live card in a notebook that keeps the state of its widgets, as nbclient always does."""

import json
import shutil
from pathlib import Path

import kernelforks
import pytest
from kerneldriver import LOAD, environment

from kie_nb.notebook.card_widget import card_widget

ROOT = Path(__file__).parents[2]
WIDGETS = "application/vnd.jupyter.widget-state+json"
CELL = "%%kie_wan --image chelsea.png --resolution 720p --seed {seed} -o clip{seed}\nThe cat smiles."
STATE = 20_000  # bytes of a run, with all that cards share
LARGER = 1.05  # than its previews, as text
RUNS = 1


@pytest.mark.parametrize("front", ["Lab", "another"])
def test_a_video_is_in_the_notebook_once(workshop, front):
    """Finished cards keep neither bytes nor code in their state, and even a small notebook is hardly larger than its previews."""
    simulator = workshop.simulate(tiny=False, speed=50.0)
    shutil.copy(ROOT / "notebooks" / "images" / "chelsea.png", workshop.folder)
    seeds = range(1, RUNS + 1)
    notebook = workshop.notebook(
        LOAD, *(CELL.format(seed=seed) for seed in seeds), *(f"clip{seed}.wait();" for seed in seeds)
    )
    client = kernelforks.client(notebook, workshop.folder)
    page = {"JPY_SESSION_NAME": str(workshop.folder / "notebook.ipynb")} if front == "Lab" else {}

    # As if somebody watched: only then there are cards.
    client.execute(
        env=environment(workshop.private, KIE_BASE_URL=simulator.base_url, VOILA_REQUEST_URL="x", **page)
    )

    state = notebook.metadata["widgets"][WIDGETS]["state"]
    sizes = [(model["model_name"], len(json.dumps(model))) for model in state.values()]
    assert [name for name, _ in sizes].count("AnyModel") == RUNS
    assert sum(size for _, size in sizes) <= RUNS * STATE, sizes
    previews = sum(file.stat().st_size for file in workshop.folder.rglob("*.preview.mp4")) * 4 / 3
    assert previews < 500_000
    assert len(json.dumps(notebook)) <= LARGER * previews
    for cell in notebook.cells[1 : RUNS + 1]:
        assert json.dumps(cell.outputs).count("data:video/mp4") == 1


def test_a_card_is_one_small_model():
    """What is shared is shared: another card is one model more, without its code."""
    kept = [card_widget([]).get_state() for _ in range(2)]
    assert len({each["kit"] for each in kept}) == len({each["layout"] for each in kept}) == 1
    assert len(kept[1]["_esm"]) < 1200
