"""Runs as a sequence that shows itself as a table, and becomes a data frame where pandas is installed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, overload

from .. import design, tables
from ..catalogue import USD_PER_CREDIT
from ..experiment.data import frame
from ..experiment.lines import of_runs
from ..handles import Run
from ..ledger.states import OPEN, RELEASED, UNSETTLED, State, shown_state
from ..markup import Html, html, joined
from ..paths import shown_path
from ..requests.provenance import made_of
from ..tables import Link, counted
from ..video import is_media
from ..wording import Lists
from ..wording.next_steps import LOGS
from . import page
from .video import thumbnail

SHORT_PROMPT = 80
IN_TEXT = 48
HEADINGS = ("run", "state", "prompt", "seed", "cost", "made (UTC)", "marks", "file")
WIDE = 2
MINUTE = "%Y-%m-%d %H:%M"  # a saved notebook shows it for years: "just now" would not stay true
THUMBNAILS_S = 2.0  # for making those that are not there yet; the rest follow when the table is shown again


class RunList(Sequence[Run]):
    """What `kie_nb.runs()` gives."""

    def __init__(
        self, runs: Sequence[Run], *, order: str = "newest first", experiment: str | None = None
    ) -> None:
        self._runs = tuple(runs)
        self._order = order
        self._experiment = experiment  # that they were looked for by

    @overload
    def __getitem__(self, place: int) -> Run: ...
    @overload
    def __getitem__(self, place: slice) -> RunList: ...
    def __getitem__(self, place: int | slice) -> Run | RunList:
        if not isinstance(place, slice):
            return self._runs[place]
        return RunList(self._runs[place], order=self._order, experiment=self._experiment)

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        return tables.as_text(HEADINGS, [_in_text(run) for run in self], caption=self._caption())

    def _repr_html_(self) -> str:
        until = time.monotonic() + THUMBNAILS_S
        rows = [_row(run, make=time.monotonic() < until) for run in self]
        headings = [joined(words.split("\n"), "<br>") for words in Lists.HEADINGS]
        return tables.as_html(headings, rows, caption=self._caption(), wide=WIDE)

    def _caption(self) -> str:
        if not self:
            return Lists.NO_RUNS
        return f"{counted(len(self), 'run')}, {self._order}"

    def to_frame(self) -> Any:
        """A `pandas.DataFrame`, a row a run: the columns of `Experiment.to_frame`, with the axes of the cell that it stands for.

        Raises:
            KieError: pandas is not installed.
        """
        return frame(of_runs(self, self._experiment))


def _in_text(run: Run) -> tuple[str, ...]:
    marks = ["★" * (run.rating or 0), ", ".join(run.tags), *run.damage]
    return (
        run.id[:8],
        _state(run)[0],
        page.short(run.prompt, IN_TEXT),
        "" if run.seed is None else str(run.seed),
        cost(run),
        f"{run.created_at:{MINUTE}}",
        " ".join(mark for mark in marks if mark),
        _where(run),
    )


def _row(run: Run, *, make: bool) -> tuple[str | Link | Html, ...]:
    word, tone = _state(run)
    prompt = tables.disclosure(page.short(run.prompt, SHORT_PROMPT), details(run))
    state = design.state_mark(word[:1].upper() + word[1:], tone, wraps=True)
    seed = "" if run.seed is None else html("{}<br>", run.seed)
    return (
        html("{}<br>{}", state, design.soft(run.id[:8])),  # what `%kie show` takes
        _picture(run, make=make),
        joined([prompt, design.stars(run.rating), *(page.wrong(words) for words in run.damage)]),
        html('{}<span style="white-space:normal">{}</span>', seed, cost(run)),
        html("{}<br>{}", *f"{run.created_at:{MINUTE}}".split()),
    )


def _state(run: Run) -> tuple[str, design.Tone]:
    is_undriven = run.ledger.leases.is_dead(run.row) or (run.state in OPEN and run.error is not None)
    return shown_state(run.state, is_undriven=is_undriven)


def cost(run: Run) -> str:
    """What it cost, as short as a table needs it: nothing for a run that was never billed, and never 0 for "unknown"."""
    listed = f"{run.estimate.credits:g}" if run.estimate else "?"
    if run.service == "simulator" or run.is_film:
        return Lists.FREE
    if run.credits is not None:
        return f"{run.credits:g} (${run.credits * USD_PER_CREDIT:.2f})"
    if run.state in UNSETTLED | {State.WRITTEN_OFF}:
        return Lists.PERHAPS.format(credits=listed)
    if run.state in RELEASED:
        return ""
    about = Lists.ABOUT.format(credits=listed)
    return Lists.NOT_REPORTED.format(about=about) if run.state in {State.FETCHED, State.SUCCESS} else about


def details(run: Run) -> list[tuple[str, object]]:
    """What a row unfolds: name and value."""
    request = run.request
    is_at_kie = run.task_id is not None and run.service == "kie"
    asked = [
        request.length,
        request.size,
    ]
    found: list[tuple[str, object]] = [
        ("prompt", run.prompt),
        ("run", run.id),
        ("task", tables.web_link(LOGS, run.task_id) if is_at_kie else run.task_id),
        ("file", _file(run)),
        ("link until", f"{run.link_until:{MINUTE}} UTC" if run.link_until else ""),
        ("model", run.model),
        ("video", " · ".join(str(each) for each in asked if each)),
        ("made of", made_of(run.row)),
        ("picture", request.image.label if request.image else ""),
        *((role.replace("_", " "), names) for role, names in request.other_media.items()),
        ("asked for by", page.asked_by(run)),
        ("tags", ", ".join(run.tags)),
        ("note", run.row.note or ""),
    ]
    return [(name, value) for name, value in found if value]


def _where(run: Run) -> str:
    if run.video is None:
        return run.name_remark
    return shown_path(run.video) if run.is_here else Lists.IN_STORE if run.is_kept else Lists.NOT_HERE


def _file(run: Run) -> str | Html:
    where = page.relative(run.video) if run.video is not None and run.is_here else None
    return tables.link(where, where) if where and run.video and is_media(run.video) else _where(run)


def _picture(run: Run, *, make: bool) -> str | Link:
    """The thumbnail, which leads to the file."""
    if run.video is None:
        return ""
    if not run.is_kept:
        return Lists.NOT_HERE
    picture = thumbnail(run.video, make=make)
    return Link(Lists.OPEN_VIDEO, page.relative(run.video) or "", picture)
