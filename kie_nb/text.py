"""Text as it is shown: control characters and invisible characters are written as escapes."""

from __future__ import annotations

import logging
import re
import sys
import unicodedata
from typing import Any, TextIO

# Controls, invisible formats, halves of characters, line separators.
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = "\u200c\u200d"
_FLAG = "\U0001f3f4"  # the tags behind it name a region; anywhere else they are text that nobody sees
_MOST_TAGS = 6
_MARKDOWN = re.compile(r"([\\`*_\[\]<>#!|~$&])")


def visible(text: str) -> str:
    r"""*text* with each control or invisible character as an escape (`\x1b`, `\u202e`).

    Line breaks, tabs, blanks of all widths and what joins an emoji or a letter of its script stay.
    """
    if text.isprintable():
        return text
    text = text.replace("\r\n", "\n")
    return "".join(sign if _is_shown(text, at) else repr(sign)[1:-1] for at, sign in enumerate(text))


def in_line(text: str) -> str:
    """The same with line breaks and tabs as escapes too: for a table's cell or a file's name."""
    return visible(text).replace("\n", r"\n").replace("\t", r"\t")


def visible_in(value: Any) -> Any:
    """The same of every text in a JSON value."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible_in(name): visible_in(each) for name, each in value.items()}
    return [visible_in(each) for each in value] if isinstance(value, list | tuple) else value


def in_markdown(text: str) -> str:
    """*text* for a place that reads Markdown and shows it as it is."""
    return _MARKDOWN.sub(r"\\\1", visible(text))


def say(text: object, *, file: TextIO | None = None) -> None:
    """Print *text*, escaped for a terminal; a letter that its encoding has not is shown by its number."""
    shown, encoding = visible(str(text)), getattr(file or sys.stdout, "encoding", None) or "utf-8"
    print(shown.encode(encoding, "backslashreplace").decode(encoding), file=file, flush=True)


def _is_shown(text: str, at: int) -> bool:
    sign = text[at]
    if sign.isprintable() or sign in "\n\t":
        return True
    if sign in _JOINERS:
        return any(map(_can_join, text[max(0, at - 1) : at] + text[at + 1 : at + 2]))
    if "\U000e0020" <= sign <= "\U000e007f":
        return _FLAG in text[max(0, at - _MOST_TAGS) : at]
    return unicodedata.category(sign) not in _HIDDEN


def _can_join(sign: str) -> bool:
    """Whether *sign* is an emoji, or of a script whose letters are joined: Arabic, or one with a virama."""
    return (
        unicodedata.category(sign) in {"So", "Sk"}
        or sign == "\ufe0f"
        or unicodedata.combining(sign) == 9  # noqa: PLR2004 - the class of a virama
        or unicodedata.bidirectional(sign) == "AL"
    )


def _make_visible(record: logging.LogRecord) -> bool:
    """A file's name in a log must not write lines of its own."""
    args = record.args
    if isinstance(args, tuple):
        record.args = tuple(each if isinstance(each, int | float) else in_line(str(each)) for each in args)
    return True


logging.getLogger("kie_nb").addFilter(_make_visible)
