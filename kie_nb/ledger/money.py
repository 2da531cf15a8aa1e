"""What runs cost, have reserved and may have cost: sums over the ledger, and the limits they must keep.

*spent*: made, at the reported cost or, while that is not known, at the estimate. *reserved*: under way. *at risk*: of unknown
outcome, perhaps billed. What has no known price is counted apart; unknown is never 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..errors import BudgetExceeded
from .schema import budget, now, run

MADE = ("success", "fetched", "fail", "written_off")
UNDER_WAY = ("intent", "sending", "accepted", "waiting", "queuing", "generating")
AT_RISK = ("unknown", "lost")
SCOPES = ("notebook", "day", "experiment")


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """Credits of a set of runs.

    Attributes:
        estimated: What the price list asks for the runs that were made.
        real: What the service reported of them.
        spent: Real where it was reported, else estimated.
        unpriced: How many runs have no known price at all.
    """

    runs: int = 0
    estimated: float = 0.0
    real: float = 0.0
    spent: float = 0.0
    reserved: float = 0.0
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


# A failed task is not billed: without a reported cost it counts as nothing.
_ESTIMATE = sa.func.coalesce(run.c.estimate, 0.0)
_SPENT = sa.case((run.c.credits.is_not(None), run.c.credits), (run.c.state == "fail", 0.0), else_=_ESTIMATE)
_COLUMNS = (
    sa.func.count().label("runs"),
    _sum(("success", "fetched"), _ESTIMATE).label("estimated"),
    _sum(MADE, sa.func.coalesce(run.c.credits, 0.0)).label("real"),
    _sum(MADE, _SPENT).label("spent"),
    _sum(UNDER_WAY, _ESTIMATE).label("reserved"),
    _sum(AT_RISK, _ESTIMATE).label("at_risk"),
    sa.func.coalesce(
        sa.func.sum(
            sa.case(
                (
                    sa.and_(
                        run.c.estimate.is_(None),
                        run.c.credits.is_(None),
                        run.c.state.in_((*UNDER_WAY, *AT_RISK, "success", "fetched", "written_off")),
                    ),
                    1,
                ),
                else_=0,
            )
        ),
        0,
    ).label("unpriced"),
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
    return Figures(**db.execute(query).one()._mapping)  # noqa: SLF001 - its documented name


def counts(db: sa.Connection) -> list[Count]:
    """How many runs there are of each state at each service."""
    credits_ = (
        sa.func.coalesce(sa.func.sum(run.c.credits), 0.0).label("credits"),
        sa.func.count(run.c.credits).label("told"),
    )
    query = sa.select(run.c.service, run.c.state, sa.func.count().label("runs"), *credits_)
    found = db.execute(query.group_by(run.c.service, run.c.state))
    return [Count(**entry._mapping) for entry in found]  # noqa: SLF001 - its documented name


def totals(db: sa.Connection, service: str, by: str) -> list[tuple[str, Figures]]:
    """The figures of each day, notebook, experiment or model; the newest, or the dearest, first."""
    key = _KEYS[by].label("key")
    query = sa.select(key, *_COLUMNS).where(run.c.service == service).group_by(key)
    found = [dict(entry._mapping) for entry in db.execute(query)]  # noqa: SLF001
    rows = [(str(entry.pop("key") or ""), Figures(**entry)) for entry in found]
    return sorted(rows, key=lambda row: row[0] if by == "day" else row[1].committed, reverse=True)


def limits(db: sa.Connection) -> dict[str, float]:
    """The limits that are set, by scope."""
    return {entry.scope: float(entry.credits) for entry in db.execute(sa.select(budget))}


def set_limit(db: sa.Connection, scope: str, credits_: float | None) -> None:
    """Set or take away the limit of *scope*."""
    db.execute(budget.delete().where(budget.c.scope == scope))
    if credits_ is not None:
        db.execute(budget.insert().values(scope=scope, credits=credits_, set_at=now()))


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
                f"{limit.name} would be passed by this run's {estimate:g}: spent {found.spent:g}, "
                f"reserved {found.reserved:g}, at risk {found.at_risk:g} ({limit.scope} {value}).",
                hint=limit.higher,
            )


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
