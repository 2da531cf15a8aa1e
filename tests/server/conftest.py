"""A receiver of the tests' own, and the same on a port."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from kie_nb.mailbox import Mailbox
from kie_nb.server.receiver import Receiver
from kie_nb.settings import state_home


@pytest.fixture
def mailbox():
    return Mailbox(state_home())


@pytest.fixture
def receiver(mailbox):
    return Receiver(mailbox)


@pytest.fixture
def listening(receiver, monkeypatch):
    """The receiver on a port, which `--callback auto` names; `got` has the statuses that it gave."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status = receiver.answer(self.path.rpartition("/")[2], dict(self.headers), body)
            server.got.append((status, self.path))
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    server.url = f"http://127.0.0.1:{server.server_port}/kie-nb/callback/"
    monkeypatch.setenv("KIE_NB_PUBLIC_URL", f"http://127.0.0.1:{server.server_port}/")
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
