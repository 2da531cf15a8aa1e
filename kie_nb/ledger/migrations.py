"""Schema changes, in order. A released function is never edited; the next change is a new one below it."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from ..errors import LedgerError
from . import m001, m002, m003, m004, m005, m006
from .database import Database

Migration = Callable[[sa.Connection], None]


def m001_tables(db: sa.Connection) -> None:
    """The first tables."""
    m001.metadata.create_all(db)


def m002_money_and_words(db: sa.Connection) -> None:
    """Budgets, balances around a create, what people say of a run; grants where the database is shared."""
    shared = m002.SHARED_GRANTS if db.dialect.name == "postgresql" else ()
    for statement in (*m002.STATEMENTS, *shared):
        db.exec_driver_sql(statement)


def m003_experiments(db: sa.Connection) -> None:
    """Definitions of experiments, and which requests are their cells."""
    for statement in m003.STATEMENTS:
        db.exec_driver_sql(statement)


def m004_origin(db: sa.Connection) -> None:
    """Where a run was asked for: notebook, cell, commit."""
    for statement in m004.STATEMENTS:
        db.exec_driver_sql(statement)


def m005_home_copies(db: sa.Connection) -> None:
    """Which copies of ledgers in the home were taken in."""
    for statement in m005.STATEMENTS:
        db.exec_driver_sql(statement)


def m006_files(db: sa.Connection) -> None:
    """Each file of a run with its number, hash and size; how many its task made."""
    for statement in m006.STATEMENTS:
        db.exec_driver_sql(statement)


MIGRATIONS: tuple[Migration, ...] = (
    m001_tables,
    m002_money_and_words,
    m003_experiments,
    m004_origin,
    m005_home_copies,
    m006_files,
)


def prepare(database: Database) -> None:
    """Bring the schema to this version, in one transaction; a database of a newer one is opened for looking only.

    What is older is copied first, where it is a file. A process that dies in the middle leaves the old version whole.

    Raises:
        LedgerError: it cannot be used, or not be copied.
    """
    with database.read() as db:
        version = version_of(db)
    if version < len(MIGRATIONS):
        with database.write() as db:
            version = version_of(db)  # somebody may have been quicker
            if 0 < version < len(MIGRATIONS):
                database.keep_copy(version)
            migrate(db, version)
    if version > len(MIGRATIONS):
        database.refusal = LedgerError(
            f"the ledger {database.name} was written by a newer kie_nb (its version {version}, ours {len(MIGRATIONS)}):"
            " here it can be looked at, but nothing can be written.",
            hint="upgrade kie_nb, or choose another folder with KIE_NB_HOME",
        )


def migrate(db: sa.Connection, version: int) -> None:
    """Take each step from *version* on, inside the caller's transaction."""
    db.exec_driver_sql("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
    for number, migration in enumerate(MIGRATIONS[version:], start=version + 1):
        migration(db)
        db.execute(sa.text("INSERT INTO schema_version (version) VALUES (:number)"), {"number": number})


def version_of(db: sa.Connection) -> int:
    """The version of the tables that are there; 0 for none."""
    if not sa.inspect(db).has_table("schema_version"):
        return 0
    return int(db.exec_driver_sql("SELECT max(version) FROM schema_version").scalar() or 0)
