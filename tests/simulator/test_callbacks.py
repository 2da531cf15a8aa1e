"""Callbacks: who is told what, how it is signed, and how often it is tried."""

import base64
import hashlib
import hmac
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kie_nb.simulator import Fault


@pytest.fixture
def receiver():
    """An HTTP server that writes down what it gets and answers with the statuses in `answers`, then 200."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.got.append((dict(self.headers.items()), json.loads(body)))
            self.send_response(server.answers.pop(0) if server.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.answers = [], []
    server.url = f"http://127.0.0.1:{server.server_port}/hook"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def wait_for(condition, within_s=60.0):
    limit = time.monotonic() + within_s
    while not condition() and time.monotonic() < limit:
        time.sleep(0.02)
    assert condition()


def test_success_is_told_and_signed(simulate, receiver):
    """Base64 HMAC over task id and time; the body has the old credit keys and whole seconds."""
    _, client = simulate(private_callbacks=True, webhook_hmac_key="s\u00e9cret")
    task_id = client.created(callback=receiver.url)
    wait_for(lambda: receiver.got)
    headers, body = receiver.got[0]
    stamp = headers["X-Webhook-Timestamp"]
    digest = hmac.new("s\u00e9cret".encode(), f"{task_id}.{stamp}".encode(), hashlib.sha256).digest()
    assert headers["X-Webhook-Signature"] == base64.b64encode(digest).decode()
    assert abs(int(stamp) - time.time()) < 30
    data = body["data"]
    assert (body["code"], body["msg"]) == (200, "Playground task completed successfully.")
    assert (data["taskId"], data["state"], data["consumeCredits"], data["remainedCredits"]) == (
        task_id, "success", 60.0, 9_940.0,
    )  # fmt: skip
    assert data["completeTime"] % 1000 == data["createTime"] % 1000 == 0
    assert json.loads(data["param"])["callBackUrl"] == receiver.url
    assert client.media.get(json.loads(data["resultJson"])["resultUrls"][0]).status_code == 200


def test_failure_is_told_without_a_result(simulate, receiver):
    """Envelope 501, failCode "500", nothing consumed; without a secret there is no signature."""
    _, client = simulate(private_callbacks=True, faults=[Fault(call="task", kind="fail")])
    client.created(callback=receiver.url)
    wait_for(lambda: receiver.got)
    headers, body = receiver.got[0]
    assert "X-Webhook-Signature" not in headers
    assert (body["code"], body["msg"]) == (501, "Playground task failed.")
    assert (body["data"]["failCode"], body["data"]["failMsg"]) == ("500", "Internal server error")
    assert body["data"]["consumeCredits"] == 0
    assert "resultJson" not in body["data"]


@pytest.mark.parametrize(("answers", "calls"), [([500], 2), ([500, 500, 500, 500], 3), ([], 1)])
def test_three_tries_at_most(simulate, receiver, answers, calls):
    """It stops at the first that is taken, or after three."""
    sim, client = simulate(private_callbacks=True)
    receiver.answers = list(answers)
    client.created(callback=receiver.url)
    wait_for(lambda: len(receiver.got) == calls)
    time.sleep(0.3)
    assert len(receiver.got) == calls == sim.counts["callbacks_sent"]
