"""A service on loopback that makes one task and serves what it is told: ``Shop(content)`` in a ``with``."""

import http.server
import json
import socket
import threading
import time
from collections import Counter
from urllib.parse import urlsplit

TASK = "5f0c" * 8


class Shop:
    """Answers create, record and fresh links; its files are those of `reply`.

    Attributes:
        reply: Called with the request and the number of the file (from 0) for each look at a file.
        downloads: How often each file was asked for.
    """

    def __init__(self, *contents, **headers):
        self.files = len(contents)
        self.reply = lambda request, number: request.answer(contents[number], **headers)
        self.downloads, self.creates = Counter(), 0
        self._lock = threading.Lock()
        shop = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = urlsplit(self.path).path
                if path.startswith("/media/"):
                    number = int(path.rsplit("_", 1)[1].split(".")[0])
                    with shop._lock:
                        shop.downloads[number] += 1
                    shop.reply(self, number)
                elif path.endswith("/credit"):
                    self.tell(100.0)
                else:
                    self.tell(shop.record())

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if self.path.endswith("/createTask"):
                    shop.creates += 1
                    shop.param = body
                    self.tell({"taskId": TASK})
                else:
                    self.tell(body["url"])

            def tell(self, data):
                self.answer(json.dumps({"code": 200, "msg": "success", "data": data}).encode())

            def answer(self, body=b"", status=200, *, length=None, **headers):
                """`length=""` tells none."""
                self.send_response(status)
                told = (
                    {"Content-Length": str(len(body) if length is None else length)} if length != "" else {}
                )
                for name, value in {**told, **headers}.items():
                    self.send_header(name.replace("_", "-"), value)
                if told.get("Content-Length") != str(len(body)):
                    self.send_header("Connection", "close")
                    self.close_connection = True
                self.end_headers()
                self.wfile.write(body)
                if self.close_connection:
                    self.connection.shutdown(socket.SHUT_RDWR)

            def log_message(self, *_args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)

    def record(self):
        """The task, done."""
        now = int(time.time() * 1000)
        urls = [f"{self.url}/media/clip_{number}.mp4" for number in range(self.files)]
        return {
            "taskId": TASK,
            "model": self.param["model"],
            "state": "success",
            "param": json.dumps(self.param),
            "resultJson": json.dumps({"resultUrls": urls}),
            "costTime": 5,
            "createTime": now - 9000,
            "completeTime": now,
            "creditsConsumed": 60,
        }

    def serve(self, *contents, **headers):
        """Serve these from now on."""
        self.reply = lambda request, number: request.answer(contents[number], **headers)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_exc):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
