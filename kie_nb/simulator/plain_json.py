"""JSON from outside: read whole or refused, whatever it is. No I/O."""

import json
import math
from typing import Any

_MOST_DEPTH = 64
_MOST_VALUES = 100_000


def read(text: str | bytes) -> Any:
    """The value that *text* holds.

    Raises:
        ValueError: it is no JSON, or JSON that cannot be handed on: NaN or an endless number, half a character, nesting without end.
    """
    try:
        found = json.loads(text, parse_constant=_refuse)
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc
    rest, seen = [(found, 0)], 0
    while rest:
        value, depth = rest.pop()
        seen += 1
        if depth > _MOST_DEPTH or seen > _MOST_VALUES:
            raise ValueError("it is nested too deeply, or has too many values")
        if isinstance(value, str):
            value.encode()  # half of a surrogate pair fits into no database and no reply
        elif isinstance(value, float) and not math.isfinite(value):
            raise ValueError("a number in it is too large")
        elif isinstance(value, dict):
            rest += [(part, depth + 1) for pair in value.items() for part in pair]
        elif isinstance(value, list):
            rest += [(part, depth + 1) for part in value]
    return found


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
