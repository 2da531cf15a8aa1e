"""The way out: callbacks are posted and pictures fetched at the address that was judged, and at no other.

A name is looked up once, each address that it has must be public, and the connection is made to the first. So neither a name that
leads to this machine, nor one that is answered otherwise a moment later, nor a redirect reaches what the caller may not reach.
No proxy is used: behind one it could not be said what is connected to.
"""

import asyncio
import ipaddress
import socket
from typing import Any

import httpx

from ..addresses import FAKE_IP, literal, why_not_public
from .loops import new_loop

_FETCH_S = 30.0  # for the whole of a file; the service's own limit
_POST_S = 15.0
_MOST_REDIRECTS = 5


class NotReachedError(OSError):
    """An address that the simulator does not call."""


def fetch(url: str, *, most: int) -> bytes:
    """The bytes behind a public URL, not more than *most* and one (so that the caller sees the excess); in a thread without a loop.

    Raises:
        OSError, ValueError, httpx.HTTPError, httpx.InvalidURL: it cannot be fetched, or is not public.
    """
    loop = new_loop()
    try:
        return loop.run_until_complete(_fetch_in_time(url, most))
    except TimeoutError:
        raise NotReachedError("it takes too long") from None
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())  # a body that was not read to its end
        loop.close()


async def _fetch_in_time(url: str, most: int) -> bytes:
    async with asyncio.timeout(_FETCH_S):
        return await _fetch(url, most)


async def _fetch(url: str, most: int) -> bytes:
    # On a loop, so that there is one deadline for all of it: a read waits afresh for every byte, of headers too.
    where = httpx.URL(url)
    async with httpx.AsyncClient(timeout=10.0, trust_env=False) as client:
        for _ in range(_MOST_REDIRECTS + 1):
            pinned = _pinned(where, _address(where, await _found(where)))
            pinned["headers"]["Accept-Encoding"] = "identity"
            async with client.stream("GET", **pinned) as reply:
                if reply.has_redirect_location:
                    where = where.join(reply.headers["Location"])
                    continue
                reply.raise_for_status()
                data = bytearray()
                async for piece in reply.aiter_raw():
                    data += piece
                    if len(data) > most:
                        break
                return bytes(data)
    raise NotReachedError("it is redirected too often")


async def _found(where: httpx.URL) -> list[tuple[Any, ...]]:
    loop = asyncio.get_running_loop()
    return list(await loop.getaddrinfo(where.host, _port(where), type=socket.SOCK_STREAM))


async def post(url: str, *, body: Any, headers: dict[str, str], may_be_private: bool) -> bool:
    """Whether the server at *url* has taken *body*, as JSON, with a status of success.

    Raises:
        OSError, ValueError, httpx.HTTPError, httpx.InvalidURL: it cannot be reached, or may not be.
    """
    where = httpx.URL(url)
    async with asyncio.timeout(_POST_S), httpx.AsyncClient(timeout=_POST_S, trust_env=False) as client:
        pinned = _pinned(where, _address(where, await _found(where), may_be_private=may_be_private))
        pinned["headers"] |= headers
        async with client.stream("POST", json=body, **pinned) as reply:  # what it answers is not read
            return reply.is_success


def _address(where: httpx.URL, found: list[tuple[Any, ...]], *, may_be_private: bool = False) -> str:
    addresses = [ipaddress.ip_address(one[4][0]) for one in found]
    for address in addresses:
        is_fake = address.version == FAKE_IP.version and address in FAKE_IP and literal(where.host) is None
        if not may_be_private and not is_fake and (reason := why_not_public(address)):
            raise NotReachedError(f"it is {reason}")
    return str(addresses[0])


def _pinned(where: httpx.URL, address: str) -> dict[str, Any]:
    """How to ask *where* at this address: its name goes into the header, and is what its certificate is held against."""
    return {
        "url": where.copy_with(host=address),
        "headers": {"Host": where.netloc.decode("ascii")},
        "extensions": {"sni_hostname": where.host},
    }


def _port(where: httpx.URL) -> int:
    port = where.port or {"http": 80, "https": 443}.get(where.scheme)
    if port is None:  # a redirect may name any scheme
        raise NotReachedError("it is no http(s) address")
    return port
