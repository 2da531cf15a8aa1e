"""The text of a cell: whatever was asked for, the cell asks for the same."""

import ast
import contextlib
from dataclasses import replace
from types import SimpleNamespace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from IPython.core.inputtransformer2 import TransformerManager
from wirecases import asked, fullest, smallest

from kie_nb.catalogue import ImageIdentity, build_request, known_models
from kie_nb.errors import InvalidRequest
from kie_nb.notebook.cell_text import cell_text
from kie_nb.notebook.line import parse

CAT = ImageIdentity(sha256="c" * 64, label="cat.png", mime="image/png")
WEB = replace(CAT, url="https://example.com/my cat.png?x=1&y='2'")
TEXT = "wan/2-5-text-to-video"


def asked_by(cell, image, media=None):
    """The request of *cell*, read as IPython and the magic, or Python, read it."""
    source = TransformerManager().transform_cell(cell)
    calls = []
    magic = SimpleNamespace(run_cell_magic=lambda name, line, body: calls.append((name, line, body)))
    python = SimpleNamespace(generate=lambda prompt=None, **fields: calls.append((prompt, fields)))
    tree = ast.parse(source)
    tree.body = [statement for statement in tree.body if isinstance(statement, ast.Expr)]
    exec(compile(tree, "cell", "exec"), {"get_ipython": lambda: magic, "kie": python})  # noqa: S102
    (call,) = calls
    if len(call) == 2:
        prompt, fields = call
        picture, replicate = fields.pop("image", None), fields.pop("replicate", 0)
        fields = {name: value for name, value in fields.items() if name not in (media or {})}
        raw = fields.pop("input", None)
        request = build_request(image=image, media=media or {}, prompt=prompt, raw=raw, **fields)
        return replace(request, replicate=replicate), picture
    assert call[0] == "kie_wan"
    line = parse(call[1])
    assert line.prompt == ""
    request = build_request(
        model=line.model,
        image=image,
        media=media or {},
        raw=line.raw,
        prompt=call[2].strip() or None,
        **line.fields,
    )
    return request, line.image


PROMPTS = [
    "The cat smiles.",
    'she says "it\'s $5 for {x}, or {{y}}"',
    "two\nlines\n\n  and an indented one",
    "%%kie_wan --seed 9",
    "%%time",
    "--seed 9 --image dog.png",
    "-- --fresh",
    "what now?",
    "what now??",
    "a ; b;",
    "!ls\n?help\n%who",
    "back\\slash \\n \\",
    "Zürich 😀 猫 “so”",
    "# a comment",
    '"""',
    ">>> a console",
    "... and then",
    "calm\n... and then",
    "In [1]: odd",
    "   ...: odd",
    "  spaces around  ",
    "\nlines around\n",
    "a\ttab",
    "a\x0cform\x0bfeed\x85and\u2028more",
    "carriage\r\nreturn",
    "\u200bnothing to see\u200b",
]


@pytest.mark.parametrize("prompt", PROMPTS)
def test_any_prompt_comes_back(prompt):
    """Every character of it, through IPython's own transformations."""
    request = build_request(prompt=prompt, image=CAT, seed=7)

    assert asked_by(cell_text(request), CAT)[0].fingerprint("kie") == request.fingerprint("kie")


@settings(max_examples=60, deadline=None)
@given(prompt=st.text(min_size=1, max_size=60), negative=st.none() | st.text(max_size=30), data=st.data())
@example(prompt="x", negative="", data=None)
@example(prompt="x", negative="--seed 5", data=None)
@example(prompt="x", negative="a\" b' c", data=None)
def test_any_text_comes_back(prompt, negative, data):
    """Whatever a request can hold."""
    seed = data.draw(st.integers(0, 2**31 - 1)) if data else 0
    with contextlib.suppress(InvalidRequest):  # blank, or no text at all: it never was a request
        request = build_request(prompt=prompt, negative_prompt=negative, image=CAT, seed=seed)
        assert asked_by(cell_text(request), CAT)[0].fingerprint("kie") == request.fingerprint("kie")


@pytest.mark.parametrize(
    ("fields", "first_line"),
    [
        ({}, "%%kie_wan --seed 7"),
        ({"duration": 5, "resolution": 720}, "%%kie_wan --seed 7"),
        ({"duration": 10}, "%%kie_wan --duration 10 --seed 7"),
        ({"resolution": "1080p"}, "%%kie_wan --resolution 1080p --seed 7"),
        ({"seed": 0}, "%%kie_wan --seed 0"),
        ({"negative_prompt": "blur"}, "%%kie_wan --negative-prompt blur --seed 7"),
        ({"negative_prompt": "it's blur"}, '%%kie_wan --negative-prompt "it\'s blur" --seed 7'),
        ({"negative_prompt": 'a "b" c'}, "%%kie_wan --negative-prompt 'a \"b\" c' --seed 7"),
        ({"negative_prompt": ""}, "%%kie_wan --set 'negative_prompt=\"\"' --seed 7"),
        ({"negative_prompt": "a\nb"}, "%%kie_wan --set 'negative_prompt=\"a\\nb\"' --seed 7"),
        ({"nsfw_checker": True}, "%%kie_wan --seed 7 --nsfw-checker"),
        ({"nsfw_checker": False}, "%%kie_wan --seed 7 --no-nsfw-checker"),
        ({"enable_prompt_expansion": False}, "%%kie_wan --no-enable-prompt-expansion --seed 7"),
        ({"aspect_ratio": "9:16"}, "%%kie_wan --aspect 9:16 --seed 7"),
    ],
)  # fmt: skip
def test_fields_are_options(fields, first_line):
    """In the words a person would use, defaults left out, the seed always there."""
    request = build_request(**{"prompt": "The cat smiles.", "model": TEXT, "seed": 7, **fields})
    cell = cell_text(request)

    words, options = first_line.split(maxsplit=1)
    assert set(cell.split("\n")[0].split(" --")) == set(f"{words} --model {TEXT} {options}".split(" --"))
    assert cell.endswith("\nThe cat smiles.")
    assert asked_by(cell, None)[0] == request


def test_a_callback_is_in_no_copied_cell():
    """Its address may hold a secret, and is no part of what is asked."""
    request = build_request(
        prompt="A cat.", model=TEXT, seed=7, call_back_url="https://a.example/h?key=s3cret"
    )
    for one in (request, replace(request, replicate=1)):
        assert "a.example" not in cell_text(one)
    assert asked_by(cell_text(request), None)[0] == replace(request, call_back_url=None)


@pytest.mark.parametrize(
    ("image", "picture", "named"),
    [
        (CAT, None, f"kie-runs/inputs/cat-{'c' * 8}.png"),
        (WEB, None, WEB.url),
        (CAT, "cat.png", "cat.png"),
        (CAT, 'my cat\'s "best".png', 'my cat\'s "best".png'),
        (CAT, "cat", "./cat"),
        (CAT, "-odd.png", "-odd.png"),
        (CAT, "x' y\" z", "x' y\" z"),
    ],
)
def test_the_picture_is_named(image, picture, named):
    """By the URL it came from, by a path that the caller knows, or by the copy that is kept."""
    request = build_request(prompt="The cat smiles.", image=image, seed=7)

    assert asked_by(cell_text(request, picture=picture), image) == (request, named)


@pytest.mark.parametrize(
    "raw",
    [
        {"prompt": "a cat", "ratio": "16:9", "n": 2, "deep": {"a": [1, None, "it's"]}},
        {"prompt": "a cat", "seed": 5},
        {"text": "no prompt at all"},
        {"odd name": 1, "a=b": 2},
    ],
)
def test_raw_inputs_come_back(raw):
    """For models that are not described here."""
    request = build_request(model="any/id", raw=raw)

    assert asked_by(cell_text(request), None)[0].fingerprint("kie") == request.fingerprint("kie")


def test_a_repetition_is_a_call():
    """The magic cannot say it: its cell would show another video than the one it was copied from."""
    request = replace(build_request(prompt="The cat smiles.", image=CAT, seed=7), replicate=2)
    cell = cell_text(request)

    assert not cell.startswith("%%kie_wan")
    assert asked_by(cell, CAT)[0].fingerprint("kie") == request.fingerprint("kie")


@pytest.mark.parametrize("model", known_models())
def test_a_request_to_any_model_comes_back(model):
    """Its media by their roles, its fields in the words that all models share, lists and objects as JSON."""
    with_sound = {"prompt": "text", "audio": ["https://example.com/a.mp3"], "sound": False}
    for given_ in (smallest(model), fullest(model), *([with_sound] * model.startswith("wan/3-"))):
        request = asked(model, given_)

        found, _picture = asked_by(cell_text(request), request.image, request.media)

        assert found.fingerprint("kie") == request.fingerprint("kie")
