"""The notebooks that are shipped run from top to bottom where nobody watches, and show what their words promise."""

import shutil
from pathlib import Path

import kernelforks
import pytest
from kerneldriver import environment

FOLDER = Path(__file__).parents[2] / "notebooks"
PROMISES = {
    "quickstart": ["data:video/mp4;base64,", "<Run", "nothing was sent", "SIMULATED"],
    "experiments": [
        "4 videos to make, about 240 credits ($1.20) at Kie.ai; free in the simulator",
        "4 of 4",
        "tasks made by running it again: 0",
        "tasks made for a third seed:    2",
        "<Wall smile: 2 × 3, 6 videos>",
        'data-kie-wall="',
        "was defined differently before",
        "1 failed",
        "2 of 2 cells done",
        "over 6 pairs",
        "between seeds",
        "This buys 1 more run of the same request, simulated and free.",
        "same bytes: run",
        "distance (1 - SSIM)",
        "smile.parquet",
        "smile.html holds 6 videos",
        "ro-crate-metadata.json",
        "7 videos in the crate",
        "[axes]",
        "<Experiment smile: 6 of 6 cells done",
    ],
    "study": [
        "6 videos to make, about 360 credits ($1.80) at Kie.ai; free in the simulator",
        'description = "Does the wording',
        "killed, with so many tasks at work: True",
        "6 tasks for 6 cells: 6 of 6 cells done",
        "5 runs rated",
        "startle.parquet has 4",
        "image/png",
        "how=slowly: rating",
        "8 of 8 cells done",
        "8 tasks in all",
        "looks up. True",
        "over 13 pairs",
        "same bytes: run",
        "startle.html cells.csv",
        "2 experiments",
    ],
    "panel": [
        "kie_nb panel",
        "the same run: True",
        "data:video/mp4;base64,",
        "%%kie_wan --image kie-runs/inputs/",
        "--seed 8\nThe cat looks up",
        "tasks made: 2\n",
        "1 run, as asked for",
    ],
    "models": [
        "of 81 described models",
        '"ratio": "16:9"',
        '"mode": "std"',
        "data:video/mp4;base64,",
        "fetched {'reference': 'chelsea.png, coffee.png'}",
        "refused: kling/v2-1-standard takes no last image.",
        "seed: none, cannot be repeated",
        "not documented: no estimate",
    ],
    "ledger": [
        "nothing was sent",
        "data:video/mp4;base64,",
        "data:image/jpeg;base64,",
        "intent     → sending",
        "250 credits ($1.25)",
        "The simulator is free: no budget counts what it makes.",
        "This video (120 credits) would exceed max_credits=100.",
        "tasks made: 1\n",
        "1 run in",
        "kie.generate(",
        "1 run added",
        "tasks made: 0\n",
        "ben adds keeper",
        "whole: True",
        "it cannot sign a link",
    ],
    "trouble": [
        "probably billed",
        "its video is fetched now",
        "not billed so far",
        "written_off",
        "taken up; `%kie show",
        "the key was not accepted",
        "not enough credits",
        "1 altered, 1 missing; 2 mended, 0 not",
    ],
    "headless": ["data:video/mp4;base64,", "fetched 7", "[axes]", "2 cells", "2 of 2", "exit code 0"],
    "simulator": ["1 task, 60.0 credits (simulated)", "fetched - 2 tasks in all", "charged: nothing"],
    "security": ["refused: ", "not ours", "a program of yours: 200", "a page elsewhere:   403", "not used"],
    "callbacks": [
        "data:video/mp4;base64,",
        "callbacks taken: 1 - looks at the task: 1\n",
        "success 60",
        "refused: ",
    ],
    "python": [
        "fetched 7",
        "frame 19 of run",
        "'left out as doubled, after clip': [1, 2]",
        "distance (1 - SSIM)",
        "success True",
        "True\n",
    ],
}


def test_every_notebook_has_its_promises():
    """One that is added is run here too."""
    assert {path.stem for path in FOLDER.glob("*.ipynb")} == set(PROMISES)


@pytest.mark.parametrize("name", PROMISES)
def test_a_notebook_runs_headless(name, tmp_path):
    """On the simulator, without a key; as it is in the repository it holds no outputs. (The demo of the gate runs the first with videos of full size.)"""
    shutil.copytree(FOLDER, tmp_path / "notebooks", ignore=shutil.ignore_patterns("kie-runs"))
    import nbformat

    notebook = nbformat.read(tmp_path / "notebooks" / f"{name}.ipynb", as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert not any(cell.outputs for cell in cells)

    client = kernelforks.client(notebook, tmp_path / "notebooks")
    quick = {"KIE_NB_WAIT": 1, "KIE_NB_SIMULATOR_SPEED": 30, "TINY_VIDEOS": 1}
    client.execute(env=environment(tmp_path / "private", **quick))

    shown = "\n".join(texts(output) for cell in cells for output in cell.outputs)
    assert [words for words in PROMISES[name] if words not in shown] == []
    assert "application/vnd.jupyter.widget-view+json" not in shown


def texts(output):
    """All that an output says, with the kinds it comes in."""
    if output.output_type == "stream":
        return output.text
    return "\n".join(f"{kind}\n{value}" for kind, value in output.get("data", {}).items())
