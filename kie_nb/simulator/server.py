"""The server's thread, with an event loop and sockets of its own; nothing of the host process is changed.

uvicorn's protocol is used without `uvicorn.Server`: inside a notebook kernel nobody may install signal handlers or
configure logging.
"""

import asyncio
import contextlib
import contextvars
import logging
import socket
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from ..loops import new_loop
from .models import MEDIA_PREFIX, UPLOADS_PREFIX
from .routing import NAMES_BLOCKED, World

_log = logging.getLogger("kie_nb.simulator")
_log.addHandler(logging.NullHandler())
_START_S, _STOP_S = 20.0, 10.0
_MOST_CONNECTIONS = 2000
HEAD_S = 30.0  # for the head of the first request of a connection
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


class _Protocol(H11Protocol):
    """uvicorn's protocol, quiet, with the transport in the scope so that a route can cut its connection."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.logger = _log
        self.access_log = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}
        self.loop.call_later(HEAD_S, self._end_if_silent)

    def _end_if_silent(self) -> None:
        if self.cycle is None:  # no request has come whole so far
            self.transport.close()


class ServerThread:
    """Serves an app on a loopback port from a daemon thread, with one background job beside it."""

    def __init__(self, app: ASGIApp, port: int, job: Callable[[], Awaitable[None]]) -> None:
        self._socket = _listening(port)
        self.port: int = self._socket.getsockname()[1]
        self._app, self._job = app, job
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        # An empty context: nothing of the cell that started it is inherited.
        self._thread = threading.Thread(
            target=lambda: contextvars.Context().run(self._main), name="kie-simulator", daemon=True
        )

    def start(self) -> None:
        """Return when the port answers."""
        self._thread.start()
        if not self._ready.wait(_START_S):
            raise RuntimeError("the simulator's server did not start")

    def stop(self) -> None:
        """Close every connection and end the thread."""
        if self._loop is not None and self._thread.is_alive():
            with contextlib.suppress(RuntimeError):  # the loop may have ended by itself
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(_STOP_S)

    def _main(self) -> None:
        loop = new_loop()
        asyncio.set_event_loop(loop)
        self._loop = loop
        try:
            loop.run_until_complete(self._serve(loop))
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.run_until_complete(loop.shutdown_default_executor())
            asyncio.set_event_loop(None)
            loop.close()

    async def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        config = uvicorn.Config(
            self._app,
            log_config=None,
            lifespan="off",
            ws="none",
            http="h11",
            timeout_keep_alive=30,
            proxy_headers=False,  # nobody stands between: such a header is the client's own
            limit_concurrency=_MOST_CONNECTIONS,
        )
        config.load()
        state = ServerState()
        server = await loop.create_server(
            lambda: _Protocol(config=config, server_state=state, app_state={}, _loop=loop),
            sock=self._socket,
            backlog=2048,
        )
        job = asyncio.ensure_future(self._job())
        self._ready.set()
        await self._stop.wait()
        # What is being accepted becomes a connection first: asyncio's server cannot close half of one (a server that is
        # closed meanwhile leaves its socket to the garbage collector, which fails on Python 3.13.0).
        loop.remove_reader(self._socket.fileno())
        names = {task: getattr(task.get_coro(), "__name__", "") for task in asyncio.all_tasks(loop)}
        accepting = [task for task, name in names.items() if name == "_accept_connection2"]
        await asyncio.gather(*accepting, return_exceptions=True)
        server.close()
        job.cancel()
        for connection in list(state.connections):
            connection.transport.abort()
        running = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.sleep(0)  # aborted transports close their sockets in the next step


def _listening(port: int) -> socket.socket:
    # The protocol is named because asyncio turns delays off (TCP_NODELAY) only where it sees it named:
    # without that, each reply may wait 40 ms for an acknowledgement.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(2048)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


class Door:
    """ASGI middleware before the app: which requests are answered at all.

    Every page in the user's browser, and every user of the machine, can reach a port on loopback. Pages are told by the headers
    that browsers add (Origin, Sec-Fetch-Site), DNS rebinding by `Host`. Other users of the machine are kept out by the key.
    """

    def __init__(self, app: ASGIApp, world: World) -> None:
        self._app, self._world = app, world

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on with a bounded body."""
        most = _MOST_BODY_BYTES.get(scope["path"], _MOST_JSON_BYTES)
        refusal = self._refusal(scope, Headers(scope=scope), most)
        if refusal is None:
            await self._app(scope, _bounded(receive, most), send)
            return
        status, text = refusal
        await PlainTextResponse(text, status, headers={"Connection": "close"})(scope, receive, send)

    def _refusal(self, scope: Scope, headers: Headers, most: int) -> tuple[int, str] | None:  # noqa: PLR0911 - one line a rule
        path, method = scope["path"], scope["method"]
        is_ours = path == "/" or path.startswith("/_sim/")
        names = {f"{host}:{scope['server'][1]}" for host in ("127.0.0.1", "localhost")}
        hosts = [host.lower() for host in headers.getlist("host")]
        if len(hosts) != 1 or hosts[0] not in names:
            return 421, "this is a simulator of Kie.ai on loopback; it has no such name"
        if {origin.lower() for origin in headers.getlist("origin")} - {f"http://{name}" for name in names}:
            return 403, "pages of other origins are not answered"
        # A video in a notebook, or a click on its link: free, and its name cannot be guessed.
        is_watched = headers.get("sec-fetch-mode") in _WATCHED and method in {"GET", "HEAD"}
        is_free = is_watched and path.startswith((MEDIA_PREFIX, UPLOADS_PREFIX))
        if not is_free and {site.lower() for site in headers.getlist("sec-fetch-site")} - _OWN:
            return 403, "pages of other origins are not answered"
        agent = headers.get("user-agent", "").strip()
        if not is_ours and (not agent or agent.startswith("Python-urllib")):
            return 403, NAMES_BLOCKED  # as the service does
        # Admin routes take JSON alone, which no form can send; where keys are set, they and the page need one.
        is_closed = self._world.settings.keys is not None and is_ours
        if is_closed and not self._world.opens(headers.get("authorization", "")):
            return 401, "a key is needed"
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if is_ours and method in {"PUT", "POST"} and kind != "application/json":
            return 415, "application/json is needed"
        length = headers.get("content-length", "0")
        if length.isdecimal() and int(length[:20]) > most:
            return 413, "the body is too large"
        return None


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
