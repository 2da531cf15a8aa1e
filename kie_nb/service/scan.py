"""A record in a reply that is not quite JSON: the echo of the request was once seen under-escaped (kie-api §4.3).

The link of a finished video dies within a day, so what can be read for sure is read. No I/O.
"""

from __future__ import annotations

import re
from typing import Any

from .wirejson import parsed

_STATE = re.compile(r'"state"\s*:\s*"([A-Za-z_]{1,20})"')
_RESULT = re.compile(r'"resultJson"\s*:\s*("(?:[^"\\]|\\.)*")')
_NUMBER = r'"{name}"\s*:\s*(-?[0-9]{{1,18}}(?:\.[0-9]+)?)'
_TEXT = r'"{name}"\s*:\s*("(?:[^"\\]|\\.)*")'
_NUMBERS = ("creditsConsumed", "costTime", "createTime", "completeTime")
_TEXTS = ("failCode", "failMsg", "model")
_UNDER_WAY = ("waiting", "queuing", "generating")


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
    data: dict[str, Any] = {"state": states[0], "param": _whole(echo)}
    for name in _NUMBERS:
        found = re.findall(_NUMBER.format(name=name), outside)
        if len(found) == 1:
            data[name] = float(found[0])
    for name in _TEXTS:
        texts = [parsed(told) for told in re.findall(_TEXT.format(name=name), outside) if _is_text(told)]
        if len(texts) == 1:
            data[name] = texts[0]
    results = [told for told in _RESULT.findall(outside) if _is_text(told)]
    if len(results) == 1:
        data["resultJson"] = parsed(results[0])
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


def _whole(echo: str) -> str | None:
    """The request in the echo, if all that went missing is one level of escaping; it tells whose task it is, and no more."""
    told = echo[echo.find("{") : echo.rfind("}") + 1]
    try:
        parsed(told)
    except ValueError:
        return None
    return told


def _is_text(told: str) -> bool:
    try:
        return isinstance(parsed(told), str)
    except ValueError:
        return False
