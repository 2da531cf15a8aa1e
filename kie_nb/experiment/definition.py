"""What an experiment asks for, as it is stored and compared: plain values, no keys, no paths of this machine."""

from __future__ import annotations

import contextlib
import os
import sys
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from .. import frontend
from ..addresses import shareable_value
from ..bounds import MAX_JSON
from ..catalogue import media_names, resolve
from ..catalogue.models import DEFAULT_MODEL
from ..errors import InvalidRequest
from ..home import open_file
from ..presenter import agreed
from ..requests.images import Picture
from ..requests.sources import is_url, unwrapped
from ..saved import SavedFile, written
from ..settings import start_folder
from ..tables import counted
from .definition_file import VERSION, changed, checked, located
from .definition_text import to_toml
from .grid import Grid

SHOWN_DIFFERENCES = 3
_RANGE_FROM = 3  # shorter runs of numbers read better as they are


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """A grid with its name and model."""

    name: str
    model: str
    grid: Grid
    dropped: tuple[
        dict[str, Any], ...
    ] = ()  # what `where` has left out: a function cannot be stored, its results can
    description: str = ""
    max_credits: float | None = None  # the most that all its runs may cost, unless another limit is given
    # A file's text, whose comments are kept, and its name, "" where the grid is not the file's any more.
    read_from: tuple[str, str] | None = field(default=None, compare=False)

    def to_json(self) -> dict[str, Any]:
        """As the ledger and a file store it; pictures by their names."""
        grid = self.grid
        found = {
            "kie_nb": VERSION,
            "name": self.name,
            "description": self.description or None,
            "model": self.model,
            "max_credits": self.max_credits,
            "repeats": grid.repeats if grid.repeats != 1 else None,
            "sample": grid.sample,
            "sample_seed": grid.sample_seed if grid.sample is not None else None,
            "zip": [list(group) for group in grid.zipped] or None,
            "fixed": _plain_values(grid.fixed),
            "axes": {name: [plain(value) for value in values] for name, values in grid.axes.items()},
            "when": {
                name: {axis: [plain(value) for value in values] for axis, values in conditions.items()}
                for name, conditions in grid.when.items()
            }
            or None,
            "labels": list(grid.labels) or None,
            "dropped": [dict(place) for place in self.dropped] or None,
            "cells": None if grid.cells is None else [_plain_values(place) for place in grid.cells],
        }
        return {name: value for name, value in found.items() if value is not None}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any], *, text: str = "", file: str = "") -> Definition:
        """What `to_json` gave; InvalidRequest for what is not a definition, as `checked` words it."""
        kept = checked(kept, text=text, file=file)
        return cls(
            name=kept["name"],
            model=resolve(kept.get("model", "")),
            grid=Grid(
                axes=kept.get("axes", {}),
                fixed=kept.get("fixed", {}),
                zipped=tuple(tuple(group) for group in kept.get("zip", ())),
                repeats=kept.get("repeats", 1),
                when=kept.get("when", {}),
                sample=kept.get("sample"),
                sample_seed=kept.get("sample_seed", 0),
                cells=tuple(kept["cells"]) if "cells" in kept else None,
                labels=tuple(kept.get("labels", ())),
            ),
            dropped=tuple(kept.get("dropped", ())),
            description=kept.get("description", ""),
            max_credits=kept.get("max_credits"),
            read_from=(text, file) if file else None,
        )

    @contextlib.contextmanager
    def locating(self) -> Iterator[None]:
        """Name file, line and key in an error of the block, where it was read from a file."""
        try:
            yield
        except InvalidRequest as exc:
            text, file = self.read_from or ("", "")
            if not file:
                raise
            raise located(exc, self.to_json(), text=text, file=file) from None

    def with_media(self, change: Callable[[Any], Any]) -> Definition:
        """The same with each picture, video and sound as *change* gives it."""
        names = media_names(self.model or DEFAULT_MODEL)
        dropped = tuple(
            {name: plain(change(value)) if name in names else value for name, value in place.items()}
            for place in self.dropped
        )
        return replace(self, grid=self.grid.with_media(change, names), dropped=dropped)

    def _with_media_of(self, folder: Path) -> tuple[Definition, tuple[Path, ...]]:
        """The same with its media found: in *folder*, the file's, else from the notebook's; and those outside *folder*."""
        outside: dict[Path, None] = {}

        def found(value: Any) -> Any:
            if not isinstance(value, str) or is_url(value):
                return value
            name = os.path.expanduser(unwrapped(value))  # noqa: PTH111 - leaves the home of an unknown user as it is
            places = (folder / name, start_folder() / name, Path.cwd() / name)
            # A name that no file can have does not exist, either.
            place = next((each for each in places if os.path.exists(each)), None)  # noqa: PTH110
            if place is None:
                return value
            if not place.resolve().is_relative_to(folder.resolve()):
                outside[place.resolve()] = None
            # The text itself where it means the same file: a cell is known by it.
            return value if os.path.abspath(name) == os.path.abspath(place) else place  # noqa: PTH100 - a link is not followed

        return self.with_media(found), tuple(outside)

    def to_toml(self, source: str = "") -> str:
        """As a file holds it: no address has a password or a signature there.

        Args:
            source: A file whose comments, order and notation are kept; by default the one that it was read from.
        """
        return to_toml(shareable_value(self.to_json()), source or (self.read_from or ("",))[0])

    def save(self, path: str | os.PathLike[str]) -> SavedFile:
        """Write it as TOML; the comments of a definition of this name that is there are kept."""
        before = ""
        with written(path) as target:
            with contextlib.suppress(OSError, ValueError, InvalidRequest):
                text = target.read_text(encoding="utf-8-sig")
                before = text if checked(tomllib.loads(text))["name"] == self.name else ""
            target.write_text(self.to_toml(before), encoding="utf-8")
        return target

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        allow_outside: bool = False,
        changes: Mapping[str, Any] | None = None,
    ) -> Definition:
        """Read what `save` wrote, as `Experiment.load` does."""
        name = Path(path).name
        try:
            with open_file(Path(path)) as file:
                content = file.read(MAX_JSON + 1)
            if len(content) > MAX_JSON:
                raise InvalidRequest(f"{name} is too long for a definition.", charged="")
            text = content.decode("utf-8-sig")  # editors on Windows mark UTF-8
            kept = tomllib.loads(text)
        except OSError as exc:
            raise InvalidRequest(f"{name} cannot be read: {exc.strerror or exc}.", charged="") from exc
        except ValueError as exc:  # of TOML, of UTF-8, or of a number with thousands of digits
            hint = 'texts and ranges stand in quotes: name = "smile", seed = "0-19"'
            raise InvalidRequest(f"{name} is not valid TOML: {exc}.", hint=hint, charged="") from exc
        except RecursionError:
            raise InvalidRequest(f"{name} is nested too deeply.", charged="") from None
        here = Path(os.path.abspath(path)).parent  # noqa: PTH100 - a link in it is not followed
        if changes:  # an error in one has no line
            kept, text, name = changed(kept, changes), "", f"{name} with its changes"
        definition, outside = cls.from_json(kept, text=text, file=name)._with_media_of(here)  # noqa: SLF001 - our own
        if outside and not allow_outside:
            _agree(name, outside)
        return definition


def _agree(name: str, outside: Sequence[Path]) -> None:
    """Ask about files outside the definition's folder: the file is not trusted, and they would be sent."""
    listed = ", ".join(map(str, outside))
    words = f"{name} names {counted(len(outside), 'file')} outside its own folder: {listed}"
    can_answer = frontend.has_kernel() or (sys.stdin is not None and sys.stdin.isatty())
    if not can_answer or not agreed(f"{words}. Send what is in them to the service?"):
        hint = "if they are meant: allow_outside=True, or --allow-outside on the command line"
        raise InvalidRequest(f"{words}; nothing was sent.", hint=hint, charged="nothing")


def plain(value: Any) -> Any:
    """*value* for JSON and TOML: a picture by its name, a path from the notebook's folder."""
    if isinstance(value, Picture):
        return value.identity.label
    if hasattr(value, "__fspath__"):
        start = start_folder()
        path = start / value
        return path.relative_to(start).as_posix() if path.is_relative_to(start) else path.name
    if isinstance(value, str | int | float | bool):
        return value
    return f"<{type(value).__name__}>"


def _plain_values(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in values.items() if value is not None}


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What has changed from one definition to another, a line each."""
    old, new = _flat(before), _flat(after)
    return [
        f"{name}: {short(old.get(name))} → {short(new.get(name))}"
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    ]


def _flat(kept: Mapping[str, Any]) -> dict[str, Any]:
    kept = shareable_value(kept)  # as a message may name it
    names = ("model", "repeats", "sample", "sample_seed", "zip", "when", "dropped", "cells")
    parts = {name: kept.get(name) for name in names}
    return {**parts, **kept.get("fixed", {}), **kept.get("axes", {})}


def short(value: Any) -> str:
    """A value or an axis in a few words."""
    if value is None:
        return "not given"
    if isinstance(value, list) and len(value) >= _RANGE_FROM and _is_range(value):
        return f"{value[0]}-{value[-1]}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"  # noqa: PLR2004


def _is_range(values: Sequence[Any]) -> bool:
    numbers = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    return numbers and list(values) == list(range(values[0], values[0] + len(values)))
