"""What an experiment asks for, as it is kept, compared and written to a file: plain, without keys and machine paths."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..engine.images import Picture, is_url
from ..errors import InvalidRequest
from ..settings import start_folder
from .grid import Grid

VERSION = 1
SHOWN_DIFFERENCES = 3
_RANGE_FROM = 3  # shorter runs of numbers read better as they are


@dataclass(frozen=True, kw_only=True, slots=True)
class Definition:
    """A grid with its name and model.

    Attributes:
        dropped: Places that `where` has left out; a function cannot be kept, its outcome can.
    """

    name: str
    model: str
    grid: Grid
    dropped: tuple[dict[str, Any], ...] = field(default=())

    def to_json(self) -> dict[str, Any]:
        """As the ledger and a file keep it; pictures by their names."""
        kept: dict[str, Any] = {"kie_nb": VERSION, "name": self.name, "model": self.model}
        if self.grid.repeats != 1:
            kept["repeats"] = self.grid.repeats
        if self.grid.zipped:
            kept["zip"] = [list(group) for group in self.grid.zipped]
        kept["fixed"] = {name: plain(value) for name, value in self.grid.fixed.items() if value is not None}
        kept["axes"] = {name: [plain(value) for value in values] for name, values in self.grid.axes.items()}
        if self.dropped:
            kept["dropped"] = [dict(place) for place in self.dropped]
        return kept

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Definition:
        """What `to_json` gave.

        Raises:
            InvalidRequest: it is no definition, or one of a newer kie_nb.
        """
        if kept.get("kie_nb") != VERSION:
            raise InvalidRequest(
                f"this is no definition of an experiment that is known here (kie_nb = {kept.get('kie_nb')!r}).",
                hint="it needs kie_nb = 1, a name, and [fixed] and [axes]",
                charged="",
            )
        unknown = set(kept) - {"kie_nb", "name", "model", "repeats", "zip", "fixed", "axes", "dropped"}
        name, axes, fixed = kept.get("name"), kept.get("axes", {}), kept.get("fixed", {})
        if unknown or not isinstance(name, str) or not isinstance(axes, dict) or not isinstance(fixed, dict):
            wrong = (
                f"it has {', '.join(sorted(map(repr, unknown)))}"
                if unknown
                else "name, axes or fixed is wrong"
            )
            raise InvalidRequest(f"the definition cannot be read: {wrong}.", charged="")
        return cls(
            name=name,
            model=str(kept.get("model") or ""),
            grid=Grid(
                axes=axes,
                fixed=fixed,
                zipped=tuple(tuple(group) for group in kept.get("zip", ())),
                repeats=kept.get("repeats", 1),
            ),
            dropped=tuple(kept.get("dropped", ())),
        )

    def with_pictures_of(self, folder: Path) -> Definition:
        """The same, with pictures that the notebook's folder does not have taken from *folder*, where the file lies."""

        def found(value: Any) -> Any:
            if not isinstance(value, str) or is_url(value) or _is_there(start_folder() / value):
                return value
            return folder / value if _is_there(folder / value) else value

        grid = self.grid
        fixed = {name: found(value) if name == "image" else value for name, value in grid.fixed.items()}
        axes = {
            name: tuple(map(found, values)) if name == "image" else values
            for name, values in grid.axes.items()
        }
        dropped = tuple(
            {name: plain(found(value)) if name == "image" else value for name, value in place.items()}
            for place in self.dropped
        )
        return replace(self, grid=replace(grid, fixed=fixed, axes=axes), dropped=dropped)

    def to_toml(self) -> str:
        """As a file holds it."""
        import tomli_w

        return tomli_w.dumps(self.to_json(), multiline_strings=True)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as TOML."""
        target = Path(path)
        target.write_text(self.to_toml(), encoding="utf-8")
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Definition:
        """Read what `save` wrote; a picture is looked for from the notebook's folder, then beside the file.

        Raises:
            InvalidRequest: it cannot be read.
        """
        try:
            kept = tomllib.loads(Path(path).read_text(encoding="utf-8"))
        except OSError as exc:
            raise InvalidRequest(
                f"{Path(path).name} cannot be read: {exc.strerror or exc}.", charged=""
            ) from exc
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
            raise InvalidRequest(f"{Path(path).name} is no TOML: {exc}.", charged="") from exc
        here = Path(os.path.abspath(path)).parent  # noqa: PTH100 - a link in it is not followed
        return cls.from_json(kept).with_pictures_of(here)


def _is_there(path: Path) -> bool:
    return os.path.exists(path)  # noqa: PTH110 - a name that no file can have is simply not there


def plain(value: Any) -> Any:
    """*value* as JSON and TOML can hold it: a picture by its name, a path from the notebook's folder."""
    if isinstance(value, Picture):
        return value.identity.label
    if hasattr(value, "__fspath__"):
        path = start_folder() / value
        return (
            path.relative_to(start_folder()).as_posix() if path.is_relative_to(start_folder()) else path.name
        )
    if isinstance(value, str | int | float | bool):
        return value
    return f"<{type(value).__name__}>"


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What has changed from one definition to another, a line each."""
    old, new = _flat(before), _flat(after)
    return [
        f"{name}: {short(old.get(name))} → {short(new.get(name))}"
        for name in dict.fromkeys((*old, *new))
        if old.get(name) != new.get(name)
    ]


def _flat(kept: Mapping[str, Any]) -> dict[str, Any]:
    parts = {name: kept.get(name) for name in ("model", "repeats", "zip", "dropped")}
    return {**parts, **kept.get("fixed", {}), **kept.get("axes", {})}


def short(value: Any) -> str:
    """A value or an axis in a few words."""
    if value is None:
        return "not given"
    if isinstance(value, list) and len(value) >= _RANGE_FROM and _is_run(value):
        return f"{value[0]}-{value[-1]}"
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}…"  # noqa: PLR2004


def _is_run(values: Sequence[Any]) -> bool:
    numbers = all(isinstance(value, int) and not isinstance(value, bool) for value in values)
    return numbers and list(values) == list(range(values[0], values[0] + len(values)))
