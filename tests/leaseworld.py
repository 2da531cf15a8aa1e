"""Machines of a team for tests: processes with a host name, a PID namespace and a clock of their own, and a slow service."""

import contextlib
import functools
import http.server
import json
import os
import queue
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
from kernelforks import Script

PATIENCE_S = 90
FAKETIME = next(iter(sorted(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))), None)
IN_OWN_SPACE = (
    "unshare",
    "--pid",
    "--fork",
    "--kill-child",
    "--mount-proc",
    "--uts",
    "sh",
    "-c",
    'hostname "$0" && exec "$@"',
)


@functools.cache
def why_not():
    """Why no such machines can be had here; "" where they can."""
    if FAKETIME is None:
        return "libfaketime is not installed"
    try:
        done = subprocess.run([*IN_OWN_SPACE, "jupyter", "true"], capture_output=True, text=True, check=False)
    except OSError as exc:
        return str(exc)
    return done.stderr.strip() if done.returncode else ""


class Machine:
    """A process of `leasemachine.py`.

    Args:
        host: Its host name, in a PID namespace of its own; None for a process of this machine.
        clock: How far its clock is off, as libfaketime writes it.
    """

    def __init__(self, environ, *, lease_s, host=None, clock=""):
        given = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": clock, "DONT_FAKE_MONOTONIC": "1"} if clock else {}
        command = [sys.executable, str(Path(__file__).with_name("leasemachine.py")), str(lease_s)]
        if host is not None:
            faked = [f"{name}={value}" for name, value in given.items()]
            command, given = [*IN_OWN_SPACE, host, "env", *faked, *command], {}
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        start = Script if command[0] == sys.executable and not clock else subprocess.Popen
        self._process = start(command, env=os.environ | environ | given, **pipes)
        self._lines = queue.Queue()
        self.heard = []
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def _listen(self):
        for line in self._process.stdout:
            self._lines.put(json.loads(line))
        self._lines.put(None)

    def do(self, what, **order):
        self._process.stdin.write(json.dumps({"do": what, **order}) + "\n")
        self._process.stdin.flush()

    def hear(self, **wanted):
        """Wait until it has told this; all else is kept in `heard`."""
        while True:
            for fact in self.heard:
                if wanted.items() <= fact.items() or (
                    None in wanted.values() and wanted.keys() <= fact.keys()
                ):
                    return fact
            try:
                fact = self._lines.get(timeout=PATIENCE_S)
            except queue.Empty:
                raise TimeoutError(f"{wanted} was not told, but {self.heard}") from None
            assert fact is not None, f"it has ended; heard {self.heard}"
            self.heard.append(fact)

    def states(self, seconds):
        """All states that it tells of in so many seconds, and did before."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            try:
                self.heard.append(self._lines.get(timeout=left))
            except queue.Empty:
                break
        return [fact for fact in self.heard if fact and "state" in fact]

    def kill(self):
        self._process.kill()  # `unshare --kill-child` takes its child with it
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(BrokenPipeError):
                pipe.close()


class HeldService:
    """A loopback service that passes everything on to a simulator, and holds its answers to creates."""

    def __init__(self, simulator):
        self.answer, self.asked = threading.Event(), threading.Semaphore(0)
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self._pass_on()

            def do_POST(self):
                self._pass_on()

            def _pass_on(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                headers = {
                    name: self.headers[name]
                    for name in ("Authorization", "Content-Type")
                    if self.headers[name]
                }
                if self.path.endswith("/createTask"):
                    outer.asked.release()
                    outer.answer.wait(PATIENCE_S)
                got = httpx.request(
                    self.command, simulator.base_url + self.path, content=body, headers=headers, timeout=60
                )
                self.send_response(got.status_code)
                self.send_header("Content-Type", got.headers.get("Content-Type", "application/json"))
                self.send_header("Content-Length", str(len(got.content)))
                self.end_headers()
                with contextlib.suppress(BrokenPipeError):  # who asked is dead
                    self.wfile.write(got.content)

            def log_message(self, *_args):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.base_url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self):
        self.answer.set()
        self._server.shutdown()
        self._server.server_close()
