"""Callbacks: when a task has ended, its `callBackUrl` is called, up to three times, signed when a secret is set.

The signature covers the task id and the time, not the body; that is how the service does it.
"""

import asyncio
import base64
import hashlib
import hmac
import time
from typing import Any

from .api import cost_time, result_json
from .reach import ERRORS, post
from .tasks import FATES, Task
from .world import World

_TRIES = 3
_LONGEST_PAUSE_S = 60.0


async def call_back(world: World, task: Task, url: str, base_url: str) -> None:
    """Call the callback URL of a task that has ended."""
    body = _body(world, task, base_url)
    for attempt in range(_TRIES):
        if attempt:
            await asyncio.sleep(min(_LONGEST_PAUSE_S, min(2.0**attempt, 5.0) / world.settings.speed))
        world.count("callbacks_sent")
        try:
            headers, may_be_private = _signed(world, task.id), world.settings.private_callbacks
            is_taken = await post(url, body=body, headers=headers, may_be_private=may_be_private)
        except ERRORS:
            continue
        if is_taken:
            world.count("callbacks_taken")
            return


def _signed(world: World, task_id: str) -> dict[str, str]:
    secret = world.settings.webhook_hmac_key
    if not secret:
        return {}
    stamp = str(int(time.time()))
    digest = hmac.new(secret.encode(), f"{task_id}.{stamp}".encode(), hashlib.sha256).digest()
    return {"X-Webhook-Timestamp": stamp, "X-Webhook-Signature": base64.b64encode(digest).decode()}


def _body(world: World, task: Task, base_url: str) -> dict[str, Any]:
    is_done = task.state == "success"
    end_ms = (task.complete_ms or 0) // 1000 * 1000  # whole seconds here, milliseconds in the record
    data: dict[str, Any] = {
        "completeTime": end_ms,
        "consumeCredits": task.credits if is_done else 0,
        "costTime": cost_time(task),
        "createTime": task.created_ms // 1000 * 1000,
        "model": task.model,
        "param": task.param,
        "remainedCredits": world.store.balance(),
        "state": task.state,
        "taskId": task.id,
        "updateTime": end_ms,
    }
    if is_done:
        data["resultJson"] = result_json(world, task, base_url)
        return {"code": 200, "data": data, "msg": "Playground task completed successfully."}
    data["failCode"], data["failMsg"] = FATES[task.fate]
    return {"code": 501, "data": data, "msg": "Playground task failed."}
