"""The folder with a simulator's state. It is untrusted: nothing in it is read or written through a link."""

import os
from pathlib import Path

from ..home import make_folder, open_plain
from ..video import looks_like_video
from ..video.sniff import HEAD_BYTES, ending_of

MOST_FILE_BYTES = 256 << 20
_MIMES = {"png": "image/png", "jpg": "image/jpeg", "gif": "image/gif", "webp": "image/webp"}
_MIMES |= {"webm": "video/webm", "mkv": "video/webm"} | dict.fromkeys(("mp4", "m4v", "mov"), "video/mp4")


class ForeignState(OSError):
    """The folder's state was not written by a simulator; nothing in it was changed."""


def opened(folder: Path) -> Path:
    """The state folder with the folders in it, made where missing; OSError where one of them is a link."""
    for place in (folder, folder / "videos", folder / "uploads", folder / "alive"):
        make_folder(place)
    return folder


def read(path: Path, *, most: int = MOST_FILE_BYTES) -> bytes:
    """What is in a plain file of one of the folders; OSError for anything else, or for more than *most* bytes."""
    with open_plain(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OSError("it is too large")
        return file.read(most)


def is_video(path: Path) -> bool:
    """Whether a plain file is there that begins as a video does."""
    try:
        with open_plain(path) as file:
            return looks_like_video(file.read(HEAD_BYTES))
    except OSError:
        return False


def mime_of(data: bytes) -> str | None:
    """The MIME type of a picture or a video, by its bytes alone; None for anything else."""
    return _MIMES.get(ending_of(data[:HEAD_BYTES]))
