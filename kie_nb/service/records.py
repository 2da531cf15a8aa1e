"""recordInfo → a task's record: text in text, skipped states, credits under three names (kie-api §4), with no I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ..bounds import LAST_MS, MAX_CREDITS, MAX_FILES, MAX_SECONDS
from .wirejson import number_of, parsed, text_of

_STATES = {
    **dict.fromkeys(
        ("success", "succeeded", "successful", "succeed", "completed", "complete", "done", "finished"),
        "success",
    ),
    **dict.fromkeys(("fail", "failed", "failure", "error", "errored"), "fail"),
    **dict.fromkeys(("waiting", "pending", "submitted", "created"), "waiting"),
    **dict.fromkeys(("queuing", "queueing", "queued", "in_queue"), "queuing"),
    **dict.fromkeys(("generating", "running", "processing", "in_progress", "started"), "generating"),
}
_BESIDE = (
    "resultUrls",
    "resultUrl",
    "result",
    "response",
    "output",
    "videoUrl",
    "video_url",
)  # in place of `resultJson`
_RESULT_NAMES = (
    "resultUrls", "result_urls", "resultUrl", "result_url", "resultJson", "videoUrls", "video_urls", "videoUrl", "video_url",
    "videos", "video", "urls", "url", "imageUrls", "images", "image", "audioUrl", "audio", "downloadUrl", "fileUrl",
    "resultObject", "result", "results", "response", "output", "outputs", "data",
)  # fmt: skip
_MOST_WRAPPINGS = 8
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
    urls = result_urls(data.get("resultJson")) or result_urls({name: data.get(name) for name in _BESIDE})
    return TaskRecord(
        task_id=text_of(data.get("taskId"), MOST_WORD) or task_id,
        state=_state(text_of(data["state"], MOST_WORD), has_result=bool(urls)),
        model=text_of(data.get("model"), MOST_WORD),
        urls=urls,
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
    """The addresses in `resultJson`, however they are wrapped; no more than any task makes.

    Text in text, lists of objects, other names and blanks around have been seen in answers of such services; a link that is there
    is a video that was paid for.
    """
    return tuple(dict.fromkeys(_addresses(result, _MOST_WRAPPINGS)))[:MAX_FILES]


def _addresses(value: Any, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        text = value.strip()
        if is_address(text):
            yield text
        elif depth and text.startswith(("{", "[", '"')):
            yield from _addresses(_decoded(text), depth - 1)
    elif isinstance(value, list | tuple) and depth:
        for one in value:
            yield from _addresses(one, depth - 1)
    elif isinstance(value, dict) and depth:
        named = (list(_addresses(value.get(name), depth - 1)) for name in _RESULT_NAMES)
        unnamed = (list(_addresses(one, depth - 1)) for one in value.values() if isinstance(one, dict | list))
        yield from next(filter(None, (*named, *unnamed)), [])


def _state(word: str, *, has_result: bool) -> str:
    """The service's word in its usual spelling; one that nobody knows means success where a result stands beside it."""
    plain = word.strip().lower().replace("-", "_").replace(" ", "_")
    known = _STATES.get(plain, plain)
    if known in _STATES.values():
        return known
    return "success" if has_result else word


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
