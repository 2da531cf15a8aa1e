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

from . import routing
from .faults import Fault, Refusal
from .models import MEDIA_PREFIX, UPLOADS_PREFIX, parts_of
from .reach import ERRORS
from .routing import World, cloudflare_page, world_of
from .server import MOST_FILE_BYTES
from .store import now_ms
from .studio import UploadsFullError, mime_of

_ACCOUNT = "183207"  # the account's number in the path of an upload
_MOST_FIELDS = 16
_PIECE = 64 * 1024
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")
_NO_FORM = "The request body is required to be multipart/form-data"
Read = Callable[[Request], Awaitable[tuple[bytes, Any, Any]]]  # the file, its folder and its name


def routes() -> list[Route]:
    """The routes of this file."""
    readers = {"stream": _from_form, "base64": _from_base64, "url": _from_url}
    return [
        *(
            routing.keyed(
                "POST", f"/api/file-{kind}-upload", "upload_requests", partial(_upload, read), refuse=_refused
            )
            for kind, read in readers.items()
        ),
        Route(MEDIA_PREFIX + "{name}", _video, methods=["GET", "HEAD"]),
        Route(UPLOADS_PREFIX + "{path:path}", _uploaded, methods=["GET", "HEAD"]),
    ]


# --- uploads -------------------------------------------------------------------------------------------------------


def _refused(refusal: Refusal) -> dict[str, Any]:
    return {"success": False, "code": refusal.code, "msg": refusal.msg}


async def _upload(read: Read, world: World, request: Request) -> Response:
    async def work() -> Any:
        data, folder, name = await read(request)
        path = f"{UPLOADS_PREFIX.strip('/')}/{_ACCOUNT}/{_folder(folder)}/{_file_name(name, data)}"
        try:
            await asyncio.to_thread(world.studio.write_upload, path, data)
        except UploadsFullError:
            raise Refusal(500, "The simulator's folder is full") from None
        world.count("uploads_accepted")
        facts = {
            "success": True,
            "fileName": path.rpartition("/")[2],
            "filePath": path,
            "downloadUrl": f"{routing.base_of(request)}/{quote(path)}",
            "fileSize": len(data),
            "mimeType": mime_of(data) or "application/octet-stream",
            "uploadedAt": dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
        return {"success": True, "code": 200, "msg": "File uploaded successfully", "data": facts}

    fault = world.faults.strike("upload")
    if fault is not None and fault.kind == "reset":
        await request.body()  # reset while it is still sending, a client sees no more than a plain close
    return await routing.with_fault(fault, work, refuse=_refused)


async def _from_form(request: Request) -> tuple[bytes, Any, Any]:
    if not request.headers.get("content-type", "").lower().startswith("multipart/form-data"):
        raise Refusal(400, _NO_FORM)
    try:
        async with request.form(max_files=1, max_fields=_MOST_FIELDS) as form:
            file = form.get("file")
            if not isinstance(file, UploadFile):
                raise Refusal(400, "file is required")
            return await file.read(), form.get("uploadPath"), form.get("fileName") or file.filename
    except HTTPException as exc:
        raise Refusal(400, _NO_FORM) from exc


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
    url = body.get("fileUrl")
    if not isinstance(url, str) or not url.startswith(("http://", "https://")):
        raise Refusal(400, "fileUrl is required to be an http(s) URL")
    try:
        data = await asyncio.to_thread(world_of(request).studio.bytes_at, url, most=MOST_FILE_BYTES)
    except ERRORS as exc:
        raise Refusal(500, "Failed to download file from URL") from exc
    name = body.get("fileName") or unquote(parts_of(url).path).rpartition("/")[2]
    return data, body.get("uploadPath"), name


async def _fields(request: Request) -> dict[str, Any]:
    body = await routing.json_body(request)
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
    wrong = not part or part.startswith(".") or len(part.encode("utf-8", "replace")) > 200  # noqa: PLR2004
    if wrong or not part.isprintable() or any(sign in part for sign in '\\/:*?"<>|'):
        raise Refusal(400, f"{field} is not within the range of allowed options")
    return part


# --- public files --------------------------------------------------------------------------------------------------


async def _video(request: Request) -> Response:
    world = _counted(request, "downloads")
    about = routing.media_task_id(request.url.path)
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
    # Read on the loop, from the disk's cache: quicker than a thread.
    return _file(request, partial(world.studio.read_video, task.video), fault)


async def _uploaded(request: Request) -> Response:
    world, path = _counted(request, "upload_downloads"), request.path_params["path"]
    fault = world.faults.strike("download", prompt=request.url.path)
    if fault and (early := _instead(fault)) is not None:
        return early
    return _file(request, partial(world.studio.read_upload, UPLOADS_PREFIX.strip("/") + "/" + path), None)


def _counted(request: Request, name: str) -> World:
    world = world_of(request)
    world.count(name)
    if "authorization" in request.headers:
        world.count("media_requests_with_authorization")
    return world


def _instead(fault: Fault) -> Response | None:
    if fault.kind == "expired":
        return cloudflare_page(404)
    if fault.kind == "empty":
        return Response(b"", media_type="video/mp4")
    return routing.Cut(reset=False) if fault.kind == "lost_reply" else routing.front_door(fault.kind)


def _file(request: Request, read: Callable[[], bytes], fault: Fault | None) -> Response:
    try:
        data = read()
    except OSError:
        return cloudflare_page(404)
    kind = mime_of(data)
    if kind is None:  # whatever it is called: it must not be run or shown as something else
        return cloudflare_page(404)
    etag = f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
    headers = {"Accept-Ranges": "bytes", "ETag": etag, "Cache-Control": "public, max-age=86400"}
    headers["X-Content-Type-Options"] = "nosniff"
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    status, asked = 200, request.headers.get("range", "")
    part = _part(asked, len(data)) if request.headers.get("if-range", etag) == etag else None
    if part is not None:
        start, end = part
        if start >= end:
            return Response(status_code=416, headers={**headers, "Content-Range": f"bytes */{len(data)}"})
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(data)}"
        status, data = 206, data[start:end]
    return _Stream(world_of(request), data, fault, status_code=status, headers=headers, media_type=kind)


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

    def __init__(self, world: World, data: bytes, fault: Fault | None, **more: Any) -> None:
        super().__init__(**more)
        self.headers["Content-Length"] = str(len(data))
        self._world, self._data, self._fault = world, data, fault

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        data, kind = self._data, self._fault.kind if self._fault else ""
        if scope["method"] != "HEAD":
            data = data[: len(data) // 2] if kind == "truncate" else data
            piece = max(1, len(data) // 20) if kind == "slow" else _PIECE
            for start in range(0, len(data), piece):
                if self._fault and kind == "slow":
                    await asyncio.sleep(self._fault.seconds / 20)
                part = data[start : start + piece]
                self._world.count("download_bytes", len(part))  # before the client can ask for the number
                await send({"type": "http.response.body", "body": part, "more_body": True})
            if kind == "truncate":
                await routing.cut(scope, receive)
                return
        await send({"type": "http.response.body", "body": b""})
