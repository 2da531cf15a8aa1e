"""One async client for the calls of Kie's task API (kie-api §1-§9)."""

from __future__ import annotations

import asyncio
import functools
import ssl
import zlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from ..errors import NotSent, RateLimited, Refused, ServiceTrouble, StillRunning, TaskLost
from ..keys import Secret, check_key
from ..settings import MOST, is_loopback, without_password
from .envelope import Call, outcome_unknown, read
from .media import LinkDead, download
from .pace import Patience
from .reach import USER_AGENT
from .records import TaskRecord, is_address, parse_record
from .wirejson import number_of, text_of

CREATE_TIMEOUT = httpx.Timeout(60.0, connect=15.0)  # replies took 0.33-0.91 s (kie-api §3)
READ_TIMEOUT = httpx.Timeout(30.0, connect=15.0)
UPLOAD_TIMEOUT = httpx.Timeout(120.0, connect=15.0)
MAX_REPLY_BYTES = 2 << 20  # replies have some kilobytes: one that does not end must not fill the memory
NO_LIMITS = httpx.Limits(max_connections=None, max_keepalive_connections=40)
PASSING_CODES = frozenset({429, 430, 455})  # rate and maintenance: looking again later is safe (kie-api §5.1)
NOT_ENTERED = "use `async with AsyncKie() as client`"
RATE_PAUSE_S = 10.0  # kie-api §5.1: back off at least the window
# Before any byte of the request was sent; only these make sending a create again safe (kie-api §5.3).
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.InvalidURL,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Upload:
    """A file at the service, public for about a day."""

    url: str
    name: str
    bytes: int


class Client:
    """The wire to one service with one key; knows neither settings nor rates.

    Args:
        key: What is sent as the API key, to these two hosts only.
        base_url: Where the API answers.
        upload_url: Where uploads go; by default the same host.
        patience: How long whole answers and files may take.
    """

    def __init__(
        self,
        key: str | Secret,
        *,
        base_url: str,
        upload_url: str | None = None,
        patience: Patience | None = None,
    ) -> None:
        self._key = Secret(key) if isinstance(key, str) else key
        self._base_url = base_url
        # The key goes where the API is: a base of one's own is never paired with the public upload host by accident.
        self._upload_url = upload_url or base_url
        self._patience = patience or Patience()
        self._client: httpx.AsyncClient | None = None
        self._creator: httpx.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {without_password(self._base_url)}>"

    async def __aenter__(self) -> Self:
        key = check_key(self._key)
        headers = {
            "Authorization": f"Bearer {key.reveal()}",
            "User-Agent": USER_AGENT,
            "Accept-Encoding": "gzip",
        }
        # A proxy has no business between this process and a service on this machine.
        trust_env = not is_loopback(self._base_url)
        self._client = httpx.AsyncClient(
            headers=headers,
            trust_env=trust_env,
            timeout=READ_TIMEOUT,
            limits=NO_LIMITS,
            verify=_certificates(),
        )
        # Each create gets a connection of its own: on a kept one that the far side has just closed, a lost
        # connection could not be told from a lost reply, and would needlessly end as "outcome unknown".
        self._creator = httpx.AsyncClient(
            headers=headers,
            trust_env=trust_env,
            timeout=CREATE_TIMEOUT,
            verify=_certificates(),
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in (self._client, self._creator):
            if client is not None:
                await client.aclose()
        self._client = self._creator = None

    async def create(
        self,
        model: str,
        input: dict[str, Any],  # noqa: A002 - the wire's own word
        *,
        call_back_url: str | None = None,
        patience_s: float = 60.0,
    ) -> str:
        """Create a task and return its id. This is the call that costs money.

        It is sent again only after a rate-limit refusal or when no connection was made, for up to *patience_s* seconds.

        Raises:
            OutcomeUnknown: the answer was lost; a task may exist. Do not just call again.
            RateLimited, OutOfCredits, AuthError, InvalidRequest, ModelUnavailable, Refused: refused, nothing charged.
            NotSent: no connection could be made.
        """
        body: dict[str, Any] = {"model": model, "input": {k: v for k, v in input.items() if v is not None}}
        if call_back_url:
            body["callBackUrl"] = call_back_url
        spent = 0.0
        while True:
            try:
                async with self._permission():
                    return await self._create_once(body)
            except (RateLimited, NotSent) as exc:
                pause = RATE_PAUSE_S if isinstance(exc, RateLimited) else 2.0
                if spent + pause > patience_s:
                    raise
                spent += pause
                await asyncio.sleep(pause)

    def _permission(self) -> AbstractAsyncContextManager[None]:
        """The right to send one create, held until its reply: who counts them says so in a class of its own."""
        return nullcontext()

    async def _create_once(self, body: dict[str, Any]) -> str:
        if self._creator is None:
            raise RuntimeError(NOT_ENTERED)
        try:
            status, reply = await _exchange(
                self._creator,
                "POST",
                f"{self._base_url}/api/v1/jobs/createTask",
                whole_s=self._patience.create_s,
                json=body,
            )
        except _NEVER_SENT as exc:
            raise NotSent(
                f"no connection to {self._base_url}: {_why(exc)}.",
                hint="check the network and run the cell again",
            ) from exc
        except httpx.HTTPError as exc:
            raise outcome_unknown(f"{_why(exc)} after the request was sent") from exc
        data = read(Call.CREATE, status, reply)
        task_id = data.get("taskId") or data.get("recordId") if isinstance(data, dict) else None
        if not task_id:
            raise outcome_unknown("it was accepted without a task id")
        return str(task_id)

    async def record(self, task_id: str) -> TaskRecord:
        """Look at a task once.

        Raises:
            ServiceTrouble: no usable answer; looking again is safe.
            TaskLost: the service does not know the task; just after creation that can pass (kie-api §4.6).
        """
        data = await self._ask(
            Call.RECORD, "GET", f"{self._base_url}/api/v1/jobs/recordInfo", params={"taskId": task_id}
        )
        record = parse_record(data, task_id)
        if record is None:
            raise ServiceTrouble(
                "no usable answer to recordInfo: there is no state in it.", hint="asking again is safe"
            )
        return record

    async def wait(
        self,
        task_id: str,
        *,
        timeout_s: float = 1800.0,
        on_change: Callable[[TaskRecord], None] | None = None,
    ) -> TaskRecord:
        """Look until the task is final; drops, server errors and broken JSON in between are lived through.

        Raises:
            StillRunning: after *timeout_s*; the task goes on.
            TaskLost: the service has not known the task for longer than it takes to appear.
            AuthError, Refused: the service will not show it.
        """
        loop = asyncio.get_running_loop()
        start, pause, seen = loop.time(), 2.0, None
        while True:
            try:
                record = await self._look(task_id)
            except TaskLost:
                if loop.time() - start > 90:  # noqa: PLR2004 - kie-api §4.6
                    raise
                record = None
            if record is not None and record != seen:
                seen = record
                if on_change:
                    on_change(record)
            if record is not None and record.is_final:
                return record
            if loop.time() - start + pause > timeout_s:
                raise StillRunning(
                    f"task {task_id} was not done after {timeout_s:g} s; it goes on and is billed.",
                    hint=f"client.wait({task_id!r}) takes it up again",
                )
            await asyncio.sleep(pause)
            pause = min(pause * 1.5, 15.0)

    async def _look(self, task_id: str) -> TaskRecord | None:
        """The record, or None for trouble that passes."""
        try:
            return await self.record(task_id)
        except ServiceTrouble:
            return None
        except Refused as exc:
            if exc.code not in PASSING_CODES:
                raise
            return None

    async def credits(self) -> float:
        """The account's balance, in credits (1 credit = US$0.005); a harmless way to test a key.

        Raises:
            AuthError: the service refuses the key.
            ServiceTrouble: no usable answer; asking again is safe.
        """
        data = await self._ask(Call.CREDITS, "GET", f"{self._base_url}/api/v1/chat/credit")
        balance = number_of(data, least=-MOST, most=MOST)
        if balance is None:
            raise ServiceTrouble(
                "no usable answer to credit: it holds no number.", hint="asking again is safe"
            )
        return balance

    async def upload(self, content: bytes, name: str, *, mime: str, folder: str = "images/kie-nb") -> Upload:
        """Upload a file (free). Put a hash of the content in *name*: the same name serves old bytes (kie-api §9).

        Raises:
            ServiceTrouble, AuthError, InvalidRequest: as the service says; uploading again is safe.
        """
        data = await self._ask(
            Call.UPLOAD,
            "POST",
            f"{self._upload_url}/api/file-stream-upload",
            files={"file": (name, content, mime)},
            data={"uploadPath": folder, "fileName": name},
            timeout=UPLOAD_TIMEOUT,
            whole_s=self._patience.upload_s,
        )
        told = data if isinstance(data, dict) and data.get("success") is not False else {}
        url = told.get("downloadUrl") or told.get("fileUrl")
        if not is_address(url):
            raise ServiceTrouble(
                "no usable answer to upload: there is no address in it.", hint="asking again is safe"
            )
        return Upload(url=str(url), name=text_of(told.get("fileName"), 200) or name, bytes=len(content))

    async def download_url(self, url: str) -> str:
        """A fresh link, good for 20 minutes, for a file that the service made (kie-api §8.1).

        Raises:
            InvalidRequest: the service did not make it.
            ServiceTrouble: no usable answer; asking again is safe.
        """
        data = await self._ask(
            Call.DOWNLOAD_URL, "POST", f"{self._base_url}/api/v1/common/download-url", json={"url": url}
        )
        if not is_address(data):
            raise ServiceTrouble("no usable answer to download-url: there is no address in it.")
        return str(data)

    async def download(self, url: str, target: str | Path) -> Path:
        """Fetch a result to *target*, whatever it is: without the key, to a temporary name, its length checked, then renamed.

        Raises:
            DownloadFailed: with what went wrong; the file under the final name is whole or absent, and what has come of it stays
                as `<name>.part`.
            InvalidRequest, ServiceTrouble: the link is dead, and no fresh one was given.
        """
        target = Path(target)
        fetch = functools.partial(download, own=(self._base_url, self._upload_url), patience=self._patience)
        try:
            await asyncio.to_thread(fetch, url, target)
        except LinkDead:
            fresh = await self.download_url(url)
            await asyncio.to_thread(fetch, fresh, target)
        return target

    async def _ask(
        self, call: Call, method: str, url: str, *, whole_s: float | None = None, **more: Any
    ) -> Any:
        """A question that costs nothing: anything but a clear answer is `ServiceTrouble`."""
        if self._client is None:
            raise RuntimeError(NOT_ENTERED)
        whole_s = self._patience.question_s if whole_s is None else whole_s
        try:
            status, reply = await _exchange(self._client, method, url, whole_s=whole_s, **more)
        except (httpx.HTTPError, httpx.InvalidURL) as exc:
            raise ServiceTrouble(f"no answer to {call}: {_why(exc)}.", hint="asking again is safe") from exc
        return read(call, status, reply)


class _NoReply(httpx.HTTPError):
    """What came is no reply of the service's."""


async def _exchange(
    client: httpx.AsyncClient, method: str, url: str, *, whole_s: float, **more: Any
) -> tuple[int, bytes]:
    """Status and body of the reply, read no further than any reply of the service is long, nor for longer than *whole_s*."""
    try:
        async with asyncio.timeout(whole_s), client.stream(method, url, **more) as response:
            body = bytearray()
            async for piece in response.aiter_raw():
                body += piece
                if len(body) > MAX_REPLY_BYTES:
                    raise _NoReply(f"a reply of more than {MAX_REPLY_BYTES >> 20} MB")
            return response.status_code, _unpacked(bytes(body), response.headers.get("Content-Encoding", ""))
    except TimeoutError:
        raise _NoReply(f"no whole reply within {whole_s:g} s") from None


def _unpacked(body: bytes, encoding: str) -> bytes:
    """*body* as it was before it was packed; a few kilobytes may unpack to gigabytes, so that has its limit too."""
    kind = encoding.strip().lower()
    if kind in {"", "identity"}:
        return body
    if kind not in {"gzip", "x-gzip", "deflate"}:
        raise _NoReply("a reply in an encoding that was not asked for")
    try:
        plain = zlib.decompressobj(wbits=47).decompress(body, MAX_REPLY_BYTES + 1)
    except zlib.error:
        raise _NoReply("a reply that cannot be unpacked") from None
    if len(plain) > MAX_REPLY_BYTES:
        raise _NoReply(f"a reply of more than {MAX_REPLY_BYTES >> 20} MB")
    return plain


@functools.cache
def _certificates() -> ssl.SSLContext:
    """Loading them takes longer than most answers: once per process."""
    return httpx.create_ssl_context()


def _why(exc: Exception) -> str:
    words = {
        "ReadTimeout": "no reply in time",
        "ConnectTimeout": "no connection in time",
        "RemoteProtocolError": "the connection was closed without a reply",
        "ReadError": "the connection broke",
    }
    return words.get(type(exc).__name__) or str(exc) or type(exc).__name__
