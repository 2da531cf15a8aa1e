"""A SQLite file must hold our tables and nothing else: a database can carry code, and the file may come from a stranger.

A trigger would change a request between its check and its sending, a view would give others' rows for ours.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..errors import LedgerError
from ..paths import shown_path
from ..sqlite_files import check_files

Make = Callable[[sa.Connection], None]
# What ANALYZE leaves: figures for the planner.
_STATISTICS = {
    ("table", "sqlite_stat1", "sqlite_stat1"): "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
    ("table", "sqlite_stat4", "sqlite_stat4"): "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
}


def check_plain(file: Path) -> None:
    """Refuse a database that SQLite must not open, see `check_files`; the folder that holds it may be reached by a link.

    Raises:
        LedgerError: nothing was opened.
    """
    try:
        check_files(file.parent.resolve() / file.name)
    except NotADirectoryError:  # making the folder says so
        return
    except OSError as exc:
        raise LedgerError(
            f"the ledger {shown_path(file)} cannot be used: {exc.strerror or exc} ({Path(exc.filename or file).name}).",
            hint="put the file itself there; only the folder that holds it may be a link",
            charged="",
        ) from exc


def harden(connection: sqlite3.Connection) -> None:
    """Disable code in the file; before the first statement that reads its schema."""
    connection.execute("PRAGMA trusted_schema = OFF")
    connection.execute("PRAGMA cell_size_check = ON")
    if hasattr(connection, "setconfig"):  # Python 3.12
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_DEFENSIVE, True)  # type: ignore[attr-defined]
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_TRIGGER, False)  # type: ignore[attr-defined]
        connection.setconfig(sqlite3.SQLITE_DBCONFIG_ENABLE_VIEW, False)  # type: ignore[attr-defined]


def schema_number(connection: sqlite3.Connection) -> int:
    """A number that changes with the schema, whoever changes it."""
    return int(connection.execute("PRAGMA schema_version").fetchone()[0])


def check_own(connection: sqlite3.Connection, make: Make, name: str) -> bool:
    """Refuse a file that holds anything but what *make* makes.

    Args:
        make: Makes all tables in an empty database.
        name: Of the file, for messages.

    Returns:
        Whether a newer kie_nb wrote it: it may have other tables, which are looked at and never written.

    Raises:
        LedgerError: naming what is not ours; nothing of it was used.
    """
    own, version = _own(make)
    found = _contents(connection)
    strange = {key for key, sql in found.items() if own.get(key) != sql and _STATISTICS.get(key) != sql}
    if not strange:
        return False
    if all(kind in {"table", "index"} for kind, *_ in strange) and _version(connection, found, own) > version:
        return True
    listed = ", ".join(sorted(f"{kind} {what}" for kind, what, _ in strange)[:5])
    raise LedgerError(
        f"the ledger {name} holds what kie_nb did not make: {listed}. It could change what is sent, so nothing in it is used.",
        hint="drop it with a SQLite browser if you know it, or choose another folder with KIE_NB_HOME",
        charged="",
    )


@cache
def _own(make: Make) -> tuple[dict[tuple[str, str, str], str], int]:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as db:
        make(db)
        raw: Any = db.connection.dbapi_connection
        found = _contents(raw)
        version = _version(raw, found, found)
    engine.dispose()
    return found, version


def _contents(connection: sqlite3.Connection) -> dict[tuple[str, str, str], str]:
    """What each entry of the schema was made by; white space is SQLAlchemy's and may change with it."""
    found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    contents = {
        (str(kind), str(name), str(table)): " ".join(str(sql).split()) for kind, name, table, sql in found
    }
    return contents if len(contents) == len(found) else {("table", "twice", ""): ""}


def _version(connection: sqlite3.Connection, found: dict[Any, str], own: dict[Any, str]) -> int:
    key = ("table", "schema_version", "schema_version")
    if key not in found or found[key] != own.get(key):
        return 0
    newest = connection.execute("SELECT max(version) FROM schema_version").fetchone()[0]
    return newest if isinstance(newest, int) else 0
