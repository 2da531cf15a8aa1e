"""How long a purchase holds the ledger's lock beside a million runs; run by hand, prints a table.

    python -m tests.benchmarks.bench_team --runs 1000000

Two budgets are set, and all runs are of one notebook, one experiment and one day: the worst case for sums. The time is from having
the lock to the end of the purchase, with its commit; PostgreSQL is a server of this machine that does not wait for its disk.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent.parent))

import pgserver

from kie_nb.catalogue import build_request
from kie_nb.ledger import Ledger, NewRun
from kie_nb.ledger.schema import run

PURCHASES = 50
NAMES = [column.name for column in run.columns]
NUMBERS = {
    "sqlite": ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {count})", "n", "printf('%064x', i)"),
    "postgresql": ("", "generate_series(1, {count}) AS i", "lpad(to_hex(i), 64, '0')"),
}  # fmt: skip


def new_run(seed):
    request = build_request(model="wan/2-5-text-to-video", prompt="Waves.", seed=seed)
    known = {
        "service": "kie",
        "account": "a",
        "model": request.model,
        "request": request.to_json(),
        "owner": "me",
    }
    known |= {"fingerprint": request.fingerprint("kie"), "family": request.family("kie"), "estimate": 60.0}
    return NewRun(
        **known, seed=seed, seed_drawn=False, made_by={}, notebook="there:/a.ipynb", experiment="storm"
    )


def multiply(ledger, count):
    """Copies of the one run that is there, by the database itself, each with a step of its history."""
    with ledger.database.write() as db:
        begin, numbers, digits = (part.format(count=count) for part in NUMBERS[db.dialect.name])
        own = {
            "id": f"substr({digits}, 53)",
            "fingerprint": digits,
            "family": digits,
            "active_key": f"{digits} || ':0'",
        }
        own |= {"task_id": f"'t' || {digits}", "state": "'fetched'", "credits": "60.0"}
        columns = ", ".join(own.get(name, f"run.{name}") for name in NAMES)
        names = ", ".join(NAMES)
        db.exec_driver_sql(f"INSERT INTO run ({names}) {begin} SELECT {columns} FROM run, {numbers}")  # noqa: S608
        db.exec_driver_sql(
            "INSERT INTO event (at, run_id, from_state, to_state) SELECT created_at, id, 'success', 'fetched' FROM run"
            " WHERE task_id IS NOT NULL"
        )
    with ledger.database.read() as db:
        db.exec_driver_sql("ANALYZE")


def purchases(ledger):
    """Milliseconds that each held the lock, those of this process's own work, and its statements inside."""
    had, asked, times, works, counts = [(0.0, 0.0)], [0], [], [], []

    def tell(_connection, _cursor, text, *_):
        asked[0] += 1
        if "pg_advisory_xact_lock" in text or text == "BEGIN IMMEDIATE":
            had[0], asked[0] = (time.perf_counter(), time.process_time()), 0

    sa.event.listen(sa.Engine, "after_cursor_execute", tell)
    for number in range(PURCHASES):
        ledger.intend(new_run(10_000_000 + number))
        times.append((time.perf_counter() - had[0][0]) * 1000)
        works.append((time.process_time() - had[0][1]) * 1000)
        counts.append(asked[0])
    sa.event.remove(sa.Engine, "after_cursor_execute", tell)
    return times, works, counts


def measure(ledger, count):
    ledger.intend(new_run(1))
    multiply(ledger, count)
    began = time.perf_counter()
    for scope in ("notebook", "day"):
        ledger.set_limit(scope, 1e11)
    set_s = (time.perf_counter() - began) / 2
    times, works, counts = purchases(ledger)
    slow = sorted(times)[int(PURCHASES * 0.95)]
    print(
        f"{type(ledger.database).__name__:<12}{count:>10} runs   median {median(times):6.2f} ms   p95 {slow:6.2f} ms   cpu here {median(works):5.2f} ms   "
        f"{median(counts):g} statements   setting a budget {set_s:.2f} s",
        flush=True,
    )
    ledger.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=1_000_000)
    count = parser.parse_args().runs
    with tempfile.TemporaryDirectory() as folder:
        for some in (1000, count):
            measure(Ledger(Path(folder) / f"{some}"), some)
        with pgserver.running() as server:
            for some in (1000, count):
                measure(Ledger(Path(folder), url=server.database()), some)


if __name__ == "__main__":
    main()
