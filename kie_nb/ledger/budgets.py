"""What the ledger knows of money: the budgets that are set, and what runs cost, have reserved and may have cost."""

from __future__ import annotations

from ..catalogue import Request
from . import money
from .clock import now_in
from .database import Database


class Budgets:
    """The half of the ledger that knows money; the rules are in `money`."""

    _db: Database

    def set_limit(self, scope: str, credits_: float | None) -> None:
        """Set or take away the budget per notebook, day or experiment."""
        with self._db.write() as db:
            money.set_limit(db, scope, credits_)

    def limits(self) -> dict[str, float]:
        """The budgets that are set, by scope, in credits."""
        with self._db.read() as db:
            return money.limits(db)

    def check_limits(self, service: str, estimate: float | None, scopes: dict[str, str | None]) -> None:
        """Whether the budgets leave room for *estimate*, in credits, today; `intend` asks again before anything is sent.

        Raises:
            BudgetExceeded: they do not.
        """
        with self._db.read() as db:
            money.keep(db, service, estimate, scopes | {"day": now_in(db)[:10]})

    def figures(self, service: str, *, scope: str | None = None, value: str | None = None) -> money.Figures:
        """What the runs of one scope, or all at *service*, cost, have reserved and may have cost."""
        with self._db.read() as db:
            return money.figures(db, service, scope=scope, value=value)

    def reported(self, service: str) -> list[tuple[Request, float]]:
        """The requests at *service* whose videos were made and whose cost was reported, each with that cost."""
        with self._db.read() as db:
            return money.reported(db, service)

    def counts(self) -> list[money.Count]:
        """How many runs there are of each state at each service."""
        with self._db.read() as db:
            return money.counts(db)

    def totals(self, service: str, by: str) -> list[tuple[str, money.Figures]]:
        """The figures by day, notebook, experiment or model."""
        with self._db.read() as db:
            return money.totals(db, service, by)
