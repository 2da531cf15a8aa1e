"""What earlier tasks of the same kind took: read from the ledger, and kept for a moment."""

from __future__ import annotations

import json
from typing import Any

from .dispatcher import Dispatcher
from .record import Record
from .schedule import Usual, usual_of

USUAL_LIFE_S = 3.0


class Durations:
    """On the dispatcher's loop."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self._dispatcher = dispatcher
        self._usual: dict[tuple[Any, ...], tuple[float, Usual | None]] = {}

    async def usual(self, run: Record) -> Usual | None:
        """What tasks like that of *run* took; None where nothing is known."""
        inputs = run.request.inputs
        kind = {name: inputs[name] for name in ("duration", "resolution") if name in inputs}
        key = (run.ledger.home, run.service, run.model, json.dumps(kind, sort_keys=True))
        now = self._dispatcher.loop.time()
        found = self._usual.get(key)
        if found is None or now - found[0] > USUAL_LIFE_S:
            durations = await self._dispatcher.ledger(run.ledger.durations, run.service, run.model, kind)
            found = self._usual[key] = (now, usual_of(durations))
        return found[1]
