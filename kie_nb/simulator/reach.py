"""Outgoing requests: callbacks and fetches go to the address that was checked, and to no other.

A name is looked up once, each address that it has must be public, and the connection is made to the first. So neither a name that
leads to this machine, nor one that resolves differently a moment later, nor a redirect reaches a forbidden address.
No proxy is used: behind one it could not be said what is connected to.
"""

import asyncio
import ipaddress
import socket
from typing import Any

import httpx

from ..addresses import is_fake, literal, why_not_public
from ..loops import new_loop

# What `fetch` and `post` raise where an address cannot be reached, or may not be.
ERRORS = (OSError, ValueError, httpx.HTTPError, httpx.InvalidURL)
_FETCH_S = 30.0  # for the whole of a file; the service's own limit
_POST_S = 15.0
_MOST_REDIRECTS = 5


class NotReachedError(OSError):
    """An address that the simulator does not call."""


def fetch(url: str, *, most: int) -> bytes:
    """The bytes behind a public URL, at most *most* and one, so that the caller sees the excess; see `ERRORS`."""
    loop = new_loop()
    try:
        return loop.run_until_complete(asyncio.wait_for(_fetch(url, most), _FETCH_S))
    except TimeoutError:
        raise NotReachedError("it takes too long") from None
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())  # a body that was not read to its end
        loop.close()


async def _fetch(url: str, most: int) -> bytes:
    # On a loop, so that there is one deadline for all of it: a read waits afresh for every byte, of headers too.
    where = httpx.URL(url)
    async with httpx.AsyncClient(timeout=10.0, trust_env=False) as client:
        for _ in range(_MOST_REDIRECTS + 1):
            pinned = await _pinned(where)
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


async def post(url: str, *, body: Any, headers: dict[str, str], may_be_private: bool) -> bool:
    """Whether the server at *url* has taken *body*, as JSON, with a status of success; see `ERRORS`."""
    where = httpx.URL(url)
    async with asyncio.timeout(_POST_S), httpx.AsyncClient(timeout=_POST_S, trust_env=False) as client:
        pinned = await _pinned(where, may_be_private=may_be_private)
        pinned["headers"] |= headers
        async with client.stream("POST", json=body, **pinned) as reply:  # what it answers is not read
            return reply.is_success


async def _pinned(where: httpx.URL, *, may_be_private: bool = False) -> dict[str, Any]:
    """How to ask *where* at a judged address: its name goes into the header, and its certificate is held against it."""
    port = where.port or {"http": 80, "https": 443}.get(where.scheme)
    if port is None:  # a redirect may name any scheme
        raise NotReachedError("it is not an http(s) address")
    found = await asyncio.get_running_loop().getaddrinfo(where.host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(one[4][0]) for one in found]
    for address in addresses:
        is_faked = is_fake(address) and literal(where.host) is None
        if not may_be_private and not is_faked and (reason := why_not_public(address)):
            raise NotReachedError(f"it is {reason}")
    return {
        "url": where.copy_with(host=str(addresses[0])),
        "headers": {"Host": where.netloc.decode("ascii")},
        "extensions": {"sni_hostname": where.host},
    }
