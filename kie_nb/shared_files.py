"""Where a team's files are: the address of their store (`KIE_NB_FILES`) and the local cache (`KIE_NB_CACHE`); never credentials."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .errors import InvalidRequest

# What reads each kind of address, beside fsspec itself, and the extra that brings it.
DRIVERS = {"s3": ("s3fs", "remote"), "gs": ("gcsfs", "remote-gs"), "az": ("adlfs", "remote-az")}
CACHE = "cache"  # in the home, so that a page that links a file reaches it
CACHE_BYTES = 10 * 10**9
_SIZE = re.compile(r"([0-9]{1,6}(?:\.[0-9]+)?)\s*([MGT])B?", re.IGNORECASE)
_UNITS = {"M": 10**6, "G": 10**9, "T": 10**12}
_NO_SECRETS = (
    "credentials stay where the store's own tools read them: AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY"
)


@dataclass(frozen=True, slots=True)
class Cache:
    """Where copies of what is in the store are kept, and how many bytes of them."""

    folder: Path
    most: int

    def of(self, address: str) -> Path:
        """Its part for the store at *address*."""
        return self.folder / hashlib.sha256(address.encode()).hexdigest()[:8]

    def __str__(self) -> str:
        return f"{self.folder}, {self.most / 10**9:g} GB"


def store_address(given: str | os.PathLike[str], beside: Path) -> str:
    """The address of a store in one spelling: `s3://bucket/prefix`, or the absolute path of a folder; "" for none.

    InvalidRequest, which does not repeat it, for one that holds credentials.
    """
    text = os.fspath(given).strip()
    if "://" not in text:
        folder = beside / Path(text).expanduser()
        return str(folder.resolve() if ".." in folder.parts else folder) if text else ""
    scheme = text.partition("://")[0].lower()
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if scheme == "file" and not parts.netloc and parts.path:
        return str(Path(parts.path))
    if scheme not in DRIVERS:
        words = f"KIE_NB_FILES: no files are kept at {scheme[:20]!r} addresses."
        raise InvalidRequest(words, hint="use s3://, gs:// or az://, or the path of a folder", charged="")
    if set("@:?#") & set(parts.netloc + parts.path) or parts.query or parts.fragment or parts.username:
        words = f"KIE_NB_FILES: an address is {scheme}://bucket/prefix, without keys, tokens or options; it was not used."
        raise InvalidRequest(words, hint=_NO_SECRETS, charged="")
    names = [name for name in parts.path.split("/") if name]
    if not parts.netloc or any(name in {".", ".."} for name in names):
        words = f"KIE_NB_FILES: it is no address of the form {scheme}://bucket/prefix."
        raise InvalidRequest(words, charged="")
    return "/".join((f"{scheme}://{parts.netloc}", *names))


def cache_in(given: str | os.PathLike[str], home: Path, beside: Path) -> Cache:
    """The cache as *given*: a folder, a size such as `20 GB`, or both with a comma between them."""
    folder, comma, size = os.fspath(given).strip().rpartition(",")
    if not comma and _SIZE.fullmatch(size) is None:
        folder, size = size, ""
    found = _SIZE.fullmatch(size.strip())
    if size and found is None:
        words = f"KIE_NB_CACHE={os.fspath(given)!r}: {size.strip()!r} is no size."
        raise InvalidRequest(words, hint="use a folder, a size such as 20 GB, or 'folder, 20 GB'", charged="")
    most = int(float(found[1]) * _UNITS[found[2].upper()]) if found else CACHE_BYTES
    return Cache(beside / Path(folder.strip()).expanduser() if folder.strip() else home / CACHE, most)
