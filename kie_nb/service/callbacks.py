"""A callback of the service, as programs of your own receive it: who sent it, and what it says (kie-api §6).

The signature covers the task and the moment, not the body: what a callback says is a hint. `AsyncKie.record` tells what is so.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..bounds import number_of, text_of
from ..errors import AuthError, InvalidRequest
from .records import TaskRecord, body_of, is_signed, parse_record, task_id_of

_MOST_TEXT = 500


@dataclass(frozen=True, kw_only=True, slots=True)
class Callback:
    """What a callback says.

    Attributes:
        task_id: Of the task that has ended.
        code: Of its envelope: 200, or 501 for a task that failed; None where it has none.
        message: Beside it.
        record: The task as the callback tells it, in the form of `AsyncKie.record`.
    """

    task_id: str
    code: int | None
    message: str
    record: TaskRecord

    @property
    def state(self) -> str:
        """`success`, `fail`, or another word of the service's."""
        return self.record.state

    @property
    def urls(self) -> tuple[str, ...]:
        """Addresses of the results; they live about a day."""
        return self.record.urls

    @property
    def credits(self) -> float | None:
        """What the task cost; None where that is not said."""
        return self.record.credits


def read_callback(body: bytes | str | Mapping[str, Any]) -> Callback:
    """What a callback says, whoever sent it; InvalidRequest for whatever is none."""
    found = body if isinstance(body, Mapping) else body_of(body.encode() if isinstance(body, str) else body)
    task_id = task_id_of(found)
    if task_id is None:
        raise InvalidRequest("This is not a callback of Kie.ai: it names no task.", charged="")
    data = found.get("data")
    told = {**data, "taskId": task_id} if isinstance(data, dict) else {}
    code = number_of(found.get("code"), least=0, most=10_000)
    record = parse_record(told, task_id) or TaskRecord(task_id=task_id, state="")
    return Callback(
        task_id=task_id,
        code=None if code is None else int(code),
        message=text_of(found.get("msg"), _MOST_TEXT),
        record=record,
    )


def verify_callback(
    headers: Mapping[str, str], body: bytes | str | Mapping[str, Any], secret: str
) -> Callback:
    """What a callback says, once its signature is checked.

    Args:
        headers: Of the request, in whatever spelling.
        body: Of the request, as it came or as JSON was read from it.
        secret: The webhook key from Kie.ai's settings.

    Raises:
        AuthError: it is not signed with this secret, or more than five minutes ago: answer 401.
        InvalidRequest: it is no callback: answer 400.
    """
    found = read_callback(body)
    if not is_signed(dict(headers.items()), {"taskId": found.task_id}, secret, now=time.time()):
        raise AuthError(
            "The callback is not signed with this secret, or more than five minutes ago.", charged=""
        )
    return found
