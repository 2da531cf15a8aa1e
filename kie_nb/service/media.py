"""Fetching a result, or a picture by its address: no key, a temporary name, Range after a break, a check, then the rename (kie-api §8).

Plain blocking code: it runs in a worker thread, where streaming costs half of what it does on an event loop.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from ..errors import DownloadFailed, ServiceTrouble
from ..settings import is_loopback
from ..version import __version__

# An empty or urllib's default agent is answered with 403 "error code: 1010" (kie-api §1).
USER_AGENT = f"kie_nb/{__version__} python-httpx/{httpx.__version__}"
CHUNK = 1 << 16  # a broken connection loses what has not filled one yet
ATTEMPTS = 5
PAUSE_S = 1.0  # before the second try, doubled before each later one
MAX_BYTES = 2 << 30  # far above any clip: a reply that never ends must not fill the disk
READ_S = 20.0  # for a picture of some MB that somebody waits for
_DEAD = {401, 403, 404, 410}
_PARTIAL = 206
_RANGE_REFUSED = 416


class LinkDead(DownloadFailed):
    """The link no longer serves the file; `download-url` may give a fresh one."""


class NotTheFile(DownloadFailed):
    """What came is not the file: an error page, nothing, or too much."""


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
    accept: Callable[[bytes], bool] | None = None,
    pause_s: float | None = None,
    on_progress: Callable[[int, int | None], None] | None = None,
) -> int:
    """Fetch *url* into *target* and return its size in bytes; a half file never has the final name.

    Args:
        accept: Says from the first bytes whether this is the kind of file wanted.
        pause_s: In place of `PAUSE_S`.

    Raises:
        LinkDead: the link is dead (HTTP 401, 403, 404, 410).
        NotTheFile: an error page or an empty body under HTTP 200.
        DownloadFailed: the connection broke too often, or the disk refused.
    """
    part = target.with_name(f"{target.name}.part")
    state = _State(part)
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
    client = _client(trust_env=not is_loopback(url))
    for attempt in range(ATTEMPTS):
        if attempt:
            time.sleep(pause_s * 2 ** (attempt - 1))
        try:
            if _stream(client, url, state, accept, on_progress):
                return
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            state.trouble = type(exc).__name__
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
        self.total: int | None = None
        self.etag: str | None = None
        self.trouble = "cut short"


def _stream(  # noqa: C901, PLR0912 - one reply, read in order
    client: httpx.Client,
    url: str,
    state: _State,
    accept: Callable[[bytes], bool] | None,
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
        if response.status_code not in {200, _PARTIAL}:
            state.trouble = f"HTTP {response.status_code}"
            return False
        resumed = response.status_code == _PARTIAL and state.have > 0
        told = response.headers.get("Content-Range", "")
        if resumed and told and not told.startswith(f"bytes {state.have}-"):
            state.have, state.trouble = 0, "the server went on at another place than where it broke"
            return False
        if not resumed:
            state.have = 0
            length = response.headers.get("Content-Length")
            state.total = int(length) if length and length.isdigit() else None
            state.etag = response.headers.get("ETag")
        with state.part.open("ab" if resumed else "wb") as file:
            for chunk in response.iter_bytes(CHUNK):
                if state.have == 0 and accept is not None and not accept(chunk[:64]):
                    raise NotTheFile(f"what came is not a video: it begins with {chunk[:20]!r}.")
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


def _sync_folder(folder: Path) -> None:
    with contextlib.suppress(OSError, AttributeError):  # Windows cannot, and need not
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
