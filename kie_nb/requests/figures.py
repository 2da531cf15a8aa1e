"""A matplotlib figure → PNG: the same figure gives the same bytes, and stays as it is.

A layout (`tight`, `constrained`) moves axes while it is drawn, so a figure would be another picture each time that it is asked for.
"""

from __future__ import annotations

import copyreg
import io
import pickle
from typing import Any


def rendered(figure: Any) -> bytes:
    """The figure as PNG, drawn from a copy."""
    buffer = io.BytesIO()
    try:
        copy = _copy_of(figure)
    except Exception:  # noqa: BLE001 - a function in a formatter, say: no pickle holds it
        positions = [
            (axes, axes.get_position(original=True), axes.get_position(), axes.get_in_layout())
            for axes in figure.axes
        ]
        spaces = vars(figure.subplotpars).copy()
        _save(figure, buffer)
        vars(figure.subplotpars).update(spaces)
        for axes, original, active, in_layout in positions:
            axes.set_position(original, "original")
            axes.set_position(active, "active")
            axes.set_in_layout(in_layout)
    else:
        _save(copy, buffer)
    return buffer.getvalue()


def _save(figure: Any, buffer: io.BytesIO) -> None:
    figure.savefig(buffer, format="png", metadata={"Software": None})  # its version would be in the bytes


def _copy_of(figure: Any) -> Any:
    class Pickler(pickle.Pickler):
        def reducer_override(self, found: Any) -> Any:
            if found is not figure:
                return NotImplemented
            state = figure.__getstate__()
            state.pop(
                "_restore_to_pylab", None
            )  # else the copy would be shown below the cell as one more figure
            return copyreg.__newobj__, (type(figure),), state  # type: ignore[attr-defined]

    buffer = io.BytesIO()
    Pickler(buffer).dump(figure)
    return pickle.loads(buffer.getvalue())  # noqa: S301 - made in the line above
