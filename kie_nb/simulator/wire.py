"""Replies, and how a fault turns them into wrong bytes, delays or a cut connection.

A connection can be cut because the server's protocol (see `server`) puts its transport into the scope.
"""

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from ..bounds import read_json
from .faults import Fault
from .replies import NAMES_BLOCKED, REFUSALS, Refusal, cloudflare_page, refused

Refuse = Callable[[Any], dict[str, Any]]


class Cut(Response):
    """No reply at all: the connection is reset, or closed."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self._reset = reset

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002
        """End the connection and wait until it has ended."""
        cut(scope, reset=self._reset)
        await gone(receive)


def cut(scope: Scope, *, reset: bool) -> None:
    """End the connection of this request."""
    transport: asyncio.Transport = scope["state"]["transport"]
    if not reset:
        transport.close()  # what was written before still goes out
        return
    raw = transport.get_extra_info("socket")
    if raw is not None:
        # Lingering for zero seconds makes the kernel send RST in place of FIN.
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def gone(receive: Receive) -> None:
    """Wait until the server has seen the disconnect; before that it would report a missing reply."""
    while (await receive())["type"] != "http.disconnect":
        pass


def json_reply(body: Any, status: int = 200) -> Response:
    """A JSON reply, with every sign as it is."""
    return Response(json.dumps(body), status_code=status, media_type="application/json")


def front_door(kind: str) -> Response | None:
    """The replies of the proxy in front of the service: the work is not done."""
    if kind in {"http_500", "http_502"}:
        status = int(kind.removeprefix("http_"))
        return HTMLResponse(cloudflare_page(status), status_code=status)
    if kind == "http_403_1010":
        return PlainTextResponse(NAMES_BLOCKED, status_code=403)
    if kind == "html":
        return HTMLResponse(cloudflare_page(200))
    return Cut(reset=True) if kind == "reset" else None


async def with_fault(
    fault: Fault | None, work: Callable[[], Awaitable[Any]], *, refuse: Refuse = refused
) -> Response:
    """Do the work and send what it gives, the way the fault wants it."""
    kind, status = fault.kind if fault else "", 200
    if (early := front_door(kind)) is not None:
        return early
    refusal = REFUSALS.get(kind)
    if refusal is None:
        try:
            body = await work()
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
        return HTMLResponse(cloudflare_page(502), status_code=502)
    if kind == "broken_json":
        text = json.dumps(body)
        return Response(text[: len(text) * 2 // 3], status_code=status, media_type="application/json")
    if kind == "message_key":
        body = {("message" if name == "msg" else name): value for name, value in body.items()}
    if kind == "no_task_id" and isinstance(body.get("data"), dict):
        body = {**body, "data": {}}
    return json_reply(body, status)


async def json_body(request: Request) -> Any:
    """The decoded JSON of a request, or None when it is no JSON."""
    try:
        return read_json(await request.body())
    except ValueError:
        return None
