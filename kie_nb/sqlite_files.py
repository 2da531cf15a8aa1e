"""Checks of a database from an untrusted folder, and of the files beside it that SQLite opens by itself."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from .home import open_plain

# How a journal ends that belongs to several databases.
_NAMES_ANOTHER_FILE = bytes.fromhex("d9d505f920a163d7")


def check_files(path: Path) -> None:
    """Refuse a database that SQLite must not open, before it does.

    A journal may end with the name of a "super-journal". When SQLite rolls such a journal back, it deletes the file of that name,
    whatever it is. A database that is never attached to another has no such journal.

    Raises:
        OSError: the database or a file beside it is a link, a pipe, a device or a folder, or its journal names another file.
    """
    for suffix in ("", "-journal", "-wal", "-shm"):
        beside = path.with_name(path.name + suffix)
        try:
            is_plain = stat.S_ISREG(beside.lstat().st_mode)
        except FileNotFoundError:
            continue
        if not is_plain:
            raise OSError(errno.EINVAL, "it is not a plain file", beside.name)
    journal = path.with_name(path.name + "-journal")
    try:
        with open_plain(journal) as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - len(_NAMES_ANOTHER_FILE)))
            names_another = file.read() == _NAMES_ANOTHER_FILE
    except FileNotFoundError:  # the usual case, or another process has just finished with it
        return
    if names_another:
        why = "its journal names a file of somebody else's, which SQLite would delete"
        raise OSError(errno.EINVAL, why, journal.name)
