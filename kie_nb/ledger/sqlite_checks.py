"""What is checked before a SQLite file is used: that it holds our tables and nothing else, and that file locks hold on its disk.

A database can carry code, and the file may come from anybody: a trigger could change a request between its check and its
sending, a view could replace rows. WAL needs shared memory of one machine, so a database on a network disk gets
a rollback journal, which is safe only where the file system's locks hold.
"""

from __future__ import annotations

import errno
import os
import re
import sqlite3
import struct
import sys
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from ..errors import LedgerError
from ..fileops import check_files
from ..paths import shown_path

Make = Callable[[sa.Connection], None]
# What ANALYZE leaves: figures for the planner.
_STATISTICS = {
    ("table", "sqlite_stat1", "sqlite_stat1"): "CREATE TABLE sqlite_stat1(tbl,idx,stat)",
    ("table", "sqlite_stat4", "sqlite_stat4"): "CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)",
}
# Clustered disks too: several machines write them, and shared memory is one machine's.
_NETWORK = re.compile(
    "9p|acfs|afpfs|afs|autofs|beegfs(_nodev)?|ceph|cifs.*|coda|cvmfs|davfs|dfs|fhgfs|gfs2?|glusterfs|gpfs|ibrix|lustre|mmfs|"
    "moosefs|ncp|ncpfs|nfs.*|ocfs2|orangefs|panfs|pvfs2|quobyte|remote|s3fs|smb.*|snfs|stornext|vboxsf|virtiofs|webdav|"
    "weka|wekafs|xtreemfs"
)
# Programs that show local files as a file system; any other program may have them from far away.
_LOCAL_FUSE = re.compile(
    "appimage|bindfs|cryfs|encfs|exfat|ext2|ext4|fuse-overlayfs|gocryptfs|gvfsd-fuse|lxcfs|mergerfs|ntfs|ntfs-3g|portal|"
    "snapfuse|squashfuse|unionfs|zfs"
)
# Mount options of NFS by which locks are known to this machine alone.
_LOCAL_LOCKS = frozenset({"nolock", "local_lock=all", "local_lock=posix"})


def check_plain(file: Path) -> None:
    """Refuse a database that SQLite must not open, see `check_files`; the folder that holds it may be reached by a link."""
    try:
        check_files(file.parent.resolve() / file.name)
    except NotADirectoryError:  # making the folder says so
        return
    except OSError as exc:
        raise LedgerError(
            f"The ledger {shown_path(file)} cannot be used: {exc.strerror or exc} ({Path(exc.filename or file).name}).",
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
    """Refuse the file called *name* if it holds anything but what *make* makes in an empty database.

    Returns:
        Whether a newer kie_nb wrote it: it may have other tables, which are looked at and never written.
    """
    own, version, _ = _own(make)
    found = _contents(connection)
    strange = {key for key, sql in found.items() if own.get(key) != sql and _STATISTICS.get(key) != sql}
    if not strange:
        return False
    if all(kind in {"table", "index"} for kind, *_ in strange) and _version(connection, found, own) > version:
        return True
    listed = ", ".join(sorted(f"{kind} {what}" for kind, what, _ in strange)[:5])
    raise LedgerError(
        f"The ledger {name} contains what kie_nb did not create: {listed}. It could change what is sent, so nothing in it is used.",
        hint="drop it with a SQLite browser if you know it, or choose another folder with KIE_NB_HOME",
        charged="",
    )


def make_tables(db: sa.Connection, make: Make) -> None:
    """Do what *make* does; in an empty file by its statements alone, which takes a tenth of the time."""
    if db.exec_driver_sql("SELECT count(*) FROM sqlite_master").scalar():
        make(db)
        return
    for statement in _own(make)[2]:
        db.exec_driver_sql(statement)


@cache
def _own(make: Make) -> tuple[dict[tuple[str, str, str], str], int, list[str]]:
    with sa.create_engine("sqlite://", poolclass=sa.pool.NullPool).begin() as db:
        make(db)
        raw: Any = db.connection.dbapi_connection
        found = _contents(raw)
        version = _version(raw, found, found)
        listed = raw.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
        statements, virtual = list[str](), list[str]()
        for name, sql in listed:
            if not name.startswith(tuple(f"{table}_" for table in virtual)):  # a virtual table makes its own
                statements.append(sql)
            virtual += [name] * sql.startswith("CREATE VIRTUAL")
        rows = [line for line in raw.iterdump() if line.startswith('INSERT INTO "schema_version"')]
        return found, version, statements + rows


def _contents(connection: sqlite3.Connection) -> dict[tuple[str, str, str], str]:
    """What each entry of the schema was made by; white space is SQLAlchemy's and may change with it."""
    found = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall()
    contents = {(str(kind), str(name), str(of)): " ".join(str(sql).split()) for kind, name, of, sql in found}
    return contents if len(contents) == len(found) else {("table", "twice", ""): ""}


def _version(connection: sqlite3.Connection, found: dict[Any, str], own: dict[Any, str]) -> int:
    key = ("table", "schema_version", "schema_version")
    if key not in found or found[key] != own.get(key):
        return 0
    newest = connection.execute("SELECT max(version) FROM schema_version").fetchone()[0]
    return newest if isinstance(newest, int) else 0


@dataclass(frozen=True, slots=True)
class Mount:
    """A file system, where it begins, and how it is mounted."""

    folder: str
    fstype: str
    options: str = ""


def is_network(fstype: str) -> bool:
    """Whether files of this kind of file system are on another machine."""
    kind = fstype.strip().lower()
    program = kind.removeprefix("fuse.")
    return (not _LOCAL_FUSE.fullmatch(program)) if program != kind else bool(_NETWORK.fullmatch(kind))


def mount_of(folder: Path, mounts: Iterable[Mount]) -> Mount | None:
    """The file system of *folder*: of the mounts above it the deepest, and of equal ones the last."""
    above = [mount for mount in mounts if folder.is_relative_to(mount.folder)]
    return max(reversed(above), key=lambda mount: len(Path(mount.folder).parts), default=None)


def mounts_here() -> list[Mount]:
    """The file systems of this machine."""
    import psutil

    try:
        found = psutil.disk_partitions(all=True)
    except (OSError, RuntimeError, psutil.Error):  # a sandbox without a list of them
        return []
    return [Mount(at.mountpoint, "remote" if "remote" in at.opts else at.fstype, at.opts) for at in found]


def network_disk_of(folder: Path) -> Mount | None:
    """The network disk that *folder* is on; None where it is on a disk of this machine."""
    mount = mount_of(folder.resolve(), mounts_here())
    return mount if mount is not None and is_network(mount.fstype) else None


def check_locks(folder: Path, mount: Mount, setting: str) -> None:
    """Refuse a network disk whose file locks do not hold: two programs could write the database in *folder* at once."""
    is_local = _LOCAL_LOCKS & set(mount.options.split(","))
    fault = "they hold on this machine alone" if is_local else _try(folder)
    if fault:
        raise LedgerError(
            f"{folder} is on a network disk ({mount.fstype}) whose file locks cannot be relied on: {fault}.",
            hint=f"choose a folder on a local disk with {setting}, or a PostgreSQL database with KIE_NB_LEDGER",
        )


def _try(folder: Path) -> str:
    """Why a lock on a file in *folder* does not keep a second one out; "" where it does, or where nobody may write."""
    file = folder / f".lock-{uuid.uuid4().hex}"
    try:
        with file.open("xb") as first, file.open("rb+") as second:
            return _second_lock(first.fileno(), second.fileno())
    except PermissionError:
        return ""
    except OSError as exc:
        return str(exc.strerror or exc)
    finally:
        file.unlink(missing_ok=True)


def _second_lock(first: int, second: int) -> str:
    try:
        import fcntl
    except ImportError:  # Windows: shares have mandatory locks
        return ""
    # Elsewhere `struct flock` has another order of its fields, or there is no such lock.
    command = getattr(fcntl, "F_OFD_SETLK", None) if sys.platform == "linux" else None
    whole_file = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    try:
        if command is not None:
            fcntl.fcntl(first, command, whole_file)
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise
        command = None
    if command is None:  # no locks of an open file: whether a lock is given at all can still be seen
        fcntl.lockf(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return ""
    try:
        fcntl.fcntl(second, command, whole_file)
    except OSError as exc:
        if exc.errno in {errno.EAGAIN, errno.EACCES}:
            return ""
        raise
    return "a second lock was given while the first was held"
