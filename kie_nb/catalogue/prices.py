"""What a request should cost by the dated price list: an estimate, never shown as a fact."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .describe import find

USD_PER_CREDIT = 0.005  # kie-api §7


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
