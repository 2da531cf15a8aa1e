"""One look for every screen: tokens and components, as a style sheet, as JavaScript, and as HTML for a saved notebook.

Live screens (widgets, pages of their own) use `style` and its classes, below an element of the class `kie`. What a
notebook keeps must read well without any style sheet, in every theme: a sanitizer drops `<style>` from an untrusted
notebook. So the components here write their colours inline, as a token with a mid tone for where the sheet is missing.
"""

from __future__ import annotations

import functools
from importlib.resources import files
from typing import Literal

from ..markup import Html, html

Tone = Literal["run", "ok", "warn", "bad", "soft"]
# Mid tones that stand out on white and on black alike.
_MID: dict[str, str] = {
    "run": "#3f86d9",
    "ok": "#2f9e5b",
    "warn": "#c27a1a",
    "bad": "#d64545",
    "star": "#d98200",
}
LINE = "rgba(128,128,128,.35)"
FONT = "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.45"
SOFT = "opacity:.72"  # of whatever the text's colour is


@functools.cache
def style(*sheets: str) -> str:
    """The one style sheet, with *sheets* of a screen (their text) after it."""
    return "\n".join((_read("kie.css"), *sheets))


@functools.cache
def script(*more: str) -> str:
    """The helpers for the DOM, to be put before a screen's own code; with *more* of the files here, such as `cells.js`."""
    return "\n".join(map(_read, ("elements.js", *more)))


def _read(name: str) -> str:
    return (files(__package__) / name).read_text(encoding="utf-8")


def colour(tone: str) -> str:
    """The mid tone of a token, for a `style` attribute: the sanitizer of an untrusted notebook drops variables."""
    return _MID.get(tone, "currentColor")


def state_mark(word: str, tone: Tone, *, wraps: bool = False) -> Html:
    """The state of a run: a dot and one word, whose colour is the text's: no tone can be read on white and on black."""
    dot = f"display:inline-block;width:8px;height:8px;border-radius:50%;background-color:{colour(tone)};margin-right:6px"
    look = "display:inline-flex;align-items:baseline;white-space:normal" if wraps else "white-space:nowrap"
    return html(
        '<span style="font-weight:600;{}"><span aria-hidden="true" style="{};flex:none"></span>{}</span>', look, dot, word
    )  # fmt: skip


def badge(text: str, tone: Tone = "soft", *, title: str = "") -> Html:
    """A short word in a frame."""
    look = f"border:1px solid {colour(tone)};border-radius:99px;padding:0 8px;font-size:11px;font-weight:600;white-space:nowrap"
    return html('<span style="{}" title="{}">{}</span>', look, title, text)


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
