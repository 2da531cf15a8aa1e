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
        ({"data": [], "msg": "ok"}, "another form"),
        ({"data": {"records": {"a": 1}, "pages": 1}}, "another form"),
        ({"data": None, "code": 401, "msg": "You do not have access permissions"}, "another form .code 401"),
    ],
)
def test_a_feed_that_does_not_answer_is_told_in_words(more, words):
    """It is not an official interface."""
    with pytest.raises(ServiceTrouble, match=words) as caught:
        read(PRICES, **more)

    assert "came with kie_nb" in caught.value.hint


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (lambda _: httpx.Response(403, text="error code: 1010"), "code 403"),  # blocked before Kie
        (
            lambda _: httpx.Response(302, headers={"Location": "http://127.0.0.1/secret"}),
            "code 302",
        ),  # not followed
        (lambda _: httpx.Response(200, content=b"[" * 100_000), "another form"),
        (lambda _: httpx.Response(200, content=b" " * (price_feed.MOST_BYTES + 1)), "another form"),
        (lambda _: httpx.Response(200, content=(b" " for _ in range(100))), "not answered in"),
    ],
    ids=["blocked", "elsewhere", "deep", "long", "slow"],
)
def test_a_hostile_answer_costs_a_moment(reply, words, monkeypatch):
    """What was kept before stays."""
    if words == "not answered in":
        monkeypatch.setattr(price_feed, "LONGEST_S", -1.0)
    with pytest.raises(ServiceTrouble, match=words):
        price_feed.read_feed("https://feed.example", transport=httpx.MockTransport(reply))


def test_every_documented_line_is_read_whatever_is_beside_it():
    """Numbers as text or not, without an address, with odd signs; prices that cannot be are none. All pages, also where their number is not told."""
    odd = [
        {"modelDescription": "a number", "creditPrice": 14.5, "creditUnit": None, "anchor": None},
        {"modelDescription": "no model", "creditPrice": "3", "anchor": "https://[bad", "discountPrice": "1", "falPrice": ""},
        {"modelDescription": "two\nlines\x1b[31m", "creditPrice": "0", "interfaceType": "video", "provider": "x"},
        *({"modelDescription": "never", "creditPrice": price} for price in ("-1", "nan", "1e999", "", None, True, [], "1,5")),
        {"modelDescription": "", "creditPrice": "5"}, {"creditPrice": "5"}, None, "text", 7,
    ]  # fmt: skip
    asked = []

    def reply(request):
        page = int(request.read().decode().split('"pageNum":')[1].split(",")[0])
        asked.append(page)
        data = {
            "records": odd if page == 1 else [record("last", "7")],
            "total": 101,
            "current": page,
            "size": 100,
        }
        return httpx.Response(200, json={"code": 200, "msg": "success", "data": data})

    feed = price_feed.read_feed("https://feed.example/", transport=httpx.MockTransport(reply))

    assert asked == [1, 2]
    assert {(line.model, line.credits) for line in feed.lines} == {
        ("", 14.5),
        ("", 3),
        ("", 0),
        ("kling-3.0/video", 7),
    }


def test_a_lower_price_makes_no_estimate_lower(monkeypatch, capsys):
    """And a higher one is told: the list may be too low."""
    from kie_nb.catalogue import build_request
    from kie_nb.notebook import models_magic

    before = build_request(model="kling-3.0/video", prompt="p").estimate.credits
    for price, is_above in (("0.1", False), ("9000", True)):
        monkeypatch.setattr(price_feed, "read_feed", lambda _base, price=price: price_feed.Feed(
            read_at="2026-11-30T00:00:00+00:00",
            lines=(price_feed.Listed(model="kling-3.0/video", description="std\nx", credits=float(price), unit="s"),),
        ))  # fmt: skip
        models_magic.prices(["--update"])
        said = capsys.readouterr().out
        assert ("estimates may be too low" in said) is is_above
        assert build_request(model="kling-3.0/video", prompt="p").estimate.credits == before
