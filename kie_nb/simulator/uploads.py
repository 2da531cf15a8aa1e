"""The routes of the upload host: three ways to upload a file."""

import asyncio
import base64
import binascii
import datetime as dt
import mimetypes
import secrets
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any
from urllib.parse import quote, unquote

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import folder
from .api import base_of, keyed, world_of
from .door import MOST_FILE_BYTES
from .models import UPLOADS_PREFIX, parts_of
from .reach import ERRORS
from .replies import Refusal
from .studio import UploadsFullError
from .tasks import now_ms
from .wire import json_body, with_fault
from .world import ACCOUNT, World

_MOST_FIELDS = 16
Read = Callable[[Request], Awaitable[tuple[bytes, Any, Any]]]  # the file, its folder and its name


def routes() -> list[Route]:
    """The routes of this file."""
    readers = {"stream": _from_form, "base64": _from_base64, "url": _from_url}
    return [
        keyed(
            "POST",
            f"/api/file-{kind}-upload",
            "upload_requests",
            partial(upload, read),
            refuse=upload_refused,
        )
        for kind, read in readers.items()
    ]


def upload_refused(refusal: Refusal) -> dict[str, Any]:
    """The envelope of a refused upload: `success` beside the code, no data."""
    return {"success": False, "code": refusal.code, "msg": refusal.msg}


async def upload(read: Read, world: World, request: Request) -> Response:
    """Any of the three upload calls."""

    async def work() -> Any:
        data, folder, name = await read(request)
        path = f"{UPLOADS_PREFIX.strip('/')}/{ACCOUNT}/{_folder(folder)}/{_file_name(name, data)}"
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
            "mimeType": folder.mime_of(data) or "application/octet-stream",
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
    extension = (folder.mime_of(data) or "").removeprefix("image/").replace("jpeg", "jpg")
    return f"{now_ms()}-{secrets.token_hex(5)}.{extension if extension.isalpha() else 'bin'}"


def _safe(part: str, field: str) -> str:
    # One step of a path and nothing else: it becomes a file name on this machine.
    wrong = part in {"", ".", ".."} or part.startswith(".") or len(part.encode("utf-8", "replace")) > 200  # noqa: PLR2004
    if wrong or not part.isprintable() or any(sign in part for sign in '\\/:*?"<>|'):
        raise Refusal(400, f"{field} is not within the range of allowed options")
    return part
