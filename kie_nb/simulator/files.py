"""The routes of files: three ways to upload one, and the public videos and uploads with Range, ETag and expiry.

No key is wanted for a public file; if one arrives it is counted, because a client must never send it to a media host.
"""

import asyncio
import base64
import binascii
import datetime as dt
import hashlib
import mimetypes
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from .faults import Fault, Refusal
from .models import MEDIA_PREFIX, UPLOADS_PREFIX, parts_of
from .reach import ERRORS
from .routing import (
    Cut,
    World,
    base_of,
    cloudflare_page,
    cut,
    front_door,
    json_body,
    keyed,
    media_task_id,
    with_fault,
    world_of,
)
from .server import MOST_FILE_BYTES
from .store import now_ms
from .studio import UploadsFullError, mime_of, read

_ACCOUNT = "183207"  # the account's number in the path of an upload
_MOST_FIELDS = 16
_PIECE = 64 * 1024
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
Read = Callable[[Request], Awaitable[tuple[bytes, Any, Any]]]  # the file, its folder and its name


def routes() -> list[Route]:
    """The routes of this file."""
    readers = {"stream": _from_form, "base64": _from_base64, "url": _from_url}
    return [
        *(
            keyed(
                "POST",
                f"/api/file-{kind}-upload",
                "upload_requests",
                partial(upload, read),
                refuse=upload_refused,
            )
            for kind, read in readers.items()
        ),
        Route(MEDIA_PREFIX + "{name}", video, methods=["GET", "HEAD"]),
        Route(UPLOADS_PREFIX + "{path:path}", uploaded, methods=["GET", "HEAD"]),
    ]


def upload_refused(refusal: Refusal) -> dict[str, Any]:
    """The envelope of a refused upload: `success` beside the code, no data."""
    return {"success": False, "code": refusal.code, "msg": refusal.msg}


async def upload(read: Read, world: World, request: Request) -> Response:
    """Any of the three upload calls."""

    async def work() -> Any:
        data, folder, name = await read(request)
        path = f"{UPLOADS_PREFIX.strip('/')}/{_ACCOUNT}/{_folder(folder)}/{_file_name(name, data)}"
        try:
            await asyncio.get_running_loop().run_in_executor(None, world.studio.write_upload, path, data)
        except UploadsFullError:
            raise Refusal(500, "The simulator's folder is full") from None
        world.count("uploads_accepted")
        return _stored(base_of(request), path, data)

    fault = world.faults.strike("upload")
    if fault is not None and fault.kind == "reset":
        await request.body()  # reset while it is still sending, a client sees no more than a plain close
    return await with_fault(fault, work, refuse=upload_refused)


def _stored(base: str, path: str, data: bytes) -> dict[str, Any]:
    name = path.rpartition("/")[2]
    return {
        "success": True,
        "code": 200,
        "msg": "File uploaded successfully",
        "data": {
            "success": True,
            "fileName": name,
            "filePath": path,
            "downloadUrl": f"{base}/{quote(path)}",
            "fileSize": len(data),
            "mimeType": mime_of(data) or "application/octet-stream",
            "uploadedAt": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        },
    }


async def _from_form(request: Request) -> tuple[bytes, Any, Any]:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refusal(400, "The request body is required to be multipart/form-data")
    try:
        async with request.form(max_files=1, max_fields=_MOST_FIELDS) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise Refusal(400, "file is required")
            name = form.get("fileName") or file.filename
            return await file.read(), form.get("uploadPath"), name
    except HTTPException as exc:
        raise Refusal(400, "The request body is required to be multipart/form-data") from exc


async def _from_base64(request: Request) -> tuple[bytes, Any, Any]:
    body = await _fields(request)
    text = body.get("base64Data")
    if not isinstance(text, str) or not text:
        raise Refusal(400, "base64Data is required")
    head, comma, rest = text.partition(",")
    kind = head.removeprefix("data:").partition(";")[0] if comma else ""
    try:
        data = base64.b64decode(rest if comma else text, validate=True)
    except (binascii.Error, ValueError) as exc:
        # A newline inside is enough: the service says no more than this either.
        raise Refusal(500, "Failed to decode base64 data") from exc
    name = body.get("fileName")
    if not name and kind and (extension := mimetypes.guess_extension(kind)):
        name = f"{secrets.token_hex(8)}{extension}"
    return data, body.get("uploadPath"), name


async def _from_url(request: Request) -> tuple[bytes, Any, Any]:
    body = await _fields(request)
    url, studio = body.get("fileUrl"), world_of(request).studio
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise Refusal(400, "fileUrl is required to be an http(s) URL")
    try:
        data = await asyncio.get_running_loop().run_in_executor(
            None, lambda: studio.bytes_at(url, most=MOST_FILE_BYTES)
        )
    except ERRORS as exc:
        raise Refusal(500, "Failed to download file from URL") from exc
    name = body.get("fileName") or unquote(parts_of(url).path).rpartition("/")[2]
    return data, body.get("uploadPath"), name


async def _fields(request: Request) -> dict[str, Any]:
    body = await json_body(request)
    if not isinstance(body, dict):
        raise Refusal(400, "The request body is required to be a JSON object")
    return body


def _folder(given: Any) -> str:
    if not isinstance(given, str) or not given.strip("/ "):
        raise Refusal(400, "uploadPath is required")
    return "/".join(_safe(part, "uploadPath") for part in given.strip("/ ").split("/"))


def _file_name(given: Any, data: bytes) -> str:
    if not data or len(data) > MOST_FILE_BYTES:
        raise Refusal(400, "File is empty or exceeds the size limit")
    if isinstance(given, str) and given:
        return _safe(given, "fileName")
    extension = (mime_of(data) or "").removeprefix("image/").replace("jpeg", "jpg")
    return f"{now_ms()}-{secrets.token_hex(5)}.{extension if extension.isalpha() else 'bin'}"


def _safe(part: str, field: str) -> str:
    # One step of a path and nothing else: it becomes a file name on this machine.
    wrong = part in {"", ".", ".."} or part.startswith(".") or len(part.encode("utf-8", "replace")) > 200  # noqa: PLR2004
    if wrong or not part.isprintable() or any(sign in part for sign in '\\/:*?"<>|'):
        raise Refusal(400, f"{field} is not within the range of allowed options")
    return part


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
        return cloudflare_page(404)
    dies_ms = (task.complete_ms or 0) + world.settings.link_life_s * 1000
    expires, signature = (request.query_params.get(name, "") for name in ("expires", "signature"))
    if time.time() * 1000 > dies_ms and not world.is_fresh(about[1], expires, signature):
        return cloudflare_page(404)
    if fault and fault.kind == "slow_reply":
        await asyncio.sleep(fault.seconds)
    try:
        data = read(world.studio.videos / task.video)  # from the disk's cache: quicker than a thread
    except OSError:
        return cloudflare_page(404)
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
        return cloudflare_page(404)
    return _file(world, request, data, None)


def _instead(fault: Fault) -> Response | None:
    if fault.kind == "expired":
        return cloudflare_page(404)
    if fault.kind == "empty":
        return Response(b"", media_type="video/mp4")
    return Cut(reset=False) if fault.kind == "lost_reply" else front_door(fault.kind)


def _count(world: World, request: Request, name: str) -> None:
    world.count(name)
    if "authorization" in request.headers:
        world.count("media_requests_with_authorization")


def _file(world: World, request: Request, data: bytes, fault: Fault | None) -> Response:
    kind = mime_of(data)
    if kind is None:  # whatever it is called: it must not be run or shown as something else
        return cloudflare_page(404)
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
            await cut(scope, receive)
            return
        await send({"type": "http.response.body", "body": b""})
