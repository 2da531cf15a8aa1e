"""The magic's options and its help, derived from the model's description; the parser and completion ask here."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from ..catalogue import Field, describe, find, known_models
from ..catalogue.models import DEFAULT_MODEL


@dataclass(frozen=True, kw_only=True, slots=True)
class Option:
    """One option of the line, for parser, help and completion.

    Attributes:
        metavar: What its value is called; empty for a switch and where there are `choices`.
        is_boolean: A switch that has its `--no-` too.
    """

    names: tuple[str, ...]
    help: str
    choices: tuple[str, ...] = ()
    metavar: str = ""
    is_boolean: bool = False
    is_repeated: bool = False

    @property
    def name(self) -> str:
        """As an attribute of the parsed line."""
        return self.names[-1].removeprefix("--").replace("-", "_")

    @property
    def takes_value(self) -> bool:
        """Whether a value follows it."""
        return bool(self.metavar or self.choices)

    @property
    def no(self) -> str:
        """How it is switched off, if it can be."""
        return f"--no-{self.names[-1].removeprefix('--')}" if self.is_boolean else ""

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
    return Option(
        names=tuple(word for word in words if word.startswith("-") and not word.startswith("--no-")),
        help=text,
        choices=tuple(value.split("|")) if "|" in value else (),
        metavar="" if "|" in value else value,
        is_boolean=" / --no-" in spelled,
        is_repeated=is_repeated,
    )


OURS: tuple[Option, ...] = (
    _option(
        "--model ID", f"Model id; default {DEFAULT_MODEL}; one not described here takes raw inputs by --set"
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
    own = (
        [_of_field(entry) for entry in describe(model) if entry.name != "prompt"] if find(model) else [_IMAGE]
    )
    return (*sorted(own, key=lambda option: option.name != "image"), *OURS)


@cache
def by_name(model: str) -> dict[str, Option]:
    """Every spelling that may stand on the line."""
    found = {name: option for option in options(model) for name in (*option.names, option.no) if name}
    return dict(sorted(found.items()))


def all_names(model: str) -> tuple[str, ...]:
    """The spellings alone."""
    return tuple(by_name(model))


def _of_field(entry: Field) -> Option:
    is_boolean = entry.kind == "bool"
    return Option(
        names=(f"--{entry.option}",),
        help=_help_of(entry),
        choices=entry.choices,
        metavar="" if entry.choices or is_boolean else entry.option.upper(),
        is_boolean=is_boolean,
    )


def _help_of(entry: Field) -> str:
    shown = [entry.help.removesuffix(".")]
    if entry.kind == "int" and entry.maximum is not None:
        shown.append(f"{entry.minimum} to {entry.maximum}")
    if entry.max_length:
        shown.append(f"at most {entry.max_length} characters")
    if entry.default is not None:
        shown.append(f"default {entry.default}{' ' + entry.unit if entry.unit else ''}")
    return "; ".join(shown)


def help_text(model: str) -> str:
    """The help, made of the same descriptions as everything else."""
    description = find(model)
    title = f"{model}, not described here: inputs by --set"
    prompt, prices = [], []
    if description is not None:
        title = f"{description.model_title} ({model})"
        prompt = [f"prompt: {_help_of(entry)}" for entry in describe(model) if entry.name == "prompt"]
        rates = list(map(str, description.price))
        if rates:
            prices = [f"price ({description.prices_as_of}): {', '.join(rates)}; 1 credit = $0.005"]
    examples = ["examples:", *(f"  {line}" for example in EXAMPLES for line in (*example.splitlines(), ""))]
    return "\n".join(
        [
            "%%kie_wan [options]            the prompt is the body of the cell",
            '%kie_wan [options] "prompt"    one line',
            "",
            *(examples if model == DEFAULT_MODEL else []),
            f"model: {title}",
            f"described: {', '.join(known_models())}",
            *prompt,
            *prices,
            "",
            "options:",
            *(line for option in options(model) for line in (f"  {option.spelled}", f"      {option.help}")),
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
