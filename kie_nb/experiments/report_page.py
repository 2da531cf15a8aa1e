"""The page of a report, worked out with no I/O: facts, table, failures, definition."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from ..catalogue import USD_PER_CREDIT
from ..engine import tables
from ..engine.states import OPEN, UNSETTLED, WORDS, State
from ..engine.tables import counted
from ..handles import Run
from ..markup import NOTHING, Html, data_url, document, html, joined
from ..redact import Places, redacted
from .data import Cells, in_words
from .definition import Definition, short
from .spread import Spread
from .status import GONE_WORDS, INCOMPLETE, UNBILLED, Status
from .wall_page import Part

# The wall loads a video's still when it comes near; on paper nothing comes near. Taken before the wall's own script has begun.
_STILLS = """{
const stills = [...document.querySelectorAll(".kie-wall-plain video[data-tile]")].map((video) => [video.dataset.tile, video.poster]);
addEventListener("load", () => {
  for (const [tile, still] of stills) {
    const video = document.querySelector(`.kie-wall .kw-tile[data-tile="${tile}"] video`);
    if (video && still && !video.poster) video.poster = still;
  }
});
}"""
_MOST_VALUES = 20  # all of them are in the definition


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """What a report is made of.

    Attributes:
        written_at: In words, UTC.
        wall: The grid.
        style: The style sheet.
        pictures: What was sent: a caption, and a small JPEG.
        spread: How far the videos of different seeds are apart; None where it was not measured.
        places: Paths of this machine, which are not told.
    """

    definition: Definition
    cells: Cells
    status: Status
    version: str
    written_at: str
    wall: Part
    style: str
    pictures: Sequence[tuple[str, bytes]]
    spread: Spread | None
    places: Places


def page(shown: Shown) -> str:
    """The whole of it."""
    name = shown.definition.name
    runs = [run for _, run in shown.cells if run is not None]
    simulated = any(run.service == "simulator" for run in runs)
    badge = Html('<span class="badge" title="made by the embedded simulator, not by Kie.ai">SIMULATED</span>')
    parts = [
        html(
            '<header><h1>{}{}</h1><p class="muted">An experiment with kie_nb; written {}.</p>{}</header>',
            name,
            badge if simulated else "",
            shown.written_at,
            _facts(shown, runs, simulated=simulated),
        ),
        html(
            '<section aria-label="Videos"><h2>Videos</h2>{}<script>{}</script></section>',
            shown.wall.html,
            Html(_STILLS),
        ),
        _pictures(shown.pictures),
        _judged(shown, runs),
        _failures(shown),
        _table(shown.cells, simulated=simulated),
        _definition(shown.definition),
    ]
    return document(
        title=f"{name}: an experiment with kie_nb",
        style=shown.style,
        body=joined(parts),
        scripts=[shown.wall.script, _STILLS],
    )


# --- facts -----------------------------------------------------------------------------------------------------


def _facts(shown: Shown, runs: Sequence[Run], *, simulated: bool) -> Html:
    kept = shown.definition.to_json()
    rows = [
        ("state", _standing(shown.status)),
        ("cost" if not simulated else "would have cost", _money(shown.status)),
        ("answered by", _service(runs)),
        ("model", shown.definition.model),
        *((f"axis {axis}", _values(values)) for axis, values in kept["axes"].items()),
        *(("zipped", " + ".join(group)) for group in kept.get("zip", ())),
        *([("repeats", str(kept["repeats"]))] if "repeats" in kept else []),
        *([("left out", counted(len(kept["dropped"]), "cell"))] if "dropped" in kept else []),
        *((field, str(value)) for field, value in kept["fixed"].items()),
        *([("made", _when(runs))] if runs else []),
        ("made with", _makers(shown, runs)),
        ("asked for in", _origins(runs)),
    ]
    told = joined(html("<dt>{}</dt><dd>{}</dd>", name, value) for name, value in rows if value)
    return html('<dl class="facts">{}</dl>', told)


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
    return f"{status.spent:g} credits (${status.spent * USD_PER_CREDIT:.2f}){of}{status.beside}{risk}"


def _service(runs: Sequence[Run]) -> str:
    found = {run.service for run in runs}
    words = {"simulator": "kie_nb's simulator: free, and not what the model would have made", "kie": "Kie.ai"}
    return "; ".join(words.get(name, name) for name in sorted(found))


def _when(runs: Sequence[Run]) -> str:
    ends = [run.completed_at for run in runs if run.completed_at]
    first = min(run.created_at for run in runs)
    last = max(ends, default=first)
    words = f"{first:%Y-%m-%d %H:%M}"
    until = f" to {last:%H:%M}" if last.date() == first.date() else f" to {last:%Y-%m-%d %H:%M}"
    times = sorted(run.duration_s for run in runs if run.duration_s is not None)
    usual = f"; a task took {tables.clock(times[len(times) // 2])} in the median" if times else ""
    return f"{words}{until if ends and f'{last:%Y-%m-%d %H:%M}' != words else ''} UTC{usual}"


def _makers(shown: Shown, runs: Sequence[Run]) -> str:
    made = {
        (str((run.row.made_by or {}).get("kie_nb", "?")), str((run.row.made_by or {}).get("python", "?")))
        for run in runs
    }
    told = "; ".join(f"kie_nb {ours}, Python {python}" for ours, python in sorted(made))
    return told or f"kie_nb {shown.version}"


def _origins(runs: Sequence[Run]) -> str:
    """The notebooks, and the commits of their folder, a line each."""
    found = set()
    for run in runs:
        facts = run.origin
        commit = facts["git_commit"]
        at = f"commit {commit[:12]}{', with changes' if facts['git_dirty'] else ''}" if commit else ""
        found.add(", ".join(part for part in (facts["notebook"], at) if part))
    return "\n".join(sorted(found - {""})[:_MOST_VALUES])


# --- what was sent, and what came ------------------------------------------------------------------------------


def _pictures(pictures: Sequence[tuple[str, bytes]]) -> Html:
    if not pictures:
        return NOTHING
    figures = joined(
        html('<figure><img alt="" src="{}"><figcaption>{}</figcaption></figure>', data_url(still), caption)
        for caption, still in pictures
    )
    return html(
        '<section><h2>First frames that were sent</h2><div class="pictures">{}</div></section>', figures
    )


def _judged(shown: Shown, runs: Sequence[Run]) -> Html:
    lines = []
    if shown.spread is not None and shown.spread.median is not None:
        told = repr(shown.spread)
        lines.append(f"{told[:1].upper()}{told[1:]} (distance: 1 - SSIM).")
    rated = [run for run in runs if run.rating is not None]
    if rated:
        best = max(rated, key=lambda run: run.rating or 0)
        mean = sum(run.rating or 0 for run in rated) / len(rated)
        lines.append(
            f"Rated: {len(rated)} of {len(runs)}, {mean:.1f} of 5 in the mean; the best is run {best.id[:8]}, {best.rating} of 5."
        )
    told = joined(html("<p>{}</p>", line) for line in lines)
    return html("<section><h2>Judged</h2>{}</section>", told) if lines else NOTHING


def _failures(shown: Shown) -> Html:
    rows = []
    for place, run in shown.cells:
        if run is None or run.state not in UNBILLED | UNSETTLED:
            continue
        error = redacted(run.row.error or {}, shown.places)
        why = str(error.get("message") or "no reason was given")
        charged = f" Charged: {error['charged']}." if error.get("charged") else ""
        cells = [
            _td(in_words(place), "text"),
            _td(WORDS[run.state], f"short {_kind(run)}"),
            _td(f"{why}{charged}", "text"),
        ]
        rows.append(html("<tr>{}</tr>", joined(cells)))
    if not rows:
        return NOTHING
    heads = joined(_th(name, "") for name in ("cell", "state", "why"))
    return html("<section><h2>What failed</h2>{}</section>", _grid(heads, rows))


def _kind(run: Run | None) -> str:
    if run is None or run.state in OPEN:
        return "muted"
    return "good" if run.state is State.FETCHED else "bad" if run.state in UNBILLED else "unsure"


# --- the table -------------------------------------------------------------------------------------------------


def _table(cells: Cells, *, simulated: bool) -> Html:
    axes = list(dict.fromkeys(name for place, _ in cells for name in place))
    with_seed = "seed" not in axes and any(run is not None and run.seed is not None for _, run in cells)
    heads = [
        *((name, "") for name in axes),
        *([("seed", "number")] if with_seed else []),
        ("state", ""),
        ("credits", "number"),
        ("took", "number"),
        ("rating", "number"),
        ("tags", ""),
        ("task", ""),
        ("sha256 of the video", ""),
    ]
    rows = [html("<tr>{}</tr>", _row(place, run, axes, with_seed=with_seed)) for place, run in cells]
    note = Html(
        '<p class="muted">Simulated runs are free: the credits are what Kie.ai would have charged.</p>'
    )
    return html(
        "<section><h2>Every cell</h2>{}{}</section>",
        note if simulated else "",
        _grid(joined(_th(name, kind) for name, kind in heads), rows),
    )


def _grid(heads: Html, rows: Sequence[Html]) -> Html:
    return html(
        '<div class="wide"><table class="cells"><thead><tr>{}</tr></thead><tbody>{}</tbody></table></div>',
        heads,
        joined(rows),
    )


def _th(name: str, kind: str) -> Html:
    return html('<th scope="col" class="{}">{}</th>', kind, name)


def _row(place: dict[str, Any], run: Run | None, axes: Sequence[str], *, with_seed: bool) -> Html:
    values = [place.get(name, "") for name in axes]
    parts = [_td(value, "text" if len(str(value)) > 20 else "short") for value in values]  # noqa: PLR2004
    if with_seed:
        parts.append(_td(run.seed if run and run.seed is not None else "", "number"))
    if run is None:
        return joined([*parts, _td("to come", "short muted"), *(_td("", "") for _ in range(6))])
    parts += [
        _td(WORDS[run.state], f"short {_kind(run)}"),
        _td(_credits(run), "number"),
        _td(tables.clock(run.duration_s) if run.duration_s is not None else "", "number"),
        _td(f"{run.rating} of 5" if run.rating else "", "number"),
        _td(", ".join(run.tags), "tags"),
        _td(run.task_id or "", "id"),
        _td(run.row.video_sha256 or "", "id"),
    ]
    return joined(parts)


def _credits(run: Run) -> str:
    """What it cost; unknown is never 0."""
    if run.credits is not None:
        return f"{run.credits:g}"
    if run.state in UNBILLED:
        return "none"
    return "not reported" if run.state in {State.FETCHED, State.SUCCESS} else "unknown"


def _td(value: object, kind: str) -> Html:
    whole = html(' title="{}"', value) if kind == "id" and value else ""
    return html('<td class="{}"{}>{}</td>', kind, whole, value)


# --- to repeat it ----------------------------------------------------------------------------------------------


def _definition(definition: Definition) -> Html:
    text = definition.to_toml()
    name = f"{''.join(c if c.isascii() and (c.isalnum() or c in '-_') else '-' for c in definition.name)[:60]}.toml"
    link = f"data:application/toml;charset=utf-8,{quote(text, errors='replace')}"
    return html(
        "<section><h2>To repeat it</h2>"
        '<p>Save this as <a download="{name}" href="{link}">{name}</a> beside its pictures, then <code>kie-nb run {name} --plan</code> says what it '
        'would cost, and <code>kie.Experiment.load("{name}")</code> opens it in a notebook.</p>'
        "<pre>{text}</pre></section>",
        name=name,
        link=link,
        text=text,
    )
