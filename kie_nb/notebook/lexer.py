"""The magic's line → option tokens and the prompt, as typed.

A shell's rules do not fit: `it's` is no open quote in a prompt, and `?`, `$5`, `{x}` and backslashes mean nothing here.
Options may stand before or after the prompt; `--` before it ends them.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection
from dataclasses import dataclass

_CLOSING = {'"': '"', "'": "'", "“": "”", "”": "”"}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of the line: its text without quotes, and where it stood."""

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


def split(line: str, *, with_value: Collection[str], flags: Collection[str]) -> tuple[list[str], str]:
    """Option tokens for argparse, and the prompt.

    Args:
        with_value: Options that take the next piece as their value.
        flags: Options that take none.
    """
    options: list[str] = []
    prompt: list[Token] = []
    pieces = tokens(line)
    place = 0
    while place < len(pieces):
        piece = pieces[place]
        name = piece.text.partition("=")[0]
        is_option = not piece.is_quoted and piece.text.startswith("-") and piece.text not in {"-", "--"}
        # Later it is a dash of the prompt's own.
        if not piece.is_quoted and piece.text == "--" and not prompt:
            prompt += pieces[place + 1 :]
            break
        if is_option and (name in with_value or name in flags or name.startswith("--")):
            follows = pieces[place + 1] if place + 1 < len(pieces) else None
            # An option that follows is no value: this one has none, and the line is refused for it.
            has_value = follows is not None and (
                follows.is_quoted or follows.text.partition("=")[0] not in {*with_value, *flags}
            )
            if name in with_value and "=" not in piece.text and has_value:
                place += 1
                # One token, so that a value that begins with a dash is not taken for an option.
                options.append(
                    f"{name}={pieces[place].text}" if name.startswith("--") else f"{name}{pieces[place].text}"
                )
            else:
                options.append(piece.text)
        else:
            prompt.append(piece)
        place += 1
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
