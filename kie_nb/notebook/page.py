"""HTML for cards and videos.

No colours of a theme and no `<style>`: text inherits, lines are half transparent, so that light, dark, VS Code, an HTML
export and an untrusted notebook (whose sanitizer drops style sheets) all show the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from .. import tables
from ..catalogue import USD_PER_CREDIT, is_far
from ..errors import KieError
from ..handles import Run
from ..home import is_plain_file
from ..ledger.states import UNSETTLED, WORDS, State
from ..markup import NOTHING, ROOT, Html, html, joined
from ..paths import shown_path
from ..settings import start_folder
from ..video import is_media

FONT = "font-family:var(--jp-ui-font-family,system-ui,sans-serif);font-size:13px;line-height:1.5"
BOX = f"{FONT};border:1px solid rgba(128,128,128,.35);border-radius:6px;padding:10px 12px;margin-top:4px;max-width:854px;box-sizing:border-box"
MUTED = "opacity:.72"
SHORT_TASK = 13  # whole in the history, in `run.task_id` and at https://kie.ai/logs
LIVE_CLASS = "kie-nb-card"
# Mid tones that stand out on white and on black alike.
COLOURS = {
    State.FETCHED: "#2f9e5b",
    State.SUCCESS: "#2f9e5b",
    State.FAIL: "#d64545",
    State.REFUSED: "#d64545",
    State.NOT_SENT: "#d64545",
    State.LOST: "#d64545",
    State.UNKNOWN: "#d9822b",
}
ROUNDED = html("<style>.{}{{border-radius:6px;box-sizing:border-box}}</style>", LIVE_CLASS)
GAP = " &nbsp; "
LINES = "overflow-wrap:anywhere;white-space:pre-line"
RUNNING = "#3f86d9"
Lines = Callable[[KieError], list[str]]


def money(amount: float) -> str:
    """Credits with their price in dollars."""
    return f"{amount:g} credits (${amount * USD_PER_CREDIT:.2f})"


def cost(run: Run) -> str:  # noqa: PLR0911 - one line a case
    """What the run cost, or what is known of that; unknown is never 0, and a simulated price is never money."""
    estimate = money(run.estimate.credits) if run.estimate else ""
    if run.service == "simulator":
        priced = run.estimate
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
    inputs = request.inputs
    found = [
        ("seed", run.seed is not None and f"{run.seed}{' (drawn)' if run.row.seed_drawn else ''}"),
        ("length", "duration" in inputs and f"{inputs['duration']} s"),
        ("size", "resolution" in inputs and str(inputs["resolution"])),
        ("image", request.image and request.image.label),
        ("cost", cost(run)),
        ("task", run.task_id and short(run.task_id, SHORT_TASK)),
        ("run", run.id[:8]),
    ]
    return [(name, value) for name, value in found if value]


def short(text: str, most: int) -> str:
    """*text* in one line of at most so many characters."""
    text = " ".join(text.split())
    return text if len(text) <= most else f"{text[: most - 1]}…"


def elapsed(run: Run, usual_s: float | None) -> Html:
    """The clock of an open run."""
    usual = f" of usually about {tables.clock(usual_s)}" if usual_s else ""
    return html("{} {}{}", muted("elapsed"), tables.clock(run.age_s), usual)


def muted(text: object) -> Html:
    """*text* where it matters less."""
    return html('<span style="{}">{}</span>', MUTED, text)


def wrong(text: object) -> Html:
    """*text* behind the mark of a mistake."""
    return html('<b style="color:#d64545">&#9650;</b> {}', text)


def boxed(inside: Html) -> Html:
    """The frame of what a cell shows."""
    return html('<div {} style="{}">{}</div>', ROOT, BOX, inside)


def facts_line(run: Run) -> Html:
    """The facts as one wrapping line."""
    parts = (
        html('<span style="white-space:nowrap">{} {}</span>', muted(name), value)
        for name, value in facts(run)
    )
    style = f"{FONT};margin-top:4px;overflow-wrap:anywhere"
    return html('<div style="{}">{}</div>', style, joined(parts, GAP))


def badge_of_simulator() -> Html:
    """SIMULATED, in a frame."""
    style = "border:1px solid #d9822b;color:#d9822b;border-radius:4px;padding:0 6px;margin-left:4px;font-size:11px;font-weight:600;letter-spacing:.04em"
    title = "made by the embedded simulator, not by Kie.ai; costs nothing"
    return html('<span style="{}" title="{}">SIMULATED</span> ', style, title)


def service_badge(service: str, who: str = "Kie.ai") -> Html:
    """Who answers, and whether that costs money."""
    if service != "simulator":
        style = "border:1px solid rgba(128,128,128,.7);border-radius:4px;padding:0 6px;font-size:11px;font-weight:600"
        return html('<span style="{}">{}, paid</span>', style, who)
    return badge_of_simulator()


def state(state_: State, *, is_in_trouble: bool = False) -> Html:
    """A dot and the state in words, which say the same."""
    colour = COLOURS[State.UNKNOWN] if is_in_trouble else COLOURS.get(state_, RUNNING)
    return html('<span aria-hidden="true" style="color:{}">&#9679;</span> <b>{}</b>', colour, WORDS[state_])


def state_line(run: Run) -> Html:
    """The state, and the mark of the simulator."""
    shown = state(run.state, is_in_trouble=run.state is State.SUCCESS and run.error is not None)
    badge = badge_of_simulator() if run.service == "simulator" else NOTHING
    return html('<span role="status">{}</span> {}', shown, badge)


def prompt_line(run: Run) -> Html:
    """The prompt, shortened for a card; whole in its tooltip."""
    style = "margin-top:4px;overflow-wrap:anywhere"
    return html('<div style="{}" title="{}">{}</div>', style, run.prompt, short(run.prompt, 240))


def live_card(run: Run, *, note: str = "", lines: Lines = KieError.lines) -> Html:
    """What is known of a run, inside a frame of somebody else's."""
    shown = _card_lines(run, note=note, lines_of=lines)
    return html('{}<div {} style="{}">{}</div>', ROUNDED, ROOT, FONT, shown)


def _card_lines(run: Run, *, note: str, with_error: bool = True, lines_of: Lines = KieError.lines) -> Html:
    lines = [html("<div>{}</div>", state_line(run)), prompt_line(run), facts_line(run), _remark(note)]
    passing = run.trouble if not run.is_final else ""
    lines += [
        html('<div style="margin-top:4px">{}</div>', text) for text in (run.name_remark, passing) if text
    ]
    error = run.error
    if error is not None and with_error:
        text = joined((line.strip() for line in lines_of(error)), "<br>")
        lines.append(html('<div role="alert" style="margin-top:6px;overflow-wrap:anywhere">{}</div>', text))
    return joined(lines)


def _remark(text: str) -> Html:
    return html('<div style="{};margin-top:4px">{}</div>', MUTED, text) if text else NOTHING


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


def file_line(run: Run) -> Html:
    """Where the full files are, as links where a link from the notebook can work."""
    shown: list[object] = []
    for path in run.videos:
        where = relative(path)
        size = f" ({path.stat().st_size / 1e6:.1f} MB)" if is_plain_file(path) else " (not on this machine)"
        text = f"{where or shown_path(path)}{size}"
        shown.append(tables.link(where, text) if where and is_media(path) else text)
    if not shown:
        return NOTHING
    style = "margin-top:4px;overflow-wrap:anywhere"
    return html('<div style="{}">{} {}</div>', style, muted("file"), joined(shown, ", "))


def relative(path: Path) -> str | None:
    """*path* from the notebook's folder, if it lies below it; a link elsewhere would work nowhere else."""
    try:
        return path.relative_to(start_folder()).as_posix()
    except ValueError:
        return None
