"""The magic's line: options as people write them, and a prompt exactly as it was typed."""

import pytest

from kie_nb.errors import InvalidRequest
from kie_nb.notebook.extension import keep_question_marks
from kie_nb.notebook.line import parse
from kie_nb.notebook.options import all_names, help_text, options

TEXT = "--model wan/2-5-text-to-video"


@pytest.mark.parametrize(
    ("line", "prompt"),
    [
        ("", ""),
        ("The cat smiles.", "The cat smiles."),
        ('"The cat smiles."', "The cat smiles."),
        ("'The cat smiles.'", "The cat smiles."),
        ("“The cat smiles.”", "The cat smiles."),
        ("it's a cat", "it's a cat"),
        ("'tis the dogs' day", "'tis the dogs' day"),
        ('"it\'s the cat"', "it's the cat"),
        ('she says "meow" twice', 'she says "meow" twice'),
        ('a 5" cat', 'a 5" cat'),
        ('"a quote that never ends', '"a quote that never ends'),
        ('"say "meow" now"', '"say "meow" now"'),
        ('""', ""),
        ("two  spaces   stay", "two  spaces   stay"),
        ("what now?", "what now?"),
        ("costs $5 or {x} or {0}", "costs $5 or {x} or {0}"),
        ("back\\slash \\n \\\\", "back\\slash \\n \\\\"),
        ("a # b ; c & d | e > f !ls", "a # b ; c & d | e > f !ls"),
        ("Zürich 😀 猫", "Zürich 😀 猫"),
        ("-3 degrees and - a dash", "-3 degrees and - a dash"),
        ("a dash -- in the middle", "a dash -- in the middle"),
        ("-- --seed is what I say", "--seed is what I say"),
        ("--seed 5 -- --fresh air", "--fresh air"),
        ("--seed 5 The cat", "The cat"),
        ("The cat --seed 5", "The cat"),
        ('"The cat" --seed 5', "The cat"),
        ("The cat --seed 5 smiles", "The cat smiles"),
        ('"--seed 5"', "--seed 5"),
        ("a = b", "a = b"),
    ],
)
def test_the_prompt_is_what_was_typed(line, prompt):
    """A shell's rules do not fit: quotes, `?`, `$5`, `{x}` and backslashes mean nothing in prose."""
    assert parse(line).prompt == prompt


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("--image cat.png", "image", "cat.png"),
        ("--image=cat.png", "image", "cat.png"),
        ('--image "my cat.png"', "image", "my cat.png"),
        ('--image="my cat.png"', "image", "my cat.png"),
        ("--image 'my cat.png' x", "image", "my cat.png"),
        ("--image https://example.com/a.png?x=1&y=2", "image", "https://example.com/a.png?x=1&y=2"),
        ("--image -odd.png", "image", "-odd.png"),
        ("The cat --image cat.png", "image", "cat.png"),
        ("-o clip", "output", "clip"),
        ("-o=clip", "output", "clip"),
        ("--output clip", "output", "clip"),
        ("--wait", "wait", True),
        ("--no-wait", "wait", False),
        ("", "wait", None),
        ("--fresh", "fresh", True),
        ("--dry-run", "dry_run", True),
        ("--quiet", "quiet", True),
        ("--format", "format", True),
        ("--help", "help", True),
        ("--embed full", "embed", "full"),
        ("--max-credits 60.5", "max_credits", 60.5),
        ("--call-back-url https://example.com/h", "call_back_url", "https://example.com/h"),
        ("--set a=1 --set b=x", "raw", {"a": 1, "b": "x"}),
        ("--set a=true --set b=null --set c=-1.5", "raw", {"a": True, "b": None, "c": -1.5}),
        ('--set ratio="16:9"', "raw", {"ratio": "16:9"}),
        ('--set urls=["a","b"]', "raw", {"urls": ["a", "b"]}),
        ("--set text=a=b", "raw", {"text": "a=b"}),
        ("--model any/id", "model", "any/id"),
        ("--model=any/id", "model", "any/id"),
    ],
)  # fmt: skip
def test_options(line, name, value):
    """Before or after the prompt, with a space or an equals sign."""
    assert getattr(parse(line), name) == value


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("", {}),
        ("--duration 10 --resolution 1080p", {"duration": "10", "resolution": "1080p"}),
        ("--seed 0", {"seed": 0}),
        ("--seed=-5", {"seed": -5}),
        ("--seed -5", {"seed": -5}),
        ("--seed many", {"seed": "many"}),
        ("--negative-prompt '-- blur, noise'", {"negative_prompt": "-- blur, noise"}),
        ("--nsfw-checker", {"nsfw_checker": True}),
        ("--no-nsfw-checker", {"nsfw_checker": False}),
        ("--no-enable-prompt-expansion", {"enable_prompt_expansion": False}),
        (f"{TEXT} --aspect-ratio 9:16", {"aspect_ratio": "9:16"}),
    ],
)
def test_fields_of_the_model(line, fields):
    """Only what was given, under the wire's names; values are judged later, by the model's description."""
    assert parse(line).fields == fields


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--sede 5 The cat", ["--sede", "did you mean '--seed'"]),
        ("--resolutoin=720p", ["--resolutoin", "did you mean '--resolution'"]),
        ("--aspect-ratio 16:9", ["has no --aspect-ratio"]),
        ("--model hailuo --duration 6 --resolution 768P", ["'hailuo' may mean several models"]),
        ("--model wan-2.8 --duration 5", ["'wan-2.8' is not described here"]),
        ("--no-fresh", ["no option --no-fresh"]),
        ("--zzzzzz", ["no option --zzzzzz."]),
        ("--lenght 5", ["no option --lenght; did you mean '--duration'?"]),
        ("--size 5", ["no option --size; did you mean '--resolution'?"]),
        ("--sat 5", ["no option --sat; did you mean '--set'?"]),
        ("--seed", ["--seed needs a value"]),
        ("The cat --image", ["--image needs a value"]),
        ("--image --seed 3", ["--image needs a value"]),
        ("--image -o clip", ["--image needs a value"]),
        ("-o", ["-o needs a value"]),
        ("-o 2clips x", ["-o 2clips", "not a variable's name"]),
        ("--fresh=yes", ["fresh"]),
        ("--embed all", ["embed", "all"]),
        ("--max-credits much", ["--max-credits=much", "above 0"]),
        ("--max-credits nan", ["--max-credits=nan", "above 0"]),
        ("--max-credits -5", ["--max-credits=-5", "above 0"]),
        ("--experiment a --sweep seed=1,2 --seeds 3-4", ["seed is given twice"]),
        ("--experiment a --sweep who=cat --sweep who=dog", ["who is given twice"]),
        ("--experiment a --repeats 0", ["--repeats 0", "above 0"]),
        ("--experiment a --stop-after-failures few", ["--stop-after-failures few", "above 0"]),
        ("--zip prompt,seed", ["needs a name"]),
        ("--set novalue", ["--set novalue", "KEY=VALUE"]),
        ("--set =5", ["--set =5", "KEY=VALUE"]),
    ],
)
def test_mistakes_are_told_in_words(line, words):
    """Never argparse's usage and exit: one error, with the near name where there is one."""
    with pytest.raises(InvalidRequest) as caught:
        parse(line)

    assert [word for word in words if word not in caught.value.message] == []


@pytest.mark.parametrize("model", ["wan/2-5-image-to-video", "wan/2-5-text-to-video", "any/id"])
def test_the_help_names_every_option_and_its_limits(model):
    """It is made of the description that validates."""
    text = help_text(model)

    assert [name for option in options(model) for name in option.names if name not in text] == []
    assert model in text
    assert ("0 to 2147483647" in text) is (model != "any/id")
    assert ("at most 800 characters" in text) is (model != "any/id")
    assert ("12 credits/s at 720p" in text) is (model != "any/id")


def test_a_switch_can_be_written_both_ways():
    """`--wait` has its `--no-wait`; an option with a value has none."""
    names = all_names("wan/2-5-image-to-video")

    assert {"--wait", "--no-wait", "--no-nsfw-checker"} <= set(names)
    assert "--no-seed" not in names


CALL = "get_ipython().run_line_magic('kie_wan', {!r})"


@pytest.mark.parametrize(
    ("line", "becomes"),
    [
        ("%kie_wan what now?\n", CALL.format("what now?") + "\n"),
        ("%kie_wan what now?", CALL.format("what now?")),
        ("%kie_wan what now??\n", CALL.format("what now??") + "\n"),
        ('%kie_wan it\'s "so"?  \n', CALL.format('it\'s "so"?') + "\n"),
        ("clip = %kie_wan what now?\n", "clip = " + CALL.format("what now?") + "\n"),
        ("%kie_wan --seed 5 back\\slash?\n", CALL.format("--seed 5 back\\slash?") + "\n"),
        ("%kie_wan?\n", None),
        ("%kie_wan??\n", None),
        ("%kie_wan ?\n", None),
        ("?%kie_wan\n", None),
        ("%kie_wan no question\n", None),
        ("%kie status?\n", None),
        ("print('%kie_wan why?')\n", None),
        ("%other what?\n", None),
    ],
)
def test_a_prompt_may_end_with_a_question_mark(line, becomes):
    """IPython would take it for a call for help; `%kie_wan?` still is one."""
    assert keep_question_marks([line]) == [line if becomes is None else becomes]


def test_a_cell_magic_keeps_its_body():
    """What looks like our line in another magic's body is that magic's business."""
    lines = ["%%writefile notes.py\n", "%kie_wan what now?\n"]

    assert keep_question_marks(lines) == lines
