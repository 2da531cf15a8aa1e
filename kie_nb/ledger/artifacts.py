"""The files of a run as its row records them, numbered as in the task's result. Pure rules, no disk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ..bounds import MAX_FILES
from ..video.sniff import PICTURES, SOUNDS, VIDEOS
from .files import number_of

if TYPE_CHECKING:
    from .rows import RunRow


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptFile:
    """A file of a run, wherever it is stored.

    Attributes:
        name: Where it is, relative to the home.
        number: Which of the task's files it is, from 0: its link stands there among the links.
        sha256: Of what was put there; None where it was not recorded.
        bytes: How many; None likewise.
        remark: What is wrong with it, in a sentence; None for a file that is whole.
        version: What the service said of such a file, to be asked whether it has another by now.
    """

    name: str
    number: int
    sha256: str | None = None
    bytes: int | None = None
    remark: str | None = None
    version: str | None = None

    def to_json(self) -> dict[str, Any]:
        """As the ledger keeps it."""
        known = {"remark": self.remark, "version": self.version}
        facts = {"name": self.name, "number": self.number, "sha256": self.sha256, "bytes": self.bytes}
        return facts | {name: text for name, text in known.items() if text}


def kept_files(row: RunRow) -> tuple[KeptFile, ...]:
    """The files of *row*, as they are shown: what was asked for first."""
    names = [name for name in (row.video, *(row.more_videos or ())) if name]
    known = _facts(row.files)
    facts = [known.get(name, {}) for name in names]
    told = [_count(fact.get("number")) for fact in facts]
    numbers = numbers_of(
        number_of(name, str(row.task_id)) if number is None else number
        for name, number in zip(names, told, strict=True)
    )
    kept = [
        KeptFile(
            name=name,
            number=number,
            sha256=_text(fact.get("sha256")),
            bytes=_count(fact.get("bytes")),
            remark=_text(fact.get("remark")),
            version=_text(fact.get("version")),
        )
        for name, number, fact in zip(names, numbers, facts, strict=True)
    ]
    if row.video:  # the columns of its own are older than the facts of all, and mean what they meant
        kept[0] = replace(kept[0], sha256=row.video_sha256, bytes=row.video_bytes)
    return tuple(kept)


def files_made(row: RunRow) -> int:
    """How many files the task of *row* made; 0 where unknown.

    A service that names fewer later made no fewer.
    """
    made = max(len(row.urls or ()), _believed(row.files_made or 0))
    return max(made, *(_believed(kept.number + 1) for kept in kept_files(row)), 0) if made else 0


def _believed(count: int) -> int:
    return count if count <= MAX_FILES else 0


def numbers_of(told: Iterable[int | None]) -> list[int]:
    """Which of its task's files each is: as it is *told*, else by its place among them; no number twice."""
    asked = list(told)
    found: dict[int, int] = {}  # number to place
    for place in sorted(range(len(asked)), key=lambda place: asked[place] is None):  # what is told goes first
        guesses = (asked[place], place, *range(len(asked)))  # one of as many as there are is free
        number = next(guess for guess in guesses if guess is not None and guess not in found)
        found[number] = place
    return sorted(found, key=lambda number: found[number])


def with_kept(row: RunRow | None, came: Iterable[KeptFile], *, made: int) -> dict[str, Any]:
    """The columns of *row* with the files that *came*, each in the place of the one of its number, else after the others.

    What was asked for is a video: a still or a sound beside it comes after it, wherever the service lists it.

    Args:
        row: The run as it is; None for a new one.
        made: How many files its task made; 0 where unknown.
    """
    kept = {one.number: one for one in (kept_files(row) if row else ())}
    kept |= {one.number: one for one in came}
    shown = sorted(kept.values(), key=lambda one: _rank(one.name))
    first = shown[0] if shown else None
    return {
        "video": first.name if first else None,
        "video_sha256": first.sha256 if first else None,
        "video_bytes": first.bytes if first else None,
        "more_videos": [one.name for one in shown[1:]] or None,
        "files": [one.to_json() for one in shown] or None,
        "files_made": made or None,
    }


def _rank(name: str) -> int:
    ending = PurePosixPath(name).suffix[1:]
    return next((rank for rank, kind in enumerate((VIDEOS, PICTURES, SOUNDS)) if ending in kind), 3)


def _facts(files: Any) -> dict[str, dict[str, Any]]:
    """The facts by name; what is none, as in a note from elsewhere, is left out: the run itself is worth more than they."""
    facts = [fact for fact in files if isinstance(fact, dict)] if isinstance(files, list) else []
    return {fact["name"]: fact for fact in facts if isinstance(fact.get("name"), str)}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
