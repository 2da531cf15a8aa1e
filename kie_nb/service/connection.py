"""The HTTP clients of one service, and the exchange of one request.

The key is added when a request is sent, for its own hosts alone, and redacted in replies; no error leads to it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import html
import json
import os
import re
import socket
import zlib
from collections.abc import Generator, Iterable
from typing import Any

import httpx

from ..addresses import is_loopback
from ..errors import NotSent, without_frames
from ..keys import SIMULATORS, Secret
from .reach import USER_AGENT, certificates, proxy_of

MASK = "[key]"
_SHORTEST = 8  # characters; a shorter text is not a key, and stands in many words
CREATE_TIMEOUT = httpx.Timeout(60.0, connect=15.0)  # replies took 0.33-0.91 s (kie-api §3)
READ_TIMEOUT = httpx.Timeout(30.0, connect=15.0)
MAX_REPLY_BYTES = 2 << 20  # replies have some kilobytes: one that does not end must not fill the memory
NO_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=40)
OPENING_HINT = (
    "check HTTPS_PROXY, ALL_PROXY, NO_PROXY, SSL_CERT_FILE and SSL_CERT_DIR, then run the cell again"
)
# Before any byte of the request was sent; only these make sending a create again safe (kie-api §5.3).
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,  # it refused to make the connection
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)
_WHY: dict[type[Exception], str] = {
    httpx.ReadTimeout: "no reply in time",
    httpx.ConnectTimeout: "no connection in time",
    httpx.RemoteProtocolError: "the connection was closed without a reply",
    httpx.ReadError: "the connection broke",
    httpx.ProxyError: "the proxy refused",
}


class Bearer(httpx.Auth):
    """Adds the header to a request for one of *hosts*; no client, default header or stack frame holds it."""

    def __init__(self, key: Secret, hosts: Iterable[str]) -> None:
        self._key = key
        self._origins = {_origin(httpx.URL(host)) for host in hosts}

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """The request with its header."""
        if _origin(request.url) in self._origins:
            request.headers["Authorization"] = f"Bearer {self._key.reveal()}"
        yield request


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    return url.scheme, url.host, url.port


class Redactor:
    """Redacts a key in texts from the wire, however it is encoded: in JSON, in an address, in HTML, in capitals."""

    def __init__(self, key: Secret) -> None:
        is_key = len(key.reveal()) >= _SHORTEST and key != SIMULATORS
        self._pattern = re.compile("".join(map(_spellings, key.reveal())), re.IGNORECASE) if is_key else None

    def text(self, text: str) -> str:
        """*text* without the key."""
        return self._pattern.sub(MASK, text) if self._pattern else text

    def body(self, body: bytes) -> bytes:
        """The same for a body, in the encoding that it will be read in; what cannot be read in it stays as it is."""
        encoding: str = json.detect_encoding(body)
        errors = "surrogatepass"
        try:
            text = body.decode(encoding, errors)
        except UnicodeDecodeError:
            encoding, errors = "latin-1", "strict"
            text = body.decode(encoding)
        clean = self.text(text)
        return body if clean == text else clean.encode(encoding, errors)


def _spellings(sign: str) -> str:
    # One way to read each sign, none tried twice (`?>`), and an end to each repetition: the texts that almost hold a key, or a
    # megabyte of backslashes, must not take forever.
    number, escaped = ord(sign), re.escape(sign)
    name = "" if html.escape(sign) == sign else f"|{re.escape(html.escape(sign))}"
    return (
        rf"(?>\\{{0,8}}{escaped}|%(?:25){{0,8}}{number:02x}|\\{{1,8}}u00{number:02x}|\\{{1,8}}x{number:02x}"
        rf"|&(?:amp;){{0,8}}\#0{{0,8}}{number};?|&(?:amp;){{0,8}}\#x0{{0,8}}{number:x};?{name})"
    )


class NoReply(Exception):
    """A failed exchange, why in words, and whether no byte of the request has left; no stack frame of it holds the header."""

    def __init__(self, why: str, *, never_sent: bool) -> None:
        super().__init__(why)
        self.why, self.never_sent = why, never_sent


class _Sent:
    """Notices when the first byte of a request leaves, as httpcore tells it; a proxy's CONNECT is none of it."""

    def __init__(self) -> None:
        self.has_begun = False

    async def __call__(self, event: str, info: dict[str, Any]) -> None:
        is_connect = getattr(info.get("request"), "method", b"") == b"CONNECT"
        if event.endswith(".send_request_headers.started") and not is_connect:
            self.has_begun = True


class _Odd(httpx.HTTPError):
    """An impossible reply."""


def open_clients(key: Secret, hosts: tuple[str, str]) -> tuple[httpx.AsyncClient, httpx.AsyncClient]:
    """One for questions and one for creates, with the key for *hosts*; nothing is sent. NotSent where a setting cannot be used.

    The proxies of the environment stand between us and the network, and never between us and this machine: what goes there is
    not encrypted.
    """
    here = list(filter(is_loopback, hosts))
    try:
        more: dict[str, Any] = {
            "auth": Bearer(key, hosts),
            "headers": {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip"},
            "trust_env": len(here) < len(hosts),
            "mounts": {f"{url.scheme}://{url.netloc.decode('ascii')}": None for url in map(httpx.URL, here)},
            "verify": certificates(),
        }
        asking = httpx.AsyncClient(timeout=READ_TIMEOUT, limits=NO_LIMITS, **more)
        # Each create gets a connection of its own: on a kept one that the far side has just closed, a lost
        # connection could not be told from a lost reply, and would needlessly end as "outcome unknown".
        alone = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        return asking, httpx.AsyncClient(timeout=CREATE_TIMEOUT, limits=alone, **more)
    except Exception as exc:  # noqa: BLE001 - httpx, ssl and the proxies' packages raise many classes
        why = _why_not_opened(exc)
    # Here and not above: what was caught holds the password of a proxy.
    raise NotSent(f"{why}.", hint=OPENING_HINT)


def check_environment(hosts: tuple[str, str]) -> None:
    """Refuse, as `open_clients`, proxies and certificates of the environment that no connection can be opened with."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
    _open_with(hosts, tuple(os.environ.get(each) for name in names for each in (name, name.lower())))


@functools.cache  # thousands of cells are checked, one after the other
def _open_with(hosts: tuple[str, str], _environment: tuple[str | None, ...]) -> None:
    open_clients(Secret(""), hosts)


async def exchange(
    client: httpx.AsyncClient, redactor: Redactor, method: str, url: str, *, whole_s: float, **more: Any
) -> tuple[int, bytes]:
    """Status and body of the reply, without the key; NoReply where it does not come within *whole_s*, or has no end."""
    sent = _Sent()
    try:
        async with asyncio.timeout(whole_s):
            status, body = await _asked(client, method, url, {**more, "extensions": {"trace": sent}})
    except TimeoutError:
        failed = NoReply(f"no whole reply within {whole_s:g} s", never_sent=False)
    except Exception as exc:  # noqa: BLE001 - below are httpx, h11, ssl and the proxies' packages
        # The class alone does not tell: a redirect to an address that is none raises InvalidURL after the reply.
        is_before = isinstance(exc, _NEVER_SENT) and not sent.has_begun
        failed = NoReply(
            redactor.text(f"{_why(exc)}{_by_way_of(url)}"),
            never_sent=is_before,
        )
    except BaseException as exc:
        without_frames(exc)  # ■ and cancellation
        raise
    else:
        return status, redactor.body(body)
    raise failed


def _why(exc: Exception) -> str:
    if resolver_error(exc):
        return "the host name was not found (is this machine online?)"
    return _WHY.get(type(exc)) or str(exc) or type(exc).__name__


def resolver_error(exc: BaseException | None) -> socket.gaierror | None:
    """What the name system said, where that is the cause of *exc*."""
    while exc is not None and not isinstance(exc, socket.gaierror):
        exc = exc.__cause__ or exc.__context__
    return exc


async def _asked(client: httpx.AsyncClient, method: str, url: str, more: dict[str, Any]) -> tuple[int, bytes]:
    """The exchange itself, in a frame of its own: the response holds its request, with its header."""
    async with client.stream(method, url, **more) as response:
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > MAX_REPLY_BYTES:
                raise _Odd(f"a reply of more than {MAX_REPLY_BYTES >> 20} MB")
        return response.status_code, _unpacked(bytes(body), response.headers.get("Content-Encoding", ""))


def _unpacked(body: bytes, encoding: str) -> bytes:
    """*body* as it was before it was packed; a few kilobytes may unpack to gigabytes, so that has its limit too."""
    kind = encoding.strip().lower()
    if kind in {"", "identity"}:
        return body
    if kind not in {"gzip", "x-gzip", "deflate"}:
        raise _Odd("a reply in an encoding that was not asked for")
    try:
        plain = zlib.decompressobj(wbits=47).decompress(body, MAX_REPLY_BYTES + 1)
    except zlib.error:
        raise _Odd("a reply that cannot be unpacked") from None
    if len(plain) > MAX_REPLY_BYTES:
        raise _Odd(f"a reply of more than {MAX_REPLY_BYTES >> 20} MB")
    return plain


def _why_not_opened(exc: Exception) -> str:
    """Which setting it is; what the packages say of it may hold a proxy's password."""
    if isinstance(exc, ImportError):
        return "the proxy settings cannot be used: a SOCKS proxy needs the package socksio (pip install 'httpx[socks]')"
    if isinstance(exc, OSError):  # ssl's errors are such too
        return "the certificates of SSL_CERT_FILE or SSL_CERT_DIR cannot be read"
    if isinstance(exc, ValueError | httpx.InvalidURL):
        return f"the proxy settings cannot be used: {_odd_setting()}"
    return type(exc).__name__


def _odd_setting() -> str:
    """Which variable of the environment names a proxy, or an exception from it, that cannot be understood; its value may hold a password."""
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        value = os.environ.get(name) or os.environ.get(name.lower()) or ""
        scheme, mark, _ = value.partition("://")
        if mark and scheme.lower() not in {"http", "https", "socks5", "socks5h"}:
            return f"{name} has the unknown scheme {scheme[:20]!r}"
        try:
            httpx.Proxy(value if mark else f"http://{value}") if value else None
        except (ValueError, httpx.InvalidURL):
            return f"{name} is not the address of a proxy"
    return "NO_PROXY has an entry that is not a host, such as an IPv6 range or one in brackets"


def _by_way_of(url: str) -> str:
    """The proxy that stood between, without its password."""
    proxy = None
    with contextlib.suppress(ValueError, httpx.InvalidURL):
        proxy = proxy_of(httpx.URL(url))
    return f", through the proxy {proxy.url.host}:{proxy.url.port or ''}".rstrip(":") if proxy else ""
