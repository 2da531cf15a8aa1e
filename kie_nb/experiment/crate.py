"""An experiment as an RO-Crate: a folder with its videos and pictures, and machine-readable metadata on how each was made.

The profile is Process Run Crate, on RO-Crate 1.1. The library `rocrate` keeps the graph: its root and its parts, each entity once. It
copies and fetches nothing: files are hashed while they are copied here, and where one is not the file that was fetched, nothing is
written at all. The folder is made beside its place and renamed, so that there is never half a crate.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import mimetypes
import os
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

from ..addresses import shareable_value
from ..errors import InvalidRequest, LedgerError
from ..fileops import copy_hashed, hash_of
from ..handles import Run, Session
from ..home import is_name, open_plain
from ..ledger.states import State
from ..operations.manifest import plain_json
from ..paths import places_of, shown_path
from ..stores import bring, find_input
from ..video import mime_of, open_media
from . import data
from .columns import Line
from .crate_entities import (
    SIMULATED,
    Entity,
    action_of,
    at,
    known,
    parameters_of,
    picture_of,
    sources_of,
    tool_of,
)
from .data import Cells
from .definition import Definition

DEFINITION, TABLE = "definition.toml", "cells.csv"
METADATA = "ro-crate-metadata.json"
EXPERIMENT, KIND = "#experiment", "kie_nb experiment"  # the entity that tells whose crate it is
_MOST_METADATA = 64 << 20
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_TERMS = "https://w3id.org/ro/terms/workflow-run/context"
_NEVER_BEGUN = frozenset({State.NOT_SENT, State.INTENT})  # nothing was executed


def export_crate(
    session: Session,
    definition: Definition,
    cells: Cells,
    lines: Sequence[Line],
    folder: str | os.PathLike[str],
    *,
    license_url: str | None,
) -> Path:
    """Write the crate; see `Experiment.export_crate`."""
    target = Path(os.path.abspath(Path(folder).expanduser()))  # noqa: PTH100 - a link in it is not followed
    chosen = [(place, run) for place, run in cells if run is not None and run.state not in _NEVER_BEGUN]
    if not chosen:
        raise InvalidRequest("No cell has been run yet: there is nothing to put into a crate.", charged="")
    _check_target(target, definition.name)
    _check_outside(target, {run.ledger.home.resolve() for _, run in chosen})
    try:
        with _in_place_of(target) as part:
            crate = _Crate(session, part)
            pictures = [(place, crate.add_run(place, run)) for place, run in chosen]
            saved = _with_pictures(definition, pictures).save(part / DEFINITION)
            crate.add_document(saved, "The definition of the experiment", "application/toml")
            table = data.write(lines, part / TABLE)
            crate.add_document(table, "The cells of the experiment as a table", "text/csv")
            is_simulated = any(run.service == "simulator" for _, run in chosen)
            crate.write(definition.name, license_url, mark=f" {SIMULATED}." if is_simulated else "")
    except OSError as exc:
        raise LedgerError(
            f"The crate cannot be written to {shown_path(target)}: {exc.strerror or exc}.",
            hint="what was there before is unchanged",
        ) from exc
    return target


class _Crate:
    """One crate being written."""

    def __init__(self, session: Session, folder: Path) -> None:
        from rocrate.rocrate import ROCrate  # slow to import

        self._session, self._folder = session, folder
        self._crate = ROCrate(version="1.1")
        self._crate.metadata.extra_contexts.append(_TERMS)
        self._taken: set[str] = set()  # paths in small letters
        self._pictures: dict[str, tuple[str, Entity]] = {}  # path and entity by sha256

    def add_run(self, place: dict[str, Any], run: Run) -> str | None:
        """*run* with its files copied; the path of its picture, where the crate holds that."""
        path, picture = self._picture(run) or (None, None)
        objects = [*([picture] if picture else picture_of(run)), *parameters_of(run)]
        results, places = list(self._videos(run)), places_of(run.ledger.home)
        words = data.in_words(place)
        action = action_of(run, words, objects=objects, results=results, picture=path, places=places)
        for each in (*results, *objects, *sources_of(run), tool_of(run), action):
            self._add(each)
        self._crate.root_dataset.append_to("mentions", at(action), compact=True)
        return path

    def add_document(self, path: Path, description: str, mime: str) -> None:
        """A file in the folder that belongs to no single run."""
        size = path.stat().st_size
        self._add(_file(path.name, hash_of(path), size, description=description, encodingFormat=mime))

    def write(self, name: str, license_url: str | None, *, mark: str) -> None:
        """Describe the whole, and write the metadata."""
        about = f"The runs of the experiment {name}, with their videos; written by kie_nb."
        root = {
            "name": f"Experiment {name}",
            "description": f"{about} definition.toml asks for them again, cells.csv lists its cells.{mark}",
            "datePublished": dt.datetime.now(dt.UTC).date().isoformat(),
            "conformsTo": {"@id": PROFILE},
            "identifier": {"@id": EXPERIMENT},
            **({"license": {"@id": license_url}} if license_url else {}),
        }
        for key, value in root.items():
            self._crate.root_dataset[key] = value
        self._add({"@id": PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"})
        owner = {"@id": EXPERIMENT, "@type": "PropertyValue", "propertyID": KIND}
        self._add({**owner, "name": "experiment", "value": name})
        if license_url:
            self._add({"@id": license_url, "@type": "CreativeWork", "name": license_url, "url": license_url})
        # Not by the library's own hand, which refuses half a character in a prompt.
        text = plain_json(self._crate.metadata.generate(), indent=2)
        (self._folder / METADATA).write_text(text + "\n", encoding="utf-8")

    def _add(self, entity: Entity) -> None:
        from rocrate.model import ContextEntity, DataEntity

        kind = DataEntity if entity["@type"] == "File" else ContextEntity
        self._crate.add(kind(self._crate, entity["@id"], properties=known(entity)))

    def _videos(self, run: Run) -> Iterator[Entity]:
        if run.state is not State.FETCHED:
            return
        files = run.ledger.files
        for kept in run.row.files:
            path = files.place_of(kept)
            if path is None:
                raise _not_whole(f"{run.label} has a file that kie_nb did not make")
            bring(path)
            yield self._copy(
                path,
                [f"videos/{path.name}", f"videos/{run.id}_{kept.number + 1}{path.suffix}"],
                kept.sha256,
                description=SIMULATED if run.service == "simulator" else "",
                duration=f"PT{kept.seconds:g}S" if kept.seconds else "",
                keywords=", ".join(run.tags),
            )[1]

    def _picture(self, run: Run) -> tuple[str, Entity] | None:
        image = run.request.image
        kept = find_input(run.ledger.files, image) if image and not image.by_url else None
        if image is None or kept is None:
            return None
        if image.sha256 not in self._pictures:
            names = [image.label, kept.name] if is_name(image.label) else [kept.name]
            paths = [f"pictures/{name}" for name in names]
            self._pictures[image.sha256] = self._copy(kept, paths, image.sha256, encodingFormat=image.mime)
        return self._pictures[image.sha256]

    def _copy(
        self, source: Path, paths: Sequence[str], sha256: str | None, **facts: str
    ) -> tuple[str, Entity]:
        """Copy a file to the first of *paths* that is free; that path, and the file as an entity."""
        path = next((path for path in paths if path.lower() not in self._taken), paths[-1])
        self._taken.add(path.lower())
        target = self._folder / path
        target.parent.mkdir(exist_ok=True)
        try:
            with open_media(source) as file:
                digest, size = copy_hashed(file, target)
        except FileNotFoundError:
            raise _not_whole(f"{source.name} is not on disk") from None
        if sha256 not in {None, digest}:
            raise _not_whole(f"{source.name} is not the file that was fetched")
        return path, _file(path, digest, size, **facts)


def _not_whole(why: str) -> LedgerError:
    hint = "%kie doctor fetches it again where that can be done"
    return LedgerError(f"{why}, so no crate was written.", hint=hint)


def _file(path: str, sha256: str, size: int, **facts: str) -> Entity:
    name = path.rpartition("/")[2]
    found = {"@id": quote(path), "@type": "File", "name": name, "contentSize": str(size), "sha256": sha256}
    return {**found, "encodingFormat": mime_of(name) or mimetypes.guess_type(name)[0], **facts}


def _with_pictures(definition: Definition, paths: Sequence[tuple[dict[str, Any], str | None]]) -> Definition:
    """*definition* with its pictures named as the crate has them, so that it can be run from there."""
    shared = Definition.from_json(shareable_value(definition.to_json()))  # as the places of its cells are
    names: dict[str, str] = {}
    for place, path in paths:
        if path is not None:
            called = str(place.get("image", shared.grid.fixed.get("image")))
            # Pictures that were given as bytes may share a name, which then tells none of them.
            names[called] = path if names.get(called, path) == path else called
    return shared.with_media(lambda value: names.get(str(value), value))


@contextlib.contextmanager
def _in_place_of(target: Path) -> Iterator[Path]:
    """A new folder beside *target* that takes its place when the block ends well; else nothing has changed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    mark = secrets.token_hex(4)
    part, old = (target.with_name(f".{target.name}.{mark}.{word}") for word in ("part", "old"))
    part.mkdir()
    try:
        yield part
        if target.exists():
            target.rename(old)
        try:
            part.rename(target)
        except OSError:
            if old.exists():
                old.rename(target)
            raise
    finally:
        shutil.rmtree(part, ignore_errors=True)
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)


def _check_outside(target: Path, homes: set[Path]) -> None:
    """Refuse a folder in a ledger's own, or around it."""
    real = target.resolve()
    if any(real.is_relative_to(home) or home.is_relative_to(real) for home in homes):
        words = f"{shown_path(target)} overlaps the ledger's own folder."
        raise LedgerError(words, hint="choose a folder of its own, beside it")


def _check_target(target: Path, name: str) -> None:
    """Refuse a folder that holds anything but an earlier crate of this experiment: it would be replaced."""
    try:
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            words = f"{shown_path(target)} is not a folder; nothing was written."
            raise LedgerError(words, hint="choose another name")
        there = {path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir()}
    except (OSError, ValueError) as exc:  # ValueError: a name that no file can have
        why = getattr(exc, "strerror", None) or exc
        raise LedgerError(f"Cannot create a folder at {shown_path(target)}: {why}.") from exc
    ours, listed = _earlier(target) if there else (name, there)
    strangers = sorted(there - listed)
    if ours != name or strangers:
        what = f"a crate of the experiment {ours!r}"
        if ours in {None, name}:
            what = f"{strangers[0]}, which no crate of this experiment has written"
        words = f"{shown_path(target)} holds {what}; nothing was written."
        raise LedgerError(words, hint="choose another folder, or empty this one")


def _earlier(target: Path) -> tuple[str | None, set[str]]:
    """Which experiment the crate in *target* is of, and the files that it names."""
    try:
        with open_plain(target / METADATA) as file:
            content = file.read(_MOST_METADATA)  # more of it is not JSON
        entities = {found["@id"]: found for found in json.loads(content)["@graph"]}
        owner = entities[EXPERIMENT]
        name = owner["value"] if owner.get("propertyID") == KIND else None
        files = {unquote(part["@id"]) for part in entities["./"]["hasPart"]}  # two at least, so a list
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, set()
    return (name, files | {METADATA}) if isinstance(name, str) else (None, set())
