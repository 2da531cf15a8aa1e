"""Opening the ledger of a home, wherever it is kept, and bringing its schema up to date."""

from __future__ import annotations

import contextlib
import itertools
import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from .. import settings as settings_
from ..errors import NOTHING, LedgerError
from ..frontend import notebook_folder, shows_html
from ..home import LEDGER, is_plain_file
from ..keys import Secret
from ..paths import shown_path
from .database import DAMAGED, Database, SqliteFile
from .postgres import Postgres
from .schema import grants_metadata, metadata
from .sqlite_checks import check_plain

Migration = Callable[[sa.Connection], None]
BEING_MADE_S = 1.0
_MOST_NEAR = 200  # folders that are looked into


def open_database(home: Path, url: Secret | None) -> tuple[Database, list[str]]:
    """The database of *home*, or of a team at *url*, at this version, and what the user should know of it, a line each."""
    database: Database
    remarks: list[str] = []
    if url:
        database = Postgres(url)
    else:
        file = home / LEDGER
        is_guess = shows_html() and notebook_folder() is None and not settings_.chosen_home()
        remarks += _elsewhere(home) if is_guess and not file.exists() else []
        check_plain(file)
        _refuse_emptied(file)
        is_new = not os.path.lexists(home)
        database = SqliteFile(file, all_tables)
        if is_new:
            _ignore_in_git(home)
        if (disk := database.network_disk) is not None:
            remarks.append(
                f"{home} is on a network disk ({disk.fstype}): the ledger is slower there. "
                "Several machines do better with a PostgreSQL database (KIE_NB_LEDGER)."
            )
    prepare(database)
    if isinstance(database, Postgres) and database.refusal is None:
        remarks += filter(None, [database.index_words()])
    if (refusal := database.refusal) is not None:
        remarks.append(f"{refusal.message} Next: {refusal.hint}.")
    return database, remarks


def _ignore_in_git(home: Path) -> None:
    """Keep the videos of a folder that was just made out of a repository around it; the user may remove the file."""
    with contextlib.suppress(OSError), (home / ".gitignore").open("x", encoding="utf-8") as file:
        file.write("# Made by kie_nb: videos and pictures do not belong into a repository.\n*\n")


def _elsewhere(home: Path) -> list[str]:
    """That a folder nearby has runs, where a new ledger is made: the kernel may run in another folder than it did before."""
    here = home.parent
    near = [here.parent, *_folders(here.parent), *_folders(here)]
    found = [folder / home.name for folder in near if folder != here]
    old = next((shown_path(folder) for folder in found if is_plain_file(folder / LEDGER)), None)
    if old is None:
        return []
    words = f"A new folder for runs is made, {shown_path(home)}; {old} has runs already, which are not found from here."
    return [f"{words} %env KIE_NB_HOME={old} before the first cell uses those."]


def _folders(of: Path) -> list[Path]:
    try:
        with os.scandir(of) as found:
            some = itertools.islice(found, _MOST_NEAR)
            return sorted(Path(one.path) for one in some if one.is_dir(follow_symlinks=False))
    except OSError:
        return []


def _refuse_emptied(file: Path) -> None:
    """A ledger without a table beside videos that were paid for has lost its runs; SQLite would take it for a new one.

    So is a file that was copied without its `-wal` while a kernel wrote it.
    """
    until = time.monotonic() + BEING_MADE_S
    while _is_emptied(file):
        if time.monotonic() > until:
            raise LedgerError(
                f"The ledger {shown_path(file)} is empty, and there are videos beside it: it has lost its runs.",
                hint=DAMAGED,
            )
        time.sleep(0.05)  # another kernel may be making it just now


def _is_emptied(file: Path) -> bool:
    try:
        size, has_videos = file.stat().st_size, any((file.parent / "videos").iterdir())
        if size == 0 or not has_videos:
            return has_videos
        with contextlib.closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as db:
            return db.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone() is None
    except (OSError, sqlite3.Error):
        return False  # there is none, nobody may look, or it is damaged: opening it says which


def file_identity(database: Database) -> tuple[int, int] | None:
    """Which file is under the name of the one that was opened; None for a server, or if there is none."""
    try:
        found = database.file.lstat() if isinstance(database, SqliteFile) else None
    except OSError:
        return None
    return (found.st_dev, found.st_ino) if found is not None else None


def m001_tables(db: sa.Connection) -> None:
    """All tables of the first release. Before the second one, copy their definitions here as they are."""
    metadata.create_all(db)
    if db.dialect.name == "postgresql":  # else they are in a file that all ledgers of the user share
        grants_metadata.create_all(db)


MIGRATIONS: tuple[Migration, ...] = (m001_tables,)


def all_tables(db: sa.Connection) -> None:
    """The whole schema of an empty database."""
    migrate(db, 0)


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


def prepare(database: Database) -> None:
    """Bring the schema to this version, in one transaction; a database of a newer one is opened for looking only."""
    with database.read() as db:
        version = version_of(db)
    if version < len(MIGRATIONS):
        with database.write() as db:
            version = version_of(db)  # another process may have been quicker
            if version == 0 and isinstance(database, SqliteFile):
                database.make_tables(db)
            else:
                migrate(db, version)
    if version > len(MIGRATIONS):
        database.refusal = LedgerError(
            f"The ledger {database.name} was written by a newer kie_nb (its version {version}, ours {len(MIGRATIONS)}):"
            " here it can be looked at, but nothing can be written.",
            hint=f"upgrade kie_nb, or choose another with {database.setting}",
            charged=NOTHING,
        )
