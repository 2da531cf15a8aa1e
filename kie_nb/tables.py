"""Tables that runs and reports show of themselves: HTML in a notebook, text elsewhere.

No colours of a theme and no `<style>`: an untrusted notebook's sanitizer drops style sheets.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import quote

from .markup import ROOT, Html, data_url, html, joined
from .text import in_line, visible

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
    rows: Sequence[Sequence[str | Link | Html]],
    *,
    caption: str,
    wide: int | None = None,
    least: Mapping[int, float] = MappingProxyType({}),
) -> Html:
    """A table, or the caption alone where there is no row.

    Args:
        wide: The column that takes the room there is and may wrap, while the others stay on one line; by default all but
            the first may.
        least: Others that may wrap between words, and how narrow each may get, in em.
    """
    if not rows:
        return html('<div {} style="{}">{}</div>', ROOT, _FONT, caption)

    def style(column: int) -> str:
        if column == wide:
            return f"{_CELL};width:100%;min-width:7em;overflow-wrap:anywhere"
        if column in least:
            return f"{_CELL};min-width:{least[column]:g}em"
        may_wrap = wide is None and column > 0
        return f"{_CELL};{'overflow-wrap:anywhere' if may_wrap else 'white-space:nowrap'}"

    th = '<th scope="col" style="{};{};font-weight:600;white-space:nowrap">{}</th>'
    empty = html('<td style="{}"></td>', _CELL)  # a heading without words is none
    names = joined(html(th, _CELL, _MUTED, text) if text else empty for text in headings)
    head = html("<thead><tr>{}</tr></thead>", names) if any(headings) else ""
    td = '<td style="{}">{}</td>'
    lines = (joined(html(td, style(n), _cell(value)) for n, value in enumerate(row)) for row in rows)
    return html(
        # A caption of the table's own would be as narrow as the table.
        '<div {root} style="overflow-x:auto"><div style="{font};{muted};padding-bottom:4px">{caption}</div>'
        '<table aria-label="{caption}" style="{font};border-collapse:collapse;table-layout:auto;margin:0{width}">{head}<tbody>{body}</tbody></table></div>',
        root=ROOT,
        font=_FONT,
        muted=_MUTED,
        caption=caption,
        width="" if wide is None else ";width:100%",
        head=head,
        body=joined(html("<tr>{}</tr>", line) for line in lines),
    )


def remark_html(text: str) -> Html:
    """A line below a table."""
    return html('<div {} style="{};{};margin-top:6px">{}</div>', ROOT, _FONT, _MUTED, text)


def disclosure(summary: object, facts: Iterable[tuple[str, object]]) -> Html:
    """*summary*, which opens to show *facts*, name and value; it works in a saved notebook."""
    line = '<div style="display:flex"><span style="{};flex:none;width:6em">{}</span><span style="min-width:0;overflow-wrap:anywhere">{}</span></div>'
    lines = joined(html(line, _MUTED, name, value) for name, value in facts)
    return html(
        '<details><summary style="cursor:pointer">{}</summary><div style="padding:4px 0 4px 14px">{}</div></details>',
        summary, lines,
    )  # fmt: skip


def as_text(headings: Sequence[str], rows: Sequence[Sequence[str]], *, caption: str) -> str:
    """The same in columns; what would break a line is written as an escape."""
    caption = visible(caption)
    if not rows:
        return caption
    heads = [headings] if any(headings) else []
    plain = [[in_line(cell) for cell in row] for row in (*heads, *rows)]
    widths = [max(len(row[column]) for row in plain) for column in range(len(headings) - 1)]
    lines = ["  ".join([*map(str.ljust, row, widths), row[-1]]).rstrip() for row in plain]
    return "\n".join([caption, *lines])


def counted(count: int, word: str) -> str:
    """A number with its word: 1 run, 2 runs."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def _cell(value: object) -> object:
    if not isinstance(value, Link):
        return value
    shown: object = value.text
    if value.picture is not None:
        shown = html('<img alt="{}" style="{}" src="{}">', shown, _THUMB, data_url(value.picture))
    return link(value.path, shown) if value.path else shown


def link(path: str, shown: object) -> Html:
    """A link to a file, by its *path* from the page."""
    return web_link(quote(path, errors="replace"), shown)


def web_link(url: str, shown: object) -> Html:
    """A link to an address that our own code names."""
    return html('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>', url, shown)


def said_size(size: int) -> str:
    """A number of bytes as people read it: "812 bytes", "3 kB", "1.2 MB"."""
    if size < 1000:  # noqa: PLR2004 - of a kilobyte
        return f"{size} bytes"
    return f"{size / 1e3:.0f} kB" if size < 999_500 else f"{size / 1e6:.1f} MB"  # noqa: PLR2004 - of a megabyte


def clock(seconds: float) -> str:
    """Seconds as 0:07, 12:34 or 1:02:03."""
    minutes, rest = divmod(max(0, int(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
