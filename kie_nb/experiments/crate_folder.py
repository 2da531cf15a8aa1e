"""Where a crate is written: a folder of its own, that takes its place in one step and never anything else's."""

from __future__ import annotations

import contextlib
import json
import secrets
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

from ..errors import LedgerError
from ..home import open_plain
from ..paths import shown_path

METADATA = "ro-crate-metadata.json"
EXPERIMENT, KIND = "#experiment", "kie_nb experiment"  # the entity that tells whose crate it is
_MOST_METADATA = 64 << 20


@contextlib.contextmanager
def in_place_of(target: Path) -> Iterator[Path]:
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


def check_outside(target: Path, homes: Sequence[Path]) -> None:
    """Refuse a folder in a ledger's own, or around it.

    Raises:
        LedgerError: saying so.
    """
    real = target.resolve()
    for home in {path.resolve() for path in homes}:
        if real == home or home in real.parents or real in home.parents:
            raise LedgerError(
                f"{shown_path(target)} and the ledger's own folder lie in each other.",
                hint="choose a folder of its own, beside it",
            )


def check_target(target: Path, name: str) -> None:
    """Refuse a folder that holds anything but an earlier crate of this experiment: it would be replaced.

    Raises:
        LedgerError: saying what is there.
    """
    try:
        if target.is_symlink() or (target.exists() and not target.is_dir()):
            raise LedgerError(
                f"{shown_path(target)} is no folder; nothing was written.", hint="choose another name"
            )
        there = {path.relative_to(target).as_posix() for path in target.rglob("*") if not path.is_dir()}
    except (OSError, ValueError) as exc:  # ValueError: a name that no file can have
        raise LedgerError(
            f"no folder can be at {shown_path(target)}: {getattr(exc, 'strerror', None) or exc}."
        ) from exc
    if not there:
        return
    ours, listed = _earlier(target)
    strangers = sorted(there - listed)
    if ours != name or strangers:
        what = (
            f"a crate of the experiment {ours!r}"
            if ours not in {None, name}
            else f"{strangers[0]}, which no crate of this experiment has written"
        )
        raise LedgerError(
            f"{shown_path(target)} holds {what}; nothing was written.",
            hint="choose another folder, or empty this one",
        )


def _earlier(target: Path) -> tuple[str | None, set[str]]:
    """Which experiment the crate in *target* is of, and the files that it names."""
    path = target / METADATA
    try:
        with open_plain(path) as file:
            content = file.read(_MOST_METADATA + 1)
        if len(content) > _MOST_METADATA:
            return None, set()
        entities = {found["@id"]: found for found in json.loads(content)["@graph"]}
        owner = entities[EXPERIMENT]
        name = owner["value"] if owner.get("propertyID") == KIND else None
        files = {unquote(part["@id"]) for part in entities["./"]["hasPart"]}  # two at least, so a list
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None, set()
    return (name, files | {METADATA}) if isinstance(name, str) else (None, set())
