"""`%kie doctor`, `%kie export` and `%kie import`: the files of the folder. The docstrings are the help."""
# ruff: noqa: D415 - the docstrings are the help, phrases

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from typing import Any

from .. import frontend, tables
from ..errors import InvalidRequest
from ..handles import get_session
from ..markup import Html, html, joined
from ..text import say
from .showing import show_value


def doctor(words: list[str]) -> Any:
    """Look at every file, fetch again what is missing or altered; `%kie doctor --look` only looks"""
    from ..operations.doctor import doctor as look

    if words not in ([], ["--look"]):
        raise mistake("%kie doctor takes nothing but --look.")
    return show_value(look(get_session().supervisor, mend=not words))


def export(words: list[str]) -> Any:
    """Copy finished runs with their videos into a folder: `%kie export DIR`, or `%kie export DIR ID ID`"""
    from ..operations.exporting import export as copy

    names = split(words)
    if not names:
        raise mistake("%kie export needs a folder.", hint="%kie export my-videos")
    return show_value(copy(get_session(), names[0], names[1:] or None))


def import_(words: list[str]) -> Any:
    """Take the runs of an exported folder into this one: `%kie import DIR`; nothing is sent"""
    from ..operations.importing import import_runs

    names = split(words)
    if len(names) != 1:
        raise mistake("%kie import needs one folder.", hint="%kie import my-videos")
    return show_value(import_runs(get_session(), names[0]))


def split(words: list[str]) -> list[str]:
    """The words of the line again, with quotes taken as quotes: a folder's name may hold blanks."""
    try:
        return shlex.split(" ".join(words))
    except ValueError as exc:
        raise mistake(f"A quote is not closed: {' '.join(words)}") from exc


def mistake(text: str, hint: str = "") -> InvalidRequest:
    """What is wrong with the line of a command, which costs nothing in any case."""
    return InvalidRequest(text, hint=hint, charged="")


def show_table(
    headings: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str, **widths: Any
) -> None:
    """Show a table in this cell, or as text where there is no notebook; *widths* are for `tables.as_html`."""
    text = tables.as_text(headings, rows, caption=caption)
    shown = tables.as_html(headings, [list(map(_coded, row)) for row in rows], caption=caption, **widths)
    show_bundle({"text/html": shown, "text/plain": text})


def _coded(text: str) -> Html:
    """*text* with what stands between backticks as code, and no option broken at its dashes."""
    pieces = text.split("`")
    return joined(
        html("<code>{}</code>", piece) if at % 2 else _unbroken(piece) for at, piece in enumerate(pieces)
    )


def _unbroken(text: str) -> Html:
    pieces = re.split(r"(\[?--[a-z-]+\]?,?)", text)
    whole = '<span style="white-space:nowrap">{}</span>'
    return joined(html(whole, piece) if at % 2 else piece for at, piece in enumerate(pieces))


def show_bundle(bundle: dict[str, str]) -> None:
    """Show what stands here for each MIME type."""
    if not frontend.has_kernel():
        say(bundle["text/plain"])
        return
    from IPython.display import display

    display(bundle, raw=True)
