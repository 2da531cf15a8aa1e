"""What all routes share: the state of the service, good keys, replies, and faults in replies.

The store is called on the loop itself: a call takes a fraction of a millisecond, which is less than handing it to a thread costs
while videos are drawn. A connection can be cut because the server's protocol (see `server`) puts its transport into the scope.
"""

import asyncio
import collections
import hashlib
import hmac
import json
import re
import secrets
import socket
import struct
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ..bounds import read_json
from .faults import REFUSALS, UNAUTHORIZED, Fault, FaultBox, Refusal
from .models import MEDIA_PREFIX, parts_of
from .store import Store
from .studio import Studio

FRESH_LINK_S = 20 * 60  # what `download-url` hands out is good for twenty minutes
NAMES_BLOCKED = "error code: 1010"  # all that Cloudflare says to a client whose name it does not like
_CLOUDFLARE = """<!DOCTYPE html>
<html lang="en-US"><head><title>kie.ai | {code}: {text}</title></head>
<body><h1>{text}</h1><p>Error code {code}</p><p>Cloudflare Ray ID: <strong>8f0c5ad1e9b2c3d4</strong></p></body></html>
"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """How this service behaves."""

    speed: float
    keys: frozenset[str] | None
    creates_per_window: int
    window_s: float
    link_life_s: float
    webhook_hmac_key: str | None
    states: tuple[str, ...]
    duration_s: Callable[[dict[str, Any]], float] | None
    private_callbacks: bool


@dataclass(kw_only=True)
class World:
    """The state of the service, as its routes see it."""

    settings: Settings
    store: Store
    studio: Studio
    faults: FaultBox
    owner: str  # who draws: this process, as the database knows it
    made: set[str] = field(default_factory=set)  # the tasks that this process was asked for
    callbacks: dict[str, str] = field(default_factory=dict)  # task id -> URL, until it is called
    secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))  # signs fresh links
    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def count(self, name: str, number: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self.counts[name] += number

    def opens(self, authorization: str) -> bool:
        """Whether a request with this header bears a good key."""
        scheme, _, key = authorization.partition(" ")
        key, keys = key.strip(), self.settings.keys
        is_good = keys is None or any(hmac.compare_digest(key.encode(), one.encode()) for one in keys)
        return scheme.lower() == "bearer" and bool(key) and is_good

    def close(self) -> None:
        """Stop drawing and close the database."""
        self.studio.close()
        self.store.close()

    def fresh_query(self, name: str) -> str:
        """What makes a link to this video good for another twenty minutes."""
        expires = int(time.time()) + FRESH_LINK_S
        return f"expires={expires}&signature={self._signature(name, expires)}"

    def is_fresh(self, name: str, expires: str, signature: str) -> bool:
        """Whether a link carries a signature of ours that still holds."""
        if not re.fullmatch("[0-9]{1,12}", expires) or int(expires) < time.time():
            return False
        return hmac.compare_digest(self._signature(name, int(expires)).encode(), signature.encode())

    def _signature(self, name: str, expires: int) -> str:
        return hmac.new(self.secret, f"{name}.{expires}".encode(), hashlib.sha256).hexdigest()[:40]


def world_of(request: Request) -> World:
    """What the routes share."""
    world: World = request.app.state.world
    return world


def base_of(request: Request) -> str:
    """The base URL of this request: the port may have changed since a task was made."""
    return f"{request.url.scheme}://{request.url.netloc}"


def media_task_id(url: str) -> tuple[str, str] | None:
    """The task and the file name a media link is about."""
    path = parts_of(url).path
    name = path.removeprefix(MEDIA_PREFIX)
    task_id, _, rest = name.partition("_")
    return (task_id, name) if path.startswith(MEDIA_PREFIX) and rest.endswith((".mp4", ".png")) else None


async def json_body(request: Request) -> Any:
    """The decoded JSON of a request, or None when it is not JSON."""
    try:
        return read_json(await request.body())
    except ValueError:
        return None


def accepted(data: Any) -> dict[str, Any]:
    """The envelope of an accepted call."""
    return {"code": 200, "msg": "success", "data": data}


def refused(refusal: Refusal) -> dict[str, Any]:
    """The envelope of a refused call."""
    return {"code": refusal.code, "msg": refusal.msg, "data": None}


Refuse = Callable[[Refusal], dict[str, Any]]
Act = Callable[[World, Request], Awaitable[Response]]


def keyed(method: str, path: str, counter: str, act: Act, *, refuse: Refuse = refused) -> Route:
    """A route that counts its calls and turns away those without a good key: a refusal under HTTP 200."""

    async def endpoint(request: Request) -> Response:
        world = world_of(request)
        world.count(counter)
        if not world.opens(request.headers.get("authorization", "")):
            return json_reply(refuse(Refusal(401, UNAUTHORIZED)))
        return await act(world, request)

    return Route(path, endpoint, methods=[method])


def json_reply(body: Any, status: int = 200) -> Response:
    """A JSON reply, with every sign as it is."""
    return Response(json.dumps(body), status_code=status, media_type="application/json")


def cloudflare_page(status: int) -> Response:
    """The HTML that Cloudflare serves when the service behind it fails."""
    texts = {200: "Just a moment...", 500: "Internal server error", 502: "Bad gateway"}
    return HTMLResponse(_CLOUDFLARE.format(code=status, text=texts.get(status, "Error")), status)


class Cut(Response):
    """No reply at all: the connection is reset, or closed."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """End the connection and wait until it has ended."""
        await cut(scope, receive, reset=self._reset)


async def cut(scope: Scope, receive: Receive, *, reset: bool = False) -> None:
    """End the connection of this request, and wait until the server has seen it: before, it would report a missing reply."""
    transport: asyncio.Transport = scope["state"]["transport"]
    if not reset:
        transport.close()  # what was written before still goes out
    else:
        raw = transport.get_extra_info("socket")
        if raw is not None:
            # Lingering for zero seconds makes the kernel send RST in place of FIN.
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


def front_door(kind: str) -> Response | None:
    """The replies of the proxy in front of the service: the work is not done."""
    if kind in {"http_500", "http_502"}:
        return cloudflare_page(int(kind.removeprefix("http_")))
    if kind == "http_403_1010":
        return PlainTextResponse(NAMES_BLOCKED, status_code=403)
    if kind == "html":
        return cloudflare_page(200)
    return Cut(reset=True) if kind == "reset" else None


async def with_fault(fault: Fault | None, work: Callable[[], Any], *, refuse: Refuse = refused) -> Response:
    """Do the *work*, which may be awaited, and send what it gives, the way the fault wants it."""
    kind, status = fault.kind if fault else "", 200
    if (early := front_door(kind)) is not None:
        return early
    refusal = REFUSALS.get(kind)
    if refusal is None:
        try:
            body = work()
            if isawaitable(body):
                body = await body
        except Refusal as exc:
            refusal = exc
    if refusal is not None:
        body, status = refuse(refusal), refusal.http_status
    if fault and kind == "slow_reply":
        await asyncio.sleep(fault.seconds)
    return _spoilt(kind, body, status)


def _spoilt(kind: str, body: Any, status: int) -> Response:
    if kind == "lost_reply":
        return Cut(reset=False)
    if kind == "http_502_done":
        return cloudflare_page(502)
    if kind == "broken_json":
        text = json.dumps(body)
        return Response(text[: len(text) * 2 // 3], status_code=status, media_type="application/json")
    if kind == "message_key":
        body = {("message" if name == "msg" else name): value for name, value in body.items()}
    if kind == "no_task_id" and isinstance(body.get("data"), dict):
        body = {**body, "data": {}}
    return json_reply(body, status)
