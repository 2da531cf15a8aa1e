"""One task as a value, and the check by which a row of the database becomes one. No I/O.

The database may come from an untrusted folder, and SQLite keeps any value in any column: a row is a task only if we
could have written every value in it.
"""

import functools
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter, ValidationError

from ..bounds import read_json

# fate -> (failCode, failMsg), both as the service writes them
FATES = {
    "fail": ("500", "Internal server error"),
    "fail_disk": ("disk_full", "the disk of this machine is full: the simulator could not write its video"),
    "fail_moderation": ("400", "The input or output was flagged as sensitive"),
    "fail_image": ("500", "Image fetch failed"),
}
MOST_CREDITS = 1e12
MOST_WAIT_S = 7 * 86_400.0  # no task is planned to take longer, whatever speed and faults say

_Id = Annotated[str, Field(pattern=r"^[0-9a-f]{32}\z")]
_Text = Annotated[str, Field(max_length=1 << 23)]
_Millis = Annotated[int, Field(ge=0, le=10**14)]


@dataclass(frozen=True, kw_only=True, slots=True)
class Shot:
    """What the studio needs to draw a task."""

    seconds: Annotated[float, Field(ge=1, le=30)]
    short_side: Annotated[int, Field(ge=480, le=1080)]
    aspect: Annotated[float, Field(ge=0.1, le=10)]
    image_url: Annotated[str, Field(max_length=1 << 16)] | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Task:
    """One task as it stands in the database."""

    id: _Id
    model: Annotated[str, Field(max_length=200)]
    prompt: _Text
    input: dict[str, Any]
    param: _Text
    plan: Shot
    created_ms: _Millis
    due_ms: _Millis
    credits: Annotated[float, Field(ge=0, le=1e6)]
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)]
    fate: Literal["", "fail", "fail_disk", "fail_moderation", "fail_image"]
    owner: _Id
    video: Annotated[str, Field(pattern=r"^[0-9a-f]{32}\.mp4\z")] | None = None
    ready_ms: _Millis | None = None
    state: Literal["open", "success", "fail"] = "open"
    complete_ms: _Millis | None = None

    def shown_state(self, now_ms: int, states: Sequence[str]) -> str:
        """The state that the service would report: *states* one after the other until the end."""
        if self.state != "open":
            return self.state
        part = (now_ms - self.created_ms) / max(1, self.due_ms - self.created_ms)
        first = 0.25  # the first state is short, the others share the rest
        if part < first or len(states) == 1:
            return states[0]
        return states[min(len(states) - 1, 1 + int((part - first) / (1 - first) * (len(states) - 1)))]


def now_ms() -> int:
    """Unix time in milliseconds, the unit of the service."""
    return time.time_ns() // 1_000_000


def task_of(row: Mapping[str, Any]) -> Task | None:
    """The task in a row of the database, or None if it is not one that we could have written."""
    try:
        fields = {**row, "input": read_json(row["input"]), "plan": read_json(row["plan"])}
        task = _adapter().validate_json(json.dumps(fields), strict=True)
    except (ValidationError, ValueError, TypeError):
        return None
    is_whole = {
        "open": task.complete_ms is None,
        "success": task.complete_ms is not None and task.video is not None and not task.fate,
        "fail": task.complete_ms is not None and bool(task.fate),
    }[task.state]
    is_in_time = task.due_ms <= task.created_ms + 2 * MOST_WAIT_S * 1000  # planned, and delayed by a fault
    return task if is_whole and is_in_time and len(task.input) > 0 else None


_adapter = functools.cache(lambda: TypeAdapter(Task))
