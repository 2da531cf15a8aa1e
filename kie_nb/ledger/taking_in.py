"""What other machines, or an earlier kie_nb on the network disk itself, have left in a home joins its ledger.

The ledger keeps which copies it has taken in, and how they were; that is written after the last of their runs, so that what
was broken off is done again. While a copy cannot be read, nothing new is bought: it may tell that it was paid for.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import tempfile
from pathlib import Path

import sqlalchemy as sa

from ..errors import NOTHING, KieError, LedgerError
from .copy import copy_ledger
from .database import SqliteFile, alone
from .migrations import prepare
from .notes import Notes
from .place import NAME, copy_name
from .schema import home_copy

NOT_THERE = "-"
_PATTERNS = (
    NAME,
    "ledger.*.snapshot*.sqlite",
)  # with what programs that keep folders alike call a second one


def own_copy(database: SqliteFile, home: Path) -> str:
    """The name of the copy that this ledger makes in *home*; drawn once, for machines may have the same name.

    What lies there under that name and was not written by this ledger is another's: its machine was made from this one, or
    this ledger was set back to what it was. It is left as it is, to be taken in like any other, and a new name is drawn.
    """
    query = sa.select(home_copy.c.name).where(home_copy.c.mark.is_(None))
    with database.read() as db:
        name: str | None = db.execute(query).scalar()
    if name is not None and _is_ours(database, home / name):
        return name
    with database.write() as db:
        if db.execute(query).scalar() not in {None, name}:  # somebody was quicker
            return str(db.execute(query).scalar())
        db.execute(home_copy.delete().where(home_copy.c.mark.is_(None)))
        name = copy_name()
        db.execute(home_copy.insert(), {"name": name, "mark": None})
    return name


def remember_own(database: SqliteFile, part: Path) -> None:
    """Keep how the copy is that this ledger puts into the home; a rename leaves it so."""
    _memory_of(database).write_text(_mark_of(os.fspath(part)), encoding="utf-8")


def _is_ours(database: SqliteFile, file: Path) -> bool:
    mark = _mark_of(os.fspath(file))
    try:
        return mark in {NOT_THERE, _memory_of(database).read_text(encoding="utf-8")}
    except OSError:
        return mark == NOT_THERE


def _memory_of(database: SqliteFile) -> Path:
    return database.file.with_name("own-copy.txt")


class TakingIn:
    """Brings what is in a home into its ledger.

    Args:
        home: The folder beside the notebook.
        database: The ledger.
        notes: The notes of the home.
        own: The copy that this ledger makes itself, if it makes one.
    """

    def __init__(self, home: Path, database: SqliteFile, notes: Notes, own: str | None = None) -> None:
        self._home = home
        self._database = database
        self._notes = notes
        self._own = own

    def begin(self) -> list[str]:
        """Take in what is new; what cannot be is tried again before anything new is bought.

        Returns:
            What the user should know of it, a line each.
        """
        said, failed = self._take_in()
        if failed:
            self._database.before_buying = self._again
        return [*said, *failed]

    def _again(self) -> None:
        _, failed = self._take_in()
        if failed:
            raise LedgerError(
                f"{failed[0]} It may tell of videos that are paid for, so nothing new is bought.",
                hint="run the cell again when it can be read; or move the file out of the folder, if what it tells may be bought again",
                charged=NOTHING,
            )
        self._database.before_buying = None

    def _take_in(self) -> tuple[list[str], list[str]]:
        """What came in, and what could not; one process after the other, so that none buys what another is bringing in."""
        if not self._news() and not self._notes.has_any():
            return [], []
        try:
            with alone(self._database.file.with_name("taking-in.lock")):
                said, failed = self._copies()
                # Notes after copies: they know less of the last seconds, and more of what was before.
                noted, left = self._notes.take_in(self._database)
                return [*said, *noted], [*failed, *left]
        except sqlite3.Error as exc:  # somebody else is long at it, or nothing may be written here
            return [], [f"What other machines have left in {self._home} could not be taken in: {exc}."]

    def _news(self) -> dict[Path, str]:
        """The copies that were not taken in as they are now, each with its mark."""
        found = {file: _mark(file) for pattern in _PATTERNS for file in sorted(self._home.glob(pattern))}
        others = {
            file: mark
            for file, mark in found.items()
            if file != self._database.file and file.name != self._own
        }
        if not others:
            return {}
        with self._database.read() as db:
            known = {row.name: row.mark for row in db.execute(sa.select(home_copy))}
        return {file: mark for file, mark in others.items() if known.get(file.name) != mark}

    def _copies(self) -> tuple[list[str], list[str]]:
        said, failed = [], []
        for file, mark in self._news().items():
            try:
                copied = _join(file, self._database)
                self._record(file.name, mark)
            except (OSError, KieError) as exc:
                failed.append(f"{file} could not be taken in: {str(exc).splitlines()[0].rstrip('.')}.")
                continue
            if copied:
                said.append(f"{copied} runs were taken in from {file.name}.")
        return said, failed

    def _record(self, name: str, mark: str) -> None:
        with self._database.write() as db:
            db.execute(home_copy.delete().where(home_copy.c.name == name))
            db.execute(home_copy.insert(), {"name": name, "mark": mark})


def _join(file: Path, database: SqliteFile) -> int:
    """How many runs came in from *file*."""
    with tempfile.TemporaryDirectory(dir=database.file.parent) as folder:
        local = Path(folder) / NAME
        shutil.copyfile(file, local)
        with contextlib.suppress(FileNotFoundError):  # what an earlier kie_nb had not folded in yet
            shutil.copyfile(f"{file}-wal", f"{local}-wal")
        other = SqliteFile(local)
        try:
            prepare(other)
            return copy_ledger(other, database).copied
        finally:
            other.close()


def _mark(file: Path) -> str:
    """How a copy is now: another one under its name has another mark, though it be as long and as old to the second."""
    return " ".join(_mark_of(part) for part in (os.fspath(file), f"{file}-wal"))


def _mark_of(file: str) -> str:
    try:
        found = os.stat(file)  # noqa: PTH116 - one of the two is a text
    except OSError:  # there is none, or reading it will say why not
        return NOT_THERE
    return f"{found.st_ino}:{found.st_mtime_ns}:{found.st_size}"
