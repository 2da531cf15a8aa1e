"""A web server that answers whatever it is told to, for as long as it is told to: any host may be one."""

import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FILM = b"\0\0\0 ftypisom" + bytes(5000)
MORE_THAN_ENOUGH_S = 60


class Liar:
    """Listens on a loopback address; `seen` keeps what came, `sent` counts what went out.

    Args:
        reply: Called with the handler of each request.
    """

    def __init__(self, reply, *, host="127.0.0.1"):
        self.seen, self.sent, self.is_over, self.gave_up = [], 0, threading.Event(), False
        liar = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.liar = liar
                liar.seen.append(self)
                # Whoever was lied to may hang up at any moment.
                with contextlib.suppress(OSError):
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

            def data(self, data, **envelope):
                self.answer(
                    body=json.dumps({"code": 200, "msg": "success", "data": data, **envelope}).encode()
                )

            def drip(self, head, piece=b"\0", pause_s=0.05):
                """*head*, then *piece* again and again until the other side is gone, or for a minute."""
                self.close_connection = True
                self.wfile.write(head)
                end = time.monotonic() + MORE_THAN_ENOUGH_S
                while time.monotonic() < end and not liar.is_over.wait(pause_s):
                    self.wfile.write(piece)
                    liar.sent += len(piece)
                liar.gave_up = not liar.is_over.is_set()

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer((host, 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        self.url = f"http://{host}:{self.port}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self):
        self.is_over.set()
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@contextlib.contextmanager
def lying():
    """Start liars: ``start(reply, host=...)``; they end with the block."""
    started = []

    def start(reply, **more):
        started.append(Liar(reply, **more))
        return started[-1]

    try:
        yield start
    finally:
        for liar in started:
            liar.close()


def service(record, *, create=None):
    """What a task API answers that accepts everything; *record* is the `data` of every look, or gives it."""

    def reply(request):
        if "createTask" in request.path:
            request.data(create or {"taskId": "t1"})
        elif "recordInfo" in request.path:
            request.data(record(request) if callable(record) else record)
        elif "credit" in request.path:
            request.data(1000)
        else:
            request.answer(404)

    return reply


def made(*urls, **more):
    """The record of a task that has succeeded."""
    result = json.dumps({"resultUrls": list(urls)})
    return {"taskId": "t1", "state": "success", "resultJson": result, "creditsConsumed": 60, **more}
