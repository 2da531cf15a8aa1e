"""What a request should cost: by the dated list, and never a guess."""

import pytest

from kie_nb.catalogue import Estimate, build_request, estimate, is_far, price_remarks

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
        pytest.param("some/model", {"resolution": "720P", "duration": 5}, id="model not described"),
        pytest.param(MODEL, {"resolution": "4k", "duration": "5"}, id="size not on the list"),
        pytest.param(MODEL, {"resolution": "720p"}, id="a stored request without a length"),
        *(
            pytest.param(MODEL, {"resolution": "720p", "duration": odd}, id=f"length {str(odd)[:12]}")
            for odd in ("long", None, {}, "nan", "1e999", -5, 10**400)
        ),
    ],
)
def test_an_unknown_price_is_none_and_not_nothing(model, inputs):
    """None is no promise that it is free."""
    assert estimate(model, inputs) is None


def listed(credits_, as_of="2026-10"):
    return Estimate(credits=credits_, as_of=as_of)


@pytest.mark.parametrize(
    ("price", "real", "far"),
    [
        (60, 60, False),
        (60, 75, False),
        (60, 75.1, True),
        (60, 45, False),
        (60, 44.9, True),
        (60, 0, True),
        (2, 2.5, False),
        (2, 3, True),
    ],
)
def test_a_cost_that_is_far_from_the_list(price, real, far):
    """More than a quarter above or below it."""
    assert is_far(listed(price), real) is far


@pytest.mark.parametrize(
    ("costs", "lines"),
    [
        ([], []),
        ([(60, 60), (100, 120)], []),
        ([(60, 100)], ["1 run cost 67% more than the price list of 2026-10 says; it may be old"]),
        ([(60, 60), (60, 90), (100, 150)], ["2 runs cost 50% more than the price list of 2026-10 says; it may be old"]),
        ([(60, 30), (60, 90)], [
            "1 run cost 50% less than the price list of 2026-10 says; it may be old",
            "1 run cost 50% more than the price list of 2026-10 says; it may be old",
        ]),
    ],
)  # fmt: skip
def test_what_is_said_of_costs_far_from_the_list(costs, lines):
    """Those runs alone, those above and those below apart: together they might seem right."""
    assert price_remarks((listed(price), real) for price, real in costs) == lines


def test_lists_of_different_dates_are_told_apart():
    """Each with its own date."""
    lines = price_remarks([(listed(60, "2027-01"), 120), (listed(60), 120)])

    assert [line.partition("list of ")[2][:7] for line in lines] == ["2026-10", "2027-01"]
