"""`kie-nb listen`: the receiver without Jupyter, for a machine that has an address of its own, or a tunnel to it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

from ..mailbox import PATH, Mailbox
from ..settings import state_home
from ..text import say
from .receiver import MOST_BYTES, SLOWEST_S, Receiver

_MOST_AT_ONCE = 500  # connections: slow ones must not take all file descriptors

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


def app(receiver: Receiver) -> Callable[[dict[str, Any], Receive, Send], Awaitable[None]]:
    """An ASGI application with the one route."""

    async def answer(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        status = await _status(receiver, scope, receive)
        content = json.dumps({"code": status, "msg": "success" if status == 200 else "refused"}).encode()  # noqa: PLR2004
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(content)).encode()),
            *([(b"connection", b"close")] if status in {408, 413} else []),
        ]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    return answer


async def _status(receiver: Receiver, scope: dict[str, Any], receive: Receive) -> int:
    before, found, token = str(scope["path"]).partition(f"/{PATH}")
    if not found or "/" in token or before.count("/") > 3:  # noqa: PLR2004 - behind a proxy it has a prefix
        return 404
    if scope["method"] != "POST":
        return 405
    body, is_more = bytearray(), True
    try:
        async with asyncio.timeout(SLOWEST_S):
            while is_more:
                message = await receive()
                body += message.get("body", b"")
                is_more = message.get("more_body", False)
                if len(body) > MOST_BYTES:
                    return 413
    except TimeoutError:
        return 408
    headers: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1"), value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text
    return receiver.answer(token, headers, bytes(body))


def listen(host: str, port: int) -> int:
    """Serve until it is interrupted."""
    import uvicorn

    from ..service.callback_address import PUBLIC, address_here

    where = address_here()
    say(f"kie_nb: callbacks are taken at http://{host}:{port}/{PATH}; end it with Ctrl-C.")
    if where is None:
        words = (
            f"Set {PUBLIC} to the address under which the service reaches it, then --callback auto uses it."
        )
        say(f"kie_nb: {words}")
    else:
        say(f"kie_nb: --callback auto names {where}")
    uvicorn.run(
        app(Receiver(Mailbox(state_home()))),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        lifespan="off",
        limit_concurrency=_MOST_AT_ONCE,
    )
    return 0
