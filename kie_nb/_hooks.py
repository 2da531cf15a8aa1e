"""The former name of `presenter`, for an importer that still uses it."""

from typing import Any

from . import presenter


def __getattr__(name: str) -> Any:
    if name not in {"show", "echo"}:
        raise AttributeError(name)
    return getattr(presenter.current(), name, None)
