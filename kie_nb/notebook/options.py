"""The magic's options and its help, derived from the model's description; the parser and completion ask here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ..catalogue import Field, describe, find, known_models
from ..catalogue.wan import DEFAULT_MODEL


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One option of the line, for help and completion."""

    names: tuple[str, ...]
    help: str
    choices: tuple[str, ...] = ()
    takes_value: bool = True
    is_boolean: bool = False
    metavar: str = ""


OURS: tuple[Option, ...] = (
    Option(names=("--model",), help="model id; another than these takes raw inputs by --set", metavar="ID"),
    Option(
        names=("--fit",),
        help="scale and convert the picture to what the service takes: at most 10 MB, 4096 pixels a side",
        takes_value=False,
    ),
    Option(
        names=("--keep-metadata",),
        help="send what the picture's file says of place, time and person too",
        takes_value=False,
    ),
    Option(
        names=("--check-image",),
        help="refuse a picture's address that answers 404 or has no host; --no-check-image sends it",
        is_boolean=True,
    ),
    Option(names=("-o", "--output"), help="variable that gets the run", metavar="NAME"),
    Option(
        names=("--wait",), help="wait in this cell for the video; --no-wait returns at once", is_boolean=True
    ),
    Option(
        names=("--fresh",), help="buy another video even if there is one for this request", takes_value=False
    ),
    Option(
        names=("--dry-run",),
        help="show what would be sent, its price and earlier runs; send nothing",
        takes_value=False,
    ),
    Option(names=("--max-credits",), help="refuse if the estimate is above this, in credits", metavar="N"),
    Option(names=("--quiet",), help="show nothing; the run is in the variable of -o", takes_value=False),
    Option(
        names=("--embed",), help="what the notebook holds of the video", choices=("preview", "full", "link")
    ),
    Option(
        names=("--format",),
        help="fill {name} in the prompt and in options from the notebook's variables",
        takes_value=False,
    ),
    Option(names=("--set",), help="a raw input, sent as it is; may be repeated", metavar="KEY=VALUE"),
    Option(
        names=("--call-back-url",), help="public address that the service calls at the end", metavar="URL"
    ),
    Option(names=("--experiment",), help="ask for a whole grid under this name", metavar="NAME"),
    Option(names=("--seeds",), help="seeds of the experiment, such as 0-3 or 1,5,9", metavar="SEEDS"),
    Option(
        names=("--sweep",),
        help="an axis of the experiment: values of a field, or of a {placeholder} in the prompt; may be repeated",
        metavar="NAME=A,B",
    ),
    Option(
        names=("--zip",),
        help="axes of the experiment that go side by side instead of being crossed; may be repeated",
        metavar="NAME,NAME",
    ),
    Option(names=("--repeats",), help="runs of each request of the experiment; default 1", metavar="N"),
    Option(
        names=("--stop-after-failures",),
        help="so many failures of the experiment in a row, and no more is bought; default 3",
        metavar="N",
    ),
    Option(
        names=("--retry-failed",), help="ask again for cells of the experiment that failed", takes_value=False
    ),
    Option(
        names=("--extend",),
        help="the experiment's definition has changed: keep its earlier cells and add these",
        takes_value=False,
    ),
    Option(names=("--help",), help="show this", takes_value=False),
)
REPEATED = ("--set", "--sweep", "--zip")


@cache
def options(model: str = DEFAULT_MODEL) -> tuple[Option, ...]:
    """All options for *model*, its own first."""
    own = tuple(_of_field(entry) for entry in _fields(model) if entry.name != "prompt")
    image = () if any("--image" in option.names for option in own) or find(model) else (_IMAGE,)
    return tuple(sorted((*image, *own), key=lambda option: "--image" not in option.names)) + OURS


def _fields(model: str) -> tuple[Field, ...]:
    return describe(model) if find(model) else ()


_IMAGE = Option(
    names=("--image",),
    help="picture for the raw input image_url: a path, a URL or a variable",
    metavar="IMAGE",
)


def _help_of(entry: Field) -> str:
    shown = [entry.help]
    if entry.kind == "int" and entry.maximum is not None:
        shown.append(f"{entry.minimum} to {entry.maximum}")
    if entry.max_length:
        shown.append(f"at most {entry.max_length} characters")
    if entry.default is not None:
        shown.append(f"default {entry.default}{' ' + entry.unit if entry.unit else ''}")
    return "; ".join(shown)


def _of_field(entry: Field) -> Option:
    return Option(
        names=(f"--{entry.option}",),
        help=_help_of(entry),
        choices=entry.choices,
        takes_value=entry.kind != "bool",
        is_boolean=entry.kind == "bool",
        metavar=entry.option.upper() if not entry.choices else "",
    )


@cache
def names_of(model: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names of options that take a value, and of those that take none."""
    with_value: set[str] = set()
    flags: set[str] = set()
    for option in options(model):
        target = with_value if option.takes_value and not option.is_boolean else flags
        target.update(option.names)
        if option.is_boolean:
            flags.update(f"--no-{name.removeprefix('--')}" for name in option.names)
    return frozenset(with_value), frozenset(flags)


def all_names(model: str) -> tuple[str, ...]:
    """Every spelling that may stand on the line."""
    with_value, flags = names_of(model)
    return tuple(sorted(with_value | flags))


def help_text(model: str) -> str:
    """The help, made of the same descriptions as everything else."""
    description = find(model)
    title = (
        f"{description.model_title} ({model})"
        if description
        else f"{model}, not described here: inputs by --set"
    )
    lines = [
        "%%kie_wan [options]            the prompt is the body of the cell",
        '%kie_wan [options] "prompt"    one line',
        "",
        f"model: {title}",
        f"described: {', '.join(known_models())}",
        *(f"prompt: {_help_of(entry)}" for entry in _fields(model) if entry.name == "prompt"),
        "",
    ]
    for option in options(model):
        spelled = ", ".join(option.names)
        if option.choices:
            spelled += f" {'|'.join(option.choices)}"
        elif option.is_boolean:
            spelled += f" / --no-{option.names[-1].removeprefix('--')}"
        elif option.takes_value:
            spelled += f" {option.metavar}"
        lines += [f"  {spelled}", f"      {option.help}"]
    if description is not None and description.credits_per_second:
        rates = ", ".join(
            f"{rate:g} credits/s at {size}" for size, rate in description.credits_per_second.items()
        )
        lines += ["", f"price ({description.prices_as_of}): {rates}; 1 credit = $0.005"]
    return "\n".join(lines)
