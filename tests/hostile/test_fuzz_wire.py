"""Any JSON at all in any reply or callback: our own errors, sane figures, text that can be kept, and no address but http(s).

`KIE_NB_FUZZ=2000 pytest tests/hostile/test_fuzz_wire.py` looks longer.
"""

import asyncio
import json
import math
import os
import string

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from liar import Liar

import kie_nb as kie
from kie_nb.service import Client
from kie_nb.service.records import is_signed, task_id_of

bounded = settings(
    max_examples=int(os.environ.get("KIE_NB_FUZZ", "60")),
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
)
# Half surrogates are in `st.text` where they are asked for; JSON spells them.
texts = st.text(max_size=20) | st.text(st.characters(min_codepoint=0xD7F0, max_codepoint=0xE010), max_size=3)
numbers = (
    st.integers()
    | st.floats()
    | st.sampled_from([10**4000, -(10**4000), 1e308, -1e308, -5, 2**63, float("nan"), 0.5])
)
leaves = st.none() | st.booleans() | numbers | texts
anything = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)
addresses = texts.map("http://".__add__) | st.sampled_from(
    ["https://a.example/a.mp4", "file:///etc/passwd", "http://[", "http://a\ud800", "https://" + "a" * 10_000]
)
results = st.dictionaries(
    st.sampled_from(["resultUrls", "result_urls", "resultObject"]), st.lists(addresses, max_size=4) | anything
)
NAMES = ["taskId", "recordId", "state", "model", "param", "resultJson", "failCode", "failMsg", "costTime",
         "createTime", "completeTime", "creditsConsumed", "consumeCredits", "success", "downloadUrl", "fileUrl", "fileName"]  # fmt: skip
records = st.fixed_dictionaries(
    {"state": st.sampled_from(["success", "fail", "waiting"]) | anything},
    optional={name: anything for name in NAMES if name not in {"state", "resultJson"}}
    | {"resultJson": anything | results | results.map(json.dumps)},
)
envelopes = (
    st.fixed_dictionaries(
        {"code": st.just(200) | anything}, optional={"msg": anything, "message": anything, "data": records | anything}
    )
    | anything
)  # fmt: skip
# What is no JSON, or no JSON that everybody reads alike.
ODD = [
    b"",
    b"[" * 100_000,
    b'{"code":200,"data":' + b'{"a":' * 500 + b"1" + b"}" * 500 + b"}",
    b'{"code":200,"data":{"param":"' + b'{"a":' * 5000 + b"1" + b"}" * 5000 + b'","resultJson":"","state":"waiting"}}',
    b'{"code":200,"code":500,"data":1,"data":2}',
    b'{"code":200,"data":NaN}',
    b'{"code":200,"data":' + b"9" * 5000 + b"}",
    b'{"code":200,"data":1e999}',
    b"\xef\xbb\xbf" + b'{"code":200,"data":5}',
    b"\xff\xfe{\x00}\x00",
    b'{"code":200,"data":{"taskId":"\xff"}}',
    b'{"code":200,"data":{"taskId":"\\ud800","state":"\\udfff"}}',
    b'{"code":200,"msg":' + b"[" * 900 + b"]" * 900 + b"}",
    b"null",
    b"true",
    b'"text"',
]  # fmt: skip


@pytest.fixture(scope="module")
def liar():
    site = Liar(lambda request: request.answer(body=site.body))
    yield site
    site.close()


def asked(liar, reply, what):
    """What a client makes of *reply*, a value or bytes; an error of ours is an answer, any other fails the test."""
    liar.body = reply if isinstance(reply, bytes) else json.dumps(reply).encode()

    async def ask():
        async with Client("a-key", base_url=liar.url) as client:
            return await what(client)

    try:
        return asyncio.run(ask())
    except kie.KieError as exc:
        kept(exc.message, exc.hint, str(exc))
        return exc


def kept(*texts):
    for text in texts:
        assert isinstance(text, str)
        text.encode()
        assert len(text) <= 30_000


def is_figure(value, most):
    return value is None or (math.isfinite(value) and 0 <= value <= most)


def looked_at(liar, reply):
    record = asked(liar, reply, lambda client: client.record("t1"))
    if isinstance(record, kie.KieError):
        # Nothing but a refusal in plain words ends the looking; the task is not lost by nonsense.
        assert not isinstance(record, kie.OutcomeUnknown | kie.TaskFailed)
        return
    kept(record.task_id, record.state, record.model, record.fail_code, record.fail_message, *record.urls)
    assert is_figure(record.credits, 1e12)
    assert is_figure(record.cost_time_s, 4e7)
    assert is_figure(record.duration_s, 5e9)
    assert len(record.urls) <= 100
    for url in record.urls:
        assert url.startswith(("http://", "https://"))
        assert len(url) < 10_000
        assert url.isprintable()
    json.dumps([record.param, record.raw], allow_nan=False).encode()


@bounded
@example(reply={"code": 200, "data": {"state": "success", "creditsConsumed": -5}})
@example(reply={"code": 200, "data": {"state": "success", "creditsConsumed": 1e308}})
@example(reply={"code": 200, "data": {"state": "success", "createTime": 0, "completeTime": 1e300}})
@example(reply={"code": 200, "data": {"state": "success", "resultJson": {"resultUrls": ["http://a/\ud800"]}}})
@example(reply={"code": 200, "data": {"state": "fail", "failMsg": ["\ud800"], "model": {"a": 1}}})
@given(reply=envelopes)
def test_any_record(liar, reply):
    """The look at a task."""
    looked_at(liar, reply)


@pytest.mark.parametrize("reply", ODD, ids=range(len(ODD)))
def test_a_reply_that_is_hardly_json(liar, reply):
    """To every question."""
    looked_at(liar, reply)
    created(liar, reply)
    counted(liar, reply)


def created(liar, reply):
    told = asked(liar, reply, lambda client: client.create("m", {"prompt": "p"}, patience_s=0))
    if isinstance(told, kie.KieError):
        said = told.charged
        assert said in {"nothing", "unknown, perhaps the full price"}
    else:
        kept(told)
        assert told


@bounded
@example(reply={"code": 200, "data": {"taskId": "\ud800"}})
@example(reply={"code": 10**4000, "msg": ["a"] * 5})
@example(reply={"code": float("inf"), "msg": {"a": "insufficient"}})
@given(reply=envelopes)
def test_any_create(liar, reply):
    """It is accepted, refused for nothing, or unknown; and an id can be written down."""
    created(liar, reply)


def counted(liar, reply):
    told = asked(liar, reply, lambda client: client.credits())
    if not isinstance(told, kie.KieError):
        assert math.isfinite(told)
        assert abs(told) <= 1e12


@bounded
@example(reply={"code": 200, "data": 1e308})
@given(reply=st.fixed_dictionaries({"code": st.just(200), "data": anything}) | envelopes)
def test_any_balance(liar, reply):
    """A number that an account can hold, or none."""
    counted(liar, reply)


@bounded
@example(reply={"code": 200, "data": {"downloadUrl": ["http://a"]}}, is_upload=True)
@example(reply={"code": 200, "data": "http\x00://a"}, is_upload=False)
@given(
    reply=st.fixed_dictionaries({"code": st.just(200), "data": records | addresses | anything}),
    is_upload=st.booleans(),
)
def test_any_address(liar, reply, is_upload):
    """Of an upload, and of a fresh link."""
    if is_upload:
        told = asked(liar, reply, lambda client: client.upload(b"x", "x.png", mime="image/png"))
        url = told if isinstance(told, kie.KieError) else told.url
    else:
        url = asked(liar, reply, lambda client: client.download_url("https://a.example/a.mp4"))
    if not isinstance(url, kie.KieError):
        kept(url)
        assert url.startswith(("http://", "https://"))


headers = st.dictionaries(
    st.sampled_from(["X-Webhook-Timestamp", "X-Webhook-Signature"]) | texts,
    texts | st.text(string.digits, max_size=20),
    max_size=4,
)


@bounded
@example(body={"data": {"taskId": "\ud800"}}, given_={"X-Webhook-Timestamp": "1"}, secret="s")
@example(body=["taskId"], given_={}, secret="s")
@given(body=records | anything, given_=headers, secret=texts)
def test_any_callback(body, given_, secret):
    """It is not from the service, and that is all."""
    found = task_id_of(body)

    assert found is None or (isinstance(found, str) and len(found) <= 200)
    assert is_signed(given_, body, secret, now=1.0) is False


def test_an_empty_secret_verifies_nothing():
    """Anybody can sign with it."""
    import base64
    import hashlib
    import hmac

    digest = hmac.new(b"", b"t1.1", hashlib.sha256).digest()
    signed = {"X-Webhook-Timestamp": "1", "X-Webhook-Signature": base64.b64encode(digest).decode()}

    assert is_signed(signed, {"data": {"taskId": "t1"}}, "", now=1.0) is False


def test_the_body_of_a_callback_has_its_bounds():
    """What is too large, too deep, or no object is no callback."""
    from kie_nb.service.records import body_of

    assert body_of(b'{"data": {"taskId": "t1"}}') == {"data": {"taskId": "t1"}}
    for content in (b"[]", b"[" * 100_000, b"\xff", b"", b'{"a":"' + b"x" * (2 << 20) + b'"}'):
        assert body_of(content) == {}
