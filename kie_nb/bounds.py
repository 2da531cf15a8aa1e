"""Limits of values from outside: texts, numbers, timestamps, JSON. A number beyond its limit counts as not reported; no I/O."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field, Strict

MAX_CREDITS = 1e5  # of one run: US$500, a hundred times the dearest that the service sells (kie-api §11.7)
MAX_BALANCE = 1e12
MAX_SECONDS = 86_400.0  # tasks took up to 13 minutes (kie-api §4.7): more than a day is a slip of units
FIRST_MS, LAST_MS = 946_684_800_000, 7_258_118_399_999  # the years 2000 to 2199, in Unix milliseconds
MAX_WORD, MAX_TEXT = 500, 10_000
MAX_RATING = 5
MAX_FILES = 100  # far more than any task makes
MAX_DEPTH = 60
MAX_JSON = 16 << 20
LARGEST = 2**63 - 1


def as_scalar(value: Any) -> Any:
    """A number of numpy, pandas or torch as Python's own, which JSON, TOML and type checks take; any other *value* as it is."""
    return value.item() if getattr(value, "shape", None) == () and hasattr(value, "item") else value


def is_missing(value: Any) -> bool:
    """Whether *value* is what a table holds where nothing is known: None, NaN, or the NA of pandas."""
    is_nan = isinstance(value, float) and math.isnan(value)
    return value is None or is_nan or type(value).__name__ in {"NAType", "NaTType"}


def as_plain(value: Any) -> Any:
    """The same of *value* and of all that is in it; a row of numpy or pandas as a list."""
    if isinstance(value, dict):
        return {name: as_plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [as_plain(inner) for inner in value]
    is_row = getattr(value, "ndim", None) == 1 and hasattr(value, "tolist")
    return as_plain(value.tolist()) if is_row else as_scalar(value)


def as_whole(value: Any) -> Any:
    """A number without a fraction as a whole one, as a row of a table has it whose other numbers have fractions."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def can_be_kept(text: Any, most: int) -> bool:
    """Whether *text* can be stored in the ledger and in every export."""
    try:
        return isinstance(text, str) and len(text.encode()) > 0 and len(text) <= most and "\0" not in text
    except UnicodeEncodeError:
        return False


def read_json(text: str | bytes, *, most: int = MAX_JSON) -> Any:
    """The value of JSON *text* of bounded depth, with finite numbers and whole characters; ValueError for any other."""
    if isinstance(text, bytes):
        text = text.decode()
    if not isinstance(text, str) or len(text) > most:
        raise ValueError("it is not JSON")
    try:
        value = _DECODER.decode(text)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    if text.count("{") + text.count("[") > MAX_DEPTH and is_deeper(value, MAX_DEPTH):
        raise ValueError("it is nested too deeply")
    if not text.isascii() or "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def is_deeper(value: Any, limit: int) -> bool:
    """Whether lists and objects are nested in *value* more than *limit* times."""
    level = [value]
    while level and limit:
        limit -= 1
        nested = [
            one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list)
        ]
        level = [inner for outer in nested for inner in outer]
    return bool(level)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large")
    return number


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


_DECODER = json.JSONDecoder(parse_float=_finite, parse_constant=_no_constant)


def _at(text: str) -> dt.datetime:
    at = dt.datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("it has no time zone")
    if not 2000 <= at.year < 2200:  # noqa: PLR2004 - days are added to it, and the calendar has an end
        raise ValueError("it is in no year of ours")
    return at


def _utc(text: str) -> str:
    return _at(text).astimezone(dt.UTC).isoformat(timespec="microseconds")


def _stamp(text: str) -> str:
    _at(text)
    return text


# Types for pydantic; strict, for `"1"` is not 1 and `1` is not True in untrusted data.
# Half a character is not text for pydantic; a NUL is none for PostgreSQL.
_NO_NUL = Field(pattern=r"^[^\x00]*$")
Text = Annotated[str, Strict(), Field(max_length=MAX_TEXT), _NO_NUL]
Word = Annotated[str, Strict(), Field(min_length=1, max_length=MAX_WORD), _NO_NUL]
Moment = Annotated[str, Strict(), Field(max_length=64), AfterValidator(_utc)]
# A moment as the tables keep it: they are sorted as texts, so it has one form.
Stamp = Annotated[
    str, Strict(), Field(pattern=r"^\d{4}-\d\d-\d\dT[\d:]{8}(\.\d{6})?\+00:00$"), AfterValidator(_stamp)
]
Sha256 = Annotated[str, Strict(), Field(pattern=r"^[0-9a-f]{64}$")]
Url = Annotated[str, Strict(), Field(max_length=MAX_TEXT, pattern=r"^[Hh][Tt][Tt][Pp][Ss]?://[^\x00-\x20]+$")]
Whole = Annotated[int, Strict(), Field(ge=0, le=LARGEST)]
Seed = Annotated[int, Strict(), Field(ge=-LARGEST, le=LARGEST)]
Credits = Annotated[float, Strict(), Field(ge=0, le=MAX_CREDITS, allow_inf_nan=False)]
Balance = Annotated[float, Strict(), Field(ge=-MAX_BALANCE, le=MAX_BALANCE, allow_inf_nan=False)]
Seconds = Annotated[float, Strict(), Field(ge=0, le=MAX_SECONDS, allow_inf_nan=False)]
FileCount = Annotated[int, Strict(), Field(ge=0, le=MAX_FILES)]
Score = Annotated[float, Strict(), Field(allow_inf_nan=False)]  # of any measure of the user's
Rating = Annotated[int, Strict(), Field(ge=1, le=MAX_RATING)]


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
