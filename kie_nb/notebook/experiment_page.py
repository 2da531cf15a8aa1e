"""HTML of an experiment: how it stands in a line, a bar, and a square for each cell."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import design, tables
from ..catalogue import USD_PER_CREDIT
from ..experiment.experiment import Experiment
from ..experiment.status import FAILED, GONE_WORDS, INCOMPLETE, TO_BUY, Status, words_of
from ..ledger import Standing
from ..ledger.states import TONES, UNSETTLED, State
from ..markup import NOTHING, Html, data_url, html, joined
from ..tables import counted
from ..wording import Card as Words
from ..wording import Experiment as Experiments
from . import page
from .video import thumbnail

MOST_WITH_NAMES = 300  # squares that name their cell when pointed at: more would be sent anew each second
MOST_SQUARES = 10_000  # more would be too small to tell
MOST_TOLD = 4
MISSING_COLOUR = "rgba(128,128,128,.3)"
FINE = "rgba(128,128,128,.55)"  # of a missing cell's dot, which stands alone
SQUARE = "display:inline-block;width:14px;height:14px;border-radius:3px;margin:0 3px 3px 0"
GLYPHS = "font:{size}px/{size}px 'DejaVu Sans',sans-serif;letter-spacing:1px;overflow-wrap:anywhere;word-break:break-all"
MOST_LARGE = 1500
MOST_STILLS = 60  # in a saved notebook, some 4 kB each
STILLS_S = 2.0  # for making those that are not there yet
_TONES = {tone: design.colour(tone) for tone in ("run", "ok", "warn", "bad")}
MOST_OF_A_VALUE = 60  # characters

Cells = Sequence[tuple[dict[str, Any], Standing | None]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """The page in the parts that change at different times.

    Attributes:
        head: Changes each second.
        squares: Change with the states of the cells; empty where there are too many.
        cells: Run, tone and tooltip of each, for what draws them itself; empty where they are too many for that.
        foot: What went wrong, and why it stopped; mostly empty.
        said: The same as `head` in a few words, for a screen reader.
        is_stopped: No more is bought.
    """

    head: Html
    squares: Html
    foot: Html
    said: str
    cells: tuple[tuple[str, str, str], ...] = ()
    is_stopped: bool = False


def experiment_page(exp: Experiment, *, stills: bool = False) -> Html:
    """How *exp* stands now, for a notebook that was saved.

    Args:
        stills: Show the cells that are done as small pictures, if they are few.
    """
    parts = experiment_parts(exp)
    pictures = _stills(exp) if stills and len(parts.cells) <= MOST_STILLS else {}
    if pictures:
        parts = replace(parts, squares=_tiles(parts.cells, pictures))
    foot = html('<div role="alert">{}</div>' if parts.foot else "<div>{}</div>", parts.foot)
    return html('<div role="status">{}</div>{}{}', parts.head, parts.squares, foot)


def experiment_parts(exp: Experiment) -> Parts:
    """The same for a live card; nothing in it is a live region, for it is written anew each second."""
    status, cells = exp.look()
    mark = design.badge(Words.SIMULATED, "warn", title=Words.SIMULATED_TIP) if status.is_simulated else ""
    head = html("<div><b>{}</b> {} {}</div>", exp.name, mark, page.muted(counted(status.cells, "cell")))
    return Parts(
        head=head + _bar(status) + _line(status),
        squares=_squares(cells),
        foot=_troubles(cells, status, is_over=not (exp.is_running or status.stopped)),
        said=_said(status),
        is_stopped=bool(status.stopped),
        cells=tuple((run.id if run else "", _tone(run), _tip(place, run)) for place, run in cells)
        if len(cells) <= MOST_WITH_NAMES
        else (),
    )


def _stills(exp: Experiment) -> dict[str, bytes]:
    """Small JPEGs by run; those that would take long to make are left out."""
    until = time.monotonic() + STILLS_S
    videos = {run.id: run.video for run in exp.runs if run.video is not None}
    made = ((run, thumbnail(video, make=time.monotonic() < until)) for run, video in videos.items())
    return {run: still for run, still in made if still}


def _tiles(cells: Iterable[tuple[str, str, str]], stills: Mapping[str, bytes]) -> Html:
    place = "display:inline-block;width:64px;height:36px;border-radius:3px;margin:0 4px 4px 0;overflow:hidden;vertical-align:top"
    fill = "display:block;width:64px;height:36px;max-width:none;object-fit:cover;margin:0"
    shown = [
        html('<span title="{}" style="{};background:{}">{}</span>', tip, place, _TONES.get(tone, MISSING_COLOUR),
             html('<img alt="{}" style="{}" src="{}">', tip, fill, data_url(stills[run])) if run in stills else "")
        for run, tone, tip in cells
    ]  # fmt: skip
    return html('<div style="margin-top:8px;line-height:0">{}</div>', joined(shown))


def _tone(run: Standing | None) -> str:
    if run is None or run.is_gone or run.is_incomplete or run.state in TO_BUY:
        return "none"
    return TONES[State(run.state)]


def _colour(run: Standing | None) -> str:
    """Mid tones that stand out on white and on black alike."""
    return _TONES.get(_tone(run), MISSING_COLOUR)


def _line(status: Status) -> Html:
    counts = [
        (_TONES["ok"], "done", f"{status.done} of {status.cells}"),
        (FINE, "of them damaged", status.damaged),
        (_TONES["run"], "under way", status.open),
        (_TONES["bad"], "failed", status.failed),
        (_TONES["warn"], "outcome unknown", status.unsettled),
        (FINE, GONE_WORDS, status.gone),
        (FINE, INCOMPLETE, status.incomplete),
        (FINE, "to come", status.missing),
    ]
    of = f" of about {status.estimate:g}" if status.estimate is not None else ""
    spent = f"{status.spent:g}{of} credits (${status.spent * USD_PER_CREDIT:.2f})"
    if status.estimate is None and not status.spent:  # what has no known price does not cost 0
        spent = Experiments.NO_PRICE
    money = [
        ("spent", spent),
        ("under way", f"about {status.reserved:g} credits" if status.reserved else ""),
        ("at risk", f"{status.at_risk:g} credits" if status.at_risk else ""),
    ]
    if status.is_simulated:  # nothing of it is spent
        listed = f"about {page.money(status.estimate)}" if status.estimate is not None else ""
        money = [("at Kie.ai", spent if status.spent else listed)]
    facts = [
        *money,
        ("elapsed", tables.clock(status.elapsed_s) if status.elapsed_s and status.left_s != 0 else ""),
        ("left, about", tables.clock(status.left_s) if status.left_s else ""),
    ]
    square = '<span aria-hidden="true" style="color:{}">&#9632;</span> {}'  # the legend of the squares
    named = [(html(square, tone, page.muted(name)), value) for tone, name, value in counts]
    named += [(page.muted(name), value) for name, value in facts]
    shown = [
        html('<span style="white-space:nowrap">{} {}</span>', name, value) for name, value in named if value
    ]
    return html('<div style="margin-top:6px">{}</div>', joined(shown, page.GAP))


def _bar(status: Status) -> Html:
    """Filled with what has ended: while nothing has, it is empty."""
    shares = [(_TONES["ok"], status.done), (_TONES["bad"], status.failed), (_TONES["warn"], status.unsettled)]
    part = '<span style="display:inline-block;height:6px;width:{:.2f}%;background:{}"></span>'
    parts = joined(html(part, 100 * number / max(1, status.cells), tone) for tone, number in shares if number)
    style = "margin-top:8px;height:6px;border-radius:3px;overflow:hidden;line-height:0;white-space:nowrap"
    return html('<div aria-hidden="true" style="{};background:{}">{}</div>', style, MISSING_COLOUR, parts)


def _squares(cells: Cells) -> Html:
    """A square a cell, with its name as a tooltip; where there are many, neighbours of one colour in one piece."""
    if len(cells) > MOST_SQUARES:
        return NOTHING
    if len(cells) <= MOST_WITH_NAMES:
        style = "line-height:0"
        square = '<span title="{}" style="{};background:{}"></span>'
        pieces = [html(square, _tip(place, run), SQUARE, _colour(run)) for place, run in cells]
    else:
        style = GLYPHS.format(size=14 if len(cells) <= MOST_LARGE else 7)
        tones = itertools.groupby(_colour(run) for _, run in cells)
        piece = '<span style="color:{}">{}</span>'
        pieces = [html(piece, tone, "■" * len(list(same))) for tone, same in tones]
    return html('<div aria-hidden="true" style="margin-top:8px;{}">{}</div>', style, joined(pieces))


def _tip(place: dict[str, Any], run: Standing | None) -> str:
    values = {name: str(value) for name, value in place.items()}
    where = ", ".join(
        f"{name}={text if len(text) <= MOST_OF_A_VALUE else f'{text[: MOST_OF_A_VALUE - 1]}…'}"
        for name, text in values.items()
    )
    return f"{where or 'the only cell'}: {f'{words_of(run)}, run {run.id[:8]}' if run else 'to come'}"


def _troubles(cells: Cells, status: Status, *, is_over: bool) -> Html:
    """What went wrong, in words: not everybody can tell the colours apart."""
    wanted = FAILED | UNSETTLED | ({State.NOT_SENT} if is_over else frozenset())
    met = [(place, run) for place, run in cells if run and run.state in wanted]
    lines = []
    for place, run in met[:MOST_TOLD]:
        error = run.error or {}
        told = " ".join(str(error.get(name) or "").strip() for name in ("message", "hint")).strip()
        lines.append(f"{_tip(place, run)}{f' - {told}' if told else ''}")
    if len(met) > MOST_TOLD:
        lines.append(f"and {len(met) - MOST_TOLD} more; exp.to_frame() lists them")
    told_of = (
        [("overflow-wrap:break-word", joined(html("<div>{}</div>", line) for line in lines))] if lines else []
    )
    if status.stopped:
        told_of.append(("", html("stopped: {}", status.stopped)))
    return joined(html('<div style="margin-top:6px;{}">{}</div>', style, text) for style, text in told_of)


def _said(status: Status) -> str:
    """Milestones: each quarter of the cells, the first trouble, the end; never the clock."""
    quarter = 4 * status.done // max(1, status.cells)
    done = ("", "a quarter", "half", "three quarters", "all")[quarter]
    parts = [
        f"{done} of {status.cells} cells done" if quarter else "",
        "some have failed" if status.failed else "",
        "some have an unknown outcome" if status.unsettled else "",
        f"stopped: {status.stopped}" if status.stopped else "",
    ]
    return ", ".join(filter(None, parts))
