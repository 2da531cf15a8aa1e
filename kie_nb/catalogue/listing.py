"""The described models in short: what each takes, how long and how large, its price, and whether it can be repeated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .describe import Field, describe
from .models import NOT_OFFERED, candidates, near, rows
from .rows import Row
from .words import field_of

COLUMNS = ("model", "takes", "duration", "size", "seed", "credits", "as of")
WIDE, LEAST = 1, {0: 13.0, 2: 4.5, 3: 6.5, 5: 7.0}  # the columns that may wrap


def found(text: str) -> list[Row]:
    """The models that *text* is about: words of their ids and titles, of what they take, or of their fields; all of them match."""
    words = text.lower().replace("--", "").split()
    told = [row for row in rows().values() if all(_is_about(row, word) for word in words)]
    return told or [rows()[model] for model in candidates(text)]  # a short name, such as wan-3


def _is_about(row: Row, word: str) -> bool:
    name = word.replace("-", "_")
    fields = {*(entry.name for entry in row.entries), *(slot.role for slot in row.slots)}
    own = field_of(row, name) in fields
    return (
        own
        or any(word in text.lower() for text in (row.id, row.title))
        or (word == "picture" and row.makes == "image")
    )


def not_found(text: str) -> str:
    """That no described model is about *text*, and what is known of it."""
    offered = [
        f"{model} is not offered: {why}" for model, why in NOT_OFFERED.items() if text.lower() in model
    ]
    close = near(text)
    meant = f"; did you mean {close!r}?" if close else "."
    return f"No described model is about {text!r}{f': {offered[0]}.' if offered else meant}"


def left_out() -> list[str]:
    """A line for each model of the service's that has no description, with the reason."""
    return [f"not offered: {model}: {why}; --set KEY=VALUE reaches it" for model, why in NOT_OFFERED.items()]


def lines(of: Iterable[Row]) -> list[tuple[str, ...]]:
    """A line of the list for each of them."""
    return [_line(row) for row in of]


def _line(row: Row) -> tuple[str, ...]:
    fields = {entry.name: entry for entry in describe(row.id)}
    length, size = (fields.get(field_of(row, word)) for word in ("duration", "resolution"))
    return (
        row.id,
        ", ".join(_medium(entry) for entry in fields.values() if entry.role) or "a prompt alone",
        _values(length),
        _values(size),
        "yes" if row.has_seed else "no",
        prices(row) or "not documented",
        row.as_of,
    )


def _medium(entry: Field) -> str:
    name = f"--{entry.option}" + (f" × {entry.most}" if entry.most > 1 else "")
    return name if entry.required else f"[{name}]"


def _values(entry: Field | None) -> str:
    if entry is None:
        return "–"
    if entry.choices:
        few = entry.choices if len(entry.choices) <= _FEW else (entry.choices[0], "…", entry.choices[-1])
        return " ".join(few) + (f" {entry.unit}" if entry.unit else "")
    return f"{entry.range} {entry.unit}".strip()


_FEW = 4


def prices(row: Row) -> str:
    """The least and the most of a second or a clip, in credits."""
    told: dict[str, list[float]] = {}
    for rate in row.price:
        told.setdefault("/s" if rate.seconds else " a clip", []).append(rate.credits)
    return ", ".join(_span(values) + unit for unit, values in told.items())


def _span(values: Sequence[float]) -> str:
    return f"{min(values):g}" if min(values) == max(values) else f"{min(values):g}–{max(values):g}"
