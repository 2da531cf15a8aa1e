"""JSON from the wire → plain values that the rest of the code can trust to be finite, shallow and text; no I/O."""

from __future__ import annotations

import json
import math
import re
from typing import Any

_UNKEEPABLE = re.compile("[\0\ud800-\udfff]")
MOST_DEPTH = 32  # a record has 4
MOST_TEXT = 20_000  # characters of a field that is shown or kept; a prompt has at most as many


def parsed(content: bytes | str) -> Any:
    """The value in *content*, with NaN and infinities as None, NULs and half surrogates replaced; ValueError for no JSON, or deep."""
    try:
        return _plain(json.loads(content, parse_constant=lambda _word: None), MOST_DEPTH)
    except RecursionError:
        raise ValueError("nested too deep") from None


def _plain(value: Any, depth: int) -> Any:
    if isinstance(value, str):
        return _UNKEEPABLE.sub("\N{REPLACEMENT CHARACTER}", value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None  # 1e999
    if isinstance(value, dict | list) and not depth:
        raise ValueError("nested too deep")
    if isinstance(value, dict):
        return {_plain(name, depth): _plain(inner, depth - 1) for name, inner in value.items()}
    return [_plain(inner, depth - 1) for inner in value] if isinstance(value, list) else value


def text_of(value: Any, most: int = MOST_TEXT) -> str:
    """*value* as text of at most *most* characters; "" for anything but a text or a number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    if isinstance(value, int) and abs(value) >= 10**18:  # `str` refuses thousands of digits
        return ""
    return str(value)[:most]


def number_of(value: Any, *, least: float, most: float) -> float | None:
    """*value*, a number or a text that is one, if it can be meant; None is "not said"."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value[:64] if isinstance(value, str) else value)
    except (ValueError, OverflowError):
        return None
    return number if least <= number <= most else None  # NaN is neither
