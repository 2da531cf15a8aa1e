"""File operations: checksum, copy with checksum, atomic write, and checks of an untrusted SQLite file."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from .home import open_file, open_plain

_CHUNK = 1 << 20


def hash_of(path: Path, *, follow: bool = False) -> str:
    """The sha256 of a plain file, in a folder that is not a link; with *follow* of a file of the user's own choice."""
    with open_file(path) if follow else open_plain(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_hashed(file: IO[bytes], target: Path, *, most: int | None = None) -> tuple[str, int]:
    """Copy *file*, no further than just beyond *most* bytes; the sha256 and the size of the copy."""
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as copy:
        while (block := file.read(_CHUNK)) and (most is None or size <= most):
            digest.update(block)
            size += copy.write(block)
        copy.flush()
        os.fsync(copy.fileno())
    return digest.hexdigest(), size


def part_of(target: Path) -> Path:
    """A hidden name beside *target* that nobody can have put a link under."""
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")


@contextmanager
def finished_in_one_step(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Write to the path given here; it takes the name *target* only when the block ends well.

    A reader never meets half a file, and a crash leaves at most a hidden ``.part`` beside it. The name is our own
    rather than `tempfile`'s, whose files nobody else on the machine may read.
    """
    final = Path(target)
    final.parent.mkdir(parents=True, exist_ok=True)
    part = part_of(final)
    try:
        yield part
        part.replace(final)
    finally:
        part.unlink(missing_ok=True)


def write_whole(target: Path, content: bytes) -> None:
    """Put *content* into *target* in one step, on the disk before it has its name."""
    with finished_in_one_step(target) as part, part.open("xb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


# How a journal ends that belongs to several databases.
_NAMES_ANOTHER_FILE = bytes.fromhex("d9d505f920a163d7")


def check_files(path: Path) -> None:
    """Refuse, with an OSError, a database that SQLite must not open, before it does.

    A journal may end with the name of a "super-journal". When SQLite rolls such a journal back, it deletes the file of that name,
    whatever it is. A database that is never attached to another has no such journal.
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
