"""kie_nb beside a plain httpx loop and the clients of other services, in one run: `python -m tests.benchmarks`.

Each makes the same number of tasks, at most 20 in 10 s, that take the same times (0.6 to 1.4 of the mean), and fetches a small file. kie_nb and the
loop speak to the simulator, each other client to a stub of its own service's wire; those that are not installed are left out. Delay is from the
end of a task to the moment that the client knew; CPU is that of the client's process, for kie_nb with ledger, hash and check.
"""

import argparse
import datetime as dt
import importlib.util
import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path

from . import bench_engine, peers

COLUMNS = ("looks a task", "delay p50, s", "delay p95, s", "CPU a task, ms", "time / bound")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--mean", type=float, default=8.0, help="mean duration of a task, in seconds")
    args = parser.parse_args()
    durations = [bench_engine.duration_of(bench_engine.body(seed), args.mean) for seed in range(args.tasks)]
    size = args.tasks, args.mean
    found = {
        "plain httpx loop": bench_engine.measure("plain", *size),
        "kie_nb, first batch": bench_engine.measure("kie_nb", *size, learn=0),
        "kie_nb, known times": bench_engine.measure("kie_nb", *size),
    }
    for name in peers.PEERS:
        if importlib.util.find_spec(name) is not None:
            found[name.replace("_", "-")] = beside(name, durations)
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    print(f"{args.tasks} tasks of {args.mean:g} s; {dt.datetime.now(dt.UTC):%Y-%m-%d}; {machine}\n")
    figures = {name: _figures(told, durations) for name, told in found.items()}
    plain = figures["plain httpx loop"]
    print("|".join(["", "client", *COLUMNS, ""]))
    print("|".join(["", *["---"] * (1 + len(COLUMNS)), ""]))
    for name, mine in figures.items():
        cells = (f"{one:.2f} (×{one / of:.2f})" for one, of in zip(mine, plain, strict=True))
        print("|".join(["", name, *cells, ""]))


def beside(name, durations):
    """What another service's client told, in a process of its own against a stub in another."""
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r}); import json, peers; "
    with subprocess.Popen(
        [sys.executable, "-c", f"{code}peers.serve()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as server:
        base_url = server.stdout.readline().strip()
        call = f"{code}print(json.dumps(peers.work({name!r}, {base_url!r}, {durations!r})))"
        done = subprocess.run([sys.executable, "-c", call], stdout=subprocess.PIPE, text=True, check=True)
        server.stdin.close()
    return json.loads(done.stdout.splitlines()[-1])


def _figures(told, durations):
    tasks, delays = len(durations), told["delays"]
    late = statistics.quantiles(delays, n=20, method="inclusive")[-1]
    cpu_ms = told["cpu"] * 1000 / tasks
    return (
        told["looks"] / tasks,
        statistics.median(delays),
        late,
        cpu_ms,
        told["makespan"] / bench_engine.bound_of(durations),
    )


main()
