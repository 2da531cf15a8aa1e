"""Network disks: which file systems are on another machine, and whether file locks hold there.

SQLite's WAL needs shared memory of one machine, so a database on a network disk gets a rollback journal. That is safe only
where the file system's locks hold, so they are tried before the database is opened.
"""

from __future__ import annotations

import errno
import os
import re
import struct
import sys
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ..errors import LedgerError

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
    return [
        Mount(entry.mountpoint, "remote" if "remote" in entry.opts else entry.fstype, entry.opts)
        for entry in found
    ]


def network_disk_of(folder: Path) -> Mount | None:
    """The network disk that *folder* is on; None where it is on a disk of this machine."""
    mount = mount_of(folder.resolve(), mounts_here())
    return mount if mount is not None and is_network(mount.fstype) else None


def check_locks(folder: Path, mount: Mount, setting: str) -> None:
    """Refuse a network disk whose file locks do not hold.

    Args:
        folder: Where the database is.
        mount: The network disk.
        setting: What chooses the folder, for the hint.

    Raises:
        LedgerError: two programs could write the database at once.
    """
    fault = (
        "they hold on this machine alone" if _LOCAL_LOCKS & set(mount.options.split(",")) else _try(folder)
    )
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
    command, whole_file = getattr(fcntl, "F_OFD_SETLK", None) if sys.platform == "linux" else None, b""
    try:
        if command is not None:
            whole_file = struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
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
