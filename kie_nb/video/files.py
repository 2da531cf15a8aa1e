"""Only what is a video or a picture by its bytes is handed out."""

import errno
import io
import shutil
from pathlib import Path

from ..home import open_plain
from .sniff import HEAD_BYTES, looks_like_media


def is_media(path: Path) -> bool:
    """Whether a plain file is at *path* that begins as a video or a picture does."""
    try:
        open_media(path).close()
    except OSError:
        return False
    return True


def open_media(path: Path) -> io.BufferedReader:
    """Open a plain file that is a video or a picture by its bytes, whatever its name says; OSError for anything else."""
    file = open_plain(path)
    try:
        if not looks_like_media(file.read(HEAD_BYTES)):
            raise OSError(errno.EINVAL, "it is neither a video nor a picture", path.name)  # noqa: TRY301
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file


def read_media(path: Path) -> bytes:
    """The bytes of a video or a picture; OSError as `open_media`."""
    with open_media(path) as file:
        return file.read()


def copy_media(source: Path, target: Path) -> None:
    """Copy a video or a picture; OSError as `open_media`."""
    with open_media(source) as file, target.open("wb") as copy:
        shutil.copyfileobj(file, copy)
