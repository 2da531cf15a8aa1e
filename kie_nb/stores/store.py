"""Files at an address that a team shares, by fsspec: put there and read back by their hash. Workers' threads call it: it blocks.

What a store lists and serves is a stranger's: a listed name counts only in the form that we give, and bytes by their hash alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import secrets
import time
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest, KieError
from ..fileops import copy_hashed, finished_in_one_step, hash_of, part_of
from ..home import VIDEOS, is_name, open_plain
from ..shared_files import DRIVERS

REST_S = 15.0  # a store that does not answer is not asked again by every file
_BLOCK = 8 << 20
MOST = 8 << 30  # bytes of one file whose size is not known
_ALONE = {"use_listings_cache": False, "skip_instance_cache": True}  # other machines write
# A store that is down must not hold a finished film for long: few tries, short waits.
_OPTIONS: dict[str, dict[str, Any]] = {
    "s3": {
        "config_kwargs": {
            "connect_timeout": 5,
            "read_timeout": 20,
            "retries": {"max_attempts": 1},
            "signature_version": "s3v4",
        },
        **_ALONE,
    },
    "gs": _ALONE,
    "az": _ALONE,
}
_SILENT = ("Timeout", "Connect", "Endpoint", "Resolve")  # in the names of what drivers raise


class StoreError(KieError):
    """The store of a team's files cannot be used now, or has not what it should."""


class NotInStore(StoreError):
    """The store has no such file."""


class WrongBytes(StoreError):
    """The store served other bytes than those with this hash."""


class Store:
    """The files at *address*, which `shared_files` has checked; nothing is opened before the first use.

    Args:
        address: Of the store.
        copies: The folder of copies of what it has, each in a folder of its own.
    """

    def __init__(self, address: str, *, copies: Path | None = None) -> None:
        scheme, mark, _ = address.partition("://")
        self.address, self._scheme = address, scheme if mark else "file"
        self._silent_until, self._copies = 0.0, copies
        driver, extra = DRIVERS.get(self._scheme, ("fsspec", "remote"))
        if not all(importlib.util.find_spec(name) for name in ("fsspec", driver)):
            words = (
                f"The files are at a {self._scheme} address, and {driver} is not installed; nothing was sent."
            )
            raise InvalidRequest(words, hint=f'pip install "kie_nb[{extra}]"', charged="")

    @cached_property
    def _opened(self) -> tuple[Any, str]:
        import fsspec

        files, root = fsspec.core.url_to_fs(self.address, **_OPTIONS.get(self._scheme, {}))
        if self._scheme == "s3":
            files.retries = 2
        return files, str(root).rstrip("/")

    def put(self, source: Path, key: str, sha256: str, *, read_back: bool = False) -> None:
        """See to it that the plain file *source* is there under *key*; it is looked at afterwards, with *read_back* byte by byte."""
        if self._is_there(source, key, sha256, read_back=read_back):
            return
        if (
            hash_of(source) != sha256
        ):  # it would take the place of the right one, and what is settled is removed here
            words = f"{source.name} is not what was recorded: it was altered, and was not put into {self.address}."
            raise WrongBytes(words, charged="")
        with self._asked() as (files, root):
            path = f"{root}/{key}"
            if self._scheme == "file":
                target = Path(path)
                target.parent.mkdir(parents=True, exist_ok=True)
                part = part_of(target)
                try:
                    files.put_file(str(source), str(part))
                    part.replace(target)
                finally:
                    part.unlink(missing_ok=True)
            else:
                files.put_file(str(source), path)
        if not self._is_there(source, key, sha256, read_back=read_back):
            raise WrongBytes(f"{self.address} did not keep {source.name} as it was sent.", charged="")

    def _is_there(self, source: Path, key: str, sha256: str, *, read_back: bool) -> bool:
        """Whether *key* is what *source* is: by its size and the checksum that S3 made of it, else by reading it."""
        size = source.stat().st_size
        try:
            with self._asked() as (files, root):
                found = files.info(f"{root}/{key}")
        except NotInStore:
            return False
        if found.get("size") != size:
            return False
        tag = str(found.get("ETag", "")).strip('"')
        if not read_back and self._scheme == "s3" and tag:
            with open_plain(source) as file:
                md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
            if tag == md5:
                return True
        return self.digest(key, most=size) == sha256

    def get(self, key: str, target: Path, sha256: str, *, size: int | None = None) -> None:
        """Read *key* into *target*, which appears whole and with this hash, or not at all.

        Raises:
            NotInStore: it has no such file.
            WrongBytes: it serves others.
            StoreError: it does not answer, or refuses.
        """
        with self._asked() as (files, root), finished_in_one_step(target) as part:
            with files.open(f"{root}/{key}", "rb", block_size=_BLOCK) as file:
                digest, _ = copy_hashed(file, part, most=size or MOST)
            if digest != sha256:
                words = f"{self.address} has other bytes under {key}: its hash differs, and it was not taken."
                raise WrongBytes(words, hint="`%kie doctor` puts it there again from a machine that has it")

    def digest(self, key: str, *, most: int | None = None) -> str:
        """The hash of what is under *key*, read no further than just beyond *most* bytes."""
        digest, size = hashlib.sha256(), 0
        with self._asked() as (files, root), files.open(f"{root}/{key}", "rb", block_size=_BLOCK) as file:
            while (block := file.read(_BLOCK)) and size <= (most or MOST):
                digest.update(block)
                size += len(block)
        return digest.hexdigest()

    def names(self, folder: str) -> list[str]:
        """The names in *folder* that have our form; none where there is no such folder."""
        try:
            with self._asked() as (files, root):
                found = files.ls(f"{root}/{folder}", detail=False)
        except NotInStore:
            return []
        return sorted(name for path in found if is_name(name := str(path).rstrip("/").rpartition("/")[2]))

    def is_also(self, other: Store) -> bool:
        """Whether *other* is this store under another address: what is put here is there too."""
        probe = f"probe-{secrets.token_hex(8)}"
        with self._asked() as (files, root):
            files.pipe_file(f"{root}/{probe}", b"kie_nb")
        try:
            with other._asked() as (theirs, there):
                return bool(theirs.exists(f"{there}/{probe}"))
        finally:
            with self._asked() as (files, root):
                files.rm_file(f"{root}/{probe}")

    def remove(self, key: str) -> None:
        """Remove *key*, if it is there."""
        with contextlib.suppress(NotInStore), self._asked() as (files, root):
            files.rm_file(f"{root}/{key}")
            if self._scheme == "file":
                with contextlib.suppress(OSError):  # another file is beside it
                    Path(f"{root}/{key}").parent.rmdir()

    def sign(self, key: str, name: str, seconds: int) -> str:
        """A link that serves *key* to anybody for so many *seconds*, signed by the store."""
        if self._scheme == "file":
            words = f"{self.address} is a folder: it cannot sign a link."
            raise StoreError(words, hint="`%kie export` makes a folder to give away", charged="")
        named = {"ResponseContentDisposition": f'inline; filename="{name}"'} if self._scheme == "s3" else {}
        with self._asked() as (files, root):
            files.info(f"{root}/{key}")
            return str(files.sign(f"{root}/{key}", expiration=seconds, **named))

    @contextlib.contextmanager
    def _asked(self) -> Iterator[tuple[Any, str]]:
        """The file system and its root; what it raises is told without its own words, which may hold a key or a signed address."""
        if time.monotonic() < self._silent_until:
            raise self._trouble("does not answer")
        if self._scheme == "file" and not self._is_mounted():
            raise self._trouble("is not there: it is not mounted, or still to be made")
        try:
            yield self._opened
        except FileNotFoundError:
            raise NotInStore(f"{self.address} has no such file.", charged="") from None
        except KieError:
            raise
        except PermissionError:
            raise self._trouble("refuses access") from None
        except Exception as exc:  # noqa: BLE001 - each driver has its own
            kind = type(exc).__name__
            if isinstance(exc, TimeoutError | ConnectionError) or any(word in kind for word in _SILENT):
                self._silent_until = time.monotonic() + REST_S
                raise self._trouble("does not answer") from None
            why = getattr(exc, "strerror", None) if isinstance(exc, OSError) and exc.errno else None
            raise self._trouble(
                f"cannot be used ({kind}{f': {why}' if why and exc.args[1:] else ''})"
            ) from None

    def _is_mounted(self) -> bool:
        """Whether a folder is there, with what was put into it: what goes into an empty place of a mount is hidden by the mount."""
        folder = Path(self.address)
        was_used = self._copies is not None and any(self._copies.glob("*/*"))
        return folder.is_dir() and (not was_used or (folder / VIDEOS).is_dir())

    def _trouble(self, why: str) -> StoreError:
        hint = "the files stay in kie-runs and are put there later: `%kie doctor` does it at once"
        return StoreError(f"The store {self.address} {why}.", hint=hint, charged="")
