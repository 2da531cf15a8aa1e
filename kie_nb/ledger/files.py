"""Names and paths of videos, previews and inputs beside the ledger; all stay inside its folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
import platform
import re
import textwrap
import time
import unicodedata
import uuid
from pathlib import Path, PurePath
from typing import Self

from ..errors import LedgerError
from ..fileops import hash_of
from ..home import (
    INPUTS,
    VIDEOS,
    is_name,
    is_plain_file,
    is_real_folder,
    is_sha256,
    make_folder,
    stored_place,
)
from ..paths import shown_path
from ..video.sniff import MEDIA, OTHER, ending_for, mime_of
from .rows import KeptFile

_ENDINGS = (*sorted(MEDIA), OTHER)
_SLUG_LENGTH = 40
_TICK_S = 5.0


class Files:
    """`videos/` and `inputs/` of one home; with a *cache* videos are in a store (`stores/`), and in the home only until they are there."""

    def __init__(self, home: Path, *, cache: Path | None = None) -> None:
        self.home, self.cache = home, cache
        self.videos = home / VIDEOS
        self._listed: tuple[float | None, frozenset[str]] = (None, frozenset())
        self.inputs = home / INPUTS

    @classmethod
    def of(cls, video: Path) -> Self:
        """The files of the home that *video* lies in."""
        return cls(video.parent.parent)

    def video(
        self, *, prompt: str, seed: int | None, task_id: str, number: int = 0, extension: str = "mp4"
    ) -> Path:
        """Where a task's video goes: `<slug>_s<seed>_<task8>.mp4`."""
        parts = [slug(prompt), *([f"s{seed}"] if isinstance(seed, int) else []), short_task(task_id)]
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

    def keep_input(self, content: bytes, sha256: str, mime: str, label: str) -> Path:
        """Keep a copy of a picture, video or sound that was used, once per content, under the name it had."""
        if not is_sha256(sha256):
            raise ValueError(f"{sha256!r} is not a hash")
        found = self.find_input(sha256)
        if found is not None and _holds(found, sha256):
            return found
        target = self.inputs / input_name(label, sha256, mime)
        if os.path.lexists(target):  # another with these eight digits, or altered
            target = self.inputs / f"{sha256}.{ending_for(mime)}"
        try:
            make_folder(target.parent)
            if not is_plain_file(target):
                # A name of its own: cells may use one picture at once.
                part = target.with_name(f"{target.name}.{uuid.uuid4().hex}.part")
                part.write_bytes(content)
                os.replace(part, target)
        except OSError as exc:
            words = f"{label[:80]} cannot be kept in {shown_path(self.inputs)}: {exc.strerror or exc}."
            raise LedgerError(words, hint="check the disk and the folder's rights") from exc
        return target

    def check_folders(self) -> None:
        """Refuse a home whose folders are links, before anything is paid for that could not be stored."""
        for folder in (self.videos, self.inputs):
            if os.path.lexists(folder) and not is_real_folder(folder):
                raise LedgerError(
                    f"{shown_path(folder)} is a link or not a folder; kie_nb does not use it.",
                    hint="put a folder there; KIE_NB_HOME or configure(home=...) keeps runs on another disk",
                    charged="nothing",
                )

    def find_input(self, sha256: str) -> Path | None:
        """The copy that `keep_input` made; None without one. Parts of copies that a crash left have other names."""
        if not is_sha256(sha256):
            return None
        names = [f"{sha256}.{ending}" for ending in _ENDINGS]  # as copies were named before
        ends = tuple(f"-{sha256[:8]}.{ending}" for ending in _ENDINGS)
        if is_real_folder(self.inputs):
            with contextlib.suppress(OSError), os.scandir(self.inputs) as found:
                names += sorted(
                    file.name for file in found if file.name.endswith(ends) and is_name(file.name)
                )
        kept = [place for name in names if is_plain_file(place := self.inputs / name)]
        if len(kept) > 1:  # eight digits are not the whole hash
            kept = [place for place in kept if _holds(place, sha256)] or kept
        return kept[0] if kept else None

    def there(self) -> frozenset[str]:
        """The files in `videos/`, as the ledger names them, by one listing for thousands of runs."""
        if not is_real_folder(self.videos):
            return frozenset()
        try:
            changed = self.videos.stat().st_mtime
            if changed == self._listed[0]:
                return self._listed[1]
            with os.scandir(self.videos) as found:
                names = [file.name for file in found if file.is_file(follow_symlinks=False)]
        except OSError:
            return frozenset()
        there = frozenset(f"{VIDEOS}/{name}" for name in names if is_name(name))
        # A folder whose last change is older than any clock of a disk counts: one of now may change again in the same tick.
        self._listed = (changed, there) if abs(time.time() - changed) > _TICK_S else (None, there)
        return there

    def relative(self, path: Path) -> str:
        """*path* as the ledger keeps it: relative to the home, so that the folder can move."""
        if self.cache is not None and path.is_relative_to(self.cache):
            return f"{VIDEOS}/{path.name}"
        return path.relative_to(self.home).as_posix()

    def cached(self, name: str, sha256: str) -> Path:
        """The place in the cache for a video *name* of the home that has this hash."""
        assert self.cache is not None  # noqa: S101 - there is one wherever there is a store
        return self.cache / sha256 / name

    def place_of(self, kept: KeptFile) -> Path | None:
        """Where the file *kept* is or belongs on this disk, as `place`; in the cache, unless it is still in the home alone."""
        own = self.place(kept.name)
        if self.cache is None or own is None or kept.sha256 is None:
            return own
        cached = self.cached(own.name, kept.sha256)
        return own if is_plain_file(own) and not is_plain_file(cached) else cached

    def find_kept(self, kept: KeptFile) -> Path | None:
        """The file *kept*; None where it is not on this disk."""
        path = self.place_of(kept)
        return path if path is not None and is_plain_file(path) else None

    def whereabouts(self) -> dict[str, str]:
        """This machine and its home, for those who share the ledger or its files."""
        return {"host": platform.node()[:100] or "unnamed", "folder": str(self.home)}

    def is_from_here(self, kept: KeptFile) -> bool:
        """Whether this machine's home is where *kept* was fetched, or nobody knows where."""
        return kept.host is None or {"host": kept.host, "folder": kept.folder} == self.whereabouts()

    def place(self, stored: str | None) -> Path | None:
        """The path that `relative` was given, whether its file is there or not; None for another (`home.stored_place`)."""
        return stored_place(self.home, stored)

    def find(self, stored: str | None) -> Path | None:
        """The file that `relative` was given the path of; None without one."""
        path = self.place(stored)
        return path if path is not None and is_plain_file(path) else None


def _holds(file: Path, sha256: str) -> bool:
    """Whether *file* is what has this hash; what cannot be read is not."""
    try:
        return hash_of(file) == sha256
    except OSError:
        return False


def input_name(label: str, sha256: str, mime: str) -> str:
    """The file name for the copy of a picture: its own name, and digits of its hash that keep it unique."""
    stem = PurePath(label).stem.removesuffix(f"-{sha256[:8]}")
    words = "-".join(re.findall(r"[A-Za-z0-9_]+", _plain(stem)))[:_SLUG_LENGTH].strip("-_")
    return f"{words or 'picture'}-{sha256[:8]}.{ending_for(mime)}"


def _plain(text: str) -> str:
    return unicodedata.normalize("NFKD", text[:400]).encode("ascii", "ignore").decode()


def slug(text: str) -> str:
    """A few readable ASCII words of *text*, safe as a file name anywhere."""
    words = " ".join(re.findall(r"[a-z0-9]+", _plain(text).lower()))
    kept = textwrap.shorten(words, _SLUG_LENGTH, placeholder="", break_long_words=False)
    return (kept or words[:_SLUG_LENGTH] or "clip").replace(" ", "-")


def short_task(task_id: str) -> str:
    """Eight characters that identify a task; ids are opaque, may hold anything, and may begin alike (kie-api §3)."""
    return hashlib.sha256(task_id.encode()).hexdigest()[:8]


def is_picture(video: Path) -> bool:
    """Whether the service made a picture, by its file's name."""
    return mime_of(video.name).startswith("image/")
