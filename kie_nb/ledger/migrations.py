"""Schema changes, in order. A released function is never edited; the next change is a new one below it."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from ..errors import LedgerError
from .database import Database
from .schema import grants_metadata, metadata

Migration = Callable[[sa.Connection], None]


def m001_tables(db: sa.Connection) -> None:
    """All tables of the first release. Before the second one, copy their definitions here as they are."""
    metadata.create_all(db)
    if (
        db.dialect.name == "postgresql"
    ):  # on one machine they are in a file that all ledgers of the user share
        grants_metadata.create_all(db)


MIGRATIONS: tuple[Migration, ...] = (m001_tables,)


def all_tables(db: sa.Connection) -> None:
    """The whole schema of an empty database."""
    migrate(db, 0)


def prepare(database: Database) -> None:
    """Bring the schema to this version, in one transaction; a database of a newer one is opened for looking only.

    A process that dies in the middle leaves the old version whole.

    Raises:
        LedgerError: it cannot be used.
    """
    with database.read() as db:
        version = version_of(db)
    if version < len(MIGRATIONS):
        with database.write() as db:
            version = version_of(db)  # another process may have been quicker
            migrate(db, version)
    if version > len(MIGRATIONS):
        database.refusal = LedgerError(
            f"the ledger {database.name} was written by a newer kie_nb (its version {version}, ours {len(MIGRATIONS)}):"
            " here it can be looked at, but nothing can be written.",
            hint="upgrade kie_nb, or choose another folder with KIE_NB_HOME",
        )


def migrate(db: sa.Connection, version: int) -> None:
    """Run each migration after *version*, inside the caller's transaction."""
    db.exec_driver_sql("CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL)")
    for number, migration in enumerate(MIGRATIONS[version:], start=version + 1):
        migration(db)
        db.execute(sa.text("INSERT INTO schema_version (version) VALUES (:number)"), {"number": number})


def version_of(db: sa.Connection) -> int:
    """The version of the tables that are there; 0 for none."""
    if not sa.inspect(db).has_table("schema_version"):
        return 0
    return int(db.exec_driver_sql("SELECT max(version) FROM schema_version").scalar() or 0)
