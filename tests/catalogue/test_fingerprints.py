"""Which requests are the same: what is on record stands for them, and nothing is paid twice."""

from dataclasses import replace

import pytest

from kie_nb.catalogue import ImageIdentity, Request, build_request

CAT = ImageIdentity(sha256="c" * 64, label="cat.png")
BASE = {"prompt": "The cat smiles.", "image": CAT, "seed": 7}


def fingerprint(service="kie", **changes):
    return build_request(**BASE | changes).fingerprint(service)


def test_equal_requests_have_equal_fingerprints():
    """The same words give the same 64 hex digits."""
    assert fingerprint() == fingerprint()
    assert len(fingerprint()) == 64


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"prompt": "The cat smiles!"}, id="prompt"),
        pytest.param({"prompt": "The cat smiles. "}, id="a space in the prompt"),
        pytest.param({"duration": "10"}, id="duration"),
        pytest.param({"resolution": "1080p"}, id="resolution"),
        pytest.param({"negative_prompt": "blur"}, id="negative prompt"),
        pytest.param({"negative_prompt": ""}, id="an empty negative prompt"),
        pytest.param({"enable_prompt_expansion": True}, id="expansion on"),
        pytest.param({"enable_prompt_expansion": False}, id="expansion off"),
        pytest.param({"nsfw_checker": False}, id="checker off"),
        pytest.param({"seed": 8}, id="seed"),
        pytest.param({"seed": None}, id="no seed"),
        pytest.param({"image": replace(CAT, sha256="d" * 64)}, id="bytes of the picture"),
        pytest.param({"service": "simulator"}, id="service"),
        pytest.param({"model": "wan/2-5-text-to-video", "image": None}, id="model"),
    ],
)
def test_each_thing_that_changes_the_video_changes_the_fingerprint(changes):
    """Otherwise an old video would be shown for a new wish."""
    assert fingerprint(**changes) != fingerprint()


@pytest.mark.parametrize(
    "changes",
    [
        pytest.param({"duration": "5", "resolution": "720p"}, id="defaults spelled out"),
        pytest.param({"duration": 5, "resolution": 720}, id="numbers for texts"),
        pytest.param({"negative_prompt": None, "nsfw_checker": None}, id="None given"),
        pytest.param({"image": replace(CAT, url="https://example.com/cat.png")}, id="the bytes at a URL"),
        pytest.param({"image": replace(CAT, label="copy.png", mime="image/png", bytes=9)}, id="another name"),
        pytest.param({"call_back_url": "https://example.com/hook"}, id="a callback"),
    ],
)
def test_what_changes_nothing_in_the_video_does_not(changes):
    """Another way to write the same request must not be paid again."""
    assert fingerprint(**changes) == fingerprint()


def test_the_order_of_the_inputs_means_nothing():
    """A dictionary built the other way round is the same request."""
    inputs = {"prompt": "Waves", "duration": 5, "audio": True}
    turned = dict(reversed(inputs.items()))

    one, other = (build_request(model="some/model", raw=raw) for raw in (inputs, turned))

    assert list(one.inputs) != list(other.inputs)
    assert one.fingerprint("kie") == other.fingerprint("kie")


def test_a_wanted_repetition_is_another_request():
    """The replicate number tells wanted repetitions apart; they are no family either."""
    first, second = (replace(build_request(**BASE), replicate=number) for number in (0, 1))

    assert first.fingerprint("kie") != second.fingerprint("kie")
    assert first.family("kie") != second.family("kie")


def test_a_family_is_the_request_without_its_seed():
    """Requests that differ in nothing but the seed are of one family, others are not."""
    request = build_request(**BASE)

    assert request.family("kie") == request.with_seed(8).family("kie")
    assert request.fingerprint("kie") != request.with_seed(8).fingerprint("kie")
    assert request.family("kie") != request.family("simulator")
    assert request.family("kie") != build_request(**BASE | {"duration": 10}).family("kie")


def test_fingerprints_stay_the_same_from_release_to_release():
    """A value written down once: were it to change, old notebooks would pay again for the videos they have."""
    request = Request(
        model="wan/2-5-image-to-video",
        inputs={"prompt": "Die Katze lächelt. 😀", "duration": "5", "resolution": "720p"},
        image=CAT,
        seed=0,
    )

    assert request.fingerprint("kie") == "8d22faff004c5647074fcbc7591edfebc15bf9a0e70e5b5eb6b851ee972a8d59"
