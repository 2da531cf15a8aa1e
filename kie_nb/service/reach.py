"""GET from untrusted addresses: a transport that checks the address it connects to.

A host's text says little: `127.1`, a name that resolves to loopback, a redirect, a name that resolves differently between the
check and the connection. So names are resolved here, once, and the connection is made to the checked address. A timeout per read
never ends while bytes trickle in, so each download has deadlines.
"""

from __future__ import annotations

import contextlib
import functools
import ipaddress
import socket
import ssl
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.request import getproxies, proxy_bypass

import httpcore
import httpx

from ..addresses import Address, is_fake, is_loopback, is_public_name, literal, why_not_public
from ..version import __version__

# An empty or urllib's default agent is answered with 403 "error code: 1010" (kie-api §1).
USER_AGENT = f"kie_nb/{__version__} python-httpx/{httpx.__version__}"
MOST_REDIRECTS = 5
CONNECT_S = 15.0
READ_S = 30.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """The longest waits for whole replies and files, in seconds, and the least that a download brings."""

    create_s: float = 60.0
    question_s: float = 30.0  # for the answer to a question that costs nothing
    upload_s: float = 600.0  # with its answer; a slow line needs minutes for 10 MB
    picture_s: float = 20.0  # for a picture by its address, which somebody waits for
    file_s: float = 3600.0  # however it comes
    retry_s: float = 1.0  # before a file is tried a second time; doubled before each later try
    stretch_s: float = 60.0  # in each stretch of this length, so many bytes of a file come at least
    stretch_bytes: int = 1 << 18


USUAL = Patience()


class TooSlow(httpcore.ReadTimeout):
    """The bytes do not come in time."""


class Pace:
    """The deadlines of one download: for all of it, redirects and tries included, and for *stretch_bytes* in each stretch."""

    def __init__(self, whole_s: float, *, stretch_s: float | None = None, stretch_bytes: int = 0) -> None:
        self._end = time.monotonic() + whole_s
        self._stretch_s, self._least = stretch_s or whole_s, stretch_bytes
        self.start()

    def start(self) -> None:
        """A new try begins a new stretch."""
        self._stretch_end, self._came = time.monotonic() + self._stretch_s, 0

    def came(self, size: int) -> None:
        """*size* more bytes are here."""
        self._came += size

    def left_s(self) -> float:
        """Seconds for which the next bytes are waited for; TooSlow when none are left."""
        now = time.monotonic()
        if now >= self._stretch_end:
            if self._came < self._least:
                raise TooSlow(f"{self._came} bytes in {self._stretch_s:g} s")
            self.start()
        if now >= self._end:
            raise TooSlow("it took too long in all")
        return min(self._end, self._stretch_end) - now


class ForbiddenAddress(Exception):
    """An untrusted address leads to this machine or to a private network."""


@contextlib.contextmanager
def get(
    url: str, *, pace: Pace, own: Sequence[str] = (), headers: dict[str, str] | None = None
) -> Iterator[httpx.Response]:
    """The answer to GET *url* with its body unread; redirects are followed, each judged as the first.

    Raises:
        ForbiddenAddress: it leads to this machine or a private network, and not to one of *own*: the user's own choice.
        httpx.HTTPError, httpx.InvalidURL: no answer.
    """
    sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "identity", **(headers or {})}
    transport = _Transport(own, pace)
    timeout = httpx.Timeout(READ_S, connect=CONNECT_S)
    with httpx.Client(transport=transport, trust_env=False, timeout=timeout, headers=sent) as client:
        try:
            request = client.build_request("GET", url)
        except (ValueError, TypeError) as exc:  # half a surrogate, a port that is none
            raise httpx.InvalidURL("no address") from exc
        for _ in range(MOST_REDIRECTS + 1):
            response = client.send(request, stream=True)
            try:
                if response.next_request is None:
                    yield response
                    return
                was, request = request, response.next_request
            finally:
                response.close()  # unread: the body of a redirect may have no end
            if (was.url.scheme, request.url.scheme) == ("https", "http"):
                raise ForbiddenAddress(f"{was.url.host} redirects from https to http")
    raise httpx.TooManyRedirects(f"more than {MOST_REDIRECTS} redirects")


class _Transport(httpx.BaseTransport):
    """Connects directly, or through the proxy of the environment, which then resolves names for itself."""

    def __init__(self, own: Sequence[str], pace: Pace) -> None:
        self._own, self._pace = own, pace
        self._pools = contextlib.ExitStack()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        with _as_httpx():
            pool = self._pools.enter_context(self._pool(request.url))
            url = httpcore.URL(
                scheme=request.url.raw_scheme, host=request.url.raw_host, port=request.url.port, target=request.url.raw_path
            )  # fmt: skip
            more: dict[str, Any] = {"headers": request.headers.raw, "extensions": request.extensions}
            answer = pool.handle_request(httpcore.Request(request.method, url, **more))
        more = {"headers": answer.headers, "extensions": answer.extensions}
        return httpx.Response(answer.status, stream=_Body(answer), **more)

    def _pool(self, url: httpx.URL) -> httpcore.ConnectionPool:
        proxy = proxy_of(url)
        if proxy is None:
            return httpcore.ConnectionPool(certificates(), network_backend=_Network(self._own, self._pace))
        address = literal(url.host)
        if address is not None:
            _judged([address], url.host, self._own)
        elif not is_public_name(url.host) and url.host not in {httpx.URL(one).host for one in self._own}:
            raise ForbiddenAddress(f"{url.host} is a name of this machine or of a private network")
        # Any other name is left to the proxy: the network is the one that it sees.
        network = _Network(None, self._pace)
        kind = httpcore.SOCKSProxy if proxy.url.scheme.startswith("socks") else httpcore.HTTPProxy
        return kind(str(proxy.url), proxy.raw_auth, ssl_context=certificates(), network_backend=network)

    def close(self) -> None:
        self._pools.close()


class _Network(httpcore.NetworkBackend):
    """TCP connections; *own* None: to a proxy, whose address is the user's own word."""

    def __init__(self, own: Sequence[str] | None, pace: Pace) -> None:
        self._own, self._pace = own, pace
        self._tcp = httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *more: Any, **named: Any
    ) -> httpcore.NetworkStream:
        addresses = _resolved(host, port)
        if self._own is not None:
            addresses = _judged(addresses, host, self._own)
        error: Exception | None = None
        end = time.monotonic() + (timeout or CONNECT_S)
        for address in addresses:
            left = min(end - time.monotonic(), self._pace.left_s())
            if left <= 0:
                break
            try:
                tcp = self._tcp.connect_tcp(str(address), port, left, *more, **named)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as exc:
                error = exc
            else:
                return _Stream(tcp, self._pace)
        raise error or httpcore.ConnectTimeout("no connection in time")


class _Stream(httpcore.NetworkStream):
    """A connection whose reads and writes have the pace's deadlines, those of the TLS handshake too."""

    def __init__(self, stream: httpcore.NetworkStream, pace: Pace) -> None:
        self._stream, self._pace = stream, pace

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        end = time.monotonic() + (timeout or READ_S)
        while True:
            within = min(end - time.monotonic(), self._pace.left_s())
            try:
                found = self._stream.read(max_bytes, max(0.001, within))
            except httpcore.ReadTimeout:  # a stretch may have ended: `left_s` judges it
                if time.monotonic() >= end:
                    raise
            else:
                self._pace.came(len(found))
                return found

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._within(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        tls = self._stream.start_tls(ssl_context, server_hostname, self._within(timeout))
        return _Stream(tls, self._pace)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)

    def _within(self, timeout: float | None) -> float:
        return min(timeout or READ_S, self._pace.left_s())


class _Body(httpx.SyncByteStream):
    """The body of an answer, in httpx's words."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        with _as_httpx():
            yield from self._answer.iter_stream()

    def close(self) -> None:
        with _as_httpx():
            self._answer.close()


@contextlib.contextmanager
def _as_httpx() -> Iterator[None]:
    """Errors of httpcore under the names that httpx gives them, and a transport that cannot be set up as no connection."""
    try:
        yield
    except (httpx.HTTPError, ForbiddenAddress):
        raise
    except (OSError, ValueError, ImportError, RuntimeError) as exc:  # certificates, a proxy, no socksio
        raise httpx.ConnectError(f"no connection can be set up: {type(exc).__name__}") from None
    except Exception as exc:
        names = (kind.__name__ for kind in type(exc).__mro__)
        known = next((getattr(httpx, name) for name in names if hasattr(httpx, name)), None)
        if known is None:
            raise
        raise known(str(exc)) from exc


def proxy_of(url: httpx.URL) -> httpx.Proxy | None:
    """The environment's proxy for *url*, as every program takes it; none stands between us and this machine."""
    proxies = getproxies()
    found = proxies.get(url.scheme) or proxies.get("all")
    if not found or is_loopback(str(url)) or proxy_bypass(f"{url.host}:{url.port or ''}"):
        return None
    return httpx.Proxy(found if "://" in found else f"http://{found}")


def _resolved(host: str, port: int) -> list[Address]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, ValueError) as exc:  # ValueError: what no name can be
        raise httpcore.ConnectError(f"{host} is not known: {exc}") from exc
    return [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]


def _judged(addresses: Sequence[Address], host: str, own: Sequence[str]) -> list[Address]:
    """Those of *addresses* that may be connected to; ForbiddenAddress where none may."""
    refused = {address: where for address in addresses if (where := why_not_public(address))}
    ours: set[Address] = set()  # where the service itself answers
    for url in own if refused else ():
        with contextlib.suppress(httpcore.ConnectError, httpx.InvalidURL):
            ours.update(_resolved(httpx.URL(url).host, 0))
    is_faked = any(map(is_fake, ours))
    allowed = [one for one in addresses if one not in refused or one in ours or (is_faked and is_fake(one))]
    if not allowed:
        address, where = next(iter(refused.items()))
        leads = "is" if str(address) == host else f"leads to {address},"
        raise ForbiddenAddress(f"{host} {leads} an address of {where}")
    return allowed


@functools.cache
def certificates() -> ssl.SSLContext:
    """Those of the machine; loading them takes longer than most answers: once per process."""
    return httpx.create_ssl_context()
