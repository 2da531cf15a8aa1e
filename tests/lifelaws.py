"""What must hold at any moment, whatever kernels do and the service answers: laws over the ledger's file and the service.

The ledger is read from outside, as SQLite; the tasks are what the simulator says that it made. Nothing here asks kie_nb
what it believes, but for the table of states.
"""

import contextlib
import hashlib
import json
import sqlite3
from collections import Counter
from dataclasses import dataclass, field

from kie_nb.ledger.states import NEXT, OPEN, State

OVER = {"not_sent", "refused", "fail", "written_off"}  # no longer stands for its request
PERHAPS = {"sending", "unknown", "written_off"}  # may have a task that we do not know
SPENT = {"success", "fetched", "written_off"}
AT_RISK = {"unknown", "lost"}
PRICE = 60.0


@dataclass
class Row:
    """A run as the file has it."""

    id: str
    key: tuple
    state: str
    task_id: str | None
    owner_hint: str
    estimate: float
    credits: float | None
    video: str | None
    image: str | None
    stands: bool  # for its request: a cell that asks for it gets this run
    events: list = field(default_factory=list)

    @property
    def pid(self):
        return int(self.owner_hint.split("|")[2])

    @property
    def is_over(self):
        return self.state in OVER

    @property
    def is_open(self):
        return self.state in OPEN


def read(home):
    """The runs in the ledger of *home*, oldest first, each with its history."""
    if not (home / "ledger.sqlite").exists():
        return []
    # Not read-only: after a kill SQLite wants to put its file in order before anybody reads.
    address = f"file:{home / 'ledger.sqlite'}?mode=rw"
    with contextlib.closing(sqlite3.connect(address, uri=True, timeout=20, isolation_level=None)) as db:
        db.row_factory = sqlite3.Row
        db.execute("BEGIN")  # both tables as they were at one moment
        if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'run'").fetchone() is None:
            return []
        rows = {found["id"]: _row(found) for found in db.execute("SELECT * FROM run ORDER BY created_at")}
        for event in db.execute("SELECT run_id, from_state, to_state FROM event ORDER BY id"):
            rows[event["run_id"]].events.append((event["from_state"], event["to_state"]))
    return list(rows.values())


def _row(found):
    request = json.loads(found["request"])
    known = {name: found[name] for name in ("id", "state", "task_id", "owner_hint", "estimate", "credits")}
    known["video"] = next((file["name"] for file in json.loads(found["files"])), None)
    image = request["image"]["sha256"] if request["image"] else None
    stands = found["active_key"] is not None
    return Row(**known, key=(request["input"]["prompt"], found["seed"]), image=image, stands=stands)


def key_of(task):
    """The request that a task of the service was made by."""
    return (task.input["prompt"], task.input["seed"])


def committed(rows):
    """Credits spent, reserved and at risk, by the rule of the budget."""
    return sum(figures(rows).values())


def figures(rows):
    """The three figures of the budget."""
    found = {"spent": 0.0, "reserved": 0.0, "at_risk": 0.0}
    for row in rows:
        if row.state in SPENT:
            found["spent"] += row.estimate if row.credits is None else row.credits
        elif row.state == "fail":
            found["spent"] += row.credits or 0.0
        elif row.state in AT_RISK:
            found["at_risk"] += row.estimate
        elif not row.is_over:
            found["reserved"] += row.estimate
    return found


def orphans(rows, tasks):
    """Tasks whose id is in no row."""
    known = {row.task_id for row in rows}
    return [task for task in tasks if task.task_id not in known]


def every_step_is_written_down(rows):
    """Histories begin with the intention, follow the table, leave no step out and end where the row is."""
    for row in rows:
        assert row.events[0] == (None, "intent"), row
        for (_, before), (came_from, after) in zip(row.events, row.events[1:], strict=False):
            assert came_from == before, f"a step is missing: {row}"
            assert before == after or State(after) in NEXT[State(before)], f"{before} → {after}: {row}"
        assert row.events[-1][1] == row.state, f"its last step has no event: {row}"


def every_task_has_its_row(rows, tasks):
    """Each task is in one row of its own request, or a row of unknown outcome of that request stands for it.

    *tasks* were looked up before *rows*: an intention is written before its task is made.
    """
    holders = {row.task_id: row for row in rows if row.task_id}
    assert len(holders) == sum(row.task_id is not None for row in rows), "two runs hold one task"
    unheld = Counter()
    for task in tasks:
        row = holders.get(task.task_id)
        if row is None:
            unheld[key_of(task)] += 1
            continue
        assert row.key == key_of(task), f"{row} holds a task of {key_of(task)}"
        if row.image:
            assert row.image[:32] in task.input["image_url"], f"another picture was sent: {row}"
    perhaps = Counter(row.key for row in rows if row.state in PERHAPS and row.task_id is None)
    for key, count in unheld.items():
        assert count <= perhaps[key], f"{count} tasks of {key}, {perhaps[key]} runs that may have made them"
    assert len(tasks) <= len(rows)


def nothing_is_bought_twice(rows, by_word):
    """For each request one run stands or has a task, beside those that a person has ordered by word."""
    standing = Counter(row.key for row in rows if not row.is_over and row.id not in by_word)
    for key, count in standing.items():
        assert count == 1, f"{count} runs stand for {key}: {[row for row in rows if row.key == key]}"


def every_video_is_whole(home, whole):
    """What has a final name is a video of the service, byte for byte, whenever it is looked at.

    *whole* gives the hashes of all that the service has made; it is asked after the files were read.
    """
    videos = list((home / "videos").glob("*.mp4"))
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in videos}
    made = whole()
    assert all(digest in made for digest in found.values()), f"among {list(found)} is half a file"


def every_video_is_here(home, rows, tasks):
    """Each task that the service has finished is a file on disk, unless its run was given up by word."""
    holders = {row.task_id: row for row in rows if row.task_id}
    for task in tasks:
        row = holders.get(task.task_id)
        if row is None or row.state == "written_off":
            continue
        if task.state == "fail":
            assert row.state == "fail", f"{row} of a task that failed"
            continue
        assert (task.state, row.state) == ("success", "fetched"), f"{row} of a task that is {task.state}"
        assert (home / row.video).read_bytes() == task.video.read_bytes(), row


def nothing_is_unknown_without_a_cause(rows, causes):
    """States that tell of trouble are reached as often as there was trouble of that kind, at most."""
    reached = Counter(after for row in rows for before, after in row.events if before != after)
    for state in ("unknown", "refused", "fail", "lost"):
        assert reached[state] <= causes[state], f"{reached[state]} runs became {state}: {causes}"
