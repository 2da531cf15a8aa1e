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
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from ..loops import new_loop

_log = logging.getLogger("kie_nb.simulator")
_log.addHandler(logging.NullHandler())
_START_S, _STOP_S = 20.0, 10.0
_MOST_CONNECTIONS = 2000
HEAD_S = 30.0  # for the head of the first request of a connection


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
        await asyncio.gather(
            *(task for task in asyncio.all_tasks(loop) if _accepts(task)), return_exceptions=True
        )
        server.close()
        job.cancel()
        for connection in list(state.connections):
            connection.transport.abort()
        running = asyncio.all_tasks(loop) - {asyncio.current_task(loop)}
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        await asyncio.sleep(0)  # aborted transports close their sockets in the next step


def _accepts(task: "asyncio.Task[Any]") -> bool:
    return getattr(task.get_coro(), "__name__", "") == "_accept_connection2"


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
