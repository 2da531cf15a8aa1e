"""Callbacks from end to end: a real Jupyter Server with the extension, a simulator that posts signed ones to it, and real kernels."""

import http.client
import json
import shutil
import time
from pathlib import Path

import pytest
from callbackbodies import BODIES, SECRET, signed
from kerneldriver import Workshop
from labserver import Server

import kie_nb
from kie_nb.mailbox import Mailbox

pytestmark = pytest.mark.kernel
CONFIG = Path(kie_nb.__file__).parent / "server" / "jupyter_server_config.json"
PREFIX = "/user/jo/"
# No look of polling is due while these tests last: what brings the video is the callback.
NO_POLLING = "from kie_nb.handles import get_session\nfrom kie_nb.engine.timing import Timing\nget_session().timing = Timing(callback_wait_s=86_400.0)"
CELL = "%%kie_wan --image cat.png --seed {seed} --callback auto -o clip\nThe cat smiles."


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    opened = Workshop(tmp_path_factory.mktemp("callbacks"))
    yield opened
    opened.close()


def serve(shop, **more):
    """A Jupyter Server that has found the extension as an installation enables it."""
    enabled = shop.private / "server" / "config" / "jupyter_server_config.d"
    enabled.mkdir(parents=True, exist_ok=True)
    shutil.copy(CONFIG, enabled / "kie_nb.json")
    (enabled.parent / "jupyter_server_config.json").write_text(
        json.dumps({"ServerApp": {"base_url": PREFIX}})
    )
    env = {"KIE_NB_STATE": str(shop.private / "state"), "KIE_NB_WEBHOOK_SECRET": SECRET}
    return Server(shop.folder, "server", private=shop.private / "server", env=env, **more)


@pytest.fixture(scope="module")
def server(shop):
    with serve(shop) as started:
        yield started


@pytest.fixture
def mailbox(shop):
    return Mailbox(shop.private / "state")


def talk(server, method, path, body=b"", connection=None, **headers):
    """Status, headers and body of an answer."""
    used = connection or http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    try:
        return _asked(used, method, path, body, headers)
    finally:
        if connection is None:
            used.close()


def _asked(used, method, path, body, headers):
    used.request(method, path, body, {name.replace("_", "-"): text for name, text in headers.items()})
    reply = used.getresponse()
    return reply.status, {name.lower(): text for name, text in reply.getheaders()}, reply.read()


def route(token):
    return f"{PREFIX}kie-nb/callback/{token}"


def task_of(name):
    return json.loads(BODIES[name])["data"]["taskId"]


def test_only_what_is_expected_and_signed_is_taken(server, mailbox):
    """Forged, old, of another task, unknown, too large: nothing is left in the mailbox; then the right one is."""
    token = mailbox.expect("abcdef123456")
    good = signed(task_of("success"))
    refused = [
        (route(token), BODIES["success"], {}, 401),
        (route(token), BODIES["success"], signed(task_of("success"), secret="forged"), 401),
        (route(token), BODIES["success"], signed(task_of("success"), at=time.time() - 600), 401),
        (route(token), BODIES["failure"], good, 401),  # a replay with another body
        (route("x" * 43), BODIES["success"], good, 404),
        (route(token), b"{", good, 400),
        (route(token), b"x" * 10_000_000, good, 413),
    ]
    for path, body, headers, status in refused:
        try:
            assert talk(server, "POST", path, body, **headers)[0] == status
        except ConnectionError:  # hung up before all of it was sent
            assert status == 413
    assert mailbox.arrivals() == []

    status, headers, body = talk(
        server, "POST", route(token), BODIES["success"], **good, Host="lab.example.org"
    )
    assert (status, json.loads(body)) == (200, {"code": 200, "msg": "success"})
    assert [arrival.task_id for arrival in mailbox.arrivals()] == [task_of("success")]
    assert not [name for name in headers if name.startswith("access-control") or name == "set-cookie"]
    assert token not in server.log.read_text(errors="replace")
    mailbox.forget("abcdef123456")


def test_nothing_else_is_open(server, mailbox):
    """No other method, no other route, no other host without a login; no other origin is told anything."""
    token = mailbox.expect("abcdef123456")
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"):
        status, headers, _body = talk(server, method, route(token), Origin="https://evil.example")
        assert status == 405
        assert not [name for name in headers if name.startswith("access-control")]
    for path in ("api/contents", "kie-nb", "kie-nb/callback", "kie-nb/callback/", f"kie-nb/callback/{token}/x", "kie-nb/runs"):  # fmt: skip
        assert talk(server, "POST", f"{PREFIX}{path}", BODIES["success"])[0] in {403, 404}
    assert talk(server, "GET", f"{PREFIX}api/contents")[0] in {302, 403}
    mailbox.forget("abcdef123456")


def test_a_flood_hides_nothing(server, mailbox):
    """A thousand posts with wrong tokens, and as many with a right one: what is expected of another run still arrives."""
    loud, quiet = mailbox.expect("aaaaaaaaaaaa"), mailbox.expect("bbbbbbbbbbbb")
    good = signed(task_of("success"))
    line = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    statuses = [
        talk(server, "POST", route(token), BODIES["success"], line, **good)[0]
        for _ in range(500)
        for token in ("y" * 43, loud)
    ]
    assert talk(server, "POST", route(quiet), BODIES["failure"], line, **signed(task_of("failure")))[0] == 200
    line.close()
    assert {status: statuses.count(status) for status in set(statuses)} == {404: 500, 200: 20, 429: 480}
    assert sorted(arrival.run_id for arrival in mailbox.arrivals()) == ["aaaaaaaaaaaa", "bbbbbbbbbbbb"]


def test_a_card_turns_into_its_video_when_the_callback_comes(shop, server):
    """With one recordInfo, in both kernels that show the run, and polling is not due; also when the server was started anew meanwhile."""
    simulator = shop.simulate(speed=1.0, private_callbacks=True, webhook_hmac_key=SECRET, duration_s=lambda _body: 3.0)  # fmt: skip
    public = {"KIE_NB_PUBLIC_URL": f"http://127.0.0.1:{server.port}{PREFIX}"}
    first, second = (shop.kernel(simulator, **public) for _ in range(2))
    for kernel in (first, second):
        assert kernel.run(NO_POLLING).status == "ok"

    cells = [(kernel, kernel.submit(CELL.format(seed=1))) for kernel in (first, second)]
    for kernel, cell in cells:
        assert kernel.result(cell).status == "ok"
        kernel.until(lambda kernel=kernel, cell=cell: "<video" in kernel.cells[cell].html)
    assert simulator.counts["record_requests"] == simulator.counts["callbacks_taken"] == 1
    assert "is asked to call" in "".join(kernel.cells[cell].text for kernel, cell in cells)

    again = first.submit(CELL.format(seed=2))
    first.until(lambda: len(simulator.tasks) == 2)
    server.stop()
    with serve(shop, port=server.port):
        first.until(lambda: "<video" in first.cells[again].html)
    assert simulator.counts["record_requests"] == simulator.counts["callbacks_taken"] == 2
