"""The engine against a plain httpx loop that looks once a second; run by hand, prints a table.

    python tests/benchmarks/bench_engine.py --tasks 50 --mean 8
    python tests/benchmarks/bench_engine.py --tasks 500 --mean 8

Both speak to one simulator in a process of its own (20 creates per 10 s), each from a fresh process. Looks are what the
simulator counted. Delay is from the service's completion to the moment the client knew. CPU is the client's process; for
kie_nb it includes the ledger, and that each video is checked and hashed, which the plain loop does not do. The lower bound of the makespan
is the time the rate limit alone takes for the last task, and that task's own duration.
"""

import argparse
import asyncio
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WINDOW_S, PER_WINDOW = 10.0, 20
LEARN = 20


def duration_of(request, mean):
    """0.6 to 1.4 of the mean, by the request's seed: the same for both clients."""
    seed = int(request["input"].get("seed") or 0)
    return mean * random.Random(seed).uniform(0.6, 1.4)  # noqa: S311 - durations, not secrets


def serve(args):
    from kie_nb.simulator import Simulator

    simulator = Simulator(
        tiny=True, credits=1e9, duration_s=lambda request: duration_of(request, args.mean)
    ).start()
    print(simulator.base_url, flush=True)
    sys.stdin.read()
    simulator.stop()


def body(seed):
    """One small request; the seed decides how long it takes."""
    return {
        "model": "wan/2-5-text-to-video",
        "input": {"prompt": "waves", "duration": "5", "resolution": "720p", "seed": seed},
    }


async def plain(base_url, seeds):
    """What people write: 20 creates per 10 s, then a look a second for each task."""
    import httpx

    gate, replies, rows = asyncio.Lock(), [], []
    start = time.time()
    folder = Path(os.environ["KIE_NB_HOME"])
    folder.mkdir(parents=True, exist_ok=True)
    limits = httpx.Limits(max_connections=None)
    key = {"Authorization": "Bearer bench"}
    async with (
        httpx.AsyncClient(headers=key, limits=limits, timeout=60) as client,
        httpx.AsyncClient(limits=limits, timeout=60) as media,
    ):

        async def one(seed):
            async with gate:
                while len([at for at in replies if at is None or time.time() - at < WINDOW_S]) >= PER_WINDOW:
                    await asyncio.sleep(0.02)
                slot = len(replies)
                replies.append(None)
            created = await client.post(f"{base_url}/api/v1/jobs/createTask", json=body(seed))
            replies[slot] = time.time()
            task_id = created.json()["data"]["taskId"]
            while True:
                await asyncio.sleep(1.0)
                found = await client.get(f"{base_url}/api/v1/jobs/recordInfo", params={"taskId": task_id})
                data = found.json()["data"]
                if data["state"] == "success":
                    rows.append(time.time() - data["completeTime"] / 1000)
                    url = json.loads(data["resultJson"])["resultUrls"][0]
                    async with media.stream("GET", url) as response:
                        with (folder / f"{task_id}.mp4").open("wb") as file:
                            async for chunk in response.aiter_bytes():
                                file.write(chunk)
                    return

        await asyncio.gather(*(one(seed) for seed in seeds))
    return time.time() - start, rows


def kie_nb(base_url, seeds):
    """The same through the session: ledger, downloads and all."""
    import kie_nb as kie
    from kie_nb.ledger.schema import moment

    del base_url
    start = time.time()
    runs = [
        kie.generate(
            "waves", model="wan/2-5-text-to-video", duration=5, resolution="720p", seed=seed, wait=False
        )
        for seed in seeds
    ]
    delays = []
    for run in runs:
        run.wait(None)
        known = next(entry["at"] for entry in run.history() if entry["to_state"] == "success")
        delays.append((moment(known) - run.completed_at).total_seconds())
    return time.time() - start, delays


def work(args):
    seeds = range(args.first, args.first + args.tasks)
    if args.worker == "kie_nb" and args.learn:
        kie_nb(
            args.base_url, range(10_000, 10_000 + args.learn)
        )  # known times: what an ordinary day looks like
    before, cpu = counts(args.base_url), time.process_time()
    if args.worker == "plain":
        took, delays = asyncio.run(plain(args.base_url, seeds))
    else:
        if args.learn:
            time.sleep(WINDOW_S)  # the learning runs' window is not the measured ones'
        cpu = time.process_time()
        took, delays = kie_nb(args.base_url, seeds)
    after = counts(args.base_url)
    print(
        json.dumps(
            {
                "makespan": took,
                "cpu": time.process_time() - cpu,
                "delay": statistics.median(delays),
                "delays": sorted(delays),
                "known": len(delays),
                "looks": after["record_requests"] - before.get("record_requests", 0),
                "creates": after["create_requests"] - before.get("create_requests", 0),
                "rate_limited": after.get("rate_limited", 0) - before.get("rate_limited", 0),
            }
        )
    )


def counts(base_url):
    import httpx

    return httpx.get(f"{base_url}/_sim/state", timeout=60).json()["counts"]


def measure(worker, tasks, mean, learn=LEARN):
    """What *worker* told of so many tasks, against a service of its own."""
    with (
        tempfile.TemporaryDirectory() as home,
        subprocess.Popen(
            [sys.executable, __file__, "--serve", "--mean", str(mean)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as server,
    ):
        base_url = server.stdout.readline().strip()
        environment = {
            **os.environ,
            "KIE_BASE_URL": base_url,
            "KIE_NB_HOME": str(Path(home) / "runs"),
            "KIE_NB_STATE": str(Path(home) / "state"),
            "KIE_NB_CREATES_PER_WINDOW": str(PER_WINDOW),
        }
        command = [sys.executable, __file__, "--worker", worker, "--base-url", base_url]
        command += ["--tasks", str(tasks), "--first", "0", "--learn", str(learn)]
        done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
        server.stdin.close()
        return json.loads(done.stdout.strip().splitlines()[-1])


def bound_of(durations):
    """The time that the rate alone takes for the last task, and its own."""
    return (len(durations) - 1) // PER_WINDOW * WINDOW_S + max(durations)


def compare(args):
    bound = bound_of([duration_of(body(seed), args.mean) for seed in range(args.tasks)])
    table(args, bound, {worker: measure(worker, args.tasks, args.mean) for worker in ("plain", "kie_nb")})


def table(args, bound, results):
    print(
        f"{args.tasks} tasks at once, {args.mean:g} s mean (0.6 to 1.4 of it), 20 creates per 10 s; bound {bound:.1f} s"
    )
    print(f"{'':24}{'plain loop':>12}{'kie_nb':>12}{'ratio':>10}")
    mine, other = results["kie_nb"], results["plain"]
    rows = [
        ("known at the end", "known", "{:.0f}", 1),
        ("creates sent", "creates", "{:.0f}", 1),
        ("429s", "rate_limited", "{:.0f}", 1),
        ("looks per task", "looks", "{:.2f}", args.tasks),
        ("median delay, s", "delay", "{:.3f}", 1),
        ("cpu per task, ms", "cpu", "{:.1f}", args.tasks / 1000),
        ("makespan, s", "makespan", "{:.1f}", 1),
    ]
    for title, key, form, scale in rows:
        left, right = other[key] / scale, mine[key] / scale
        ratio = f"{right / left:.2f}" if left else "-"
        print(f"{title:24}{form.format(left):>12}{form.format(right):>12}{ratio:>10}")
    print(f"{'makespan / bound':24}{other['makespan'] / bound:>12.3f}{mine['makespan'] / bound:>12.3f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tasks", type=int, default=50)
    parser.add_argument("--mean", type=float, default=8.0, help="mean duration of a task, in seconds")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--worker", choices=("plain", "kie_nb"), help=argparse.SUPPRESS)
    parser.add_argument("--base-url", help=argparse.SUPPRESS)
    parser.add_argument("--learn", type=int, default=LEARN, help=argparse.SUPPRESS)
    parser.add_argument("--first", type=int, default=0, help=argparse.SUPPRESS)
    given = parser.parse_args()
    serve(given) if given.serve else work(given) if given.worker else compare(given)
