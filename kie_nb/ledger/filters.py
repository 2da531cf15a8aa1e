"""What is looked for in the ledger: filters as conditions of one statement."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from . import search_text
from .indexes import STARS, TAGS
from .schema import cell, run, words
from .states import State

_WORDS = words.c


@dataclass(kw_only=True, slots=True)
class Sought:
    """What is looked for.

    Attributes:
        base: Conditions of service and state, by which each index of an order begins.
        runs: Conditions of other columns.
        words: Conditions of what search looks into, and what can be told of its findings alone.
        parts: Texts that it holds then.
        is_indexed: An index has all that it takes.
        is_starred: The stars count.
        is_study: An experiment is named.
    """

    base: list[Any] = field(default_factory=list)
    runs: list[Any] = field(default_factory=list)
    words: list[Any] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    is_indexed: bool = True
    is_starred: bool = False
    is_study: bool = False

    @property
    def of_words(self) -> list[Any]:
        """The conditions of both tables together."""
        return [words.c.run_id == run.c.id, *self.words] if self.words else []

    @property
    def conditions(self) -> list[Any]:
        """All of them."""
        return [*self.base, *self.runs, *self.of_words]

    @property
    def along(self) -> list[Any]:
        """All of them for what follows the index of an order: no other is taken."""
        return [*self.base, *unindexed(self.runs), *self.of_words]


def unindexed(conditions: list[Any]) -> list[Any]:
    """The same conditions, by which SQLite, which guesses how many rows they have, looks nothing up."""
    return [sa.case((sa.and_(*conditions), 1), else_=0) == 1] if conditions else []


def where(
    *,
    states: Collection[str] | None = None,
    service: str | None = None,
    text: str | None = None,
    words: str | None = None,
    model: str | None = None,
    seed: int | None = None,
    tag: str | None = None,
    least_rating: int | None = None,
    experiment: str | None = None,
    by: str | None = None,
    since: dt.datetime | None = None,
) -> Sought:
    """What finds the runs that match all filters.

    Args:
        text: A part of the prompt, in any case.
        words: A part of the prompt, of a tag, of the note or of the experiment's name, in any case.
        by: Who asked for it; a name without a machine means that of each.
        since: A moment.
    """
    found = Sought()
    if service is not None:
        found.base.append(run.c.service == service)
    if states is not None:
        found.base.append(_in_states(states))
    same = {"model": model, "seed": seed}
    found.runs += [run.c[name] == value for name, value in same.items() if value is not None]
    if experiment is not None:  # bought for it, or for another one that has the same cell
        of_its_cells = sa.select(run.c.id).join(cell, cell.c.fingerprint == run.c.fingerprint)
        its_own = sa.select(run.c.id).where(run.c.experiment == experiment)
        found.runs.append(run.c.id.in_(its_own.union(of_its_cells.where(cell.c.experiment == experiment))))
        found.base, found.is_indexed, found.is_study = unindexed(found.base), False, True
    _add_texts(found, text=text, words=words, tag=tag)
    if least_rating is not None:
        found.runs.append(least_rating <= STARS)
        found.is_starred = True
    if by is not None:
        machines = run.c.asked_by.startswith(f"{by}@", autoescape=True)
        found.runs.append(sa.or_(run.c.asked_by == by, machines))
    if since is not None:
        found.runs.append(run.c.created_at >= stored(since))
    return found


def _in_states(states: Collection[str]) -> Any:
    """One state is a part of the statement: only so is an index of its rows taken."""
    known = sorted(set(states) & set(State))
    if len(known) == 1:
        return run.c.state == sa.literal_column(f"'{State(known[0]).value}'")
    return run.c.state.in_(known)


def _add_texts(found: Sought, *, text: str | None, words: str | None, tag: str | None) -> None:
    prompt, marks = _WORDS.prompt, _WORDS.marks
    for asked, places in ((text, (prompt,)), (words, (prompt, marks))):
        if asked and (part := search_text.folded(asked)):
            found.parts.append(part)
            found.words.append(sa.or_(*(place.contains(part, autoescape=True) for place in places)))
    if tag is not None:
        found.parts.append(search_text.as_a_mark(tag))
        found.words.append(marks.contains(search_text.as_a_mark(tag), autoescape=True))
        # The list is kept as JSON text, in which every tag stands in quotes.
        found.words.append(TAGS.contains(json.dumps(tag), autoescape=True))
    found.is_indexed &= not found.words


def stored(at: dt.datetime) -> str:
    """A time as the tables store it."""
    return at.astimezone(dt.UTC).isoformat(timespec="microseconds")
