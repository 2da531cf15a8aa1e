"""What an exported folder says of its runs: `manifest.json`, written here and checked when it is read.

A folder may come from anybody. Everything in it is checked before anything is done with it: types, sizes, names that stay
inside the folder, requests that can be shown. Fingerprints are not in it: they are computed when it is read.
"""

from __future__ import annotations

import json
import stat
from dataclasses import field
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, Strict, ValidationError, model_validator
from pydantic.dataclasses import dataclass

from ..addresses import shareable, shareable_value
from ..bounds import MAX_FILES, Seconds, Sha256, Text, Word, read_json
from ..catalogue import Request, read_request
from ..errors import LedgerError
from ..home import open_file
from ..ledger.reading import first_wrong
from ..ledger.rows import FILM, CellColumns, Flag, PublicColumns, PublicEvent
from ..ledger.states import State
from ..service.media import MAX_BYTES

NAME = "manifest.json"
VERSION = 1
MAX_MANIFEST = 64 << 20
FOLDERS = ("videos", "inputs")


@dataclass(frozen=True, kw_only=True)
class FileEntry:
    """A file of the folder."""

    file: Annotated[str, Strict(), Field(pattern=r"^(videos|inputs)/[A-Za-z0-9][A-Za-z0-9._-]{0,199}$")]
    sha256: Sha256
    bytes: Annotated[int, Strict(), Field(gt=0, le=MAX_BYTES)]
    original_sha256: Sha256 | None = None


@dataclass(frozen=True, kw_only=True)
class VideoEntry(FileEntry):
    """A file that a task made. Its remark is for readers: an import looks for itself."""

    number: Annotated[int, Strict(), Field(ge=0, lt=MAX_FILES)] = 0
    seconds: Seconds | None = None
    remark: Text | None = None


def _no_folders(text: str) -> str:
    if "/" in text or "\\" in text:
        raise ValueError("it is a path, and a name is needed")
    return text


class OriginEntry(CellColumns, total=False):
    """Where a run was asked for: no path of a machine."""

    notebook: Annotated[Word, AfterValidator(_no_folders)] | None


@dataclass(frozen=True, kw_only=True)
class RunEntry(PublicColumns):
    """A run, as the manifest has it."""

    origin: OriginEntry | None = None
    stands: Flag = False
    videos: Annotated[list[VideoEntry], Field(max_length=MAX_FILES)] = field(default_factory=list)
    inputs: Annotated[list[FileEntry], Field(max_length=MAX_FILES)] = field(default_factory=list)
    events: Annotated[list[PublicEvent], Field(max_length=10_000)] = field(default_factory=list)

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        is_fetched = self.state == State.FETCHED
        if (is_fetched and not self.task_id and self.model != FILM) or (self.videos and not is_fetched):
            raise ValueError("it has a video that no finished task has made")
        request = read_request(self.request)
        if request.model != self.model or request.seed != self.seed:
            raise ValueError("its request is of another model or seed")
        for folder, entries in (("videos", self.videos), ("inputs", self.inputs)):
            if any(not entry.file.startswith(f"{folder}/") for entry in entries):
                raise ValueError(f"a file of its {folder} is elsewhere")
        for one in self.inputs:  # the whole hash is how copies were named before
            stem = Path(one.file).stem
            if stem != one.sha256 and not stem.endswith(f"-{one.sha256[:8]}"):
                raise ValueError("the name of a picture is not of its hash")
        # Files that cannot all be of one task: what is missing would be fetched in the place of another.
        for each in ({one.number for one in self.videos}, {one.file.lower() for one in self.videos}):
            if len(each) != len(self.videos):
                raise ValueError("two of its videos are one file, or have one number")
        if self.files_made is not None and any(one.number >= self.files_made for one in self.videos):
            raise ValueError("it has more videos than its task made")
        return self


class Manifest(BaseModel):
    """All of it."""

    model_config = ConfigDict(frozen=True)

    format: Literal["kie_nb export"] = "kie_nb export"
    version: int = VERSION
    runs: Annotated[list[RunEntry], Field(max_length=100_000)] = []

    @model_validator(mode="after")
    def _no_clash(self) -> Self:
        if len({run.id for run in self.runs}) != len(self.runs):
            raise ValueError("a run is in it twice")
        sums: dict[str, str] = {}
        for entry in self.files():
            if sums.setdefault(entry.file.lower(), entry.sha256) != entry.sha256:
                raise ValueError(f"{entry.file} is in it twice, with different contents")
        return self

    def files(self) -> list[FileEntry]:
        """Every file it names."""
        return [entry for run in self.runs for entry in (*run.videos, *run.inputs)]


def stored_request(request: Request) -> dict[str, Any]:
    """A request for a file that is given away: without the callback's address, and what addresses of pictures hold of secrets."""
    stored = request.to_json()
    stored.pop("callBackUrl", None)
    for one in filter(None, (stored["image"], *chain(*stored.get("media", {}).values()))):
        if one["url"] is not None:
            one["url"] = shareable(one["url"])
    stored["input"] = shareable_value(request.inputs)
    return stored


def parse(data: bytes) -> Manifest:
    """The manifest in *data*; LedgerError if it is none, or not one that is safe to use."""
    try:
        found = read_json(data.decode("utf-8-sig"), most=MAX_MANIFEST)
    except ValueError as exc:
        raise _refusal(f"it is not JSON ({exc})") from None
    if not isinstance(found, dict) or found.get("format") != Manifest.model_fields["format"].default:
        raise _refusal("it is not of kie_nb")
    if found.get("version") != VERSION:
        raise LedgerError(
            f"{NAME} is of version {str(found.get('version'))[:20]!r}; this kie_nb reads version {VERSION}.",
            hint="upgrade kie_nb",
        )
    try:
        return Manifest.model_validate(found)
    except ValidationError as exc:
        raise _refusal(first_wrong(exc)) from None


def _refusal(why: str) -> LedgerError:
    return LedgerError(f"{NAME} cannot be used: {why}.", hint="nothing was changed; export the runs again")


def read(folder: Path) -> Manifest:
    """The manifest of an exported folder, its files looked at from outside: each a plain file of the size it should have."""
    manifest = load(folder)
    for name in FOLDERS:
        if (folder / name).is_symlink():
            raise LedgerError(f"{name} is a link that leads elsewhere; nothing was read.")
    for entry in manifest.files():
        try:
            found = (folder / entry.file).lstat()
        except OSError:
            words = f"{entry.file} is missing from the folder."
            raise LedgerError(words, hint="copy it whole, and import again") from None
        if not stat.S_ISREG(found.st_mode):
            raise LedgerError(f"{entry.file} is not a plain file; nothing was read.")
        if found.st_size != entry.bytes:
            words = f"{entry.file} has {found.st_size} bytes, and the manifest says {entry.bytes}."
            raise LedgerError(words, hint="copy the folder again, whole")
    return manifest


def load(folder: Path) -> Manifest:
    """The manifest alone, without a look at the files."""
    try:
        with open_file(folder / NAME, follow=False) as file:
            content = file.read(MAX_MANIFEST + 1)
    except (
        FileNotFoundError,
        NotADirectoryError,
        ValueError,
    ) as exc:  # ValueError: no file can have the name
        words = f"There is no {NAME} in {folder}."
        raise LedgerError(words, hint="name a folder that `export` has made") from exc
    except OSError as exc:
        raise LedgerError(f"{NAME} cannot be read: {exc.strerror or exc}.") from exc
    if len(content) > MAX_MANIFEST:
        raise LedgerError(f"{NAME} has more than {MAX_MANIFEST >> 20} MB; it was not read.")
    return parse(content)


def dump(manifest: Manifest) -> bytes:
    """*manifest* as a file."""
    return plain_json(manifest.model_dump(), indent=1).encode() + b"\n"


def plain_json(value: Any, *, indent: int | None = None) -> str:
    """JSON that people can read, and that can always be encoded: half a character is written as an escape."""
    text = json.dumps(value, ensure_ascii=False, indent=indent)
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=indent)
    return text
