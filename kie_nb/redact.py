"""Paths of this machine, taken out of texts that are given away: what went wrong with a run may name them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import settings as settings_

Places = Sequence[tuple[str, str]]


def places_of(home: Path) -> Places:
    """Paths of this machine, the longest first, and what stands for them in a file that is given away."""
    known = {str(home): "kie-runs", str(settings_.start_folder()): ".", str(Path.home()): "~"}
    return sorted(((path, word) for path, word in known.items() if len(path) > 1), key=lambda p: -len(p[0]))


def redacted(value: Any, places: Places) -> Any:
    """*value*, a text or what JSON can hold, with other words in place of these paths."""
    if isinstance(value, str):
        for path, word in places:
            value = value.replace(path, word)
        return value
    if isinstance(value, dict):
        return {name: redacted(inner, places) for name, inner in value.items()}
    return [redacted(inner, places) for inner in value] if isinstance(value, list) else value
