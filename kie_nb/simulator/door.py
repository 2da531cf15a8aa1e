"""Access control: which requests are answered at all.

Every page in the user's browser, and every user of the machine, can reach a port on loopback. Pages are told by the headers that
browsers add (Origin, Sec-Fetch-Site), DNS rebinding by `Host`. Other users of the machine are kept out by the key.
"""

import asyncio
from collections.abc import Mapping

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .models import MEDIA_PREFIX, UPLOADS_PREFIX
from .replies import NAMES_BLOCKED
from .world import World

MOST_FILE_BYTES = 100 << 20  # of an upload
_MOST_BODY_BYTES = {
    "/api/file-stream-upload": MOST_FILE_BYTES + (1 << 20),
    "/api/file-base64-upload": 32 << 20,  # it is in memory as a whole, several times
}
_MOST_JSON_BYTES = 1 << 20
BODY_S = 60.0  # for the whole of a body
_OWN = {"same-origin", "none"}  # none: the user has typed the address
# How a <video>, an <img> or a link asks: their page cannot read what comes.
_WATCHED = {"no-cors", "navigate"}


class Door:
    """ASGI middleware before the app."""

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app, self._world = app, world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on with a bounded body."""
        headers = Headers(scope=scope)
        refusal = _foreign(scope, headers) or _nameless(scope, headers) or self._closed(scope, headers)
        most = _MOST_BODY_BYTES.get(scope["path"], _MOST_JSON_BYTES)
        length = headers.get("content-length", "0")
        if refusal is None and length.isdecimal() and int(length[:20]) > most:
            refusal = 413, "the body is too large"
        if refusal is not None:
            status, text = refusal
            reply = PlainTextResponse(text, status_code=status, headers={"Connection": "close"})
            await reply(scope, receive, send)
            return
        await self._app(scope, _bounded(receive, most), send)

    def _closed(self, scope: Scope, headers: Headers) -> tuple[int, str] | None:
        """Admin routes take JSON alone, which no form can send; where keys are set, they and the page need one."""
        path = scope["path"]
        if path != "/" and not path.startswith("/_sim/"):
            return None
        if not self._world.is_open and not self._world.opens(headers.get("authorization", "")):
            return 401, "a key is needed"
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if scope["method"] in {"PUT", "POST"} and kind != "application/json":
            return 415, "application/json is needed"
        return None


def _foreign(scope: Scope, headers: Headers) -> tuple[int, str] | None:
    """Why a request is not for this server, or not from a client of its own."""
    names = {f"{host}:{scope['server'][1]}" for host in ("127.0.0.1", "localhost")}
    hosts = [host.lower() for host in headers.getlist("host")]
    if len(hosts) != 1 or hosts[0] not in names:
        return 421, "this is a simulator of Kie.ai on loopback; it has no such name"
    if {origin.lower() for origin in headers.getlist("origin")} - {f"http://{name}" for name in names}:
        return 403, "pages of other origins are not answered"
    is_free = scope["method"] in {"GET", "HEAD"} and scope["path"].startswith((MEDIA_PREFIX, UPLOADS_PREFIX))
    if is_free and headers.get("sec-fetch-mode") in _WATCHED:
        return None  # a video in a notebook, or a click on its link: free, and its name cannot be guessed
    if {site.lower() for site in headers.getlist("sec-fetch-site")} - _OWN:
        return 403, "pages of other origins are not answered"
    return None


def _nameless(scope: Scope, headers: Mapping[str, str]) -> tuple[int, str] | None:
    """The service refuses an empty User-Agent, and urllib's default one."""
    name = headers.get("user-agent", "").strip()
    is_ours = scope["path"] == "/" or scope["path"].startswith("/_sim/")
    return None if is_ours or (name and not name.startswith("Python-urllib")) else (403, NAMES_BLOCKED)


def _bounded(receive: Receive, most: int) -> Receive:
    """*receive* for a body of so many bytes, that has to come within `BODY_S`."""
    seen, end, is_whole = 0, asyncio.get_running_loop().time() + BODY_S, False

    async def bounded() -> Message:
        nonlocal seen, is_whole
        if is_whole:
            return await receive()
        try:
            async with asyncio.timeout_at(end):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, "the body takes too long", {"Connection": "close"}) from None
        seen += len(message.get("body", b""))
        is_whole = not message.get("more_body", False)
        if seen > most:
            raise HTTPException(413, "the body is too large", {"Connection": "close"})
        return message

    return bounded
