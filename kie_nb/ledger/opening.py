"""Opening the ledger of a home, wherever it is kept."""

from __future__ import annotations

import contextlib
import sqlite3
import tempfile
import time
from pathlib import Path

from ..errors import LedgerError
from ..paths import shown_path
from .database import DAMAGED, HOME, STATE, Database, SqliteFile, alone
from .migrations import prepare
from .notes import Notes
from .place import Place, place
from .postgres import Postgres
from .snapshot import Snapshot
from .taking_in import TakingIn, own_copy

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
    file = SqliteFile(where.file, setting=STATE if where.network else HOME)
    prepare(file)
    if file.refusal is not None:  # nothing can be taken in or noted
        return file, _refusal(file)
    if where.network:
        return file, _begin_away(home, where, file)
    # A folder that was on a network disk, or is on one for other machines, has their copies and notes.
    return file, TakingIn(home, file, Notes(home, may_write=False)).begin()


def _refusal(database: Database) -> list[str]:
    """Why nothing can be written: told to whoever only looks, too."""
    refusal = database.refusal
    return [f"{refusal.message} Next: {refusal.hint}."] if refusal else []


def _begin_away(home: Path, where: Place, file: SqliteFile) -> list[str]:
    """A ledger whose home is on a network disk: what is there comes in, and from now on it is copied and noted there."""
    try:
        with alone(file.file.with_name("snapshot.lock")):  # not while another kernel puts one there
            own = own_copy(file, home)
    except sqlite3.Error:  # it is long at it: at worst a second name is drawn
        own = own_copy(file, home)
    remark = (
        f"{home} is on a network disk ({where.network}), where a database is not safe: the ledger is kept in {file.file},"
        f" and a copy of it in {own} beside the videos. Machines that use it at once see each other's runs"
        " only when they open it."
    )
    file.notes = Notes(home)
    said = TakingIn(home, file, file.notes, own).begin()
    Snapshot(file, home, file.notes)
    return [remark, *said]


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
