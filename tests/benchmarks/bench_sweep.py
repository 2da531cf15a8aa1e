"""Thousands of tasks in one sweep, as fast as the client can: time, CPU and memory of each tenth of them; run by hand, prints a table.

    python tests/benchmarks/bench_sweep.py
    python tests/benchmarks/bench_sweep.py --tasks 10000 --parallel 8

The simulator, in a process of its own, ends each task at once. The last tenth should cost what the first does, and the memory stay.
"""

import argparse
import contextlib
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
from pathlib import Path

STATUS = Path("/proc/self/status")


def serve():
    from kie_nb.simulator import Simulator

    ways = {"tiny": True, "speed": 1000.0, "creates_per_window": 10**6, "credits": 1e9}
    with Simulator(**ways, duration_s=lambda _request: 0.0) as simulator:
        print(simulator.base_url, flush=True)
        sys.stdin.read()


def resident_mb():
    """What this process holds in memory."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) // 1024


def sweep(tasks, parallel, home):
    import kie_nb as kie
    from kie_nb.engine.timing import Timing
    from kie_nb.handles import get_session

    kie.configure(service="simulator", home=home, creates_per_window=10**6)
    get_session().timing = Timing(simulator_looks=(0.02, 1.25), shortest_look_s=0.02)
    kie.Experiment("sweep", prompt="waves", model="wan/2-5-text-to-video", seed=range(tasks)).run(
        parallel=parallel
    )
    print(f"{'done':>8}{'tasks a second':>16}{'CPU a task, ms':>16}{'memory, MB':>12}")
    last, wanted = (0, time.time(), time.process_time()), tasks // 10
    with contextlib.closing(sqlite3.connect(f"{(home / 'ledger.sqlite').as_uri()}?mode=ro", uri=True)) as db:
        while last[0] < tasks:
            time.sleep(0.2)
            (done,) = db.execute("SELECT count(*) FROM run WHERE state = 'fetched'").fetchone()
            if done >= wanted:
                now = (done, time.time(), time.process_time())
                number, took, cpu = (after - before for after, before in zip(now, last, strict=True))
                print(
                    f"{done:8}{number / took:16.1f}{cpu * 1000 / number:16.1f}{resident_mb():12}", flush=True
                )
                last, wanted = now, min(tasks, done + tasks // 10)


def main(args):
    with (
        tempfile.TemporaryDirectory() as folder,
        subprocess.Popen(
            [sys.executable, __file__, "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as server,
    ):
        os.environ |= {"KIE_BASE_URL": server.stdout.readline().strip(), "KIE_NB_STATE": f"{folder}/state"}
        sweep(args.tasks, args.parallel, Path(folder) / "runs")
        server.stdin.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=10_000)
    parser.add_argument("--parallel", type=int, default=8)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    serve() if given.serve else main(given)
