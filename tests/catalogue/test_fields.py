"""What a Wan 2.5 request may hold, and what it looks like on the wire."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kie_nb.catalogue import (
    SEED_MAX,
    ImageIdentity,
    Request,
    build_request,
    describe,
    find,
    known_models,
)
from kie_nb.errors import InvalidRequest

IMAGE_MODEL, TEXT_MODEL = "wan/2-5-image-to-video", "wan/2-5-text-to-video"
CAT = ImageIdentity(sha256="c" * 64, label="cat.png", mime="image/png", bytes=3, width=2, height=1)
URL = "https://example.com/cat.png"


def image_request(**fields):
    return build_request(**{"model": IMAGE_MODEL, "prompt": "The cat smiles.", "image": CAT} | fields)


def text_request(**fields):
    return build_request(**{"model": TEXT_MODEL, "prompt": "Waves."} | fields)


def test_the_default_model_is_the_first_of_the_known_ones():
    """And the one that is asked where none is named."""
    assert known_models()[0] == IMAGE_MODEL
    assert TEXT_MODEL in known_models()
    assert build_request(prompt="The cat smiles.", image=CAT).model == IMAGE_MODEL


def test_the_fields_are_those_of_the_service():
    """The names are the wire's own; only text to video has an aspect ratio and only image to video a picture."""
    shared = {
        "prompt",
        "duration",
        "resolution",
        "negative_prompt",
        "enable_prompt_expansion",
        "seed",
        "nsfw_checker",
    }

    assert {field.name for field in describe(IMAGE_MODEL)} == shared | {"image_url"}
    assert {field.name for field in describe(TEXT_MODEL)} == shared | {"aspect_ratio"}


@pytest.mark.parametrize("model", known_models())
def test_every_field_is_described_for_people(model):
    """Help, completion and the panel are made of titles and help: none is empty, each begins with a capital letter."""
    for field in describe(model):
        assert field.title
        assert field.help
        assert field.help[0].isupper()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("prompt", {"kind": "str", "max_length": 800, "required": True}, id="prompt"),
        pytest.param("negative_prompt", {"kind": "str", "max_length": 500, "required": False}, id="negative"),
        pytest.param(
            "duration", {"kind": "choice", "choices": ("5", "10"), "default": "5", "unit": "s"}, id="duration"
        ),
        pytest.param(
            "resolution",
            {"kind": "choice", "choices": ("720p", "1080p"), "default": "720p"},
            id="resolution",
        ),
        pytest.param(
            "seed", {"kind": "int", "minimum": 0, "maximum": 2147483647, "default": None}, id="seed"
        ),
        pytest.param("enable_prompt_expansion", {"kind": "bool", "default": None}, id="expansion"),
        pytest.param("nsfw_checker", {"kind": "bool", "default": None}, id="nsfw"),
        pytest.param("image_url", {"option": "image", "required": True}, id="image"),
    ],
)
def test_limits_can_be_read_from_the_description(name, expected):
    """What validates a value is what help and completion show."""
    field = next(field for field in describe(IMAGE_MODEL) if field.name == name)

    assert {key: getattr(field, key) for key in expected} == expected


@pytest.mark.parametrize(
    ("fields", "on_the_wire"),
    [
        pytest.param({}, {"duration": "5", "resolution": "720p"}, id="defaults are sent"),
        pytest.param({"duration": 5}, {"duration": "5"}, id="5 is a string"),
        pytest.param({"duration": 10.0}, {"duration": "10"}, id="10.0"),
        pytest.param({"duration": "10s"}, {"duration": "10"}, id="10s"),
        pytest.param({"resolution": 1080}, {"resolution": "1080p"}, id="1080"),
        pytest.param({"resolution": "720"}, {"resolution": "720p"}, id="720 as text"),
        pytest.param({"resolution": "1080P"}, {"resolution": "1080p"}, id="capital P"),
        pytest.param({"prompt": "x" * 800}, {"prompt": "x" * 800}, id="800 characters"),
        pytest.param({"prompt": "😀" * 800}, {"prompt": "😀" * 800}, id="800 emoji"),
        pytest.param({"prompt": " two\nlines "}, {"prompt": " two\nlines "}, id="prompt as typed"),
        pytest.param({"negative_prompt": "y" * 500}, {"negative_prompt": "y" * 500}, id="500 characters"),
        pytest.param({"seed": 0}, {"seed": 0}, id="seed 0"),
        pytest.param({"seed": SEED_MAX}, {"seed": 2147483647}, id="largest seed"),
        pytest.param(
            {"enable_prompt_expansion": False}, {"enable_prompt_expansion": False}, id="False is kept"
        ),
        pytest.param({"nsfw_checker": True}, {"nsfw_checker": True}, id="True"),
    ],
)
def test_what_is_sent(fields, on_the_wire):
    """Duration is a string, length and size are always there, 0 and False are values."""
    wire = image_request(**fields).wire_input(URL)

    assert {name: wire[name] for name in on_the_wire} == on_the_wire
    assert [type(wire[name]) for name in on_the_wire] == [type(value) for value in on_the_wire.values()]


def test_the_smallest_request_holds_four_fields():
    """What was not given is not sent: no null, no empty text, no switch of ours."""
    assert image_request().wire_input(URL) == {
        "prompt": "The cat smiles.",
        "image_url": URL,
        "duration": "5",
        "resolution": "720p",
    }


@pytest.mark.parametrize("ratio", ["16:9", "9:16", "1:1"])
def test_text_to_video_has_three_shapes(ratio):
    """An aspect ratio goes as it is."""
    assert text_request(aspect_ratio=ratio).wire_input(None)["aspect_ratio"] == ratio


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        pytest.param({"prompt": "x" * 801}, ["prompt", "801", "1 over", "800"], id="prompt 1 over"),
        pytest.param({"prompt": "é" * 1234}, ["prompt", "1234", "434 over", "800"], id="prompt 434 over"),
        pytest.param(
            {"negative_prompt": "x" * 507}, ["negative_prompt", "507", "7 over", "500"], id="negative 7 over"
        ),
        pytest.param({"prompt": ""}, ["Prompt is missing"], id="empty prompt"),
        pytest.param({"prompt": None}, ["Prompt is missing"], id="no prompt"),
        pytest.param({"prompt": 5}, ["prompt=5", "text"], id="prompt a number"),
        pytest.param({"prompt": "half a pair \ud83d"}, ["prompt=", "text"], id="half a character"),
        pytest.param({"duration": 7}, ["duration=7", "5 or 10 s"], id="duration 7"),
        pytest.param({"duration": "long"}, ["duration='long'", "5 or 10 s"], id="duration in words"),
        pytest.param({"duration": True}, ["duration=True", "5 or 10 s"], id="duration True"),
        pytest.param({"duration": 5.5}, ["duration=5.5", "5 or 10 s"], id="duration 5.5"),
        pytest.param({"resolution": "480p"}, ["resolution='480p'", "720p or 1080p"], id="480p"),
        pytest.param({"resolution": True}, ["resolution=True", "720p or 1080p"], id="resolution True"),
        pytest.param({"seed": -1}, ["seed=-1", "0 to 2147483647"], id="seed below"),
        pytest.param({"seed": SEED_MAX + 1}, ["seed=2147483648", "0 to 2147483647"], id="seed above"),
        pytest.param({"seed": "7"}, ["seed='7'", "whole number"], id="seed as text"),
        pytest.param({"seed": 7.5}, ["seed=7.5", "whole number"], id="seed 7.5"),
        pytest.param({"seed": True}, ["seed=True", "whole number"], id="seed True"),
        pytest.param({"nsfw_checker": "yes"}, ["nsfw_checker='yes'", "True or False"], id="switch as text"),
        pytest.param(
            {"enable_prompt_expansion": 1}, ["enable_prompt_expansion=1", "True or False"], id="switch as 1"
        ),
        pytest.param({"aspect_ratio": "16:9"}, ["no field 'aspect_ratio'"], id="shape of a picture"),
        pytest.param({"image": None}, ["Add a picture"], id="no picture"),
        pytest.param({"call_back_url": "example.com"}, ["callBackUrl='example.com'", "http"], id="callback"),
    ],
)
def test_what_cannot_be_sent_is_refused_in_words(fields, words):
    """The message names the field, the value and what is allowed; a length also by how much it is over."""
    with pytest.raises(InvalidRequest) as caught:
        image_request(**fields)

    assert [word for word in words if word not in caught.value.message] == []
    assert caught.value.charged == "nothing"


def test_all_mistakes_are_told_at_once():
    """Correcting one field after the other would cost a run of the cell each."""
    with pytest.raises(InvalidRequest) as caught:
        image_request(prompt="x" * 900, duration=7, seed=-1)

    assert len(caught.value.message.splitlines()) == 3


def test_a_long_value_is_shortened_in_the_message():
    """An 801-character prompt is not printed back."""
    with pytest.raises(InvalidRequest) as caught:
        image_request(prompt="x" * 20_000)

    assert len(caught.value.message) < 300


@pytest.mark.parametrize(
    ("given_name", "near"),
    [
        ("resolutoin", "resolution"),
        ("negativ_prompt", "negative_prompt"),
        ("sed", "seed"),
        ("image_ulr", "image_url"),
    ],
)
def test_an_unknown_field_is_refused_with_the_nearest_name(given_name, near):
    """Some models ignore unknown fields and others answer 422: neither is what was meant."""
    with pytest.raises(InvalidRequest, match=f"did you mean '{near}'") as caught:
        image_request(**{given_name: 1})

    assert near in caught.value.hint


def test_a_field_that_resembles_none_gets_no_suggestion():
    """A wrong suggestion is worse than none."""
    with pytest.raises(InvalidRequest) as caught:
        image_request(zzzz=1)

    assert "did you mean" not in caught.value.message


def test_a_picture_for_text_to_video_is_refused():
    """It would be dropped, and the video would not show it."""
    with pytest.raises(InvalidRequest, match="takes no picture"):
        text_request(image=CAT)


def test_a_model_that_is_not_described_needs_raw_inputs():
    """A mistyped id is likelier than another model: the nearest id is named, and the way to send raw inputs."""
    with pytest.raises(InvalidRequest, match=f"did you mean '{IMAGE_MODEL}'") as caught:
        build_request(model="wan/2-5-image-to-vidoe", prompt="x")

    assert "--set" in caught.value.hint
    assert find("wan/2-5-image-to-vidoe") is None


def test_raw_inputs_go_as_they_are():
    """Nothing is added to a model we know nothing about: no default, no seed."""
    request = build_request(
        model="some/model", raw={"prompt": "Waves", "duration": -1, "audio": False, "ratio": None}
    )

    assert request.wire_input(None) == {"prompt": "Waves", "duration": -1, "audio": False}
    assert not request.takes_seed
    assert request.estimate is None


def test_a_raw_seed_is_the_seed_of_the_run():
    """It is recorded like any other, and sent once."""
    request = build_request(model="some/model", raw={"prompt": "Waves", "seed": 0})

    assert request.seed == 0
    assert request.wire_input(None) == {"prompt": "Waves", "seed": 0}


@pytest.mark.parametrize(
    ("value", "word"),
    [
        pytest.param(float("nan"), "nan", id="not a number"),
        pytest.param(float("inf"), "inf", id="infinite"),
        pytest.param({1, 2}, "{1, 2}", id="a set"),
        pytest.param(b"bytes", "b'bytes'", id="bytes"),
        pytest.param("half a pair \ud83d", "half", id="half a character"),
        pytest.param([{"deep": float("nan")}], "deep", id="deep inside"),
    ],
)
def test_raw_inputs_that_no_wire_can_carry_are_refused_before_anything_is_written(value, word):
    """Found out in mid-request, it would look like a lost answer."""
    with pytest.raises(InvalidRequest, match="strength=") as caught:
        build_request(model="some/model", raw={"prompt": "x", "strength": value})

    assert word in caught.value.message


@pytest.mark.parametrize("seed", ["7", 7.5, True])
def test_a_raw_seed_that_is_no_number_is_refused(seed):
    """The ledger keeps seeds as numbers."""
    with pytest.raises(InvalidRequest, match="seed="):
        build_request(model="some/model", raw={"prompt": "Waves", "seed": seed})


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60).filter(str.strip)


@settings(deadline=None, max_examples=60, database=None)
@given(
    st.fixed_dictionaries(
        {
            "prompt": texts,
            "negative_prompt": st.none() | texts,
            "duration": st.sampled_from(["5", "10", 5, 10]),
            "seed": st.none() | st.integers(0, SEED_MAX),
            "enable_prompt_expansion": st.none() | st.booleans(),
            "image": st.builds(ImageIdentity, sha256=texts, label=texts, url=st.none() | st.just(URL)),
            "call_back_url": st.none() | st.just("https://example.com/hook"),
        }
    )
)
def test_what_the_ledger_keeps_is_the_request(fields):
    """Through JSON and back, a request is equal to itself, on the wire and by its fingerprint."""
    request = image_request(**fields)

    again = Request.from_json(json.loads(json.dumps(request.to_json())))

    assert again == request
    assert again.wire_input(URL) == request.wire_input(URL)
    assert again.fingerprint("kie") == request.fingerprint("kie")
    assert None not in request.wire_input(URL).values()


@pytest.mark.parametrize(
    ("model", "fields"),
    [
        (TEXT_MODEL, {"seed": 6, "raw": {"seed": 9}}),
        (TEXT_MODEL, {"seed": 6, "raw": {"seed": 6}}),
        (TEXT_MODEL, {"prompt": "Waves.", "raw": {"prompt": "Rain."}}),
        (TEXT_MODEL, {"resolution": "1080p", "raw": {"prompt": "Rain.", "resolution": "720p"}}),
        ("some/model", {"prompt": "Waves.", "raw": {"prompt": "Rain."}}),
        ("some/model", {"seed": 6, "raw": {"prompt": "Rain.", "seed": 9}}),
        (IMAGE_MODEL, {"prompt": "x", "image": CAT, "raw": {"image_url": URL}}),
        (IMAGE_MODEL, {"prompt": "x", "image": CAT, "image_url": URL}),
        ("some/model", {"image": CAT, "raw": {"prompt": "x", "image_url": URL}}),
    ],
)
def test_what_is_given_twice_is_refused(model, fields):
    """One of the two would be sent, and the other one was meant just as much."""
    with pytest.raises(InvalidRequest, match="is given twice"):
        build_request(model=model, **fields)


def test_what_is_given_once_may_be_raw():
    """None is as if it had not been given."""
    request = text_request(seed=None, duration="10", raw={"seed": 9, "duration": None})

    assert (request.seed, request.inputs["duration"]) == (9, "10")
