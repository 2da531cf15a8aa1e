"""Who knocks at the simulator's port on loopback, and where the simulator knocks itself."""

import asyncio
import contextlib
import socket
import threading
import time

import httpx
import pytest
from strangefolder import ORDER, QUICK, client, created, ended, listening

import kie_nb as kie
from kie_nb.simulator import Fault, Simulator

PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
FAULT = Fault(call="credits", kind="455")
CALLS = {
    "page": ("GET", "/", {}),
    "state": ("GET", "/_sim/state", {}),
    "faults": ("GET", "/_sim/faults", {}),
    "set faults": ("PUT", "/_sim/faults", {"json": []}),
    "add faults": ("POST", "/_sim/faults", {"json": []}),
    "clear faults": ("DELETE", "/_sim/faults", {}),
    "purse": ("POST", "/_sim/credits", {"json": {"credits": 1}}),
    "create": ("POST", "/api/v1/jobs/createTask", {"json": ORDER}),
    "record": ("GET", "/api/v1/jobs/recordInfo?taskId=x", {}),
    "credit": ("GET", "/api/v1/chat/credit", {}),
    "link": ("POST", "/api/v1/common/download-url", {"json": {"url": "x"}}),
    "stream": ("POST", "/api/file-stream-upload", {"files": {"file": PNG}, "data": {"uploadPath": "a"}}),
    "base64": ("POST", "/api/file-base64-upload", {"json": {"base64Data": "AAAA", "uploadPath": "a"}}),
    "from url": (
        "POST",
        "/api/file-url-upload",
        {"json": {"fileUrl": "http://example.com/a", "uploadPath": "a"}},
    ),
    "video": ("GET", "/media/x_0.mp4", {}),
    "upload": ("GET", "/kieai/a/x.png", {}),
}
FREE = {"video", "upload"}


@pytest.fixture(scope="module")
def sim():
    with Simulator(**QUICK, faults=[FAULT]) as started:
        yield started


@pytest.fixture
def untouched(sim):
    """Whatever the test does, nothing is counted, made, paid or changed."""
    before = sim.counts
    yield
    assert (sim.counts, sim.tasks, sim.balance, sim.faults) == (before, [], 10_000, [FAULT])


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://OWN", "file://"]
)
def test_a_foreign_origin_is_refused_on_every_route(sim, origin):
    """Also that of another port of this machine, and the other scheme."""
    headers = {"Origin": origin.replace("OWN", sim.base_url.removeprefix("http://"))}
    with client(sim) as http:
        for method, path, more in CALLS.values():
            for reply in (
                http.request(method, path, headers=headers, **more),
                http.options(path, headers=headers | {"Access-Control-Request-Method": method}),
            ):
                assert (path, reply.status_code) == (path, 403)
                assert not [name for name in reply.headers if name.startswith("access-control")]


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize("mode", ["no-cors", "navigate", "cors"])
def test_a_request_that_a_page_makes_without_an_origin_is_refused(sim, site, mode):
    """A picture, a frame, a link: browsers tell where they stand."""
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": mode}
    with client(sim) as http:
        for name in sorted(set(CALLS) - FREE):
            method, path, more = CALLS[name]
            assert (name, http.request(method, path, headers=headers, **more).status_code) == (name, 403)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:PORT", "127.0.0.1", "localhost:1", "127.0.0.1.evil.example:PORT", ""],
)
def test_another_name_of_this_machine_is_not_answered(sim, host):
    """A page may lead a name of its own to 127.0.0.1."""
    headers = {"Host": host.replace("PORT", sim.base_url.rpartition(":")[2])}
    with client(sim) as http:
        for method, path, more in CALLS.values():
            assert (path, http.request(method, path, headers=headers, **more).status_code) == (path, 421)


def test_our_own_names_are_answered(sim):
    """With and without the origin of its own page."""
    port = sim.base_url.rpartition(":")[2]
    with client(sim) as http:
        for name in (f"127.0.0.1:{port}", f"localhost:{port}", f"LOCALHOST:{port}"):
            for headers in ({}, {"Origin": f"http://{name}"}, {"Sec-Fetch-Site": "none"}):
                assert http.get("/_sim/state", headers={"Host": name} | headers).status_code == 200


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "", "text/json"]
)
def test_the_back_door_takes_json_alone(sim, kind):
    """What a form can send is none, whatever its text says."""
    with client(sim) as http:
        for path, body in (("/_sim/credits", b'{"credits": 1}'), ("/_sim/faults", b"[]")):
            assert http.post(path, content=body, headers={"Content-Type": kind}).status_code == 415


# --- the embedded simulator


def test_the_embedded_simulator_opens_to_its_own_process_alone():
    """No word that could be guessed is its key; the video itself needs none, as at the service."""
    kie.configure(simulator_speed=50.0)
    run = kie.generate("Waves.", model="wan/2-5-text-to-video", seed=1)
    run.wait(60)
    base = run.url.partition("/media/")[0]

    with httpx.Client(base_url=base, trust_env=False) as http:
        for key in (None, "simulator", "anything", "k"):
            headers = {"Authorization": f"Bearer {key}"} if key else {}
            for path in ("/", "/_sim/state", "/_sim/faults"):
                assert http.get(path, headers=headers).status_code == 401
            reply = http.post("/api/v1/jobs/createTask", json=ORDER, headers=headers)
            assert reply.json()["code"] == 401
            assert http.put("/_sim/faults", json=[], headers=headers).status_code == 401
        assert http.get(run.url).content[4:8] == b"ftyp"

    async def wire():
        async with kie.AsyncKie() as found:
            return await found.credits()

    assert asyncio.run(wire()) == 100_000 - 60


# --- bodies

BODIES = {
    "deep list": b"[" * 100_000,
    "deep object": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "closed and deep": b'{"model": "wan/2-5-text-to-video", "input": {"prompt": '
    + b"[" * 900
    + b"]" * 900
    + b"}}",
    "half a character": b'{"model": "wan/2-5-text-to-video", "input": {"prompt": "\\ud800"}}',
    "half in a key": b'{"model": "wan/2-5-text-to-video", "input": {"prompt": "x", "\\udfff": 1}}',
    "no number": b'{"model": "wan/2-5-text-to-video", "input": {"prompt": "x", "y": NaN}}',
    "endless number": b'{"model": "veed/fabric-1", "input": {"prompt": "x", "duration": 1e999}}',
    "many digits": b'{"model": "veed/fabric-1", "input": {"prompt": "x", "seed": ' + b"9" * 9000 + b"}}",
    "no text": b"\xff\xfe\xfd",
    "no address": b'{"model": "wan/2-5-image-to-video", "input": {"prompt": "x", "image_url": "http://["}}',
}


@pytest.mark.usefixtures("untouched_but_counted")
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_odd_json_is_a_wrong_request(sim, body):
    """Refused in the words of the service; never a crash."""
    with client(sim) as http:
        for name in ("create", "link", "base64", "from url", "add faults", "purse"):
            method, path, _ = CALLS[name]
            reply = http.request(method, path, content=body, headers={"Content-Type": "application/json"})
            assert (name, reply.status_code) in {(name, 200), (name, 400)}
            answer = reply.json()
            assert answer.get("error") or answer["code"] != 200


@pytest.fixture
def untouched_but_counted(sim):
    yield
    assert (sim.tasks, sim.balance, sim.faults) == ([], 10_000, [FAULT])


@pytest.mark.parametrize(
    "given", [{"seed": 10**30}, {"duration": 10**400}, {"resolution": "²p"}, {"image": "http://["}]
)
def test_odd_figures_of_other_models_are_left_out(given):
    """The task ends like any other."""
    with Simulator(**QUICK) as sim, client(sim) as http:
        order = {"model": "veed/fabric-1", "input": {"prompt": "x"} | given}
        assert http.post("/api/v1/jobs/createTask", json=order).json()["code"] == 200
        ended(sim)


@pytest.mark.usefixtures("untouched_but_counted")
@pytest.mark.parametrize("how", ["told", "in pieces"])
@pytest.mark.parametrize("call", ["create", "link", "purse", "add faults"])
def test_a_body_has_a_size(sim, call, how):
    """It is not read to its end."""
    method, path, _ = CALLS[call]
    body = b'{"x": "' + b"x" * (3 << 20) + b'"}'
    pieces = (body[start : start + 65536] for start in range(0, len(body), 65536))
    with client(sim) as http, contextlib.suppress(httpx.WriteError, httpx.ReadError):  # it hangs up
        content = body if how == "told" else pieces
        reply = http.request(method, path, content=content, headers={"Content-Type": "application/json"})
        assert reply.status_code == 413


def test_a_body_has_an_end(sim, monkeypatch):
    """A byte now and then holds nothing up for ever; nor does a connection that says nothing."""
    from kie_nb.simulator import server

    monkeypatch.setattr(server, "BODY_S", 0.3)
    monkeypatch.setattr(server, "HEAD_S", 0.3)
    host, port = sim.base_url.removeprefix("http://").split(":")
    head = (
        f"POST /api/v1/jobs/createTask HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: x\r\n"
        "Authorization: Bearer k\r\nContent-Length: 1000\r\n\r\n{"
    )
    for said, answer in ((head.encode(), b"HTTP/1.1 408"), (b"", b""), (b"GET / HT", b"")):
        with socket.create_connection((host, int(port)), timeout=10) as line:
            line.sendall(said)
            assert line.recv(12) == answer


@pytest.mark.usefixtures("untouched_but_counted")
@pytest.mark.parametrize("what", ["parts", "files", "a form of one line", "no boundary"])
def test_a_form_has_one_file(sim, what):
    """Many parts are no upload."""
    before = sim.counts["uploads_accepted"]
    more = {
        "parts": {
            "files": {"file": PNG},
            "data": {f"f{number}": "x" for number in range(500)} | {"uploadPath": "a"},
        },
        "files": {"files": [("file", PNG)] * 20, "data": {"uploadPath": "a"}},
        "a form of one line": {"data": {f"f{number}": "x" for number in range(500)}},
        "no boundary": {"content": b"x", "headers": {"Content-Type": "multipart/form-data"}},
    }[what]
    with client(sim) as http:
        reply = http.post("/api/file-stream-upload", **more)
    assert (reply.status_code, reply.json()["success"]) == (200, False)
    assert sim.counts["uploads_accepted"] == before


def test_uploads_do_not_fill_the_disk(monkeypatch):
    """There is an end to how many are kept."""
    from kie_nb.simulator import studio

    monkeypatch.setattr(studio, "MOST_UPLOADS", 1)
    with Simulator(**QUICK) as sim, client(sim) as http:
        method, path, more = CALLS["stream"]
        assert http.request(method, path, **more).json()["success"] is True
        assert http.request(method, path, **more).json()["success"] is False


@pytest.mark.parametrize(
    ("name", "data"),
    [("a.html", b"<script>1</script>"), ("a.svg", b"<svg onload='1'/>"), ("a.png", b"<html>")],
)
def test_an_upload_is_served_by_its_bytes(name, data):
    """What is no picture or video is not served, whatever it is called; what is, is called what it is."""
    with Simulator(**QUICK) as sim, client(sim) as http:
        ask = {"data": {"uploadPath": "a", "fileName": name}}
        url = http.post("/api/file-stream-upload", files={"file": data}, **ask).json()["data"]["downloadUrl"]
        assert http.get(url).status_code == 404
        url = http.post("/api/file-stream-upload", files={"file": PNG}, **ask).json()["data"]["downloadUrl"]
        reply = http.get(url)
        assert (reply.headers["content-type"], reply.headers["x-content-type-options"]) == (
            "image/png",
            "nosniff",
        )


def test_odd_headers_are_no_crash(tmp_path):
    """Of a range, and of a fresh link."""
    with Simulator(tmp_path, **QUICK, link_life_s=0.01) as sim, client(sim) as http:
        task = created(http)
        ended(sim)
        time.sleep(0.1)
        path = f"/media/{task}_0.mp4"
        assert http.get(path, params={"expires": "9" * 5000, "signature": "x"}).status_code == 404
        fresh = http.post("/api/v1/common/download-url", json={"url": sim.base_url + path}).json()["data"]
        assert http.get(fresh, headers={"Range": f"bytes={'9' * 5000}-"}).status_code in {200, 416}


# --- where it knocks itself

HERE = [
    "127.0.0.1",
    "127.1",
    "0x7f.1",
    "2130706433",
    "017700000001",
    "localhost",
    "[::ffff:127.0.0.1]",
    "1２7.0.0.1",
]


@pytest.mark.parametrize("host", HERE)
@pytest.mark.parametrize("what", ["picture", "upload", "callback"])
def test_it_reaches_nothing_on_this_machine(host, what):
    """However its address is written."""
    with listening() as server, Simulator(**QUICK) as sim, client(sim) as http:
        url = f"http://{host}:{server.server_port}/x.png"
        if what == "upload":
            http.post("/api/file-url-upload", json={"fileUrl": url, "uploadPath": "a"})
        elif what == "callback":
            http.post("/api/v1/jobs/createTask", json=ORDER | {"callBackUrl": url})
        else:
            order = {"model": "wan/2-5-image-to-video", "input": ORDER["input"] | {"image_url": url}}
            http.post("/api/v1/jobs/createTask", json=order)
        ended(sim)
        threading.Event().wait(0.3)
        assert server.seen == []


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1"])
def test_a_listener_can_be_rehearsed_when_asked_for(host):
    """Callbacks, and nothing else."""
    with listening() as server, Simulator(**QUICK, private_callbacks=True) as sim, client(sim) as http:
        url = f"http://{host}:{server.server_port}/hook"
        http.post("/api/v1/jobs/createTask", json=ORDER | {"callBackUrl": url})
        http.post("/api/file-url-upload", json={"fileUrl": url, "uploadPath": "a"})
        for _ in range(500):
            if server.seen:
                break
            threading.Event().wait(0.02)
        assert server.seen == ["/hook"]
