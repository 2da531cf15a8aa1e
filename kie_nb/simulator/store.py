"""Tasks and money, in one SQLite file that several processes may share.

A task's life is a function of time: it is due when its planned time has passed, and it is settled by whoever looks
first after that. So a process that was killed loses nothing. Money moves inside `BEGIN IMMEDIATE` only.
"""

import json
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

# ruff: noqa: S608 - the only texts put into statements here are the two conditions below

T = TypeVar("T")

_DUE = "state = 'open' AND due_ms <= ? AND (fate != '' OR video IS NOT NULL)"
_UNCALLED = "state != 'open' AND callback IS NOT NULL AND called = 0"

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY CHECK (id = 1), balance REAL NOT NULL)",
    "CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    """CREATE TABLE IF NOT EXISTS task (
        id TEXT PRIMARY KEY, model TEXT NOT NULL, prompt TEXT NOT NULL, input TEXT NOT NULL, param TEXT NOT NULL,
        plan TEXT NOT NULL, callback TEXT, created_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL,
        credits REAL NOT NULL, seed INTEGER NOT NULL, fate TEXT NOT NULL DEFAULT '', owner TEXT NOT NULL,
        video TEXT, ready_ms INTEGER, state TEXT NOT NULL DEFAULT 'open', complete_ms INTEGER,
        called INTEGER NOT NULL DEFAULT 0)""",
    "CREATE INDEX IF NOT EXISTS task_created ON task (created_ms)",
    "CREATE INDEX IF NOT EXISTS task_state ON task (state, called)",
)

# fate -> (failCode, failMsg), both as the service writes them
FATES = {
    "fail": ("500", "Internal server error"),
    "fail_moderation": ("400", "The input or output was flagged as sensitive"),
    "fail_image": ("500", "Image fetch failed"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One task as it stands in the database."""

    id: str
    model: str
    prompt: str
    input: dict[str, Any]
    param: str
    plan: dict[str, Any]  # what the studio needs to draw it
    callback: str | None
    created_ms: int
    due_ms: int
    credits: float
    seed: int
    fate: str
    owner: str
    video: str | None = None
    ready_ms: int | None = None
    state: str = "open"  # open, success or fail
    complete_ms: int | None = None
    called: int = 0

    def shown_state(self, now_ms: int, states: Sequence[str]) -> str:
        """The state the service would tell: *states* are lived through one after the other until the end."""
        if self.state != "open":
            return self.state
        part = (now_ms - self.created_ms) / max(1, self.due_ms - self.created_ms)
        first = 0.25  # the first state is short, the others share the rest
        if part < first or len(states) == 1:
            return states[0]
        return states[min(len(states) - 1, 1 + int((part - first) / (1 - first) * (len(states) - 1)))]


def now_ms() -> int:
    """Unix time in milliseconds, the unit of the service."""
    return time.time_ns() // 1_000_000


class Store:
    """The database. One connection behind a lock: safe from any thread, and other processes may have it open too."""

    def __init__(self, path: Path, *, credits_at_first: float) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, timeout=20.0, isolation_level=None, check_same_thread=False)
        self._db.row_factory = sqlite3.Row
        _patiently(lambda: self._db.execute("PRAGMA journal_mode=WAL"))
        self._db.execute("PRAGMA synchronous=NORMAL")
        with self._money() as db:
            for statement in _SCHEMA:
                db.execute(statement)
            db.execute("INSERT OR IGNORE INTO account VALUES (1, ?)", (credits_at_first,))
            db.execute("INSERT OR IGNORE INTO fact VALUES ('secret', ?)", (secrets.token_hex(16),))
        self.secret = str(self._one("SELECT value FROM fact WHERE name = 'secret'")[0])

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def balance(self) -> float:
        """Credits in the purse."""
        return float(self._one("SELECT balance FROM account")[0])

    def set_balance(self, credits_now: float) -> None:
        """Fill or empty the purse."""
        with self._money() as db:
            db.execute("UPDATE account SET balance = ?", (credits_now,))

    def add(self, task: Task, *, limit: int, window_s: float) -> Literal["added", "too_fast", "too_poor"]:
        """Hold the credits and write the task down, or say why not."""
        with self._money() as db:
            since = task.created_ms - round(window_s * 1000)
            if db.execute("SELECT COUNT(*) FROM task WHERE created_ms > ?", (since,)).fetchone()[0] >= limit:
                return "too_fast"
            paid = db.execute(
                "UPDATE account SET balance = balance - ? WHERE balance >= ?", (task.credits, task.credits)
            )
            if paid.rowcount == 0:
                return "too_poor"
            db.execute(
                "INSERT INTO task (id, model, prompt, input, param, plan, callback, created_ms, due_ms, credits, "
                "seed, fate, owner) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    task.id, task.model, task.prompt, json.dumps(task.input), task.param, json.dumps(task.plan),
                    task.callback, task.created_ms, task.due_ms, task.credits, task.seed, task.fate, task.owner,
                ),
            )  # fmt: skip
            return "added"

    def get(self, task_id: str) -> Task | None:
        """The task, settled if it is due."""
        self.settle()
        row = self._one("SELECT * FROM task WHERE id = ?", task_id)
        return _task(row) if row is not None else None

    def all(self) -> list[Task]:
        """Every task, oldest first."""
        self.settle()
        with self._lock:
            rows = self._db.execute("SELECT * FROM task ORDER BY created_ms, rowid").fetchall()
        return [_task(row) for row in rows]

    def number(self, task_id: str) -> int:
        """The task's place in the order of creation, from 1."""
        return int(self._one("SELECT rowid FROM task WHERE id = ?", task_id)[0])

    def settle(self) -> None:
        """End every task that is due: finished when its video is there, failed when that is its fate."""
        now = now_ms()
        if self._one(f"SELECT 1 FROM task WHERE {_DUE} LIMIT 1", now) is None:
            return
        with self._money() as db:
            back = db.execute(
                f"SELECT SUM(credits) FROM task WHERE {_DUE} AND fate != ''", (now,)
            ).fetchone()[0]
            db.execute("UPDATE account SET balance = balance + ?", (back or 0.0,))
            db.execute(
                "UPDATE task SET state = CASE WHEN fate = '' THEN 'success' ELSE 'fail' END, "
                f"complete_ms = MAX(due_ms, COALESCE(ready_ms, 0)) WHERE {_DUE}",
                (now,),
            )

    def set_video(self, task_id: str, video: str) -> None:
        """The film of this task is on disk."""
        self._change(
            "UPDATE task SET video = ?, ready_ms = ? WHERE id = ? AND video IS NULL", video, now_ms(), task_id
        )

    def doom(self, task_id: str, fate: str) -> None:
        """This task will fail."""
        self._change(
            "UPDATE task SET fate = ?, ready_ms = ? WHERE id = ? AND state = 'open'", fate, now_ms(), task_id
        )

    def delay(self, task_id: str, seconds: float) -> None:
        """This task will take longer."""
        self._change("UPDATE task SET due_ms = due_ms + ? WHERE id = ?", round(seconds * 1000), task_id)

    def unfinished(self) -> list[Task]:
        """Open tasks nobody has drawn yet, in order of creation."""
        with self._lock:
            rows = self._db.execute(
                "SELECT * FROM task WHERE state = 'open' AND video IS NULL AND fate = '' ORDER BY created_ms"
            ).fetchall()
        return [_task(row) for row in rows]

    def adopt(self, task_id: str, old_owner: str, new_owner: str) -> bool:
        """Take over a task whose process is gone. Only one taker wins."""
        return (
            self._change(
                "UPDATE task SET owner = ? WHERE id = ? AND owner = ?", new_owner, task_id, old_owner
            )
            > 0
        )

    def claim_callbacks(self) -> list[Task]:
        """Ended tasks whose callback nobody sends yet; from now on it is the caller's to send."""
        self.settle()
        if self._one(f"SELECT 1 FROM task WHERE {_UNCALLED} LIMIT 1") is None:
            return []
        with self._money() as db:
            rows = db.execute(f"SELECT * FROM task WHERE {_UNCALLED}").fetchall()
            db.execute(f"UPDATE task SET called = 1 WHERE {_UNCALLED}")
        return [_task(row) for row in rows]

    @contextmanager
    def _money(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _one(self, sql: str, *values: Any) -> Any:
        with self._lock:
            return self._db.execute(sql, values).fetchone()

    def _change(self, sql: str, *values: Any) -> int:
        with self._lock:
            return self._db.execute(sql, values).rowcount


def _task(row: sqlite3.Row) -> Task:
    fields = dict(row)
    fields["input"], fields["plan"] = json.loads(fields["input"]), json.loads(fields["plan"])
    return Task(**fields)


def _patiently(act: Callable[[], T]) -> T:
    # Two processes that open a new database at the same moment: switching to WAL does not wait for the lock.
    for _ in range(100):
        try:
            return act()
        except sqlite3.OperationalError:
            time.sleep(0.05)
    return act()
