"""A service on loopback that answers creates as a test says, anything else with 404, and counts what comes."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


def reply(status, body):
    """HTTP status and body, which is JSON unless it is bytes; half characters go as JSON's escapes."""
    return status, body if isinstance(body, bytes) else json.dumps(body).encode()


class Service:
    def __init__(self):
        self.answer = reply(404, {"code": 404})
        self.elsewhere = reply(200, {"code": 404, "msg": "no"})
        self.before_reply = None
        self.creates, self.seen = 0, []
        self.url = ""


@contextlib.contextmanager
def serving(host="127.0.0.1"):
    service = Service()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self):
            self.rfile.read(int(self.headers.get("Content-Length") or 0))
            service.seen.append((self.path, dict(self.headers)))
            is_create = self.path.endswith("createTask")
            answer = service.answer if is_create else service.elsewhere
            if is_create:
                service.creates += 1
                if service.before_reply:
                    service.before_reply()
            if answer is None:
                self.close_connection = True
                return
            status, body, *headers = answer
            self.send_response(status)
            for name, value in [*headers, ("Content-Length", str(len(body)))]:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = handle_any  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer((host, 0), Handler)
    server.daemon_threads = True
    service.url = f"http://{host}:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield service
    server.shutdown()
    server.server_close()
    thread.join()
