"""Fetching a result, or a picture by its address: no key, a temporary name, Range after a break, a check, then the rename (kie-api §8).

Plain blocking code: it runs in a worker thread, where streaming costs half of what it does on an event loop.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Sequence
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
        NotFetched: it is too large, or the link leads where nothing is fetched from; trying again would be no use.
        LinkDead: the link is dead (HTTP 401, 403, 404, 410).
        NotTheFile: an error page or an empty body under HTTP 200.
        DownloadFailed: the connection broke too often or was too slow, or the disk refused.
    """
    part = target.with_name(f"{target.name}.part")
    state = _State(part, own, patience or Patience())
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(
            missing_ok=True
        )  # another link may serve other bytes: ranges are joined within one call only
        _fetch(url, state, accept, PAUSE_S if pause_s is None else pause_s, on_progress)
        os.replace(part, target)
    except OSError as exc:
        raise DownloadFailed(f"the video could not be written: {exc.strerror or exc}.") from exc
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)
    _sync_folder(target.parent)
    return state.have


def _fetch(
    url: str,
    state: _State,
    accept: Callable[[bytes], bool] | None,
    pause_s: float,
    on_progress: Callable[[int, int | None], None] | None,
) -> None:
    """As many tries as it takes, within reason."""
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause_s * 2 ** (attempt - 1))
        state.pace.start()
        try:
            if _stream(url, state, accept, on_progress):
                return
        except ForbiddenAddress as exc:
            raise NotFetched(f"{exc}: nothing is fetched from there.") from exc
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            is_slow = isinstance(exc.__cause__, TooSlow)
            state.trouble = f"too slow: {exc}" if is_slow else type(exc).__name__
            if is_slow or isinstance(exc, httpx.TooManyRedirects):  # it would hold a worker as long again
                break
    raise DownloadFailed(f"the video did not come whole in {attempt + 1} tries ({state.trouble}).")


class _State:
    """How far the file is."""

    def __init__(self, part: Path, own: Sequence[str], patience: Patience) -> None:
        self.part = part
        self.own = own
        self.pace = Pace(patience.file_s, stretch_s=patience.stretch_s, stretch_bytes=patience.stretch_bytes)
        self.have = 0
        self.total: int | None = None
        self.etag: str | None = None
        self.trouble = "cut short"


def _stream(  # noqa: C901, PLR0912 - one reply, read in order
    url: str,
    state: _State,
    accept: Callable[[bytes], bool] | None,
    on_progress: Callable[[int, int | None], None] | None,
) -> bool:
    """One try; True when the file is whole."""
    headers = {}
    if state.have:
        headers["Range"] = f"bytes={state.have}-"
        if state.etag:
            headers["If-Range"] = state.etag
    with get(url, pace=state.pace, own=state.own, headers=headers) as response:
        if response.status_code in _DEAD:
            raise LinkDead(f"the link no longer serves the video (HTTP {response.status_code}).")
        if response.status_code == _RANGE_REFUSED:
            state.have, state.trouble = 0, "the server refused to go on where it broke"
            return False
        if response.status_code not in {200, _PARTIAL}:
            state.trouble = f"HTTP {response.status_code}"
            return False
        if encoding := _encoding(
            response
        ):  # nobody asked for it, and no length or range would mean the file's
            raise NotTheFile(f"what came is packed ({encoding}), and was asked for as it is.")
        resumed = response.status_code == _PARTIAL and state.have > 0
        told = response.headers.get("Content-Range", "")
        if resumed and told and not told.startswith(f"bytes {state.have}-"):
            state.have, state.trouble = 0, "the server went on at another place than where it broke"
            return False
        if not resumed:
            state.have = 0
            length = response.headers.get("Content-Length", "")
            state.total = int(length) if length.isdecimal() and len(length) <= MOST_DIGITS else None
            etag = response.headers.get("ETag", "")
            state.etag = etag if etag.isascii() and etag.isprintable() else None  # it is sent back
            _refuse_too_large(state.total or 0)
        with state.part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_raw(CHUNK):
                if state.have == 0 and accept is not None and not accept(chunk[:64]):
                    raise NotTheFile("what came is not a video but a text, perhaps an error page.")
                file.write(chunk)
                state.have += len(chunk)
                _refuse_too_large(state.have)
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
