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
from .clock import now_in
from .reading import other_row
from .schema import IMPORTED, budget, run, within
from .states import OPEN, UNSETTLED, State

BILLED = ("success", "fetched", "written_off")
MADE = (*BILLED, "fail")
UNDER_WAY = tuple(OPEN - {State.SUCCESS})
AT_RISK = tuple(UNSETTLED)
SCOPES = ("notebook", "day", "experiment")


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Credits of a set of runs.

    Attributes:
        estimated: What the price list asks for the runs that were made.
        real: What the service reported of them.
        unreported: Of how many of them it reported nothing; a failed task that it said nothing of was not billed.
        spent: Real where it was reported, else estimated.
        unsent: What is reserved for runs that were written down and not sent yet.
        unpriced: How many runs have no known price at all.
    """

    runs: int = 0
    estimated: float = 0.0
    real: float = 0.0
    unreported: int = 0
    spent: float = 0.0
    reserved: float = 0.0
    unsent: float = 0.0
    at_risk: float = 0.0
    unpriced: int = 0

    @property
    def committed(self) -> float:
        """What a limit counts."""
        return self.spent + self.reserved + self.at_risk


@dataclass(frozen=True, kw_only=True, slots=True)
class Count:
    """The runs of one state at one service.

    Attributes:
        credits: What was reported of them.
        told: Of how many of them it was.
    """

    service: str
    state: str
    runs: int
    credits: float
    told: int


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
_KEYS: dict[str, Any] = {
    "notebook": run.c.notebook,
    "experiment": run.c.experiment,
    "day": sa.func.substr(run.c.created_at, 1, 10),
    "model": run.c.model,
}


def figures(
    db: sa.Connection, service: str, *, scope: str | None = None, value: str | None = None
) -> Figures:
    """The figures of one scope, or of everything at *service*."""
    query = sa.select(*_COLUMNS).where(run.c.service == service)
    if scope is not None:
        query = query.where(_KEYS[scope] == value)
    return Figures(**db.execute(query).mappings().one())


def counts(db: sa.Connection) -> list[Count]:
    """How many runs there are of each state at each service."""
    credits_ = (
        sa.func.coalesce(sa.func.sum(_REPORTED), 0.0).label("credits"),
        sa.func.count(_REPORTED).label("told"),
    )
    query = sa.select(run.c.service, run.c.state, sa.func.count().label("runs"), *credits_)
    found = db.execute(query.group_by(run.c.service, run.c.state)).mappings()
    return [Count(**entry) for entry in found if entry["state"] in set(State)]


def totals(db: sa.Connection, service: str, by: str) -> list[tuple[str, Figures]]:
    """The figures of each day, notebook, experiment or model; the newest, or the dearest, first."""
    key = _KEYS[by].label("key")
    query = sa.select(key, *_COLUMNS).where(run.c.service == service).group_by(key)
    found = [dict(entry) for entry in db.execute(query).mappings()]
    rows = [(_shown(entry.pop("key")), Figures(**entry)) for entry in found]
    return sorted(rows, key=lambda row: row[0] if by == "day" else row[1].committed, reverse=True)


def _shown(key: Any) -> str:
    return key if isinstance(key, str) and can_be_kept(key, MAX_TEXT) else ""


def reported(db: sa.Connection, service: str) -> list[tuple[Request, float]]:
    """The requests whose videos were made here and whose cost was reported, each with that cost."""
    known = (run.c.service == service, run.c.state.in_(("success", "fetched")), _REPORTED.is_not(None))
    found = db.execute(sa.select(run.c.request, run.c.credits).where(*known, run.c.account != IMPORTED))
    costs = []
    for entry in found:
        with contextlib.suppress(ValueError):
            costs.append((read_request(entry.request), float(entry.credits)))
    return costs


def limits(db: sa.Connection) -> dict[str, float]:
    """The limits that are set, by scope."""
    found = {}
    for entry in db.execute(sa.select(budget).where(budget.c.scope.in_(SCOPES))).mappings():
        kept = other_row("budget", entry)
        if kept is None:  # a limit that cannot be read is not "no limit"
            raise LedgerError(
                f"the budget per {entry['scope']} in the ledger cannot be read; nothing was sent.",
                hint=f"set it anew with kie.budget(credits=..., per={entry['scope']!r})",
                charged=NOTHING,
            )
        found[kept["scope"]] = float(kept["credits"])
    return found


def set_limit(db: sa.Connection, scope: str, credits_: float | None) -> None:
    """Set or take away the limit of *scope*."""
    db.execute(budget.delete().where(budget.c.scope == scope))
    if credits_ is not None:
        db.execute(budget.insert().values(scope=scope, credits=credits_, set_at=now_in(db)))


@dataclass(frozen=True, kw_only=True, slots=True)
class _Limit:
    """A limit of one scope, with its words in messages."""

    scope: str
    credits: float
    name: str
    without: str
    higher: str


def keep(
    db: sa.Connection,
    service: str,
    estimate: float | None,
    where: dict[str, str | None],
    *,
    experiment_limit: float | None = None,
) -> None:
    """Refuse a run that would pass a limit; inside the transaction that writes its intention.

    Args:
        where: The scopes that the run is in: its notebook, day and experiment, where it has one.
        experiment_limit: The most that all runs of its experiment may cost, by whoever asks for it now; beside the budgets.

    Raises:
        BudgetExceeded: with the three figures.
    """
    kept = [_budget(scope, credits_) for scope, credits_ in limits(db).items()]
    if experiment_limit is not None:
        kept.append(_max_credits(experiment_limit))
    for limit in kept:
        value = where.get(limit.scope)
        if value is None:
            continue
        if estimate is None:
            raise BudgetExceeded(
                f"the price of this model is not known here, so {limit.name} cannot be kept.",
                hint=limit.without,
            )
        found = figures(db, service, scope=limit.scope, value=value)
        if found.committed + estimate > limit.credits + 1e-9:
            raise BudgetExceeded(
                f"{limit.name} would be passed by this run's {estimate:g}: spent {found.spent:g}, reserved {found.reserved:g}, "
                f"at risk {found.at_risk:g}{_unknown(found.unpriced)} ({limit.scope} {value}).",
                hint=f"{_unsent(found.unsent)}{limit.higher}",
            )


def _unknown(unpriced: int) -> str:
    """What the figures leave out: it cannot be counted, and is not 0."""
    return f", and {unpriced} run{'s' if unpriced > 1 else ''} of unknown price" if unpriced else ""


def _unsent(credits_: float) -> str:
    """A kernel that died before it sent something holds the price of it."""
    if not credits_:
        return ""
    return f"{credits_:g} of it was not sent yet: %kie resume takes back what a dead kernel left unsent; or "


def _budget(scope: str, credits_: float) -> _Limit:
    return _Limit(
        scope=scope,
        credits=credits_,
        name=f"the budget of {credits_:g} credits per {scope}",
        without=f"kie.budget(credits=None, per={scope!r}) takes it away if you know the price",
        higher=f"raise it with kie.budget(credits=..., per={scope!r}); %kie spend shows where it went",
    )


def _max_credits(credits_: float) -> _Limit:
    return _Limit(
        scope="experiment",
        credits=credits_,
        name=f"max_credits={credits_:g}",
        without="leave the limit out if you know the price",
        higher="raise it; %kie spend shows where it went",
    )
