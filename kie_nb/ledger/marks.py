"""What people say of a run (tags, note, rating, score): changes, each with its moment and its author; the row has what follows from them.

Who tags while somebody else does adds to what is there by then. Two ledgers that are brought together have the changes of
both, in the order of their moments.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, cast

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from ..bounds import Rating, Score, Text, Word
from .rows import MOST_TAGS, RunRow, Tags

MARKED = "marked"  # in the evidence of its step
COLUMNS = ("tags", "note", "rating", "score")


def words_of(row: RunRow) -> dict[str, Any]:
    """What its columns say."""
    return {name: getattr(row, name) for name in COLUMNS}


class Change(TypedDict, total=False):
    """A change; of a note, a rating or a score the last one counts."""

    by: Word | None
    add: Tags  # tags
    remove: Tags
    note: Text | None
    rating: Rating | None
    score: Score | None


_CHANGE = TypeAdapter(Change)


def changes_in(steps: Iterable[Mapping[str, Any]]) -> list[tuple[str, Change]]:
    """The moments and changes among the *steps* of a run, the oldest first; anybody may have written them."""
    found = []
    for step in steps:
        try:
            found.append((str(step["at"]), _CHANGE.validate_python((step["evidence"] or {})[MARKED])))
        except (KeyError, ValidationError):
            continue
    return sorted(found, key=lambda told: told[0])


def marked(values: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """The columns of *values* after *change*."""
    tags = dict.fromkeys([*(values["tags"] or ()), *change.get("add", ())])
    kept = [tag for tag in tags if tag not in change.get("remove", ())]
    return {name: change.get(name, values[name]) for name in COLUMNS} | {"tags": kept[:MOST_TAGS] or None}


def united(
    ours: Mapping[str, Any], theirs: Mapping[str, Any], steps: Iterable[Mapping[str, Any]]
) -> dict[str, Any]:
    """The columns of a run of two ledgers, whose *steps* are those of both.

    What no change speaks of, a ledger without history may have: its tags are added, and what is said here stays.
    """
    changes = [change for _at, change in changes_in(steps)]
    named = {tag for change in changes for tag in (*change.get("add", ()), *change.get("remove", ()))}
    tags = [tag for tag in (*(ours["tags"] or ()), *(theirs["tags"] or ())) if tag not in named]
    values: dict[str, Any] = {
        name: ours[name] if ours[name] is not None else theirs[name] for name in COLUMNS
    } | {"tags": tags}
    for change in (cast("Change", {}), *changes):
        values = marked(values, change)
    return values
