"""One async client for the calls of Kie's task API (kie-api §1-§9)."""

from __future__ import annotations

import asyncio
import functools
import json
import logging
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import httpx

from ..bounds import number_of, text_of
from ..errors import (
    AuthError,
    InvalidRequest,
    NotSent,
    OutcomeUnknown,
    RateLimited,
    Refused,
    ServiceTrouble,
    StillRunning,
    TaskLost,
    explain_cancelled,
)
from ..keys import SIMULATORS, Secret, check_key
from ..settable import MOST
from .connection import NoReply, Redactor, exchange, open_clients
from .envelope import Call, outcome_unknown, read, task_id_in, unusable
from .media import LinkDead, download
from .reach import USUAL, Patience
from .records import TaskRecord, is_address, parse_record

UPLOAD_TIMEOUT = httpx.Timeout(120.0, connect=15.0)
PASSING_CODES = frozenset({429, 430, 455})  # rate and maintenance: looking again later is safe (kie-api §5.1)
NOT_ENTERED = "use `async with AsyncKie() as client`"
RATE_PAUSE_S = 10.0  # kie-api §5.1: back off at least the window
GATEWAY_HINT = "what answers on this machine got the simulator's key; KIE_NB_SERVICE=kie sends it yours"
UNKNOWN = OutcomeUnknown.charged_by_default

log = logging.getLogger("kie_nb")


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
        upload_url: Where uploads go; by default the same host.
    """

    def __init__(
        self, key: str | Secret, *, base_url: str, upload_url: str | None = None, patience: Patience = USUAL
    ) -> None:
        self._key = Secret(key) if isinstance(key, str) else key
        del key  # no frame of ours holds its text
        self._base_url = base_url
        # The key goes where the API is: a base of one's own is never paired with the public upload host by accident.
        self._upload_url = upload_url or base_url
        self._patience = patience
        self._redactor = Redactor(self._key)
        self._client: httpx.AsyncClient | None = None
        self._creator: httpx.AsyncClient | None = None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self._base_url}>"

    async def __aenter__(self) -> Self:
        """Open the connections; nothing is sent.

        Raises:
            AuthError: no header can carry the key.
            NotSent: the proxy, the certificates or the address that are set cannot be used.
        """
        self._redactor = Redactor(self._key)
        self._client, self._creator = open_clients(check_key(self._key), (self._base_url, self._upload_url))
        return self

    async def __aexit__(self, *_exc: object) -> None:
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
        content = _as_json(body)
        spent = 0.0
        while True:
            try:
                return await self._create_in_turn(content)
            except (RateLimited, NotSent) as exc:
                pause = RATE_PAUSE_S if isinstance(exc, RateLimited) else 2.0
                if spent + pause > patience_s:
                    raise
                spent += pause
                await asyncio.sleep(pause)

    async def _create_in_turn(self, content: bytes) -> str:
        task_id = ""
        try:
            async with self._permission():
                task_id = await self._create_once(content)
        except BaseException as exc:
            if not task_id:
                raise
            # It is accepted: an error while the permission is given back must not lose its id.
            log.error("task %s was accepted", task_id)  # noqa: TRY400 - the id matters, not our stack
            if not isinstance(exc, Exception):
                raise
        return task_id

    def _permission(self) -> AbstractAsyncContextManager[None]:
        """Permission to send one create, held until its reply; a subclass limits the rate here."""
        return nullcontext()

    async def _create_once(self, content: bytes) -> str:
        """After the first byte the outcome is accepted, unknown, or a certain refusal."""
        if self._creator is None:
            raise RuntimeError(NOT_ENTERED)
        url, more = (
            f"{self._base_url}/api/v1/jobs/createTask",
            {"headers": {"Content-Type": "application/json"}},
        )
        whole_s = self._patience.create_s
        try:
            status, reply = await exchange(
                self._creator, self._redactor, "POST", url, whole_s=whole_s, content=content, **more
            )
        except NoReply as exc:
            if exc.never_sent:
                words = f"No connection to {self._base_url}: {exc.why}."
                raise NotSent(words, hint="check the network and run the cell again") from None
            raise outcome_unknown(f"{exc.why} after the request was sent") from None
        except asyncio.CancelledError as exc:
            explain_cancelled(exc, outcome_unknown("you stopped waiting for it").message, charged=UNKNOWN)
            raise
        return task_id_in(self._read(Call.CREATE, status, reply))

    async def record(self, task_id: str) -> TaskRecord:
        """Look at a task once.

        Raises:
            ServiceTrouble: no usable answer; looking again is safe.
            TaskLost: the service does not know the task; just after creation that can pass (kie-api §4.6).
        """
        url = f"{self._base_url}/api/v1/jobs/recordInfo"
        record = parse_record(await self._ask(Call.RECORD, "GET", url, params={"taskId": task_id}), task_id)
        if record is None:
            raise unusable(Call.RECORD, "there is no state of this task in it")
        return record

    async def wait(
        self,
        task_id: str,
        *,
        timeout_s: float = 1800.0,
        on_change: Callable[[TaskRecord], None] | None = None,
    ) -> TaskRecord:
        """Poll until the task is final; lost connections, server errors and broken JSON in between are tolerated.

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
            if record is not None and record != seen and on_change:
                on_change(record)
            seen = record or seen
            if record is not None and record.is_final:
                return record
            if loop.time() - start + pause > timeout_s:
                words = f"Task {task_id} was not done after {timeout_s:g} s; it goes on and is billed."
                raise StillRunning(words, hint=f"client.wait({task_id!r}) takes it up again")
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
            raise unusable(Call.CREDITS, "it holds no number")
        return balance

    async def upload(self, content: bytes, name: str, *, mime: str, folder: str = "images/kie-nb") -> Upload:
        """Upload a file (free). Put a hash of the content in *name*: the same name serves old bytes (kie-api §9).

        Raises:
            ServiceTrouble, AuthError, InvalidRequest: as the service says; uploading again is safe.
        """
        form: dict[str, Any] = {
            "files": {"file": (name, content, mime)},
            "data": {"uploadPath": folder, "fileName": name},
        }
        where, whole_s = f"{self._upload_url}/api/file-stream-upload", self._patience.upload_s
        data = await self._ask(Call.UPLOAD, "POST", where, timeout=UPLOAD_TIMEOUT, whole_s=whole_s, **form)
        told = data if isinstance(data, dict) and data.get("success") is not False else {}
        url = told.get("downloadUrl") or told.get("fileUrl")
        if not is_address(url):
            raise unusable(Call.UPLOAD, "there is no address in it")
        return Upload(url=str(url), name=text_of(told.get("fileName"), 200) or name, bytes=len(content))

    async def download_url(self, url: str) -> str:
        """A fresh link, good for 20 minutes, for a file that the service made (kie-api §8.1).

        Raises:
            InvalidRequest: the service did not make it.
            ServiceTrouble: no usable answer; asking again is safe.
        """
        where = f"{self._base_url}/api/v1/common/download-url"
        data = await self._ask(Call.DOWNLOAD_URL, "POST", where, json={"url": url})
        if not is_address(data):
            raise unusable(Call.DOWNLOAD_URL, "there is no address in it")
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
            status, reply = await exchange(self._client, self._redactor, method, url, whole_s=whole_s, **more)
        except NoReply as exc:
            raise ServiceTrouble(f"No answer to {call}: {exc.why}.", hint="asking again is safe") from None
        return self._read(call, status, reply)

    def _read(self, call: Call, status: int, reply: bytes) -> Any:
        try:
            return read(call, status, reply)
        except AuthError as exc:
            if self._key == SIMULATORS:
                exc.hint = GATEWAY_HINT
            raise


def _as_json(body: dict[str, Any]) -> bytes:
    """*body* as it is sent: what cannot be is refused before the first byte."""
    try:
        return json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode()
    except (TypeError, ValueError, RecursionError) as exc:
        words = f"The input cannot be sent as JSON ({type(exc).__name__})."
        raise InvalidRequest(words, hint="see the field types of the model") from None
