"""Where a team's files live besides the home: an address that fsspec reads, behind a bounded cache on this disk.

A video's place in the cache names its hash, so that `bring` and `made` need nothing but the path: a worker has no ledger.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import wait
from pathlib import Path

from ..catalogue import ImageIdentity
from ..errors import InvalidRequest
from ..home import is_real_folder
from ..ledger import Files
from ..paths import shown_path
from ..shared_files import CACHE, Cache
from ..video import is_media
from .shelf import Shelf, video_key
from .store import NotInStore, Store, StoreError, WrongBytes

__all__ = [
    "NotInStore",
    "Shelf",
    "Store",
    "StoreError",
    "WrongBytes",
    "bring",
    "bring_all",
    "find_input",
    "is_in_store",
    "made",
    "open_shelf",
    "video_key",
]

_shelves: dict[Path, Shelf] = {}  # by their part of the cache


def open_shelf(address: str, files: Files, cache: Cache) -> Shelf:
    """The files of one ledger at *address*; `bring` and `made` know it from now on."""
    if "://" not in address and Path(address).resolve() == files.home.resolve():
        words = f"KIE_NB_FILES={address} is the folder of the runs itself: that is no store."
        raise InvalidRequest(words, hint="unset it, or name another folder", charged="")
    if (
        cache.folder == files.home / CACHE
        and os.path.lexists(cache.folder)
        and not is_real_folder(cache.folder)
    ):
        words = f"{shown_path(cache.folder)} is a link or not a folder; kie_nb does not use it."
        raise InvalidRequest(words, hint="KIE_NB_CACHE names a folder on another disk", charged="")
    shelf = _shelves[cache.of(address)] = Shelf(Store(address, copies=cache.of(address)), files, cache)
    return shelf


def bring(video: Path) -> str:
    """See to it that *video* is on this disk, if it is a place in a cache; why it is not, in words, else "". In a worker."""
    shelf = _of(video)
    return shelf.bring(video) if shelf is not None else ""


def bring_all(videos: Iterable[Path | None]) -> None:
    """The same for many, some at a time; what cannot be had is missed where it is looked at."""
    if _shelves:
        wait([shelf.submit(shelf.bring, video) for video in videos if video and (shelf := _of(video))])


def is_in_store(video: Path) -> bool:
    """Whether *video* is a place in a cache, to which `bring` may bring it."""
    return _of(video) is not None


def made(video: Path, target: Path, make: Callable[[Path, Path], object]) -> None:
    """See to it that *target*, beside *video* and made of it, is there: from the store, else by *make*. In a worker."""
    if is_media(target):
        return
    shelf = _of(target)
    if shelf is not None and shelf.bring_part(target) and is_media(target):
        return
    bring(video)
    make(video, target)
    if shelf is not None:
        shelf.submit(shelf.push_part, target)


def find_input(files: Files, one: ImageIdentity) -> Path | None:
    """The copy of a medium that was sent: from the home, else from the store; None where neither has it. In a worker."""
    found = files.find_input(one.sha256)
    shelf = _shelves.get(files.cache) if files.cache is not None else None
    return shelf.bring_input(one, files) if found is None and shelf is not None and one.url is None else found


def _of(path: Path) -> Shelf | None:
    return _shelves.get(path.parent.parent) if _shelves else None
