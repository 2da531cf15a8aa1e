"""From a definition to checked requests: defaults are settled, pictures are read once, cells with the same request become one."""

from __future__ import annotations

import itertools
import math
import os
import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..addresses import secrets_in
from ..bounds import as_whole, is_missing
from ..catalogue import NO_SEED, describe, find, known_models, media_names, nearest, rows, several_of
from ..errors import InvalidRequest
from ..handles import Prepared, Session
from ..handles.begin import as_it_was_asked, picture_of_all
from ..ledger import Experiments
from ..requests.images import Picture
from ..requests.sources import is_url, unwrapped
from ..settings import Settings, start_folder
from .definition import Definition, plain
from .grid import Grid, Where, expand, identity, left_over

HOW = ("fit", "keep_metadata", "check_image")  # of pictures: how they are read, not sent
EXPANSIONS = ("enable_prompt_expansion", "prompt_extend", "prompt_optimizer")  # as models call it
EXPANSION_OFF = "prompt expansion is off: cells differ by axes only"


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedCell:
    """A cell with its checked request."""

    place: dict[str, Any]  # where it stands on each axis, in plain values
    prepared: Prepared

    @property
    def shown(self) -> dict[str, Any]:
        """Its place with the prompt as it is sent: an axis of prompts may have {placeholders}."""
        return self.place | ({"prompt": self.prepared.request.prompt} if "prompt" in self.place else {})


Cells = Mapping[str, PlannedCell]


def credits_of(cells: Iterable[PlannedCell]) -> float | None:
    """What *cells* should cost by the price list; None where a price is not known."""
    estimates = [cell.prepared.request.estimate for cell in cells]
    return None if None in estimates else sum(found.credits for found in estimates if found)


def with_seed(cells: Cells, seed: int) -> dict[str, PlannedCell]:
    """The same cells with another *seed*, but for those that have one of their own: their pictures are neither read nor fetched again."""
    changed = {}
    for cell in cells.values():
        own = cell.prepared.request if "seed" in cell.place else cell.prepared.request.with_seed(seed)
        prepared = replace(cell.prepared, request=own)
        changed[prepared.fingerprint] = replace(cell, prepared=prepared)
    return changed


def fields_of(model: str) -> list[str]:
    """What *model* can be asked: by the wire's names, by the words that all models share, and media by their roles."""
    entries = describe(model) if find(model) is not None else ()
    names = (name for entry in entries for name in (entry.name, entry.option.replace("-", "_"), entry.role))
    several = several_of(model).values() if entries else ()
    return list(dict.fromkeys((*filter(None, names), *itertools.chain.from_iterable(several))))


def prepare_cells(
    session: Session, asked: Definition, store: Experiments, current: Settings, where: Where | None
) -> tuple[Definition, dict[str, PlannedCell], tuple[str, ...]]:
    """The definition with its defaults settled, its cells by fingerprint, and remarks; nothing is sent.

    The *store* has the seed that was drawn before, and the fingerprints of earlier cells.
    """
    name, model = asked.name, asked.model
    described = fields_of(model)
    grid, remarks = _settled(asked, described, store.definition(name) or {})
    remarks += [f"{model}: {NO_SEED}"] * bool(described and "seed" not in described)
    _check_known(grid)
    fields = [*(described or [*grid.names, *grid.fixed]), "image", *HOW]
    remarks += [*left_over(grid, fields), *_addresses(grid), *_unchecked(model)]
    pictures = dict[Any, Picture]()

    def picture(source: Any, how: dict[str, bool]) -> Any:
        """Each picture is read or fetched once, however many cells use it."""
        if source is None or isinstance(source, Picture):
            return source
        key = identity(source), *sorted(how.items())
        if key not in pictures:
            pictures[key], said = picture_of_all(session, source, **how)
            remarks.extend(said)
        return pictures[key]

    if not {*HOW} & {*grid.names}:  # a picture without a name is told from others by its label
        how = {name: bool(grid.fixed[name]) for name in HOW if name in grid.fixed}
        grid = grid.with_media(
            lambda one: one if isinstance(one, str | os.PathLike) else picture(one, how), {"image"}
        )
    dropped: list[dict[str, Any]] = []
    is_dropped = _Dropped(asked.dropped)

    def wanted(place: dict[str, Any]) -> bool:
        named = {axis: plain(value) for axis, value in place.items()}
        keep = not is_dropped(named) and (where is None or _is_wanted(where, place))
        if not keep:
            dropped.append(named)
        return keep

    kept = store.places(name)
    cells: dict[str, PlannedCell] = {}
    for cell in expand(grid, fields, wanted, plain):
        values = dict(cell.asked)
        how = {name: bool(values.pop(name)) for name in HOW if name in values}
        image = picture(values.pop("image", None), how)
        if not described:  # such a model takes what it is given
            values = {"raw": values}
        prepared = session.prepare(
            values.pop("prompt", None),
            image=image,
            model=model,
            replicate=cell.replicate,
            experiment=name,
            current=current,
            **values,
        )
        prepared = as_it_was_asked(session, prepared, kept)
        place = {axis: plain(value) for axis, value in cell.at.items()}
        if cell.replicate:
            place["repeat"] = cell.replicate + 1
        cells.setdefault(prepared.fingerprint, PlannedCell(place=place, prepared=prepared))
    is_dropped.check_all_named_one()
    return replace(asked, grid=grid, dropped=tuple(dropped)), cells, tuple(remarks)


def _unchecked(model: str) -> list[str]:
    if find(model) is not None:
        return []
    near = nearest(model, known_models()).removesuffix(".")
    return [
        f"The model {model} is not described here{near}: its inputs are sent unchecked, and no price is known."
    ]


class _Dropped:
    """Whether a cell is left out by one of *places*: a value for each axis, or for some, which leaves out all that have them."""

    def __init__(self, places: Sequence[Mapping[str, Any]]) -> None:
        self._unused = {frozenset(place.items()): place for place in places}
        self._known: dict[frozenset[str], set[frozenset[Any]]] = {}  # by the axes that they name
        for key, place in self._unused.items():
            self._known.setdefault(frozenset(place), set()).add(key)

    def __call__(self, named: Mapping[str, Any]) -> bool:
        keys = (
            (known, frozenset((name, named[name]) for name in names))
            for names, known in self._known.items()
            if names <= named.keys()
        )
        found = [key for known, key in keys if key in known]
        for key in found:
            self._unused.pop(key, None)
        return bool(found)

    def check_all_named_one(self) -> None:
        """Refuse one that has left out nothing: the cell that was meant would be bought."""
        for place in self._unused.values():
            told = ", ".join(f"{name} = {value!r}" for name, value in place.items())
            hint = "name a cell by its values on the axes, or remove it"
            raise InvalidRequest(f"[[dropped]] names no cell of the grid: {told}.", hint=hint)


def _settled(
    asked: Definition, described: Sequence[str], stored: Mapping[str, Any]
) -> tuple[Grid, list[str]]:
    """The grid of *asked* with what was left out, and remarks on it: the seed is the one of the *stored* definition, or drawn now."""
    grid, remarks = asked.with_media(_as_path).grid, []
    fixed, axes = dict(grid.fixed), dict(grid.axes)
    if "seed" in {*described} & {*axes}:
        axes["seed"] = tuple(map(as_whole, axes["seed"]))
    if "seed" in {*described} & {*fixed}:
        fixed["seed"] = as_whole(fixed["seed"])
    if expansion := {*EXPANSIONS} & ({*described} - {*fixed, *grid.names}):
        fixed |= dict.fromkeys(expansion, False)
        remarks.append(EXPANSION_OFF)
    if "seed" in described and grid.leaves_seed_out:
        drawn = stored.get("fixed", {}).get("seed")
        fixed["seed"] = secrets.choice(rows()[asked.model].seeds) if drawn is None else drawn
    return replace(grid, axes=axes, fixed=fixed), remarks


def _as_path(value: Any) -> Any:
    """A file's name as a path, which can be told from the notebook's folder."""
    value = unwrapped(value)
    return Path(value) if isinstance(value, str) and not is_url(value) else value


def _check_known(grid: Grid) -> None:
    """Refuse a value that a table does not know: a prompt would hold its name, such as nan."""
    for name in (*grid.names, *grid.fixed):
        for value in grid.values(name):
            is_infinite = isinstance(value, float) and math.isinf(value)
            if is_infinite or (value is not None and is_missing(value)):
                hint = "leave the row out, such as by df.dropna(), or fill it in"
                raise InvalidRequest(f"{name} has {value} among its values, which is no value.", hint=hint)


def _is_wanted(where: Where, place: dict[str, Any]) -> bool:
    try:
        return bool(where(dict(place)))
    except Exception as exc:
        words = f"where=... failed at {place!r}: {type(exc).__name__}: {exc}."
        raise InvalidRequest(words, hint="it is given the place of a cell on every axis, by name") from exc


def _addresses(grid: Grid) -> list[str]:
    """Remarks on signed addresses; InvalidRequest where one holds a user's name or password."""
    remarks = []
    for value in filter(is_url, itertools.chain.from_iterable(map(grid.values, (*grid.fixed, *grid.names)))):
        try:
            parts = urlsplit(value.strip())
        except ValueError:  # refused as a picture, in better words
            continue
        where = f"An address at {parts.hostname}"
        if "@" in parts.netloc:
            words = "holds a user's name or password: the definition, the ledger and exports would name it."
            hint = "give one without, or save the picture and give its path"
            raise InvalidRequest(f"{where} {words}", hint=hint)
        if signs := secrets_in(value):
            remarks.append(
                f"{where} is signed ({signs[0]}=…): the ledger holds it whole; files that are written name it without, "
                "and may not be able to fetch it."
            )
    return list(dict.fromkeys(remarks))


def check_media(asked: Definition) -> None:
    """Refuse media that a file could not name for another machine."""
    found = ((name, value) for name in sorted(media_names(asked.model)) for value in asked.grid.values(name))
    for name, value in found:
        # A switch of the wire may be called audio.
        if value is None or isinstance(value, bool) or is_url(value):
            continue
        if not isinstance(value, os.PathLike):
            what = value.identity.label if isinstance(value, Picture) else f"a {type(value).__name__}"
        elif not (start_folder() / plain(value)).exists():
            what = f"at {os.fspath(value)}, outside the notebook's folder"
        else:
            continue
        words = f"{'An image' if name == 'image' else name} is {what}: no definition could name it on another machine."
        raise InvalidRequest(words, hint="save the file beside the notebook and give its path", charged="")
