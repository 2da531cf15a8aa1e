"""Every described model on the wire: exact JSON, the service's own examples, and nothing outside of documented limits.

`wire.json` holds the smallest and a full request of each model, as `wirecases` makes them; it was read against the service's pages.
After a change that is meant, `python tests/catalogue/test_wire.py` writes it again.
"""

import json
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parents[1]))
from wirecases import asked, fullest, smallest, wire

from kie_nb.catalogue import having, known_models, resolve, rows
from kie_nb.catalogue.models import candidates
from kie_nb.errors import InvalidRequest

FOLDER = Path(__file__).parent
EXAMPLES = json.loads((FOLDER / "examples.json").read_text(encoding="utf-8"))
FRAMES = ("first_frame_url", "last_frame_url")
REFERENCES = ("reference_image_urls", "reference_video_urls", "reference_audio_urls")
PICTURE, FILM = ["https://example.com/file.png"], ["https://example.com/file.mp4"]
# Examples that name at once what the service refuses together are tried in two halves; two have an empty list for the medium
# that they need.
HALVES = {
    "bytedance/seedance-2": (FRAMES, (*REFERENCES, "web_search")),
    "bytedance/seedance-2-fast": (FRAMES, (*REFERENCES, "web_search")),
    "grok-imagine/image-to-video": (("task_id",), ("image_urls",)),
}
FILLED = {
    "wan/2-6-flash-image-to-video": {"image_urls": PICTURE},
    "wan/2-6-flash-video-to-video": {"video_urls": FILM},
}


def table():
    """The requests of all models."""
    return {
        model: {"smallest": wire(asked(model, smallest(model))), "full": wire(asked(model, fullest(model)))}
        for model in known_models()
    }


def examples():
    for model, given_ in EXAMPLES.items():
        example = given_ | FILLED.get(model, {})
        for left_out in HALVES.get(model, ((),)):
            yield pytest.param(
                model, {n: v for n, v in example.items() if n not in left_out}, id=f"{model}{len(left_out)}"
            )


def test_every_model_sends_just_this():
    """Names, types, required fields at their defaults and nothing else: 81 models, two requests each."""
    expected = json.loads((FOLDER / "wire.json").read_text(encoding="utf-8"))
    found = json.loads(json.dumps(table()))

    assert found.keys() == expected.keys()
    for model, requests in found.items():
        for name, sent in requests.items():
            assert _typed(sent) == _typed(expected[model][name]), (model, name)


@pytest.mark.parametrize(("model", "example"), [*examples()])
def test_the_services_own_example_goes_out_as_it_is(model, example):
    """The same keys, types and values; an empty address is as if it were not there, and a name has no space at its end."""
    meant = {
        name.strip(): value for name, value in example.items() if not (value == "" and name.endswith("_url"))
    }

    assert _typed(wire(asked(model, example))) == _typed(meant)


@pytest.mark.parametrize(("model", "left_out"), [(model, HALVES[model]) for model in HALVES])
def test_what_the_service_refuses_together_is_refused_here(model, left_out):
    """Frames and references, pictures and a task."""
    with pytest.raises(InvalidRequest, match="exclude each other"):
        asked(model, EXAMPLES[model])


def _typed(value):
    """*value* with the types of its numbers, for 5 == 5.0 == True."""
    if isinstance(value, dict):
        return {name: _typed(one) for name, one in sorted(value.items())}
    return [_typed(one) for one in value] if isinstance(value, list) else (type(value).__name__, value)


# --- limits ------------------------------------------------------------------------------------------------------------------

ODD = st.one_of(
    st.integers(-10, 40), st.integers(), st.floats(), st.booleans(), st.text(max_size=8),
    st.sampled_from(["5", "10", "5s", "720p", "720P", 1080, "4k", "4K", "16:9", "adaptive", "std", "768P", "2K", "auto"]),
    st.lists(st.text(max_size=4), max_size=3), st.integers(0, 40_000).map("x".__mul__),
)  # fmt: skip
WORDS = ("duration", "resolution", "aspect", "sound", "seed", "negative_prompt", "prompt")


@settings(deadline=None, max_examples=400, database=None)
@given(st.data())
def test_no_value_outside_of_documented_limits_is_sent(data):
    """Whatever is given for a field, by its own name or in the shared words: it is refused, or it is in the documented form."""
    row = rows()[data.draw(st.sampled_from(known_models()))]
    names = data.draw(
        st.lists(st.sampled_from([*WORDS, *(one.name for one in row.entries)]), max_size=3, unique=True)
    )
    base = {name: value for name, value in smallest(row.id).items() if name not in names}
    try:
        request = asked(row.id, base | {name: data.draw(ODD) for name in names})
    except InvalidRequest:
        return
    sent = wire(request)
    entries = {one.name: one for one in row.entries}
    fields = {slot.field for slot in row.slots}
    assert sent.keys() <= entries.keys() | fields
    for name, value in sent.items():
        if name not in fields:
            assert _is_documented(entries[name], value), (row.id, name, value)
    for one in row.entries:
        assert not one.required or one.name in sent


def _is_documented(entry, value):
    if entry.type == "choice":
        return type(value) is str and value in entry.choices
    if entry.type == "switch":
        return type(value) is bool
    if entry.type == "text":
        return type(value) is str and entry.min_length <= len(value) <= (entry.max_length or 10**6)
    if entry.type in {"texts", "objects"}:
        return type(value) is list and len(value) <= (entry.max_length or 10**6)
    is_number = (
        type(value) in {"number": {int, float}, "whole": {int}, "whole or text": {int, str}}[entry.type]
    )
    number = float(value)
    return is_number and (number in entry.also or entry.low is None or entry.low <= number <= entry.high)


@pytest.mark.parametrize(
    ("model", "given_fields", "words"),
    [
        pytest.param("wan/3-0-video", {"image": "i", "reference": "r"}, "image and reference exclude", id="frames, references"),
        pytest.param("bytedance/seedance-2", {"last_image": "l"}, "last_image needs image", id="a last frame alone"),
        pytest.param("bytedance/seedance-2", {"reference": ["r"] * 10}, "10 pictures; the model takes at most 9", id="10 references"),
        pytest.param("wan/2-7-r2v", {"reference": ["r"] * 3, "video": ["v"] * 3}, "at most 5 in all", id="5 in all"),
        pytest.param("hailuo/2-3-image-to-video-pro", {"image": "i", "duration": 10, "resolution": "1080P"}, "768P alone", id="10 s"),
        pytest.param("hailuo/02-text-to-video-standard", {"resolution": "768P"}, "has no field 'resolution'", id="no resolution"),
        pytest.param("kling-3.0/video", {"multi_shots": True, "sound": True}, "needs multi_prompt", id="shots"),
        pytest.param("kling-3.0/video", {"last_image": "l"}, "last_image needs image", id="last alone"),
        pytest.param(
            "kling-3.0/video",
            {"kling_elements": [{"name": "a", "description": "b", "element_input_urls": ["https://x.com/a.png"]}]},
            "2 to 4 pictures", id="one picture of an element",
        ),
        pytest.param("minimax-h3/reference-to-video", {"audio": "a"}, "audio alone", id="sound alone"),
        pytest.param("minimax-h3/image-to-video", {}, "needs image or last_image", id="no frame"),
        pytest.param("pixverse-v6/image-to-video", {"image": "i", "duration": 5, "template_id": "t"}, "exclude each other", id="template"),
        pytest.param("grok-imagine/image-to-video", {"image": "i", "mode": "spicy"}, "spicy", id="spicy"),
        pytest.param("grok-imagine/image-to-video", {"reference": ["r", "s"], "resolution": "1080p"}, "one picture", id="1080p of two"),
        pytest.param("kling/v2-1-standard", {"image": "i", "last_image": "l"}, "takes no last image", id="no last frame"),
        pytest.param("kling-2.6/text-to-video", {"seed": 7}, "has no field 'seed'", id="no seed"),
        pytest.param("wan/3-0-video", {"aspect": "16:9", "aspect_ratio": "1:1"}, "given twice", id="twice"),
        pytest.param("wan/2-7-image", {"n": 6}, "at most 4", id="six pictures"),
    ],
)  # fmt: skip
def test_what_a_model_does_not_take_is_refused(model, given_fields, words):
    """Before anything is sent, in words."""
    with pytest.raises(InvalidRequest) as caught:
        asked(model, {"prompt": "text"} | given_fields)

    assert words in caught.value.message
    assert caught.value.charged == "nothing"


VALUES = {
    "duration": [5, 6, 10], "resolution": ["480p", "720p", "1080p"], "aspect": ["16:9", "9:16", "1:1"], "sound": [True, False],
    "seed": [7], "negative_prompt": ["rain"],
}  # fmt: skip
MEANS = {
    "std": "720p",
    "pro": "1080p",
    "720": "720p",
    "1080": "1080p",
}  # words for a size of Kling and Omnihuman


@settings(deadline=None, max_examples=150, database=None)
@given(st.data())
def test_any_words_on_any_two_models_differ_by_the_dialect_alone(data):
    """Where both models take them: read back by each model's own names they say the same, and nothing that was given is lost."""
    words = {"prompt": "x" * 9}
    for name in data.draw(st.lists(st.sampled_from(sorted(VALUES)), unique=True)):
        words[name] = data.draw(st.sampled_from(VALUES[name]))
    said = []
    for model in data.draw(st.lists(st.sampled_from(known_models()), min_size=2, max_size=6, unique=True)):
        given_ = {name: value for name, value in smallest(model).items() if name not in words} | words
        try:
            sent = wire(asked(model, given_))
        except InvalidRequest:
            continue  # the target cannot do it, which it says
        names = {entry.word or entry.name: entry.name for entry in rows()[model].entries}
        said.append({word: _meant(sent[names[word]]) for word in words})
    assert all(one == {word: _meant(value) for word, value in words.items()} for one in said)


def _meant(value):
    plain = str(value).lower()
    return MEANS.get(plain, plain if plain[-1:] == "p" or not plain.isdecimal() else f"{int(plain)}")


# --- one vocabulary ----------------------------------------------------------------------------------------------------------

SAME_WORDS = {"prompt": "x" * 9, "duration": 5, "resolution": "720p", "aspect": "16:9"}


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("wan/2-5-text-to-video", {"duration": "5", "resolution": "720p", "aspect_ratio": "16:9"}),
        ("wan/2-7-text-to-video", {"duration": 5, "resolution": "720p", "ratio": "16:9"}),
        ("wan/3-0-video", {"duration": 5, "resolution": "720P", "aspect_ratio": "16:9"}),
        ("kling/v3-turbo-text-to-video", {"duration": "5", "resolution": "720p", "aspect_ratio": "16:9"}),
        ("kling-3.0/video", {"duration": "5", "mode": "std", "aspect_ratio": "16:9"}),
        ("pixverse-v6/text-to-video", {"duration": 5, "quality": "720p", "aspect_ratio": "16:9"}),
        ("bytedance/seedance-2", {"duration": 5, "resolution": "720p", "aspect_ratio": "16:9"}),
        ("bytedance/v1-pro-text-to-video", {"duration": "5", "resolution": "720p", "aspect_ratio": "16:9"}),
        ("happyhorse/text-to-video", {"duration": 5, "resolution": "720p", "aspect_ratio": "16:9"}),
    ],
)
def test_the_same_words_differ_by_the_dialect_alone(model, expected):
    """The words of one cell on nine models; what comes out has the same meaning, in each model's own spelling."""
    sent = wire(asked(model, SAME_WORDS))
    inverse = {entry.name: entry.word or entry.name for entry in rows()[model].entries}

    assert _typed({name: sent[name] for name in expected}) == _typed(expected)
    assert {inverse[name] for name in expected} | {"prompt"} == SAME_WORDS.keys()


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("kling/v2-1-pro", {"image_url": "i", "tail_image_url": "l"}),
        ("bytedance/v1-lite-image-to-video", {"image_url": "i", "end_image_url": "l"}),
        ("bytedance/seedance-1.5-pro", {"input_urls": ["i", "l"]}),
        ("kling-3.0/video", {"image_urls": ["i", "l"]}),
        ("wan/3-0-video", {"first_frame_url": "i", "last_frame_url": "l"}),
        ("pixverse-v6/transition", {"first_frame_image_url": "i", "last_frame_image_url": "l"}),
    ],
)
def test_two_frames_stand_where_the_model_wants_them(model, expected):
    """`--image` and `--last-image` on six models; the wire's own names mean the same request."""
    request = asked(model, {"prompt": "text", "image": "i", "last_image": "l"})

    assert {name: wire(request)[name] for name in expected} == expected
    assert asked(model, {"prompt": "text", **expected}).fingerprint("kie") == request.fingerprint("kie")


def test_two_spellings_of_one_length_are_one_request():
    """Two models take a number and a text: what is sent differs, what was paid for does not."""
    for model in ("grok-imagine/text-to-video", "bytedance/seedance-1.5-pro"):
        number, text = (asked(model, {"prompt": "text", "duration": given_}) for given_ in (8, "8"))

        assert (wire(number)["duration"], wire(text)["duration"]) == (8, "8")
        assert number.fingerprint("kie") == text.fingerprint("kie")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("wan-3", "wan/3-0-video"), ("wan 3 prime", "wan/3-0-video-prime"), ("seedance-2", "bytedance/seedance-2"),
        ("seedance-2.5", "bytedance/seedance-2-5"), ("kling-3", None), ("kling-2.1-pro", "kling/v2-1-pro"),
        ("hailuo-2.3-pro", "hailuo/2-3-image-to-video-pro"), ("wan-2.6-t2v", "wan/2-6-text-to-video"),
        ("topaz", "topaz/video-upscale"), ("wan/2-5-image-to-video", "wan/2-5-image-to-video"), ("wan-2.5", None),
        ("no-such-thing", None), ("", None),
    ],
)  # fmt: skip
def test_a_short_name_means_one_model_or_lists_them(name, expected):
    """Never a guess between two; an id is itself."""
    if expected is not None:
        assert resolve(name) == expected
        return
    assert resolve(name) == name
    with pytest.raises(InvalidRequest) as caught:
        asked_by_name(name)
    assert all(model in caught.value.message for model in candidates(name)[:3])


def asked_by_name(name):
    from kie_nb.catalogue import build_request

    return build_request(model=name, prompt="text")


def test_what_a_model_lacks_is_refused_naming_those_that_have_it():
    """First those of its own family."""
    with pytest.raises(InvalidRequest) as caught:
        asked("kling/v2-1-standard", {"prompt": "x", "image": "i", "last_image": "l"})

    assert "kling/v2-1-pro" in caught.value.hint
    assert len(having("last_image")) > 10
    assert "seed" not in {
        entry.name for model in having("seed") for entry in rows()[model].entries if not entry.name
    }


def test_a_model_is_in_one_place():
    """Its file is found by being there: no other file names a model but the default, and those whose refusals were recorded."""
    package = FOLDER.parents[1] / "kie_nb"
    ids = [model for model in known_models() if not model.startswith("wan/2-5-")]
    for file in package.rglob("*.py"):
        if "families" not in file.parts and file.name != "checks.py":
            text = file.read_text(encoding="utf-8")
            assert [model for model in ids if f'"{model}"' in text or f"'{model}'" in text] == [], file


def test_every_row_says_where_it_is_from():
    """Source and month, for one looks them up when the service changes."""
    for row in rows().values():
        assert row.source
        assert row.as_of[:4] == "2026"
        assert len({slot.role for slot in row.slots}) == len(row.slots)


if __name__ == "__main__":
    (FOLDER / "wire.json").write_text(
        "{\n" + ",\n".join(f"{json.dumps(m)}: {json.dumps(one)}" for m, one in table().items()) + "\n}\n"
    )
