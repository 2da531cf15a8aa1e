"""Names and places of the files beside the ledger. Whatever they are made of, they stay inside the folder."""

from __future__ import annotations

import hashlib
import mimetypes
import os
import re
import unicodedata
import uuid
from pathlib import Path
from typing import Self

from ..errors import LedgerError
from ..paths import shown_path

_EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp"}
_SLUG_LENGTH = 40


class Files:
    """`videos/` and `inputs/` of one home."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.videos = home / "videos"
        self.inputs = home / "inputs"

    @classmethod
    def of(cls, video: Path) -> Self:
        """The files of the home that *video* lies in."""
        return cls(video.parent.parent)

    def video(
        self, *, prompt: str, seed: int | None, task_id: str, number: int = 0, extension: str = "mp4"
    ) -> Path:
        """Where a task's video goes: `<slug>_s<seed>_<task8>.mp4`."""
        parts = [slug(prompt), *([f"s{seed}"] if seed is not None else []), short_task(task_id)]
        suffix = f"_{number + 1}" if number else ""
        return self.videos / f"{'_'.join(parts)}{suffix}.{extension}"

    def preview(self, video: Path) -> Path:
        """The small copy of *video* that notebooks hold."""
        return video.with_name(f"{video.stem}.preview.mp4")

    def poster(self, video: Path) -> Path:
        """The still picture of *video*."""
        return video.with_name(f"{video.stem}.poster.jpg")

    def tile(self, video: Path) -> Path:
        """The still of *video* that the gallery shows."""
        return video.with_name(f"{video.stem}.tile.jpg")

    def thumbnail(self, video: Path) -> Path:
        """The tiny still of *video* that tables show."""
        return video.with_name(f"{video.stem}.thumb.jpg")

    def keep_input(self, content: bytes, sha256: str, mime: str) -> Path:
        """Keep a copy of a picture that was used, once per content."""
        target = self.inputs / f"{sha256}.{_EXTENSIONS.get(mime, 'bin')}"
        try:
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                part = target.with_name(
                    f"{target.name}.{uuid.uuid4().hex}.part"
                )  # cells may use one picture at once
                part.write_bytes(content)
                os.replace(part, target)
        except OSError as exc:
            raise LedgerError(
                f"the picture cannot be kept in {shown_path(self.inputs)}: {exc.strerror or exc}.",
                hint="check the disk and the folder's rights",
            ) from exc
        return target

    def find_input(self, sha256: str) -> Path | None:
        """The copy that `keep_input` made; None without one. By its whole name: a crash can leave parts of copies."""
        places = (self.inputs / f"{sha256}.{ending}" for ending in (*_EXTENSIONS.values(), "bin"))
        return next((place for place in places if place.is_file()), None)

    def there(self) -> frozenset[str]:
        """The files in `videos/`, as the ledger names them: one look for thousands of runs."""
        try:
            return frozenset(f"{self.videos.name}/{file.name}" for file in self.videos.iterdir())
        except OSError:  # nothing was fetched yet
            return frozenset()

    def relative(self, path: Path) -> str:
        """*path* as the ledger keeps it: relative to the home, so that the folder can move."""
        return path.relative_to(self.home).as_posix()

    def absolute(self, stored: str) -> Path:
        """The path that `relative` was given."""
        return self.home / stored


def slug(text: str) -> str:
    """A few readable ASCII words of *text*, safe as a file name anywhere."""
    plain = unicodedata.normalize("NFKD", text[:400]).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    kept = ""
    for word in words:
        longer = f"{kept}-{word}" if kept else word
        if len(longer) > _SLUG_LENGTH:
            break
        kept = longer
    return kept or (words[0][:_SLUG_LENGTH] if words else "clip")


def short_task(task_id: str) -> str:
    """Eight characters that tell tasks apart; ids are opaque, may hold anything, and may begin alike (kie-api §3)."""
    return hashlib.sha256(task_id.encode()).hexdigest()[:8]


def number_of(name: str, task_id: str) -> int | None:
    """Which of its task's files `Files.video` gave this name, from 0; None for a name that it did not give."""
    tail = Path(name).stem.rpartition(short_task(task_id))[2]
    if short_task(task_id) not in name or not re.fullmatch(r"(?:_[1-9][0-9]{0,5})?", tail):
        return None
    return int(tail[1:]) - 1 if tail else 0


def is_picture(video: Path) -> bool:
    """Whether the service made a picture, by its file's name."""
    return (mimetypes.guess_type(video.name)[0] or "").startswith("image/")
