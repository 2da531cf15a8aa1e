"""From a callback to the video in its card; run by hand, prints a table.

    python tests/benchmarks/bench_callbacks.py --runs 8

A real Jupyter Server with the extension, a real kernel, and a simulator whose callbacks are held back here until their task has
ended; the time counts from when one is sent on. The unit is one direct round trip of the same run: a POST to the receiver and a
recordInfo, one after the other. The idle cost is the kernel's processor time while one run waits, and while none does.
"""

import argparse
import http.client
import statistics
import sys
import tempfile
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from callbackbodies import BODIES
from kerneldriver import Workshop
from labserver import Server

CELL = "%%kie_wan --image cat.png --seed {seed} --callback auto -o clip\nThe cat smiles."
STEPS = "{entry['to_state']: __import__('datetime').datetime.fromisoformat(entry['at']).timestamp() for entry in clip.history()}"
IDLE_S = 10.0
KEY = {"Authorization": "Bearer simulator", "User-Agent": "bench"}


def holder():
    """A server that keeps what is posted to it: (path, headers, body)."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.held.append((self.path, dict(self.headers), body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.held = []
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    return server


def ask(port, method, path, body=b"", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    reply.read()
    connection.close()
    return reply.status


def until(condition):
    while not condition():
        time.sleep(0.005)


def measure(args, root):
    shop, held = Workshop(root), holder()
    state = {"KIE_NB_STATE": str(shop.private / "state")}
    simulator = shop.simulate(private_callbacks=True, speed=1.0, duration_s=lambda _body: 0.5)
    sim_port = int(simulator.base_url.rpartition(":")[2])
    times = {name: [] for name in ("direct", "answered", "known", "fetched", "shown")}
    with Server(shop.folder, "server", private=shop.private / "server", env=state) as server:
        kernel = shop.kernel(simulator, KIE_NB_PUBLIC_URL=f"http://127.0.0.1:{held.server_port}/")
        for seed in range(args.runs + 1):
            cell = kernel.submit(CELL.format(seed=seed))
            assert kernel.result(cell).status == "ok"
            until(lambda: held.held)
            path, headers, body = held.held.pop()
            began = time.time()
            assert ask(server.port, "POST", path, body, **headers) == 200
            answered = time.time()
            kernel.until(lambda cell=cell: "<video" in kernel.cells[cell].html)
            shown, steps = time.time(), eval(kernel.value(STEPS))  # noqa: S307 - of our own kernel
            if not seed:
                continue  # everything is imported now
            for name, at in (
                ("answered", answered),
                ("known", steps["success"]),
                ("fetched", steps["fetched"]),
                ("shown", shown),
            ):
                times[name].append(at - began)
            began, task = time.time(), simulator.tasks[0].task_id
            ask(server.port, "POST", f"/kie-nb/callback/{'x' * 43}", BODIES["success"])
            ask(sim_port, "GET", f"/api/v1/jobs/recordInfo?taskId={task}", **KEY)
            times["direct"].append(time.time() - began)
        looks = simulator.counts["record_requests"] - args.runs
        idle = cpu(kernel)
        kernel.submit(CELL.format(seed=1000))
        until(lambda: held.held)
        waiting = cpu(kernel)
    shop.close()
    table(times, looks, args.runs + 1, idle, waiting)


def cpu(kernel):
    """Processor time of the kernel in IDLE_S, in which nothing happens."""
    kernel.run("import time")
    before = float(kernel.value("time.process_time()"))
    time.sleep(IDLE_S)
    return float(kernel.value("time.process_time()")) - before


def table(times, looks, runs, idle, waiting):
    unit = statistics.median(times["direct"])
    print(f"{'after the callback':22}{'median, ms':>12}{'worst, ms':>12}{'direct trips':>14}")
    for name, found in times.items():
        median = statistics.median(found)
        print(f"{name:22}{median * 1000:12.1f}{max(found) * 1000:12.1f}{median / unit:14.1f}")
    print(f"recordInfo per run: {looks / runs:.2f}")
    print(
        f"cpu of the kernel in {IDLE_S:g} s: {idle * 1000:.1f} ms while none waits, {waiting * 1000:.1f} ms while one does"
    )


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=8)
    with tempfile.TemporaryDirectory() as folder:
        measure(parser.parse_args(), Path(folder))
