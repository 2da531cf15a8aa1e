"""Tasks and the balance, in one SQLite file that several processes may share.

A task is due when its planned time has passed, and is settled by the first read after that, so a killed process
loses nothing. The balance changes inside `BEGIN IMMEDIATE` only. The file is untrusted: its tables are exactly ours or it
is refused, and a row is a task only if we could have written every value in it; another is left out.
"""

import functools
import json
import logging
import math
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from ..bounds import read_json
from ..fileops import check_files

# ruff: noqa: S608 - the only text put into statements here is our own: the condition below, and the names of columns

_log = logging.getLogger("kie_nb.simulator")
_MOST_BYTES = 1 << 30
_DUE = "state = 'open' AND due_ms <= ? AND (fate != '' OR video IS NOT NULL)"

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS account (id INTEGER PRIMARY KEY CHECK (id = 1), balance REAL NOT NULL)",
    """CREATE TABLE IF NOT EXISTS task (
        id TEXT PRIMARY KEY, model TEXT NOT NULL, prompt TEXT NOT NULL, input TEXT NOT NULL, param TEXT NOT NULL,
        plan TEXT NOT NULL, created_ms INTEGER NOT NULL, due_ms INTEGER NOT NULL,
        credits REAL NOT NULL, seed INTEGER NOT NULL, fate TEXT NOT NULL DEFAULT '', owner TEXT NOT NULL,
        video TEXT, ready_ms INTEGER, state TEXT NOT NULL DEFAULT 'open', complete_ms INTEGER)""",
    "CREATE INDEX IF NOT EXISTS task_created ON task (created_ms)",
    "CREATE INDEX IF NOT EXISTS task_state ON task (state)",
)

# fate -> (failCode, failMsg), both as the service writes them
FATES = {
    "fail": ("500", "Internal server error"),
    "fail_disk": ("disk_full", "the disk of this machine is full: the simulator could not write its video"),
    "fail_moderation": ("400", "The input or output was flagged as sensitive"),
    "fail_image": ("500", "Image fetch failed"),
}
MOST_CREDITS = 1e12
MOST_WAIT_S = 7 * 86_400.0  # no task is planned to take longer, whatever speed and faults say

_Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}\z")]
_Text = Annotated[str, Field(max_length=1 << 23)]
_Millis = Annotated[int, Field(ge=0, le=10**14)]


class ForeignState(OSError):
    """The folder's state was not written by a simulator; nothing in it was changed."""


_Address = Annotated[str, Field(max_length=1 << 16)] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """What the studio needs to draw a task."""

    seconds: Annotated[float, Field(ge=1, le=30)]
    short_side: Annotated[int, Field(ge=480, le=1080)]
    aspect: Annotated[float, Field(ge=0.1, le=10)]
    image_url: _Address
    last_url: _Address = None  # of the picture that it ends with
    video_url: _Address = None
    audio_url: _Address = None
    is_as_long: bool = False  # as its video or sound, whatever `seconds` says


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One task as it stands in the database."""

    id: _Id
    model: Annotated[str, Field(max_length=200)]
    prompt: _Text
    input: dict[str, Any]
    param: _Text
    plan: Shot
    created_ms: _Millis
    due_ms: _Millis
    credits: Annotated[float, Field(ge=0, le=1e6)]
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)]
    fate: Literal["", "fail", "fail_disk", "fail_moderation", "fail_image"] = ""
    owner: _Id
    video: Annotated[str, Field(pattern=r"^[0-9a-f]{32}\.(mp4|png)\z")] | None = None
    ready_ms: _Millis | None = None
    state: Literal["open", "success", "fail"] = "open"
    complete_ms: _Millis | None = None

    def shown_state(self, states: Sequence[str]) -> str:
        """The state that the service would report now: *states* one after the other until the end."""
        if self.state != "open":
            return self.state
        part = (now_ms() - self.created_ms) / max(1, self.due_ms - self.created_ms)
        first = 0.25  # the first state is short, the others share the rest
        if part < first or len(states) == 1:
            return states[0]
        return states[min(len(states) - 1, 1 + int((part - first) / (1 - first) * (len(states) - 1)))]


def now_ms() -> int:
    """Unix time in milliseconds, the unit of the service."""
    return time.time_ns() // 1_000_000


_adapter = functools.cache(lambda: TypeAdapter(Task))


def _task_of(row: Mapping[str, Any]) -> Task | None:
    try:
        fields = {**row, "input": read_json(row["input"]), "plan": read_json(row["plan"])}
        task = _adapter().validate_json(json.dumps(fields), strict=True)
    except (ValidationError, ValueError, TypeError):
        return None
    is_whole = (task.complete_ms is None) == (task.state == "open") and {
        "open": True,
        "success": task.video is not None and not task.fate,
        "fail": bool(task.fate),
    }[task.state]
    is_in_time = task.due_ms <= task.created_ms + 2 * MOST_WAIT_S * 1000  # planned, and delayed by a fault
    return task if is_whole and is_in_time and task.input else None


class Store:
    """The database. One connection behind a lock: safe from any thread, and other processes may have it open too."""

    def __init__(self, path: Path, *, credits_at_first: float) -> None:
        self._lock = threading.Lock()
        self._are_foreign_told = False
        try:
            check_files(path)
            if path.exists() and path.stat().st_size > _MOST_BYTES:
                raise OSError("it is too large")  # noqa: TRY301 - one message for all that it may be
            self._db = sqlite3.connect(path, timeout=20.0, isolation_level=None, check_same_thread=False)
            try:
                self._open(credits_at_first)
            except BaseException:
                self._db.close()
                raise
        except (OSError, sqlite3.Error, ValueError) as exc:
            reason = getattr(exc, "strerror", None) or exc
            raise ForeignState(
                f"{path.parent.name}/{path.name} is not as a simulator keeps it ({reason}); nothing in it was changed. "
                "Move that folder away, and a new one is begun"
            ) from exc

    def _open(self, credits_at_first: float) -> None:
        self._db.row_factory = sqlite3.Row
        self._db.text_factory = lambda text: text.decode("utf-8", "replace")
        self._db.execute("PRAGMA trusted_schema=OFF")
        found = _shape(self._db)
        with closing(sqlite3.connect(":memory:")) as empty:
            _make_tables(empty)
            if found and found != _shape(empty):
                raise ValueError("it has tables, views or triggers that are not ours")
        if found and self._one("PRAGMA quick_check(1)")[0] != "ok":
            raise ValueError("it is damaged")
        self._use_wal()
        self._db.execute("PRAGMA synchronous=NORMAL")
        with self._money() as db:
            _make_tables(db)
            db.execute("INSERT OR IGNORE INTO account VALUES (1, ?)", (credits_at_first,))
        balance = self._one("SELECT balance FROM account WHERE id = 1")[0]
        if not isinstance(balance, float) or not 0 <= balance <= MOST_CREDITS:
            raise ValueError("its balance is none")

    def _use_wal(self) -> None:
        # Two processes that open a new database at the same moment: switching to WAL does not wait for the lock.
        for tries_left in reversed(range(100)):
            try:
                self._db.execute("PRAGMA journal_mode=WAL")
            except sqlite3.OperationalError:
                if not tries_left:
                    raise
                time.sleep(0.05)
            else:
                return

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def balance(self) -> float:
        """The balance, after all that is due is settled."""
        self.settle()
        return float(self._one("SELECT balance FROM account")[0])

    def set_balance(self, credits_now: float) -> None:
        """Set the balance; ValueError as `checked_credits`."""
        self._change("UPDATE account SET balance = ?", checked_credits(credits_now))

    def add(self, task: Task, *, limit: int, window_s: float) -> Literal["added", "too_fast", "too_poor"]:
        """Reserve the credits and record the task, or say why not."""
        row = asdict(task)
        row |= {name: json.dumps(row[name]) for name in ("input", "plan")}
        with self._money() as db:
            since = task.created_ms - round(window_s * 1000)
            recent = "SELECT COUNT(*) FROM task WHERE created_ms > ? AND created_ms <= ?"
            if db.execute(recent, (since, task.created_ms)).fetchone()[0] >= limit:
                return "too_fast"
            pay = "UPDATE account SET balance = balance - ? WHERE balance >= ?"
            if db.execute(pay, (task.credits, task.credits)).rowcount == 0:
                return "too_poor"
            marks = ", ".join("?" * len(row))
            db.execute(f"INSERT INTO task ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))
            return "added"

    def get(self, task_id: str) -> Task | None:
        """The task, settled if it is due."""
        self.settle()
        return next(iter(self._tasks("WHERE id = ?", task_id)), None)

    def all(self) -> list[Task]:
        """Every task, oldest first."""
        self.settle()
        return self._tasks("ORDER BY created_ms, rowid")

    def number(self, task_id: str) -> int:
        """The task's place in the order of creation, from 1."""
        return int(self._one("SELECT rowid FROM task WHERE id = ?", task_id)[0])

    def settle(self) -> None:
        """End every task that is due: finished when its video is there, failed when that is its fate."""
        now = now_ms()
        if not self._tasks(f"WHERE {_DUE}", now):
            return
        with self._money() as db:
            due = self._checked(db.execute(f"SELECT * FROM task WHERE {_DUE}", (now,)))
            back = sum(task.credits for task in due if task.fate)
            db.execute("UPDATE account SET balance = MIN(balance + ?, ?)", (back, MOST_CREDITS))
            for task in due:
                ended = ("fail" if task.fate else "success", max(task.due_ms, task.ready_ms or 0), task.id)
                db.execute("UPDATE task SET state = ?, complete_ms = ? WHERE id = ?", ended)

    def set_video(self, task_id: str, video: str) -> None:
        """The video of this task is on disk."""
        drawn = "UPDATE task SET video = ?, ready_ms = ? WHERE id = ? AND video IS NULL"
        self._change(drawn, video, now_ms(), task_id)

    def doom(self, task_id: str, fate: str) -> None:
        """This task will fail."""
        doomed = "UPDATE task SET fate = ?, ready_ms = ? WHERE id = ? AND state = 'open'"
        self._change(doomed, fate, now_ms(), task_id)

    def delay(self, task_id: str, seconds: float) -> None:
        """This task will take longer."""
        self._change("UPDATE task SET due_ms = due_ms + ? WHERE id = ?", round(seconds * 1000), task_id)

    def unfinished(self) -> list[Task]:
        """Open tasks nobody has drawn yet, in order of creation."""
        return self._tasks("WHERE state = 'open' AND video IS NULL AND fate = '' ORDER BY created_ms")

    def adopt(self, task_id: str, old_owner: str, new_owner: str) -> bool:
        """Take over a task whose process is gone. Only one taker wins."""
        taken = "UPDATE task SET owner = ? WHERE id = ? AND owner = ?"
        return self._change(taken, new_owner, task_id, old_owner) > 0

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

    def _tasks(self, condition: str, *values: Any) -> list[Task]:
        with self._lock:
            return self._checked(self._db.execute(f"SELECT * FROM task {condition}", values))

    def _checked(self, rows: sqlite3.Cursor) -> list[Task]:
        found = [_task_of(dict(row)) for row in rows]
        if None in found and not self._are_foreign_told:
            self._are_foreign_told = True
            _log.warning("rows that no simulator has written are left out of its tasks")
        return [task for task in found if task is not None]

    def _one(self, sql: str, *values: Any) -> Any:
        with self._lock:
            return self._db.execute(sql, values).fetchone()

    def _change(self, sql: str, *values: Any) -> int:
        with self._lock:
            return self._db.execute(sql, values).rowcount


def checked_credits(credits_now: float) -> float:
    """*credits_now* as a balance; ValueError for no number from 0 to `MOST_CREDITS`."""
    if not math.isfinite(credits_now) or not 0 <= credits_now <= MOST_CREDITS:
        raise ValueError(f"the balance must be from 0 to {MOST_CREDITS:g} credits, not {credits_now!r}")
    return float(credits_now)


def _shape(db: sqlite3.Connection) -> set[tuple[Any, ...]]:
    return {tuple(row) for row in db.execute("SELECT type, name, tbl_name, sql FROM sqlite_master")}


def _make_tables(db: sqlite3.Connection) -> None:
    for statement in _SCHEMA:
        db.execute(statement)
