"""Parses the magic's line: what it asks for, with the syntax of option values checked."""

from __future__ import annotations

import builtins
import json
import keyword
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, get_args

from ..bounds import as_plain, as_scalar, as_whole
from ..catalogue import (
    ROLES,
    describe,
    field_of,
    has_no,
    is_described,
    nearest_of,
    not_described,
    resolve,
    rows,
)
from ..catalogue.building import mistakes_in, together
from ..catalogue.models import DEFAULT_MODEL
from ..errors import InvalidRequest
from ..experiment.grid import seeds_in
from ..settings import Embed
from .cell_variables import Filler
from .lexer import split
from .options import OURS, Option, all_names, by_name, takes_value

_OF_GRIDS = ("zip", "repeats", "stop_after_failures", "partial", "retry_failed", "extend")
AXES = (list, tuple, range)
Fill = Callable[..., Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Line:
    """A parsed line."""

    model: str
    fields: dict[str, Any]
    image: Any
    prompt: str
    output: str | None = None
    wait: bool | None = None
    fresh: bool = False
    dry_run: bool = False
    max_credits: float | None = None
    quiet: bool = False
    embed: str | None = None
    format: bool = False
    help: bool = False
    media: dict[str, Any] = field(default_factory=dict)  # but the picture: by role, or by the wire's name
    raw: dict[str, Any] | None = None
    fit: bool = False
    keep_metadata: bool = False
    check_image: bool | None = None
    call_back_url: str | None = None
    experiment: str | None = None
    axes: dict[str, Any] | None = None
    zip: tuple[tuple[str, ...], ...] = ()
    repeats: int | None = None
    stop_after_failures: int | None = None
    partial: bool = False
    retry_failed: bool = False
    extend: bool = False


def model_on(line: str, variables: Mapping[str, Any] | None = None) -> str:
    """The model that *line* names, before the rest is understood: it decides the options."""
    given, _ = split(line, takes_value())
    named = next((value for name, value in given if name == "--model" and value is not None), DEFAULT_MODEL)
    if variables is None or "{" not in named or all(name != "--format" for name, _ in given):
        return resolve(named)
    return resolve(Filler(variables=variables).text(named, where="--model"))


def parse(line: str, variables: Mapping[str, Any] | None = None) -> Line:
    """What *line* asks for; values are checked later, by the model's description.

    Args:
        variables: The notebook's, from which `--format` fills `{name}` in the values of options.
    """
    model = model_on(line, variables)
    known = by_name(model)
    pieces, prompt = split(line, _takes_value(model))
    given: dict[str, Any] = {}
    wrong: list[InvalidRequest] = []
    for name, text in pieces:
        option = known.get(name)
        if option is None or option.takes_value is (text is None):
            wrong.append(_mistake(name, option, model))
            continue
        value = name not in option.nos if text is None else text
        given[option.name] = [*given.get(option.name, ()), value] if option.is_repeated else value
    fill = Filler(variables=variables).value if "format" in given and variables is not None else _as_typed
    given = {
        name: found for name, value in given.items() if (found := _filled(name, value, fill)) is not None
    }
    ours = {option.name for option in OURS}
    media = {name: given.pop(name) for name in _media_of(model) if name in given and name != "image"}
    if str(media.get("audio")).lower() in _SWITCHED and field_of(rows().get(model), "sound") == "audio":
        given["audio"] = _SWITCHED[str(media.pop("audio")).lower()]  # the wire's name of the switch
    fields = {
        name: _whole(model, name, value) for name, value in given.items() if name not in {*ours, "image"}
    }
    read: dict[str, Any] = {}
    for name in (name for name in given if name in ours - {"model", "set", "seeds", "sweep"}):
        try:
            read[name] = _READ[name](name, given[name]) if name in _READ else given[name]
        except InvalidRequest as exc:
            wrong.append(exc)
    if wrong and not given.get("help"):
        raise together([*wrong, *mistakes_in(model, fields)])
    if (
        "audio" in media and "audio" in fields
    ):  # of two that the wire calls nearly alike, the switch has another name
        fields["sound"] = fields.pop("audio")
    return Line(
        model=model,
        fields=fields,
        image=given.get("image"),
        media=media,
        prompt=prompt,
        raw=dict(_pair(text, fill) for text in given["set"]) if "set" in given else None,
        axes=_axes(model, given, fill),
        **read,
    )


_SWITCHED = {"true": True, "on": True, "false": False, "off": False}


def _takes_value(model: str) -> dict[str, bool]:
    return {name: option.takes_value for name, option in by_name(model).items()}


def _media_of(model: str) -> list[str]:
    """What media are called: by their roles, and by the wire."""
    entries = describe(model) if is_described(model) else ()
    return [name for entry in entries if entry.role for name in (entry.role, entry.name)]


def with_options_below(line: str, body: str) -> tuple[str, str]:
    """The line and the body of a cell whose options go on below the line.

    They do after a backslash at a line's end, and where the body begins with an option, or with one misspelled: as a prompt they
    would buy another video. `--` at the end of the line says that the body is the prompt whatever it begins with.
    """
    names, lines = takes_value(), body.split("\n")
    while lines:
        is_continued = line.rstrip().endswith("\\")
        if not is_continued and (line.split()[-1:] == ["--"] or not _begins_with_option(lines, names)):
            break
        line = f"{line.rstrip().removesuffix(chr(92)) if is_continued else line} {lines.pop(0)}"
    return line, "\n".join(lines)


def _begins_with_option(lines: list[str], names: Mapping[str, bool]) -> bool:
    first = next((line.split(maxsplit=1)[0] for line in lines if line.strip()), "")
    name = first.partition("=")[0]
    return name in names or (len(name) > 2 and name.startswith("--") and nearest_of(name, names) is not None)  # noqa: PLR2004


def _mistake(name: str, option: Option | None, model: str) -> InvalidRequest:
    if option is not None and option.takes_value:
        return InvalidRequest(
            f"{name} needs a value, and none follows it.",
            hint=f"use {name} {_values(option)}; a value that looks like an option goes in quotes",
        )
    if option is not None:
        return InvalidRequest(f"{name} takes no value.", hint=f"write {name} alone")
    word = name.removeprefix("--").removeprefix("no-").replace("-", "_")
    if name in takes_value() and not is_described(model):
        return not_described(model)
    if name in takes_value() and (found := has_no(model, word)):
        return InvalidRequest(f"{model} has no {name}.", hint=found.hint)
    near = nearest_of(name, all_names(model))
    if near is None:
        hint = "%kie_wan --help lists them; `--` before the prompt ends the options"
        return InvalidRequest(f"There is no option {name}.", hint=hint)
    return InvalidRequest(
        f"There is no option {name}; did you mean {near!r}?",
        hint=f"use {near} {_values(by_name(model)[near])}".rstrip(),
    )


def _values(option: Option) -> str:
    return " or ".join(option.choices) or option.metavar


def _as_typed(text: str, **_where: str) -> Any:
    return text


def _filled(name: str, value: Any, fill: Fill) -> Any:
    """A value that is one variable alone becomes it; None is as if the option had not been given."""
    if not isinstance(value, str):
        return value
    found = as_scalar(fill(value, where=f"--{name.replace('_', '-')}"))
    return found if found is None or name in {*ROLES, "seeds"} else str(found)


def _axes(model: str, given: Mapping[str, Any], fill: Fill) -> dict[str, Any]:
    """What `--seeds` and `--sweep` vary."""
    axes: dict[str, Any] = {"seed": seeds(given["seeds"])} if "seeds" in given else {}
    for text in given.get("sweep", ()):
        name, sign, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not sign or not name or not values.strip():
            raise InvalidRequest(f"--sweep {text}: use NAME=A,B.", hint="--sweep resolution=720p,1080p")
        if name in axes:
            raise InvalidRequest(f"{name} is given twice.", hint="name it in one --sweep, or in --seeds")
        axes[name] = []
        for value in values.strip("'\"").split(","):
            found = as_plain(fill(value.strip(), where=f"--sweep {name}"))
            axes[name] += [
                _whole(model, name, one) for one in (found if isinstance(found, AXES) else [found])
            ]
    if not given.get("experiment") and (axes or not given.keys().isdisjoint(_OF_GRIDS)):
        raise InvalidRequest(
            "--seeds, --sweep, --zip, --repeats, --stop-after-failures, --partial, --retry-failed and --extend are for a "
            "whole grid, which needs a name.",
            hint="add --experiment NAME",
        )
    return axes


def seeds(text: Any) -> list[int]:
    """`0-3` as 0, 1, 2, 3; `1,5,9` as those; a variable's numbers as they are."""
    text = as_plain(text)
    if isinstance(text, AXES):
        text = ",".join(str(as_whole(seed)) for seed in text)
    found = seeds_in(str(text))
    if found is None:
        raise InvalidRequest(f"--seeds {text}: use numbers such as 0-3 or 1,5,9.")
    return found


def _whole(model: str, name: str, value: Any) -> Any:
    """A number where the model's field is one; anything else stays, and the description refuses it in its own words."""
    wire = field_of(rows().get(model), name)
    entries = describe(model) if is_described(model) else ()
    kind = next((entry.kind for entry in entries if entry.name == wire), "str")
    readers: dict[str, Callable[[str], Any]] = {"int": _int, "number": float, "json": json.loads}
    read = readers.get(kind)
    if read is None or not isinstance(value, str):
        return value
    try:
        return read(value)
    except ValueError:
        return value


def _int(text: str) -> int:
    whole, dot, rest = text.partition(".")  # `7.0` is how a row of a table has a 7
    return int(whole if dot and not rest.strip("0") else text)


def _number(name: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not number > 0:
        raise InvalidRequest(f"--{name.replace('_', '-')}={text}: use a number above 0.")
    return number


def _count(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise InvalidRequest(f"--{name.replace('_', '-')} {text}: use a whole number above 0.")
    return int(text)


def _zipped(_name: str, texts: list[str]) -> tuple[tuple[str, ...], ...]:
    """Groups of axes, by the names that `--sweep` gives them; `--seeds` is the axis `seed`."""
    return tuple(tuple(name.strip().replace("-", "_") for name in text.split(",")) for text in texts)


def _identifier(_name: str, text: str) -> str:
    why = "that is not a variable's name" if not text.isidentifier() else ""
    if keyword.iskeyword(text):
        why = "that is a word of Python's own"
    elif hasattr(builtins, text) or text in _IPYTHONS:
        why = f"that would hide Python's own {text}"
    if why:
        raise InvalidRequest(f"-o {text}: {why}.", hint="choose another name: -o clip")
    return text


def _embed(_name: str, text: str) -> str:
    if text not in get_args(Embed):
        raise InvalidRequest(f"--embed {text}: use preview, full or link.")
    return text


_IPYTHONS = {"In", "Out", "get_ipython", "exit", "quit"}
_READ: dict[str, Callable[[str, Any], Any]] = {
    "output": _identifier,
    "embed": _embed,
    "max_credits": _number,
    "repeats": _count,
    "stop_after_failures": _count,
    "zip": _zipped,
}


def _pair(text: str, fill: Fill) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise InvalidRequest(
            f"--set {text}: use KEY=VALUE.", hint='for example --set duration=5 or --set ratio="16:9"'
        )
    filled = fill(value, where=f"--set {name}")
    if not isinstance(filled, str) or filled != value:
        return name, as_plain(filled)  # as it is in the notebook
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value.strip("'\"")
