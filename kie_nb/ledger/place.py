"""Where the ledger lives: on the team's server, in the home, or, where the home is on a network disk, on one of this machine.

SQLite trusts a file system's locks and shared memory, and those of network disks cannot be trusted: there the file is kept
on a local disk, and the home gets a copy of it after each change, and before that a note of each run that may cost money;
another machine takes both in when it begins.
"""

from __future__ import annotations

import hashlib
import os
import re
import socket
import stat
import tempfile
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import LedgerError

NAME = "ledger.sqlite"
LOCAL_FOLDERS = ("/var/tmp",)  # noqa: S108 - outlives a restart; what is made there is for its user alone
# Clustered disks too: several machines write them, and SQLite's shared memory is one machine's.
_NETWORK = frozenset(
    {
        "9p",
        "acfs",
        "afpfs",
        "afs",
        "autofs",
        "beegfs",
        "beegfs_nodev",
        "ceph",
        "cifs",
        "coda",
        "cvmfs",
        "davfs",
        "dfs",
        "fhgfs",
        "gfs",
        "gfs2",
        "glusterfs",
        "gpfs",
        "ibrix",
        "lustre",
        "mmfs",
        "moosefs",
        "ncp",
        "ncpfs",
        "ocfs2",
        "orangefs",
        "panfs",
        "pvfs2",
        "quobyte",
        "remote",
        "s3fs",
        "smbfs",
        "snfs",
        "stornext",
        "vboxsf",
        "virtiofs",
        "webdav",
        "weka",
        "wekafs",
        "xtreemfs",
    }
)
# Programs that show local files as a file system; any other program may have them from far away.
_LOCAL_FUSE = frozenset(
    {
        "appimage",
        "bindfs",
        "cryfs",
        "encfs",
        "exfat",
        "ext2",
        "ext4",
        "fuse-overlayfs",
        "gocryptfs",
        "gvfsd-fuse",
        "lxcfs",
        "mergerfs",
        "ntfs",
        "ntfs-3g",
        "portal",
        "snapfuse",
        "squashfuse",
        "unionfs",
        "zfs",
    }
)


@dataclass(frozen=True, slots=True)
class Mount:
    """A file system and where it begins."""

    folder: str
    fstype: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where the file of a home is.

    Attributes:
        file: The file that is written.
        network: The kind of network disk that the home is on, where the file itself is elsewhere.
    """

    file: Path
    network: str | None = None


def is_network(fstype: str) -> bool:
    """Whether files of this kind of file system are on another machine."""
    kind = fstype.strip().lower()
    if kind.startswith("fuse."):
        return kind.removeprefix("fuse.") not in _LOCAL_FUSE
    return kind in _NETWORK or kind.startswith(("nfs", "smb", "cifs"))


def place_of(home: Path, mounts: Iterable[Mount]) -> Mount | None:
    """The file system that *home* is on: of the mounts above it the deepest, and of equal ones the last."""
    path = str(home)
    best: Mount | None = None
    for mount in mounts:
        folder = mount.folder.rstrip("/\\") or mount.folder[:1]
        is_above = path == folder or path.startswith(folder if folder in "/\\" else folder + os.sep)
        if is_above and (best is None or len(folder) >= len(best.folder)):
            best = Mount(folder, mount.fstype)
    return best


def mounts_here() -> list[Mount]:
    """The file systems of this machine."""
    import psutil

    try:
        found = psutil.disk_partitions(all=True)
    except (OSError, RuntimeError, psutil.Error):  # a sandbox without a list of them
        return []
    return [Mount(entry.mountpoint, "remote" if "remote" in entry.opts else entry.fstype) for entry in found]


def place(home: Path, state_home: Path, mounts: Sequence[Mount] | None = None) -> Place:
    """Where the ledger of *home* is kept.

    Args:
        home: The folder beside the notebook.
        state_home: The user's own folder, for what cannot be in the home.
        mounts: The file systems of this machine; found out if not given.
    """
    mounts = mounts_here() if mounts is None else mounts
    real = home.resolve()
    mount = place_of(real, mounts)
    if mount is None or not is_network(mount.fstype):
        return Place(home / NAME)
    key = hashlib.sha256(os.fsencode(real)).hexdigest()[:16]
    file = local_folder(state_home, mounts) / "ledgers" / key / NAME
    return Place(file, mount.fstype)


def copy_name() -> str:
    """A name for a copy in the home that no other machine's has, though it be called the same."""
    return f"ledger.{_host()}-{uuid.uuid4().hex[:8]}.snapshot.sqlite"


def local_folder(state_home: Path, mounts: Sequence[Mount] | None = None) -> Path:
    """*state_home*, or a folder of the user's on a local disk where that one is on a network disk too."""
    mounts = mounts_here() if mounts is None else mounts
    mount = place_of(state_home.resolve(), mounts)
    if mount is None or not is_network(mount.fstype):
        return state_home
    for base in (*LOCAL_FOLDERS, tempfile.gettempdir()):
        found = place_of(Path(base).resolve(), mounts)
        if Path(base).is_dir() and not (found and is_network(found.fstype)):
            return _private(Path(base) / f"kie_nb-{_user()}")
    raise LedgerError(
        f"{state_home} is on a network disk ({mount.fstype}), and there is no local one to keep a database on.",
        hint="set KIE_NB_STATE to a folder on a local disk, or KIE_NB_LEDGER to a PostgreSQL database",
    )


def _private(folder: Path) -> Path:
    """A folder in a place where everybody may write, made for this user alone."""
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as exc:
        raise LedgerError(
            f"the folder {folder} cannot be made: {exc.strerror or exc}.",
            hint="set KIE_NB_STATE to a folder on a local disk",
        ) from exc
    if not stat.S_ISDIR(found.st_mode) or (hasattr(os, "getuid") and found.st_uid != os.getuid()):
        raise LedgerError(
            f"{folder} belongs to somebody else.", hint="set KIE_NB_STATE to a folder on a local disk"
        )
    return folder


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else re.sub(r"\W+", "", os.environ.get("USERNAME", ""))


def _host() -> str:
    return re.sub(r"[^a-z0-9-]+", "-", socket.gethostname().lower()).strip("-")[:40] or "host"
