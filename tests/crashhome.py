"""A home that buyers die in: starting them, looking at what they left, and the books that must balance whatever happened.

`Home.start` begins a buyer (`crashbuyer.py`) and `Home.check` is the audit: it looks from outside, at a copy of the
ledger, at the files and at the service's own list of tasks, which no buyer can see.
"""

import collections
import contextlib
import hashlib
import json
import multiprocessing.connection
import os
import shutil
import signal
import sqlite3
import threading
import time
import uuid
from pathlib import Path

import crashbuyer

from kie_nb.ledger.files import short_task

PRICE = 120.0  # of ten seconds: their file is large enough to be halved
SIGN_S = 90.0
GIVEN_UP = ("not_sent", "written_off")
TURN = (
    threading.Lock()
)  # starting a process asks after all others: not while another thread asks after its own
TESTS = Path(__file__).parent
# The life of a run as it looks from outside, in order.
LIFE = (
    "before the intent", "intent", "sending, not arrived", "sending, task made", "accepted", "polling",
    "success, no file", "in mid-download", "before the rename", "renamed, not written down", "fetched", "unknown",
)  # fmt: skip


def warm_server(monkeypatch):
    """What starts buyers; the server loads the package at the first of them."""
    # Python 3.11 gives the server no path but this one.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TESTS), str(TESTS.parent)]))
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(crashbuyer.WARM))
    return context


def asks(cells):
    """The step of a buyer that runs *cells*."""
    return {"do": "ask", "cells": cells}


RESUME, BOOKS = {"do": "resume"}, {"do": "books"}


class Buyer:
    """One process at work in a home."""

    def __init__(self, context, home, steps, end):
        self.end = end
        name = home.folder / uuid.uuid4().hex[:8]
        self._report, self._place, self._log = (Path(f"{name}.{kind}") for kind in ("report", "place", "log"))
        order = {
            "steps": steps,
            "end": end,
            "folder": str(home.folder),
            "env": home.env,
            "log": str(self._log),
        }
        order |= {"report": str(self._report), "place": str(self._place)}
        self._process = context.Process(target=crashbuyer.buy, args=(order,), daemon=True)
        with TURN:
            self._process.start()

    def kill(self):
        """SIGKILL, from outside."""
        self._process.kill()

    def ends_in(self, seconds):
        """Wait so long at the most for its end, and say whether it came."""
        multiprocessing.connection.wait([self._process.sentinel], seconds)
        with TURN:
            return self._process.exitcode is not None

    def was_killed(self):
        """Wait for its end, and say whether that was a SIGKILL; any other end but the last line is an error."""
        assert self.ends_in(crashbuyer.PATIENCE_S), f"the buyer does not end: {self.log}"
        code = self._process.exitcode
        assert code in {0, -signal.SIGKILL}, f"the buyer ended with {code}: {self.log}"
        return code != 0

    @property
    def report(self):
        """What an undisturbed buyer tells."""
        assert not self.was_killed(), f"killed at {self.place}"
        return json.loads(self._report.read_text())

    @property
    def place(self):
        """Where it ended itself; empty if it did not."""
        return self._place.read_text() if self._place.exists() else ""

    @property
    def log(self):
        """What it printed."""
        return self._log.read_text() if self._log.exists() else "nothing printed"


class Home:
    """A folder with a ledger, and cells whose prompts no other home uses.

    Args:
        context: From `warm_server`.
        folder: Where; made here.
        service: The simulator, which outlives the buyers.
        picture: What the cells show.
    """

    def __init__(self, context, folder, service, picture):
        folder.mkdir(parents=True)
        self.folder, self.runs_home = folder, folder / "kie-runs"
        self.service = service
        self._context, self._picture, self._buyers = context, str(picture), []
        self.env = {
            "KIE_BASE_URL": service.base_url,
            "KIE_NB_HOME": str(self.runs_home),
            "KIE_NB_STATE": str(folder / "state"),
            "KIE_NB_WAIT": "1",
            "KIE_NB_CREATES_PER_WINDOW": "10000",
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "IPYTHONDIR": str(folder / "ipython"),
        }

    def cells(self, count):
        """The first *count* cells of the notebook."""
        return [
            {
                "prompt": f"{self.folder.name}: take {number}.",
                "seed": number,
                "image": self._picture,
                "duration": 10,
            }
            for number in range(count)
        ]

    def start(self, *steps, end=None):
        """A buyer that does *steps*, or dies at *end*."""
        self._buyers.append(Buyer(self._context, self, steps, end))
        return self._buyers[-1]

    def close(self):
        """Leave no process behind."""
        for buyer in self._buyers:
            if not buyer.ends_in(0):
                buyer.kill()

    # --- looking from outside ----------------------------------------------------------------------------------

    @contextlib.contextmanager
    def ledger(self):
        """A copy of the ledger as it lies there: a look of ours must not be what repairs it."""
        look = self.folder / f"look-{uuid.uuid4().hex[:8]}"
        look.mkdir()
        try:
            for file in self.runs_home.glob("ledger.sqlite*"):
                if not file.name.endswith(("-shm", ".part")):
                    shutil.copyfile(file, look / file.name)
            yield look / "ledger.sqlite"
        finally:
            shutil.rmtree(look)

    def rows(self):
        """The runs, while nobody is at work on them."""
        with self.ledger() as file:
            return read_rows(file, mode="rw")

    def rows_now(self):
        """The runs while somebody is at work on them."""
        with contextlib.suppress(sqlite3.OperationalError):  # not made yet
            return read_rows(self.runs_home / "ledger.sqlite")
        return []

    def transitions(self):
        """How many the ledger has seen, while somebody is at work on it."""
        file = self.runs_home / "ledger.sqlite"
        with contextlib.suppress(sqlite3.OperationalError), contextlib.closing(look_at(file)) as db:
            return db.execute("SELECT count(*) FROM event").fetchone()[0]
        return 0

    def tasks(self):
        """The service's tasks for this home."""
        return [
            task for task in self.service.tasks if task.input["prompt"].startswith(f"{self.folder.name}: ")
        ]

    def files(self, folder="videos"):
        """All files that are there, by name."""
        return {file.name: file for file in (self.runs_home / folder).glob("*") if file.is_file()}

    def until(self, sign):
        """Wait for a sign that can be seen from outside."""
        end = time.monotonic() + SIGN_S
        while not sign(self):
            assert time.monotonic() < end, f"no sign of {sign}; rows: {self.rows_now()}"
            time.sleep(0.005)

    def step(self, cell):
        """Where in its life the run of *cell* is."""
        mine = [
            row for row in self.rows() if row["prompt"] == cell["prompt"] and row["state"] not in GIVEN_UP
        ]
        row = mine[0] if mine else None
        if row is None:
            return "before the intent"
        if row["state"] == "sending":
            has_task = any(task.input["prompt"] == cell["prompt"] for task in self.tasks())
            return "sending, task made" if has_task else "sending, not arrived"
        if row["state"] == "success":
            names = [name for name in self.files() if short_task(row["task_id"]) in name]
            ends = {name.rpartition(".")[2] for name in names}
            looks = {
                "mp4": "renamed, not written down",
                "incoming": "before the rename",
                "part": "in mid-download",
            }
            return next((what for end, what in looks.items() if end in ends), "success, no file")
        return {"waiting": "polling", "queuing": "polling", "generating": "polling"}.get(
            row["state"], row["state"]
        )

    # --- the books ---------------------------------------------------------------------------------------------

    def check(self):
        """What holds at every moment: no task twice or without its row, no half file with a final name, no file lost."""
        rows, tasks = self.rows(), self.tasks()
        story = f"rows {rows}, tasks {tasks}"
        assert len(tasks) <= len(rows), story
        counted = collections.Counter(task.input["prompt"] for task in tasks)
        assert all(count == 1 for count in counted.values()), f"paid twice: {counted}; {story}"
        for task in tasks:
            mine = [row for row in rows if row["prompt"] == task.input["prompt"] and row["seed"] == task.seed]
            known = [row for row in mine if row["task_id"] == task.task_id]
            unsure = [
                row for row in mine if row["task_id"] is None and row["state"] in {"sending", "unknown"}
            ]
            assert (len(known), len(unsure)) in {(1, 0), (0, 1)}, f"task {task} has no row of its own: {mine}"
        self._check_files(rows, {short_task(task.task_id): task for task in tasks})

    def _check_files(self, rows, tasks):
        for name, file in self.files().items():
            if name.endswith((".incoming", ".part")):
                continue
            stem = name.removesuffix(".mp4")
            task, content = tasks[stem.removesuffix(".received").rpartition("_")[2]], file.read_bytes()
            if stem.endswith(".received"):  # what broke off stands aside until the file comes
                assert task.video.read_bytes().startswith(content), f"{name} is no part of the video"
            else:
                assert content == task.video.read_bytes(), f"{name} is not the whole video"
        for name, file in self.files("inputs").items():
            if not name.endswith(".part"):
                digest = hashlib.sha256(file.read_bytes()).hexdigest()
                assert digest[:8] == file.stem.rpartition("-")[2], f"{name} is not the whole picture"
        for row in rows:
            if row["state"] == "fetched":
                content = (self.runs_home / row["video"]).read_bytes()
                assert hashlib.sha256(content).hexdigest() == row["video_sha256"], f"{row} has another file"

    def check_end(self):
        """What holds besides when nothing goes on any more: what was paid for is here, or waits for its owner's word."""
        self.check()
        rows, tasks = self.rows(), self.tasks()
        assert {row["state"] for row in rows} <= {"fetched", "unknown", "not_sent", "written_off"}, rows
        for task in tasks:
            row = next(
                row for row in rows if row["prompt"] == task.input["prompt"] and row["state"] not in GIVEN_UP
            )
            assert row["state"] in {"fetched", "unknown"}, f"paid and not here: {row}"
        left = [name for name in self.files() if not name.endswith(".mp4") or ".received." in name]
        assert not left, f"left of downloads that were ended: {left}"

    def unknown(self):
        """The runs of unknown outcome: those with a task at the service, as id and task, and the ids of the others."""
        ids = {row["prompt"]: row["id"] for row in self.rows() if row["state"] == "unknown"}
        made = {
            ids[task.input["prompt"]]: task.task_id for task in self.tasks() if task.input["prompt"] in ids
        }
        return made, [run_id for run_id in ids.values() if run_id not in made]


def look_at(file, mode="ro"):
    """A connection to a ledger."""
    return sqlite3.connect(f"{file.as_uri()}?mode={mode}", uri=True, timeout=10)


def read_rows(file, mode="ro"):
    """The runs of a ledger as dicts; none where there is no table yet."""
    if not file.exists():
        return []
    with contextlib.closing(look_at(file, mode)) as db:
        db.row_factory = sqlite3.Row
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'run'").fetchone() is None:
            return []
        wanted = "id, state, seed, task_id, files, fingerprint, estimate, request, error"
        found = [dict(row) for row in db.execute(f"SELECT {wanted} FROM run ORDER BY created_at")]  # noqa: S608
    for row in found:
        (file,) = json.loads(row.pop("files")) or ({},)
        row |= {"video": file.get("name"), "video_sha256": file.get("sha256")}
        row["prompt"] = json.loads(row.pop("request"))["input"]["prompt"]
    return found


def settle(home, cells, *, unknown):
    """What is unknown holds its money and is not sent again; its task brings the video home, and every cell has one."""
    made, absent = home.unknown()
    report = home.start(asks(cells), BOOKS).report
    home.check_end()
    assert [entry["state"] for entry in report["ask"]] == [
        "unknown" if entry["run"] in {*made, *absent} else "fetched" for entry in report["ask"]
    ]
    assert home.unknown() == (made, absent)
    held = PRICE * (len(made) + len(absent))
    assert (held > 0) == unknown
    assert report["books"] == {"spent": PRICE * len(cells) - held, "reserved": 0.0, "at_risk": held}
    if unknown:
        settling = ({"do": "adopt", "tasks": made}, {"do": "write_off", "runs": absent})
        report = home.start(*settling, asks(cells), BOOKS).report
        home.check_end()
    assert [entry["state"] for entry in report["ask"]] == ["fetched"] * len(cells)
    assert report["books"] == {"spent": PRICE * len(cells), "reserved": 0.0, "at_risk": 0.0}
    assert len(home.tasks()) == len(cells)
