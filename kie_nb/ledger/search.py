"""Finding runs: filters as conditions of one statement, pages, and the values to choose from."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from ..bounds import MAX_CREDITS, MAX_SECONDS, MAX_TEXT, as_scalar, can_be_kept
from ..errors import InvalidRequest
from .database import Database
from .owner import Leases
from .reading import read_tags
from .rows import RunRow
from .schema import IMPORTED, cell, run, within
from .states import UNSETTLED

MAX_RATING = 5
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
    """Some of the runs that match, and how many there are."""

    rows: list[RunRow]
    count: int
    number: int  # from 1; the last one where more was asked for
    pages: int  # 1 where nothing matches


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """The values to filter by among the runs of a service, each sorted."""

    models: list[str]
    experiments: list[str]
    tags: list[str]


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
) -> list[Any]:
    """Conditions for the runs that match all filters.

    Args:
        text: A part of the prompt, in any case.
        words: A part of the prompt, of a tag or of the experiment's name, in any case.
        by: Who asked for it; a name without a machine means that of each.
        since: A moment.
    """
    same = {"service": service, "model": model, "seed": seed}
    found: list[Any] = [run.c[name] == value for name, value in same.items() if value is not None]
    if experiment is not None:  # bought for it, or for another one that has the same cell
        of_its_cells = run.c.fingerprint.in_(
            sa.select(cell.c.fingerprint).where(cell.c.experiment == experiment)
        )
        found.append(sa.or_(run.c.experiment == experiment, of_its_cells))
    if states is not None:
        found.append(run.c.state.in_(list(states)))
    if text:
        found.append(_asked("prompt").icontains(text, autoescape=True))
    if words:
        tags, quoted = sa.cast(run.c.tags, sa.String), json.dumps(words)[1:-1]
        found.append(
            sa.or_(
                _asked("prompt").icontains(words, autoescape=True),
                run.c.experiment.icontains(words, autoescape=True),
                tags.icontains(quoted, autoescape=True),
            )
        )
    if tag is not None:
        # The list is kept as JSON text, in which every tag stands in quotes.
        found.append(sa.cast(run.c.tags, sa.String).contains(json.dumps(tag), autoescape=True))
    if least_rating is not None:
        found.append(run.c.rating.between(least_rating, MAX_RATING))
    if by is not None:
        machines = run.c.asked_by.startswith(f"{by}@", autoescape=True)
        found.append(sa.or_(run.c.asked_by == by, machines))
    if since is not None:
        found.append(run.c.created_at >= _stored(since))
    return found


def check_numbers(*, rating: object, seed: object, limit: object) -> None:
    """Raise InvalidRequest for a number that cannot be meant; None is not a filter."""
    if rating is not None and rating not in range(1, MAX_RATING + 1):
        raise InvalidRequest(f"rating={rating!r}: use a whole number from 1 to 5.", charged="")
    for name, number in (("seed", seed), ("limit", limit)):
        if number is not None and not (isinstance(number, int) and 0 <= number < 2**63):
            raise InvalidRequest(f"{name}={number!r}: use a whole number of at least 0.", charged="")


def moment_of(since: dt.datetime | dt.timedelta | str, now: Callable[[], dt.datetime]) -> dt.datetime:
    """The moment that *since* means: a moment, so long ago, or a text in ISO format; else InvalidRequest."""
    since = as_scalar(since)  # a moment of numpy
    try:
        if hasattr(since, "to_pydatetime"):  # one of pandas cannot be converted where it has no time zone
            since = since.to_pydatetime()
        if isinstance(since, dt.date) and not isinstance(since, dt.datetime):
            return dt.datetime.combine(since, dt.time())
        if isinstance(since, str):
            return dt.datetime.fromisoformat(since.strip())
        return since if isinstance(since, dt.datetime) else now() - since
    except (OverflowError, TypeError, ValueError):
        words = f"since={since!r}: use a date such as '2026-11-01', a datetime, or a timedelta."
        raise InvalidRequest(words, charged="") from None


class Queries:
    """The part of the ledger that finds runs; the filters are those of `where`."""

    _db: Database
    leases: Leases

    def runs(self, *, limit: int | None = 50, **filters: Any) -> list[RunRow]:
        """Runs, newest first."""
        return self._newest(*where(**filters), limit=limit)

    def find(self, text: str) -> list[RunRow]:
        """Runs whose id or task id begins with *text*."""
        begins = [name.startswith(text, autoescape=True) for name in (run.c.id, run.c.task_id)]
        return self._newest(sa.or_(*begins), limit=20)

    def of_video(self, sha256: str) -> RunRow | None:
        """The newest run whose file has these bytes."""
        told = sa.cast(run.c.files, sa.String).contains(f'"sha256": "{sha256}"', autoescape=True)
        return next(iter(self._newest(told, limit=1)), None)

    def same_request(self, *, fingerprint: str | None = None, family: str | None = None) -> list[RunRow]:
        """Earlier runs of a request, newest first: with its seed, or with any."""
        same = run.c.fingerprint == fingerprint if fingerprint else run.c.family == family
        return self._newest(same, limit=20)

    def sent_between(self, account: str, since: dt.datetime, until: dt.datetime) -> list[RunRow]:
        """The runs of *account* that were sent in this time, oldest first."""
        first, last = (_stored(at) for at in (since, until))
        found = sa.select(run).where(run.c.account == account, run.c.sent_at.between(first, last))
        with self._db.read() as db:
            return self._db.reading.runs(db.execute(found.order_by(run.c.sent_at)).mappings())

    def _newest(self, *conditions: Any, limit: int | None) -> list[RunRow]:
        query, began = sa.select(run).where(*conditions).order_by(run.c.created_at.desc()), time.monotonic()
        with self._db.read() as db:
            rows = self._db.reading.runs(db.execute(query.limit(limit)).mappings())
        self.leases.saw(began, *rows)
        return rows

    def page(self, number: int, *, size: int, order: str = "newest", **filters: Any) -> Page:
        """One page, from 1, of *size* of the runs that match, in an *order* of `ORDERS`."""
        began = time.monotonic()
        matching = where(**filters)
        with self._db.read() as db:
            count = db.execute(sa.select(sa.func.count()).select_from(run).where(*matching)).scalar_one()
            pages = max(1, -(-count // size))
            number = min(max(number, 1), pages)
            # Ids first: sorting whole rows, requests and all, takes four times as long (5 000 runs: 39 ms, not 10).
            some = sa.select(run.c.id).where(*matching).order_by(*ORDERS[order])
            ids = list(db.execute(some.limit(size).offset((number - 1) * size)).scalars())
            rows = self._db.reading.runs(db.execute(sa.select(run).where(run.c.id.in_(ids))).mappings())
        rows.sort(key=lambda row: ids.index(row.id))
        self.leases.saw(began, *rows)
        return Page(rows=rows, count=count, number=number, pages=pages)

    def choices(self, **filters: Any) -> Choices:
        """The models, experiments and tags of the runs that match."""
        matching = where(**filters)

        def distinct(column: sa.ColumnElement[Any], *more: Any) -> list[str]:
            query = sa.select(column).where(*matching, *more, column.is_not(None)).distinct()
            found = db.execute(query).scalars()
            return sorted(text for text in found if isinstance(text, str) and can_be_kept(text, MAX_TEXT))

        with self._db.read() as db:
            # As text: PostgreSQL cannot tell whether two values of its JSON type are the same.
            tags = {tag for text in distinct(sa.cast(run.c.tags, sa.String)) for tag in read_tags(text)}
            sharing = distinct(cell.c.experiment, cell.c.fingerprint == run.c.fingerprint)
            experiments = sorted({*distinct(run.c.experiment), *sharing})
            return Choices(models=distinct(run.c.model), experiments=experiments, tags=sorted(tags))

    def durations(self, service: str, model: str, key: dict[str, Any], *, limit: int = 50) -> list[float]:
        """Seconds that the last successful tasks of this model and these inputs took, newest first; imported ones teach nothing."""
        at_work = within(run.c.duration_s, MAX_SECONDS)
        here = (run.c.service == service, run.c.model == model, run.c.account != IMPORTED)
        asked = (_asked(name) == str(value) for name, value in key.items())
        query = sa.select(at_work).where(*here, *asked, at_work > 0).order_by(run.c.completed_at.desc())
        with self._db.read() as db:
            return [float(value) for value in db.execute(query.limit(limit)).scalars()]


class _Readable(sa.sql.functions.GenericFunction[bool]):
    """Whether a JSON column can be queried: one that cannot would fail the whole query."""

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
    """A time as the tables store it."""
    return at.astimezone(dt.UTC).isoformat(timespec="microseconds")
