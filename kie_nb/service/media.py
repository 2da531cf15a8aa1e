"""Downloads of results and pictures: no key, a temporary name, Range after a break, a check, then the rename (kie-api §8).

Plain blocking code: it runs in a worker thread, where streaming costs half of what it does on an event loop.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from ..errors import NOTHING, DownloadFailed, NotFetched, ServiceTrouble
from ..fileops import hash_of
from .connection import resolver_error
from .reach import USUAL, ForbiddenAddress, Pace, Patience, TooSlow, get

CHUNK = 1 << 16
ATTEMPTS = 5
MAX_BYTES = 2 << 30  # far above any clip: a reply that never ends must not fill the disk
MOST_DIGITS = 18  # of a length; `int` refuses thousands
_GZIP_OR_ZLIB = zlib.MAX_WBITS + 32
_DEAD = {401, 403, 404, 410}
_WHOLE, _PARTIAL = 200, 206
_RANGE_REFUSED = 416
_LONGEST_VERSION = 300  # characters: it is kept in the ledger


class LinkDead(DownloadFailed):
    """The link no longer serves the file; `download-url` may give a fresh one."""


class NotThere(ServiceTrouble):
    """Nobody can read that address: its host does not exist, or says that there is no such file, or not for the public."""

    charged_by_default = NOTHING


class UnknownHost(NotThere):
    """Its host does not exist, or is not known where this machine asks."""


class NotTheFile(DownloadFailed):
    """What came is not the file: a page, or nothing."""


class CutShort(DownloadFailed):
    """Less came than was announced, twice from the start and byte by byte the same: that is what the service has."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Received:
    """A file that came."""

    size: int  # in bytes
    is_announced: (
        bool  # its length was told, and came; else nobody can tell a broken connection from the file's end
    )
    version: str  # what the server says of it: ETag and date of its last change; "" where it says neither


def read_at(url: str, *, most: int, own: Sequence[str] = (), patience: Patience = USUAL) -> bytes:
    """What *url* serves now, read no further than just beyond *most* bytes; the key is not sent along.

    Raises:
        ForbiddenAddress: it leads to this machine or a private network, and not to one of *own*, the service's addresses.
        NotThere: nobody can read it, the service neither.
        ServiceTrouble: it cannot be read from here; the message is the reason in a word.
    """
    content: bytes | bytearray = bytearray()
    try:
        with get(url, pace=Pace(patience.picture_s), own=own) as response:
            if response.status_code in _DEAD:
                raise NotThere(f"HTTP {response.status_code}")
            if response.status_code != _WHOLE:
                raise ServiceTrouble(f"HTTP {response.status_code}")
            for chunk in response.iter_raw(CHUNK):
                content += chunk
                if len(content) > most:
                    break
            if _is_packed(response):
                content = _unpacked(bytes(content), most + 1)
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        if _is_unknown_host(exc):
            raise UnknownHost("no such host") from exc
        raise ServiceTrouble(type(exc).__name__) from exc
    return bytes(content)


def _is_unknown_host(exc: BaseException | None) -> bool:
    """Whether the name system says that there is no such host; without a network it says nothing."""
    found = resolver_error(exc)
    return found is not None and found.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None)}


def download(url: str, target: Path, *, own: Sequence[str] = (), patience: Patience = USUAL) -> Received:
    """Fetch *url*, whatever it serves, into *target*; a half file never has the final name.

    What has come of a file when its connection breaks for good stays beside it, as `<name>.part`.

    Raises:
        NotFetched: it is too large, or the link leads where nothing is fetched from; trying again would be no use.
        LinkDead: the link is dead (HTTP 401, 403, 404, 410).
        NotTheFile: an empty or packed body under HTTP 200.
        CutShort: the service has less than it announces.
        DownloadFailed: the connection broke too often or was too slow, or the disk refused.
    """
    part = target.with_name(f"{target.name}.part")
    state = _State(part, own, patience)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)  # another link may serve other bytes
        _fetch(url, state)
        if state.is_packed:
            state.have = _unpack(part)
        os.replace(part, target)
    except (OSError, NotTheFile, NotFetched) as exc:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)  # of no use, or the disk needs the room
        if isinstance(exc, DownloadFailed):
            raise
        raise DownloadFailed(f"The video could not be written: {exc.strerror or exc}.") from exc
    _sync_folder(target.parent)
    return Received(size=state.have, is_announced=state.total is not None, version=state.version)


def version_at(url: str, *, own: Sequence[str], patience: Patience = USUAL) -> tuple[int | None, str]:
    """Length and `Received.version` of what *url* serves now, by its headers alone; None and "" for what they do not say."""
    try:
        with get(url, pace=Pace(patience.picture_s), own=own) as response:
            if response.status_code != _WHOLE:
                raise DownloadFailed(f"The link does not serve the video now (HTTP {response.status_code}).")
            return _announced(response), _version(response)
    except ForbiddenAddress as exc:
        raise NotFetched(f"{exc}: nothing is fetched from there.") from exc
    except (httpx.HTTPError, httpx.InvalidURL) as exc:
        raise DownloadFailed(f"The link does not answer ({type(exc).__name__}).") from exc


def _fetch(url: str, state: _State) -> None:
    """As many tries as it takes, within reason."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(state.retry_s * 2 ** (attempt - 1))
        state.pace.start()
        try:
            if _stream(url, state):
                return
        except ForbiddenAddress as exc:
            raise NotFetched(f"{exc}: nothing is fetched from there.") from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            is_slow = isinstance(exc.__cause__, TooSlow)
            state.trouble = f"too slow: {exc}" if is_slow else type(exc).__name__
            if is_slow or isinstance(exc, httpx.TooManyRedirects):  # it would hold a worker as long again
                break
        if state.came_before():
            raise CutShort(f"{state.have} of {state.total} bytes came, twice the same.")
    raise DownloadFailed(f"The video did not come whole in {attempt + 1} tries ({state.trouble}).")


class _State:
    """How far the file is."""

    def __init__(self, part: Path, own: Sequence[str], patience: Patience) -> None:
        self.part, self.own = part, own
        self.retry_s = patience.retry_s
        self.pace = Pace(patience.file_s, stretch_s=patience.stretch_s, stretch_bytes=patience.stretch_bytes)
        self.have = 0
        self.is_packed = False
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
        half = hash_of(self.part, follow=True)
        known = half in self._halves
        self._halves.add(half)
        return known


def _stream(url: str, state: _State) -> bool:  # noqa: C901 - one reply, read in order
    """One try; True when the file is whole."""
    headers = {}
    if state.have:
        headers["Range"] = f"bytes={state.have}-"
        if state.etag:
            headers["If-Range"] = state.etag
    with get(url, pace=state.pace, own=state.own, headers=headers) as response:
        status = response.status_code
        if status in _DEAD:
            raise LinkDead(f"the link no longer serves the video (HTTP {status}).")
        if status == _RANGE_REFUSED:
            state.have, state.trouble = 0, "the server refused to go on where it broke"
            return False
        if status not in {_WHOLE, _PARTIAL}:
            state.trouble = f"HTTP {status}"
            return False
        resumed, told = status == _PARTIAL and state.have > 0, response.headers.get("Content-Range", "")
        if resumed and told and not told.startswith(f"bytes {state.have}-"):
            state.have, state.trouble = 0, "the server went on at another place than where it broke"
            return False
        if not resumed:
            state.have = 0
            state.total, state.version = _announced(response), _version(response)
            etag = response.headers.get("ETag", "")
            state.etag = etag if etag.isascii() and etag.isprintable() else None  # it is sent back
            state.is_packed = _is_packed(response)  # lengths and ranges are those of the packed body
            _refuse_too_large(state.total or 0)
        state.start = state.have
        with state.part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_raw():  # as it comes: a break must not take what was received
                file.write(chunk)
                state.have += len(chunk)
                _refuse_too_large(state.have)
            file.flush()
            os.fsync(file.fileno())
    if state.have == 0:
        raise NotTheFile("what came is empty.")
    if state.total is not None and state.have != state.total:
        state.trouble = f"{state.have} of {state.total} bytes"
        return False
    return True


def _refuse_too_large(size: int) -> None:
    if size > MAX_BYTES:
        raise NotFetched(f"It is larger than {MAX_BYTES >> 30} GB.")


def _is_packed(response: httpx.Response) -> bool:
    """Whether the body is packed, though it was asked for as it is; other words than these (`aws-chunked`) mean nothing."""
    return response.headers.get("Content-Encoding", "").strip().lower() in {"gzip", "x-gzip", "deflate"}


def _unpacked(content: bytes, most: int) -> bytes:
    """A packed body, no further than *most* bytes; what is packed in name alone stays as it is."""
    unpack = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        unpack.decompress(content[:2])  # where both formats name themselves
    except zlib.error:
        return content
    try:
        return unpack.decompress(content[2:], most)
    except zlib.error:
        raise httpx.DecodingError("the packed body is broken") from None


def _unpack(part: Path) -> int:
    """Unpack a whole packed file in its place: its size. One that is packed in name alone stays; of a broken one what can be read."""
    target, size = part.with_name(f"{part.name}.unpacked.part"), 0
    unpack = zlib.decompressobj(_GZIP_OR_ZLIB)
    try:
        with part.open("rb") as packed, target.open("wb") as file, contextlib.suppress(zlib.error):
            left = packed.read(CHUNK)
            while left and not unpack.eof:
                piece = unpack.decompress(left, CHUNK)
                size += file.write(piece)
                _refuse_too_large(size)
                left = unpack.unconsumed_tail or packed.read(CHUNK)
        if size:
            os.replace(target, part)
    finally:
        target.unlink(missing_ok=True)
    return size or part.stat().st_size


def _announced(response: httpx.Response) -> int | None:
    length = response.headers.get("Content-Length", "")
    is_length = length.isascii() and length.isdigit() and len(length) <= MOST_DIGITS
    return int(length) if is_length else None


def _version(response: httpx.Response) -> str:
    told = " ".join(filter(None, map(response.headers.get, ("ETag", "Last-Modified"))))
    return "".join(sign for sign in told if sign.isascii() and sign.isprintable())[:_LONGEST_VERSION]


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError), contextlib.ExitStack() as stack:  # Windows cannot, and need not
        handle = os.open(folder, os.O_RDONLY)
        stack.callback(os.close, handle)
        os.fsync(handle)
