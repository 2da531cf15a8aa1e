"""recordInfo → a task's record: text in text, skipped states, credits under three names (kie-api §4); the task id of a callback. No I/O.

A reply may not quite be JSON: the echo of the request was once seen under-escaped (kie-api §4.3). The link of a finished video
dies within a day, so what can be read for sure is read.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..bounds import LAST_MS, MAX_CREDITS, MAX_FILES, MAX_SECONDS, number_of, parsed, text_of

_WORDS = {
    "success": "success succeeded successful succeed completed complete done finished",
    "fail": "fail failed failure error errored",
    "waiting": "waiting pending submitted created",
    "queuing": "queuing queueing queued in_queue",
    "generating": "generating running processing in_progress started",
}
_STATES = {word: state for state, words in _WORDS.items() for word in words.split()}
# In place of `resultJson`.
_BESIDE = ("resultUrls", "resultUrl", "result", "response", "output", "videoUrl", "video_url")
_RESULT_NAMES = (
    "resultUrls", "result_urls", "resultUrl", "result_url", "resultJson", "videoUrls", "video_urls", "videoUrl", "video_url",
    "videos", "video", "urls", "url", "imageUrls", "images", "image", "audioUrl", "audio", "downloadUrl", "fileUrl",
    "resultObject", "result", "results", "response", "output", "outputs", "data",
)  # fmt: skip
_MOST_WRAPPINGS = 8
MOST_ADDRESS = 8192  # characters
MOST_WORD = 200  # characters of an id, a state, a code
_STATE = re.compile(r'"state"\s*:\s*"([A-Za-z_]{1,20})"')
_NUMBER = r'"{name}"\s*:\s*(-?[0-9]{{1,18}}(?:\.[0-9]+)?)'
_TEXT = r'"{name}"\s*:\s*("(?:[^"\\]|\\.)*")'
_NUMBERS = ("creditsConsumed", "costTime", "createTime", "completeTime")
_TEXTS = ("failCode", "failMsg", "model", "resultJson")
_PLAIN = str | float | int
_UNDER_WAY = ("waiting", "queuing", "generating")
MAX_AGE_S = 300.0  # customary; none is documented
MOST_BYTES = 1 << 20  # a callback has some kilobytes
MOST_ID = 200  # characters


@dataclass(frozen=True, kw_only=True, slots=True)
class TaskRecord:
    """One look at a task."""

    task_id: str
    state: str  # the service's own word; anything but `success` and `fail` means it goes on
    model: str = ""
    urls: tuple[str, ...] = ()  # result addresses, one or more after success; a link lives about a day
    fail_code: str = ""
    fail_message: str = ""
    credits: float | None = None  # what it cost; None while the service does not say, which is not 0
    # The service's own count of its work (its page says ms, the wire does not).
    cost_time_s: float | None = None
    created_ms: int | None = None  # Unix time in milliseconds
    completed_ms: int | None = None
    # The create request as the service remembers it; None where it cannot be read.
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
    """The record in *data*, or None if there is none of this task in it; every key but `state` may be missing."""
    if not isinstance(data, dict) or not isinstance(data.get("state"), str):
        return None
    if text_of(data.get("taskId"), MOST_WORD).strip() not in {"", task_id}:
        return None
    urls = result_urls(data.get("resultJson")) or result_urls({name: data.get(name) for name in _BESIDE})
    return TaskRecord(
        task_id=task_id,
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


def scan_record(body: bytes) -> dict[str, Any] | None:
    """The `data` of a record, as far as it stands outside the echo; None if that is not sure enough.

    The echo may hold a prompt with any words in it, so its part of the text is left out. A success needs its links, a
    failure its reason: a word alone decides nothing about a paid task.
    """
    text = body.decode("utf-8", "replace")
    if not re.search(r'"code"\s*:\s*200\b', text[:200]):
        return None
    outside, echo = _without_echo(text)
    states = _STATE.findall(outside)
    if len(set(states)) != 1:
        return None
    word = states[0].lower()
    # The request in the echo, if all that went missing is one level of escaping; it tells whose task it is, and no more.
    told = echo[echo.find("{") : echo.rfind("}") + 1]
    data: dict[str, Any] = {"state": states[0], "param": told if isinstance(_decoded(told), dict) else None}
    for name in (*_NUMBERS, *_TEXTS):
        pattern = (_NUMBER if name in _NUMBERS else _TEXT).format(name=name)
        values = [
            value for word in re.findall(pattern, outside) if isinstance(value := _decoded(word), _PLAIN)
        ]
        if len(values) == 1:
            data[name] = values[0]
    is_sure = {
        "success": "http" in str(data.get("resultJson", "")),
        "fail": bool(data.get("failMsg") or data.get("failCode")),
    }.get(word, word in _UNDER_WAY)
    return data if is_sure else None


def _without_echo(text: str) -> tuple[str, str]:
    """*text* without the value of `param`, up to the first of the keys that may follow it, each at its last place; and that."""
    start = text.find('"param"')
    if start < 0:
        return text, ""
    places = [text.rfind(f'"{name}"') for name in ("resultJson", "failCode", "failMsg", "state")]
    after = min((place for place in places if place > start), default=len(text))
    return text[:start] + text[after:], text[start:after]


def body_of(content: bytes) -> dict[str, Any]:
    """The body of a callback; empty for whatever is none: too large, too deep, no JSON, no object."""
    try:
        found = parsed(content) if len(content) <= MOST_BYTES else None
    except ValueError:
        found = None
    return found if isinstance(found, dict) else {}


def task_id_of(body: Mapping[str, Any]) -> str | None:
    """The task id, which three kinds of body keep in three places; None where none of them holds a text or a number."""
    outer = body if isinstance(body, Mapping) else {}
    data = outer.get("data")
    inner = data if isinstance(data, Mapping) else {}
    told = (inner.get("taskId"), inner.get("task_id"), outer.get("taskId"))
    return next((text for value in told if (text := text_of(value, MOST_ID))), None)


def is_signed(headers: Mapping[str, str], body: Mapping[str, Any], secret: str, *, now: float) -> bool:
    """Whether the headers carry the right signature for the body's task, not older than five minutes at the Unix time *now*.

    An empty secret verifies nothing: with it anybody could sign. Odd input is not signed.
    """
    if not isinstance(secret, str) or not secret.strip() or not isinstance(headers, Mapping):
        return False
    told = {name.lower(): value for name, value in headers.items() if isinstance(name, str)}
    stamp, signature = told.get("x-webhook-timestamp"), told.get("x-webhook-signature")
    task_id = task_id_of(body)
    if not isinstance(stamp, str) or not isinstance(signature, str) or task_id is None:
        return False
    if not re.fullmatch(r"[0-9]{1,15}", stamp) or not abs(now - int(stamp)) <= MAX_AGE_S:
        return False
    signed = f"{task_id}.{stamp}".encode("utf-8", "replace")
    digest = hmac.new(secret.encode("utf-8", "replace"), signed, hashlib.sha256).digest()
    return hmac.compare_digest(base64.b64encode(digest), signature.encode("utf-8", "replace"))
