"""The columns of the ledger, each declared once: `schema.py` makes the tables of them, `reading.py` checks what is read.

A released column keeps its meaning forever; new ones come by a migration. Times are UTC ISO text with microseconds, so that
they sort as text and are readable in any SQLite browser.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import PurePosixPath
from typing import Annotated, Any, Protocol

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, Strict, with_config
from typing_extensions import TypedDict

from ..bounds import (
    MAX_BALANCE,
    MAX_FILES,
    Balance,
    Credits,
    FileCount,
    Rating,
    Score,
    Seconds,
    Seed,
    Sha256,
    Stamp,
    Text,
    Url,
    Whole,
    Word,
)
from ..video.sniff import PICTURES, SOUNDS, VIDEOS
from .states import State

Flag = Annotated[bool, Strict()]
Sum = Annotated[float, Strict(), Field(ge=-1.0, allow_inf_nan=False)]  # a sum of fractions may end below 0
Beat = Annotated[int, Strict(), Field(ge=0, lt=2**53)]  # SQLite's largest number has no next
# A newer kie_nb may write others.
StateName = Annotated[str, Strict(), Field(pattern=f"^({'|'.join(State)})$")]
ErrorColumn = TypedDict(
    "ErrorColumn",
    {
        "class": Word,
        "message": Text,
        "hint": Text | None,
        "charged": Text | None,
        "code": Annotated[int, Strict()] | None,
        "fail_code": Text | None,
        "evidence": Text,
    },
    total=False,
)


RunId = Annotated[str, Strict(), Field(pattern=r"^[0-9A-Za-z_-]{4,64}$")]
FILM = "kie_nb/film"  # the model of what is joined here: no service made it, and nobody paid for it


class GitColumn(TypedDict):
    """The commit of the notebook's folder."""

    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")]
    dirty: Flag


class LinkColumn(TypedDict, total=False):
    """What a run was made of: a clip of a film, or the frame or video of another run."""

    sha256: Sha256  # of the file that was used
    name: Word  # its name
    run: RunId  # whose it is
    frame: Whole  # which of its frames
    role: Word  # what the model took it for


Links = Annotated[list[LinkColumn], Field(max_length=1000)]
MOST_TAGS = 1000
Tags = Annotated[list[Word], Field(max_length=MOST_TAGS)]


class CellColumns(TypedDict, total=False):
    """The cell that a run was asked for in, the commit of its folder, and what it was made of."""

    execution_count: Whole | None
    git: GitColumn | None
    parts: Links  # of a film, in their order
    sources: Links


class OriginColumn(CellColumns, total=False):
    """Where a run was asked for."""

    notebook: Text | None
    host: Word | None  # the machine that has asked, where several share the ledger or its files
    folder: Text | None  # and its home there


@dataclass(frozen=True, kw_only=True, slots=True)
class KeptFile:
    """A file of a run; what was not recorded is None."""

    name: Word  # its path in the home
    number: Annotated[int, Strict(), Field(ge=0, lt=MAX_FILES)]  # of its link among the task's links
    sha256: Sha256 | None = None
    bytes: Whole | None = None
    seconds: Seconds | None = None
    width: Whole | None = None
    height: Whole | None = None
    remark: Text | None = None  # what is wrong with it, in a sentence
    version: Text | None = None  # of a damaged one: tells whether the service has another by now
    host: Word | None = None  # the machine that has fetched it, where several share the ledger or its files
    folder: Text | None = None  # and its home there

    def to_json(self) -> dict[str, Any]:
        """What is known of it."""
        return {name: value for name, value in asdict(self).items() if value is not None}


def _each_once(files: tuple[KeptFile, ...]) -> tuple[KeptFile, ...]:
    for each in ({one.number for one in files}, {one.name for one in files}):
        if len(each) != len(files):
            raise ValueError("two files have one number or one name")
    return files


KeptFiles = Annotated[
    tuple[KeptFile, ...],
    Field(max_length=MAX_FILES),
    BeforeValidator(lambda files: () if files is None else files),
    AfterValidator(_each_once),
]


class Wanted(Protocol):
    """By what the run that stands for a request is looked up."""

    @property
    def fingerprint(self) -> str:
        """What tells it from all others, seed included."""

    @property
    def family(self) -> str:
        """The same without its seed."""

    @property
    def seed_drawn(self) -> bool:
        """Whether a run with another drawn seed stands for it."""

    @property
    def request(self) -> Mapping[str, Any]:
        """As JSON."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRun:
    """A run before anything is sent."""

    service: str
    account: str
    model: str
    request: dict[str, Any]
    fingerprint: str
    family: str
    seed: int | None
    seed_drawn: bool
    estimate: float | None
    owner: str
    made_by: dict[str, Any]
    notebook: str | None = None
    experiment: str | None = None
    origin: dict[str, Any] | None = None
    owner_hint: str | None = None
    asked_by: str | None = None

    @property
    def scopes(self) -> dict[str, str | None]:
        """The scopes of budgets that it counts for, besides the day."""
        return {"notebook": self.notebook, "experiment": self.experiment}


@dataclass(frozen=True, kw_only=True, slots=True)
class PublicColumns:
    """The columns of a run that an export gives away as they are."""

    id: RunId
    service: Annotated[str, Strict(), Field(pattern="^(kie|simulator)$")]
    model: Word
    request: dict[str, Any]
    seed: Seed | None = None
    seed_drawn: Flag = False
    state: StateName
    task_id: Text | None = None
    estimate: Credits | None = None
    credits: Credits | None = None
    error: ErrorColumn | None = None
    created_at: Stamp
    sent_at: Stamp | None = None
    accepted_at: Stamp | None = None
    started_at: Stamp | None = None
    completed_at: Stamp | None = None
    duration_s: Seconds | None = None
    made_by: dict[Word, Word] | None = None
    asked_by: Word | None = None  # who, as the user's settings say it
    experiment: Text | None = None
    tags: Tags | None = None
    note: Text | None = None
    rating: Rating | None = None
    score: Score | None = None
    # How many files the task made, whether they came or not: links die, and an import brings none.
    files_made: FileCount | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRow(PublicColumns):
    """A run as the ledger has it, checked where it was read."""

    account: Word
    fingerprint: Sha256
    family: Sha256
    # fingerprint and take while the run stands for its request; null once it cannot (refused, failed, not sent).
    active_key: Word | None
    urls: Annotated[list[Url], Field(max_length=MAX_FILES)] | None
    files: KeptFiles  # as they are shown: what was asked for first
    owner: Word | None
    # What the process table may know of the owner, and what it counts up while it drives the run: see `owner.py`.
    owner_hint: Word | None
    beat: Beat
    notebook: Text | None
    origin: OriginColumn | None
    balance_before: Balance | None
    balance_after: Balance | None

    @property
    def video(self) -> str | None:
        """The name of the file that is shown, once there is one."""
        return self.files[0].name if self.files else None

    @property
    def video_sha256(self) -> str | None:
        """Its hash."""
        return self.files[0].sha256 if self.files else None


def values_of(row: RunRow) -> dict[str, Any]:
    """Its columns, by name."""
    return {field.name: getattr(row, field.name) for field in fields(row)}


class PublicEvent(TypedDict):
    """A step of a run's history."""

    at: Stamp
    from_state: Word | None
    to_state: Word
    evidence: dict[str, Any] | None


class EventRow(PublicEvent):
    """The same in the ledger: every transition, appended and never changed."""

    id: Whole
    run_id: Text


class UploadColumns(TypedDict):
    """An upload, once per content and account, for as long as the service keeps it."""

    account: Word
    sha256: Sha256
    url: Url
    uploaded_at: Stamp


class PictureUrlRow(TypedDict):
    """What an image URL served when a run was last made with it, and before that under "earlier"."""

    url: Url
    identity: dict[str, Any]
    fetched_at: Stamp


class WordsRow(TypedDict):
    """What search looks into, of a run: see `search_text.py`."""

    number: Whole  # of milliseconds: when the run was made
    run_id: Text
    prompt: str
    marks: str


class BudgetRow(TypedDict):
    """A limit of the user's own: the most that the runs of one scope may cost, in credits."""

    scope: Word
    credits: Annotated[float, Strict(), Field(gt=0, le=MAX_BALANCE)]
    set_at: Stamp


class TallyRow(TypedDict):
    """What the runs of one notebook, day or experiment come to: sums of their columns, kept up to date with these."""

    service: Word
    scope: Word
    value: Text
    spent: Sum
    reserved: Sum
    at_risk: Sum
    unpriced: Annotated[int, Strict()]


@with_config(ConfigDict(extra="allow"))
class Fixed(TypedDict, total=False):
    """What all requests of an experiment have in common."""

    seed: Seed | None


@with_config(ConfigDict(extra="allow"))
class DefinitionColumn(TypedDict, total=False):
    """What an experiment asks for."""

    fixed: Fixed
    axes: dict[str, list[Any]]


class ExperimentRow(TypedDict):
    """What an experiment asks for at one service, as it was last defined: fingerprints differ by service."""

    name: Text
    service: Text
    definition: DefinitionColumn
    made_at: Stamp
    changed_at: Stamp


class CellRow(TypedDict):
    """A request of an experiment; a run stands for it by its fingerprint, whoever bought it."""

    experiment: Text
    service: Text
    fingerprint: Sha256
    place: dict[str, Any]
    position: Whole


class LikenessRow(TypedDict):
    """How far two files are from each other, by their hashes, and why it was measured."""

    video: Sha256
    other: Sha256
    kind: Word
    measure: Word
    distance: Annotated[float, Strict(), Field(ge=0, le=2)]
    verdict: Word | None
    measured_at: Stamp


def files_made(row: RunRow) -> int:
    """How many files the task of *row* made, 0 where unknown: a service that names fewer later made no fewer."""
    return max(len(row.urls or ()), row.files_made or 0, *(kept.number + 1 for kept in row.files), 0)


def with_kept(row: RunRow | None, came: Iterable[KeptFile], *, made: int) -> dict[str, Any]:
    """The columns of *row*, None for a new one, with the files that *came*: each replaces the one of its number.

    The video comes first, whatever the service lists first; a still or a sound beside it follows.
    """

    def rank(one: KeptFile) -> int:
        ending = PurePosixPath(one.name).suffix[1:]
        return next((rank for rank, kind in enumerate((VIDEOS, PICTURES, SOUNDS)) if ending in kind), 3)

    kept = {one.number: one for one in (*(row.files if row else ()), *came)}
    return {"files": tuple(sorted(kept.values(), key=rank)), "files_made": made or None}
