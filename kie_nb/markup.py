"""HTML that is written safely: a value that is put into a template is escaped, whatever its type; only `Html` is not.

A line or two of HTML is written where it is used (`html`); pages are templates of Jinja in the folder `templates` (`rendered`).
"""

from __future__ import annotations

import base64
import functools
import hashlib
import html as escaping
import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from markupsafe import Markup

from .text import visible

if TYPE_CHECKING:
    from jinja2 import Environment


class Html(Markup):
    """Text that is HTML already; what is added, joined or formatted into it is escaped unless it is `Html` too."""

    __slots__ = ()

    @classmethod
    def escape(cls, s: Any, /) -> Self:
        """*s* as text in HTML, quotes included, with hidden signs as escapes."""
        return cls(s.__html__() if hasattr(s, "__html__") else escaping.escape(visible(str(s))))


NOTHING = Html()
# MathJax would take two prices in a prompt for a formula; the older and the newer one go by different names.
NO_MATH = ("mathjax_ignore", "tex2jax_ignore")
ROOT = Html(f'class="{" ".join(NO_MATH)}"')

_KNOWN = (
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (4, b"ftypM4A", "audio/mp4"),
    (4, b"ftypqt", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1a\x45\xdf\xa3", "video/webm"),
)


def html(template: str, /, *values: object, **named: object) -> Html:
    """*template*, which is written in our code, with *values* in the places of its braces, escaped.

    Data is never a part of a template: give it as a value.
    """
    return Html(template).format(*values, **named)


def rendered(template: str, /, **values: object) -> Html:
    """A file of the folder `templates` with *values*, escaped as in `html`."""
    return Html(_templates().get_template(template).render(values))


@functools.cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # slow to import

    return Environment(
        loader=FileSystemLoader(Path(__file__).with_name("templates")),
        autoescape=True,
        finalize=Html.escape,  # Jinja's own escaping leaves hidden signs as they are
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def joined(parts: Iterable[object], between: str = "") -> Html:
    """*parts* in a row, escaped unless they are `Html`; *between* is written in our code."""
    return Html(between).join(map(Html.escape, parts))


def data_url(content: bytes, *, is_sound: bool = False) -> Html:
    """*content* as an address of its own, for a page to hold; nothing unless its bytes open what browsers show or play."""
    mime = next((mime for start, magic, mime in _KNOWN if content.startswith(magic, start)), "")
    if is_sound:  # an MP4 may hold sound alone
        mime = (
            mime.replace("video/", "audio/") or "audio/mpeg"
        )  # streams of packets have no mark of their own
    return Html(f"data:{mime};base64,{base64.b64encode(content).decode()}") if mime else NOTHING


def script_json(data: Any) -> Html:
    """JSON that no parser of HTML or JavaScript can take for the end of its script."""
    text = json.dumps(data, default=str)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Html(text)


def document(*, title: str, style: str, body: Html, scripts: Iterable[str] = ()) -> str:
    """A whole page for a file. It runs *scripts* alone and asks no network for anything, whatever a prompt says.

    Args:
        title: Its title.
        style: A style sheet of ours.
        body: Holds these scripts too.
        scripts: The code of each, to the letter.
    """
    hashes = (base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in scripts)
    allowed = " ".join(f"'sha256-{digest}'" for digest in hashes) or "'none'"
    return html(
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        "<title>{title}</title><style>{style}</style></head>\n<body>{body}</body></html>\n",
        policy=f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data: blob: file: 'self'; "
        "media-src data: blob: file: 'self'; base-uri 'none'; form-action 'none'",
        title=title,
        style=Html(style),
        body=body,
    )
