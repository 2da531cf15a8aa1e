"""The fields of a model as data: what the wire calls each, its JSON type, limits and default, and what people call it.

`Entry.annotation` is what pydantic checks it by. A value that people write otherwise (`5`, `"5s"`, `720`) becomes the wire's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, StrictBool, StrictFloat, StrictInt

from ..bounds import as_whole

SEED_MAX = 2_147_483_647  # undocumented for some; the range of their siblings (kie-api §11.1)
Type = Literal["text", "choice", "whole", "number", "switch", "texts", "objects", "whole or text"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """A field of a model.

    Attributes:
        name: On the wire.
        word: In the vocabulary that all models share, where that is another: `aspect`, `sound`, `resolution`, `duration`.
        default: Sent where nothing is given; None leaves the field out.
        shown: What the service is said to do where it is left out.
        low, high, also: The range of a number, and single values beside it.
        alike: What else means one of the choices, by their key (see `_key`).
        check: Says what is wrong with an object.
    """

    name: str
    type: Type = "text"
    word: str = ""
    title: str
    help: str
    unit: str = ""
    choices: tuple[str, ...] = ()
    default: Any = None
    shown: Any = None
    required: bool = False
    low: float | None = None
    high: float | None = None
    also: tuple[int, ...] = ()
    step: int | None = None
    min_length: int = 0
    max_length: int | None = None
    alike: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    check: Callable[[Any], str] | None = None

    @property
    def annotation(self) -> Any:
        """Its type, for pydantic."""
        if self.type == "text":
            return Annotated[str, Field(min_length=self.min_length, max_length=self.max_length)]
        if self.type == "switch":
            return StrictBool
        if self.type == "choice":
            literal: Any = Literal
            return Annotated[literal[self.choices], BeforeValidator(partial(_chosen, entry=self))]
        if self.type in {"texts", "objects"}:
            items: Any = list[str] if self.type == "texts" else list[Any]
            size = Field(min_length=self.min_length, max_length=self.max_length)
            return Annotated[items, size, AfterValidator(partial(_accepted, entry=self))]
        number: Any = StrictInt | StrictFloat if self.type == "number" else StrictInt
        if self.type == "whole or text":
            number = StrictInt | str
        is_length = self.word == "duration" and self.type == "whole"
        before = [BeforeValidator(_seconds if is_length else as_whole)]
        return Annotated[(number, *before, AfterValidator(partial(_in_range, entry=self)))]

    @property
    def words(self) -> str:
        """Its range in words."""
        if self.low is None or self.high is None:
            return ""
        apart = "".join(f"{value} or " for value in self.also)
        low, high = (int(end) if float(end).is_integer() else end for end in (self.low, self.high))
        return f"{apart}{low} to {high}"


def _seconds(value: Any) -> Any:
    """Take "5", "5s" and 5.0 as 5."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,6}", text := value.strip().removesuffix("s").strip()):
        return int(text)
    return value


def _key(value: str | float) -> str:
    """What tells choices apart, however they are written: 720, "720p" and "720P" are alike, and so are 5, 5.0 and "5s"."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return re.sub(r"^(-?\d+)[ps]$", r"\1", str(value).strip().lower())


def _chosen(value: Any, *, entry: Entry) -> Any:
    """The choice that *value* means; itself where it means none."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return value
    by_key = {_key(choice): choice for choice in entry.choices} | dict(entry.alike)
    return by_key.get(_key(value), value)


def _accepted(value: Any, *, entry: Entry) -> Any:
    for one in value:
        if entry.check is not None and (words := entry.check(one)):
            raise ValueError(words)
    return value


def _in_range(value: Any, *, entry: Entry) -> Any:
    if isinstance(value, str) and not re.fullmatch(r"-?\d{1,6}", value):
        raise ValueError("it is not a number")
    number = float(value) if isinstance(value, str) else value
    is_in = entry.low is None or entry.high is None or entry.low <= number <= entry.high
    if number not in entry.also and not is_in:
        raise ValueError("it is out of range")
    if entry.step and entry.low is not None and (number - entry.low) % entry.step:
        raise ValueError(f"it goes in steps of {entry.step}")
    return value


# --- the fields that many models share -----------------------------------------------------------------------------------


def prompt(most: int | None, *, least: int = 1, required: bool = True, **more: Any) -> Entry:
    """What should happen."""
    text = "What should move? Describe speech and sound too."
    told: dict[str, Any] = {"title": "Prompt", "help": text, "min_length": least, "max_length": most}
    return Entry(name="prompt", required=required, **told | more)


def duration(*choices: str, default: str | None = "", **more: Any) -> Entry:
    """The length as a text, one of *choices*; sent always, the first of them by default."""
    told: dict[str, Any] = {"title": "Duration", "help": "Length of the video", "unit": "s"}
    told |= {
        "name": "duration",
        "word": "duration",
        "type": "choice",
        "default": choices[0] if default == "" else default,
    }
    return Entry(choices=choices, **told | more)


def seconds(low: int, high: int, default: int | None = 5, **more: Any) -> Entry:
    """The length as a number; always sent."""
    told: dict[str, Any] = {"title": "Duration", "help": "Length of the video", "unit": "s", "type": "whole"}
    told |= {"name": "duration", "word": "duration", "low": low, "high": high, "default": default}
    return Entry(**told | more)


def resolution(*choices: str, default: str | None = None, name: str = "resolution", **more: Any) -> Entry:
    """The height in lines; always sent."""
    told: dict[str, Any] = {"title": "Resolution", "help": "Height of the video in lines", "type": "choice"}
    return Entry(name=name, word="resolution", choices=choices, default=default, **told | more)


def aspect(*choices: str, name: str = "aspect_ratio", **more: Any) -> Entry:
    """The shape."""
    told: dict[str, Any] = {"title": "Aspect ratio", "help": "Width to height", "type": "choice"}
    return Entry(name=name, word="aspect", choices=choices, **told | more)


def sound(name: str = "sound", **more: Any) -> Entry:
    """Whether there is sound."""
    told: dict[str, Any] = {"title": "Sound", "help": "Make sound, too", "type": "switch"}
    return Entry(name=name, word="sound", **told | more)


def switch(name: str, title: str, text: str, **more: Any) -> Entry:
    """Something that is on or off."""
    return Entry(name=name, title=title, help=text, type="switch", **more)


def choice(name: str, title: str, text: str, *choices: str, **more: Any) -> Entry:
    """One of several."""
    return Entry(name=name, title=title, help=text, type="choice", choices=choices, **more)


def whole(name: str, title: str, text: str, low: int, high: int, **more: Any) -> Entry:
    """A whole number."""
    return Entry(name=name, title=title, help=text, type="whole", low=low, high=high, **more)


def number(name: str, title: str, text: str, low: float, high: float, **more: Any) -> Entry:
    """A number that may have a fraction."""
    return Entry(name=name, title=title, help=text, type="number", low=low, high=high, **more)


def seed(low: int = 0, high: int = SEED_MAX, **more: Any) -> Entry:
    """The number that chance begins with; drawn where none is given."""
    return Entry(
        name="seed", title="Seed", type="whole", low=low, high=high,
        help="Left out: a random one, recorded with the run", **more,
    )  # fmt: skip


def negative(most: int = 500) -> Entry:
    """What to avoid."""
    return Entry(name="negative_prompt", title="Negative prompt", help="What to avoid", max_length=most)


def texts(name: str, title: str, text: str, most: int, **more: Any) -> Entry:
    """Several texts, such as addresses."""
    return Entry(name=name, title=title, help=text, type="texts", max_length=most, **more)


def objects(name: str, title: str, text: str, most: int | None, **more: Any) -> Entry:
    """Several objects or lists, as JSON."""
    return Entry(name=name, title=title, help=text, type="objects", max_length=most, **more)


def cfg() -> Entry:
    """Kling's strength of the prompt."""
    return number("cfg_scale", "CFG scale", "How closely the prompt is followed", 0, 1, shown=0.5)


NSFW = switch("nsfw_checker", "NSFW checker", "The service's extra content filter")
EXPANSION = switch(
    "enable_prompt_expansion", "Prompt expansion", "Let the service rewrite the prompt; off repeats better"
)
EXTEND = switch("prompt_extend", "Prompt expansion", EXPANSION.help, shown=True)
WATERMARK = switch("watermark", "Watermark", "A mark of the maker in the video", shown=False)
