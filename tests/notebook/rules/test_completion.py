"""Completion: exactly our options, values and commands, and nothing where we have nothing to say."""

import numpy as np
import pytest
from PIL import Image

from kie_nb.catalogue import known_models
from kie_nb.notebook.completion import matches
from kie_nb.notebook.kie_magic import COMMANDS
from kie_nb.notebook.options import all_names

DEFAULT, TEXT = "wan/2-5-image-to-video", "wan/2-5-text-to-video"
DASHED = [name for name in all_names(DEFAULT) if name.startswith("--")]


def offered(before, text=None, variables=None):
    answer = matches(text or before, before, variables or {})
    return [entry.text for entry in answer["completions"]]


@pytest.mark.parametrize(
    ("before", "words"),
    [
        ("%kie_wan --", DASHED),
        ("%%kie_wan --", DASHED),
        ("x = %kie_wan --", DASHED),
        ("%kie_wan -", list(all_names(DEFAULT))),
        ("%kie_wan --res", ["--resolution"]),
        ("%kie_wan --no-", [name for name in all_names(DEFAULT) if name.startswith("--no-")]),
        ("%kie_wan --resolution ", ["720p", "1080p"]),
        ("%kie_wan --resolution 1", ["1080p"]),
        ("%kie_wan --resolution=", ["--resolution=720p", "--resolution=1080p"]),
        ("%kie_wan --duration ", ["5", "10"]),
        ("%kie_wan --embed ", ["preview", "full", "link"]),
        ("%kie_wan --model ", list(known_models())),
        ("%kie_wan --model wan/2-5-t", [TEXT]),
        ("%kie_wan --aspect", []),
        (f"%kie_wan --model {TEXT} --aspect", ["--aspect", "--aspect-ratio"]),
        (f"%kie_wan --model {TEXT} --aspect-ratio ", ["16:9", "9:16", "1:1"]),
        ("%kie_wan --seed ", []),
        ("%kie_wan the ca", []),
        ("%kie ", list(COMMANDS)),
        ("%kie re", ["resume"]),
        ("%kie use ", ["kie", "simulator"]),
        ("%kie use s", ["simulator"]),
        ("%kie status ", []),
        ("%kie help qu", ["quickstart"]),
        ("%kie spend ", ["day", "model", "experiment", "notebook"]),
        ("%kie budget 5 d", ["day"]),
        ("%kie runs text=sky st", ["state="]),
        ("%time --", []),
        ("print('x", []),
        ("%kie_wander --", []),
    ],
)
def test_what_is_offered(before, words):
    """In the order of the description; nobody else's names are mixed in."""
    assert offered(before) == words


def test_an_option_is_offered_once():
    """What stands on the line already is left out, but what may be repeated."""
    words = offered("%kie_wan --seed 5 --set a=1 --sweep who=cat --")

    assert "--seed" not in words
    assert {"--set", "--sweep"} <= set(words)


def test_the_model_of_a_cell_stands_on_its_first_line():
    """Its options are offered, wherever on the line the cursor is."""
    text = f"%%kie_wan --asp --model {TEXT}\nWaves."

    assert offered("%%kie_wan --asp", text) == ["--aspect", "--aspect-ratio"]


def test_variables_are_offered(record):
    """A name to write over for `-o`, and what `--format` may fill in."""
    variables = {"clip": record("fetched"), "seed_list": [1, 2], "_hidden": 1}

    assert offered("%kie_wan -o ", variables=variables) == ["clip"]
    assert offered("%kie_wan --seeds {s", variables=variables) == ["{seed_list}"]


def test_pictures_are_offered_for_image(tmp_path):
    """Files that can be pictures, folders, and variables that hold one."""
    for name in ("cat.png", "cat.JPG", "cat.txt", "[odd].webp"):
        (tmp_path / name).touch()
    (tmp_path / "cats").mkdir()
    variables = {
        "cat_array": np.zeros((2, 2)),
        "cat_image": Image.new("RGB", (1, 1)),
        "_cat": b"",
        "cat_text": "x",
    }

    assert sorted(offered("%kie_wan --image cat", variables=variables)) == [
        "cat.JPG",
        "cat.png",
        "cat_array",
        "cat_image",
        "cats/",
    ]
    assert offered("%kie_wan --image [o") == ["[odd].webp"]
