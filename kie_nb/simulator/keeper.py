"""The background job: the heartbeat of this process, adoption of tasks of dead processes, and callbacks.

A process is alive while the file with its name in the `alive` folder is recent. That works on every system; a
look at process ids does not. A callback goes out up to three times; its signature covers the task id and the time, not the body,
as that of the service does.
"""

import asyncio
import base64
import hashlib
import hmac
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .api import cost_time, result_json
from .reach import ERRORS, post
from .routing import World
from .store import FATES, Task

_log = logging.getLogger("kie_nb.simulator")
_BEAT_S = 1.0
_DEAD_AFTER_S = 4.0
_MOST_ADOPTED = 500  # of a folder that may be somebody else's
_GLANCE_S = 0.1  # how often ended tasks are looked for
_TRIES = 3
_LONGEST_PAUSE_S = 60.0


class Keeper:
    """Runs beside the server on its loop."""

    def __init__(self, world: World, alive: Path, base_url: Callable[[], str]) -> None:
        self._world, self._base_url = world, base_url
        self._alive = alive
        self._mine = alive / world.owner
        self._mine.touch()
        self._calls: set[asyncio.Task[None]] = set()
        self._adopted = 0

    async def run(self) -> None:
        """Until cancelled."""
        next_beat = 0.0
        try:
            while True:
                try:
                    if time.monotonic() >= next_beat:
                        next_beat = time.monotonic() + _BEAT_S
                        self._beat()
                    self._send_callbacks()
                except Exception:  # noqa: BLE001 - it must survive a busy database
                    _log.exception("the background job failed once")
                await asyncio.sleep(_GLANCE_S)
        finally:
            self._mine.unlink(missing_ok=True)

    def _beat(self) -> None:
        self._mine.touch()
        for task in self._world.store.unfinished():
            if task.owner == self._world.owner or (self._adopted < _MOST_ADOPTED and self._is_adopted(task)):
                self._world.studio.draw(task, may_fetch=task.id in self._world.made)

    def _is_adopted(self, task: Task) -> bool:
        try:
            if time.time() - (self._alive / task.owner).lstat().st_mtime <= _DEAD_AFTER_S:
                return False
        except FileNotFoundError:
            pass
        is_ours = self._world.store.adopt(task.id, task.owner, self._world.owner)
        self._adopted += is_ours
        return is_ours

    def _send_callbacks(self) -> None:
        # From memory, never from the database: a folder must not name an address that is then called.
        for task_id, url in list(self._world.callbacks.items()):
            task = self._world.store.get(task_id)
            if task is None or task.state == "open":
                continue
            del self._world.callbacks[task_id]
            call = asyncio.ensure_future(self._call_back(task, url))
            self._calls.add(call)
            call.add_done_callback(self._over)

    def _over(self, call: asyncio.Task[None]) -> None:
        self._calls.discard(call)
        if not call.cancelled() and call.exception() is not None:
            _log.error("a callback could not be sent", exc_info=call.exception())

    async def _call_back(self, task: Task, url: str) -> None:
        settings, count, body = self._world.settings, self._world.count, self._body(task)
        for attempt in range(_TRIES):
            if attempt:
                await asyncio.sleep(min(_LONGEST_PAUSE_S, min(2.0**attempt, 5.0) / settings.speed))
            count("callbacks_sent")
            headers = _signed(task.id, settings.webhook_hmac_key)
            try:
                is_taken = await post(
                    url, body=body, headers=headers, may_be_private=settings.private_callbacks
                )
            except ERRORS:
                continue
            if is_taken:
                count("callbacks_taken")
                return

    def _body(self, task: Task) -> dict[str, Any]:
        is_done = task.state == "success"
        end_ms = (task.complete_ms or 0) // 1000 * 1000  # whole seconds here, milliseconds in the record
        data: dict[str, Any] = {
            "completeTime": end_ms,
            "consumeCredits": task.credits if is_done else 0,
            "costTime": cost_time(task),
            "createTime": task.created_ms // 1000 * 1000,
            "model": task.model,
            "param": task.param,
            "remainedCredits": self._world.store.balance(),
            "state": task.state,
            "taskId": task.id,
            "updateTime": end_ms,
        }
        if is_done:
            data["resultJson"] = result_json(task, self._base_url())
            return {"code": 200, "data": data, "msg": "Playground task completed successfully."}
        data["failCode"], data["failMsg"] = FATES[task.fate]
        return {"code": 501, "data": data, "msg": "Playground task failed."}


def _signed(task_id: str, secret: str | None) -> dict[str, str]:
    if not secret:
        return {}
    stamp = str(int(time.time()))
    digest = hmac.new(secret.encode(), f"{task_id}.{stamp}".encode(), hashlib.sha256).digest()
    return {"X-Webhook-Timestamp": stamp, "X-Webhook-Signature": base64.b64encode(digest).decode()}
