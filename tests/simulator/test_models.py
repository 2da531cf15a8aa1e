"""The simulator serves every described model, and refuses what the service is known to refuse, in its words."""

import json

import pytest
from wirecases import asked, fullest, smallest, wire

from kie_nb.catalogue import known_models
from kie_nb.simulator.faults import Refusal
from kie_nb.simulator.models import check


@pytest.mark.parametrize("model", known_models())
def test_what_the_package_sends_is_taken(model):
    """The smallest request of each model and a full one; what is drawn of it has a size and a length."""
    for given in (smallest(model), fullest(model)):
        request = asked(model, given)
        order = check(model, wire(request))

        assert 480 <= order.shot.short_side <= 1080
        assert 1 <= order.shot.seconds <= 30
        if request.estimate is not None:
            assert order.credits == pytest.approx(request.estimate.credits)


GOOD = {
    "kling-3.0/video": {
        "prompt": "x", "duration": "5", "mode": "std", "aspect_ratio": "1:1", "sound": False, "multi_shots": False,
    },
    "bytedance/seedance-2": {"prompt": "xyz", "duration": 5, "resolution": "480p"},
    "kling-2.6/text-to-video": {"prompt": "x", "duration": "5", "aspect_ratio": "1:1", "sound": False},
    "hailuo/02-text-to-video-standard": {"prompt": "x", "duration": "6"},
    "pixverse-v6/text-to-video": {"prompt": "xyz", "duration": 5, "quality": "720p", "aspect_ratio": "1:1"},
    "grok-imagine/extend": {"prompt": "x", "task_id": "t", "extend_at": 1.5, "extend_times": "6"},
    "wan/3-0-video": {"prompt": "x", "duration": 5, "resolution": "720P"},
}  # fmt: skip
FRAME = {"first_frame_url": "https://example.com/a.png"}


@pytest.mark.parametrize(
    ("model", "changed", "refused"),
    [
        *(pytest.param(model, {}, None, id=f"{model} is good") for model in GOOD),
        pytest.param("kling-3.0/video", {"multi_shots": None}, (422, "multi_shots cannot be empty"), id="no multi_shots"),
        pytest.param("kling-3.0/video", {"sound": None}, (422, "sound cannot be empty"), id="no sound"),
        pytest.param("kling-3.0/video", {"prompt": "x" * 2501}, (422, "length of 'prompt' must not exceed 2500 characters"), id="long"),
        pytest.param(
            "kling-3.0/video",
            {"kling_elements": [{"name": "a", "description": "b", "element_input_urls": ["https://x.com/a.png"]}]},
            (422, "2 to 4"), id="one picture of an element",
        ),
        pytest.param("kling-2.6/text-to-video", {"duration": 5}, (500, "duration it must be a string"), id="a number for a text"),
        pytest.param("hailuo/02-text-to-video-standard", {"duration": 6}, (500, "duration it must be a string"), id="hailuo's too"),
        pytest.param("hailuo/02-text-to-video-standard", {"resolution": "768P"}, (422, "Invalid parameter"), id="a size too many"),
        pytest.param("hailuo/02-text-to-video-standard", {"prompt": "x" * 1501}, (500, "prompt exceeds maximum length"), id="long, hailuo"),
        pytest.param("grok-imagine/extend", {"extend_times": 6}, (500, "extend_times it must be a string"), id="extend_times"),
        pytest.param("grok-imagine/extend", {"extend_at": None}, (500, "This field is required"), id="extend_at"),
        pytest.param("pixverse-v6/text-to-video", {"quality": None}, (500, "This field is required"), id="quality"),
        pytest.param("bytedance/seedance-2", {"resolution": "4K"}, (422, "Invalid resolution"), id="4K"),
        pytest.param("bytedance/seedance-2", {"resolution": "4k"}, None, id="4k"),
        pytest.param("bytedance/seedance-2", {"first_frame": "https://example.com/a.png"}, None, id="unknown: dropped without a word"),
        pytest.param(
            "bytedance/seedance-2", {**FRAME, "reference_video_urls": ["https://example.com/a.mp4"]},
            (422, "mutually exclusive"), id="frames and references",
        ),
        pytest.param("bytedance/seedance-2", {**FRAME, "reference_video_urls": []}, None, id="an empty list does not count"),
        pytest.param("wan/3-0-video", {"resolution": "720p"}, (500, "not within the range of allowed options"), id="a small p"),
    ],
)  # fmt: skip
def test_it_refuses_what_the_service_refuses(model, changed, refused):
    """Types, spelling, required fields whatever their default, lengths: as recorded on the wire (kie-models §0.1)."""
    given = {name: value for name, value in (GOOD[model] | changed).items() if value is not None}
    if refused is None:
        order = check(model, given)
        assert order.shot.image_url == given.get("first_frame_url")
        return
    with pytest.raises(Refusal) as caught:
        check(model, given)

    assert caught.value.code == refused[0]
    assert refused[1] in caught.value.msg


def test_a_model_that_draws_pictures_gives_pictures(simulate):
    """As many as were asked for, each a PNG under its own link."""
    sim, client = simulate(tiny=True)
    asked_for = {"model": "wan/2-7-image", "duration": "LEAVE OUT", "resolution": "1K", "n": 2}
    urls = json.loads(client.ended(client.created(**asked_for))["resultJson"])["resultUrls"]

    assert [url.rpartition(".")[2] for url in urls] == ["png", "png"]
    assert [client.media.get(url).content[:4] for url in urls] == [b"\x89PNG"] * 2
    assert sim.tasks[0].credits == 9.6
