"""Checks the browser's question, and keeps the newest one of each page. No I/O."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from ...handles.registry import ORDERS, Question

MOST_TEXT = 1000
MOST_PAGE = 10**9
MOST_ASKING = 64  # pages that look at one gallery at the same time; a reloaded page is a new one


def parse(asked: Any) -> Question:
    """The question that *asked* means; what is missing or makes no sense is left out, for it may be an older page's.

    Args:
        asked: A mapping with any of the names of `Question`.
    """
    given = asked if isinstance(asked, dict) else {}
    order, text = given.get("order"), given.get("text")
    return Question(
        page=_whole(given.get("page"), 1, MOST_PAGE) or 1,
        order=order if isinstance(order, str) and order in ORDERS else "newest",
        text=text[:MOST_TEXT].strip() if isinstance(text, str) else "",
        tag=_word(given.get("tag")),
        least_rating=_whole(given.get("least_rating"), 1, 5),
        model=_word(given.get("model")),
        experiment=_word(given.get("experiment")),
    )


def _whole(value: Any, least: int, most: int) -> int | None:
    is_whole = isinstance(value, int) and not isinstance(value, bool)
    return value if is_whole and least <= value <= most else None


def _word(value: Any) -> str | None:
    return value[:MOST_TEXT] if isinstance(value, str) and value else None


class Newest:
    """The newest question of each page that asks: somebody who types asks faster than a ledger answers."""

    def __init__(self) -> None:
        self._numbers: OrderedDict[str, int] = OrderedDict()

    def ask(self, who: str, number: int) -> None:
        """*who* asks question *number*; an earlier one no longer matters."""
        self._numbers[who] = max(number, self._numbers.get(who, number))
        self._numbers.move_to_end(who)
        while len(self._numbers) > MOST_ASKING:
            self._numbers.popitem(last=False)

    def wants(self, who: str, number: int) -> bool:
        """Whether an answer to question *number* is still of use to *who*."""
        return self._numbers.get(who) == number
