"""A run as the ledger keeps it: each column with what may be in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, Strict, with_config
from typing_extensions import TypedDict

from ..bounds import (
    MAX_BALANCE,
    MAX_FILES,
    Balance,
    Credits,
    FileCount,
    Rating,
    Seconds,
    Seed,
    Sha256,
    Stamp,
    Text,
    Url,
    Whole,
    Word,
)

Flag = Annotated[bool, Strict()]
# It is counted up, and SQLite's largest number has no next.
Beat = Annotated[int, Strict(), Field(ge=0, lt=2**53)]
# The engine's states; a newer kie_nb may write others.
STATES = (
    *("intent", "sending", "accepted", "waiting", "queuing", "generating", "success", "fetched"),
    *("fail", "refused", "not_sent", "unknown", "lost", "written_off"),
)
StateName = Annotated[str, Strict(), Field(pattern=f"^({'|'.join(STATES)})$")]
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


class GitColumn(TypedDict):
    """The commit of the notebook's folder."""

    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{7,64}$")]
    dirty: Flag


class OriginColumn(TypedDict, total=False):
    """Where a run was asked for."""

    notebook: Text | None
    execution_count: Whole | None
    git: GitColumn | None


class FileColumn(TypedDict, total=False):
    """A file that a run has."""

    name: Word
    number: Whole | None
    sha256: Sha256 | None
    bytes: Whole | None
    remark: Text | None
    version: Text | None


@dataclass(frozen=True, kw_only=True, slots=True)
class NewRun:
    """What is known of a run before anything was sent."""

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

    @property
    def scopes(self) -> dict[str, str | None]:
        """What a budget may be set for, and this run is in; beside the day on which it is written down."""
        return {"notebook": self.notebook, "experiment": self.experiment}


@dataclass(frozen=True, kw_only=True, slots=True)
class RunRow:
    """A run as the ledger has it, checked where it was read; the columns are described in `schema.py`."""

    id: Annotated[str, Strict(), Field(pattern=r"^[0-9A-Za-z_-]{4,64}$")]
    service: Literal["kie", "simulator"]
    account: Word
    model: Word
    request: dict[str, Any]
    fingerprint: Sha256
    family: Sha256
    live_key: Word | None
    seed: Seed | None
    seed_drawn: Flag
    state: StateName
    task_id: Text | None
    estimate: Credits | None
    credits: Credits | None
    urls: Annotated[list[Url], Field(max_length=MAX_FILES)] | None
    video: Word | None
    video_sha256: Sha256 | None
    video_bytes: Whole | None
    video_seconds: Seconds | None
    more_videos: Annotated[list[Word], Field(max_length=MAX_FILES)] | None
    error: ErrorColumn | None
    created_at: Stamp
    sent_at: Stamp | None
    accepted_at: Stamp | None
    started_at: Stamp | None
    completed_at: Stamp | None
    duration_s: Seconds | None
    owner: Word | None
    owner_hint: Word | None
    beat: Beat
    made_by: dict[Word, Word] | None
    notebook: Text | None
    experiment: Text | None
    tags: Annotated[list[Word], Field(max_length=1000)] | None
    note: Text | None
    rating: Rating | None
    balance_before: Balance | None
    balance_after: Balance | None
    origin: OriginColumn | None = None
    files: Annotated[list[FileColumn], Field(max_length=MAX_FILES)] | None = None
    files_made: FileCount | None = None


class EventRow(TypedDict):
    """A step of a run's history."""

    id: Whole
    at: Stamp
    run_id: Text
    from_state: Word | None
    to_state: Word
    evidence: dict[str, Any] | None


class UploadColumns(TypedDict):
    """A picture that the service has."""

    account: Word
    sha256: Sha256
    url: Url
    uploaded_at: Stamp


class PictureUrlRow(TypedDict):
    """What a picture's address served."""

    url: Url
    identity: dict[str, Any]
    fetched_at: Stamp


class BudgetRow(TypedDict):
    """A limit of the user's own."""

    scope: Word
    credits: Annotated[float, Strict(), Field(gt=0, le=MAX_BALANCE)]
    set_at: Stamp


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
    """An experiment at one service."""

    name: Text
    service: Text
    definition: DefinitionColumn
    made_at: Stamp
    changed_at: Stamp


class CellRow(TypedDict):
    """A request of an experiment."""

    experiment: Text
    service: Text
    fingerprint: Sha256
    place: dict[str, Any]
    position: Whole


OTHER_ROWS: dict[str, Any] = {
    "event": EventRow,
    "upload": UploadColumns,
    "picture_url": PictureUrlRow,
    "budget": BudgetRow,
    "experiment": ExperimentRow,
    "cell": CellRow,
}
