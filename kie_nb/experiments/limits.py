"""The limits of one run of an experiment, checked before a byte is sent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, Literal, Self

from ..errors import BudgetExceeded, InvalidRequest
from ..handles import Prepared
from ..ledger.money import Figures
from ..requests.prepare import check_number

PARALLEL, FAILURES, UNKNOWNS = 40, 3, 1


class _Left(Enum):
    OUT = "not given"

    def __repr__(self) -> str:  # what help shows as the default
        return self.value


# A limit that was left out: None lifts one, and a default that is given counts as given.
NotGiven = Literal[_Left.OUT]
NOT_GIVEN: Final = _Left.OUT


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """When no more cells are bought.

    Attributes:
        max_credits: The most that all runs of the experiment may cost; None for no limit.
        parallel: The most that are open at once: what a stop leaves running is bounded by it.
        stop_after_failures: This many failures in a row.
        stop_after_unknowns: This many unknown outcomes, earlier ones included.
    """

    max_credits: float | None = None
    parallel: int = PARALLEL
    stop_after_failures: int = FAILURES
    stop_after_unknowns: int = UNKNOWNS

    def changed(self, **given: Any) -> Self:
        """These with those *given*; `NOT_GIVEN` leaves one as it is.

        Raises:
            InvalidRequest: a limit is no number, or would buy nothing or stop everything at once.
        """
        given = {name: value for name, value in given.items() if value is not NOT_GIVEN}
        for name, value in given.items():
            if name == "max_credits":
                check_number(value)
            elif isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InvalidRequest(f"{name}={value!r}: a whole number above 0 is needed.")
        return replace(self, **given)


def check_limit(bought: Figures, todo: Sequence[Prepared], max_credits: float) -> None:
    """Refuse to buy *todo* where that and what was *bought* before would pass *max_credits*.

    Raises:
        BudgetExceeded: it would, or a price is not known.
    """
    if not todo:
        return  # nothing more is spent
    estimates = [prepared.request.estimate for prepared in todo]
    if None in estimates:
        model = next(prepared.request.model for prepared in todo if prepared.request.estimate is None)
        raise BudgetExceeded(
            f"the price of {model} is not known here, so max_credits={max_credits:g} cannot be kept.",
            hint="leave the limit out if you know the price",
        )
    wanted = sum(found.credits for found in estimates if found)
    if bought.committed + wanted > max_credits + 1e-9:
        raise BudgetExceeded(
            f"the {len(todo)} missing cells would cost about {wanted:g} credits: with {bought.spent:g} spent, "
            f"{bought.reserved:g} reserved and {bought.at_risk:g} at risk that is above max_credits={max_credits:g}.",
            hint="raise it, or leave out an axis; exp.plan(), or --plan on the command line, shows the cells",
        )
