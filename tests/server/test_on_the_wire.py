"""The receiver's route on a real socket: bodies that are too large, too slow or end early, headers given twice, errors of its own."""

import asyncio
import json
import socket
import threading

import httpx
import pytest
import uvicorn
from callbackbodies import BODIES, SECRET, signed
from tornado import httpserver, web

from kie_nb.server import extension, listen
from kie_nb.server.extension import CallbackHandler

RUN = "abcdef123456"
ROUTE = r"/kie-nb/callback/([A-Za-z0-9_-]{1,100})"
SLOW_S = 0.2


@pytest.fixture(params=["extension", "listen"])
def port(request, receiver, monkeypatch):
    """The receiver as a Jupyter Server has it, and as `kie-nb listen`; a body has a fifth of a second to come."""
    monkeypatch.setattr(extension, "SLOWEST_S", SLOW_S)
    monkeypatch.setattr(listen, "SLOWEST_S", SLOW_S)
    loop, opened = asyncio.new_event_loop(), socket.create_server(("127.0.0.1", 0))
    opened.setblocking(False)
    if request.param == "extension":

        async def serve():
            server = httpserver.HTTPServer(
                web.Application([(ROUTE, CallbackHandler, {"receiver": receiver})])
            )
            server.add_sockets([opened])
            await stop.wait()
            server.stop()
            await server.close_all_connections()

    else:

        async def serve():
            config = uvicorn.Config(
                listen.app(receiver), log_level="warning", access_log=False, lifespan="off"
            )
            server = uvicorn.Server(config)
            server.install_signal_handlers = lambda: None
            serving = asyncio.ensure_future(server.serve([opened]))
            await stop.wait()
            server.should_exit = server.force_exit = True
            await serving

    stop = asyncio.Event()
    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    yield opened.getsockname()[1]
    loop.call_soon_threadsafe(stop.set)
    thread.join()
    loop.close()
    opened.close()


def answered(port, head, *parts):
    """The status line of the answer to what is sent of a request, which is never ended; and whether the server hung up after it."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as line:
        line.sendall(head.encode("latin-1"))
        found = b""
        try:
            for part in parts:
                line.sendall(part)
            while chunk := line.recv(65_536):
                found += chunk
        except (ConnectionError, BrokenPipeError):
            pass
        return int(found.split(maxsplit=2)[1]) if found else 0


def post(token, *headers):
    return "\r\n".join([f"POST /kie-nb/callback/{token} HTTP/1.1", "Host: x", *headers, "", ""])


def test_what_is_slow_or_never_ends_is_hung_up_on(port, mailbox):
    """Nothing of it is believed, and the next callback is taken."""
    token = mailbox.expect(RUN)
    chunk = b"4000\r\n" + b" " * 0x4000 + b"\r\n"

    assert answered(port, post(token, "Content-Length: 200"), b'{"taskId": "1"') == 408
    assert answered(port, post(token, "Transfer-Encoding: chunked"), b"2\r\n{}\r\n") == 408
    assert answered(port, post(token, "Transfer-Encoding: chunked"), *[chunk] * 8) in {413, 0}
    assert answered(port, post(token, "Content-Length: 10000000"), b" " * 100_000) in {413, 0}
    assert mailbox.arrivals() == []
    reply = httpx.post(f"http://127.0.0.1:{port}/kie-nb/callback/{token}", content=BODIES["success"])
    assert (reply.status_code, reply.json()["code"]) == (200, 200)
    assert len(mailbox.arrivals()) == 1


@pytest.mark.parametrize("order", [1, -1])
def test_a_signature_that_is_given_twice_is_none(port, mailbox, order, monkeypatch):
    """Whichever is the right one."""
    monkeypatch.setenv("KIE_NB_WEBHOOK_SECRET", SECRET)
    token, task = mailbox.expect(RUN), json.loads(BODIES["success"])["data"]["taskId"]
    good, forged = signed(task), signed(task, secret="forged")
    name = "X-Webhook-Signature"
    twice = [(name, found[name]) for found in (good, forged)][::order]
    headers = [("x-webhook-timestamp", good["X-Webhook-Timestamp"]), *twice]
    where = f"http://127.0.0.1:{port}/kie-nb/callback/{token}"

    assert httpx.post(where, content=BODIES["success"], headers=headers).status_code == 401
    assert mailbox.arrivals() == []
    lower = {key.lower(): value for key, value in good.items()}
    assert httpx.post(where, content=BODIES["success"], headers=lower).status_code == 200


@pytest.mark.parametrize("port", ["extension"], indirect=True)
def test_an_error_of_its_own_names_no_token(port, receiver, mailbox, caplog, monkeypatch):
    """Tornado's log would have the path."""
    token = mailbox.expect(RUN)
    monkeypatch.setattr(receiver, "answer", lambda *_: 1 / 0)

    reply = httpx.post(f"http://127.0.0.1:{port}/kie-nb/callback/{token}", content=BODIES["success"])

    assert (reply.status_code, reply.json()) == (500, {"code": 500, "msg": "refused"})
    assert "could not be taken" in caplog.text
    assert "ZeroDivisionError" in caplog.text
    assert token not in caplog.text
