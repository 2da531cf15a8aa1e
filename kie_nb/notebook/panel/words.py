"""What an error says to do next, for whoever has no cell: the engine speaks to cells."""

from __future__ import annotations

import copy
import re

from ...errors import KieError

_NEXT = {
    "run the cell with --fresh": "give its picture anew and press Generate",
    "run the cell": "press Generate",
    "run its cell": "take its settings into the form and press Generate",
}
_CELL = re.compile("|".join(_NEXT))


def lines_of(error: KieError) -> list[str]:
    """The lines of *error*, with the next step as it is in the panel."""
    here = copy.copy(error)
    here.hint = _CELL.sub(lambda found: _NEXT[found[0]], error.hint)
    return [line.strip() for line in here.lines()]
