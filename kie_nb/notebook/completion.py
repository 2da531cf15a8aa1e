"""Completion: exactly our options and commands, their values, model ids, files and variables."""

from __future__ import annotations

import glob
import re
from typing import Any

from ..catalogue import known_models
from ..ledger.money import SCOPES
from ..text import in_line
from . import guides, money_magic
from .kie_magic import COMMANDS, RUN_FILTERS
from .line import model_on
from .options import Option, by_name
from .output import is_ours

_MAGIC = re.compile(
    r"^\s*(?:[A-Za-z_][\w, ]*=\s*)?%%?(?P<name>kie_wan|kie)[ \t]+(?P<rest>(?P<before>.*?)(?P<word>\S*))$"
)


def matches(text: str, before: str, variables: dict[str, Any]) -> dict[str, Any]:
    """The matcher's answer for the line *before* the cursor in the cell *text*; empty where we have nothing to say."""
    found = _MAGIC.match(before)
    if found is None:
        return {"completions": []}
    word, earlier = found["word"], found["before"].split()
    if found["name"] == "kie":
        words = [each for each in _of_command(earlier) if each not in earlier] if earlier else list(COMMANDS)
    else:
        first = text.split("\n", maxsplit=1)[0] if text.lstrip().startswith("%%") else found["rest"]
        words = _words(model_on(first), earlier, word, variables)
        if not words and not word.startswith("-"):
            return {"completions": []}
    return _answer([entry for entry in words if entry.startswith(word)], word)


def _of_command(earlier: list[str]) -> tuple[str, ...]:
    """What may follow a command of `%kie`."""
    first, *rest = earlier
    if first == "budget" and rest:
        return SCOPES if len(rest) == 1 else ()
    if first == "runs":
        return tuple(f"{name}=" for name in RUN_FILTERS)
    return () if rest else _VALUES.get(first, ())


_VALUES = {
    "use": ("kie", "simulator"),
    "help": guides.TOPICS,
    "spend": money_magic.GROUPS,
    "budget": ("none",),
    "doctor": ("--look",),
}


def _words(model: str, earlier: list[str], word: str, variables: dict[str, Any]) -> list[str]:
    option = _option(earlier[-1] if earlier else "", model)
    if option is not None:
        return _values(option, word, variables)
    name, sign, part = word.partition("=")
    if sign and (option := _option(name, model)) is not None:
        return [f"{name}={value}" for value in _values(option, part, variables)]
    if word.startswith("-") or not word:
        return [
            entry
            for entry, option in by_name(model).items()
            if not option.is_hidden and (entry not in earlier or option.is_repeated)
        ]
    return []


def _option(name: str, model: str) -> Option | None:
    found = by_name(model).get(name)
    return found if found is not None and found.takes_value else None


def _values(option: Option, word: str, variables: dict[str, Any]) -> list[str]:
    if option.choices:
        return list(option.choices)
    if "--model" in option.names:
        return list(known_models())
    if "--output" in option.names:
        return [name for name, value in variables.items() if is_ours(value)]
    if word.startswith("{"):  # `--format` fills it in
        return [f"{{{name}}}" for name in variables if not name.startswith("_")]
    if option.key in ENDINGS or "--image" in option.names:
        endings = ENDINGS.get(option.key, ENDINGS["image"])
        files = [path for path in glob.glob(f"{glob.escape(word)}*") if path.lower().endswith(endings)]  # noqa: PTH207 - words, not paths
        folders = [f"{path.rstrip('/')}/" for path in glob.glob(f"{glob.escape(word)}*/")]  # noqa: PTH207
        names = [name for name, value in variables.items() if not name.startswith("_") and _is_picture(value)]
        return [*files, *folders, *names]
    return []


_PICTURES = (".png", ".jpg", ".jpeg", ".webp")
_SOUNDS, _VIDEOS = (".mp3", ".wav", ".m4a", ".ogg", ".aac"), (".mp4", ".mov", ".mkv")
ENDINGS = {"image": _PICTURES, "last_image": _PICTURES, "video": _VIDEOS, "audio": _SOUNDS}
ENDINGS["reference"] = (*_PICTURES, *_VIDEOS, *_SOUNDS)


def _is_picture(value: Any) -> bool:
    kind = f"{type(value).__module__}.{type(value).__name__}"
    return kind.startswith("PIL.") or kind in {"numpy.ndarray", "matplotlib.figure.Figure", "builtins.bytes"}


def _answer(words: list[str], word: str) -> dict[str, Any]:
    from IPython.core.completer import SimpleCompletion

    return {
        # A file's name with a line break in it would write lines of its own into the cell.
        "completions": [
            SimpleCompletion(text=entry, type="param") for entry in words if in_line(entry) == entry
        ],
        "matched_fragment": word,
        "suppress": True,
        "ordered": True,
    }
