"""HTML for cards and videos.

No colours of a theme and no `<style>`: text inherits, lines are half transparent, so that light, dark, VS Code, an HTML
export and an untrusted notebook (whose sanitizer drops style sheets) all show the same.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..catalogue import NO_SEED_SHORT, USD_PER_CREDIT, is_far
from ..handles import Run
from ..ledger.states import RELEASED, UNSETTLED, State
from ..markup import ROOT, Html, html
from ..requests.provenance import made_of
from ..settings import start_folder, system_user
from ..wording import Card

FONT = "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.5"
BOX = f"{FONT};border:1px solid rgba(128,128,128,.35);border-radius:6px;padding:10px 12px;margin-top:4px;max-width:854px;box-sizing:border-box"
MUTED = "opacity:.72"
SHORT_TASK = 13  # whole in the history, in `run.task_id` and at https://kie.ai/logs
LIVE_CLASS = "kie-nb-card"
ROUNDED = html("<style>.{}{{border-radius:6px;box-sizing:border-box}}</style>", LIVE_CLASS)
GAP = " &nbsp; "


def money(amount: float) -> str:
    """Credits with their price in dollars."""
    return f"{amount:g} credits (${amount * USD_PER_CREDIT:.2f})"


def cost(run: Run) -> str:  # noqa: PLR0911 - one line a case
    """What the run cost, or what is known of that; unknown is never 0, and a simulated price is never money."""
    if run.is_film:
        return Card.JOINED
    estimate = money(run.estimate.credits) if run.estimate else ""
    if run.service == "simulator":
        priced = None if run.state in RELEASED else run.estimate
        return f"free (at Kie.ai {priced.credits:g} credits, ${priced.usd:.2f})" if priced else "free"
    if run.credits is not None:
        return "nothing, as you said" if run.state is State.WRITTEN_OFF else money(run.credits)
    if run.state in {State.REFUSED, State.NOT_SENT}:
        return "nothing charged"
    if run.state is State.FAIL:
        return "not charged, as failed tasks are"
    if run.state in UNSETTLED | {State.WRITTEN_OFF}:
        return f"perhaps {estimate}" if estimate else "unknown"
    if run.state in {State.FETCHED, State.SUCCESS}:
        return f"not reported (estimate {estimate})" if estimate else "not reported"
    return f"about {estimate}" if estimate else "price not known here"


def facts(run: Run) -> list[tuple[str, str]]:
    """Name and value of what identifies a run."""
    request = run.request
    found: list[tuple[str, Any]] = [
        ("seed", run.seed is not None and f"{run.seed}{' (drawn)' if run.row.seed_drawn else ''}"),
        ("seed", request.has_no_seed and NO_SEED_SHORT),
        ("length", request.length),
        ("size", request.size),
        ("image", request.image and request.image.label),
        *((role.replace("_", " "), names) for role, names in request.other_media.items()),
        ("made of", made_of(run.row)),
        ("cost", cost(run)),
        ("task", run.task_id and short(run.task_id, SHORT_TASK)),
        ("run", run.id[:8]),
    ]
    return [(name, value) for name, value in found if value]


def short(text: str, most: int) -> str:
    """*text* in one line of at most so many characters."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def muted(text: object) -> Html:
    """*text* where it matters less."""
    return html('<span style="{}">{}</span>', MUTED, text)


def wrong(text: object) -> Html:
    """*text* behind the mark of a mistake."""
    return html('<b style="color:#d64545">&#9650;</b> {}', text)


def boxed(inside: Html) -> Html:
    """The frame of what a cell shows."""
    return html('<div {} style="{}">{}</div>', ROOT, BOX, inside)


def price_remark(run: Run) -> str:
    """A real cost that is far from the estimate is pointed out: the price list may be old."""
    was_made = run.state in {State.FETCHED, State.SUCCESS}  # a failed task costs nothing by any list
    estimate, real = run.estimate, run.credits
    if (
        run.service == "simulator"
        or not was_made
        or real is None
        or not estimate
        or not is_far(estimate, real)
    ):
        return ""
    return f"The price list of {estimate.as_of} said {estimate.credits:g} credits; it may be old."


def asked_by(run: Run) -> str:
    """Who asked for it, where that says something: not the one who uses this machine, without a name of their own."""
    who = run.row.asked_by or ""
    return "" if who == system_user() else who


def relative(path: Path) -> str | None:
    """*path* from the notebook's folder, if it lies below it; a link elsewhere would work nowhere else."""
    try:
        return path.relative_to(start_folder()).as_posix()
    except ValueError:
        return None
