"""Experiments in the ledger: their definitions, their cells, and the runs of these."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from pydantic import TypeAdapter

from ..bounds import MAX_TEXT, Credits, FileCount, Seconds, Sha256, Text, Word, can_be_kept
from ..errors import NOTHING, InvalidRequest, LedgerError
from .database import Database
from .reading import other_row
from .rows import ErrorColumn, ExperimentRow, KeptFiles, NewRun, RunRow, StateName
from .schema import CAME, cell, experiment, listed, now_in, run
from .states import State

Places = dict[str, dict[str, Any]]
Answer = tuple[Mapping[str, Any], Mapping[str, Mapping[str, Any]]]
Standings = Callable[[Sequence[str]], dict[str, "Standing"]]
Decide = Callable[[dict[str, Any] | None, Places, Standings], Answer | None]
_AT_ONCE = 500  # SQLite takes a thousand variables and more


@dataclass(frozen=True, slots=True)
class Standing:
    """What is shown of the run that stands for a cell, without what it was asked for."""

    id: Word
    fingerprint: Sha256
    service: Word
    state: StateName
    credits: Credits | None
    estimate: Credits | None
    duration_s: Seconds | None
    experiment: Text | None = None
    error: ErrorColumn | None = None
    files: KeptFiles = ()
    files_made: FileCount | None = None
    # It is done, and its video, or another of its files, is not on this machine: the ledger does not know that.
    is_gone: bool = False
    is_incomplete: bool = False

    @property
    def is_damaged(self) -> bool:
        """Whether something is wrong with a file as the service sent it."""
        return any(one.remark for one in self.files)


_IN_JSON = ("error", "files")  # as text: what has not changed since the last look is not read again
_STANDING = sa.select(
    *(
        sa.cast(run.c[name], sa.String).label(name) if name in _IN_JSON else run.c[name]
        for name in Standing.__slots__
        if name in run.c
    )
)
_STANDING_ROW = TypeAdapter(Standing)


def ensure_cell(db: sa.Connection, new: NewRun) -> None:
    """Refuse a cell that is not in the stored grid: another definition took its place before any of this one was bought."""
    found = sa.and_(cell.c.experiment == new.experiment, cell.c.fingerprint == new.fingerprint)
    if not db.execute(sa.select(sa.exists().where(found))).scalar():
        words = f"Another definition of the experiment {new.experiment!r} has taken the place of this one"
        raise InvalidRequest(f"{words}.", hint="run the one you want; another name keeps both")


@dataclass(frozen=True, slots=True)
class Cell:
    """Where a request stands in an experiment, and what that asks for."""

    place: dict[str, Any]
    definition: Mapping[str, Any]


def _parts(fingerprints: Sequence[str]) -> Iterator[Sequence[str]]:
    return (fingerprints[start : start + _AT_ONCE] for start in range(0, len(fingerprints), _AT_ONCE))


def _readable(found: Iterable[Any]) -> list[ExperimentRow]:
    rows: Iterable[Any] = (other_row(experiment, entry) for entry in found)
    return [row for row in rows if row is not None and can_be_kept(row["name"], MAX_TEXT)]


class Experiments:
    """The experiments of a ledger at one service, named as requests are told apart by (`Channel.identity`)."""

    def __init__(self, database: Database, service: str) -> None:
        self._db, self._service = database, service

    def definition(self, name: str) -> dict[str, Any] | None:
        """What was stored under *name*, or None."""
        with self._db.read() as db:
            return self._kept(db, name)[0]

    def places(self, name: str) -> Places:
        """The place of each cell by its fingerprint, in order."""
        with self._db.read() as db:
            return self._kept(db, name)[1]

    def change(self, name: str, decide: Decide) -> None:
        """Store a definition and its cells, in place of those under *name*.

        *decide* gets the stored ones, and what gives the runs that stand for requests; it returns those to store, or None for
        no change. It is asked again in the transaction that writes: nobody else can change them, or buy a cell, between its
        answer and the writing. What it raises leaves all as it was.
        """
        with self._db.read() as db:
            if decide(*self._kept(db, name), partial(self._standings, db)) is None:
                return
        with self._db.write() as db:
            if (answer := decide(*self._kept(db, name), partial(self._standings, db))) is not None:
                self._keep(db, name, *answer)

    def _kept(self, db: sa.Connection, name: str) -> tuple[dict[str, Any] | None, Places]:
        kept = db.execute(sa.select(experiment).where(*self._is(experiment.c.name, name))).mappings().first()
        row = other_row(experiment, kept)
        if kept is not None and row is None:  # its seed would be drawn anew, and all of it be bought again
            raise LedgerError(
                f"The definition of the experiment {name!r} in the ledger cannot be read; nothing was sent.",
                hint="give the experiment another name, or restore an earlier copy of the ledger",
                charged=NOTHING,
            )
        query = sa.select(cell).where(*self._is(cell.c.experiment, name)).order_by(cell.c.position)
        found = [one for entry in db.execute(query).mappings() if (one := other_row(cell, entry))]
        return row["definition"] if row else None, {one["fingerprint"]: one["place"] for one in found}

    def _keep(
        self,
        db: sa.Connection,
        name: str,
        definition: Mapping[str, Any],
        places: Mapping[str, Mapping[str, Any]],
    ) -> None:
        made = db.execute(sa.select(experiment.c.made_at).where(*self._is(experiment.c.name, name))).scalar()
        db.execute(experiment.delete().where(*self._is(experiment.c.name, name)))
        db.execute(cell.delete().where(*self._is(cell.c.experiment, name)))
        moment = now_in(db)
        known = {"service": self._service, "made_at": made or moment, "changed_at": moment}
        db.execute(experiment.insert().values(name=name, definition=dict(definition), **known))
        whose = {"experiment": name, "service": self._service}
        rows = [
            {**whose, "fingerprint": fingerprint, "place": dict(place), "position": position}
            for position, (fingerprint, place) in enumerate(places.items())
        ]
        if rows:
            db.execute(cell.insert(), rows)

    def all(self) -> list[ExperimentRow]:
        """The experiments there are, the one changed last first."""
        query = sa.select(experiment).where(experiment.c.service == self._service)
        with self._db.read() as db:
            return _readable(db.execute(query.order_by(experiment.c.changed_at.desc())).mappings())

    def of_requests(self, fingerprints: Sequence[str]) -> dict[str, dict[str, Cell]]:
        """The cells of these requests, by fingerprint and experiment, at any service."""
        found: dict[str, dict[str, Cell]] = defaultdict(dict)
        with self._db.read() as db:
            known = {
                (one["name"], one["service"]): one["definition"]
                for one in _readable(db.execute(sa.select(experiment)).mappings())
            }
            for some in _parts(fingerprints):
                query = sa.select(cell).where(cell.c.fingerprint.in_(some)).order_by(cell.c.experiment)
                for one in filter(None, (other_row(cell, entry) for entry in db.execute(query).mappings())):
                    definition = known.get((one["experiment"], one["service"]))
                    if definition is not None:
                        found[one["fingerprint"]][one["experiment"]] = Cell(one["place"], definition)
        return found

    def attempts(self, fingerprints: Sequence[str]) -> dict[str, int]:
        """How often each of these requests was sent."""
        found: dict[str, int] = {}
        was_sent = run.c.state.not_in((State.INTENT, State.NOT_SENT))
        query = sa.select(run.c.fingerprint, sa.func.count()).where(was_sent).group_by(run.c.fingerprint)
        with self._db.read() as db:
            for some in _parts(fingerprints):
                found.update((one, n) for one, n in db.execute(query.where(run.c.fingerprint.in_(some))))
        return found

    def runs(self, fingerprints: Sequence[str]) -> dict[str, RunRow]:
        """The run of each request that has one, by fingerprint: the one that stands for it, else the newest."""
        with self._db.read() as db:
            found = self._db.reading.runs(self._found(db, sa.select(run), fingerprints))
        return {row.fingerprint: row for row in found}

    def standings(self, fingerprints: Sequence[str]) -> dict[str, Standing]:
        """The same, as much of it as is looked at each second."""
        with self._db.read() as db:
            return self._standings(db, fingerprints)

    def _standings(self, db: sa.Connection, fingerprints: Sequence[str]) -> dict[str, Standing]:
        found = self._found(db, _STANDING, fingerprints)
        return {one.fingerprint: one for one in self._db.reading.typed_again(_STANDING_ROW, found, _IN_JSON)}

    @staticmethod
    def _found(db: sa.Connection, query: Any, fingerprints: Sequence[str]) -> list[Any]:
        """Entries of the runs of these requests, in such an order that the last of each counts."""
        stands = (
            run.c.id.label("run"),
            run.c.fingerprint.label("of"),
            run.c.active_key.is_not(None).label("stands"),
        )
        found = (
            db.execute(query.add_columns(*stands).where(listed(run.c.fingerprint, fingerprints)))
            .mappings()
            .all()
        )
        times = Counter(entry["of"] for entry in found)
        several = [entry["run"] for entry in found if times[entry["of"]] > 1]
        came = (
            dict(db.execute(sa.select(run.c.id, CAME).where(listed(run.c.id, several))).all())
            if several
            else {}
        )
        found = (
            sorted(found, key=lambda entry: (entry["stands"], came.get(entry["run"], 0)))
            if several
            else found
        )
        return list(found)

    def _is(self, column: Any, name: str) -> Sequence[Any]:
        return (column == name, column.table.c.service == self._service)
