"""Finished runs a page at a time, as somebody who looks for one asks for them."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from .. import settings as settings_
from ..ledger.search import ORDERS, Choices
from ..ledger.states import State
from .run import Run

if TYPE_CHECKING:
    from .registry import Handles

PAGE_SIZE = 24
__all__ = ["ORDERS", "PAGE_SIZE", "Choices", "Found", "Question", "browse"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    """Which finished runs are looked for; what is None or empty does not matter.

    Attributes:
        page: From 1; the last one where there are fewer.
        order: A name in `ORDERS`.
        text: A part of the prompt, in any case.
        least_rating: 1 to 5.
    """

    page: int = 1
    order: str = "newest"
    text: str = ""
    tag: str | None = None
    least_rating: int | None = None
    model: str | None = None
    experiment: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """The answer.

    Attributes:
        count: All that match.
        page: Which page this is.
        choices: What can be chosen from among all finished runs.
    """

    runs: list[Run]
    count: int
    page: int
    pages: int
    choices: Choices


def browse(handles: Handles, question: Question) -> Found:
    """The finished runs of the current home and service that *question* asks for; reads the ledger, so it may take a moment."""
    current = settings_.current()
    ledger = handles.ledger(current.home)
    finished: dict[str, Any] = {"states": {State.FETCHED}, "service": current.service}
    asked = asdict(question)
    found = ledger.page(asked.pop("page"), size=PAGE_SIZE, **asked, **finished)
    return Found(
        runs=[handles.handle(current.home, row) for row in found.rows],
        count=found.count,
        page=found.number,
        pages=found.pages,
        choices=ledger.choices(**finished),
    )
