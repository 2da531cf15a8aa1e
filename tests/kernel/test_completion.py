"""Completion as a front end asks for it: our options and values, and nothing else."""

import pytest

from kie_nb.catalogue import known_models

OFFERED = {
    "options": ("%%kie_wan --dur", {"--duration"}, "--dur"),
    "options on a line": ("%kie_wan --neg", {"--negative-prompt"}, "--neg"),
    "options in an assignment": ("clip = %kie_wan --res", {"--resolution"}, "--res"),
    "the other way of a switch": ("%%kie_wan --no-w", {"--no-wait"}, "--no-w"),
    "values": ("%%kie_wan --duration ", {"5", "10"}, ""),
    "values in an assignment": ("x = %kie_wan --resolution 7", {"720p"}, "7"),
    "values after a sign": (
        "%%kie_wan --resolution=",
        {"--resolution=720p", "--resolution=1080p"},
        "--resolution=",
    ),
    "ways to embed": ("%%kie_wan --embed ", {"preview", "full", "link"}, ""),
    "files": ("%%kie_wan --image ca", {"cat.png"}, "ca"),
    "commands": ("%kie re", {"resume"}, "re"),
    "services": ("%kie use ", {"kie", "simulator"}, ""),
}


@pytest.mark.parametrize(("typed", "expected", "replaced"), OFFERED.values(), ids=OFFERED.keys())
def test_exactly_what_fits_is_offered(kernel, typed, expected, replaced):
    """No names of Python, no files where none is wanted."""
    assert kernel.complete(typed) == (sorted(expected, key=kernel.complete(typed)[0].index), replaced)


def test_model_ids(kernel):
    """All described models, and nothing else."""
    offered, _ = kernel.complete("%%kie_wan --model ")
    assert set(offered) == set(known_models())


def test_options_follow_the_model(kernel):
    """`--aspect-ratio` belongs to text-to-video, `--image` does not."""
    offered, _ = kernel.complete("%%kie_wan --model wan/2-5-text-to-video --")
    assert "--aspect-ratio" in offered
    assert "--image" not in offered
    assert "--aspect-ratio" not in kernel.complete("%%kie_wan --")[0]


def test_every_option_is_offered_and_a_given_one_no_more(kernel):
    """The list is the help's list."""
    offered, _ = kernel.complete("%%kie_wan --seed 7 --")
    for name in (
        "--image",
        "--fresh",
        "--dry-run",
        "--wait",
        "--no-wait",
        "--max-credits",
        "--quiet",
        "--output",
    ):
        assert name in offered
    assert "--seed" not in offered
    assert all(name.startswith("--") for name in offered)


def test_variables_with_pictures_are_offered_for_an_image(kernel):
    """A PIL image is; a number is not."""
    kernel.run("from PIL import Image\nkitten, kilo = Image.new('RGB', (300, 300)), 1000")
    assert kernel.complete("%%kie_wan --image ki")[0] == ["kitten"]


def test_other_cells_complete_as_ever(kernel):
    """We say nothing about Python, other magics, and prompts."""
    kernel.run("smiling_variable = 1")
    assert "smiling_variable" in kernel.complete("smiling_va")[0]
    assert "%timeit" in kernel.complete("%timei")[0]
    assert "--duration" not in kernel.complete("%timeit --")[0]
    assert "--duration" not in kernel.complete("%%kie_wan --seed 7\nA cat --")[0]
