"""What an experiment of thousands of cells costs its notebook, against plain loops in the same run; prints a table.

    python tests/benchmarks/bench_experiments.py
    python tests/benchmarks/bench_experiments.py --cells 1000 5000 --repeat 5

Nothing is sent but for `run()`, whose cells go to a simulator that lets one through at a time and is left at once: the rows
of finished runs are put into the ledger as they would be after the end. The plain loop makes the same requests as JSON with
their hashes, and sums up the same rows that `sqlite3` reads in one query. What happens once a second has a limit of a second, and what a
cell waits for too. Seconds are those of the caller's own work.
"""

import argparse
import hashlib
import json
import os
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

CAT = Path(__file__).parents[2] / "notebooks" / "images" / "chelsea.png"
PROMPTS = 10
LIMIT_S = 1.0


def grid(cells):
    import kie_nb as kie

    prompts = [f"The cat does {number}" for number in range(PROMPTS)]
    return kie.Experiment("bench", image=str(CAT), prompt=prompts, seed=range(cells // PROMPTS))


def fill(exp, share=1.0):
    """Rows of finished runs for this share of the cells, the last hundred of them under way."""
    from dataclasses import asdict

    from kie_nb.handles import get_session
    from kie_nb.ledger import KeptFile
    from kie_nb.ledger.schema import run
    from kie_nb.requests.prepare import new_run

    prepared = [cell.prepared for cell in exp.plan().cells]
    prepared = prepared[: int(len(prepared) * share)]
    rows, now = [], get_session().here.now().isoformat(timespec="microseconds")
    for number, one in enumerate(prepared):
        is_done = number < len(prepared) - 100
        values = asdict(new_run(one))
        values |= {
            "id": f"{number:012x}", "active_key": f"{one.fingerprint}:0", "created_at": now, "task_id": f"task{number}",
            "state": "fetched" if is_done else "accepted", "credits": 60.0 if is_done else None,
            "files": (KeptFile(name=f"videos/{number}.mp4", number=0, sha256="0" * 64),) if is_done else (),
            "duration_s": 5.0, "beat": 0,
            "completed_at": now if is_done else None, "owner": None,
        }  # fmt: skip
        rows.append(values)
    with get_session().here.database.write() as db:
        db.execute(run.insert(), rows)


def plain_requests(cells):
    """The same requests as a script makes them: a dict and its hash each, the picture hashed once."""
    picture = hashlib.sha256(CAT.read_bytes()).hexdigest()
    found = {}
    for prompt in range(PROMPTS):
        for seed in range(cells // PROMPTS):
            asked = {"prompt": f"The cat does {prompt}", "seed": seed, "duration": "5", "image": picture}
            found[hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()] = asked
    return found


def plain_status(file):
    """How many in which state, and what they cost, by one query."""
    with sqlite3.connect(file) as db:
        rows = db.execute("SELECT fingerprint, state, credits, estimate, request FROM run").fetchall()
    counts = {}
    for _, state, _, _, _ in rows:
        counts[state] = counts.get(state, 0) + 1
    return counts, sum(row[2] or 0 for row in rows)


def timed(call, repeat):
    """Median seconds of this thread's own work, which a busy machine does not change much, and what came of it."""
    spent = []
    for _ in range(repeat):
        before = time.thread_time()
        value = call()
        spent.append(time.thread_time() - before)
    return statistics.median(spent), value


def measure(cells, repeat):
    import pandas as pd  # what it takes to load is not ours

    from kie_nb.notebook.experiment_page import experiment_page
    from kie_nb.simulator import Simulator

    with (
        tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as folder,
        Simulator(tiny=True, creates_per_window=1) as simulator,
    ):
        os.environ.update(
            KIE_BASE_URL=simulator.base_url,
            KIE_NB_HOME=folder,
            KIE_NB_STATE=folder,
            KIE_NB_CREATES_PER_WINDOW="1",
        )
        file = Path(folder) / "finished" / "ledger.sqlite"
        asking, _ = timed(lambda: plain_requests(cells), repeat)
        making, exp = timed(lambda: grid(cells), repeat)
        planning, _ = timed(lambda: exp.plan()._repr_html_(), repeat)
        starting, _ = timed(exp.run, 1)
        exp.stop()
        os.environ["KIE_NB_HOME"] = f"{folder}/finished"
        exp = grid(cells)
        fill(exp)
        summing, _ = timed(lambda: plain_status(file), repeat)
        first, _ = timed(exp.status, 1)
        looking, status = timed(exp.status, repeat)
        assert sum(status.counts.values()) == cells
        ticking, page = timed(lambda: experiment_page(exp), repeat)
        framing, frame = timed(exp.to_frame, repeat)
        assert isinstance(frame, pd.DataFrame)
        assert len(frame) == cells
        again, _ = timed(lambda: exp.plan()._repr_html_(), repeat)
    print(f"\n{cells} cells; plain requests {asking:.3f} s, plain sum {summing:.3f} s")
    table = [
        ("Experiment(...)", making, asking), ("plan(), nothing there", planning, asking), ("run() returns", starting, asking),
        ("plan(), all there", again, summing), ("status(), first", first, summing), ("status()", looking, summing),
        (f"card's tick ({len(page) / 1000:.0f} kB)", ticking, summing), ("to_frame()", framing, summing),
    ]  # fmt: skip
    for name, seconds, plain in table:
        flag = "" if seconds < LIMIT_S else "   above the limit of a second"
        print(f"  {name:28} {seconds:8.3f} s  {seconds / plain:7.1f} times the plain loop{flag}")
    return all(seconds < LIMIT_S for _, seconds, _ in table)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cells", type=int, nargs="+", default=[1000, 5000])
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    is_quick = [measure(cells, args.repeat) for cells in args.cells]
    sys.exit(0 if all(is_quick) else 1)


if __name__ == "__main__":
    main()
