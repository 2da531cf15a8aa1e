"""From a file name stored in the ledger to a safe path; folder names. Names of new files are made in `ledger.files`.

Rows, notes, manifests and definitions are untrusted. A name in them is accepted only in the form that we give names, and is read
only if it is a plain file, in a folder that is not a link. The home itself may be anywhere.
"""

from __future__ import annotations

import errno
import io
import os
import platform
import re
import stat
from pathlib import Path
from typing import Any, TypeGuard

VIDEOS, INPUTS, LEDGER = "videos", "inputs", "ledger.sqlite"
# Every name that we give fits; no separator, drive, `..`, hidden name, control character or look-alike does.
NAME = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,198}[A-Za-z0-9])?"
_NAME = re.compile(NAME)
_WINDOWS_DEVICE = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)
_SHA256 = re.compile(r"[0-9a-f]{64}")


def full_name(name: str, home: Path) -> str:
    """The notebook that the ledger in *home* calls *name*, with its machine and folder, as a ledger of several machines has it."""
    return f"{_beside(home)}{name[2:]}" if name.startswith("./") else name


def name_beside(full: str, home: Path) -> str:
    """The reverse: `./study/cats.ipynb` below the folder that holds *home*, which may move; any other as it is."""
    return f"./{full.removeprefix(_beside(home))}" if full.startswith(_beside(home)) else full


def _beside(home: Path) -> str:
    return f"{platform.node()}:{home.parent.as_posix().rstrip('/')}/"


def is_name(text: object) -> TypeGuard[str]:
    """Whether *text* is a bare file name in the form that we give."""
    return isinstance(text, str) and _NAME.fullmatch(text) is not None and not _WINDOWS_DEVICE.fullmatch(text)


def is_sha256(text: object) -> TypeGuard[str]:
    """Whether *text* is a hash that may be part of a file name."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None


def stored_name(stored: object, folder: str = VIDEOS) -> str | None:
    """The file name in what a row calls *stored* (`videos/<name>`); None if that is not one of our names."""
    prefix, _, name = stored.partition("/") if isinstance(stored, str) else ("", "", "")
    return name if prefix == folder and is_name(name) else None


def stored_place(home: Path, stored: object, folder: str = VIDEOS) -> Path | None:
    """Where the file that a row calls *stored* (`videos/<name>`) is or belongs; None if that is not one of our names.

    None too if something stands there that must not be read: a link, a pipe, a device, a folder, or anything in a linked folder.
    """
    if (name := stored_name(stored, folder)) is None:
        return None
    path = home / folder / name
    return path if _may_be(path.parent, stat.S_ISDIR) and _may_be(path, stat.S_ISREG) else None


def is_plain_file(path: Path) -> bool:
    """Whether a plain file is at *path*: no link, no pipe, no device, and none behind a linked folder."""
    return is_real_folder(path.parent) and _is_at(path, stat.S_ISREG)


def is_real_folder(path: Path) -> bool:
    """Whether a folder is at *path* that is not a link."""
    return _is_at(path, stat.S_ISDIR)


def make_folder(path: Path) -> Path:
    """Make the folder *path* where it is missing; OSError where a link or a file stands there."""
    if not is_real_folder(path):
        path.mkdir(parents=True, exist_ok=True)
    if not is_real_folder(path):
        raise OSError(errno.ENOTDIR, "it is a link, and nothing is written through links", path.name)
    return path


def open_plain(path: Path) -> io.BufferedReader:
    """Open a plain file, in a folder that is not a link; OSError for anything else, and a pipe is never waited for."""
    if not is_real_folder(path.parent):
        raise OSError(errno.ENOENT, "its folder is not there, or is a link", path.name)
    return open_file(path, follow=False)


def open_file(path: Path, *, follow: bool = True) -> io.BufferedReader:
    """Open a file of the user's choice, which may be a link; OSError for a pipe (never waited for), a device, a folder."""
    _check_is_file(path, os.stat(path, follow_symlinks=follow))  # noqa: PTH116 - before: to open a device may move it
    flags = os.O_RDONLY
    for name in ("O_BINARY", "O_CLOEXEC", "O_NONBLOCK", *(() if follow else ("O_NOFOLLOW",))):
        flags |= getattr(os, name, 0)
    file = os.fdopen(os.open(path, flags), "rb")
    try:
        _check_is_file(path, os.fstat(file.fileno()))  # and after: it may have been exchanged
    except OSError:
        file.close()
        raise
    return file


def read_plain(path: Path) -> bytes:
    """What is in a plain file, in a folder that is not a link; OSError as `open_plain`."""
    with open_plain(path) as file:
        return file.read()


def _check_is_file(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a plain file", path.name)


def _may_be(path: Path, kind: Any) -> bool:
    """Whether nothing is at *path* yet, or what is meant to be there."""
    return _is_at(path, kind) or not os.path.lexists(path)


def _is_at(path: Path, kind: Any) -> bool:
    try:
        found = path.lstat()
    except (OSError, ValueError):  # ValueError: a name that no file can have
        return False
    is_junction = getattr(found, "st_reparse_tag", 0) == getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", -1)
    return bool(kind(found.st_mode)) and not is_junction
