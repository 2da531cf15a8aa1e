"""Trouble on purpose: every kind does what its name says, and wrong names are told the right ones."""

import json
import time

import httpx
import pytest

from kie_nb.simulator import Fault, Simulator
from kie_nb.simulator.faults import KINDS, REFUSALS, FaultBox, parse_faults


@pytest.mark.parametrize("kind", sorted(REFUSALS))
@pytest.mark.parametrize("call", ["create", "record", "credits", "download_url", "upload"])
def test_a_refusal_has_its_code_and_makes_nothing(shared, call, kind):
    """The body code of the kind, under HTTP 200 save for `http_429`."""
    sim, client, task_id, url = shared
    before = len(sim.tasks)
    sim.set_faults([Fault(call=call, kind=kind)])
    reply = ask(client, call, task_id, url)
    body = reply.json()
    assert (body["code"], body["msg"]) == (REFUSALS[kind].code, REFUSALS[kind].msg)
    assert reply.status_code == (429 if kind == "http_429" else 200)
    assert body["success"] is False if call == "upload" else body["data"] is None
    assert len(sim.tasks) == before


@pytest.mark.parametrize("call", ["create", "record", "credits", "download_url", "upload", "download"])
@pytest.mark.parametrize(
    ("kind", "status", "text"),
    [("http_500", 500, "<html"), ("http_502", 502, "Bad gateway"), ("http_403_1010", 403, "error code: 1010"),
     ("html", 200, "<!DOCTYPE html>")],
)  # fmt: skip
def test_the_front_door_answers_in_place_of_the_service(shared, call, kind, status, text):
    """Pages and plain text where JSON or a film was expected; nothing was done."""
    sim, client, task_id, url = shared
    before = len(sim.tasks)
    sim.set_faults([Fault(call=call, kind=kind)])
    reply = ask(client, call, task_id, url)
    assert (reply.status_code, text in reply.text) == (status, True)
    assert len(sim.tasks) == before


@pytest.mark.parametrize(("kind", "made"), [("lost_reply", 1), ("reset", 0)])
@pytest.mark.parametrize("call", ["create", "record", "credits", "download_url", "upload", "download"])
def test_a_cut_connection_is_really_cut(shared, capfd, call, kind, made):
    """No HTTP reply comes; with `lost_reply` the work was done, with `reset` it was not; nothing is printed."""
    sim, client, task_id, url = shared
    before = len(sim.tasks)
    sim.set_faults([Fault(call=call, kind=kind)])
    error = httpx.ReadError if kind == "reset" else httpx.RemoteProtocolError
    with pytest.raises(error):
        ask(client, call, task_id, url)
    assert len(sim.tasks) - before == (made if call == "create" else 0)
    assert capfd.readouterr() == ("", "")


def test_spoilt_replies_to_a_create_that_was_done(shared):
    """The task exists and is paid for, whatever the reply looks like."""
    sim, client, _, _ = shared
    kinds = ("no_task_id", "message_key", "broken_json", "http_502_done", "slow_reply")
    for number, kind in enumerate(kinds, start=len(sim.tasks) + 1):
        sim.set_faults([Fault(call="create", kind=kind, seconds=0.3)])
        start = time.perf_counter()
        reply = client.create()
        if kind == "no_task_id":
            assert reply.json() == {"code": 200, "msg": "success", "data": {}}
        elif kind == "message_key":
            assert (reply.json()["message"], "msg" in reply.json()) == ("success", False)
        elif kind == "http_502_done":
            assert reply.status_code == 502
        elif kind == "slow_reply":
            assert time.perf_counter() - start > 0.29
        else:
            with pytest.raises(json.JSONDecodeError):
                reply.json()
        assert len(sim.tasks) == number


def test_spoilt_records(shared):
    """What can be wrong with a look at a task, one after the other."""
    sim, client, task_id, _ = shared

    def look(kind, **more):
        sim.set_faults([Fault(call="record", kind=kind, **more)])
        return client.record(task_id)

    assert look("null_record", times=1).json()["msg"] == "recordInfo is null"
    assert client.record(task_id).json()["data"]["state"] == "success"
    assert look("null_record", seconds=3600).json()["code"] == 422
    assert look("null_record", seconds=0).json()["code"] == 200
    assert look("unknown_state").json()["data"]["state"] == "postprocessing"
    assert json.loads(look("no_urls").json()["data"]["resultJson"])["resultUrls"] == []
    urls = json.loads(look("two_urls").json()["data"]["resultJson"])["resultUrls"]
    assert len(set(urls)) == 2
    assert all(client.media.get(url).status_code == 200 for url in urls)
    broken = look("broken_param")
    assert '"state": "success"' in broken.text
    with pytest.raises(json.JSONDecodeError):
        broken.json()


def test_spoilt_downloads(shared):
    """Half a film, none, a dead link, and one that takes its time."""
    sim, client, _, url = shared
    whole = client.media.get(url).content
    sim.set_faults([Fault(call="download", kind="truncate", times=1)])
    with client.media.stream("GET", url) as reply:
        assert int(reply.headers["content-length"]) == len(whole)
        with pytest.raises(httpx.RemoteProtocolError):
            reply.read()
    assert client.media.get(url).content == whole
    sim.set_faults([Fault(call="download", kind="empty")])
    assert client.media.get(url).content == b""
    sim.set_faults([Fault(call="download", kind="expired")])
    assert client.media.get(url).status_code == 404
    for kind in ("slow", "slow_reply"):
        sim.set_faults([Fault(call="download", kind=kind, seconds=0.4)])
        start = time.perf_counter()
        assert client.media.get(url).content == whole
        assert time.perf_counter() - start > 0.39


@pytest.mark.parametrize(
    ("kind", "code", "msg"),
    [("fail", "500", "Internal server error"), ("fail_image", "500", "Image fetch failed"),
     ("fail_moderation", "400", "The input or output was flagged as sensitive")],
)  # fmt: skip
def test_a_failing_task_gives_the_credits_back(simulate, kind, code, msg):
    """Held at the start, back at the end; only tasks with the matching prompt are hit."""
    sim, client = simulate(faults=[Fault(call="task", kind=kind, match="storm")], speed=10)
    bad = client.created(prompt="a storm at sea")
    assert sim.balance == 9_940
    assert client.ended(client.created())["state"] == "success"
    data = client.ended(bad)
    assert (data["state"], data["failCode"], data["failMsg"]) == ("fail", code, msg)
    assert data["creditsConsumed"] == 0.0
    assert sim.balance == 9_940


def test_a_slow_task_takes_longer(simulate):
    """By the seconds of the fault, whatever the speed."""
    sim, client = simulate(faults=[Fault(call="task", kind="slow", seconds=1)])
    client.ended(client.created())
    assert sim.tasks[0].completed - sim.tasks[0].created >= 1


def test_times_and_chance():
    """A number of strikes is kept; a chance is the same in every session."""
    box = FaultBox([Fault(call="create", kind=500, times=2)], environ={})
    assert [box.strike("create") is not None for _ in range(4)] == [True, True, False, False]
    assert box.faults == []
    boxes = [FaultBox([Fault(call="create", kind="500", probability=0.5)], environ={}) for _ in range(2)]
    strikes = [[box.strike("create") is not None for _ in range(40)] for box in boxes]
    assert strikes[0] == strikes[1]
    assert 5 < sum(strikes[0]) < 35
    assert boxes[0].strikes == {("create", "500"): sum(strikes[0])}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ([{"call": "crate", "kind": "500"}], "download_url"),
        ([{"call": "create", "kind": "sad"}], "lost_reply"),
        ([{"call": "create"}], "call and kind"),
        ([{"call": "create", "kind": "500", "time": 1}], "unknown 'time'"),
        ([{"call": "create", "kind": "500", "times": "1"}], "whole number"),
        ([{"call": "create", "kind": "500", "probability": "x"}], "number"),
        (["create"], "object"),
        ("x", "list"),
    ],
)
def test_wrong_faults_are_told_the_good_words(raw, words):
    """The refusal lists what there is."""
    with pytest.raises(ValueError, match=words):
        parse_faults(raw)


def test_faults_come_from_the_environment_and_a_file(monkeypatch, tmp_path):
    """The file is read again when it changes; half a file changes nothing."""
    file = tmp_path / "faults.json"
    monkeypatch.setenv("KIE_SIM_FAULTS", '[{"call": "credits", "kind": "455"}]')
    monkeypatch.setenv("KIE_SIM_FAULTS_FILE", str(file))
    sim = Simulator()
    assert [fault.kind for fault in sim.faults] == ["455"]
    file.write_text('[{"call": "create", "kind": "reset"}]')
    assert [fault.kind for fault in sim.faults] == ["455", "reset"]
    file.write_text('[{"call": "cre')
    assert [fault.kind for fault in sim.faults] == ["455", "reset"]
    file.unlink()
    assert [fault.kind for fault in sim.faults] == ["455"]
    monkeypatch.setenv("KIE_SIM_FAULTS", "nonsense")
    with pytest.raises(ValueError, match="KIE_SIM_FAULTS"):
        Simulator()


def test_every_kind_can_be_made():
    """The lists in the refusals are true."""
    for call, kinds in KINDS.items():
        for kind in kinds:
            assert Fault(call=call, kind=kind).kind == kind


def ask(client, call, task_id, url):
    return {
        "create": client.create,
        "record": lambda: client.record(task_id),
        "credits": lambda: client.http.get("/api/v1/chat/credit"),
        "download_url": lambda: client.http.post("/api/v1/common/download-url", json={"url": url}),
        "upload": lambda: client.upload(b"some bytes"),
        "download": lambda: client.media.get(url),
    }[call]()


@pytest.fixture(scope="module")
def service():
    with Simulator(tiny=True, speed=50, creates_per_window=10_000, credits=1e9) as sim:
        yield sim


@pytest.fixture
def shared(service, connect):
    """One simulator for the whole file, with a finished task; without faults before and after."""
    service.set_faults([])
    client = connect(service)
    if not service.tasks:
        client.created()
    task_id = service.tasks[0].task_id
    yield service, client, task_id, client.url(task_id)
    service.set_faults([])
