"""Merge imported runs or another ledger, in one transaction, without ever causing a duplicate submission."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import sqlalchemy as sa

from ..errors import NOTHING, LedgerError
from . import search_text, tallies
from .database import Database
from .marks import MARKED, united, words_of
from .owner import Leases
from .reading import add_step, steps_of
from .rows import RunRow, values_of
from .schema import CAME, event, run
from .states import OPEN, RELEASED

_FROM_ELSEWHERE = ("copied from", "imported")  # in the history of a run that came in
_KEPT = ("experiment", "seed_drawn", "account", "created_at", "made_by", "asked_by", "origin")
# How far a run is that has no task, and one that has.
_SENT = {"intent": 0, "sending": 1, "not_sent": 1, "unknown": 2}
_MADE = {"success": 1, "fetched": 2, "fail": 2}
_NO_TASK_YET = ("intent", "sending", "not_sent", "unknown", "written_off")


class Known(NamedTuple):
    """What this ledger has of a run that comes in."""

    state: str
    task_id: str | None
    is_driven: bool

    @classmethod
    def of(cls, row: RunRow, leases: Leases) -> Self:
        """The run of *row*; *leases* say whether its owner is dead."""
        return cls(row.state, row.task_id, row.state in OPEN and not leases.is_dead(row))


def is_news(ours: Known | None, state: str, task_id: str | None) -> bool:
    """Whether a run from elsewhere is taken in: it is not here, or it is further along there and nobody drives it here.

    A task that is known there settles a run without one here; a run of another task is not this one.
    """
    if ours is None or ours.is_driven:
        return ours is None
    if ours.task_id is None and task_id is not None:
        return ours.state in _NO_TASK_YET
    if ours.task_id is None:
        was_settled = ours.state == "unknown" and state in {"refused", "not_sent"}
        return was_settled or _SENT.get(state, 0) > _SENT.get(ours.state, 2)
    return task_id == ours.task_id and _MADE.get(state, 0) > _MADE.get(ours.state, 0)


class Said(NamedTuple):
    """What is said elsewhere of a run that is here."""

    words: Mapping[str, Any]  # its columns
    events: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Arrival:
    """A run that comes in; nobody drives it, whatever its columns say."""

    values: dict[str, Any]  # its columns
    events: Sequence[dict[str, Any]]
    stands: bool  # for its request, where it comes from
    seen: str | None  # the state that the run of this id had here when this was decided, if there was one
    evidence: dict[str, Any]  # for its history


def billable_runs(database: Database, driver: str) -> list[RunRow]:
    """The runs of *driver* that may be billed; none if they cannot be read any more."""
    try:
        with database.as_opened() as db:
            mine = sa.select(run).where(run.c.owner == driver, run.c.state.not_in(RELEASED))
            return database.reading.runs(db.execute(mine).mappings())
    except LedgerError:
        return []


def put_back(database: Database, rows: Sequence[RunRow]) -> None:
    """Write *rows* into the file that has replaced theirs; those that it has stay as they are there."""
    with database.write() as db:
        for row in rows:
            if db.execute(sa.select(run.c.id).where(run.c.id == row.id)).first() is None:
                key = row.active_key and f"{row.fingerprint}:{row.id}"  # another may have taken its own
                db.execute(run.insert(), {**values_of(row), "active_key": key})
                search_text.add(db, [values_of(row)])
                why = {"because": "the ledger was replaced while its process lived"}
                add_step(db, row.id, None, row.state, why)
                tallies.count(db, (None, row))


def merge(
    database: Database, arrivals: Sequence[Arrival], said: Sequence[Said] = (), *, act: str = "import"
) -> None:
    """Write all *arrivals* and what is *said* of runs that stay as they are, or nothing.

    A run that is here already is brought up to date. A run whose video is here goes on standing for its request, so that
    no cell shows another video after an import. One that comes in stands beside an intention and, with a task, beside a
    run of unknown outcome; else it waits for the one that is here to be released (`stand_in`).

    Args:
        database: It is written into.
        arrivals: All of them, or none.
        said: What else is to be known.
        act: What the user has asked for, for messages.
    """
    coming = {arrival.values["id"] for arrival in arrivals}
    changes: list[tallies.Change] = []
    with database.write() as db:
        for arrival in sorted(arrivals, key=lambda one: str(one.values["created_at"])):
            query = sa.select(run).where(run.c.id == arrival.values["id"])
            before = database.reading.sure(db.execute(query).mappings().first())
            if (before.state if before else None) != arrival.seen:
                which = arrival.values["id"][:8]
                words = f"Run {which} changed during the {act}; what comes with it was not written."
                raise LedgerError(words, hint=f"{act} again: what is there already stays", charged=NOTHING)
            key = before.active_key if before and arrival.values["state"] not in RELEASED else None
            values = {**arrival.values, "active_key": key or _active_key(db, arrival, coming)}
            values |= {"owner": None, "owner_hint": None, "beat": 0}
            if before is None:
                db.execute(run.insert(), values)
            else:
                values |= {name: kept for name in _KEPT if (kept := getattr(before, name)) is not None}
                db.execute(run.update().where(run.c.id == values.pop("id")).values(values))
                if before.active_key and values["active_key"] is None:
                    stand_in(db, db.execute(query).one())
            run_id, state = arrival.values["id"], arrival.values["state"]
            _append(db, run_id, arrival.events)
            add_step(db, run_id, before.state if before else state, state, arrival.evidence)
            if before is not None:
                _unite(db, before, arrival.values)
            search_text.keep(db, dict(db.execute(query).mappings().one()))
            changes.append((before, database.reading.run(db.execute(query).mappings().first())))
        tallies.count(db, *changes)
        for one in said:
            query = sa.select(run).where(run.c.id == one.words["id"])
            if (ours := database.reading.run(db.execute(query).mappings().first())) is not None:
                _append(db, ours.id, [step for step in one.events if MARKED in (step["evidence"] or {})])
                _unite(db, ours, one.words)
                search_text.keep(db, dict(db.execute(query).mappings().one()))


def _unite(db: sa.Connection, ours: RunRow, theirs: Mapping[str, Any]) -> None:
    words = united(words_of(ours), theirs, steps_of(db, ours.id))
    db.execute(run.update().where(run.c.id == ours.id).values(words))


def _active_key(db: sa.Connection, arrival: Arrival, coming: set[str]) -> str | None:
    values = arrival.values
    if not arrival.stands or values["state"] in RELEASED:
        return None
    same = _same_request(values["fingerprint"], values["family"], seed_drawn=values["seed_drawn"])
    standing = db.execute(sa.select(run.c.id, run.c.state).where(same, run.c.active_key.is_not(None)))
    free = {"intent"} | ({"unknown"} if values["task_id"] else set())
    ahead = {found.state for found in standing if found.id not in coming} - free
    if "fetched" in ahead or (ahead and values["state"] != "fetched"):
        return None
    return f"{values['fingerprint']}:{values['id']}"


def _same_request(fingerprint: str, family: str, *, seed_drawn: bool) -> sa.ColumnElement[bool]:
    same = run.c.fingerprint == fingerprint
    return same | ((run.c.family == family) & run.c.seed_drawn.is_(True)) if seed_drawn else same


def stand_in(db: sa.Connection, released: Any) -> None:
    """Let a run that was copied or imported stand for its request where *released* was the last to do so.

    Else the request would be sent again, though another machine has paid for it.
    """
    same = _same_request(released.fingerprint, released.family, seed_drawn=released.seed_drawn)
    others = sa.select(run.c.id, run.c.fingerprint).where(same, run.c.id != released.id)
    if db.execute(others.where(run.c.active_key.is_not(None)).limit(1)).first():
        return
    may_cost = run.c.state.not_in(["intent", *RELEASED])
    for found in db.execute(others.where(may_cost).order_by(CAME.desc())):
        told = (step["evidence"] or {} for step in steps_of(db, found.id))
        if any(name in evidence for evidence in told for name in _FROM_ELSEWHERE):
            key = f"{found.fingerprint}:{found.id}"
            db.execute(run.update().where(run.c.id == found.id).values(active_key=key))
            return


def _append(db: sa.Connection, run_id: str, steps: Sequence[Mapping[str, Any]]) -> None:
    """Add those *steps* to the history of a run that are not in it."""
    found = db.execute(sa.select(event.c.at, event.c.to_state).where(event.c.run_id == run_id))
    known = {(entry.at, entry.to_state) for entry in found}
    for step in steps:
        if (step["at"], step["to_state"]) not in known:
            told = {name: value for name, value in step.items() if name != "id"}
            db.execute(event.insert(), {**told, "run_id": run_id})
