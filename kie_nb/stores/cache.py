"""Copies of what is in the store, up to a size: `<hash>/<name>`. Safe to delete; what was used least recently goes first."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import threading
import time
from pathlib import Path

from ..fileops import finished_in_one_step
from ..home import is_plain_file, is_sha256, make_folder
from ..shared_files import Cache

JUST_USED_S = 60.0  # what somebody may be reading is not removed
_lock = threading.Lock()


def adopt(file: Path, target: Path) -> None:
    """Give *file* the place *target* in the cache too: as a link where both are on one disk."""
    make_folder(target.parent)
    if is_plain_file(target):
        return
    with finished_in_one_step(target) as part:
        try:
            os.link(file, part)
        except OSError:
            shutil.copyfile(file, part)


def used(path: Path) -> None:
    """*path* was used now."""
    with contextlib.suppress(OSError):
        os.utime(path.parent)


def shrink(cache: Cache) -> None:
    """Remove what was used least recently, until the rest is no larger than the limit."""
    with _lock:
        found, total = [], 0
        for folder in _folders(cache.folder):
            with contextlib.suppress(OSError):
                held = [entry.stat(follow_symlinks=False) for entry in os.scandir(folder)]
                size = sum(one.st_size for one in held)
                # What is just being brought is written for longer than its folder's time says.
                found.append((max([folder.stat().st_mtime, *(one.st_mtime for one in held)]), size, folder))
                total += size
        for at, size, folder in sorted(found):
            if total <= cache.most or time.time() - at < JUST_USED_S:
                return
            shutil.rmtree(folder, ignore_errors=True)
            total -= size


def _folders(cache: Path) -> list[Path]:
    """What lies in the cache and has a name of ours; another's folder of the same name is left alone."""
    found = []
    with contextlib.suppress(OSError):
        for part in os.scandir(cache):
            if part.is_dir(follow_symlinks=False) and re.fullmatch("[0-9a-f]{8}", part.name):
                found += [
                    Path(one.path)
                    for one in os.scandir(part)
                    if is_sha256(one.name) and one.is_dir(follow_symlinks=False)
                ]
    return found
