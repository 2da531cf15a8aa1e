"""Tables that runs and reports show of themselves: HTML in a notebook, text elsewhere. Every cell is escaped here.

No colours of a theme and no `<style>`: an untrusted notebook's sanitizer drops style sheets.
"""

from __future__ import annotations

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import quote

_FONT = "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.5"
_CELL = (
    "padding:3px 14px 3px 0;text-align:left;vertical-align:top;border-bottom:1px solid rgba(128,128,128,.25)"
)
_MUTED = "opacity:.72"
_THUMB = "display:block;width:64px;min-width:64px;max-width:none;height:36px;object-fit:cover;border-radius:3px;background:#000"


@dataclass(frozen=True, slots=True)
class Link:
    """A cell that leads to a file below the notebook.

    Attributes:
        text: What is shown, or what the picture is called.
        path: Where it leads, from the notebook; empty for nowhere.
        picture: A small JPEG in place of the text.
    """

    text: str
    path: str
    picture: bytes | None = None


def as_html(
    headings: Sequence[str],
    rows: Sequence[Sequence[str | Link]],
    *,
    caption: str,
    wide: int | None = None,
    also: int | None = None,
) -> str:
    """A table, or the caption alone where there is no row.

    Args:
        wide: The column that may wrap while the others stay on one line; by default all but the first may.
        also: Another that may, and that gives way to the first.
    """
    title = html.escape(caption)
    if not rows:
        return f'<div style="{_FONT}">{title}</div>'

    def style(column: int) -> str:
        if column == wide:
            return f"{_CELL};min-width:12em;overflow-wrap:anywhere"
        may_wrap = column == also or (wide is None and column > 0)
        return f"{_CELL};{'overflow-wrap:anywhere' if may_wrap else 'white-space:nowrap'}"

    names = "".join(
        f'<th scope="col" style="{_CELL};{_MUTED};font-weight:600">{html.escape(text)}</th>'
        for text in headings
    )
    head = f"<thead><tr>{names}</tr></thead>" if any(headings) else ""
    body = "".join(
        "<tr>"
        + "".join(f'<td style="{style(n)}">{_cell(value)}</td>' for n, value in enumerate(row))
        + "</tr>"
        for row in rows
    )
    # A caption of the table's own would be as narrow as the table.
    top = f'<div style="{_FONT};{_MUTED};padding-bottom:4px">{title}</div>'
    table = f'<table aria-label="{title}" style="{_FONT};border-collapse:collapse">{head}<tbody>{body}</tbody></table>'
    return f'<div style="overflow-x:auto">{top}{table}</div>'


def remark_html(text: str) -> str:
    """A line below a table."""
    return f'<div style="{_FONT};{_MUTED};margin-top:6px">{html.escape(text)}</div>'


def as_text(headings: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str) -> str:
    """The same in columns; what would break a line is written as an escape."""
    if not rows:
        return caption
    heads = [headings] if any(headings) else []
    plain = [[_one_line(cell) for cell in row] for row in (*heads, *rows)]
    widths = [max(len(row[column]) for row in plain) for column in range(len(headings) - 1)]
    lines = ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in plain]
    return "\n".join([caption, *lines])


def counted(count: int, word: str) -> str:
    """A number with its word: 1 run, 2 runs."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def _cell(value: str | Link) -> str:
    if not isinstance(value, Link):
        return html.escape(value)
    shown = html.escape(value.text)
    if value.picture is not None:
        source = f"data:image/jpeg;base64,{base64.b64encode(value.picture).decode()}"
        shown = f'<img alt="{shown}" style="{_THUMB}" src="{source}">'
    if not value.path:
        return shown
    return f'<a href="{html.escape(quote(value.path))}" target="_blank" rel="noopener">{shown}</a>'


def _one_line(text: str) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)


def clock(seconds: float) -> str:
    """Seconds as 0:07, 12:34 or 1:02:03."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
