"""Opening the ledger of a home, wherever it is kept."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import tempfile
import time
from pathlib import Path

from ..errors import LedgerError
from ..paths import shown_path
from .database import DAMAGED, HOME, STATE, Database, SqliteFile
from .migrations import prepare
from .notes import Notes
from .place import place
from .postgres import Postgres
from .snapshot import Snapshot, take_in

BEING_MADE_S = 1.0


def open_database(home: Path, url: str | None, state_home: Path | None) -> tuple[Database, list[str]]:
    """The database of *home*, at this version, and what the user should know of it, a line each.

    Args:
        home: The folder beside the notebook.
        url: The PostgreSQL database that a team shares, in place of a file.
        state_home: The user's own folder, for what cannot be in the home.

    Raises:
        LedgerError: it cannot be opened.
    """
    if url:
        shared = Postgres(url)
        prepare(shared)
        return shared, _refusal(shared)
    where = place(home, state_home or Path(tempfile.gettempdir()) / "kie_nb")
    _refuse_emptied(where.file, home)
    is_new = not os.path.exists(where.file)  # noqa: PTH110 - the other raises for a name that no disk takes
    file = SqliteFile(where.file, setting=STATE if where.snapshot else HOME)
    prepare(file)
    remarks = [*where.remarks, *_refusal(file)]
    if where.snapshot is not None:
        notes = file.notes = Notes(home)
        remarks += _take_in_all(home, where.snapshot, file, notes)
        Snapshot(file, where.snapshot, notes)
    elif is_new:
        # A folder that was brought here from a network disk has copies of its ledgers, and this is the first look at them.
        remarks += _take_in_all(home, where.file, file, Notes(home, may_write=False))
    return file, remarks


def _refusal(database: Database) -> list[str]:
    """Why nothing can be written: told to whoever only looks, too."""
    refusal = database.refusal
    return [f"{refusal.message} Next: {refusal.hint}."] if refusal else []


def _take_in_all(home: Path, own: Path, file: SqliteFile, notes: Notes) -> list[str]:
    # Notes after copies: they know less of the last seconds, and more of what was before.
    return [*take_in(home, own, file), *notes.take_in(file)]


def _refuse_emptied(file: Path, home: Path) -> None:
    """A ledger without a table beside videos that were paid for has lost its runs; SQLite would take it for a new one.

    So is a file that was copied without its `-wal` while a kernel wrote it.
    """
    until = time.monotonic() + BEING_MADE_S
    while _is_emptied(file, home):
        if time.monotonic() > until:
            raise LedgerError(
                f"the ledger {shown_path(file)} is empty, and there are videos beside it: it has lost its runs.",
                hint=DAMAGED,
            )
        time.sleep(0.05)  # another kernel may be making it just now


def _is_emptied(file: Path, home: Path) -> bool:
    try:
        size, has_videos = file.stat().st_size, any((home / "videos").iterdir())
        return has_videos and (size == 0 or not _has_tables(file))
    except (OSError, sqlite3.Error):
        return False  # there is none, nobody may look, or it is damaged: opening it says which


def _has_tables(file: Path) -> bool:
    with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
        return db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is not None
