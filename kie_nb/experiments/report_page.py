"""The page of a report, worked out with no I/O: facts, table, failures, definition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote

from .. import tables
from ..addresses import shareable_value
from ..catalogue import USD_PER_CREDIT
from ..handles import Run
from ..ledger.states import OPEN, UNSETTLED, WORDS, State
from ..markup import Html, data_url, document, rendered
from ..paths import Places, redacted
from ..tables import counted
from ..version import __version__
from .data import Cells, in_words
from .definition import Definition, short
from .spread import Spread
from .status import GONE_WORDS, INCOMPLETE, UNBILLED, Status
from .wall_page import Part, asset

_MOST_VALUES = 20  # all of them are in the definition
_LONG_VALUE = 20  # characters: a longer one may wrap
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
    heads, rows = _table(cells)
    body = rendered(
        "report.html",
        name=definition.name,
        simulated=simulated,
        written_at=f"{written_at}, with kie_nb {__version__}",
        facts=list(_facts(definition, status, runs, simulated=simulated)),
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
        style=asset("report.css"),
        body=body,
        scripts=[wall.script, script],
    )


# --- facts -----------------------------------------------------------------------------------------------------


def _facts(
    definition: Definition, status: Status, runs: Sequence[Run], *, simulated: bool
) -> Iterator[tuple[str, str]]:
    kept = shareable_value(definition.to_json())
    yield "state", _standing(status)
    yield "would have cost" if simulated else "cost", _money(status)
    yield "answered by", _service(runs)
    yield "model", definition.model
    yield from ((f"axis {axis}", _values(values)) for axis, values in kept["axes"].items())
    yield from (("zipped", " + ".join(group)) for group in kept.get("zip", ()))
    if "repeats" in kept:
        yield "repeats", str(kept["repeats"])
    if "dropped" in kept:
        yield "left out", counted(len(kept["dropped"]), "cell")
    yield from ((field, str(value)) for field, value in kept["fixed"].items())
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


def _money(status: Status) -> str:
    of = f", of about {status.estimate:g} by the price list" if status.estimate is not None else ""
    risk = f", {status.at_risk:g} at risk" if status.at_risk else ""
    return f"{status.spent:g} credits (${status.spent * USD_PER_CREDIT:.2f}){of}{risk}"


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


def _state(run: Run) -> tuple[str, str]:
    kind = "muted" if run.state in OPEN else "bad" if run.state in UNBILLED else "unsure"
    return WORDS[run.state], f"short {'good' if run.state is State.FETCHED else kind}"


def _table(cells: Cells) -> tuple[list[tuple[str, str]], list[Row]]:
    """The headings with their class, and a row a cell."""
    axes = list(dict.fromkeys(name for place, _ in cells for name in place))
    with_seed = "seed" not in axes and any(run is not None and run.seed is not None for _, run in cells)
    figures = [*(["seed"] if with_seed else []), "state", "credits", "took", "rating"]
    heads = [
        *((name, "") for name in axes),
        *((name, "" if name == "state" else "number") for name in figures),
        *((name, "") for name in ("tags", "task", "sha256 of the video")),
    ]
    return heads, [_row(place, run, axes, with_seed=with_seed) for place, run in cells]


def _row(place: dict[str, Any], run: Run | None, axes: Sequence[str], *, with_seed: bool) -> Row:
    values = [place.get(name, "") for name in axes]
    row: Row = [(value, "text" if len(str(value)) > _LONG_VALUE else "short") for value in values]
    if with_seed:
        row.append((run.seed if run and run.seed is not None else "", "number"))
    if run is None:
        return [*row, ("to come", "short muted"), *([("", "")] * 6)]
    return [
        *row,
        _state(run),
        (_credits(run), "number"),
        (tables.clock(run.duration_s) if run.duration_s is not None else "", "number"),
        (f"{run.rating} of 5" if run.rating else "", "number"),
        (", ".join(run.tags), "tags"),
        (run.task_id or "", "id"),
        (run.row.video_sha256 or "", "id"),
    ]


def _credits(run: Run) -> str:
    """What it cost; unknown is never 0."""
    if run.credits is not None:
        return f"{run.credits:g}"
    if run.state in UNBILLED:
        return "none"
    return "not reported" if run.state in {State.FETCHED, State.SUCCESS} else "unknown"
