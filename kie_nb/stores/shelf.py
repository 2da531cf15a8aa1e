"""The store and the cache of one ledger's files: what is put there and brought back. Its methods block: workers call them.

Keys: `videos/<name without ending>/<sha256>.<ending>`, beside it `<sha256>.<preview, poster, tile or thumb>.<its own sha256>.<ending>`,
and `inputs/<sha256>/<name>`.
"""

from __future__ import annotations

import contextlib
import logging
import re
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any
from weakref import WeakValueDictionary

from ..catalogue import ImageIdentity
from ..fileops import hash_of
from ..home import INPUTS, VIDEOS, is_plain_file, is_sha256
from ..ledger import Files, KeptFile, input_name
from ..shared_files import Cache
from . import cache as cache_
from .store import REST_S, NotInStore, Store, StoreError, WrongBytes

log = logging.getLogger("kie_nb")
_DIGEST = r"[0-9a-f]{64}"


class Shelf:
    """The files of one ledger in *store*."""

    def __init__(self, store: Store, files: Files, cache: Cache) -> None:
        self.store, self.files, self._cache = store, files, cache
        self._pushed: set[str] = set()  # inputs that are known to be there
        self._failed: dict[Path, tuple[float, str]] = {}  # until when it is not tried again, and why
        self._locks: WeakValueDictionary[str, Any] = WeakValueDictionary()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="kie-nb-store")

    def submit(self, function: Callable[..., Any], *args: Any) -> Future[Any]:
        """Call *function* in a thread for this store alone: one that is slow must hold up no download."""
        return self._threads.submit(function, *args)

    # --- to the store ------------------------------------------------------------------------------------------

    def push(self, path: Path, sha256: str) -> None:
        """Put a video of the home into the store and, once it is there, into the cache; it stays in the home until `settle`."""
        cached = self.files.cached(path.name, sha256)
        with self._only(cached):
            # Another thread or process may have put it there, and settled it, meanwhile.
            self.store.put(path if is_plain_file(path) else cached, video_key(path.name, sha256), sha256)
            cache_.adopt(path, cached)
        cache_.shrink(self._cache)

    def push_input(self, one: ImageIdentity) -> None:
        """Put a medium that was sent into the store; it stays in the home too."""
        kept = self.files.find_input(one.sha256)
        if kept is not None and one.sha256 not in self._pushed and hash_of(kept) == one.sha256:
            self.store.put(kept, f"{INPUTS}/{one.sha256}/{kept.name}", one.sha256)
            self._pushed.add(one.sha256)

    def settle(self, path: Path, sha256: str) -> None:
        """Remove the home's copy of a video that the ledger has, and the cache too; what was made of it goes along."""
        cached = self.files.cached(path.name, sha256)
        if path == cached or not is_plain_file(cached):
            return
        with contextlib.suppress(OSError):
            for made in path.parent.glob(f"{path.stem}.*"):
                if re.fullmatch(
                    r"(preview\.mp4|poster\.jpg|tile\.jpg|thumb\.jpg)",
                    made.name.removeprefix(f"{path.stem}."),
                ):
                    made.replace(cached.with_name(made.name))
            path.unlink()

    # --- from the store ----------------------------------------------------------------------------------------

    def pull(self, kept: KeptFile) -> Path:
        """The file *kept*, in the cache; StoreError if it cannot be had."""
        path = self.files.place_of(kept)
        if path is None or kept.sha256 is None:
            raise NotInStore("The ledger names a file that kie_nb did not make.", charged="")
        with self._only(path):
            if not is_plain_file(path):
                path = self.files.cached(path.name, kept.sha256)
                self.store.get(video_key(path.name, kept.sha256), path, kept.sha256, size=kept.bytes)
                cache_.shrink(self._cache)
        cache_.used(path)
        return path

    def bring(self, path: Path) -> str:
        """See to it that *path*, a place in the cache, is there; why not, in words, else ""."""
        sha256, (until, why) = path.parent.name, self._failed.get(path, (0.0, ""))
        if not is_sha256(sha256) or (time.monotonic() < until and not is_plain_file(path)):
            return why
        try:
            with self._only(path):
                if not is_plain_file(path):
                    self.store.get(video_key(path.name, sha256), path, sha256)
                    cache_.shrink(self._cache)
        except (StoreError, OSError) as exc:
            log.warning("%s was not brought: %s", path.name, exc)
            why = str(exc).rstrip(".")
            self._failed[path] = time.monotonic() + REST_S, why  # a wall asks for one several times
            return why
        cache_.used(path)
        return ""

    def has_input(self, one: ImageIdentity) -> bool:
        """Whether the store has a medium that was sent, unchanged."""
        folder = f"{INPUTS}/{one.sha256}"
        return any(self.store.digest(f"{folder}/{name}") == one.sha256 for name in self.store.names(folder))

    def bring_input(self, one: ImageIdentity, files: Files) -> Path | None:
        """A medium that was sent, brought into the home of *files*, one of those that use the store; None where it cannot be had."""
        folder = f"{INPUTS}/{one.sha256}"
        named = input_name(one.label, one.sha256, one.mime)
        target = files.inputs / named
        try:
            for name in dict.fromkeys((named, *self.store.names(folder))):
                with contextlib.suppress(WrongBytes, NotInStore):
                    self.store.get(f"{folder}/{name}", target, one.sha256)
                    return target
        except (StoreError, OSError) as exc:
            log.warning("%s was not brought: %s", named, exc)
        return None

    # --- what is made of videos ----------------------------------------------------------------------------------

    def bring_part(self, target: Path) -> bool:
        """Whether the store has *target*, the small copy or the still of a video in the cache, and it is there now."""
        folder, sha256, ending = _of_part(target)
        start, _, end = ending.partition(".")
        form = re.compile(rf"{sha256}\.{re.escape(start)}\.({_DIGEST})\.{re.escape(end)}")
        try:
            for name in self.store.names(folder):
                if found := form.fullmatch(name):
                    self.store.get(f"{folder}/{name}", target, found[1])
                    return True
        except (StoreError, OSError) as exc:
            log.info("%s was not brought: %s", target.name, exc)
        return False

    def push_part(self, target: Path) -> None:
        """Put the small copy or the still of a video into the store; a failure costs nothing: it can be made again."""
        folder, sha256, ending = _of_part(target)
        start, _, end = ending.partition(".")
        try:
            own = hash_of(target)
            self.store.put(target, f"{folder}/{sha256}.{start}.{own}.{end}", own)
        except (StoreError, OSError) as exc:
            log.info("%s was not put into the store: %s", target.name, exc)

    # --- what is there -------------------------------------------------------------------------------------------

    def look_at(self, kept: KeptFile) -> str:
        """What is wrong with *kept* in the store: "missing", "altered" or ""; every byte of it is read."""
        if kept.sha256 is None:
            return "missing"
        try:
            found = self.store.digest(video_key(PurePosixPath(kept.name).name, kept.sha256), most=kept.bytes)
        except NotInStore:
            return "missing"
        return "" if found == kept.sha256 else "altered"

    def drop(self, path: Path) -> None:
        """Forget a copy in the cache that is not what it should be."""
        if path.is_relative_to(self._cache.folder):
            shutil.rmtree(path.parent, ignore_errors=True)

    @contextlib.contextmanager
    def _only(self, path: Path) -> Any:
        """One thread at a time brings *path*."""
        with self._lock:
            own = self._locks.setdefault(str(path), _Lock())
        with own.lock:
            yield


class _Lock:
    """A lock that can be referred to weakly."""

    def __init__(self) -> None:
        self.lock = threading.Lock()


def video_key(name: str, sha256: str) -> str:
    """Where the video *name* with this hash is in a store."""
    path = PurePosixPath(name)
    return f"{VIDEOS}/{path.stem}/{sha256}{path.suffix}"


def _of_part(target: Path) -> tuple[str, str, str]:
    stem, start, end = target.name.rsplit(".", 2)
    return f"{VIDEOS}/{stem}", target.parent.name, f"{start}.{end}"
