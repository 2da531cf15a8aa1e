"""Fetching a result, or a picture by its address: no key, a temporary name, Range after a break, a check, then the rename (kie-api §8).

Plain blocking code: it runs in a worker thread, where streaming costs half of what it does on an event loop.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from ..errors import DownloadFailed, NotFetched, ServiceTrouble
from .pace import Pace, Patience, TooSlow
from .reach import ForbiddenAddress, get

CHUNK = 1 << 16  # a broken connection loses what has not filled one yet
ATTEMPTS = 5
PAUSE_S = 1.0  # before the second try, doubled before each later one
MAX_BYTES = 2 << 30  # far above any clip: a reply that never ends must not fill the disk
MOST_DIGITS = 18  # of a length; `int` refuses thousands
_DEAD = {401, 403, 404, 410}
_PARTIAL = 206
_RANGE_REFUSED = 416


class LinkDead(DownloadFailed):
    """The link no longer serves the file; `download-url` may give a fresh one."""


class NotTheFile(DownloadFailed):
    """What came is not the file: an error page, or nothing."""


def read_at(url: str, *, most: int, own: Sequence[str] = (), patience: Patience | None = None) -> bytes:
    """What *url* serves now, read no further than just beyond *most* bytes; the key is not sent along.

    Args:
        own: Addresses of the service itself, which may be on this machine.

    Raises:
        ForbiddenAddress: it leads to this machine or a private network.
        ServiceTrouble: it cannot be read from here; the message is the reason in a word.
    """
    content = b""
    try:
        with get(url, pace=Pace((patience or Patience()).picture_s), own=own) as response:
            if response.status_code != httpx.codes.OK:
                raise ServiceTrouble(f"HTTP {response.status_code}")
            if encoding := _encoding(response):
                raise ServiceTrouble(f"it is {encoding}-encoded")
            for chunk in response.iter_raw(CHUNK):
                content += chunk
                if len(content) > most:
                    break
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise ServiceTrouble(type(exc).__name__) from exc
    return content


def download(
    url: str,
    target: Path,
    *,
    own: Sequence[str] = (),
    accept: Callable[[bytes], bool] | None = None,
    pause_s: float | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
    patience: Patience | None = None,
) -> int:
    """Fetch *url* into *target* and return its size in bytes; a half file never has the final name.

    Args:
        own: Addresses of the service itself, which may be on this machine.
        accept: Says from the first bytes whether this is the kind of file wanted.
        pause_s: In place of `PAUSE_S`.
        patience: How long it may take.

    Raises:
        LinkDead: the link is dead (HTTP 401, 403, 404, 410).
        NotTheFile: an error page or an empty body under HTTP 200.
        NotFetched: it is too large, or the link leads where nothing is fetched from; trying again would be no use.
        DownloadFailed: the connection broke too often or was too slow, or the disk refused.
    """
    patience = patience or Patience()
    coming = _Coming(
        url=url,
        part=target.with_name(f"{target.name}.part"),
        pace=Pace(patience.file_s, stretch_s=patience.stretch_s, stretch_bytes=patience.stretch_bytes),
        own=own,
        accept=accept,
        on_progress=on_progress,
    )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        coming.part.unlink(
            missing_ok=True
        )  # another link may serve other bytes: ranges are joined within one call only
        coming.fetch(PAUSE_S if pause_s is None else pause_s)
        os.replace(coming.part, target)
    except OSError as exc:
        raise DownloadFailed(f"the video could not be written: {exc.strerror or exc}.") from exc
    finally:
        with contextlib.suppress(OSError):
            coming.part.unlink(missing_ok=True)
    _sync_folder(target.parent)
    return coming.have


@dataclass(kw_only=True, slots=True)
class _Coming:
    """A file on its way, and how far it is."""

    url: str
    part: Path
    pace: Pace
    own: Sequence[str]
    accept: Callable[[bytes], bool] | None
    on_progress: Callable[[int, int | None], None] | None
    have: int = 0
    total: int | None = None
    etag: str | None = None
    trouble: str = "cut short"

    def fetch(self, pause_s: float) -> None:
        """As many tries as it takes, within reason."""
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(pause_s * 2 ** (attempt - 1))
            self.pace.start()
            try:
                if self._try():
                    return
            except ForbiddenAddress as exc:
                raise NotFetched(f"{exc.message}: nothing is fetched from there.") from exc
            except (httpx.HTTPError, httpx.InvalidURL) as exc:
                if isinstance(exc.__cause__, TooSlow):  # it would hold a worker as long again
                    raise DownloadFailed(f"the video comes too slowly ({exc}).") from exc
                self.trouble = type(exc).__name__
        raise DownloadFailed(f"the video did not come whole in {ATTEMPTS} tries ({self.trouble}).")

    def _try(self) -> bool:
        """One try; True when the file is whole."""
        headers = {}
        if self.have:
            headers["Range"] = f"bytes={self.have}-"
            if self.etag:
                headers["If-Range"] = self.etag
        with get(self.url, pace=self.pace, own=self.own, headers=headers) as response:
            is_resumed = self._begin(response)
            if is_resumed is None:
                return False
            with self.part.open("ab" if is_resumed else "wb") as file:
                for chunk in response.iter_raw(CHUNK):
                    if self.have == 0 and self.accept is not None and not self.accept(chunk[:64]):
                        raise NotTheFile("what came is not a video but a text, perhaps an error page.")
                    file.write(chunk)
                    self.have += len(chunk)
                    _refuse_too_large(self.have)
                    if self.on_progress:
                        self.on_progress(self.have, self.total)
                file.flush()
                os.fsync(file.fileno())
        if self.have == 0:
            raise NotTheFile("what came is empty.")
        if self.total is not None and self.have != self.total:
            self.trouble = f"{self.have} of {self.total} bytes"
            return False
        return True

    def _begin(self, response: httpx.Response) -> bool | None:
        """Whether the body goes on where we are; None where it is none of the file."""
        if response.status_code in _DEAD:
            raise LinkDead(f"the link no longer serves the video (HTTP {response.status_code}).")
        if response.status_code == _RANGE_REFUSED:
            self.have, self.trouble = 0, "the server refused to go on where it broke"
            return None
        if response.status_code not in {200, _PARTIAL}:
            self.trouble = f"HTTP {response.status_code}"
            return None
        if encoding := _encoding(
            response
        ):  # nobody asked for it, and no length or range would mean the file's
            self.trouble = f"it is {encoding}-encoded"
            return None
        is_resumed = response.status_code == _PARTIAL and self.have > 0
        told = response.headers.get("Content-Range", "")
        if is_resumed and told and not told.startswith(f"bytes {self.have}-"):
            self.have, self.trouble = 0, "the server went on at another place than where it broke"
            return None
        if not is_resumed:
            self.have = 0
            length = response.headers.get("Content-Length", "")
            self.total = int(length) if length.isdecimal() and len(length) <= MOST_DIGITS else None
            etag = response.headers.get("ETag", "")
            self.etag = etag if etag.isascii() and etag.isprintable() else None  # it is sent back
            _refuse_too_large(self.total or 0)
        return is_resumed


def _refuse_too_large(size: int) -> None:
    if size > MAX_BYTES:
        raise NotFetched(f"it is larger than {MAX_BYTES >> 30} GB.")


def _encoding(response: httpx.Response) -> str:
    """What the body is packed in, though it was asked for as it is; unpacked it may be a thousand times as large."""
    told = response.headers.get("Content-Encoding", "").strip().lower()
    return "" if told in {"", "identity"} else "".join(c for c in told if c.isalnum())[:12] or "oddly"


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError, AttributeError):  # Windows cannot, and need not
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
