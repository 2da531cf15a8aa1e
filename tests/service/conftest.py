"""Real servers on loopback, and a loop whose clock runs fast."""

import asyncio
import selectors
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from kie_nb.service import Client, Patience, connection
from kie_nb.simulator import Simulator

FASTER = 50
# The clock is fast for pauses; a reply comes at the speed of this machine.
PATIENCE = Patience(create_s=60.0 * FASTER, question_s=30.0 * FASTER, upload_s=600.0 * FASTER)


class _Hurried(selectors.DefaultSelector):
    def select(self, timeout=None):
        return super().select(timeout / FASTER if timeout and timeout > 0 else timeout)


class FastLoop(asyncio.SelectorEventLoop):
    """A loop on which a second lasts 20 ms: pauses stay what they are, and tests do not wait for them."""

    def __init__(self):
        super().__init__(_Hurried())

    def time(self):
        return time.monotonic() * FASTER


@pytest.fixture
def drive():
    """Run a coroutine on a fast loop."""

    def run(coroutine):
        with asyncio.Runner(loop_factory=FastLoop) as runner:
            return runner.run(coroutine)

    return run


class Site:
    """A small web server: `reply` decides what a request gets, `seen` keeps what came."""

    def __init__(self, reply):
        self.seen = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                length = int(self.headers.get("Content-Length") or 0)
                self.body = self.rfile.read(length)
                site.seen.append(self)
                reply(self)

            do_GET = do_POST = handle_any  # noqa: N815 - the names that http.server looks for

            def answer(self, status=200, body=b"", **headers):
                self.send_response(status)
                headers.setdefault("content_length", str(len(body)))
                for name, value in headers.items():
                    if value is not None:
                        self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            def hang_up(self):
                """The connection ends here, with nothing more."""
                self.close_connection = True
                self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def serve():
    """Start small web servers; they end with the test."""
    sites = []

    def start(reply):
        sites.append(Site(reply))
        return sites[-1]

    yield start
    for site in sites:
        site.close()


@pytest.fixture
def nobody():
    """An address on which nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}"


@pytest.fixture
def simulate():
    """Start quick simulators; they end with the test."""
    opened = []

    def start(**options):
        opened.append(Simulator(**{"tiny": True, "speed": 50.0} | options).start())
        return opened[-1]

    yield start
    for simulator in opened:
        simulator.stop()


@pytest.fixture
def ask(drive, monkeypatch):
    """Open a client for an address, run `what(client)` with it, and give back what that gave."""
    for name in ("READ_TIMEOUT", "CREATE_TIMEOUT"):
        slow = {each: FASTER * most_s for each, most_s in getattr(connection, name).as_dict().items()}
        monkeypatch.setattr(connection, name, httpx.Timeout(**slow))

    def run(base_url, what, *, key="a-key"):
        async def opened():
            async with Client(key, base_url=base_url, patience=PATIENCE) as client:
                return await what(client)

        return drive(opened())

    return run
