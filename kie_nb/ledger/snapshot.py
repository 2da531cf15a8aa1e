"""A copy of the ledger in a home on a network disk.

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
from pathlib import Path

from ..errors import LedgerError
from .database import SqliteFile, alone, copy_file
from .notes import Notes
from .place import NAME
from .taking_in import own_copy, remember_own

log = logging.getLogger("kie_nb")

EVERY_S = 3.0


class Snapshot:
    """Keeps a copy in *home* as new as *database*, give or take a few seconds; brought up to date at exit."""

    def __init__(self, database: SqliteFile, home: Path, notes: Notes) -> None:
        self._database = database
        self._home = home
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
                alone(
                    self._database.file.with_name("snapshot.lock")
                ),  # an older copy must not replace a newer one
                tempfile.TemporaryDirectory(dir=self._database.file.parent) as folder,
            ):
                target = self._home / own_copy(self._database, self._home)
                whole = Path(folder) / NAME
                copy_file(self._database.file, whole)
                part = target.with_name(f".{target.name}.{os.getpid()}.part")
                try:
                    self._home.mkdir(parents=True, exist_ok=True)
                    shutil.copyfile(whole, part)
                    with part.open("rb+") as file:
                        os.fsync(file.fileno())
                    remember_own(self._database, part)
                    os.replace(part, target)
                    self._notes.tidy(whole)
                finally:
                    with contextlib.suppress(OSError):
                        part.unlink(missing_ok=True)
        except (OSError, sqlite3.Error, LedgerError) as exc:
            log.warning("the ledger's copy in %s could not be written: %s", self._home, exc)

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
