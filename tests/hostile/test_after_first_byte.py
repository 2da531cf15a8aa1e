"""After the first byte of a create there is "accepted", "unknown", or a refusal beyond doubt; never "nothing" by mistake."""

import asyncio
import json
import sqlite3

import pytest
from tinyserver import reply, serving

import kie_nb as kie
from kie_nb.service import Client

KEY = "sk-fake-0123456789"
CREATE = ("wan/2-5-text-to-video", {"prompt": "Waves."})


@pytest.fixture
def server():
    """A service of whom each test says what it answers to a create; it counts them."""
    with serving() as opened:
        yield opened


def accepted(task_id):
    return reply(200, {"code": 200, "msg": "success", "data": {"taskId": task_id}})


UNCLEAR = [
    pytest.param(accepted("\ud800half"), id="half a surrogate"),
    pytest.param(accepted("a" * (1 << 20)), id="an id of a megabyte"),
    pytest.param(accepted("nul\0inside"), id="NUL"),
    pytest.param(accepted("two\nlines"), id="two lines"),
    pytest.param(accepted("\u202eabc"), id="a sign that turns the line"),
    pytest.param(accepted({"id": "x"}), id="an object"),
    pytest.param(accepted(["x"]), id="a list"),
    pytest.param(accepted(True), id="true"),
    pytest.param(accepted(1.5), id="half a number"),
    pytest.param(accepted(""), id="an empty id"),
    pytest.param(accepted("  "), id="blanks"),
    pytest.param(reply(200, {"code": 200, "data": None}), id="no data"),
    pytest.param(reply(200, {"code": 200, "data": "x"}), id="a text for data"),
    pytest.param(reply(200, {"code": 200}), id="nothing but 200"),
    pytest.param(reply(200, {"msg": "prompt is required"}), id="a refusal's text and no code"),
    pytest.param(reply(200, {"code": None, "msg": "credits insufficient"}), id="code null"),
    pytest.param(reply(200, {"code": [422], "msg": "prompt is required"}), id="code a list"),
    pytest.param(reply(200, {"code": True, "msg": "prompt is required"}), id="code true"),
    pytest.param(reply(200, {"code": 422.5, "msg": "prompt is required"}), id="half a code"),
    pytest.param(reply(200, {"code": "²", "msg": "prompt is required"}), id="code a raised two"),
    pytest.param(reply(200, {"code": -1, "msg": "call frequency is too high"}), id="a code below zero"),
    pytest.param(reply(200, {"code": 201, "msg": "created; top up soon"}), id="201"),
    pytest.param(reply(200, {"code": 202, "msg": "queued by the rate limit"}), id="202, sent again by its text"),
    pytest.param(reply(200, {"code": 302, "msg": "url is wrong"}), id="302 in the body"),
    pytest.param(reply(302, {"code": 422, "msg": "url is wrong"}), id="a redirect with a refusal in it"),
    pytest.param((302, b"", ("Location", "mailto:a@b")), id="a redirect to a letter"),
    pytest.param((307, b"", ("Location", "http:a")), id="a redirect to no host"),
    pytest.param((303, b"", ("Location", "/" + "a" * 65520)), id="a redirect that is too long"),
    pytest.param((308, b"", ("Location", "a:b:c//")), id="a redirect to another scheme"),
    pytest.param(reply(408, {"code": 400, "msg": "is required"}), id="HTTP 408"),
    pytest.param(reply(200, {"code": 422, "msg": "is required", "data": {"taskId": "t1"}}), id="a refusal that names a task"),
    pytest.param(reply(200, {"code": 422, "msg": "is required", "data": {"task_id": "t1"}}), id="a refusal that names a task otherwise"),
    pytest.param(reply(200, {"code": 422, "msg": "is required", "data": [{"taskId": "t1"}]}), id="a refusal that lists a task"),
    pytest.param(reply(200, {"code": 429, "msg": "rate limit", "taskId": "t1"}), id="a rate limit with a task beside it"),
    pytest.param(reply(200, {"code": 429, "msg": "rate limit", "data": {"recordId": "t1"}}), id="a rate limit that names a task"),
    pytest.param(reply(500, {"code": 429, "msg": "rate limit"}), id="HTTP 500"),
    pytest.param(reply(200, b"[]"), id="a list"),
    pytest.param(reply(200, b"[" * 100_000), id="deep"),
    pytest.param(reply(200, b'{"code": 200, "data": {"taskId": "x'), id="cut"),
    pytest.param(reply(200, b"<html>thanks</html>"), id="a page"),
    pytest.param(reply(200, b""), id="empty"),
    pytest.param(None, id="hangs up"),
]  # fmt: skip


async def create(server, *, patience_s=60.0):
    async with Client(KEY, base_url=server.url) as client:
        return await client.create(*CREATE, patience_s=patience_s)


@pytest.mark.parametrize("answer", UNCLEAR)
def test_what_is_not_understood_is_unknown_and_sent_once(server, answer):
    """By the client: not "nothing charged", not again, and no error of a package's."""
    server.answer = answer

    with pytest.raises(kie.OutcomeUnknown) as caught:
        asyncio.run(create(server))

    assert server.creates == 1
    assert "nothing" not in caught.value.charged
    assert len(str(caught.value)) < 1500


@pytest.mark.parametrize("answer", UNCLEAR)
def test_a_run_of_it_is_unknown_and_not_sent_again(server, monkeypatch, answer):
    """By the cell: what the error says is in the ledger too, and the same cell again buys nothing."""
    server.answer = answer
    monkeypatch.setenv("KIE_BASE_URL", server.url)
    monkeypatch.setenv("KIE_NB_SERVICE", "kie")
    monkeypatch.setenv("KIE_API_KEY", KEY)

    for _ in range(2):
        with pytest.raises(kie.OutcomeUnknown) as caught:
            kie.generate("Waves.", model=CREATE[0], seed=1).wait(60)
        assert "nothing" not in caught.value.charged

    (run,) = kie.runs()
    assert run.state == "unknown"
    assert "nothing" not in run.error.charged
    assert server.creates == 1


def test_the_id_that_cannot_be_kept_is_told(server):
    """As far as it can be, so that the task can be found by hand."""
    server.answer = accepted("abc\ud800def")

    with pytest.raises(kie.OutcomeUnknown, match=r"abc.*def"):
        asyncio.run(create(server))


@pytest.mark.parametrize(
    ("task_id", "kept"),
    [
        ("../../etc/passwd", "../../etc/passwd"),
        ("task_wan_1", "task_wan_1"),
        (12345, "12345"),
        ("a?b#c%2F", "a?b#c%2F"),
    ],
)
def test_an_odd_id_that_can_be_kept_is_accepted(server, task_id, kept):
    """Ids are opaque: what a row and an address can hold is an id."""
    server.answer = accepted(task_id)

    assert asyncio.run(create(server)) == kept


def test_an_id_of_somebody_elses_making_leads_to_no_other_file(server, monkeypatch):
    """It is a part of the video's name."""
    server.answer = accepted("../../../x")
    monkeypatch.setenv("KIE_BASE_URL", server.url)
    monkeypatch.setenv("KIE_NB_SERVICE", "kie")
    monkeypatch.setenv("KIE_API_KEY", KEY)

    run = kie.generate("Waves.", model=CREATE[0], seed=1)

    assert run.state in {"accepted", "waiting"}
    assert run.task_id == "../../../x"


def test_an_answer_that_cannot_be_written_down_is_told(server, monkeypatch, tmp_path):
    """Somebody puts code into the database just then, so that it is not written: the id is told, and nothing says that it was free."""
    server.answer = accepted("task-to-keep")
    monkeypatch.setenv("KIE_BASE_URL", server.url)
    monkeypatch.setenv("KIE_NB_SERVICE", "kie")
    monkeypatch.setenv("KIE_API_KEY", KEY)
    kie.runs()  # the ledger is there

    def break_it():
        with sqlite3.connect(tmp_path / "kie-runs" / "ledger.sqlite") as db:
            db.execute("CREATE TRIGGER no BEFORE UPDATE OF task_id ON run WHEN new.task_id IS NOT NULL BEGIN SELECT RAISE(ABORT, 'no'); END")  # fmt: skip
            db.commit()

    server.before_reply = break_it

    with pytest.raises(kie.KieError) as caught:
        kie.generate("Waves.", model=CREATE[0], seed=1).wait(5)

    assert "task-to-keep" in str(caught.value)
    assert "nothing" not in caught.value.charged


def test_a_rate_file_that_fails_takes_no_task_along(server, monkeypatch, tmp_path):
    """The service has answered: what is told is its id."""
    server.answer = accepted("task-to-keep")
    server.before_reply = lambda: [
        file.write_bytes(b"no database") for file in (tmp_path / "state").glob("grants*")
    ]
    monkeypatch.setenv("KIE_API_KEY", KEY)

    async def go():
        async with kie.AsyncKie(KEY, base_url=server.url) as client:
            return await client.create(*CREATE, patience_s=0)

    assert asyncio.run(go()) == "task-to-keep"


@pytest.mark.parametrize(
    "bad",
    [{"x": "\ud800"}, {"x": float("nan")}, {"x": object()}, {"x": {1, 2}}],
    ids=["half a character", "no number", "an object", "a set"],
)
def test_an_input_that_cannot_be_sent_is_refused_before_the_first_byte(server, bad):
    """And is not called unknown: nothing left."""
    server.answer = accepted("x")

    async def go():
        async with Client(KEY, base_url=server.url) as client:
            await client.create(CREATE[0], bad)

    with pytest.raises(kie.InvalidRequest) as caught:
        asyncio.run(go())

    assert caught.value.charged == "nothing"
    assert server.creates == 0


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ({"code": 422, "msg": "prompt is required"}, kie.InvalidRequest),
        ({"code": 402, "msg": "Credits insufficient"}, kie.OutOfCredits),
        ({"code": "401", "msg": "You do not have access permissions"}, kie.AuthError),
        ({"code": 500, "msg": "This interface is temporarily paused"}, kie.ModelUnavailable),
        ({"code": 4030, "msg": "Not supported in the current region"}, kie.Refused),
    ],
)
def test_what_is_a_refusal_beyond_doubt_stays_one(server, body, error):
    """As the wire has it (kie-api §2, §5): HTTP 200 and a body that says no."""
    server.answer = reply(200, body | {"data": None})

    with pytest.raises(error) as caught:
        asyncio.run(create(server))

    assert caught.value.charged == "nothing"
    assert server.creates == 1


@pytest.mark.parametrize(
    "data", [{"task_id": "t1"}, {"info": {"taskId": "t1"}}, [{"recordId": "t1"}]], ids=str
)
def test_an_id_is_found_where_it_stands(server, data):
    """Accepted is accepted: a task that is paid for is not lost for another spelling."""
    server.answer = reply(200, {"code": 200, "msg": "success", "data": data})

    assert asyncio.run(create(server)) == "t1"


def test_json_that_says_all_of_it_is_accepted(server):
    """The table above is no wall."""
    server.answer = reply(200, json.dumps({"code": 200, "data": {"taskId": "0" * 32}}).encode())

    assert asyncio.run(create(server)) == "0" * 32
