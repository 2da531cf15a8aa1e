"""Cells of a grid with several media of one role: each has a name of its own, by which it is fixed, varied and stored."""

from types import SimpleNamespace

import pytest
from PIL import Image

import kie_nb as kie
from kie_nb.notebook.wan_magic import kie_wan

ASKED = "--model wan/2-7-r2v --duration 2 --resolution 720p --no-prompt-extend"
LINE = f"{ASKED} --seed 7 --reference a.png --reference b.png"


@pytest.fixture
def pictures(tmp_path):
    for number, name in enumerate("abc"):
        Image.new("RGB", (320, 320), (60 * number, 90, 120)).save(tmp_path / f"{name}.png")


def labels(run):
    return [one.label for one in run.request.media["reference"]]


@pytest.mark.usefixtures("pictures")
def test_the_same_words_mean_the_same_in_a_cell_and_in_a_grid(simulator, tmp_path):
    """Both references go with each cell, one of them may vary, and a file has them all."""
    kie_wan(SimpleNamespace(user_ns={}), f"{LINE} -o one --quiet", "A walk").wait(60)
    exp = kie.Experiment(
        "walk", prompt="A walk", model="wan/2-7-r2v", duration=2, resolution="720p", seed=7,
        reference="a.png", reference_2=["b.png", "c.png"],
    )  # fmt: skip
    status = exp.status()
    assert (status.cells, status.done) == (2, 1)  # one is the cell's

    exp.run().wait(120)

    assert [labels(run) for run in exp] == [["a.png", "b.png"], ["a.png", "c.png"]]
    assert [place for place, _ in exp.cells()] == [{"reference_2": "b.png"}, {"reference_2": "c.png"}]
    assert [len(task.input["reference_image"]) for task in simulator.tasks] == [2, 2]
    exp.save("walk.toml")
    assert 'reference_2 = ["b.png", "c.png"]' in (tmp_path / "walk.toml").read_text("utf-8")
    assert kie.Experiment.load("walk.toml").status().done == 2
    assert list(exp.to_frame()["reference_2"]) == ["b.png", "c.png"]


@pytest.mark.usefixtures("pictures", "simulator")
@pytest.mark.parametrize(("line", "at", "first"), [
    ("--reference a.png --reference b.png --sweep duration=2,3", ["duration"], ["a.png", "b.png"]),
    ("--reference two --sweep duration=2,3", ["duration"], ["a.png", "b.png"]),
    ("--reference a.png --sweep reference-2=b.png,c.png", ["reference_2"], ["a.png", "b.png"]),
    ("--reference-image a.png --reference-image b.png --sweep duration=2,3", ["duration"], ["a.png", "b.png"]),
    ("--sweep reference=a.png,c.png", ["reference"], ["a.png"]),
])  # fmt: skip
def test_what_is_repeated_on_the_line_belongs_to_each_cell(line, at, first):
    """And is varied by its own name; nothing is sent by a dry run."""
    variables = {"two": ["a.png", "b.png"]}
    asked = f"--model wan/2-7-r2v --resolution 720p --seed 7 --experiment walk --dry-run -o exp {line}"
    kie_wan(SimpleNamespace(user_ns=variables), asked, "A walk")

    exp = variables["exp"]
    assert [[*place] for place, _ in exp.cells()] == [at, at]
    assert labels(next(iter(exp._cells.cells.values())).prepared) == first


@pytest.mark.usefixtures("pictures", "simulator")
def test_more_than_the_model_takes_is_refused():
    """Before anything is read."""
    asked = f"{ASKED} --experiment walk {'--reference a.png ' * 11}"
    with pytest.raises(kie.InvalidRequest, match="reference has 11 files; wan/2-7-r2v takes at most 10"):
        kie_wan(SimpleNamespace(user_ns={}), asked, "A walk")


@pytest.mark.parametrize(("model", "name"), [
    ("wan/2-5-text-to-video", "enable_prompt_expansion"),
    ("wan/2-7-text-to-video", "prompt_extend"),
    ("hailuo/02-text-to-video-standard", "prompt_optimizer"),
])  # fmt: skip
def test_prompt_expansion_is_off_whatever_a_model_calls_it(model, name):
    """The service would rewrite each prompt, and cells would differ by more than their axes."""
    exp = kie.Experiment("walk", prompt=["A walk", "A run"], model=model)

    assert exp.definition.grid.fixed[name] is False
