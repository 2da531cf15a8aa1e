"""Parses the magic's line: what it asks for, with the syntax of option values checked."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

from ..catalogue import describe, find, known_models, nearest
from ..catalogue.wan import DEFAULT_MODEL
from ..errors import InvalidRequest
from .filling import Filler
from .lexer import split, tokens
from .options import OURS, REPEATED, all_names, names_of, options

_OF_GRIDS = ("zip", "repeats", "stop_after_failures", "retry_failed", "extend")
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
    retry_failed: bool = False
    extend: bool = False


class _Parser(argparse.ArgumentParser):
    """argparse that raises our error, with the nearest option for a mistyped one."""

    def error(self, message: str) -> NoReturn:
        raise InvalidRequest(f"{message}.", hint="%kie_wan --help lists the options")


@cache
def _parser(model: str) -> _Parser:
    parser = _Parser(prog="%%kie_wan", add_help=False, allow_abbrev=False)
    for option in options(model):
        long = option.names[-1]
        dest = long.removeprefix("--").replace("-", "_")
        if option.is_boolean:
            parser.add_argument(*option.names, dest=dest, action=argparse.BooleanOptionalAction, default=None)
        elif not option.takes_value:
            parser.add_argument(*option.names, dest=dest, action="store_true")
        elif long in REPEATED:
            parser.add_argument(*option.names, dest=dest, action="append")
        else:
            parser.add_argument(*option.names, dest=dest)
    return parser


def model_on(line: str, variables: Mapping[str, Any] | None = None) -> str:
    """The model that *line* names, before the rest is understood: it decides the options."""
    named = _model_on(line)
    if variables is None or "{" not in named or not any(piece.text == "--format" for piece in tokens(line)):
        return named
    return Filler(variables=variables).text(named, where="--model")


def _model_on(line: str) -> str:
    pieces = tokens(line)
    for place, piece in enumerate(pieces):
        if piece.text == "--model" and not piece.is_quoted and place + 1 < len(pieces):
            return pieces[place + 1].text
        if piece.text.startswith("--model=") and not piece.is_quoted:
            return piece.text.partition("=")[2]
    return DEFAULT_MODEL


def parse(line: str, variables: Mapping[str, Any] | None = None) -> Line:
    """What *line* asks for; values are checked later, by the model's description.

    Args:
        variables: The notebook's, from which `--format` fills `{name}` in the values of options.

    Raises:
        InvalidRequest: for an option that does not exist, or one without its value.
    """
    model = model_on(line, variables)
    with_value, flags = names_of(model)
    given, prompt = split(line, with_value=with_value, flags=flags)
    for piece in given:
        name = piece.partition("=")[0]
        if name.startswith("--") and name not in with_value and name not in flags:
            other = next((entry for entry in known_models() if name in all_names(entry)), None)
            if other is not None:
                raise InvalidRequest(f"{model} has no {name}.", hint=f"it belongs to --model {other}")
            raise InvalidRequest(
                f"there is no option {name}{nearest(name, all_names(model))}",
                hint="%kie_wan --help lists them; `--` before the prompt ends the options",
            )
        if piece in with_value:
            raise InvalidRequest(
                f"{piece} needs a value, and none follows it.",
                hint="%kie_wan --help says which; a value that looks like an option goes in quotes",
            )
    known = _parser(model).parse_args(given)
    fill = Filler(variables=variables).value if known.format and variables is not None else _as_typed
    _fill(known, fill)
    names = {option.names[-1].removeprefix("--").replace("-", "_") for option in OURS}
    fields = {
        name: value
        for name, value in vars(known).items()
        if name not in names and name != "image" and value is not None
    }
    return Line(
        model=model,
        fields={name: _whole(model, name, value) for name, value in fields.items()},
        image=getattr(known, "image", None),
        prompt=prompt,
        output=_identifier(known.output),
        wait=known.wait,
        fresh=known.fresh,
        dry_run=known.dry_run,
        max_credits=_number("--max-credits", known.max_credits),
        quiet=known.quiet,
        embed=_embed(known.embed),
        format=known.format,
        help=known.help,
        raw=dict(_pair(text, fill) for text in known.set) if known.set else None,
        call_back_url=known.call_back_url,
        fit=known.fit,
        keep_metadata=known.keep_metadata,
        check_image=known.check_image,
        experiment=known.experiment,
        axes=_axes(model, known, fill),
        zip=tuple(_zipped(text) for text in known.zip or ()),
        repeats=_count("--repeats", known.repeats),
        stop_after_failures=_count("--stop-after-failures", known.stop_after_failures),
        retry_failed=known.retry_failed,
        extend=known.extend,
    )


def _as_typed(text: str, **_where: str) -> Any:
    return text


def _fill(known: argparse.Namespace, fill: Fill) -> None:
    """Values that are one variable alone become it; None is as if the option had not been given."""
    for name, value in vars(known).items():
        if isinstance(value, str):
            found = fill(value, where=f"--{name.replace('_', '-')}")
            is_kept = found is None or name in {"image", "seeds"}
            setattr(known, name, found if is_kept else str(found))


def _axes(model: str, known: argparse.Namespace, fill: Fill) -> dict[str, Any]:
    """What `--seeds` and `--sweep` vary."""
    axes: dict[str, Any] = {"seed": seeds(known.seeds)} if known.seeds is not None else {}
    for text in known.sweep or ():
        name, sign, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not sign or not name or not values.strip():
            raise InvalidRequest(f"--sweep {text}: NAME=A,B is needed.", hint="--sweep resolution=720p,1080p")
        if name in axes:
            raise InvalidRequest(f"{name} is given twice.", hint="name it in one --sweep, or in --seeds")
        axes[name] = []
        for value in values.strip("'\"").split(","):
            found = fill(value.strip(), where=f"--sweep {name}")
            axes[name] += [
                _whole(model, name, one) for one in (found if isinstance(found, AXES) else [found])
            ]
    if not known.experiment and (axes or any(getattr(known, name) for name in _OF_GRIDS)):
        raise InvalidRequest(
            "--seeds, --sweep, --zip, --repeats, --stop-after-failures, --retry-failed and --extend are for a whole grid, "
            "which needs a name.",
            hint="add --experiment NAME",
        )
    return axes


def seeds(text: Any) -> list[int]:
    """`0-3` as 0, 1, 2, 3; `1,5,9` as those; a variable's numbers as they are.

    Raises:
        InvalidRequest: for anything else.
    """
    if isinstance(text, AXES):
        text = ",".join(map(str, text))
    found: list[int] = []
    for part in str(text).split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()) or (dash and int(last) < int(first)):
            raise InvalidRequest(f"--seeds {text}: such as 0-3 or 1,5,9 is needed.")
        found += range(int(first), int(last or first) + 1)
    return found


def _whole(model: str, name: str, value: Any) -> Any:
    kind = (
        next((entry.kind for entry in describe(model) if entry.name == name), "str") if find(model) else "str"
    )
    if kind == "int" and isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return value  # the description refuses it in its own words
    return value


def _number(name: str, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not number > 0:
        raise InvalidRequest(f"{name}={text}: a number above 0 is needed.")
    return number


def _count(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    if not text.isdecimal() or int(text) < 1:
        raise InvalidRequest(f"{name} {text}: a whole number above 0 is needed.")
    return int(text)


def _zipped(text: str) -> tuple[str, ...]:
    """The axes of a group, by the names that `--sweep` gives them; `--seeds` is the axis `seed`."""
    return tuple(name.strip().replace("-", "_") for name in text.split(","))


def _identifier(name: str | None) -> str | None:
    if name is not None and not name.isidentifier():
        raise InvalidRequest(f"-o {name}: that is not a variable's name.")
    return name


def _embed(given: str | None) -> str | None:
    if given not in {None, "preview", "full", "link"}:
        raise InvalidRequest(f"--embed {given}: preview, full or link is needed.")
    return given


def _pair(text: str, fill: Fill) -> tuple[str, Any]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise InvalidRequest(
            f"--set {text}: KEY=VALUE is needed.", hint='for example --set duration=5 or --set ratio="16:9"'
        )
    if (filled := fill(value, where=f"--set {name}")) != value:
        return name, filled  # as it is in the notebook
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value.strip("'\"")
