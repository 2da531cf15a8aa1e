"""What the tests of a strange folder and of curious callers share: a quick client, a simulator's database, a server nobody should call."""

import contextlib
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx

QUICK = {"tiny": True, "speed": 200.0}
ORDER = {"model": "wan/2-5-text-to-video", "input": {"prompt": "x", "duration": "5", "resolution": "720p"}}
# The tables of a simulator that called back whatever its database said.
TOLD = """CREATE TABLE account (id INTEGER PRIMARY KEY CHECK (id = 1), balance REAL NOT NULL);
CREATE TABLE fact (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE task (
        id TEXT PRIMARY KEY, model TEXT NOT NULL, prompt TEXT NOT NULL, input TEXT NOT NULL, param TEXT NOT NULL,
        plan TEXT NOT NULL, callback TEXT, created_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL,
        credits REAL NOT NULL, seed INTEGER NOT NULL, fate TEXT NOT NULL DEFAULT '', owner TEXT NOT NULL,
        video TEXT, ready_ms INTEGER, state TEXT NOT NULL DEFAULT 'open', complete_ms INTEGER,
        called INTEGER NOT NULL DEFAULT 0);
CREATE INDEX task_created ON task (created_ms);
CREATE INDEX task_state ON task (state, called);
INSERT INTO account VALUES (1, 1000.0);"""


def client(sim):
    headers = {"Authorization": "Bearer k"}
    return httpx.Client(base_url=sim.base_url, headers=headers, trust_env=False, timeout=5, verify=False)  # noqa: S501 - no TLS here


def created(http, **more):
    order = ORDER | {"input": ORDER["input"] | more}
    return http.post("/api/v1/jobs/createTask", json=order).json()["data"]["taskId"]


def ended(sim):
    for _ in range(1000):
        if all(task.state in {"success", "fail"} for task in sim.tasks):
            return
        threading.Event().wait(0.02)
    raise AssertionError("a task did not end")


@contextlib.contextmanager
def database(folder):
    with contextlib.closing(sqlite3.connect(folder / "simulator.sqlite")) as db:
        yield db
        db.commit()


@contextlib.contextmanager
def listening():
    """A server on this machine that keeps, in `seen`, what comes."""

    class Handler(BaseHTTPRequestHandler):
        def handle_any(self):
            server.seen.append(self.path)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = handle_any  # noqa: N815

        def log_message(self, *_args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.seen = []
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
