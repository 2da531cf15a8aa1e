"""The magic's options and its help, derived from the model's description; the parser and completion ask here."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from ..catalogue import NO_SEED, Field, describe, find, is_described, known_models
from ..catalogue.models import DEFAULT_MODEL
from ..catalogue.prices import in_words


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One option of the line, for parser, help and completion.

    Attributes:
        key: What it is called in the parsed line, where its first name does not say: a field of the wire, or a role.
        nos: How it is switched off, if it can be.
        is_hidden: The wire's own name of what has a shared word: it works, and is in no list.
        metavar: What its value is called; empty for a switch and where there are `choices`.
        is_boolean: A switch that has its `--no-` too.
    """

    names: tuple[str, ...]
    help: str
    choices: tuple[str, ...] = ()
    metavar: str = ""
    is_boolean: bool = False
    is_repeated: bool = False
    key: str = ""
    nos: tuple[str, ...] = ()
    is_hidden: bool = False

    @property
    def name(self) -> str:
        """As an attribute of the parsed line."""
        return self.key or self.names[-1].removeprefix("--").replace("-", "_")

    @property
    def takes_value(self) -> bool:
        """Whether a value follows it."""
        return bool(self.metavar or self.choices)

    @property
    def no(self) -> str:
        """How it is switched off, in the first of its spellings; nothing where it cannot be."""
        return self.nos[0] if self.nos else ""

    @property
    def spelled(self) -> str:
        """How it is written on the line."""
        names = ", ".join(self.names)
        return (
            f"{names} / {self.no}"
            if self.no
            else f"{names} {'|'.join(self.choices) or self.metavar}".rstrip()
        )


def _option(spelled: str, text: str, *, is_repeated: bool = False) -> Option:
    words = spelled.replace(", ", " ").split()
    value = next((word for word in words if word[0] not in "-/"), "")
    names = tuple(word for word in words if word.startswith("-") and not word.startswith("--no-"))
    return Option(
        names=names,
        nos=tuple(f"--no-{name.removeprefix('--')}" for name in names[-1:] if " / --no-" in spelled),
        help=text,
        choices=tuple(value.split("|")) if "|" in value else (),
        metavar="" if "|" in value else value,
        is_boolean=" / --no-" in spelled,
        is_repeated=is_repeated,
    )


OURS: tuple[Option, ...] = (
    _option(
        "--model ID",
        f"Model id, or its short name; default {DEFAULT_MODEL}; one not described here takes raw inputs by --set",
    ),
    _option(
        "--fit", "Scale and convert the picture to what the service takes: at most 10 MB, 4096 pixels a side"
    ),
    _option("--keep-metadata", "Send what the picture's file says of place, time and person too"),
    _option(
        "--check-image / --no-check-image",
        "Refuse a picture's address that answers 404 or has no host; default on",
    ),
    _option("-o, --output NAME", "Variable that gets the run"),
    _option(
        "--wait / --no-wait",
        "Wait in this cell for the video, or return at once; default: wait only in headless runs",
    ),
    _option("--fresh", "Buy another video even if there is one for this request"),
    _option("--dry-run", "Show what would be sent, its price and earlier runs; send nothing"),
    _option("--max-credits N", "Refuse if the estimate is above this, in credits"),
    _option("--quiet", "Show nothing; the run is in the variable of -o"),
    _option("--embed preview|full|link", "What the notebook holds of the video; default preview"),
    _option("--format", "Fill {name} in the prompt and in options from the notebook's variables"),
    _option("--set KEY=VALUE", "A raw input, sent as it is; may be repeated", is_repeated=True),
    _option(
        "--callback, --call-back-url ADDRESS",
        "What the service calls at the end: auto (this Jupyter server, by KIE_NB_PUBLIC_URL or JupyterHub), a public address, or off; default off",
    ),
    _option("--experiment NAME", "Ask for a whole grid under this name"),
    _option("--seeds SEEDS", "Seeds of the experiment, such as 0-3 or 1,5,9"),
    _option(
        "--sweep NAME=A,B",
        "An axis of the experiment: values of a field, or of a {placeholder} in the prompt; may be repeated",
        is_repeated=True,
    ),
    _option(
        "--zip NAME,NAME",
        "Axes of the experiment that go side by side instead of being crossed; may be repeated",
        is_repeated=True,
    ),
    _option("--repeats N", "Runs of each request of the experiment; default 1"),
    _option(
        "--stop-after-failures N",
        "So many failures of the experiment in a row, and no more is bought; default 3",
    ),
    _option(
        "--partial", "Buy the part of the experiment that fits into --max-credits; the rest stays to come"
    ),
    _option("--retry-failed", "Ask again for cells of the experiment that failed"),
    _option("--extend", "The experiment's definition has changed: keep its earlier cells and add these"),
    _option("--help", "Show this"),
)
_IMAGE = _option("--image IMAGE", "Picture for the raw input image_url: a path, a URL or a variable")


@cache
def options(model: str = DEFAULT_MODEL) -> tuple[Option, ...]:
    """All options for *model*, its own first, and of those the picture."""
    if not is_described(model):
        return (_IMAGE, *OURS)
    fields = [entry for entry in describe(model) if entry.name != "prompt"]
    media = [entry for entry in fields if entry.kind == "media"]
    taken = {entry.option for entry in media}
    others = (_of_field(entry, taken) for entry in fields if entry.kind != "media")
    return (*(option for entry in media for option in _of_medium(entry)), *others, *OURS)


@cache
def by_name(model: str) -> dict[str, Option]:
    """Every spelling that may stand on the line."""
    found = {name: option for option in options(model) for name in (*option.names, *option.nos)}
    return dict(sorted(found.items()))


@cache
def takes_value() -> dict[str, bool]:
    """Every spelling of every model, and whether a value may follow it."""
    found: dict[str, bool] = {}
    for model in known_models():
        for name, option in by_name(model).items():
            found[name] = option.takes_value or found.get(name, False)
    return found


def all_names(model: str) -> tuple[str, ...]:
    """The spellings alone, but hidden ones."""
    return tuple(name for name, option in by_name(model).items() if not option.is_hidden)


def _of_field(entry: Field, taken: Container[str]) -> Option:
    """A field's option; a spelling that is *taken* by a medium is left to it (`--audio`)."""
    is_boolean = entry.kind == "bool"
    return Option(
        names=tuple(f"--{option}" for option in entry.options if option not in taken),
        help=_help_of(entry),
        choices=entry.choices,
        metavar="" if entry.choices or is_boolean else entry.option.upper(),
        is_boolean=is_boolean,
        key=entry.name,
        nos=tuple(f"--no-{option}" for option in entry.options) if is_boolean else (),
    )


def _of_medium(entry: Field) -> Iterator[Option]:
    """The option of a role, and the wire's own name, which may be repeated where the wire has a list."""
    metavar, role = entry.option.upper(), str(entry.role)
    text = _help_of(entry) + ("; may be repeated" if entry.most > 1 else "")
    told: dict[str, Any] = {"metavar": metavar, "help": text}
    names = tuple(f"--{option}" for option in (entry.options if entry.name != role else (entry.option,)))
    if not entry.is_list:
        yield Option(names=names, key=role, **told)
        return
    yield Option(names=names[:1], key=role, is_repeated=entry.most > 1, **told)
    if names[1:]:
        yield Option(names=names[1:], key=entry.name, is_repeated=True, is_hidden=True, **told)


def _help_of(entry: Field) -> str:
    shown = [entry.help.removesuffix(".")]
    if entry.range:
        shown.append(entry.range)
    if entry.max_length:
        shown.append(f"at most {entry.max_length}{' characters' if entry.kind == 'str' else ''}")
    default = entry.shown if entry.default is None else entry.default
    if default is not None and default != []:
        default = {True: "on", False: "off"}[default] if isinstance(default, bool) else default
        shown.append(f"default {default}{' ' + entry.unit if entry.unit else ''}")
    return "; ".join(shown)


def help_text(model: str) -> str:
    """The help, made of the same descriptions as everything else."""
    description = find(model)
    title = f"{model}, not described here: inputs by --set"
    prompt, prices = [], []
    if description is not None:
        title = f"{description.model_title} ({model})"
        prompt = [f"prompt: {_help_of(entry)}" for entry in describe(model) if entry.name == "prompt"]
        if rates := in_words(description.price):
            prices = [f"price ({description.prices_as_of}): {', '.join(rates)}; 1 credit = $0.005"]
    examples = ["examples:", *(f"  {line}" for example in EXAMPLES for line in (*example.splitlines(), ""))]
    return "\n".join(
        [
            "%%kie_wan [options]            the prompt is the body of the cell",
            '%kie_wan [options] "prompt"    one line',
            "",
            *(examples if model == DEFAULT_MODEL else []),
            f"model: {title}",
            *([NO_SEED] if description is not None and not description.row.has_seed else []),
            f"{len(known_models())} models are described: %kie models lists them; --model wan-3 --help shows the options of one, a short name will do",
            *prompt,
            *prices,
            "",
            "options:",
            *(
                line
                for option in options(model)
                if not option.is_hidden
                for line in (f"  {option.spelled}", f"      {option.help}")
            ),
        ]
    )


EXAMPLES = (
    """%%kie_wan --image cat.png --seed 7 -o clip
The cat looks up, takes a breath and smiles.""",
    """%%kie_wan --model wan/2-5-text-to-video --duration 10 --resolution 1080p --dry-run
Waves roll onto a beach at dusk; gulls cry.""",
    """%%kie_wan --image cat.png --experiment moods --seeds 0-3 --sweep mood=calm,wild
The cat is {mood}.""",
)
