"""What is known of a run by its row in the ledger."""

from __future__ import annotations

import datetime as dt
import re
from operator import attrgetter
from pathlib import Path
from typing import Any

from ..catalogue import Estimate, Request
from ..ledger import FILM, Ledger, RunRow, files_made
from ..ledger.schema import moment
from ..ledger.states import FINAL, State
from ..requests import provenance

LENGTH_SLACK_S = 0.5  # encoders end on whole frames, and some add a few
LINK_LIFE = dt.timedelta(days=1)  # kie-api §8.2: 24 h or 14 days; assume the shorter


Key = tuple[Ledger, str]


def _read(path: str, doc: str) -> Any:
    return property(attrgetter(path), doc=doc)


class Record:
    """A run as its row in *ledger* says it, and what follows from that: no handle, and nothing is driven."""

    def __init__(self, row: RunRow, ledger: Ledger) -> None:
        self._row = row
        self.ledger = ledger

    id: str = _read("row.id", "Our own id; any unique beginning of it will do where an id is asked for.")
    service: str = _read("row.service", 'Who answers: "kie" or "simulator".')
    model: str = _read("row.model", "The model's id.")
    prompt: str = _read("request.prompt", "The prompt.")
    seed: int | None = _read("row.seed", "The seed that was sent; None for models that take none.")
    task_id: str | None = _read("row.task_id", "The service's id, once it has accepted.")
    estimate: Estimate | None = _read(
        "request.estimate", "What it should cost by the price list; None where no price is known."
    )
    credits: float | None = _read(
        "row.credits",
        "What it really cost, in credits, as the service reported; None while that is not known, which is not 0.",
    )
    duration_s: float | None = _read("row.duration_s", "How long the task was at work, in seconds.")
    rating: int | None = _read("row.rating", "1 to 5, or None.")
    score: float | None = _read("row.score", "What `Experiment.tell` was told, or None.")

    @property
    def key(self) -> Key:
        """What tells it from the runs of all ledgers."""
        return self.ledger, self.row.id

    def reread(self) -> Record:
        """The same run as the ledger has it now; what is news is published."""
        row = self.ledger.get(self.id)
        if row is None:
            return self
        if row != self.row:
            self.ledger.publish(row)
        return Record(row, self.ledger)

    @property
    def request(self) -> Request:
        """What was asked, defaults included."""
        return Request.from_json(self.row.request)

    @property
    def state(self) -> State:
        """Where the run is in its life."""
        return State(self.row.state)

    @property
    def is_final(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in FINAL

    @property
    def is_film(self) -> bool:
        """Whether it was joined here of other videos, and never asked for at a service."""
        return self.row.model == FILM

    @property
    def video(self) -> Path | None:
        """The file, once it is on disk; None too where the ledger names a file that is not read, see `remarks`."""
        return self.ledger.files.place_of(self.row.files[0]) if self.row.files else None

    @property
    def is_here(self) -> bool:
        """Whether the file is on this machine's disk."""
        return any(map(self.ledger.files.find_kept, self.row.files[:1]))

    @property
    def is_kept(self) -> bool:
        """Whether the file is on this machine's disk, or in the store, where it is brought from when it is looked at."""
        return self.is_here or (self.row.video is not None and self.ledger.files.cache is not None)

    @property
    def videos(self) -> tuple[Path, ...]:
        """All files, where the task made more than one."""
        return tuple(
            path for kept in self.row.files if (path := self.ledger.files.place_of(kept)) is not None
        )

    @property
    def missing(self) -> tuple[int, ...]:
        """Which files of the task have not come, counted from 0: it made several, and not all could be fetched yet."""
        count = files_made(self.row)
        if self.state is not State.FETCHED or count <= max(1, len(self.row.files)):
            return ()
        here = {kept.number for kept in self.row.files}
        return tuple(number for number in range(count) if number not in here)

    @property
    def remarks(self) -> tuple[str, ...]:
        """How the video differs from what was asked or made, a sentence each: its length and size, damage, and files that are not here."""
        missing = ", ".join(str(number + 1) for number in self.missing)
        of = files_made(self.row)
        not_all = f"File {missing} of {of} has not come yet; `%kie doctor` tries again." if missing else ""
        said = (not_all, *self.damage, self.length_remark, self.size_remark, self.name_remark)
        return tuple(filter(None, said))

    @property
    def name_remark(self) -> str:
        """That the ledger names a file for it that is not read, in words; "" where all is well."""
        if len(self.row.files) == len(self.videos):
            return ""
        return "The ledger names a file for it that is not a plain file of kie-runs/videos: it is not read."

    @property
    def damage(self) -> tuple[str, ...]:
        """What is wrong with the files as the service sent them, a sentence each: they are kept, and shown as far as they go."""
        is_one = files_made(self.row) <= 1
        told = [(kept.number + 1, kept.remark) for kept in self.row.files if kept.remark]
        return tuple(
            f"{remark[:1].upper()}{remark[1:]}." if is_one else f"File {number}: {remark}."
            for number, remark in told
        )

    @property
    def length_remark(self) -> str:
        """That the video is not as long as asked, in words; "" where it is, or where nobody knows."""
        wanted = self.request.asked_seconds
        seconds = self.row.files[0].seconds if self.row.files else None
        if wanted is None or seconds is None or abs(seconds - wanted) <= LENGTH_SLACK_S:
            return ""
        return f"Asked for {wanted:g} s; the video has {seconds:.1f} s."

    @property
    def size_remark(self) -> str:
        """That the video is not shown in the size or the shape asked for, in words; "" where it is, or where nobody knows."""
        first = self.row.files[0] if self.row.files else None
        if first is None or not first.width or not first.height:
            return ""
        asked = not_as_asked(self.request.inputs, first.width, first.height, service=self.service)
        return f"Asked for {asked}; the video has {first.width} × {first.height}." if asked else ""

    @property
    def url(self) -> str | None:
        """The service's own link to the video; it dies after about a day."""
        return self.row.urls[0] if self.row.urls else None

    @property
    def link_until(self) -> dt.datetime | None:
        """Until when `url` should serve the video (UTC), a day after the task's end; None while there is no link."""
        made = self.completed_at
        return made + LINK_LIFE if made is not None and self.row.urls else None

    @property
    def link_lives(self) -> bool:
        """Whether `url` should still serve the video."""
        until = self.link_until
        return until is not None and self.ledger.now() < until

    @property
    def created_at(self) -> dt.datetime:
        """When the intent was recorded (UTC)."""
        at = moment(self.row.created_at)
        assert at is not None  # noqa: S101 - a column that is never null
        return at

    @property
    def age_s(self) -> float:
        """How long ago that was, in seconds, by the ledger's clock."""
        return (self.ledger.now() - self.created_at).total_seconds()

    @property
    def completed_at(self) -> dt.datetime | None:
        """When the task ended (UTC)."""
        return moment(self.row.completed_at)

    @property
    def origin(self) -> dict[str, Any]:
        """Where it was asked for: versions, notebook, cell, commit, and the picture by hash and pixels; None for unknown."""
        return provenance.facts(self.row, self.request)

    @property
    def row(self) -> RunRow:
        """All columns of the ledger."""
        return self._row

    def history(self) -> list[dict[str, Any]]:
        """Every transition with its moment and evidence, oldest first."""
        return self.ledger.events(self.id)

    @property
    def tags(self) -> tuple[str, ...]:
        """Words that you gave it."""
        return tuple(self.row.tags or ())

    @property
    def label(self) -> str:
        """A short name for messages."""
        return f"run {self.id[:8]}"


_SLACK = 0.1  # models round both sides to blocks of pixels
_SHAPE_SLACK = 0.05
_WIDE = 16 / 9  # "720p" is 1280 by 720; in other shapes some models keep the lines, some the number of pixels
_TINY = 8  # by which the simulator divides the sides of tiny videos, as it was told


def not_as_asked(inputs: dict[str, Any], width: int, height: int, *, service: str) -> str:
    """What of *inputs* a video that is shown in that size is not, in words; "" where it is all that, or where nobody knows."""
    resolution, ratio = (str(inputs.get(name)) for name in ("resolution", "aspect_ratio"))
    said = (
        (resolution, _has_lines(resolution, width, height, service)),
        (ratio, _has_shape(ratio, width, height)),
    )
    return " and ".join(asked for asked, fits in said if not fits)


def _has_lines(asked: str, width: int, height: int, service: str) -> bool:
    if (named := re.fullmatch(r"([1-9][0-9]{2,3})[pP]", asked)) is None:
        return True
    lines, short = int(named[1]), min(width, height)
    if service == "simulator" and abs(short * _TINY - lines) <= 2 * _TINY:
        return True
    pixels = width * height / (lines * lines * _WIDE)
    return abs(short / lines - 1) <= _SLACK or abs(pixels - 1) <= 2 * _SLACK


def _has_shape(asked: str, width: int, height: int) -> bool:
    named = re.fullmatch(r"([1-9][0-9]?):([1-9][0-9]?)", asked)
    return named is None or abs(width / height / (int(named[1]) / int(named[2])) - 1) <= _SHAPE_SLACK
