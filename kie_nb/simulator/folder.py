"""The folder that a simulator keeps its state in. It may be somebody else's: nothing in it is read or written through a link."""

import os
from pathlib import Path

from ..home import make_folder, open_plain
from ..video import looks_like_video

MOST_FILE_BYTES = 256 << 20
_HEAD_BYTES = 16
_PICTURES = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"))


class ForeignState(OSError):
    """The state in a folder is not one that a simulator has written; nothing in it was changed."""


def opened(folder: Path) -> Path:
    """The state folder with the folders in it, made where they are missing.

    Raises:
        OSError: it cannot be made, or one of them is a link.
    """
    for place in (folder, folder / "videos", folder / "uploads", folder / "alive"):
        make_folder(place)
    return folder


def read(path: Path, *, most: int = MOST_FILE_BYTES) -> bytes:
    """What is in a plain file of one of the folders.

    Raises:
        OSError: it is not there, is no plain file, or is larger than *most* bytes.
    """
    with open_plain(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise OSError("it is too large")
        return file.read(most)


def is_video(path: Path) -> bool:
    """Whether a plain file is there that begins as a video does."""
    try:
        with open_plain(path) as file:
            return looks_like_video(file.read(_HEAD_BYTES))
    except OSError:
        return False


def mime_of(data: bytes) -> str | None:
    """The MIME type of a picture or a video, by its bytes alone; None for anything else."""
    head = data[:_HEAD_BYTES]
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "image/webp"
    if kind := next((kind for magic, kind in _PICTURES if head.startswith(magic)), None):
        return f"image/{kind}"
    if head[:4] == b"\x1a\x45\xdf\xa3":
        return "video/webm"
    return "video/mp4" if head[4:8] == b"ftyp" and looks_like_video(head) else None
