"""`--format`: variables arrive in options as one value each, whatever is in them."""

import pytest

from kie_nb.errors import InvalidRequest
from kie_nb.notebook.cell_variables import Filler
from kie_nb.notebook.line import parse

ODD = 'a "quoted" cat\'s -- tail, {x} \\ 猫'
VARIABLES = {
    "seed": 7, "duration": 10, "odd": ODD, "dash": "--fresh", "path": "my cat.png", "picture": b"bytes", "none": None,
    "names": ["cat", "a kitten, asleep"], "seeds": [3, 1, 4], "some": range(2), "model": "wan/2-5-text-to-video",
    "ratio": {"w": 16}, "text5": "5", "clip": "first", "embed": "full", "credits": 60.5,
}  # fmt: skip


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("--seed {seed} --duration {duration}", "fields", {"seed": 7, "duration": "10"}),
        ("--negative-prompt {odd}", "fields", {"negative_prompt": ODD}),
        ("--negative-prompt={odd}", "fields", {"negative_prompt": ODD}),
        ("--negative-prompt {dash}", "fields", {"negative_prompt": "--fresh"}),
        ('--negative-prompt "no {dash}, no {seed:03d}"', "fields", {"negative_prompt": "no --fresh, no 007"}),
        ("--negative-prompt {{odd}}", "fields", {"negative_prompt": "{odd}"}),
        ("--seed {none}", "fields", {}),
        ("--image {path}", "image", "my cat.png"),
        ("--image {picture}", "image", b"bytes"),
        ("--image {none}", "image", None),
        ("--model {model} --aspect-ratio 16:9", "model", "wan/2-5-text-to-video"),
        ("-o {clip}", "output", "first"),
        ("--embed {embed}", "embed", "full"),
        ("--max-credits {credits}", "max_credits", 60.5),
        ("--set a={ratio} --set b={text5} --set c=5", "raw", {"a": {"w": 16}, "b": "5", "c": 5}),
        ("--experiment e --seeds {seeds}", "axes", {"seed": [3, 1, 4]}),
        ("--experiment e --seeds {some}", "axes", {"seed": [0, 1]}),
        ("--experiment e --seeds {seed}-9", "axes", {"seed": [7, 8, 9]}),
        ("--experiment e --sweep who={names}", "axes", {"who": ["cat", "a kitten, asleep"]}),
        ("--experiment e --sweep who={odd},dog", "axes", {"who": [ODD, "dog"]}),
        ("--experiment e --sweep duration={duration},5", "axes", {"duration": [10, "5"]}),
    ],
)
def test_options_are_filled(line, name, value):
    """One name alone is the variable itself; among other signs it is text."""
    assert getattr(parse(f"--format {line}", VARIABLES), name) == value


@pytest.mark.parametrize("line", ["--negative-prompt {odd}", "--negative-prompt {nothing}"])
def test_without_the_word_braces_mean_nothing(line):
    """They may stand in any text."""
    assert parse(line, VARIABLES).fields == {"negative_prompt": line.split()[1]}


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--seed {sede}", ["no variable 'sede' for --seed", "did you mean 'seed'", "Nothing was sent"]),
        ("--negative-prompt 'a {zzz}'", ["no variable 'zzz' for --negative-prompt.", "Nothing was sent"]),
        ("--negative-prompt {odd.x}", ["--negative-prompt", "no attribute 'x'", "Nothing was sent"]),
        ("--negative-prompt {0}", ["--negative-prompt: a number in braces", "Nothing was sent"]),
        ("--negative-prompt {odd", ["--negative-prompt", "expected '}'", "Nothing was sent"]),
        ("--model {modle}", ["no variable 'modle' for --model", "Nothing was sent"]),
        ("--set a={zzz}", ["no variable 'zzz' for --set a", "Nothing was sent"]),
        ("--experiment e --sweep who=cat,{zzz}", ["no variable 'zzz' for --sweep who", "Nothing was sent"]),
        ("--experiment e --seeds {odd}", ["--seeds", "0-3"]),
        ("--embed {odd}", ["--embed", "preview, full or link"]),
        ("--retry-failed", ["--experiment" , "needs a name"]),
        ("--extend", ["needs a name"]),
    ],
)  # fmt: skip
def test_mistakes_name_the_variable_and_the_option(line, words):
    """And say that nothing was sent."""
    with pytest.raises(InvalidRequest) as caught:
        parse(f"--format {line}", VARIABLES)

    told = f"{caught.value.message} {caught.value.hint}"
    assert [word for word in words if word not in told] == []


def test_the_placeholders_of_a_grid_stay():
    """The grid fills them, with each value of its axis."""
    filler = Filler(variables={"mood": "calm", "who": "WRONG"}, kept=["who"])

    assert filler.text("The {who} is {mood}") == "The {who} is calm"
