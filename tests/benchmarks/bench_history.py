"""What a long history costs: a ledger of a million runs, in SQLite and in PostgreSQL; run by hand, prints a table.

    python tests/benchmarks/bench_history.py
    python tests/benchmarks/bench_history.py --runs 100000 --only sqlite --keep /tmp/history

Each line is the median of several calls in one process, beside the same question to a ledger of a hundredth of the runs, and
beside its limit. The runs are of ten studies of 5 000 cells and of single cells, half of them by one model; a fifth is
rated, a tenth has tags. The ledger is written as rows, not asked for one by one.
"""

import argparse
import contextlib
import datetime as dt
import hashlib
import json
import random
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pgserver import PostgresServer, programs

from kie_nb.ledger import Experiments, Ledger, NewRun
from kie_nb.ledger.schema import experiment
from kie_nb.ledger.search_text import texts_of

MODELS = ("wan/2-5-text-to-video", "kling-2.6/text-to-video", "veo3_fast", "sora-2-text-to-video")
TAGS = ["best", "talk", "storyboard", "client A", "client B", "draft", "keep", "poster", "loop", "reject"]
FIRST = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)
CELLS = 5000
BATCH = 10_000
COLUMNS = (
    "id", "service", "account", "model", "request", "fingerprint", "family", "active_key", "seed", "seed_drawn", "state",
    "task_id", "estimate", "credits", "files", "files_made", "beat", "created_at", "sent_at", "completed_at", "duration_s",
    "rating", "tags", "note", "experiment", "notebook",
)  # fmt: skip


def rows(count):
    """Runs as rows of the table, the oldest first; the last fifty thousand stand for cells."""
    chance = random.Random(5)  # noqa: S311 - the same ledger each time
    sounds = [
        a + b
        for a in ("ba", "ke", "lo", "mi", "su", "ta", "re", "no")
        for b in ("st", "nd", "rk", "ll", "ng", "m")
    ]
    vocabulary = [f"{one}{other}" for one in sounds for other in sounds]  # some 2 300 words
    for number in range(count):
        few = chance.choices(vocabulary, k=chance.randint(5, 14))
        common = chance.choice(("a cat", "a storm at sea", "the city at night"))
        prompt = f"{common}, {' '.join(few)}, take {number}"
        if number % 997 == 0:
            prompt += " 日本の猫"
        study = f"study {(count - number - 1) // CELLS}" if number >= count - 10 * CELLS else None
        at = (FIRST + dt.timedelta(seconds=61 * number)).isoformat(timespec="microseconds")
        name = hashlib.sha256(str(number).encode()).hexdigest()
        model = MODELS[min(number % 8, 3)] if number % 8 < 4 else MODELS[0]
        is_done = number % 50 != 0
        request = {"model": model, "input": {"prompt": prompt, "duration": "5"}, "seed": number}
        files = [
            {
                "name": f"videos/{name[:16]}.mp4",
                "number": 0,
                "sha256": name,
                "bytes": 1_000_000,
                "seconds": 5.0,
            }
        ]
        tags = chance.sample(TAGS, chance.randint(1, 3)) if number % 10 == 0 else None
        yield (
            name[:12], "kie", "a", model, json.dumps(request), name, name[::-1], f"{name}:0" if is_done else None, number, 0,
            "fetched" if is_done else "fail", f"task-{name[:20]}", 60.0, chance.choice((60.0, 120.0, 30.0)) if is_done else None,
            json.dumps(files if is_done else []), 1 if is_done else None, 0, at, at, at, chance.uniform(20, 200),
            chance.randint(1, 5) if number % 5 == 0 else None, tags and json.dumps(tags),
            "for the talk" if number % 100 == 0 else None, study, f"/home/ada/{number % 300}.ipynb",
        )  # fmt: skip


def searched(row):
    """The row of what search looks into."""
    known = dict(zip(COLUMNS, row, strict=True))
    at = int(dt.datetime.fromisoformat(known["created_at"]).timestamp() * 1000)
    known |= {"request": json.loads(known["request"]), "tags": json.loads(known["tags"] or "[]")}
    return (at, known["id"], *texts_of(known).values())


def studies(count):
    """The rows of the last runs as cells of studies, and the studies."""
    names = dict.fromkeys(
        f"study {(count - number - 1) // CELLS}" for number in range(max(0, count - 10 * CELLS), count)
    )
    at = FIRST.isoformat(timespec="microseconds")
    definition = json.dumps({"model": MODELS[0], "fixed": {"prompt": "x"}, "axes": {"take": []}})
    cells = [
        (f"study {(count - number - 1) // CELLS}", "kie", hashlib.sha256(str(number).encode()).hexdigest(), json.dumps({"take": number}), number)
        for number in range(max(0, count - 10 * CELLS), count)
    ]  # fmt: skip
    return [(name, "kie", definition, at, at) for name in names], cells


TABLES = (
    ("run", COLUMNS), ("words", ("number", "run_id", "prompt", "marks")), ("event", ("at", "run_id", "to_state")),
    ("experiment", tuple(experiment.c.keys())), ("cell", ("experiment", "service", "fingerprint", "place", "position")),
)  # fmt: skip


def fill(home, url, count):
    """Write the ledger, as quickly as each database takes it."""
    Ledger(home, url=url).close()
    put = contextlib.ExitStack()
    if url is None:
        db = put.enter_context(
            contextlib.closing(sqlite3.connect(home / "ledger.sqlite", isolation_level=None))
        )
        db.execute("PRAGMA synchronous = OFF")
        db.execute("BEGIN")

        def write(table, columns, some):
            marks = ", ".join("?" * len(columns))
            db.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})", some)  # noqa: S608
    else:
        import psycopg

        db = put.enter_context(psycopg.connect(url.replace("+psycopg", ""), autocommit=True))

        def write(table, columns, some):
            with (
                db.cursor() as cursor,
                cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy,
            ):
                for row in some:
                    copy.write_row(
                        [
                            bool(value) if name == "seed_drawn" else value
                            for name, value in zip(columns, row, strict=True)
                        ]
                    )

    with put:
        source, columns = rows(count), dict(TABLES)
        while some := [row for row, _ in zip(source, range(BATCH), strict=False)]:
            write("run", COLUMNS, some)
            write("words", columns["words"], list(map(searched, some)))
            write("event", columns["event"], [(row[17], row[0], "fetched") for row in some])
        for table, found in zip(("experiment", "cell"), studies(count), strict=True):
            write(table, columns[table], found)
        if url is None:
            db.execute("INSERT INTO words_parts (words_parts) VALUES ('rebuild')")
            db.execute("COMMIT")
        else:
            db.execute("VACUUM ANALYZE")


def questions(ledger, count):
    """What is asked: its name, the call, and its limit in milliseconds."""
    finished = {"states": {"fetched"}, "service": "kie"}
    store = Experiments(ledger.database, "kie")
    cells = [name for *_, name, _place, _at in studies(count)[1][:CELLS]]
    numbers = iter(range(10**6))

    def page(number=1, order="newest", **asked):
        return lambda: ledger.page(number, size=24, order=order, **finished, **asked)

    def intend():
        name = hashlib.sha256(f"new {time.time()} {next(numbers)}".encode()).hexdigest()
        new = NewRun(
            service="kie", account="a", model=MODELS[0], request={"model": MODELS[0], "input": {"prompt": "a new cat"}, "seed": 1},
            fingerprint=name, family=name, seed=1, seed_drawn=False, estimate=60.0, owner="me", made_by={},
        )  # fmt: skip
        return ledger.intend(new)[0]

    def life():
        ledger.move(intend().id, "fetched", expect={"intent"}, credits=60.0)

    return [
        ("choices of the gallery", lambda: ledger.choices(**finished), 400),
        ("newest, page 1", page(), 100),
        ("newest, page 4000", page(4000), 100),
        *((f"{order}, page 40", page(40, order), 100) for order in ("oldest", "best", "dearest", "cheapest")),
        ("rare model, best", page(order="best", model=MODELS[3]), 100),
        ("4 stars", page(least_rating=4), 100),
        ("one tag", page(tag="client A"), 100),
        ("one tag, dearest", page(tag="client A", order="dearest"), 100),
        ("tag, model and 5 stars", page(tag="client A", model=MODELS[1], least_rating=5), 100),
        ("an experiment", page(experiment="study 3"), 100),
        ("search: common word", page(words="storm"), 100),
        ("search: common word, best", page(words="storm", order="best"), 100),
        ("search: two words", page(words="bastlond"), 100),
        ("search: one of all", page(words=f"take {count // 2}"), 100),
        ("search: nothing", page(words="nothing of the kind"), 100),
        ("search: two letters", page(words="zz"), 100),
        ("search: Japanese", page(words="日本の猫"), 100),
        ("search: one sign", page(words="猫"), 100),
        ("search: word and tag", page(words="storm", tag="client B"), 100),
        ("kie.runs(text=...)", lambda: ledger.runs(text="bastlond"), 100),
        ("kie.runs(rating=5)", lambda: ledger.runs(least_rating=5), 100),
        ("kie.get(id)", lambda: ledger.find(cells[0][:8]), 100),
        ("standings of 5000 cells", lambda: store.standings(cells), 50),
        ("an intent and a move", life, 20),
    ]


def measure(home, url, count, repeat):
    """Milliseconds of each question: the median, by its name."""
    began = time.perf_counter()
    ledger = Ledger(home, url=url)
    found = {"open the ledger": ((time.perf_counter() - began) * 1000, 100)}
    for name, ask, limit in questions(ledger, count):
        times = []
        for _ in range(repeat):
            began = time.perf_counter()
            ask()
            times.append((time.perf_counter() - began) * 1000)
        found[name] = (statistics.median(times[1:] or times), limit)
    ledger.close()
    return found


def compare(args):
    counts = (args.runs // 100, args.runs)
    for kind in args.only:
        found = []
        with contextlib.ExitStack() as stack:
            url_of = server(stack) if kind == "postgres" else lambda: None
            for count in counts:
                kept = args.keep and args.keep / f"{kind}-{count}"
                home = kept or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "runs"
                url = url_of()
                if not home.exists() or url is not None:
                    home.mkdir(parents=True, exist_ok=True)
                    began = time.perf_counter()
                    fill(home, url, count)
                    print(
                        f"{kind}: {count:,} runs written in {time.perf_counter() - began:.0f} s", flush=True
                    )
                found.append(measure(home, url, count, args.repeat))
                if args.keep is None:
                    shutil.rmtree(home)
        table(kind, counts, found)


def server(stack):
    running = PostgresServer(programs()).start()
    stack.callback(running.stop)
    return running.database


def table(kind, counts, found):
    small, large = found
    print(f"\n{kind}, ms{'':22}{counts[0]:>12,}{counts[1]:>12,}{'limit':>8}{'of it':>8}")
    for name, (took, limit) in large.items():
        print(f"{name:32}{small[name][0]:>12.1f}{took:>12.1f}{limit:>8}{took / limit:>8.2f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=1_000_000)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--only", nargs="+", choices=("sqlite", "postgres"), default=("sqlite", "postgres"))
    parser.add_argument("--keep", type=Path, help="a folder whose SQLite ledgers are made once")
    compare(parser.parse_args())
