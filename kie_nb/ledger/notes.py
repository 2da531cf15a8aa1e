"""Notes in a home on a network disk of the runs that may cost money, where the ledger itself may be lost with its machine.

The copy of the ledger in the home is some seconds old. What it does not tell yet of a run is in a small file of its own:
written before the request leaves and again with its task, removed when the copy tells as much.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..errors import KieError, LedgerError
from .copy import arrival, is_news, known_runs
from .database import Database
from .merging import merge
from .schema import event, moment, run

FOLDER = "open"
_WITHOUT_TASK = ("refused", "not_sent", "written_off")  # how a run ends that was sent and has none
# All there are, as `engine.states` has them; a note of a newer kie_nb may have another.
STATES = frozenset(
    [
        "intent",
        "sending",
        "accepted",
        "waiting",
        "queuing",
        "generating",
        "success",
        "fetched",
        "fail",
        "refused",
        "not_sent",
        "unknown",
        "lost",
        "written_off",
    ]
)
_LONG = 2**63
_NEEDED = [column.name for column in run.columns if not column.nullable]


class _Newer(ValueError):
    """A note of a newer kie_nb."""


class Notes:
    """The notes of a home, in ``kie-runs/open/<run>.json``.

    Args:
        home: The folder beside the notebook.
        may_write: Whether any are to be kept, not read alone.
    """

    def __init__(self, home: Path, *, may_write: bool = True) -> None:
        self.folder = home / FOLDER
        if not may_write:
            return
        # Here and not in `keep`: under a disk that is gone a folder could be made that nobody would find again.
        with contextlib.suppress(OSError):  # a home that can only be read is opened for looking
            self.folder.mkdir(parents=True, exist_ok=True)

    def keep(self, values: dict[str, Any], events: Sequence[dict[str, Any]]) -> None:
        """Write down a run as it is now; it is on the disk when this returns.

        Raises:
            LedgerError: it is not.
        """
        part = self.folder / f".{values['id']}.{uuid.uuid4().hex}.part"
        try:
            try:
                with part.open("x", encoding="utf-8") as file:
                    json.dump({"run": values, "events": list(events)}, file)
                    file.flush()
                    os.fsync(file.fileno())
                os.replace(part, self._file(values["id"]))
            finally:
                with contextlib.suppress(OSError):
                    part.unlink(missing_ok=True)
        except OSError as exc:
            raise LedgerError(
                f"the run cannot be noted in {self.folder}, which is on a network disk: {exc.strerror or exc}.",
                hint="see that the disk is there and has room; if you have removed the folder, restart the kernel",
            ) from exc

    def drop(self, run_id: str) -> None:
        """Forget a run that was not sent for sure. Should that fail, it counts as unknown elsewhere: the safe side."""
        with contextlib.suppress(OSError):
            self._file(run_id).unlink(missing_ok=True)

    def tidy(self, copy: Path) -> None:
        """Remove what the ledger in *copy*, which is in the home now, tells as well."""
        with contextlib.closing(sqlite3.connect(copy)) as db:
            for file in self._files():
                found = db.execute("SELECT state, task_id FROM run WHERE id = ?", (file.stem,)).fetchone()
                if found is not None and _tells(found, file):
                    self.drop(file.stem)

    def has_any(self) -> bool:
        """Whether there is one."""
        return any(True for _ in self._files())

    def take_in(self, database: Database) -> tuple[list[str], list[str]]:
        """Bring runs that their machine could not bring to its copy into *database*: as unknown, or with their task.

        Returns:
            What the user should know of it, a line each; and which could not be brought, though they tell of a run.
        """
        known = known_runs(database)
        taken, remarks, failed = 0, [], []
        for file in self._files():
            try:
                note = _read(file)
            except FileNotFoundError:  # its machine lives, and has just removed it
                continue
            except (OSError, _Newer) as exc:
                failed.append(f"{file} could not be taken in: {exc}.")
                continue
            except ValueError as exc:  # no note of ours: they are whole or not there
                remarks.append(f"{file} could not be taken in: {exc}")
                continue
            if not is_news(known, note["run"]):
                continue
            try:  # each by itself: one that cannot be must not keep the others out
                merge(database, [arrival(known, note["run"], note["events"], f"{FOLDER}/{file.name}")])
                taken += 1
            except (KieError, sa.exc.SQLAlchemyError) as exc:
                failed.append(f"{file} could not be taken in: {str(exc).splitlines()[0].rstrip('.')}.")
        if taken:
            remarks.append(f"{taken} runs that another machine had under way were taken in.")
        return remarks, failed

    def _file(self, run_id: str) -> Path:
        return self.folder / f"{run_id}.json"

    def _files(self) -> Iterator[Path]:
        yield from sorted(self.folder.glob("[!.]*.json"))


def _tells(found: tuple[str, str | None], file: Path) -> bool:
    try:
        task_id = _read(file)["run"]["task_id"]
    except (OSError, ValueError):  # kept: `take_in` says what is wrong with it
        return False
    state, told = found
    return told == task_id if task_id else bool(told) or state in _WITHOUT_TASK


def _read(file: Path) -> dict[str, Any]:
    """A note, with the columns that this version knows.

    Raises:
        ValueError: it is none.
    """
    note = json.loads(file.read_text(encoding="utf-8"))
    try:
        values = {"task_id": None, "live_key": None} | _known(run, note["run"])
        events = [_known(event, entry | {"run_id": file.stem}) for entry in note["events"]]
        is_whole = values["id"] == file.stem and all(values[name] is not None for name in _NEEDED)
    except (KeyError, TypeError, AttributeError) as exc:
        raise ValueError("it is no note of a run") from exc
    if not is_whole or not isinstance(values["request"], dict):
        raise ValueError("it is no note of a run")
    if values["state"] not in STATES:
        raise _Newer(f"this kie_nb knows no state {values['state']!r}; a newer one does")
    return {"run": values, "events": events}


def _known(table: sa.Table, values: dict[str, Any]) -> dict[str, Any]:
    """The columns that this version knows, each as it may be kept."""
    columns = [column for column in table.columns if column.name in values]
    for column in columns:
        if not _may_be(column, values[column.name]):
            raise ValueError(f"its {column.name} is {str(values[column.name])[:40]!r}")
    return {column.name: values[column.name] for column in columns}


def _may_be(column: sa.Column[Any], value: Any) -> bool:
    if value is None or isinstance(column.type, sa.JSON):
        return value is not None or bool(column.nullable)
    kind = column.type.python_type
    if isinstance(value, bool) or not isinstance(value, (int, float) if kind is float else kind):
        return isinstance(value, bool) and kind is bool
    if column.name == "at" or column.name.endswith("_at"):
        moment(str(value))  # a ValueError of its own
    return kind is not int or abs(value) < _LONG
