"""The database: short write transactions, each with the write lock from its start.

`Database` says what the ledger needs of one; `SqliteFile` is the file beside the notebook, `postgres.py` a team's server.
"""

from __future__ import annotations

import contextlib
import functools
import os
import sqlite3
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..errors import NOTHING, InvalidRequest, LedgerError, without_frames
from ..paths import make_private, open_private, shown_path
from .news import FileNews, ServerNews
from .reading import Reading, json_column, json_text
from .sqlite_checks import (
    Make,
    check_locks,
    check_own,
    check_plain,
    harden,
    make_tables,
    network_disk_of,
    schema_number,
)

BUSY_TIMEOUT_MS = 30_000
HOME, STATE = "KIE_NB_HOME or configure(home=...)", "KIE_NB_STATE"  # what chooses a folder
# Text that is not UTF-8 is refused where rows are checked; an error in the driver would lose all other rows too.
_TEXT = functools.partial(str, encoding="utf-8", errors="surrogateescape")
_WAL_TRIES = 40  # SQLite does not wait while another process makes the same switch
DAMAGED = (
    "the file is left as it is: put a copy of before in its place, or move it away and import an export; "
    "without its runs the same cells would buy their videos again"
)


class Database(ABC):
    """Short transactions over one *engine*, called *name* in messages."""

    is_shared = False  # whether processes on other machines use it too: then the rate grants are in it
    home: Path | None = None  # the folder of its file
    setting: str  # what chooses another, for hints
    news: FileNews | ServerNews

    def __init__(self, engine: sa.Engine, name: str) -> None:
        self.name = name
        self.refusal: LedgerError | None = None  # why nothing may be written, where nothing may
        self.reading = Reading(name)
        self._engine = engine
        self._held: sa.Connection | None = None

    def keep_open(self) -> None:
        """Hold a connection to what is opened now: a new one goes to the file that has replaced it meanwhile."""
        if self.refusal is None:
            self._held = self._engine.connect()

    @contextlib.contextmanager
    def as_opened(self) -> Iterator[sa.Connection]:
        """A connection for reading what was opened, whatever is under its name now; by one thread at a time."""
        if self._held is None:
            with self.read() as db:
                yield db
        else:
            with self._translated():
                yield self._held

    @contextlib.contextmanager
    def write(self, *, is_news: bool = True) -> Iterator[sa.Connection]:
        """One transaction that holds the write lock from its start, so that what it reads stays true.

        Where it is no news for anybody who shows runs, nobody is told.
        """
        if self.refusal is not None:
            raise LedgerError.like(self.refusal)
        with self._translated(), self._transaction(is_news=is_news) as db:
            yield db
        if is_news:
            self.news.changed()

    @contextlib.contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """A connection for reading; it never blocks writers."""
        with self._translated(), self._look() as db:
            yield db

    def close(self) -> None:
        """Close it."""
        self.news.close()
        held, self._held = self._held, None
        if held is not None:
            held.close()
        self._engine.dispose()

    @abstractmethod
    def _transaction(self, *, is_news: bool) -> contextlib.AbstractContextManager[sa.Connection]: ...

    @abstractmethod
    def _look(self) -> contextlib.AbstractContextManager[sa.Connection]: ...

    @abstractmethod
    def _trouble(self, exc: sa.exc.DBAPIError) -> tuple[str, str]:
        """What the database says, and the next step."""

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sa.exc.DBAPIError as exc:
            without_frames(exc)  # the driver's frames hold the password of a server
            said, hint = self._trouble(exc)
            raise LedgerError(f"The ledger {self.name} cannot be used: {said}.", hint=hint) from None
        except UnicodeEncodeError as exc:
            words = "The text contains an incomplete character and cannot be stored or searched for."
            raise InvalidRequest(words, hint="type it again") from exc


class SqliteFile(Database):
    """One SQLite file, with WAL on a disk of this machine and a rollback journal on a network disk.

    Args:
        file: Its folder is made if it is missing.
        make: Makes all the tables that may be in it.
        durable: Whether a committed write must survive a power cut (what money needs).
        private: Whether nobody but its owner may read it.
        setting: What chooses its folder, for hints.
    """

    def __init__(
        self, file: Path, make: Make, *, durable: bool = True, private: bool = False, setting: str = HOME
    ) -> None:
        self.file, self.home, self.setting, self._make = file, file.parent, setting, make
        try:
            if private:
                make_private(file.parent)
                os.close(open_private(file, os.O_RDWR))
            file.parent.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            words = f"The folder {file.parent} cannot be created: {exc.strerror or exc}."
            raise LedgerError(words, hint=f"choose another with {setting}") from exc
        self.network_disk = network_disk_of(file.parent)
        self.news = FileNews(file, is_remote=self.network_disk is not None)
        is_read_only = _is_read_only(file)
        if self.network_disk is not None and not is_read_only:
            check_locks(file.parent, self.network_disk, setting)
        journal = "delete" if self.network_disk else "wal"

        def _connect() -> sqlite3.Connection:
            check_plain(file)
            # WAL needs a file beside it also to read; what is closed and cannot be written is read without.
            is_closed = is_read_only and not _has_content(file.with_name(f"{file.name}-wal"))
            uri = file.as_uri() + ("?mode=ro&immutable=1" if is_closed else "")
            return sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_MS / 1000, check_same_thread=False)

        engine = sa.create_engine(
            "sqlite://",
            creator=_connect,
            # Its owner may open what we cannot write: each look finds out anew, for pages would be kept as they were.
            poolclass=sa.pool.NullPool if is_read_only else sa.pool.QueuePool,
            json_serializer=json_text,
            json_deserializer=json_column,
        )

        @sa.event.listens_for(engine, "connect")
        def _settings(connection: sqlite3.Connection, _record: Any) -> None:
            connection.isolation_level = None  # we say BEGIN ourselves: sqlite3's own would not be IMMEDIATE
            connection.text_factory = _TEXT
            harden(connection)
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            check_own(connection, make, shown_path(file))
            if not is_read_only:
                _choose_journal(connection, journal)
            connection.execute(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")

        super().__init__(engine, shown_path(file))
        if is_read_only:
            self.refusal = LedgerError(
                f"The folder {shown_path(file.parent)} cannot be written, so no new video can be recorded in it.",
                hint=f"what is in it can be looked at; choose a folder of your own with {setting}",
                charged=NOTHING,
            )

    def make_tables(self, db: sa.Connection) -> None:
        """Make the tables that are missing, in the caller's transaction."""
        make_tables(db, self._make)

    def _trouble(self, exc: sa.exc.DBAPIError) -> tuple[str, str]:
        hint = "check the disk and the folder's rights; the file itself is left as it is"
        return str(exc.orig), hint if isinstance(exc.orig, sqlite3.OperationalError) else DAMAGED

    @contextlib.contextmanager
    def _transaction(self, *, is_news: bool) -> Iterator[sa.Connection]:
        del is_news  # the file says it
        with self._engine.connect() as db:
            db.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                self._check_own(db, may_write=True)
                yield db
                db.exec_driver_sql("COMMIT")
            except BaseException:
                # A full disk may have rolled it back already, and ■ in mid-statement closes the connection, which does.
                with contextlib.suppress(sa.exc.SQLAlchemyError):
                    db.exec_driver_sql("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _look(self) -> Iterator[sa.Connection]:
        with self._engine.connect() as db:
            self._check_own(db)
            yield db

    def _check_own(self, db: sa.Connection, *, may_write: bool = False) -> None:
        """Check the tables again if the schema has changed: another process may have added a trigger."""
        raw: Any = db.connection.dbapi_connection
        number = schema_number(raw)
        if db.info.get("schema", (None,))[0] != number:
            db.info["schema"] = (number, check_own(raw, self._make, self.name))
        if may_write and db.info["schema"][1]:  # found at opening, it is refused before
            words = f"The ledger {self.name} was upgraded by a newer kie_nb meanwhile."
            raise LedgerError(words, hint="restart the kernel")


def _is_read_only(file: Path) -> bool:
    return file.exists() and not (os.access(file.parent, os.W_OK) and os.access(file, os.W_OK))


def _has_content(file: Path) -> bool:
    try:
        return file.lstat().st_size > 0
    except OSError:
        return False


def _choose_journal(connection: sqlite3.Connection, mode: str) -> None:
    """Switch only where it is needed: the switch needs exclusive access for a moment."""
    for attempt in range(_WAL_TRIES):
        if connection.execute("PRAGMA journal_mode").fetchone()[0] == mode:
            return
        try:
            connection.execute(f"PRAGMA journal_mode = {mode}")
        except sqlite3.OperationalError as exc:
            if "locked" not in str(exc) or attempt == _WAL_TRIES - 1:
                raise
            time.sleep(0.05)
