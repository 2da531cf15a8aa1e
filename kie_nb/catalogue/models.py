"""One pydantic model per Kie model, made of its row when it is first used; finding models by id, by short name, by what they have.

The rows are in `families`, a file for each family. Nothing of them is read before a model is asked for.
"""

from __future__ import annotations

import difflib
import functools
import importlib
import pkgutil
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, create_model

from . import families
from .media import Slot
from .prices import Estimate, Media, Rate, credits_for, seconds_of
from .rows import Row

DEFAULT_MODEL = "wan/2-5-image-to-video"

# Models of the service's that have no row, and why: raw inputs reach them all the same.
NOT_OFFERED: Mapping[str, str] = MappingProxyType(
    {"veed/fabric-1": "the service publishes no inputs of it, and each task of it that was seen has failed"}
)


class ModelInput(BaseModel):
    """The `input` of one Kie model without its media; a field's name here is its name on the wire.

    A field whose value is None is not sent. Unknown fields are refused: some models ignore them, others answer 422
    (kie-api §3), and neither is what was meant.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, str_strip_whitespace=False)

    row: ClassVar[Row]
    model_id: ClassVar[str]
    model_title: ClassVar[str]
    slots: ClassVar[tuple[Slot, ...]] = ()
    image_field: ClassVar[str | None] = None  # of the role `image`
    price: ClassVar[tuple[Rate, ...]] = ()
    prices_as_of: ClassVar[str] = ""
    typical_s: ClassVar[float | None] = None  # how long a task takes at work, about

    @classmethod
    def credits(cls, inputs: dict[str, Any], media: Media) -> float | None:
        """What the price list asks for *inputs*, in credits; None where it does not say."""
        return credits_for(cls.price, inputs, media)

    @classmethod
    def asked_seconds(cls, inputs: dict[str, Any]) -> float | None:
        """How long the video should be, in seconds; None where *inputs*, which may be a stored request's, do not say."""
        return seconds_of(inputs.get("duration"))

    @classmethod
    def objections(cls, inputs: Mapping[str, Any], media: Media) -> list[str]:
        """What of *inputs* and *media* excludes what."""
        return [words for rule in cls.row.rules if (words := rule(inputs, media))]


@functools.cache
def rows() -> Mapping[str, Row]:
    """Every described model by its id, the default first."""
    modules = sorted(found.name for found in pkgutil.iter_modules(families.__path__))
    found = [row for name in modules for row in importlib.import_module(f"{families.__name__}.{name}").ROWS]
    return {row.id: row for row in sorted(found, key=_place)}


def known_models() -> tuple[str, ...]:
    """The ids of the models we describe, the default first."""
    return tuple(rows())


@functools.cache
def find(model_id: str) -> type[ModelInput] | None:
    """The description of *model_id*, or None if we have none."""
    row = rows().get(model_id)
    if row is None:
        return None
    fields: dict[str, Any] = {
        entry.name: (
            entry.annotation if entry.required and entry.default is None else entry.annotation | None,
            ... if entry.required and entry.default is None else entry.default,
        )
        for entry in row.entries
    }
    made: type[ModelInput] = create_model(
        "".join(part.capitalize() for part in re.split(r"\W+", model_id)), __base__=ModelInput, **fields
    )
    made.row, made.model_id, made.model_title, made.slots = row, row.id, row.title, row.slots
    made.image_field = next((slot.field for slot in row.slots if slot.role == "image"), None)
    made.price, made.prices_as_of, made.typical_s = row.price, row.as_of, row.typical_s
    return made


def estimate(model_id: str, inputs: dict[str, Any], media: Media | None = None) -> Estimate | None:
    """The estimate for *inputs*; None where no price is known, which does not mean free."""
    model = find(model_id)
    credits_ = model.credits(inputs, media or {}) if model else None
    return None if model is None or credits_ is None else Estimate(credits=credits_, as_of=model.prices_as_of)


def having(word: str, *, like: str = "") -> tuple[str, ...]:
    """The ids of models that have *word*: a field, a word of the vocabulary or a role; those most like *like* first."""
    found = [row.id for row in rows().values() if word in _words_of(row)]
    return tuple(sorted(found, key=lambda model: -_shared(model, like)))


def resolve(name: str) -> str:
    """The id that *name* means: an id, or the short name of just one (`wan-3`); else *name* itself."""
    found = candidates(name)
    return found[0] if len(found) == 1 else name


def near(name: str) -> str | None:
    """The id that *name*, which is none, nearly is; also of a short name with a slip in it."""
    spelled = {_short(model): model for model in reversed(known_models())}
    plain = _short(name)
    if not plain:
        return None
    found = difflib.get_close_matches(plain, spelled, n=1, cutoff=0.7)
    count = len(plain.split())
    parts = {
        " ".join(words[start : start + count]): model
        for short, model in spelled.items()
        for words in (short.split(),)
        for start in range(1, -1, -1)  # behind the maker's name, too
    }
    found = found or difflib.get_close_matches(plain, parts, n=1, cutoff=0.7)
    return {**parts, **spelled}[found[0]] if found else None


def candidates(name: str) -> tuple[str, ...]:
    """The ids that *name* may mean; none where it resembles none."""
    if name in rows():
        return (name,)
    plain = _short(name)
    if not plain:
        return ()
    exact = [model for model in rows() if _short(model) == plain]
    if exact:
        return tuple(exact)
    wanted = plain.split()
    found = [model for model in rows() if _begin_in_turn(wanted, _short(model).split())]
    # `wan 3` is Wan 3.0, not its prime: the one that has nothing more to its name.
    names = {model: _short(model) for model in found}
    base = [model for model in found if all(names[other].startswith(names[model]) for other in found)]
    return tuple(base or found)


@functools.cache
def _short(name: str) -> str:
    """A name as its words: `wan 3 video`; the zero of 3.0 and what is between the words make no difference."""
    text = re.sub(r"\b([tivr])2([vi])\b", r"\1-\2", name.lower())
    text = re.sub(r"(?<=\d)[-._](?=\d)", ".", text)
    words = [word.removesuffix(".0") for word in re.findall(r"[a-z]+|\d+(?:\.\d+)*", text)]
    return " ".join(_WRITTEN.get(word, word) for word in words if word != "to")


_WRITTEN = {"t": "text", "i": "image", "r": "reference"}


def _begin_in_turn(wanted: list[str], words: list[str]) -> bool:
    """Whether every one of *wanted* begins one of *words*, in that order; a number is meant whole."""
    place = 0
    for part in wanted:
        while place < len(words) and not (
            words[place] == part if part[0].isdigit() else words[place].startswith(part)
        ):
            place += 1
        if place == len(words):
            return False
        place += 1
    return True


def _words_of(row: Row) -> Iterable[str]:
    for entry in row.entries:
        yield entry.name
        yield entry.word
    for slot in row.slots:
        yield slot.role
        yield slot.field
        if slot.is_reference:
            yield "reference"


def _place(row: Row) -> tuple[bool, bool, str]:
    """The default first, then its family, then the others by their names."""
    family = _family(row.id)
    return (row.id != DEFAULT_MODEL, family != _family(DEFAULT_MODEL), family)


def _family(model_id: str) -> str:
    return re.split(r"[/-]", model_id)[0]


def _shared(model_id: str, like: str) -> int:
    same = 0
    for one, other in zip(model_id, like, strict=False):
        if one != other:
            break
        same += 1
    return same
