"""The repetitions that `Experiment.verify` has bought: cells of no grid, and yet of the experiment."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ..handles import Run, Session
from ..ledger.states import State
from .comparison import Comparison, compare
from .data import Cells


@dataclass(frozen=True, kw_only=True, slots=True)
class Repeat:
    """A run of the same request as a cell's.

    Attributes:
        place: The cell's, with the number of the repetition.
    """

    place: dict[str, Any]
    first: Run
    again: Run

    def compared(self, spread: float | None) -> Comparison:
        """How alike the two videos are, set against the *spread* between seeds; a second or so."""
        return compare(self.first, self.again, spread=spread)


def repeats_of(session: Session, name: str, cells: Cells) -> list[Repeat]:
    """The repetitions of the *cells* of the experiment *name*, of which both videos are here."""
    ours = {run.id for _, run in cells if run is not None}
    firsts = {
        replace(run.request, replicate=0).fingerprint(run.service): (place, run)
        for place, run in reversed(cells)
        if run is not None and run.state is State.FETCHED and run.is_kept
    }
    found = []
    for again in session.runs(None, experiment=name, states={State.FETCHED}):
        request = again.request
        key = replace(request, replicate=0).fingerprint(again.service)
        if again.id not in ours and again.is_kept and request.replicate and key in firsts:
            place, first = firsts[key]
            found.append(Repeat(place=place | {"repeat": request.replicate + 1}, first=first, again=again))
    return sorted(found, key=lambda one: (one.first.id, one.place["repeat"]))
