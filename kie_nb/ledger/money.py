"""What runs cost, have reserved and may have cost: sums over the ledger, and the limits they must keep.

*spent*: made, at the reported cost or, while that is not known, at the estimate. *reserved*: under way. *at risk*: of unknown
outcome, perhaps billed. What has no known price, or no reported cost, is counted apart; unknown is never 0.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..bounds import MAX_CREDITS, MAX_TEXT, can_be_kept
from ..catalogue import Request, read_request
from ..errors import NOTHING, BudgetExceeded, LedgerError
from ..tables import counted
from . import tallies
from .database import Database
from .reading import other_row
from .rows import FILM
from .schema import IMPORTED, budget, now_in, run, tally, within
from .states import State
from .tallies import AT_RISK, BILLED, MADE, SUMS, UNDER_WAY, names_of

_EACH = {"notebook": "a notebook", "day": "a day", "experiment": "an experiment"}
SCOPES = tuple(_EACH)
_SLACK = 1e-3  # of sums of fractions in another order


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Credits of a set of runs."""

    runs: int = 0
    estimated: float = 0.0  # what the price list asks for the runs that were made
    real: float = 0.0  # what the service reported of them
    unreported: int = (
        0  # of how many it reported nothing; a failed task that it said nothing of was not billed
    )
    spent: float = 0.0  # real where it was reported, else estimated
    reserved: float = 0.0
    unsent: float = 0.0  # the part of it for runs that are recorded and not sent yet
    at_risk: float = 0.0
    unpriced: int = 0  # how many runs have no known price at all

    @property
    def committed(self) -> float:
        """What a limit counts."""
        return self.spent + self.reserved + self.at_risk


@dataclass(frozen=True, slots=True)
class CellTerms:
    """On which a cell of an experiment is bought: it still is one, and the cost of all runs of the experiment has a limit."""

    max_credits: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """The runs of one state at one service."""

    service: str
    state: str
    runs: int
    credits: float  # what was reported of them
    told: int  # of how many of them it was


def _sum(states: Sequence[str], amount: Any) -> Any:
    return sa.func.coalesce(sa.func.sum(sa.case((run.c.state.in_(states), amount), else_=0.0)), 0.0)


def _count(states: Sequence[str], *unknown: Any) -> Any:
    conditions = (run.c.state.in_(states), *(column.is_(None) for column in unknown))
    return sa.func.coalesce(sa.func.sum(sa.case((sa.and_(*conditions), 1), else_=0)), 0)


# A failed task is not billed: without a reported cost it counts as nothing.
_LISTED, _REPORTED = within(run.c.estimate, MAX_CREDITS), within(run.c.credits, MAX_CREDITS)
_ESTIMATE = sa.func.coalesce(_LISTED, 0.0)
_SPENT = sa.case((_REPORTED.is_not(None), _REPORTED), (run.c.state == "fail", 0.0), else_=_ESTIMATE)
_COLUMNS = (
    sa.func.count().label("runs"),
    _sum(("success", "fetched"), _ESTIMATE).label("estimated"),
    _sum(MADE, sa.func.coalesce(_REPORTED, 0.0)).label("real"),
    _count(BILLED, _REPORTED).label("unreported"),
    _sum(MADE, _SPENT).label("spent"),
    _sum(UNDER_WAY, _ESTIMATE).label("reserved"),
    _sum(("intent",), _ESTIMATE).label("unsent"),
    _sum(AT_RISK, _ESTIMATE).label("at_risk"),
    _count((*UNDER_WAY, *AT_RISK, *BILLED), _LISTED, _REPORTED).label("unpriced"),
)
_IS_BOUGHT = run.c.model != FILM
_KEYS: dict[str, Any] = {
    "notebook": run.c.notebook,
    "experiment": run.c.experiment,
    "day": sa.func.substr(run.c.created_at, 1, 10),
    "model": run.c.model,
}


class Budgets:
    """The part of the ledger that knows money: the budgets that are set, and what runs cost, have reserved and may have cost."""

    _db: Database

    def set_limit(self, scope: str, credits_: float | None) -> None:
        """Set or take away the budget per notebook, day or experiment."""
        with self._db.write() as db:
            db.execute(budget.delete().where(budget.c.scope == scope))
            if credits_ is not None:
                recount(db, scope)
                db.execute(budget.insert().values(scope=scope, credits=credits_, set_at=now_in(db)))

    def limits(self) -> dict[str, float]:
        """The budgets that are set, by scope, in credits."""
        with self._db.read() as db:
            return _limits(db)

    def check_limits(
        self, service: str, estimate: float | None, scopes: dict[str, str | None], *, videos: int = 1
    ) -> None:
        """Raise `BudgetExceeded` if the budgets have no room for so many *videos*; `intend` asks again before anything is sent."""
        with self._db.read() as db:
            keep(db, service, estimate, scopes | {"day": now_in(db)[:10]}, videos=videos)

    def figures(self, service: str, *, scope: str | None = None, value: str | None = None) -> Figures:
        """What the runs of one scope, or all at *service*, cost, have reserved and may have cost."""
        with self._db.read() as db:
            return _figures(db, service, scope, value)

    def reported(self, service: str) -> list[tuple[Request, float]]:
        """The requests whose videos were made here and whose cost was reported, each with that cost."""
        known = (
            run.c.service == service,
            _IS_BOUGHT,
            run.c.state.in_(("success", "fetched")),
            _REPORTED.is_not(None),
        )
        query = sa.select(run.c.request, run.c.credits).where(*known, run.c.account != IMPORTED)
        costs = []
        with self._db.read() as db:
            for entry in db.execute(query):
                with contextlib.suppress(ValueError):
                    costs.append((read_request(entry.request), float(entry.credits)))
        return costs

    def counts(self) -> list[Count]:
        """How many runs there are of each state at each service."""
        credits_ = sa.func.coalesce(sa.func.sum(_REPORTED), 0.0).label("credits")
        counts = (sa.func.count().label("runs"), sa.func.count(_REPORTED).label("told"))
        query = sa.select(run.c.service, run.c.state, credits_, *counts)
        with self._db.read() as db:
            found = db.execute(query.where(_IS_BOUGHT).group_by(run.c.service, run.c.state)).mappings()
            return [Count(**entry) for entry in found if entry["state"] in set(State)]

    def totals(self, service: str, by: str) -> list[tuple[str, Figures]]:
        """The figures of each day, notebook, experiment or model; the newest, or the dearest, first."""
        key = _KEYS[by].label("key")
        query = sa.select(key, *_COLUMNS).where(run.c.service == service, _IS_BOUGHT).group_by(key)
        with self._db.read() as db:
            found = [dict(entry) for entry in db.execute(query).mappings()]
        keys = [key if can_be_kept(key := entry.pop("key"), MAX_TEXT) else "" for entry in found]
        rows = zip(keys, (Figures(**entry) for entry in found), strict=True)
        return sorted(rows, key=lambda row: row[0] if by == "day" else row[1].committed, reverse=True)


def _figures(db: sa.Connection, service: str, scope: str | None, value: str | None) -> Figures:
    query = sa.select(*_COLUMNS).where(run.c.service == service, _IS_BOUGHT)
    if scope is not None:
        query = query.where(_is_in(scope, value))
    return Figures(**db.execute(query).mappings().one())


def _is_in(scope: str, value: str | None) -> Any:
    if scope == "day" and value is not None:  # by the index
        return run.c.created_at.between(value, f"{value}U")
    return _KEYS[scope].in_(names_of(value)) if scope == "notebook" and value else _KEYS[scope] == value


def is_true(db: sa.Connection, service: str, scope: str, value: str) -> bool:
    """Whether the sums that are kept are those of the runs, if they have a limit; to set one counts them anew."""
    if scope != "experiment" and scope not in _limits(db):
        return True
    kept, found = tallies.read(db, service, {scope: value}).get(scope), _figures(db, service, scope, value)
    return kept is not None and all(abs(getattr(kept, name) - getattr(found, name)) < _SLACK for name in SUMS)


def recount(db: sa.Connection, scope: str) -> None:
    """Make the tallies of *scope* anew, from the runs: something else may have written these."""
    key = _KEYS[scope].label("value")
    sums = [column for column in _COLUMNS if column.name in SUMS]
    found = db.execute(sa.select(run.c.service, key, *sums).where(_IS_BOUGHT).group_by(run.c.service, key))
    rows = [dict(entry) for entry in found.mappings() if can_be_kept(entry["value"], MAX_TEXT)]
    db.execute(tally.delete().where(tally.c.scope == scope))
    if rows:
        db.execute(tally.insert(), [{**row, "scope": scope} for row in rows])


def _limits(db: sa.Connection) -> dict[str, float]:
    found = {}
    for entry in db.execute(sa.select(budget).where(budget.c.scope.in_(SCOPES))).mappings():
        kept = other_row(budget, entry)
        if kept is None:  # a limit that cannot be read is not "no limit"
            raise LedgerError(
                f"The budget per {entry['scope']} in the ledger cannot be read; nothing was sent.",
                hint=f"set it again: %kie budget N {entry['scope']}, or kie.budget(N, per={entry['scope']!r})",
                charged=NOTHING,
            )
        found[kept["scope"]] = float(kept["credits"])
    return found


def keep(
    db: sa.Connection,
    service: str,
    estimate: float | None,
    where: dict[str, str | None],
    cell_terms: CellTerms | None = None,
    *,
    videos: int = 1,
) -> None:
    """Refuse a run that would pass a limit; inside the transaction that writes its intention.

    Args:
        where: The scopes that the run is in: its notebook, day and experiment, where it has one.
        cell_terms: Those of its experiment, by whoever asks for it now; beside the budgets.
    """
    limits = _limits(db) if service == "kie" else {}  # what the simulator makes costs nothing
    kept = [
        (
            *(scope, most, f"your budget of {most:g} credits {_EACH[scope]}"),
            f"if you know the price, clear it: %kie budget none {scope}, or kie.budget(None, per={scope!r})",
            f"raise it: %kie budget N {scope}, or kie.budget(N, per={scope!r})",
        )
        for scope, most in limits.items()
    ]
    if cell_terms is not None and (most := cell_terms.max_credits) is not None:
        name, without = f"max_credits={most:g}", "leave the limit out if you know the price"
        kept.append(("experiment", most, name, without, "raise it"))
    used = "spent" if service == "kie" else "used"
    used_up = {scope: value for scope, *_ in kept if (value := where.get(scope)) is not None}
    sums = tallies.read(db, service, used_up) if used_up and estimate is not None else {}
    for scope, most, name, without, higher in kept:
        value = where.get(scope)
        if value is None:
            continue
        if estimate is None:
            words = f"The price of this model is not known here, so {name} cannot be kept."
            raise BudgetExceeded(words, hint=without)
        found = sums.get(scope) or _figures(db, service, scope, value)
        if found.committed + estimate > most + 1e-6:
            # What the figures leave out cannot be counted, and is not 0.
            unknown = f", {counted(found.unpriced, 'run')} of unknown price" if found.unpriced else ""
            # A kernel that died before it sent something holds the price of it.
            unsent, what = _unsent(db, service, scope, value), "of it was not sent yet"
            take_back = f"{unsent:g} {what}: %kie resume takes back what a dead kernel left unsent; or "
            raise BudgetExceeded(
                f"{'This video' if videos == 1 else f'These {videos} videos'} ({estimate:g} credits) would exceed {name}. So far ({scope} {value}): "
                f"{_shown(found.spent)} {used}, {_shown(found.reserved)} reserved, {_shown(found.at_risk)} at risk{unknown}.",
                hint=f"{take_back if unsent else ''}{higher}; %kie spend shows where it went",
            )


def _unsent(db: sa.Connection, service: str, scope: str, value: str) -> float:
    """The part of what is reserved that is recorded and not sent yet: few runs, found by their state."""
    query = sa.select(sa.func.sum(_ESTIMATE)).where(run.c.service == service, run.c.state == "intent")
    return float(db.execute(query.where(_IS_BOUGHT, _is_in(scope, value))).scalar() or 0.0)


def _shown(sum_: float) -> str:
    return f"{max(0.0, round(sum_, 6)):g}"
