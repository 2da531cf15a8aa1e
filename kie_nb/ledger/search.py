"""Which runs: filters as conditions of one statement."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from ..bounds import MAX_CREDITS, MAX_SECONDS, MAX_TEXT, can_be_kept
from .reading import read_tags
from .schema import IMPORTED, run, within

MAX_RATING = 5
UNSETTLED = ("unknown", "lost")  # nobody goes on with them, and they may have cost money
_REPORTED = within(run.c.credits, MAX_CREDITS)
_LATEST = (run.c.created_at.desc(), run.c.id)
# What is not known comes last either way: an unknown cost is not 0, and no rating is not the worst.
ORDERS: dict[str, tuple[Any, ...]] = {
    "newest": _LATEST,
    "oldest": (run.c.created_at, run.c.id),
    "best": (sa.nulls_last(within(run.c.rating, MAX_RATING).desc()), *_LATEST),
    "dearest": (sa.nulls_last(_REPORTED.desc()), *_LATEST),
    "cheapest": (sa.nulls_last(_REPORTED), *_LATEST),
    "unsettled": (run.c.state.not_in(UNSETTLED), *_LATEST),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Some of the runs that match, and how many there are.

    Attributes:
        number: Which page, from 1; the last one where more was asked for.
        pages: How many there are; 1 where nothing matches.
    """

    rows: list[Any]
    count: int
    number: int
    pages: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """What there is to choose from among the runs of a service, each in the order of its letters."""

    models: list[str]
    experiments: list[str]
    tags: list[str]


def where(
    *,
    states: Collection[str] | None = None,
    service: str | None = None,
    text: str | None = None,
    model: str | None = None,
    seed: int | None = None,
    tag: str | None = None,
    least_rating: int | None = None,
    experiment: str | None = None,
    since: dt.datetime | None = None,
) -> list[Any]:
    """Conditions for the runs that match all that is given.

    Args:
        text: A part of the prompt, in any case.
        least_rating: Only runs rated so or better, 1 to 5.
        since: Only runs written down at this moment or later.
    """
    found: list[Any] = []
    if states is not None:
        found.append(run.c.state.in_(list(states)))
    if service is not None:
        found.append(run.c.service == service)
    if text:
        found.append(_asked("prompt").icontains(text, autoescape=True))
    if model is not None:
        found.append(run.c.model == model)
    if seed is not None:
        found.append(run.c.seed == seed)
    if tag is not None:
        # The list is kept as JSON text, in which every tag stands in quotes.
        found.append(sa.cast(run.c.tags, sa.String).contains(json.dumps(tag), autoescape=True))
    if least_rating is not None:
        found.append(run.c.rating.between(least_rating, MAX_RATING))
    if experiment is not None:
        found.append(run.c.experiment == experiment)
    if since is not None:
        found.append(run.c.created_at >= _stored(since))
    return found


def page(
    db: sa.Connection,
    number: int,
    size: int,
    order: str,
    filters: dict[str, Any],
    *,
    read: Callable[[Any], list[Any]] = list,
) -> Page:
    """One page of the runs that match *filters* (see `where`).

    Args:
        number: Which page, from 1.
        size: Runs on a page.
        order: A name in `ORDERS`.
        read: Makes rows of what the database gives.
    """
    matching = where(**filters)
    count = db.execute(sa.select(sa.func.count()).select_from(run).where(*matching)).scalar_one()
    pages = max(1, -(-count // size))
    number = min(max(number, 1), pages)
    # Ids first: sorting whole rows, requests and all, takes four times as long (5 000 runs: 39 ms, not 10).
    some = sa.select(run.c.id).where(*matching).order_by(*ORDERS[order])
    ids = list(db.execute(some.limit(size).offset((number - 1) * size)).scalars())
    rows = read(db.execute(sa.select(run).where(run.c.id.in_(ids))).mappings())
    rows.sort(key=lambda row: ids.index(row.id))
    return Page(rows=rows, count=count, number=number, pages=pages)


def choices(db: sa.Connection, **filters: Any) -> Choices:
    """The models, experiments and tags of the runs that match *filters*."""
    matching = where(**filters)

    def distinct(column: sa.ColumnElement[Any]) -> list[str]:
        found = db.execute(sa.select(column).where(*matching, column.is_not(None)).distinct()).scalars()
        return sorted(value for value in found if isinstance(value, str) and can_be_kept(value, MAX_TEXT))

    # As text: PostgreSQL cannot tell whether two values of its JSON type are the same.
    lists = [
        tags for text in distinct(sa.cast(run.c.tags, sa.String)) if (tags := read_tags(text)) is not None
    ]
    return Choices(
        models=distinct(run.c.model),
        experiments=distinct(run.c.experiment),
        tags=sorted({tag for tags in lists for tag in tags}),
    )


def sent_between(account: str, since: dt.datetime, until: dt.datetime) -> sa.Select[Any]:
    """The runs of *account* that were sent in this time, oldest first."""
    first, last = (_stored(at) for at in (since, until))
    found = sa.select(run).where(run.c.account == account, run.c.sent_at.between(first, last))
    return found.order_by(run.c.sent_at)


def durations(service: str, model: str, key: dict[str, Any]) -> sa.Select[Any]:
    """How long successful tasks of this model and these inputs were at work, newest first; imported ones teach nothing."""
    at_work = within(run.c.duration_s, MAX_SECONDS)
    query = sa.select(at_work).where(
        run.c.service == service, run.c.model == model, run.c.account != IMPORTED, at_work > 0
    )
    for name, value in key.items():
        query = query.where(_asked(name) == str(value))
    return query.order_by(run.c.completed_at.desc())


class _Readable(sa.sql.functions.GenericFunction[bool]):
    """Whether a JSON column can be looked into: what cannot would fail the whole question."""

    type = sa.Boolean()
    inherit_cache = True


@compiles(_Readable, "sqlite")
def _(element: Any, compiler: Any, **more: Any) -> str:
    return f"json_valid({compiler.process(element.clauses, **more)})"


@compiles(_Readable, "postgresql")
def _(element: Any, compiler: Any, **more: Any) -> str:
    # It keeps what it cannot give: a NUL, and half a character, which is one of a pair without the other.
    column = f"({compiler.process(element.clauses, **more)})::text"
    pairs = r"\\u[dD][89abAB]..\\u[dD][c-fC-F].."
    return rf"regexp_replace({column}, '{pairs}', '', 'g') !~ '\\u(0000|[dD][89a-fA-F])'"


def _asked(name: str) -> Any:
    """An input of the request, as text; null where the request cannot be read."""
    return sa.case((_Readable(run.c.request), run.c.request["input"][name].as_string()))


def _stored(at: dt.datetime) -> str:
    """A moment as the tables keep it."""
    return at.astimezone(dt.UTC).isoformat(timespec="microseconds")
