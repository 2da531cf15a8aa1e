"""Runs as a sequence that shows itself as a table, and becomes a data frame where pandas is installed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, overload

from .. import tables
from ..errors import KieError
from ..handles import Run
from ..ledger.states import WORDS
from ..paths import shown_path
from ..tables import Link, counted
from . import page
from .video import thumbnail

SHORT_PROMPT = 60
HEADINGS = ("", "run", "prompt", "state", "seed", "cost", "made (UTC)", "link until (UTC)", "marks")
WIDE, MARKS = 2, 8
MINUTE = "%Y-%m-%d %H:%M"  # a saved notebook shows it for years: "just now" would not stay true
THUMBNAILS_S = 2.0  # for making those that are not there yet; the rest follow when the table is shown again


class RunList(Sequence[Run]):
    """What `kie_nb.runs()` gives."""

    def __init__(self, runs: Sequence[Run], *, order: str = "newest first") -> None:
        self._runs = tuple(runs)
        self._order = order

    @overload
    def __getitem__(self, place: int) -> Run: ...
    @overload
    def __getitem__(self, place: slice) -> RunList: ...
    def __getitem__(self, place: int | slice) -> Run | RunList:
        return (
            RunList(self._runs[place], order=self._order) if isinstance(place, slice) else self._runs[place]
        )

    def __len__(self) -> int:
        return len(self._runs)

    def __repr__(self) -> str:
        rows = [(*cells(run), _where(run)) for run in self]
        return tables.as_text((*HEADINGS[1:], "file"), rows, caption=self._caption())

    def _repr_html_(self) -> str:
        until = time.monotonic() + THUMBNAILS_S
        rows = [(_picture(run, make=time.monotonic() < until), *cells(run)) for run in self]
        return tables.as_html(HEADINGS, rows, caption=self._caption(), wide=WIDE, also=MARKS)

    def _caption(self) -> str:
        if not self:
            return "no runs"
        return f"{counted(len(self), 'run')}, {self._order}"

    def to_frame(self) -> Any:
        """A `pandas.DataFrame`, a row a run.

        Raises:
            KieError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise KieError("Pandas is not installed here.", hint="pip install pandas") from None
        return pd.DataFrame([facts(run) for run in self], columns=list(FACTS))


FACTS = (
    "id", "state", "service", "model", "prompt", "seed", "credits", "estimate", "created_at", "completed_at",
    "duration_s", "link_until", "rating", "tags", "task_id", "video",
)  # fmt: skip


def facts(run: Run) -> dict[str, Any]:
    """What a data frame holds of a run."""
    return {name: getattr(run, name) for name in FACTS} | {
        "state": str(run.state),
        "estimate": run.estimate.credits if run.estimate else None,
        "tags": list(run.tags),
        "video": str(run.video) if run.video else None,
    }


def cells(run: Run) -> tuple[str, ...]:
    """A row of the table, without its picture."""
    is_free = run.service == "simulator"
    marks = ["★" * (run.rating or 0), ", ".join(run.tags), *run.damage]
    return (
        run.id[:8],
        page.short(run.prompt, SHORT_PROMPT),
        WORDS[run.state],
        "" if run.seed is None else str(run.seed),
        "simulated" if is_free else page.cost(run),
        f"{run.created_at:{MINUTE}}",
        f"{run.link_until:{MINUTE}}" if run.link_until else "",
        " ".join(mark for mark in marks if mark),
    )


def _where(run: Run) -> str:
    if run.video is None:
        return run.name_remark
    return shown_path(run.video) if run.is_here else "not on this machine"


def _picture(run: Run, *, make: bool) -> str | Link:
    """The thumbnail, which leads to the file."""
    if run.video is None:
        return run.name_remark
    if not run.is_here:
        return "not on this machine"
    picture = thumbnail(run.video, make=make)
    return Link("open the video", page.relative(run.video) or "", picture)
