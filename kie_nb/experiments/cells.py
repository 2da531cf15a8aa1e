"""From a grid to checked requests: defaults are settled, pictures are read once, cells that are the same request become one."""

from __future__ import annotations

import os
import re
import secrets
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from ..catalogue import SEED_MAX, describe, find
from ..errors import InvalidRequest
from ..handles import Session
from ..handles.preparation import as_it_was_asked, picture_of_all
from ..requests.images import Picture, is_url
from ..settings import Settings, start_folder
from .definition import plain
from .grid import Grid, Where, expand, identity, left_over
from .plan import PlannedCell

_SIGNS = re.compile("(?i)signature|^sig$|token|credential|secret|api_?key|^key$")
EXPANSION_OFF = "prompt expansion is off: cells differ by axes only"


def settled(model: str, grid: Grid, kept: Mapping[str, Any]) -> tuple[Grid, tuple[str, ...]]:
    """*grid* with what was left to be chosen, and remarks on it: the seed is the one drawn for this experiment before, or now.

    Args:
        model: Its id.
        grid: As it was asked for.
        kept: The definition under this name in the ledger, or nothing.
    """
    fixed = {field: _as_path(value) if field == "image" else value for field, value in grid.fixed.items()}
    axes = {
        field: tuple(map(_as_path, values)) if field == "image" else values
        for field, values in grid.axes.items()
    }
    remarks: tuple[str, ...] = ()
    names = {entry.name for entry in describe(model)} if find(model) is not None else set()
    if "enable_prompt_expansion" in names - {*fixed, *axes}:
        fixed["enable_prompt_expansion"] = False
        remarks = (EXPANSION_OFF,)
    if "seed" in names and "seed" not in axes and fixed.get("seed") is None:
        drawn = kept.get("fixed", {}).get("seed")
        fixed["seed"] = secrets.randbelow(SEED_MAX + 1) if drawn is None else drawn
    return replace(grid, axes=axes, fixed=fixed), remarks


def _as_path(value: Any) -> Any:
    """A file's name as a path, which can be told from the notebook's folder."""
    return Path(value) if isinstance(value, str) and not is_url(value) else value


def prepare_cells(
    session: Session,
    name: str,
    model: str,
    grid: Grid,
    *,
    where: Where | None,
    dropped: Sequence[Mapping[str, Any]],
    kept: Collection[str],
    current: Settings,
) -> tuple[dict[str, PlannedCell], tuple[dict[str, Any], ...], tuple[str, ...]]:
    """The cells by fingerprint, in order, the places that are left out, and remarks on prompts and pictures; nothing is sent.

    Args:
        session: Whose it is.
        name: Of the experiment.
        model: Its id.
        grid: Settled.
        where: Says which places are wanted; None for all.
        dropped: Places that are not.
        kept: Fingerprints of the cells that are kept under *name*.
        current: The settings, which say whom they are for.

    Raises:
        InvalidRequest: an axis has no meaning, or a request cannot be sent as it is.
    """
    described = [*(entry.name for entry in describe(model)), "image"] if find(model) is not None else []
    fields = described or [*grid.axes, *grid.fixed, "image"]
    left_out: list[dict[str, Any]] = []

    def wanted(place: dict[str, Any]) -> bool:
        named = {axis: plain(value) for axis, value in place.items()}
        keep = named not in dropped and (where is None or _is_wanted(where, place))
        if not keep:
            left_out.append(named)
        return keep

    pictures: dict[Any, Picture] = {}
    remarks = [*left_over(grid, fields), *_addresses(grid)]
    cells: dict[str, PlannedCell] = {}
    for cell in expand(grid, fields, wanted):
        asked = dict(cell.asked)
        image = _picture(session, asked.pop("image", None), pictures, remarks)
        more: dict[str, Any] = (
            asked if described else {"raw": asked}
        )  # a model that is not described takes what it is given
        prepared = session.prepare(
            more.pop("prompt", None),
            image=image,
            model=model,
            replicate=cell.replicate,
            experiment=name,
            current=current,
            **more,
        )
        prepared = as_it_was_asked(session, prepared, kept)
        place = {axis: plain(value) for axis, value in cell.at.items()}
        if cell.replicate:
            place["repeat"] = cell.replicate + 1
        cells.setdefault(prepared.fingerprint, PlannedCell(place=place, prepared=prepared))
    return cells, tuple(left_out), tuple(remarks)


def as_axis(value: Any) -> tuple[Any, ...] | None:
    """The values of an axis; None for what is one value, as a picture of numpy is."""
    if getattr(value, "ndim", None) == 1 and hasattr(value, "tolist"):
        value = value.tolist()
    if not isinstance(value, list | tuple | range):
        return None
    values: list[Any] = list(value)
    # A number of numpy's is no number to JSON and TOML.
    return tuple(one.item() if getattr(one, "shape", None) == () else one for one in values)


def _is_wanted(where: Where, place: dict[str, Any]) -> bool:
    try:
        return bool(where(dict(place)))
    except Exception as exc:
        raise InvalidRequest(
            f"where=... failed at {place!r}: {type(exc).__name__}: {exc}.",
            hint="it is given the place of a cell on every axis, by name",
        ) from exc


def _addresses(grid: Grid) -> tuple[str, ...]:
    """Remarks on addresses that let in whoever has them: the definition, the ledger and exports name them as they are.

    Raises:
        InvalidRequest: one holds a user's name or password.
    """
    values = (*grid.fixed.values(), *(value for values in grid.axes.values() for value in values))
    remarks: dict[str, None] = {}
    for value in filter(is_url, values):
        try:
            parts = urlsplit(value.strip())
        except ValueError:  # refused as a picture, in better words
            continue
        if "@" in parts.netloc:
            raise InvalidRequest(
                f"an address at {parts.hostname} holds a user's name or password: the definition, the ledger and exports "
                "would name it.",
                hint="give one without, or save the picture and give its path",
            )
        signs = [name for name, _ in parse_qsl(parts.query) if _SIGNS.search(name)]
        if signs:
            remarks[
                f"an address at {parts.hostname} is signed ({signs[0]}=…): whoever gets the definition, the ledger or an "
                "export can use it while it is valid."
            ] = None
    return tuple(remarks)


def _picture(session: Session, source: Any, known: dict[Any, Picture], remarks: list[str]) -> Any:
    """Each picture is read or fetched once, however many cells use it."""
    if source is None or isinstance(source, Picture):
        return source
    key = identity(source)
    if key not in known:
        known[key], said = picture_of_all(session, source)
        remarks += said
    return known[key]


def check_pictures(grid: Grid) -> None:
    """Refuse pictures that a file could not name for another machine.

    Raises:
        InvalidRequest: saying which.
    """
    for value in (grid.fixed.get("image"), *grid.axes.get("image", ())):
        if value is None or is_url(value):
            continue
        if not isinstance(value, os.PathLike):
            what = f"a {type(value).__name__}"
        elif not (start_folder() / plain(value)).exists():
            what = f"at {os.fspath(value)}, outside the notebook's folder"
        else:
            continue
        raise InvalidRequest(
            f"an image is {what}: no definition could name it on another machine.",
            hint="save the picture beside the notebook and give its path",
            charged="",
        )
