"""How alike videos were found to be: measured once, and shown wherever their runs are listed."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa

from .database import Database
from .reading import other_row
from .schema import likeness, now_in

MEASURE = "2"  # raised where `compare_videos` measures otherwise: what was measured before is not shown then
Kind = Literal["seeds", "repeat"]  # of the same request with another seed, or of exactly the same one
Pair = tuple[str, str]  # the hashes of two files
_AT_ONCE = 250  # each is asked for twice


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What was measured of a video: distances (1 - SSIM), the median of several, and the verdict on the repetition least alike."""

    seed_distance: float | None = None
    repeat_distance: float | None = None
    repeat_verdict: str | None = None


class Likenesses:
    """The likenesses in one database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    def keep(self, kind: Kind, found: Mapping[Pair, tuple[float, str | None]]) -> None:
        """Record the distance and the verdict of each pair."""
        known = {
            (row["video"], row["other"])
            for row in self._rows([video for video, _ in found])
            if row["kind"] == kind
        }
        new = {pair: told for pair, told in found.items() if pair not in known}
        if not new:
            return
        with self._db.write() as db:
            whole = {"kind": kind, "measure": MEASURE, "measured_at": now_in(db)}
            for (video, other), (distance, verdict) in new.items():
                key = {"video": video, "other": other, "kind": kind}
                db.execute(
                    likeness.delete().where(*(likeness.c[name] == value for name, value in key.items()))
                )
                db.execute(likeness.insert().values(**key | whole, distance=distance, verdict=verdict))

    def distances(self, videos: Sequence[str]) -> dict[Pair, float]:
        """The distances that are known among *videos*."""
        return {(row["video"], row["other"]): row["distance"] for row in self._rows(videos)}

    def of(self, videos: Iterable[str | None]) -> dict[str, Told]:
        """What is known of each of *videos*, by its hash."""
        wanted = [video for video in dict.fromkeys(videos) if video is not None]
        rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in self._rows(wanted):
            for video in {row["video"], row["other"]}:
                rows[video].append(row)
        return {video: _told(rows[video]) for video in wanted}

    def _rows(self, videos: Sequence[str]) -> list[dict[str, Any]]:
        found = []
        with self._db.read() as db:
            for start in range(0, len(videos), _AT_ONCE):
                part = videos[start : start + _AT_ONCE]
                theirs = sa.or_(likeness.c.video.in_(part), likeness.c.other.in_(part))
                query = sa.select(likeness).where(likeness.c.measure == MEASURE, theirs)
                found += [other_row(likeness, entry) for entry in db.execute(query).mappings()]
        return [row for row in found if row is not None]


def _told(rows: Sequence[Mapping[str, Any]]) -> Told:
    seeds = [row["distance"] for row in rows if row["kind"] == "seeds"]
    repeats = sorted((row for row in rows if row["kind"] == "repeat"), key=lambda row: row["distance"])
    return Told(
        seed_distance=statistics.median(seeds) if seeds else None,
        repeat_distance=statistics.median(row["distance"] for row in repeats) if repeats else None,
        repeat_verdict=repeats[-1]["verdict"] if repeats else None,
    )
