"""Rows are checked where they are read: SQLite keeps any value in any column, and the file may come from anybody.

A checked row has the types and ranges that `rows.py` declares. A wrong value in an informative column is read as NULL. A row with
a wrong identity, request or state is left out, with a remark, and blocks buying its request again.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_type_hints

import sqlalchemy as sa
from pydantic import TypeAdapter, ValidationError

from ..bounds import read_json
from ..catalogue import read_request
from ..errors import NOTHING, LedgerError
from .indexes import DOUBTFUL
from .rows import KeptFile, RunRow, Wanted
from .schema import event, metadata, now_in, run
from .states import UNSENT

T = TypeVar("T")
Entry = Mapping[Any, Any]  # a row of the database by the names of its columns
_RUN = TypeAdapter(RunRow)
_OTHERS = {table: TypeAdapter(table.info["row"]) for table in metadata.sorted_tables if table is not run}
# Without these nobody knows which run it is, what it asked for, or whether it may be billed.
_ESSENTIAL = {
    *("id", "service", "account", "model", "request", "fingerprint", "family", "active_key", "seed"),
    *("seed_drawn", "state", "task_id", "created_at", "owner", "owner_hint", "beat"),
}
_ASKED_ABOUT = ("accepted", "waiting", "queuing", "generating", "success")  # the service is, by its task
_SHOWN = 5
_MOST_KEPT = 100_000


class UnreadableRun(LedgerError):
    """A run in the ledger is not what a run can be: *column* is the first that is wrong."""

    def __init__(self, ledger: str, run_id: Any, column: str, why: str) -> None:
        self.column = column
        super().__init__(
            f"run {_named(run_id)} in the ledger {ledger} cannot be read: its column {column} is wrong ({why}).",
            hint="something else has changed the ledger; it is left as it is, and a copy of before has the run",
            charged="",
        )


def json_text(value: Any) -> str:
    """What a JSON column is written as; for an engine."""
    return json.dumps(value, default=KeptFile.to_json)


def json_column(text: Any) -> Any:
    """What a JSON column holds, for an engine; no type fits what is given where it holds none."""
    try:
        return read_json(text)
    except ValueError:
        return object()


def _column(text: Any) -> Any:
    return None if text is None else json_column(text)


_TAGS = TypeAdapter(get_type_hints(RunRow, include_extras=True)["tags"])


def read_tags(text: str) -> list[str]:
    """The tags in a column's text; none where they cannot be read."""
    try:
        return _TAGS.validate_python(read_json(text)) or []
    except ValueError:
        return []


class Reading:
    """The rows of one database, by its *name* for people, as they are read; and what was wrong with them."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told: dict[str, None] = {}  # in order
        self._typed_before: dict[Any, tuple[Any, Any]] = {}  # columns of runs, and what they are
        self._doubtful: list[tuple[UnreadableRun, str | None]] = []

    @property
    def remarks(self) -> list[str]:
        """What was left out, a line each."""
        lines = list(self._told)
        more = len(lines) - _SHOWN
        return lines[:_SHOWN] + ([f"{more} more rows of the ledger have wrong values."] if more > 0 else [])

    def run(self, found: Entry | None) -> RunRow | None:
        """The run that *found* is, if it is one."""
        return next(iter(self.runs([] if found is None else [found])), None)

    def runs(self, found: Iterable[Entry]) -> list[RunRow]:
        """Those of *found* that are runs."""
        return list(self._readable(found, self._run))

    def typed_all(self, kind: TypeAdapter[T], found: Iterable[Entry]) -> Iterator[T]:
        """Those of *found* that are of *kind*, which has columns of a run."""
        return self._readable(found, lambda entry: self._typed(kind, dict(entry)))

    def typed_again(
        self, kind: TypeAdapter[T], found: Iterable[Entry], in_json: Sequence[str]
    ) -> Iterator[T]:
        """The same for what is looked at each second, with columns that are the text of their JSON: what is as it was then is taken from there."""
        if len(self._typed_before) > _MOST_KEPT:
            self._typed_before.clear()
        for entry in found:
            values, (before, typed) = tuple(entry.values()), self._typed_before.get(entry["id"], (None, None))
            if before != values:
                whole = {**entry, **{name: _column(entry[name]) for name in in_json}}
                typed = next(self._readable([whole], lambda one: self._typed(kind, dict(one))), None)
                self._typed_before[entry["id"]] = values, typed
            if typed is not None:
                yield typed

    def _readable(self, found: Iterable[Entry], read: Callable[[Entry], T]) -> Iterator[T]:
        for entry in found:
            try:
                yield read(entry)
            except UnreadableRun as exc:
                self._told[f"{exc.message} It is left out."] = None

    def sure(self, found: Entry | None) -> RunRow | None:
        """The run that *found* is, None for nothing; `UnreadableRun` if it is none."""
        return None if found is None else self._run(found)

    def _typed(self, kind: TypeAdapter[T], values: dict[str, Any]) -> T:
        """*values* of columns of a run as *kind*; what only tells something is emptied where it is wrong."""
        try:
            return kind.validate_python(values)
        except ValidationError as exc:
            wrong = {str(error["loc"][0]): str(error["msg"]) for error in exc.errors(include_url=False)}
        if essential := next((name for name in wrong if name in _ESSENTIAL), None):
            raise UnreadableRun(self._name, values["id"], essential, wrong[essential])
        for name, why in wrong.items():
            run_id = _named(values["id"])
            remark = f"column {name} of run {run_id} in the ledger is wrong ({why}): it counts as empty."
            self._told[remark] = None
        return self._typed(kind, values | dict.fromkeys(wrong))

    def _run(self, found: Entry) -> RunRow:
        """The run that *found* is; refuses what could make a request be bought that was bought already."""
        row = self._typed(_RUN, dict(found))
        try:
            request = read_request(row.request)
        except ValueError as exc:
            raise UnreadableRun(self._name, row.id, "request", first_wrong(exc)) from None
        key, task = row.active_key, row.task_id
        is_foreign = key is not None and not key.startswith(f"{row.fingerprint}:")
        for is_wrong, column, why in (
            (request.seed != row.seed, "seed", "its request has another"),
            (is_foreign, "active_key", "it is not of its fingerprint"),
            (row.state in UNSENT and task is not None, "state", "a run with a task was sent"),
            (row.state in _ASKED_ABOUT and not task, "task_id", "a run that was accepted has one"),
        ):
            if is_wrong:
                raise UnreadableRun(self._name, row.id, column, why)
        return row

    def standing(self, found: Entry | None, new: Wanted) -> RunRow | None:
        """The run that stands for *new*, of which *found* was looked up.

        One that may stand for it and cannot be read is a LedgerError: buying would perhaps pay twice.
        """
        try:
            row = self.sure(found)
        except UnreadableRun as exc:
            raise _may_be_paid(exc) from exc
        family = None if row or not self._doubtful else _family(new.request)
        for wrong, theirs in () if row else self._doubtful:
            if theirs in {None, family}:
                raise _may_be_paid(wrong)
        return row

    def look_for_doubtful(self, db: sa.Connection) -> None:
        """Find the runs that no look-up by their request would find; once, when the database is opened."""
        self._doubtful = []
        for found in _seek_doubtful(db):
            try:
                self._run(found)
            except UnreadableRun as exc:
                self._told[f"{exc.message} It is left out."] = None
                self._doubtful.append((exc, _family(found["request"])))


def _seek_doubtful(db: sa.Connection) -> Sequence[Entry]:
    query = _doubtful_runs(db.dialect)
    if db.dialect.name != "postgresql":
        return db.execute(query).mappings().all()
    # It cannot guess that nearly no run is among these, and would read them all; for this transaction alone, for the next may be another's.
    db.exec_driver_sql("BEGIN")
    try:
        db.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return db.execute(query).mappings().all()
    finally:
        db.exec_driver_sql("COMMIT")


@functools.cache
def _doubtful_runs(dialect: sa.Dialect) -> Any:
    """Its condition to the letter: it is answered from an index of these rows alone, which mostly is empty."""
    shown = DOUBTFUL.compile(dialect=dialect, compile_kwargs={"literal_binds": True})
    return sa.select(run).where(sa.text(str(shown).replace(":", r"\:")))


def other_row(table: sa.Table, values: Any) -> dict[str, Any] | None:
    """*values* if they are a row of *table*; else None."""
    try:
        return dict(_OTHERS[table].validate_python(dict(values))) if values is not None else None
    except ValidationError:
        return None


def _may_be_paid(exc: UnreadableRun) -> LedgerError:
    return LedgerError(
        f"{exc.message} It may be a run of this request, paid for already: nothing was sent.",
        hint="the ledger is left as it is: restore an earlier copy, or buy it anyway with fresh=True (--fresh)",
        charged=NOTHING,
    )


def _family(stored: Any) -> str | None:
    """What tells the request in a column from others, whoever answers; None where it cannot be read."""
    try:
        return read_request(stored).family("")
    except ValueError:
        return None


def _named(run_id: Any) -> str:
    return run_id[:12] if isinstance(run_id, str) else repr(run_id)[:20]


def first_wrong(exc: ValueError) -> str:
    """What is wrong, without the value."""
    if isinstance(exc, ValidationError):
        error = exc.errors(include_url=False)[0]
        return f"{'.'.join(str(part)[:60] for part in error['loc']) or 'the whole'}: {error['msg']}"
    return str(exc)[:200]


def steps_of(db: sa.Connection, run_id: str) -> list[dict[str, Any]]:
    """The history of a run, oldest first."""
    found = db.execute(sa.select(event).where(event.c.run_id == run_id).order_by(event.c.id)).mappings()
    return [step for entry in found if (step := other_row(event, entry)) is not None]


def add_step(
    db: sa.Connection, run_id: str, before: str | None, after: str, evidence: dict[str, Any] | None
) -> None:
    """Append a step to the history of a run."""
    values = {"at": now_in(db), "run_id": run_id, "from_state": before, "to_state": after}
    db.execute(event.insert(), {**values, "evidence": evidence})
