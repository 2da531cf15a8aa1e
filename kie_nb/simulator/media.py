"""Public files: the finished videos and the uploaded pictures, with Range, ETag and expiry.

No key is wanted here; if one arrives it is counted, because a client must never send it to a media host.
"""

import asyncio
import hashlib
import re
import time
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from . import folder
from .api import media_task_id, world_of
from .faults import Fault
from .models import MEDIA_PREFIX, UPLOADS_PREFIX
from .replies import cloudflare_page
from .wire import Cut, cut, front_door, gone
from .world import World

_PIECE = 64 * 1024
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def routes() -> list[Route]:
    """The routes of this file."""
    return [
        Route(MEDIA_PREFIX + "{name}", video, methods=["GET", "HEAD"]),
        Route(UPLOADS_PREFIX + "{path:path}", uploaded, methods=["GET", "HEAD"]),
    ]


async def video(request: Request) -> Response:
    """A finished video, while its link lives."""
    world = world_of(request)
    _count(world, request, "downloads")
    about = media_task_id(request.url.path)
    task = world.store.get(about[0]) if about else None
    fault = world.faults.strike("download", prompt=f"{task.prompt} {request.url.path}" if task else "")
    if fault and (early := _instead(fault)) is not None:
        return early
    if about is None or task is None or task.state != "success" or task.video is None:
        return _not_found()
    dies_ms = (task.complete_ms or 0) + world.settings.link_life_s * 1000
    expires, signature = (request.query_params.get(name, "") for name in ("expires", "signature"))
    if time.time() * 1000 > dies_ms and not world.is_fresh(about[1], expires, signature):
        return _not_found()
    if fault and fault.kind == "slow_reply":
        await asyncio.sleep(fault.seconds)
    try:
        data = folder.read(world.studio.videos / task.video)  # from the disk's cache: quicker than a thread
    except OSError:
        return _not_found()
    return _file(world, request, data, fault)


async def uploaded(request: Request) -> Response:
    """A file that was handed to an upload route."""
    world = world_of(request)
    _count(world, request, "upload_downloads")
    fault = world.faults.strike("download", prompt=request.url.path)
    if fault and (early := _instead(fault)) is not None:
        return early
    try:
        data = world.studio.read_upload(UPLOADS_PREFIX.strip("/") + "/" + request.path_params["path"])
    except OSError:
        return _not_found()
    return _file(world, request, data, None)


def _instead(fault: Fault) -> Response | None:
    if fault.kind == "expired":
        return _not_found()
    if fault.kind == "empty":
        return Response(b"", media_type="video/mp4")
    return Cut(reset=False) if fault.kind == "lost_reply" else front_door(fault.kind)


def _not_found() -> Response:
    return HTMLResponse(cloudflare_page(404), status_code=404)


def _count(world: World, request: Request, name: str) -> None:
    world.count(name)
    if "authorization" in request.headers:
        world.count("media_requests_with_authorization")


def _file(world: World, request: Request, data: bytes, fault: Fault | None) -> Response:
    kind = folder.mime_of(data)
    if kind is None:  # whatever it is called: it must not be run or shown as something else
        return _not_found()
    etag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
    headers = {"Accept-Ranges": "bytes", "ETag": etag, "Cache-Control": "public, max-age=86400"}
    headers["X-Content-Type-Options"] = "nosniff"
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    asked = request.headers.get("range", "")
    part = _part(asked, len(data)) if request.headers.get("if-range", etag) == etag else None
    if part is None:
        return _Stream(world, data, fault, status_code=200, headers=headers, media_type=kind)
    start, end = part
    if start >= end:
        return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{len(data)}"})
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
    return _Stream(world, data[start:end], fault, status_code=206, headers=headers, media_type=kind)


def _part(asked: str, size: int) -> tuple[int, int] | None:
    """Where one plain range begins and ends, empty if it lies outside; None for anything else, which means all."""
    match = _RANGE.fullmatch(asked.strip())
    if match is None or not any(match.groups()):
        return None
    first, last = match.groups()
    if not first:  # the last n bytes
        return max(0, size - int(last)), size
    start, end = int(first), min(size, int(last) + 1) if last else size
    return (start, end) if start < end or start >= size else None


class _Stream(Response):
    """A file in pieces, so that it can be slow or stop half way."""

    def __init__(
        self, world: World, data: bytes, fault: Fault | None, *, status_code: int, **more: Any
    ) -> None:
        super().__init__(status_code=status_code, **more)
        self.headers["Content-Length"] = str(len(data))
        self._world, self._data = world, data
        self._fault = fault.kind if fault else ""
        self._seconds = fault.seconds if fault else 0.0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] == "HEAD":
            await send({"type": "http.response.body", "body": b""})
            return
        data = self._data[: len(self._data) // 2] if self._fault == "truncate" else self._data
        piece = max(1, len(data) // 20) if self._fault == "slow" else _PIECE
        for start in range(0, len(data), piece):
            if self._fault == "slow":
                await asyncio.sleep(self._seconds / 20)
            part = data[start : start + piece]
            self._world.count("download_bytes", len(part))  # before the client can ask for the number
            await send({"type": "http.response.body", "body": part, "more_body": True})
        if self._fault == "truncate":
            cut(scope, reset=False)
            await gone(receive)
            return
        await send({"type": "http.response.body", "body": b""})
