"""The card of a run as a notebook keeps it: HTML that reads well with no kernel, no style sheet and no network.

It has the places and sizes of the live card, so that nothing moves where the one stands in for the other. The sanitizer of an
untrusted notebook strips sheets, and of inline styles what it does not know: sizes stand in attributes too.
"""

from __future__ import annotations

from urllib.parse import quote

from .. import design
from ..design import FONT, LINE, SOFT
from ..handles import Run
from ..markup import NOTHING, ROOT, Html, data_url, html, joined
from ..wording import Card
from . import page
from .card_data import CardData, card_data_of

WIDTH = 854  # pixels, at the most
_FRAME = f"{FONT};border:1px solid {LINE};border-radius:8px;margin-top:4px;max-width:{WIDTH}px;box-sizing:border-box;overflow:hidden"
_HEAD = "padding:8px 12px;min-height:44px;box-sizing:border-box;display:flex;flex-wrap:wrap;align-items:center;gap:4px 8px"
_ROOM = "background:rgba(128,128,128,.1);margin-top:3px"
_FOOT = "padding:8px 12px"
_CUT = "overflow:hidden;text-overflow:ellipsis;white-space:nowrap"
_LINK = '<a href="{}" title="{}" target="_blank" rel="noopener noreferrer">{}</a>'
# By the first word of a MIME type; "" is a file that no browser plays: a still of it is shown, where there is one.
_TAGS = {
    "video": '<video controls loop playsinline preload="metadata" aria-label="video: {label}" {size};background:#000" '
    'src="{source}"{poster}></video>',
    "image": '<img alt="picture: {label}" {size}" src="{source}">',
    "audio": '<audio controls aria-label="sound: {label}" style="width:100%" src="{source}"></audio>',
    "": '<img alt="a frame of the video" {size}" src="{still}">',
}


def card(
    run: Run, *, note: str = "", how: str = "", with_error: bool = True, still: bytes | None = None
) -> Html:
    """What is known of a run, without its video.

    Args:
        how: How it came about, as `Started` says.
        still: A small JPEG of the picture that was sent, which stands where the video will be.
    """
    data = card_data_of(run, how=how, note=note, with_error=with_error)
    shown = NOTHING
    if data.place and still:
        source = data_url(still)
        shown = html('<img alt="" {};opacity:.55" src="{}">', _size(data.ratio), source)
    elif data.place and not run.is_final:
        shown = html('<div {};background:rgba(128,128,128,.12)"></div>', _size(data.ratio))
    return _page(data, shown)


def finished_page(
    kind: str,
    run: Run,
    *,
    source: str,
    poster: bytes | None,
    note: str = "",
    how: str = "",
    ratio: float | None = None,
) -> Html:
    """The finished video, picture or sound with what it was made from.

    Args:
        kind: The first word of its MIME type.
        source: A `data:` URL, or a path relative to the notebook. It is the `src` of the video itself: the sanitizer of an
            untrusted notebook would strip a `<source>` child.
        how: How it came about, as `Started` says.
        ratio: Width by height of its place, where that was kept before it was there.
    """
    data = card_data_of(run, how=how, note=note, ratio=ratio)
    still = data_url(poster) if poster else NOTHING
    shown = html(
        _TAGS[kind] if kind or still else "",
        label=" ".join(run.prompt.split())[:120],
        size=_size(data.ratio),
        source=source,
        still=still,
        poster=html(' poster="{}"', still) if still else "",
    )
    return _page(data, shown)


def _size(ratio: float) -> Html:
    """Attributes that keep its room before it is loaded; the style is left open for more."""
    height = round(WIDTH / ratio)
    return html(
        'width="{}" height="{}" style="display:block;margin:0 auto;max-width:100%;width:min(100%,calc(50vh * {}));height:auto;'
        'aspect-ratio:{};max-height:50vh;object-fit:contain',
        WIDTH, height, ratio, ratio,
    )  # fmt: skip


def _page(data: CardData, shown: Html) -> Html:
    badges = (design.badge(text, tone, title=title) for text, tone, title in data.badges)
    spring = html('<span style="flex:1"></span>')
    head = (
        html('<span role="status">{}</span>', design.state_mark(data.word, data.tone)),
        design.soft(data.time) if data.time else "",
        *badges,
        spring,
        design.soft(data.price),
    )
    alert = html(
        '<div role="alert" style="border-left:3px solid {};padding:2px 0 2px 10px;overflow-wrap:break-word">{}</div>',
        design.colour(data.tone if data.tone in {"bad", "warn"} else "bad"),
        joined(data.alert, "<br>"),
    )
    parts = (
        html('<div style="{}">{}</div>', _HEAD, joined(part for part in head if part)),
        html('<div style="{}">{}</div>', _ROOM, shown) if shown else "",
        html('<div style="{}">{}</div>', _FOOT, joined((_prompt(data), _facts(data), alert if data.alert else "", _rest(data)))),
    )  # fmt: skip
    return html('<div {} style="{}">{}</div>', ROOT, _FRAME, joined(part for part in parts if part))


def _prompt(data: CardData) -> Html:
    return html('<div style="{}" title="{}">{}</div>', _CUT, data.prompt, page.short(data.prompt, 240))


def _facts(data: CardData) -> Html:
    """What is readable at a glance, and what works without a kernel."""
    shown = joined(
        (html("{} <b>{}</b>", name, value) if name else value for name, value in data.facts), " &middot; "
    )
    link = data.file[0] if data.file else ""
    tip = Card.OPEN_TIP.format(path=link)  # on another machine the file may not be there
    links = html(_LINK, quote(link, errors="replace"), tip, Card.OPEN_FILE) if link else ""
    return html(
        '<div style="min-height:34px;display:flex;flex-wrap:wrap;align-items:center;gap:4px 12px">{}{}<span style="flex:1"></span>{}</div>',
        design.stars(data.stars), html('<span style="{}">{}</span>', SOFT, shown), links,
    )  # fmt: skip


def _rest(data: CardData) -> Html:
    note = html('<div style="{}">{}</div>', SOFT, data.note) if data.note else NOTHING
    rows = joined(
        html(
            '<div style="overflow-wrap:anywhere"><span style="{}">{}</span> {}</div>',
            SOFT, name, value,
        )
        for name, value in data.details
    )  # fmt: skip
    hint = design.soft(Card.COMMANDS.format(run=data.id[:8])) if data.file else ""
    folded = html(
        '<details><summary style="cursor:pointer;{}">{}</summary>{}{}</details>',
        SOFT,
        Card.DETAILS,
        rows,
        hint,
    )
    return joined((note, folded))
