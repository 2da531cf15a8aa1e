"""A balance as it was read from the service."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from ..bounds import Balance, Moment


class _Kept(TypedDict):
    credits: Balance
    at: Moment


_READING = TypeAdapter(_Kept)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """A balance and when it was read.

    Attributes:
        credits: In credits (1 credit = US$0.005).
        at: UTC.
    """

    credits: float
    at: dt.datetime

    def to_json(self) -> dict[str, Any]:
        """As the ledger's history keeps it."""
        return {"credits": self.credits, "at": self.at.isoformat(timespec="microseconds")}

    @classmethod
    def from_json(cls, kept: Any) -> Reading | None:
        """What `to_json` gave; None for anything else."""
        try:
            read = _READING.validate_python(kept)
        except ValidationError:
            return None
        return cls(credits=read["credits"], at=dt.datetime.fromisoformat(read["at"]))
