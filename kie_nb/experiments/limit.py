"""The limits of one go at an experiment: refused before a byte is sent."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final, Literal

from ..errors import BudgetExceeded, InvalidRequest
from ..handles import Prepared
from ..ledger.money import Figures


class _Left(Enum):
    OUT = "not given"

    def __repr__(self) -> str:  # what help shows as the default
        return self.value


# A limit that was left out: None lifts one, and what is given with its usual value is given.
NotGiven = Literal[_Left.OUT]
NOT_GIVEN: Final = _Left.OUT


def check_whole(**counts: object) -> None:
    """Refuse *counts* that are no whole number above 0: with fewer nothing would be bought, or all would stop at once.

    Raises:
        InvalidRequest: naming the first.
    """
    for name, number in counts.items():
        if isinstance(number, bool) or not isinstance(number, int) or number < 1:
            raise InvalidRequest(f"{name}={number!r}: a whole number above 0 is needed.")


def check_limit(bought: Figures, todo: Sequence[Prepared], max_credits: float) -> None:
    """Refuse to buy *todo* where that would pass *max_credits*, with what was *bought* before, in credits.

    Raises:
        BudgetExceeded: it would, or a price is not known.
    """
    if not todo:
        return  # what was spent before is spent, and nothing more is
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
