"""Finding runs: filters as conditions, pages, and the values to choose from; quick however long the history is.

What few runs match is looked up by an index and sorted; where many do, the index of the order is followed until the page is
full, and no more than so many are counted.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles

from ..bounds import MAX_RATING, MAX_SECONDS, MAX_TEXT, as_scalar, can_be_kept
from ..errors import InvalidRequest
from . import search_text
from .database import Database
from .filters import Sought, stored, unindexed, where
from .indexes import CHEAPEST, DEAREST, NEWEST, STARS, TAGS
from .owner import Leases
from .reading import read_tags
from .rows import RunRow
from .schema import IMPORTED, PARTS, cell, experiment, listed, run, within, words
from .states import UNSETTLED

MOST_SORTED = 1000  # runs that match, each of which is looked at
MOST_OF_A_STUDY = 20_000  # an experiment is looked up as a whole
MOST_COUNTED = 100_000  # where an index has all that is asked for
_AT_ONCE = 2500
ORDERS: dict[str, tuple[Any, ...]] = {
    "newest": NEWEST,
    "oldest": (run.c.created_at, run.c.id),
    "best": (STARS.desc(), *NEWEST),
    "dearest": (DEAREST.desc(), *NEWEST),
    "cheapest": (CHEAPEST.desc(), *NEWEST),
    "unsettled": (run.c.state.not_in(UNSETTLED), *NEWEST),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Some of the runs that match, and how many there are."""

    rows: list[RunRow]
    count: int
    has_more: bool  # than were counted
    number: int  # from 1; the last one where more was asked for
    pages: int  # 1 where nothing matches


@dataclass(frozen=True, kw_only=True, slots=True)
class Choices:
    """The values to filter by among the runs of a service, each sorted."""

    models: list[str]
    experiments: list[str]
    tags: list[str]


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
        sought = where(**filters)
        if not sought.conditions or limit == 0:
            return self._newest(limit=limit)
        began = time.monotonic()
        with self._db.read() as db:
            most = None if limit is None else max(limit, MOST_SORTED)
            ids, are_all, are_by_time = _some(db, sought, most)
            if not are_all and not are_by_time:
                ids = _walk(db, sought, "newest", most or 0, 0)
            rows = self._rows(db, _sorted(db, ids, NEWEST, limit, 0))
        self.leases.saw(began, *rows)
        return rows

    def find(self, text: str) -> list[RunRow]:
        """Runs whose id or task id begins with *text*."""
        with self._db.read() as db:
            is_sqlite = db.dialect.name == "sqlite"  # where LIKE, in any case, takes no index
        names = (run.c.id, run.c.task_id)
        begins = [
            name.between(text, f"{text}\U0010ffff") if is_sqlite else name.startswith(text, autoescape=True)
            for name in names
        ]
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
        first, last = (stored(at) for at in (since, until))
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
        sought, by = where(**filters), ORDERS[order]
        most = MOST_OF_A_STUDY if sought.is_study else MOST_SORTED
        with self._db.read() as db:
            ids, are_all, are_by_time = _some(db, sought, most, is_oldest=order == "oldest")
            count, has_more = (len(ids), False) if are_all else _count(db, sought)
            pages = max(1, -(-count // size))
            number = min(max(number, 1), pages)
            start = (number - 1) * size
            if are_all:
                ids = _sorted(db, ids, by, size, start)
            elif are_by_time and order in {"newest", "oldest"} and len(ids) >= start + size:
                ids = ids[start : start + size]
            else:
                ids = _walk(db, sought, order, size, start)
            rows = self._rows(db, ids)
        self.leases.saw(began, *rows)
        return Page(rows=rows, count=count, has_more=has_more, number=number, pages=pages)

    def _rows(self, db: sa.Connection, ids: list[str]) -> list[RunRow]:
        found = db.execute(sa.select(run).where(listed(run.c.id, ids))).mappings()
        place = {run_id: at for at, run_id in enumerate(ids)}
        return sorted(self._db.reading.runs(found), key=lambda row: place[row.id])

    def choices(self, *, states: Collection[str] | None = None, service: str | None = None) -> Choices:
        """The models, experiments and tags of the runs that match; each value is found by an index, whatever the number of its runs."""
        matching = where(states=states, service=service).base
        same = run.c.fingerprint == cell.c.fingerprint
        of_it = cell.c.experiment == experiment.c.name
        shared = sa.exists().where(of_it, same, *unindexed(matching))
        with self._db.read() as db:

            def distinct(column: Any, of: sa.Column[Any]) -> list[str]:
                found = db.execute(_distinct(column, [*matching, of.is_not(None)])).scalars()
                return sorted(text for text in found if isinstance(text, str) and can_be_kept(text, MAX_TEXT))

            # As text: PostgreSQL cannot tell whether two values of its JSON type are the same.
            tags = {tag for text in distinct(TAGS, run.c.tags) for tag in read_tags(text)}
            sharing = db.execute(sa.select(experiment.c.name).where(shared)).scalars()
            names = {name for name in sharing if can_be_kept(name, MAX_TEXT)}
            experiments = sorted({*distinct(run.c.experiment, run.c.experiment), *names})
            return Choices(
                models=distinct(run.c.model, run.c.model), experiments=experiments, tags=sorted(tags)
            )

    def durations(self, service: str, model: str, key: dict[str, Any], *, limit: int = 50) -> list[float]:
        """Seconds that the last successful tasks of this model and these inputs took, newest first; imported ones teach nothing."""
        at_work = within(run.c.duration_s, MAX_SECONDS)
        here = (run.c.service == service, run.c.model == model, run.c.account != IMPORTED)
        asked = (_asked(name) == str(value) for name, value in key.items())
        query = sa.select(at_work).where(*here, *asked, at_work > 0).order_by(run.c.completed_at.desc())
        with self._db.read() as db:
            return [float(value) for value in db.execute(query.limit(limit)).scalars()]


def _distinct(column: sa.ColumnElement[Any], matching: list[Any]) -> sa.Select[Any]:
    """The values of *column*: from each to the next one."""
    first = sa.select(column.label("value")).where(*matching).order_by(column).limit(1).subquery()
    found = sa.select(first.c.value).cte("found", recursive=True)
    after = sa.select(column).where(*matching, column > found.c.value).order_by(column).limit(1)
    after = after.correlate(found)
    found = found.union_all(sa.select(after.scalar_subquery()).where(found.c.value.is_not(None)))
    return sa.select(found.c.value).where(found.c.value.is_not(None))


class _Some(NamedTuple):
    """Ids of runs that match; whether these are all, and whether they are in the order of time."""

    ids: list[str]
    are_all: bool
    are_by_time: bool = False


def _some(db: sa.Connection, sought: Sought, most: int | None, *, is_oldest: bool = False) -> _Some:
    """*Most* of the runs that match, or all."""
    asked = search_text.narrowed(db, sought.parts) if sought.parts else None
    if asked is None or _are_few(db, [*sought.base, *sought.runs]):
        limit = None if most is None else most + 1
        ids = list(db.execute(sa.select(run.c.id).where(*sought.conditions).limit(limit)).scalars())
        return _Some(ids[:most], most is None or len(ids) <= most)
    ids, number = [], words.c.number
    theirs = unindexed([*sought.base, *sought.runs])
    for some in _candidates(db, asked, is_oldest=is_oldest):
        query = sa.select(run.c.id).where(listed(number, some), *sought.of_words, *theirs)
        ids += db.execute(query.order_by(number if is_oldest else number.desc())).scalars()
        if most is not None and len(ids) > most:
            return _Some(ids[:most], are_all=False, are_by_time=True)
    return _Some(ids, are_all=True, are_by_time=True)


def _are_few(db: sa.Connection, conditions: list[Any]) -> bool:
    """Whether so few runs match these that each can be looked at."""
    found = sa.select(run.c.id).where(*conditions).limit(MOST_SORTED + 1)
    return bool(conditions) and len(db.execute(found).all()) <= MOST_SORTED


def _candidates(db: sa.Connection, asked: str, *, is_oldest: bool) -> Iterator[list[int]]:
    """What SQLite's index of parts has, in the order of time."""
    row = sa.literal_column("rowid", sa.Integer)
    query = sa.select(row).select_from(sa.table(PARTS)).where(sa.literal_column(PARTS).op("MATCH")(asked))
    query = query.order_by(row if is_oldest else row.desc()).limit(_AT_ONCE)
    beyond: list[Any] = []
    while True:
        found = list(db.execute(query.where(*beyond)).scalars())
        yield found
        if len(found) < _AT_ONCE:
            return
        beyond = [row > found[-1] if is_oldest else row < found[-1]]


def _count(db: sa.Connection, sought: Sought) -> tuple[int, bool]:
    if not sought.is_indexed:
        return MOST_SORTED, True
    some = (
        sa.select(sa.literal(1)).select_from(run).where(*sought.conditions).limit(MOST_COUNTED + 1).subquery()
    )
    count = db.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
    return min(count, MOST_COUNTED), count > MOST_COUNTED


def _sorted(
    db: sa.Connection, ids: list[str], by: tuple[Any, ...], size: int | None, start: int
) -> list[str]:
    found = sa.select(run.c.id).where(listed(run.c.id, ids)).order_by(*by).limit(size).offset(start)
    return list(db.execute(found).scalars())


def _walk(db: sa.Connection, sought: Sought, order: str, size: int, start: int) -> list[str]:
    """A page of many: along the index of its order."""
    is_other = order not in {"newest", "oldest"} or sought.is_starred
    conditions = sought.along if is_other and db.dialect.name == "sqlite" else sought.conditions
    found = sa.select(run.c.id).where(*conditions).order_by(*ORDERS[order]).limit(size).offset(start)
    return list(db.execute(found).scalars())


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
