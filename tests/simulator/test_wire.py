"""What the service says: envelopes, refusals, the life of a task, rates and money."""

import itertools
import json
import time

import httpx
import pytest

I2V = "wan/2-5-image-to-video"
PICTURE = "https://example.com/a.png"


def test_an_accepted_task_has_the_envelope_of_the_wire(simulate):
    """Code, msg, and data with the task id twice."""
    _, client = simulate()
    reply = client.create()
    body = reply.json()
    assert (reply.status_code, body["code"], body["msg"]) == (200, 200, "success")
    assert body["data"]["taskId"] == body["data"]["recordId"]


@pytest.mark.parametrize(
    ("given", "code", "text"),
    [
        pytest.param(
            {"model": "wan/9-9"}, 422, "The model name you specified is not supported", id="unknown model"
        ),
        pytest.param({"model": ""}, 422, "cannot be empty", id="no model"),
        pytest.param(
            {"duration": 5}, 500, "duration is not within the range of allowed options", id="number"
        ),
        pytest.param({"duration": "7"}, 500, "duration is not within the range of allowed options", id="7 s"),
        pytest.param({"resolution": "480p"}, 500, "resolution is not within the range", id="480p"),
        pytest.param({"resolution": "720P"}, 500, "resolution is not within the range", id="capital P"),
        pytest.param({"prompt": "LEAVE OUT"}, 500, "prompt is required", id="no prompt"),
        pytest.param({"prompt": "  "}, 422, "prompt cannot be empty", id="blank prompt"),
        pytest.param({"prompt": "x" * 801}, 422, "prompt cannot exceed 800", id="long prompt"),
        pytest.param(
            {"negative_prompt": "x" * 501}, 422, "negative_prompt cannot exceed 500", id="long negative"
        ),
        pytest.param({"seed": "7"}, 500, "seed is not within", id="seed as text"),
        pytest.param({"seed": True}, 500, "seed is not within", id="seed as bool"),
        pytest.param(
            {"enable_prompt_expansion": "yes"}, 500, "enable_prompt_expansion is not", id="switch as text"
        ),
        pytest.param({"aspect_ratio": "2:1"}, 500, "aspect_ratio is not within", id="aspect"),
        pytest.param({"model": I2V}, 500, "image_url is required", id="no image"),
        pytest.param({"model": I2V, "image_url": ""}, 422, "image_url cannot be empty", id="empty image"),
        pytest.param(
            {"model": I2V, "image_url": "data:image/png;base64,AA"}, 422, "public http(s) URL", id="data URL"
        ),
        pytest.param(
            {"model": I2V, "image_url": "http://localhost/a.png"}, 422, "public http(s) URL", id="localhost"
        ),
        pytest.param(
            {"model": I2V, "image_url": "http://10.0.0.4/a.png"}, 422, "public http(s) URL", id="private"
        ),
        pytest.param({"callback": "ftp://x"}, 422, "callBackUrl is required", id="callback"),
    ],
)
def test_a_wrong_request_is_refused_under_http_200(simulate, given, code, text):
    """The HTTP status says nothing; code and text do; no data, no task, no credits."""
    sim, client = simulate()
    reply = client.create(**given)
    body = reply.json()
    assert (reply.status_code, body["code"], body["data"]) == (200, code, None)
    assert text in body["msg"]
    assert sim.tasks == []
    assert sim.balance == 10_000


@pytest.mark.parametrize(
    "body", [b"", b"no json", b"[]", b'"text"', b'{"model": "wan/2-5-text-to-video", "input": 3}']
)
def test_a_body_that_is_no_request_is_refused(simulate, body):
    """Anything at all may be posted."""
    _, client = simulate()
    reply = client.http.post("/api/v1/jobs/createTask", content=body)
    assert reply.status_code == 200
    assert reply.json()["code"] in {400, 422}


def test_null_means_not_given_and_800_signs_pass(simulate):
    """The seed may be null; the limit counts signs, not bytes; the published defaults stand in."""
    sim, client = simulate()
    assert client.create(prompt="ü" * 800, seed=None, duration=None, resolution=None).json()["code"] == 200
    assert sim.tasks[0].credits == 100
    assert 0 <= sim.tasks[0].seed < 2**31


def test_known_models_of_others_are_let_through(simulate):
    """A client written for another model of the service can be tried."""
    _, client = simulate()
    assert client.ended(client.created(model="veed/fabric-1", duration=5))["state"] == "success"
    assert client.create(model="veed/fabric-1", prompt="LEAVE OUT").json()["code"] == 500


def test_the_life_of_a_task(simulate):
    """Waiting, generating, success; nothing before the end, everything after it."""
    sim, client = simulate(speed=10)
    task_id = client.created()
    seen = []
    for _ in range(2000):
        data = client.record(task_id).json()["data"]
        seen.append(data["state"])
        if data["state"] == "success":
            break
        assert (data["resultJson"], data["completeTime"], data["costTime"]) == ("", None, None)
        assert "creditsConsumed" not in data
        time.sleep(0.01)
    assert [state for state, _ in itertools.groupby(seen)] == ["waiting", "generating", "success"]
    assert data["creditsConsumed"] == 60.0
    assert data["completeTime"] > data["createTime"] > 1_700_000_000_000
    assert data["costTime"] == (data["completeTime"] - data["createTime"]) // 1000
    assert (data["failCode"], data["failMsg"]) == (None, None)
    assert json.loads(json.loads(data["param"])["input"])["prompt"] == "a quiet lake"
    assert json.loads(data["resultJson"])["resultUrls"][0].startswith(sim.base_url)


def test_the_states_before_the_end_can_be_chosen(simulate):
    """Real Wan tasks wait until they are done; others queue as well."""
    _, client = simulate(states=("queuing",), speed=1)
    assert client.record(client.created()).json()["data"]["state"] == "queuing"


@pytest.mark.parametrize("path", ["/api/v1/chat/credit", "/api/v1/jobs/recordInfo?taskId=x"])
def test_a_wrong_key_gets_401_under_http_200(simulate, path):
    """A list of good keys makes all others bad ones; no key is always bad."""
    sim, _ = simulate(keys={"good"})
    for headers in ({}, {"Authorization": "Bearer bad"}, {"Authorization": "good"}):
        reply = httpx.get(sim.base_url + path, headers=headers)
        assert (reply.status_code, reply.json()["code"], reply.json()["data"]) == (200, 401, None)
    good = httpx.get(sim.base_url + path, headers={"Authorization": "Bearer good"})
    assert good.json()["code"] != 401


@pytest.mark.parametrize("name", ["", "Python-urllib/3.11"])
def test_a_client_without_a_name_is_stopped_at_the_door(simulate, name):
    """Plain text under a real 403, as Cloudflare does it."""
    sim, client = simulate()
    for path in ("/api/v1/chat/credit", "/media/x_0.mp4", "/api/file-stream-upload"):
        reply = client.http.get(path, headers={"User-Agent": name})
        assert (reply.status_code, reply.text) == (403, "error code: 1010")
    assert sim.counts["credit_requests"] == 0


def test_an_unknown_task_is_null(simulate):
    """422 under HTTP 200; a missing id is 400."""
    _, client = simulate()
    assert client.record("f" * 32).json() == {"code": 422, "msg": "recordInfo is null", "data": None}
    assert client.record("").json()["code"] == 400


def test_more_creates_than_the_window_allows_get_a_real_429(simulate):
    """They are refused, not queued, and cost nothing; later there is room again."""
    sim, client = simulate(creates_per_window=3, window_s=2.0)
    codes = [client.create().status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]
    assert client.create().json()["code"] == 429
    assert len(sim.tasks) == 3
    assert sim.counts["rate_limited"] == 3
    time.sleep(2.1)
    assert client.create().status_code == 200


def test_a_short_purse_is_told_with_the_text_of_the_service(simulate):
    """402 under HTTP 200, with its curly apostrophe."""
    sim, client = simulate(credits=100)
    assert client.create().json()["code"] == 200
    refusal = client.create()
    assert (refusal.status_code, refusal.json()["code"]) == (200, 402)
    assert "balance isn\u2019t enough" in refusal.json()["msg"]
    assert client.credit() == 40.0
    sim.set_balance(60)
    assert client.create().json()["code"] == 200


@pytest.mark.parametrize(
    ("duration", "resolution", "price"),
    [("5", "720p", 60), ("10", "720p", 120), ("5", "1080p", 100), ("10", "1080p", 200)],
)
def test_prices_are_those_of_the_list(simulate, duration, resolution, price):
    """Credits are held when the task is made."""
    sim, client = simulate()
    client.create(duration=duration, resolution=resolution)
    assert sim.balance == 10_000 - price


def test_five_hundred_tasks_do_not_slow_a_create(simulate):
    """A create stays far below the time a person notices."""
    _, client = simulate(creates_per_window=1000, credits=1e9)
    times = []
    for index in range(500):
        start = time.perf_counter()
        assert client.create(seed=index).json()["code"] == 200
        times.append(time.perf_counter() - start)
    times.sort()
    assert times[250] < 0.1
