"""HTML of an experiment: how it stands in a line, a bar, and a square for each cell."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..catalogue import USD_PER_CREDIT
from ..engine import tables
from ..engine.states import OPEN, UNSETTLED, State
from ..engine.tables import counted
from ..experiments.experiment import Experiment
from ..experiments.status import FAILED, GONE_WORDS, INCOMPLETE, TO_BUY, Status, words_of
from ..ledger import Standing
from ..markup import NOTHING, Html, html, joined
from . import page

MOST_WITH_NAMES = 300  # squares that name their cell when pointed at: more would be sent anew each second
MOST_SQUARES = 10_000  # more would be too small to tell
MOST_TOLD = 4
MISSING_COLOUR = "rgba(128,128,128,.3)"
FINE = "rgba(128,128,128,.55)"  # of a missing cell's dot, which stands alone
SQUARE = "display:inline-block;width:14px;height:14px;border-radius:3px;margin:0 3px 3px 0"
GLYPHS = "font:{size}px/{size}px 'DejaVu Sans',sans-serif;letter-spacing:1px;overflow-wrap:anywhere;word-break:break-all"
MOST_LARGE = 1500
MOST_OF_A_VALUE = 60  # characters

Cells = Sequence[tuple[dict[str, Any], Standing | None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """The page in the parts that change at different times.

    Attributes:
        head: Changes each second.
        squares: Change with the states of the cells; empty where there are too many.
        foot: What went wrong, and why it stopped; mostly empty.
        said: The same as `head` in a few words, for a screen reader.
    """

    head: Html
    squares: Html
    foot: Html
    said: str


def experiment_page(exp: Experiment) -> Html:
    """How *exp* stands now, for a notebook that was saved."""
    parts = experiment_parts(exp)
    foot = html('<div role="alert">{}</div>' if parts.foot else "<div>{}</div>", parts.foot)
    return html('<div role="status">{}</div>{}{}', parts.head, parts.squares, foot)


def experiment_parts(exp: Experiment) -> Parts:
    """The same for a live card; nothing in it is a live region, for it is written anew each second."""
    status, cells = exp.look()
    is_free = any(run.service == "simulator" for _, run in cells if run)
    mark = page.badge_of_simulator() if is_free else ""
    head = html("<div><b>{}</b> {}{}</div>", exp.name, mark, page.muted(counted(status.cells, "cell")))
    return Parts(
        head=head + _bar(status) + _line(status, is_free=is_free),
        squares=_squares(cells),
        foot=_troubles(cells, is_over=not (exp.is_running or status.stopped)) + _stopped(status),
        said=_said(status),
    )


def colour(state: str | None) -> str:
    """Mid tones that stand out on white and on black alike."""
    if state is None or state in TO_BUY:
        return MISSING_COLOUR
    return page.RUNNING if state in OPEN else page.COLOURS.get(State(state), MISSING_COLOUR)


def _colour_of(run: Standing | None) -> str:
    return MISSING_COLOUR if run is None or run.is_gone or run.is_incomplete else colour(run.state)


def _line(status: Status, *, is_free: bool) -> Html:
    counts = [
        (colour(State.FETCHED), "done", f"{status.done} of {status.cells}", True),
        (FINE, "of them damaged", str(status.damaged), status.damaged),
        (colour(State.ACCEPTED), "under way", str(status.open), status.open),
        (colour(State.FAIL), "failed", str(status.failed), status.failed),
        (colour(State.UNKNOWN), "outcome unknown", str(status.unsettled), status.unsettled),
        (FINE, GONE_WORDS, str(status.gone), status.gone),
        (FINE, INCOMPLETE, str(status.incomplete), status.incomplete),
        (FINE, "to come", str(status.missing), status.missing),
    ]
    facts = [
        ("would have cost" if is_free else "spent", _money(status), True),
        ("under way", f"about {status.reserved:g} credits", status.reserved),
        ("at risk", f"{status.at_risk:g} credits", status.at_risk),
        ("elapsed", tables.clock(status.elapsed_s), status.elapsed_s and status.left_s != 0),
        ("left, about", tables.clock(status.left_s or 0), status.left_s),
    ]
    shown = [
        *(
            _fact(_square(tone) + page.muted(name), value)
            for tone, name, value, is_shown in counts
            if is_shown
        ),
        *(_fact(page.muted(name), value) for name, value, is_shown in facts if is_shown),
    ]
    return html('<div style="margin-top:6px">{}</div>', joined(shown, page.GAP))


def _square(tone: str) -> Html:
    """The legend of the squares."""
    return html('<span aria-hidden="true" style="color:{}">&#9632;</span> ', tone)


def _fact(name: Html, value: str) -> Html:
    return html('<span style="white-space:nowrap">{} {}</span>', name, value)


def _money(status: Status) -> str:
    of = f" of about {status.estimate:g}" if status.estimate is not None else ""
    return f"{status.spent:g}{of} credits (${status.spent * USD_PER_CREDIT:.2f})"


def _bar(status: Status) -> Html:
    shares = [
        (colour(State.FETCHED), status.done),
        (page.RUNNING, status.open),
        (colour(State.FAIL), status.failed),
        (colour(State.UNKNOWN), status.unsettled),
    ]
    parts = joined(
        html(
            '<span style="display:inline-block;height:6px;width:{:.2f}%;background:{}"></span>',
            100 * number / max(1, status.cells),
            tone,
        )
        for tone, number in shares
        if number
    )
    style = "margin-top:8px;border-radius:3px;overflow:hidden;line-height:0;white-space:nowrap"
    return html('<div aria-hidden="true" style="{};background:{}">{}</div>', style, MISSING_COLOUR, parts)


def _squares(cells: Cells) -> Html:
    """A square a cell, which says its name when pointed at; where there are many, runs of one colour in one piece."""
    if len(cells) > MOST_SQUARES:
        return NOTHING
    if len(cells) <= MOST_WITH_NAMES:
        squares = joined(
            html(
                '<span title="{}" style="{};background:{}"></span>', _tip(place, run), SQUARE, _colour_of(run)
            )
            for place, run in cells
        )
        return html('<div aria-hidden="true" style="margin-top:8px;line-height:0">{}</div>', squares)
    size = 14 if len(cells) <= MOST_LARGE else 7
    tones = itertools.groupby(_colour_of(run) for _, run in cells)
    pieces = joined(
        html('<span style="color:{}">{}</span>', tone, "■" * len(list(run))) for tone, run in tones
    )
    return html(
        '<div aria-hidden="true" style="margin-top:8px;{}">{}</div>', GLYPHS.format(size=size), pieces
    )


def _tip(place: dict[str, Any], run: Standing | None) -> str:
    where = ", ".join(f"{name}={_short(value)}" for name, value in place.items()) or "the only cell"
    return f"{where}: {words_of(run) if run else 'to come'}{f', run {run.id[:8]}' if run else ''}"


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= MOST_OF_A_VALUE else f"{text[: MOST_OF_A_VALUE - 1]}…"


def _troubles(cells: Cells, *, is_over: bool) -> Html:
    """The cells that want a look, in words: a colour says it to some only."""
    wanted = FAILED | UNSETTLED | ({State.NOT_SENT} if is_over else frozenset())
    met = [(place, run) for place, run in cells if run and run.state in wanted]
    lines = [f"{_tip(place, run)}{_why(run)}" for place, run in met[:MOST_TOLD]]
    if len(met) > MOST_TOLD:
        lines.append(f"and {len(met) - MOST_TOLD} more; exp.to_frame() lists them")
    shown = joined(html("<div>{}</div>", line) for line in lines)
    return html('<div style="margin-top:6px;overflow-wrap:anywhere">{}</div>', shown) if lines else NOTHING


def _why(run: Standing) -> str:
    """What its error said, and what to do about it."""
    error = run.error or {}
    told = " ".join(str(error.get(name) or "").strip() for name in ("message", "hint"))
    return f" - {told.strip()}" if told.strip() else ""


def _stopped(status: Status) -> Html:
    stopped = status.stopped
    return html('<div style="margin-top:6px">stopped: {}</div>', stopped) if stopped else NOTHING


def _said(status: Status) -> str:
    """Milestones: each quarter of the cells, the first trouble, the end; never the clock."""
    quarter = 4 * status.done // max(1, status.cells)
    parts = [
        f"{'all' if quarter == 4 else f'{quarter} quarters'} of {status.cells} cells done"  # noqa: PLR2004
        if quarter
        else "",
        "some have failed" if status.failed else "",
        "some have an unknown outcome" if status.unsettled else "",
        f"stopped: {status.stopped}" if status.stopped else "",
    ]
    return ", ".join(part for part in parts if part)
