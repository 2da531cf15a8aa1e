"""What a request should cost by the dated price list: an estimate, never shown as a fact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from .describe import find

USD_PER_CREDIT = 0.005  # kie-api §7
SLACK = 0.25  # of the listed price


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What the price list of *as_of* asks."""

    credits: float
    as_of: str

    @property
    def usd(self) -> float:
        """The same in US dollars."""
        return self.credits * USD_PER_CREDIT

    def __str__(self) -> str:
        return f"about {self.credits:g} credits (${self.usd:.2f}, prices of {self.as_of})"


def estimate(model_id: str, inputs: dict[str, Any]) -> Estimate | None:
    """The estimate for *inputs*; None where no price is known, which does not mean free."""
    model = find(model_id)
    credits_ = model.credits(inputs) if model else None
    return None if model is None or credits_ is None else Estimate(credits=credits_, as_of=model.prices_as_of)


def is_far(estimate: Estimate, real: float) -> bool:
    """Whether a *real* cost differs from the estimate by more than a quarter: the price list may be old."""
    return abs(real - estimate.credits) > estimate.credits * SLACK


def price_remarks(costs: Iterable[tuple[Estimate, float]]) -> list[str]:
    """What is to be said of real costs that are far from the list, a line for each list and direction."""
    far: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for found, real in costs:
        if is_far(found, real):
            key = (found.as_of, "more" if real > found.credits else "less")
            far.setdefault(key, []).append((found.credits, real))
    said = []
    for (as_of, direction), pairs in sorted(far.items()):
        listed, real_sum = (sum(column) for column in zip(*pairs, strict=True))
        runs = f"{len(pairs)} run{'s' if len(pairs) > 1 else ''}"
        share = f"{abs(real_sum / listed - 1):.0%} {direction}"
        said.append(f"{runs} cost {share} than the price list of {as_of} says; it may be old")
    return said
