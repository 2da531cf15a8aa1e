"""Kie's public price feed: read where it answers, kept with its date, and never a reason to be less careful."""

import httpx
import pytest

from kie_nb.errors import ServiceTrouble
from kie_nb.service import price_feed

PRICES = {"Kling 3.0, std": "14", "Kling 3.0, pro": "18.0", "odd": "many"}


def record(name, price):
    return {
        "modelDescription": name, "creditPrice": price, "creditUnit": "per second",
        "anchor": "https://kie.ai/kling?model=kling-3.0%2Fvideo", "usdPrice": "0.07",
    }  # fmt: skip


def answering(prices, status=200, **more):
    """A feed of two pages."""
    records = [record(*each) for each in prices.items()]

    def reply(request):
        page = int(request.read().decode().split('"pageNum":')[1].split(",")[0])
        part = records[: len(records) // 2] if page == 1 else records[len(records) // 2 :]
        body = {"code": 200, "data": {"records": part, "pages": 2, "total": len(records)}} | more
        return httpx.Response(status, json=body)

    return httpx.MockTransport(reply)


def read(prices, **more):
    return price_feed.read_feed("https://feed.example", transport=answering(prices, **more))


def test_all_pages_are_read_kept_and_read_again(tmp_path):
    """What is no price is left out; without a file, or with a broken one, nothing was kept."""
    assert price_feed.kept(tmp_path) is None
    feed = read(PRICES)
    price_feed.keep(tmp_path / "state", feed)

    assert [(line.model, line.credits) for line in feed.lines] == [
        ("kling-3.0/video", 18),
        ("kling-3.0/video", 14),
    ]
    assert price_feed.kept(tmp_path / "state") == feed
    (tmp_path / "state" / price_feed.FILE).write_text("{")
    assert price_feed.kept(tmp_path / "state") is None


def test_what_changed_is_told():
    """New, gone, and at another price; of the first feed nothing is new."""
    before, now = read(PRICES), read({"Kling 3.0, std": "16", "Kling 3.0, 4K": "67"})

    assert price_feed.changes(None, before) == []
    assert price_feed.changes(before, now) == [
        "Kling 3.0, 4K: new, 67 credits per second",
        "Kling 3.0, pro: no longer listed",
        "Kling 3.0, std: 14 → 16 credits per second",
    ]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"data": None, "code": 4030}, "your region"),
        ({"data": {"rows": []}}, "another form"),
        ({"data": {"records": [7, {}], "pages": "x"}}, "lists nothing"),
    ],
)
def test_a_feed_that_does_not_answer_is_told_in_words(more, words):
    """It is not an official interface."""
    with pytest.raises(ServiceTrouble, match=words) as caught:
        read(PRICES, **more)

    assert "came with kie_nb" in caught.value.hint
