"""A copy of the ledger in a home on a network disk, and what other machines have left there.

No SQLite ever works on the network disk: copies are made on the local one and brought there whole, and read the same way.
"""

from __future__ import annotations

import atexit
import contextlib
import logging
import os
import shutil
import sqlite3
import tempfile
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

from ..errors import KieError
from .copy import copy_ledger
from .database import BUSY_TIMEOUT_MS, SqliteFile, copy_file
from .migrations import prepare
from .notes import Notes
from .place import NAME

log = logging.getLogger("kie_nb")

EVERY_S = 3.0
_PATTERN = "ledger*.sqlite"


class Snapshot:
    """Keeps *target* in the home as new as *database*, give or take a few seconds; brought up to date at exit."""

    def __init__(self, database: SqliteFile, target: Path, notes: Notes) -> None:
        self._database = database
        self._target = target
        self._notes = notes
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        database.after_write = self.changed
        database.before_close = self.close
        atexit.register(_at_exit, weakref.ref(self))

    def changed(self) -> None:
        """The ledger was written: a copy is made soon, one for all changes until then."""
        with self._lock:
            if self._timer is None:
                self._timer = threading.Timer(EVERY_S, self.write)
                self._timer.daemon = True
                with contextlib.suppress(
                    RuntimeError
                ):  # the interpreter is on its way out; `_at_exit` writes
                    self._timer.start()

    def write(self) -> None:
        """Make the copy now. A disk that refuses it does not stop anybody: the ledger itself is safe."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
        try:
            with (
                self._writing,
                self._alone(),
                tempfile.TemporaryDirectory(dir=self._database.file.parent) as folder,
            ):
                whole = Path(folder) / NAME
                copy_file(self._database.file, whole)
                part = self._target.with_name(f".{self._target.name}.{os.getpid()}.part")
                try:
                    self._target.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(whole, part)
                    with part.open("rb+") as file:
                        os.fsync(file.fileno())
                    os.replace(part, self._target)
                    self._notes.tidy(whole)
                finally:
                    with contextlib.suppress(OSError):
                        part.unlink(missing_ok=True)
        except (OSError, sqlite3.Error) as exc:
            log.warning("the ledger's copy %s could not be written: %s", self._target, exc)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """No other process of this machine writes the copy: an older one must not take the place of a newer one."""
        lock = self._database.file.with_name("snapshot.lock")
        with contextlib.closing(sqlite3.connect(lock, timeout=BUSY_TIMEOUT_MS / 1000)) as db:
            db.execute("BEGIN EXCLUSIVE")
            yield

    def close(self) -> None:
        """Write what is not written yet, and wait for what is just being written: its thread would end with the process."""
        if self._timer is not None:
            self.write()
        with self._writing:
            pass


def _at_exit(held: weakref.ref[Snapshot]) -> None:
    snapshot = held()
    if snapshot is not None:
        snapshot.close()


def take_in(home: Path, own: Path, database: SqliteFile) -> list[str]:
    """Bring what other machines, or an earlier kie_nb on the network disk itself, have left in *home* into *database*.

    Returns:
        What the user should know of it, a line each.
    """
    remarks = []
    is_new = _is_empty(database)
    for file in sorted(home.glob(_PATTERN)):
        if file == database.file or (file == own and not is_new):
            continue
        try:
            with tempfile.TemporaryDirectory(dir=database.file.parent) as folder:
                local = Path(folder) / NAME
                shutil.copyfile(file, local)
                with contextlib.suppress(FileNotFoundError):  # what an earlier kie_nb had not folded in yet
                    shutil.copyfile(f"{file}-wal", f"{local}-wal")
                other = SqliteFile(local)
                try:
                    prepare(other)
                    counts = copy_ledger(other, database)
                finally:
                    other.close()
        except (OSError, KieError) as exc:
            remarks.append(f"{file} could not be taken in: {str(exc).splitlines()[0]}")
            continue
        if counts.copied:
            remarks.append(f"{counts.copied} runs were taken in from {file.name}.")
    return remarks


def _is_empty(database: SqliteFile) -> bool:
    with database.read() as db:
        return db.exec_driver_sql("SELECT 1 FROM run LIMIT 1").first() is None
