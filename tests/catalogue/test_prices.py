"""What a request should cost: by the dated list, and never a guess."""

import pytest

from kie_nb.catalogue import build_request, estimate

MODEL = "wan/2-5-text-to-video"


@pytest.mark.parametrize("model", [MODEL, "wan/2-5-image-to-video"])
@pytest.mark.parametrize(
    ("resolution", "duration", "price", "dollars"),
    [
        ("720p", "5", 60, 0.30),
        ("720p", "10", 120, 0.60),
        ("1080p", "5", 100, 0.50),
        ("1080p", "10", 200, 1.00),
    ],
)
def test_the_price_list_of_wan_2_5(model, resolution, duration, price, dollars):
    """Four prices, the same for both models."""
    found = estimate(model, {"resolution": resolution, "duration": duration})

    assert (found.credits, found.usd) == (price, pytest.approx(dollars))


def test_an_estimate_says_that_it_is_one_and_of_when():
    """Credits, dollars and the date of the list, in words."""
    words = str(build_request(model=MODEL, prompt="Waves").estimate)

    assert words.startswith("about 60 credits ($0.30, prices of 20")


@pytest.mark.parametrize(
    ("model", "inputs"),
    [
        pytest.param("wan/3-0-video", {"resolution": "720P", "duration": 5}, id="model not described"),
        pytest.param(MODEL, {"resolution": "4k", "duration": "5"}, id="size not on the list"),
    ],
)
def test_an_unknown_price_is_none_and_not_nothing(model, inputs):
    """None is no promise that it is free."""
    assert estimate(model, inputs) is None
