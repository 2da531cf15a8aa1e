"""Fetching a result, or a picture by its address: no key, a temporary name, Range after a break, a check, then the rename (kie-api §8).

Plain blocking code: it runs in a worker thread, where streaming costs half of what it does on an event loop.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from ..errors import DownloadFailed, ServiceTrouble
from ..settings import is_loopback
from ..version import __version__

# An empty or urllib's default agent is answered with 403 "error code: 1010" (kie-api §1).
USER_AGENT = f"kie_nb/{__version__} python-httpx/{httpx.__version__}"
ATTEMPTS = 5
PAUSE_S = 1.0  # before the second try, doubled before each later one
MAX_BYTES = 2 << 30  # far above any clip: a reply that never ends must not fill the disk
READ_S = 20.0  # for a picture of some MB that somebody waits for
_DEAD = {401, 403, 404, 410}
_WHOLE, _PARTIAL = 200, 206
_RANGE_REFUSED = 416
_LONGEST_VERSION = 300  # characters: it is kept in the ledger


class LinkDead(DownloadFailed):
    """The link no longer serves the file; `download-url` may give a fresh one."""


class NotTheFile(DownloadFailed):
    """What came is not the file: an error page, nothing, or too much."""


class CutShort(DownloadFailed):
    """Less came than was announced, twice from the start and byte by byte the same: that is what the service has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """A file that came.

    Attributes:
        size: In bytes.
        is_announced: Its length was told beforehand, and came; else nobody can tell a broken connection from the file's end.
        version: What the server says of it: ETag and date of its last change; "" where it says neither.
    """

    size: int
    is_announced: bool
    version: str


def read_at(url: str, *, most: int) -> bytes:
    """What *url* serves now, read no further than just beyond *most* bytes; the key is not sent along.

    Raises:
        ServiceTrouble: it cannot be read from here; the message is the reason in a word.
    """
    content = b""
    try:
        with _client(trust_env=not is_loopback(url)).stream("GET", url, timeout=READ_S) as response:
            response.raise_for_status()
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > most:
                    break
    except httpx.HTTPStatusError as exc:
        raise ServiceTrouble(f"HTTP {exc.response.status_code}") from exc
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise ServiceTrouble(type(exc).__name__) from exc
    return content


def download(
    url: str,
    target: Path,
    *,
    pause_s: float | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> Received:
    """Fetch *url*, whatever it serves, into *target*; a half file never has the final name.

    What has come of a file when its connection breaks for good stays beside it, as `<name>.part`.

    Args:
        pause_s: In place of `PAUSE_S`.

    Raises:
        LinkDead: the link is dead (HTTP 401, 403, 404, 410).
        NotTheFile: an empty body under HTTP 200, or too much.
        CutShort: the service has less than it announces.
        DownloadFailed: the connection broke too often, or the disk refused.
    """
    part = target.with_name(f"{target.name}.part")
    state = _State(part)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(
            missing_ok=True
        )  # another link may serve other bytes: ranges are joined within one call only
        _fetch(url, state, PAUSE_S if pause_s is None else pause_s, on_progress)
        os.replace(part, target)
    except (OSError, NotTheFile) as exc:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)  # of no use, or the disk needs the room
        if isinstance(exc, NotTheFile):
            raise
        raise DownloadFailed(f"the video could not be written: {exc.strerror or exc}.") from exc
    _sync_folder(target.parent)
    return Received(size=state.have, is_announced=state.total is not None, version=state.version)


def version_at(url: str) -> tuple[int | None, str]:
    """Length and `Received.version` of what *url* serves now, by its headers alone; None and "" for what they do not say.

    Raises:
        DownloadFailed: there is no usable answer.
    """
    try:
        headers = {"Accept-Encoding": "identity"}
        with _client(trust_env=not is_loopback(url)).stream("GET", url, headers=headers) as response:
            if response.status_code != _WHOLE:
                raise DownloadFailed(f"the link does not serve the video now (HTTP {response.status_code}).")
            return _announced(response), _version(response)
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise DownloadFailed(f"the link does not answer ({type(exc).__name__}).") from exc


def _fetch(
    url: str,
    state: _State,
    pause_s: float,
    on_progress: Callable[[int, int | None], None] | None,
) -> None:
    """As many tries as it takes, within reason."""
    client = _client(trust_env=not is_loopback(url))
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause_s * 2 ** (attempt - 1))
        try:
            if _stream(client, url, state, on_progress):
                return
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            state.trouble = type(exc).__name__
        if state.came_before():
            raise CutShort(f"{state.have} of {state.total} bytes came, twice the same.")
    raise DownloadFailed(f"the video did not come whole in {ATTEMPTS} tries ({state.trouble}).")


@functools.cache
def _client(*, trust_env: bool) -> httpx.Client:
    """One for all downloads, for loading the certificates costs more than a small download; it keeps no connection."""
    return httpx.Client(
        trust_env=trust_env,
        headers={"User-Agent": USER_AGENT},
        follow_redirects=True,
        timeout=httpx.Timeout(30, connect=15),
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
    )


class _State:
    """How far the file is."""

    def __init__(self, part: Path) -> None:
        self.part = part
        self.have = 0
        self.start = 0  # where this try began
        self.total: int | None = None
        self.etag: str | None = None
        self.version = ""
        self.trouble = "cut short"
        self._halves: set[str] = set()

    def came_before(self) -> bool:
        """Whether a try from the start has brought as little before, byte by byte."""
        if self.start or not self.have or self.total is None:
            return False
        with self.part.open("rb") as file:
            half = hashlib.file_digest(file, "sha256").hexdigest()
        known = half in self._halves
        self._halves.add(half)
        return known


def _stream(  # noqa: C901 - one reply, read in order
    client: httpx.Client,
    url: str,
    state: _State,
    on_progress: Callable[[int, int | None], None] | None,
) -> bool:
    """One try; True when the file is whole."""
    headers = {"Accept-Encoding": "identity"}  # a length that can be checked, and ranges of the file itself
    if state.have:
        headers["Range"] = f"bytes={state.have}-"
        if state.etag:
            headers["If-Range"] = state.etag
    with client.stream("GET", url, headers=headers) as response:
        if response.status_code in _DEAD:
            raise LinkDead(f"the link no longer serves the video (HTTP {response.status_code}).")
        if response.status_code == _RANGE_REFUSED:
            state.have, state.trouble = 0, "the server refused to go on where it broke"
            return False
        if response.status_code not in {_WHOLE, _PARTIAL}:
            state.trouble = f"HTTP {response.status_code}"
            return False
        resumed = response.status_code == _PARTIAL and state.have > 0
        told = response.headers.get("Content-Range", "")
        if resumed and told and not told.startswith(f"bytes {state.have}-"):
            state.have, state.trouble = 0, "the server went on at another place than where it broke"
            return False
        if not resumed:
            state.have = 0
            state.total, state.version = _announced(response), _version(response)
            state.etag = response.headers.get("ETag")
        state.start = state.have
        with state.part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_bytes():  # as it comes: a break must not take what was received
                file.write(chunk)
                state.have += len(chunk)
                if state.have > MAX_BYTES:
                    raise NotTheFile(f"what came is larger than {MAX_BYTES >> 30} GB.")
                if on_progress:
                    on_progress(state.have, state.total)
            file.flush()
            os.fsync(file.fileno())
    if state.have == 0:
        raise NotTheFile("what came is empty.")
    if state.total is not None and state.have != state.total:
        state.trouble = f"{state.have} of {state.total} bytes"
        return False
    return True


def _announced(response: httpx.Response) -> int | None:
    """The length of the file; that of compressed bytes, which we did not ask for, says nothing about it."""
    length = response.headers.get("Content-Length", "")
    is_plain = response.headers.get("Content-Encoding", "identity") == "identity"
    return int(length) if is_plain and length.isascii() and length.isdigit() else None


def _version(response: httpx.Response) -> str:
    return " ".join(filter(None, map(response.headers.get, ("ETag", "Last-Modified"))))[:_LONGEST_VERSION]


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError, AttributeError):  # Windows cannot, and need not
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
