"""The HTML of a report: facts, table, failures, definition; no I/O."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from .. import design, tables
from ..addresses import shareable_value
from ..catalogue import USD_PER_CREDIT
from ..handles import Run
from ..ledger.states import TONES, UNSETTLED, WORDS, State
from ..markup import Html, data_url, document, html, rendered
from ..paths import Places, redacted
from ..tables import counted
from ..version import __version__
from ..wording import Experiment, Report
from .data import Cells, in_words
from .definition import Definition, short
from .spread import Spread
from .status import GONE_WORDS, INCOMPLETE, UNBILLED, Status
from .wall_page import Part, asset
from .wall_tiles import PROMPT, as_sent

_MOST_VALUES = 20  # all of them are in the definition
_LONG_VALUE = 20  # characters: a longer one may wrap
_NUMBER = "kie-number"
Row = list[tuple[object, str]]  # what stands in each cell, and the class of its style


def page(
    *,
    definition: Definition,
    cells: Cells,
    status: Status,
    written_at: str,
    wall: Part,
    pictures: Sequence[tuple[str, bytes]],
    spread: Spread | None,
    places: Places,
) -> str:
    """The whole page.

    Args:
        written_at: In words, UTC.
        pictures: What was sent: a caption, and a small JPEG.
        spread: How far apart the videos of different seeds are; None where it was not measured.
        places: Paths of this machine, which are redacted.
    """
    runs = [run for _, run in cells if run is not None]
    simulated = any(run.service == "simulator" for run in runs)
    text, script = definition.to_toml(), asset("report.js")
    cells = as_sent(cells)
    heads, rows = _table(cells)
    body = rendered(
        "report.html",
        words=Report,
        name=definition.name,
        simulated=simulated,
        summary=[_standing(status), _money(status, simulated=simulated), definition.model],
        written_at=f"{written_at}, with kie_nb {__version__}",
        facts=list(_facts(definition, cells, runs)),
        wall=wall.html,
        script=Html(script),
        pictures=[(caption, data_url(still)) for caption, still in pictures],
        judged=list(_judged(spread, runs)),
        failed=list(_failures(cells, places)),
        heads=heads,
        rows=rows,
        definition=text,
        file=f"{''.join(c if c.isascii() and (c.isalnum() or c in '-_') else '-' for c in definition.name)[:60]}.toml",
        link=quote(text, errors="replace"),
    )
    return document(
        title=f"{definition.name}: an experiment with kie_nb",
        style=design.style(asset("wall.css"), asset("report.css")),
        body=body,
        scripts=[wall.script, script],
    )


# --- facts -----------------------------------------------------------------------------------------------------


def _facts(definition: Definition, cells: Cells, runs: Sequence[Run]) -> Iterator[tuple[str, str]]:
    kept = shareable_value(definition.to_json())
    sent = list(dict.fromkeys(run.prompt for run in runs))
    yield "answered by", _service(runs)
    yield "model", definition.model
    for axis, values in kept["axes"].items():
        places = dict.fromkeys(place[axis] for place, _ in cells if axis in place)
        yield f"axis {axis}", _values(list(places) if axis == PROMPT else values)
    yield from (("zipped", " + ".join(group)) for group in kept.get("zip", ()))
    if "repeats" in kept:
        yield "repeats", str(kept["repeats"])
    if "dropped" in kept:
        yield "left out", counted(len(kept["dropped"]), "cell")
    for field, value in kept["fixed"].items():
        yield field, _values(sent) if field == PROMPT and sent else str(value)
    if runs:
        yield "made", _when(runs)
    made_by = [run.row.made_by or {} for run in runs]
    makers = {f"kie_nb {each.get('kie_nb', '?')}, Python {each.get('python', '?')}" for each in made_by}
    yield "made with", "; ".join(sorted(makers)) or f"kie_nb {__version__}"
    yield "asked for in", _origins(runs)


def _values(values: Sequence[Any]) -> str:
    """Numbers in a line, texts in a line each."""
    if all(isinstance(value, int | float) for value in values):
        told = short(values)
        return told if told[:1] != "[" else ", ".join(map(str, values))
    more = [f"and {len(values) - _MOST_VALUES} more"] if len(values) > _MOST_VALUES else []
    return "\n".join([*map(str, values[:_MOST_VALUES]), *more])


def _standing(status: Status) -> str:
    known = [
        (status.failed, "failed"),
        (status.open, "under way"),
        (sum(status.counts.get(state, 0) for state in UNSETTLED), "of unknown outcome"),
        (status.gone, GONE_WORDS),
        (status.incomplete, INCOMPLETE),
        (status.missing, "to come"),
    ]
    rest = "".join(f", {count} {word}" for count, word in known if count)
    return f"{status.done} of {counted(status.cells, 'cell')} done{rest}"


def _money(status: Status, *, simulated: bool) -> str:
    of = Report.ESTIMATE.format(credits=f"{status.estimate:g}") if status.estimate is not None else ""
    risk = Report.AT_RISK.format(credits=f"{status.at_risk:g}") if status.at_risk else ""
    usd = f"{status.spent * USD_PER_CREDIT:.2f}"
    if status.unpriced and not status.spent:
        return f"{Experiment.NO_PRICE}{risk}"
    cost = (Report.COST_SIMULATED if simulated else Report.PRICE).format(credits=f"{status.spent:g}", usd=usd)
    return f"{cost}{of}{risk}"


def _service(runs: Sequence[Run]) -> str:
    words = {"simulator": "kie_nb's simulator: free, and not what the model would have made", "kie": "Kie.ai"}
    return "; ".join(words.get(name, name) for name in sorted({run.service for run in runs}))


def _when(runs: Sequence[Run]) -> str:
    ends = [run.completed_at for run in runs if run.completed_at]
    first = min(run.created_at for run in runs)
    last = max(ends, default=first)
    words = f"{first:%Y-%m-%d %H:%M}"
    until = f" to {last:%H:%M}" if last.date() == first.date() else f" to {last:%Y-%m-%d %H:%M}"
    times = sorted(run.duration_s for run in runs if run.duration_s is not None)
    usual = f"; a task took {tables.clock(times[len(times) // 2])} in the median" if times else ""
    return f"{words}{until if ends and f'{last:%Y-%m-%d %H:%M}' != words else ''} UTC{usual}"


def _origins(runs: Sequence[Run]) -> str:
    """The notebooks, and the commits of their folder, a line each."""
    found = set()
    for run in runs:
        facts = run.origin
        commit = facts["git_commit"]
        at = f"commit {commit[:12]}{', with changes' if facts['git_dirty'] else ''}" if commit else ""
        found.add(", ".join(part for part in (facts["notebook"], at) if part))
    return "\n".join(sorted(found - {""})[:_MOST_VALUES])


def _judged(spread: Spread | None, runs: Sequence[Run]) -> Iterator[str]:
    if spread is not None and spread.median is not None:
        told = repr(spread)
        yield f"{told[:1].upper()}{told[1:]} (distance: 1 - SSIM)."
    rated = {run: run.rating for run in runs if run.rating is not None}
    if rated:
        best = max(rated, key=lambda run: rated[run])
        mean = sum(rated.values()) / len(rated)
        yield f"Rated: {len(rated)} of {len(runs)}, {mean:.1f} of 5 in the mean; the best is run {best.id[:8]}, {best.rating} of 5."


# --- the tables ------------------------------------------------------------------------------------------------


def _failures(cells: Cells, places: Places) -> Iterator[Row]:
    for place, run in cells:
        if run is None or run.state not in UNBILLED | UNSETTLED:
            continue
        error = redacted(run.row.error or {}, places)
        why = str(error.get("message") or "no reason was given")
        charged = f" Charged: {error['charged']}." if error.get("charged") else ""
        yield [(in_words(place), "text"), _state(run), (f"{why}{charged}", "text")]


def _state(run: Run) -> tuple[Html, str]:
    word = WORDS[run.state]
    mark = html('<span class="kie-state kie-is-{}">{}</span>', TONES[run.state], word[:1].upper() + word[1:])
    return mark, "short"


def _table(cells: Cells) -> tuple[list[tuple[str, str]], list[Row]]:
    """The headings with their class, and a row a cell."""
    axes = list(dict.fromkeys(name for place, _ in cells for name in place))
    runs = [run for _, run in cells if run is not None]
    more = [
        *(["seed"] if "seed" not in axes and any(run.seed is not None for run in runs) else []),
        *([PROMPT] if PROMPT not in axes and len({run.prompt for run in runs}) > 1 else []),
    ]
    heads = [
        *((name, _NUMBER if name == "seed" else "") for name in (*axes, *more)),
        *((name, "") for name in ("state",)),
        *((name, _NUMBER) for name in ("credits", "took")),
        *((name, "") for name in ("rating", "tags", "task", "sha256 of the video")),
    ]
    return heads, [_row(place, run, axes, more) for place, run in cells]


def _row(place: dict[str, Any], run: Run | None, axes: Sequence[str], more: Sequence[str]) -> Row:
    values = [(name, place.get(name, "")) for name in axes]
    values += [(name, "" if run is None or (value := getattr(run, name)) is None else value) for name in more]
    row: Row = [(value, _NUMBER if name == "seed" else _width(value)) for name, value in values]
    if run is None:
        return [*row, ("to come", "short kie-soft"), *([("", "")] * 6)]
    return [
        *row,
        _state(run),
        (_credits(run), _NUMBER),
        (tables.clock(run.duration_s) if run.duration_s is not None else "", _NUMBER),
        (design.stars(run.rating), "short"),
        (", ".join(run.tags), "tags"),
        (run.task_id or "", "id"),
        (run.row.video_sha256 or "", "id"),
    ]


def _width(value: object) -> str:
    return "text" if len(str(value)) > _LONG_VALUE else "short"


def _credits(run: Run) -> str:
    """What it cost; unknown is never 0."""
    if run.credits is not None:
        return f"{run.credits:g}"
    if run.state in UNBILLED:
        return "none"
    return "not reported" if run.state in {State.FETCHED, State.SUCCESS} else "unknown"
