"""What a cell may look like, without a kernel: what buys nothing of what was not meant, and says the line that is."""

from types import SimpleNamespace

import pytest

from kie_nb.catalogue import build_request
from kie_nb.errors import KieError
from kie_nb.notebook.extension import allow_comments_above
from kie_nb.notebook.line import with_options_below
from kie_nb.notebook.wan_magic import kie_wan

TEXT = "--model wan/2-5-text-to-video"


def dry_run(capsys, line, cell=None, **variables):
    """What the magic prints that it would send."""
    kie_wan(SimpleNamespace(user_ns=variables), f"--dry-run {line}", cell)
    return capsys.readouterr().out


def refused(line, cell=None, **variables):
    """What it says, without having sent anything."""
    with pytest.raises(KieError) as caught:
        kie_wan(SimpleNamespace(user_ns=variables), line, cell)
    assert caught.value.charged == "nothing"
    return caught.value


@pytest.mark.parametrize(
    ("line", "body", "options", "prompt"),
    [
        ("--image cat.png", "The cat", "--image cat.png", "The cat"),
        ("", "--seed 3\nThe cat", "--seed 3", "The cat"),
        ("", "  --seed 3 --duration 10\n-o clip\n\nThe cat", "--seed 3 --duration 10 -o clip", "\nThe cat"),
        ("", "\n\n--seed=3\nThe cat", "--seed=3", "The cat"),
        ("--seed 3 \\", "  --duration 10\nThe cat", "--seed 3 --duration 10", "The cat"),
        ("--seed 3 \\ ", "--duration 10 \\\n-o clip\nThe cat", "--seed 3 --duration 10 -o clip", "The cat"),
        ("", "--durtion 10\nThe cat", "--durtion 10", "The cat"),
        ("", "-- a dash\nThe cat", "", "-- a dash\nThe cat"),
        ("", "- a list\n--seed 3", "", "- a list\n--seed 3"),
        ("", "The cat\n--seed 3 is a word", "", "The cat\n--seed 3 is a word"),
        ("", "The cat \\\nsmiles", "", "The cat \\\nsmiles"),
        ("--seed 3 --", "--duration is a word here\nThe cat", "--seed 3 --", "--duration is a word here\nThe cat"),
        ("--seed 3", "", "--seed 3", ""),
        ("--seed 3 \\", "", "--seed 3", ""),
    ],
)  # fmt: skip
def test_options_go_on_below_the_line(line, body, options, prompt):
    """As a prompt they would buy another video."""
    found, rest = with_options_below(line, body)

    assert (found.split(), rest) == (options.split(), prompt)


def test_options_below_are_sent_as_options(capsys):
    """They are no part of the prompt."""
    shown = dry_run(capsys, TEXT, "--duration 10\n--seed 3\nRain falls.")

    assert '"prompt": "Rain falls."' in shown
    assert '"duration": "10"' in shown
    assert '"seed": 3' in shown


@pytest.mark.parametrize(
    "above", ["# what for\n", "\n\n", "  # indented\n\n# and more\n", "#%%kie_wan --seed 1\n"]
)
def test_comments_and_blank_lines_may_stand_above(above):
    """IPython would take the cell for Python otherwise."""
    cell = ["%%kie_wan --seed 3\n", "# The cat\n"]

    assert allow_comments_above([*above.splitlines(keepends=True), *cell]) == cell


@pytest.mark.parametrize(
    "cell", ["", "\n", "# alone\n", "x = 1\n%%kie_wan\nThe cat\n", "# a\n%%time\n%%kie_wan\n", "# a\n%%kie_wander\n"]
)  # fmt: skip
def test_other_cells_stay_as_they_are(cell):
    """Whatever is above them."""
    lines = cell.splitlines(keepends=True)

    assert allow_comments_above(lines) == lines


@pytest.mark.parametrize(
    ("line", "cell", "next_step"),
    [
        ("cat.png", "The cat", "write --image cat.png"),
        ("cat.png", None, "write --image cat.png"),
        ("photos/Cat.JPEG --seed 3", "The cat", "write --image photos/Cat.JPEG"),
        ("https://example.com/cat.webp", "The cat", "write --image https://example.com/cat.webp"),
        ('"my cat.png"', None, 'write --image "my cat.png"'),
        ("here.png The cat smiles", None, "write --image here.png"),
        ("photo", "The cat", "write --image photo"),
        ("--image here.png cat.heic", None, "one picture is sent: keep the one of --image"),
    ],
)
def test_a_picture_without_its_option(tmp_path, cat, line, cell, next_step):
    """It would be bought as a prompt."""
    for name in ("my cat.png", "here.png"):
        (tmp_path / name).write_bytes(cat.read_bytes())

    model = "" if "--image" in line else TEXT
    error = refused(f"{model} {line}", cell, photo=b"")

    assert "not a prompt" in error.message
    assert error.hint == next_step


@pytest.mark.parametrize("prompt", ["A cat in the style of cat.png", "photo", "cat.png and dog.png meet"])
def test_words_that_name_pictures_are_a_prompt(capsys, prompt):
    """Where no file of that name begins them."""
    assert f'"prompt": "{prompt}"' in dry_run(capsys, f"{TEXT} {prompt}", photo=b"")


@pytest.mark.parametrize(
    "name", ["class", "lambda", "None", "print", "open", "In", "Out", "get_ipython", "2clips", "a.b", "a b", "a-b"]
)  # fmt: skip
def test_a_name_that_cannot_be_the_runs_is_refused(name):
    """Before money is spent, and with what may be written."""
    error = refused(f'{TEXT} -o "{name}"', "Rain")

    assert error.message.startswith(f"-o {name}: that ")
    assert "-o clip" in error.hint


@pytest.mark.parametrize(
    ("line", "message", "next_step"),
    [
        ("--durtion 10", "did you mean '--duration'?", "use --duration 5 or 10"),
        ("--max-credit 10", "did you mean '--max-credits'?", "use --max-credits N"),
        ("--frsh", "did you mean '--fresh'?", "use --fresh"),
        ("--seed", "--seed needs a value", "use --seed SEED"),
        ("--duration 7", "duration='7'", "use --duration 5 or 10"),
        ("--resolution 4k", "resolution='4k'", "use --resolution 720p or 1080p"),
    ],
)
def test_the_next_step_is_the_fix(line, message, next_step):
    """What to write, and not where to read."""
    error = refused(f"{TEXT} {line}", "Rain")

    assert message in error.message
    assert error.hint.startswith(next_step)


@pytest.mark.parametrize("name", ["--steps", "--fps", "--width", "--height", "--style"])
def test_only_near_words_are_suggested(name):
    """Another setting is worse than none."""
    error = refused(f"{TEXT} {name} 5", "Rain")

    assert "did you mean" not in error.message
    assert "--help lists them" in error.hint


@pytest.mark.parametrize(
    ("line", "messages", "fixes"),
    [
        (
            f"{TEXT} --duration 7 --resolution 4k",
            ["duration='7'", "resolution='4k'"],
            ["use --duration 5 or 10", "use --resolution 720p or 1080p"],
        ),
        (
            f"{TEXT} --duraton 10 --resolution 4k --max-credits much -o class",
            ["--duraton", "resolution='4k'", "--max-credits=much", "-o class"],
            ["use --duration 5 or 10", "use --resolution 720p or 1080p", "-o clip"],
        ),
        (
            "--duration 7",
            ["Add a picture", "duration='7'"],
            ["--image cat.png", "use --duration 5 or 10"],
        ),
    ],
)
def test_several_mistakes_are_told_together(line, messages, fixes):
    """Each with its fix, so that the second run of the cell is the right one."""
    error = refused(line, "Rain")

    assert [text for text in messages if text not in error.message] == []
    assert [text for text in fixes if text not in error.hint] == []


def test_python_is_told_of_all_mistakes_too():
    """The same description judges."""
    with pytest.raises(KieError) as caught:
        build_request(prompt="Rain", duration="7", seed=-1)

    assert all(text in caught.value.message for text in ("Add a picture", "duration=", "seed=-1"))


def test_a_functions_own_variables_fill_the_prompt(capsys):
    """`%kie_wan --format` in a function."""
    notebook = SimpleNamespace(user_ns={"who": "cat", "mood": "sleepy"})
    kie_wan(notebook, f"{TEXT} --dry-run --format a {{mood}} {{who}}", None, {"who": "dog"})

    assert '"prompt": "a sleepy dog"' in capsys.readouterr().out
