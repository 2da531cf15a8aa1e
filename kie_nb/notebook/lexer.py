"""The magic's line → option tokens and the prompt, as typed.

A shell's rules do not fit: `it's` is not an open quote in a prompt, and `?`, `$5`, `{x}` and backslashes mean nothing here.
Options may stand before or after the prompt; `--` before it ends them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass

_CLOSING = {'"': '"', "'": "'", "“": "”", "”": "”"}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the line: its text without quotes, and its place."""

    text: str
    start: int
    end: int
    is_quoted: bool


def tokens(line: str) -> list[Token]:
    """The pieces of *line*: quoted ones, and runs of anything but white space."""
    found, place = [], 0
    while place < len(line):
        if line[place].isspace():
            place += 1
            continue
        token = _quoted(line, place) or _plain(line, place)
        found.append(token)
        place = token.end
    return found


def _quoted(line: str, start: int) -> Token | None:
    """A quoted piece, if its quote closes before white space or the end of the line."""
    closing = _CLOSING.get(line[start])
    if closing is None:
        return None
    end = start + 1
    while (end := line.find(closing, end)) != -1:
        if end + 1 == len(line) or line[end + 1].isspace():
            return Token(line[start + 1 : end], start, end + 1, is_quoted=True)
        end += 1
    return None


def _plain(line: str, start: int) -> Token:
    end = start
    while end < len(line) and not line[end].isspace():
        if (
            line[end] == "="
            and line.startswith("--", start)
            and end + 1 < len(line)
            and (rest := _quoted(line, end + 1))
        ):
            return Token(line[start : end + 1] + rest.text, start, rest.end, is_quoted=False)
        end += 1
    return Token(line[start:end], start, end, is_quoted=False)


def split(line: str, known: Mapping[str, bool]) -> tuple[list[tuple[str, str | None]], str]:
    """The options, each with its value or None, and the prompt.

    Args:
        known: The names of the options, and whether a value follows.
    """
    options: list[tuple[str, str | None]] = []
    prompt: list[Token] = []
    pieces = tokens(line)
    place = 0
    while place < len(pieces):
        piece = pieces[place]
        place += 1
        name, sign, value = piece.text.partition("=")
        if (
            piece.text == "--" and not piece.is_quoted and not prompt
        ):  # later it is a dash of the prompt's own
            prompt = pieces[place:]
            break
        if piece.is_quoted or piece.text == "--" or not (name in known or name.startswith("--")):
            prompt.append(piece)
            continue
        if not sign and known.get(name) and place < len(pieces):
            follows = pieces[place]
            # An option that follows is not a value: this one has none, and the line is refused for it.
            if follows.is_quoted or follows.text.partition("=")[0] not in known:
                sign, value = "=", follows.text
                place += 1
        options.append((name, value if sign else None))
    return options, _text(line, prompt)


def _text(line: str, prompt: list[Token]) -> str:
    if not prompt:
        return ""
    if len(prompt) == 1:
        return prompt[0].text
    contiguous = all(not line[left.end : right.start].strip() for left, right in itertools.pairwise(prompt))
    if contiguous:
        return line[prompt[0].start : prompt[-1].end]
    return " ".join(line[piece.start : piece.end] for piece in prompt)
