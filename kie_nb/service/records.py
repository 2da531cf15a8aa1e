"""recordInfo → a task's record: text in text, skipped states, credits under three names (kie-api §4), with no I/O."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..bounds import LAST_MS, MAX_CREDITS, MAX_FILES, MAX_SECONDS
from .wirejson import number_of, parsed, text_of

MOST_ADDRESS = 8192  # characters
MOST_WORD = 200  # characters of an id, a state, a code


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRecord:
    """One look at a task.

    Attributes:
        state: The service's own word; anything but `success` and `fail` means it goes on.
        urls: Result addresses, one or more after success; a link lives about a day.
        credits: What it cost, or None while the service does not say; None is not 0.
        cost_time_s: The service's own count of its work, in seconds (its page says ms, the wire does not).
        created_ms: Unix time in milliseconds.
        completed_ms: The same, or None.
        param: The create request as the service remembers it, or None where it cannot be read.
    """

    task_id: str
    state: str
    model: str = ""
    urls: tuple[str, ...] = ()
    fail_code: str = ""
    fail_message: str = ""
    credits: float | None = None
    cost_time_s: float | None = None
    created_ms: int | None = None
    completed_ms: int | None = None
    param: dict[str, Any] | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def is_final(self) -> bool:
        """Whether the service will not change it any more."""
        return self.state in {"success", "fail"}

    @property
    def duration_s(self) -> float | None:
        """From creation to completion, in seconds; `costTime` is only near it. None where it is not said, or cannot be."""
        if self.created_ms is None or self.completed_ms is None:
            return None
        return number_of(max(0.0, (self.completed_ms - self.created_ms) / 1000), least=0.0, most=MAX_SECONDS)


def parse_record(data: Any, task_id: str) -> TaskRecord | None:
    """The record in *data*, or None if there is none in it; every key but `state` may be missing."""
    if not isinstance(data, dict) or not isinstance(data.get("state"), str):
        return None
    return TaskRecord(
        task_id=text_of(data.get("taskId"), MOST_WORD) or task_id,
        state=text_of(data["state"], MOST_WORD),
        model=text_of(data.get("model"), MOST_WORD),
        urls=result_urls(data.get("resultJson")),
        fail_code=text_of(data.get("failCode"), MOST_WORD),
        fail_message=text_of(data.get("failMsg")),
        credits=_first_number(data, "creditsConsumed", "consumeCredits", "costCredits", most=MAX_CREDITS),
        cost_time_s=_first_number(data, "costTime", most=MAX_SECONDS),
        created_ms=_moment(data.get("createTime")),
        completed_ms=_moment(data.get("completeTime")),
        param=parse_param(data.get("param")),
        raw=data,
    )


def result_urls(result: Any) -> tuple[str, ...]:
    """The addresses in `resultJson`: text, an object, "", null or missing; no more than any task makes."""
    decoded = _decoded(result)
    if not isinstance(decoded, dict):
        return ()
    urls = decoded.get("resultUrls") or decoded.get("result_urls") or ()
    if isinstance(urls, str):
        urls = (urls,)
    if not isinstance(urls, list | tuple):
        return ()
    return tuple(url for url in urls if is_address(url))[:MAX_FILES]


def is_address(url: Any) -> bool:
    """Whether *url* may be an http(s) address: short, and of letters that can be seen."""
    return (
        isinstance(url, str)
        and url.startswith(("http://", "https://"))
        and len(url) <= MOST_ADDRESS
        and url.isprintable()
    )


def parse_param(param: Any) -> dict[str, Any] | None:
    """The create request in `param`; `input` inside it may be an object or JSON text once more."""
    decoded = _decoded(param)
    if not isinstance(decoded, dict):
        return None
    inner = _decoded(decoded.get("input"))
    return {**decoded, "input": inner if isinstance(inner, dict) else {}}


def _decoded(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return parsed(value)
    except ValueError:
        return None


def _first_number(data: dict[str, Any], *names: str, most: float) -> float | None:
    told = (number_of(data.get(name), least=0.0, most=most) for name in names)
    return next((number for number in told if number is not None), None)


def _moment(value: Any) -> int | None:
    number = number_of(value, least=0.0, most=LAST_MS)
    return int(number) if number is not None else None
