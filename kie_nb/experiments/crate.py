"""An experiment as an RO-Crate: a folder with its videos and pictures that says, for machines, how each was made.

Files are hashed while they are copied; what is not the file that was fetched is no result, and then nothing is written at all. The
folder is made beside its place and renamed, so that there is never half a crate.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import mimetypes
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..engine.states import State
from ..errors import InvalidRequest, LedgerError
from ..fileops import copy_hashed
from ..handles import Run, Session
from ..home import is_name
from ..ledger import kept_files
from ..operations.manifest import plain_json
from ..paths import shown_path
from ..redact import places_of
from ..video import open_media
from . import data
from .crate_folder import check_outside, check_target, in_place_of
from .crate_graph import METADATA, SIMULATED, Act, CrateFile, graph
from .data import Cells
from .definition import Definition

DEFINITION, TABLE = "definition.toml", "cells.csv"
_NEVER_BEGUN = frozenset({State.NOT_SENT, State.INTENT})  # nothing was executed


def export_crate(
    session: Session,
    definition: Definition,
    cells: Cells,
    folder: str | os.PathLike[str],
    *,
    license_url: str | None,
) -> Path:
    """Write the crate; see `Experiment.export_crate`."""
    target = Path(os.path.abspath(Path(folder).expanduser()))  # noqa: PTH100 - a link in it is not followed
    chosen = [(place, run) for place, run in cells if run is not None and run.state not in _NEVER_BEGUN]
    if not chosen:
        raise InvalidRequest("no cell has been run yet: there is nothing to put into a crate.", charged="")
    check_target(target, definition.name)
    check_outside(target, [session.home_of(run).home for _, run in chosen])
    try:
        with in_place_of(target) as part:
            work = _Work(session, part)
            acts = [work.act(place, run) for place, run in chosen]
            repeatable = _with_pictures(definition, chosen, acts)
            whole = graph(
                experiment=definition.name,
                published=dt.datetime.now(dt.UTC).date().isoformat(),
                license_url=license_url,
                files=_documents(part, repeatable, cells),
                acts=acts,
            )
            (part / METADATA).write_text(plain_json(whole, indent=2) + "\n", encoding="utf-8")
    except OSError as exc:
        raise LedgerError(
            f"the crate cannot be written to {shown_path(target)}: {exc.strerror or exc}.",
            hint="what was there before is as it was",
        ) from exc
    return target


def _documents(folder: Path, definition: Definition, cells: Cells) -> list[CrateFile]:
    """The definition and the table, written."""
    saved, table = (
        definition.save(folder / DEFINITION),
        data.write_csv(data.rows(cells), folder / TABLE),
    )
    return [
        _described(saved, "The definition of the experiment", "application/toml"),
        _described(table, "The cells of the experiment as a table", "text/csv"),
    ]


@dataclass
class _Work:
    """One crate under way."""

    session: Session
    folder: Path
    taken: dict[str, CrateFile] = field(default_factory=dict)

    def act(self, place: dict[str, Any], run: Run) -> Act:
        """*run* with its files copied."""
        return Act(
            run=run,
            place=data.in_words(place),
            videos=tuple(self._videos(run)),
            picture=self._picture(run),
            places=places_of(self.session.home_of(run).home),
        )

    def _videos(self, run: Run) -> Iterator[CrateFile]:
        if run.state is not State.FETCHED:
            return
        simulated = SIMULATED if run.service == "simulator" else ""
        files = self.session.home_of(run)
        for kept in kept_files(run.row):
            path = files.place(kept.name)
            if path is None:
                raise LedgerError(
                    f"{run.label} has a file that is none of ours, so no crate was written.",
                    hint="%kie doctor fetches its own again where that can be done",
                )
            file = self._copy(path, "videos", f"{run.id}_{kept.number + 1}{path.suffix}", kept.sha256)
            yield replace(
                file,
                description=simulated,
                seconds=run.row.video_seconds if kept.name == run.row.video else None,
                keywords=run.tags,
            )

    def _picture(self, run: Run) -> CrateFile | None:
        image = run.request.image
        if image is None or image.by_url:
            return None
        kept = self.session.home_of(run).find_input(image.sha256)
        if kept is None:
            return None
        for file in self.taken.values():
            if file.sha256 == image.sha256:
                return file
        label = image.label if is_name(image.label) else kept.name
        return replace(self._copy(kept, "pictures", kept.name, image.sha256, wanted=label), mime=image.mime)

    def _copy(
        self, source: Path, folder: str, other: str, sha256: str | None, *, wanted: str = ""
    ) -> CrateFile:
        name = wanted or source.name
        if not is_name(name) or f"{folder}/{name}".lower() in self.taken:
            name = other
        place = f"{folder}/{name}"
        (self.folder / folder).mkdir(exist_ok=True)
        digest, size = _copied(source, self.folder / place)
        if sha256 not in {None, digest}:
            raise LedgerError(
                f"{source.name} is not the file that was fetched, so no crate was written.",
                hint="%kie doctor fetches it again where that can be done",
            )
        file = CrateFile(
            path=place, name=name, mime=mimetypes.guess_type(name)[0] or "", sha256=digest, bytes=size
        )
        self.taken[place.lower()] = file
        return file


def _copied(source: Path, target: Path) -> tuple[str, int]:
    try:
        with open_media(source) as file:
            return copy_hashed(file, target)
    except FileNotFoundError:
        raise LedgerError(
            f"{source.name} is not on disk, so no crate was written.",
            hint="%kie doctor fetches it again where that can be done",
        ) from None


def _described(path: Path, description: str, mime: str) -> CrateFile:
    content = path.read_bytes()
    return CrateFile(
        path=path.name,
        name=path.name,
        description=description,
        mime=mime,
        sha256=hashlib.sha256(content).hexdigest(),
        bytes=len(content),
    )


def _with_pictures(
    definition: Definition, chosen: Sequence[tuple[dict[str, Any], Run]], acts: Sequence[Act]
) -> Definition:
    """*definition* with its pictures named as the crate has them, so that it can be run from there."""
    kept = definition.to_json()
    fixed = kept["fixed"].get("image")
    names: dict[str, str] = {}
    for (place, _), act in zip(chosen, acts, strict=True):
        if act.picture is not None:
            called = str(place.get("image", fixed))
            # Pictures that were given as bytes may share a name, which then tells none of them.
            names[called] = (
                act.picture.path if names.get(called, act.picture.path) == act.picture.path else called
            )
    if isinstance(fixed, str):
        kept["fixed"]["image"] = names.get(fixed, fixed)
    if "image" in kept["axes"]:
        kept["axes"]["image"] = [names.get(str(value), value) for value in kept["axes"]["image"]]
    for place in kept.get("dropped", []):
        if "image" in place:
            place["image"] = names.get(str(place["image"]), place["image"])
    return Definition.from_json(kept)
