"""One look for every screen: tokens and components, as a style sheet, as JavaScript, and as HTML for a saved notebook.

Live screens (widgets, pages of their own) use `STYLE` and its classes, below an element of the class `kie`. What a
notebook keeps must read well without any style sheet, in every theme: a sanitizer drops `<style>` from an untrusted
notebook. So the components here write their colours inline, as a token with a mid tone for where the sheet is missing.
"""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Literal

from ..markup import Html, html, joined

Tone = Literal["run", "ok", "warn", "bad", "soft"]
# Mid tones that stand out on white and on black alike.
_MID: dict[str, str] = {
    "run": "#3f86d9",
    "ok": "#2f9e5b",
    "warn": "#c27a1a",
    "bad": "#d64545",
    "star": "#d98200",
}
_TOKENS = {"run": "brand"}
LINE = "rgba(128,128,128,.35)"
FONT = "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.45"
SOFT = "opacity:.72"  # of whatever the text's colour is


@functools.cache
def style(*sheets: str) -> str:
    """The one style sheet, with *sheets* of a screen (their text) after it."""
    return "\n".join((_read("kie.css"), *sheets))


@functools.cache
def script() -> str:
    """The helpers for the DOM, to be put before a screen's own code."""
    return _read("elements.js")


def _read(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def colour(tone: str) -> str:
    """A token of the sheet, with its mid tone where there is no sheet; for a `style` attribute."""
    mid = _MID.get(tone)
    return f"var(--kie-{_TOKENS.get(tone, tone)},{mid})" if mid else "inherit"


def state_mark(word: str, tone: Tone) -> Html:
    """The state of a run: a dot and one word."""
    dot = f"display:inline-block;width:8px;height:8px;border-radius:50%;background:{colour(tone)};margin-right:6px"
    soft = f";{SOFT}" if tone == "soft" else ""
    return html(
        '<span style="font-weight:600;white-space:nowrap;color:{}{}"><span aria-hidden="true" style="{}"></span>{}</span>',
        colour(tone), soft, dot if tone != "soft" else f"{dot};background:currentColor", word,
    )  # fmt: skip


def badge(text: str, tone: Tone = "soft", *, title: str = "") -> Html:
    """A short word in a frame."""
    frame = "border:1px solid currentColor;border-radius:99px;padding:0 8px;font-size:11px;font-weight:600;white-space:nowrap"
    look = SOFT if tone == "soft" else f"color:{colour(tone)}"
    return html('<span style="{};{}" title="{}">{}</span>', frame, look, title, text)


def stars(count: int | None) -> Html:
    """A rating from 1 to 5; nothing for none."""
    if not count:
        return Html()
    on, off = "★" * count, "★" * (5 - count)
    label = f"{count} of 5 stars"
    return html(
        '<span role="img" aria-label="{}" style="letter-spacing:1px;color:{}">{}<span style="color:{}">{}</span></span>',
        label, colour("star"), on, LINE, off,
    )  # fmt: skip


def soft(text: object) -> Html:
    """*text* where it matters less."""
    return html('<span style="{}">{}</span>', SOFT, text)


def row(*parts: object, gap: str = "8px") -> Html:
    """*parts* side by side, on more lines where there is no room."""
    style_ = f"display:flex;flex-wrap:wrap;align-items:center;gap:4px {gap}"
    return html('<div style="{}">{}</div>', style_, joined(part for part in parts if part))
