"""Whether the size of a video is told as another than was asked."""

import pytest

from kie_nb.engine.record import not_as_asked


@pytest.mark.parametrize(
    ("asked", "size", "told"),
    [
        ({"resolution": "720p"}, (1280, 720), ""),
        ({"resolution": "720p"}, (720, 1280), ""),
        ({"resolution": "720p"}, (960, 960), ""),  # as many pixels, of a square picture
        ({"resolution": "720p"}, (720, 720), ""),
        ({"resolution": "720p"}, (1088, 832), ""),
        ({"resolution": "720p"}, (1696, 720), ""),
        ({"resolution": "720p"}, (854, 480), "720p"),
        ({"resolution": "720p"}, (1920, 1080), "720p"),
        ({"resolution": "1080p"}, (1920, 1088), ""),
        ({"resolution": "1080p"}, (1280, 720), "1080p"),
        ({"resolution": "720p", "aspect_ratio": "9:16"}, (720, 1280), ""),
        ({"resolution": "720p", "aspect_ratio": "9:16"}, (1280, 720), "9:16"),
        ({"resolution": "720p", "aspect_ratio": "16:9"}, (480, 480), "720p and 16:9"),
        ({"resolution": "high"}, (10, 10), ""),
        ({"resolution": None}, (10, 10), ""),
        ({"resolution": ["720p"], "aspect_ratio": "adaptive"}, (10, 10), ""),
        ({}, (10, 10), ""),
    ],
)
def test_what_differs_is_named(asked, size, told):
    """Lines by the shorter side or by the number of pixels; what nobody knows is not told."""
    assert not_as_asked(asked, *size, service="kie") == told


def test_tiny_videos_of_the_simulator_are_as_asked():
    """It was told to draw an eighth."""
    assert not_as_asked({"resolution": "720p"}, 160, 90, service="simulator") == ""
    assert not_as_asked({"resolution": "720p"}, 160, 90, service="kie") == "720p"
