"""What `configure` takes: which values a setting may have."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from .errors import InvalidRequest

MOST_NAME = 100
MOST = 1e12  # no account holds as many credits; a larger number is a slip


def is_amount(value: Any) -> bool:
    """Whether *value* is a number that a limit can be: `True` is none, and an infinite one would limit nothing."""
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < MOST


def _is_folder_name(value: Any) -> bool:
    return isinstance(value, str | os.PathLike) and isinstance(path := os.fspath(value), str) and bool(path)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value.strip()) <= MOST_NAME and value.isprintable()


def _one_of(*words: str) -> tuple[Callable[[Any], bool], str]:
    return lambda value: value in words, f"use {', '.join(map(repr, words[:-1]))} or {words[-1]!r}"


# What `configure` takes: whether a value can be meant, and what is needed.
SETTABLE: dict[str, tuple[Callable[[Any], bool], str]] = {
    "service": _one_of("kie", "simulator"),
    "home": (_is_folder_name, "use the path of a folder"),
    "files": (_is_folder_name, "use an address such as s3://bucket/prefix, or the path of a folder"),
    "cache": (_is_folder_name, "use a folder, a size such as '20 GB', or 'folder, 20 GB'"),
    "wait": (lambda value: value is True or value is False, "use True, False or None"),
    "embed": _one_of("preview", "full", "link"),
    "max_credits": (is_amount, f"use a number above 0 and below {MOST:g}"),
    "creates_per_window": (
        lambda value: is_amount(value) and isinstance(value, int),
        "use a whole number above 0",
    ),
    "simulator_speed": (is_amount, f"use a number above 0 and below {MOST:g}"),
    **dict.fromkeys(
        ("user", "notebook"), (_is_name, "use a name of at most 100 characters, without control characters")
    ),
    "executor": (
        lambda value: hasattr(value, "submit"),
        "use a concurrent.futures.Executor or a Dask client",
    ),
}


def check_value(name: str, value: Any, *, shown: str = "") -> None:
    """Raise for a value that cannot be meant; None always can."""
    is_good, needed = SETTABLE[name]
    if value is not None and not is_good(value):
        raise InvalidRequest(f"{shown or f'{name}={value!r}'}: {needed}.", charged="")
