"""A matplotlib figure → PNG: the same figure gives the same bytes, and stays as it is.

A layout (`tight`, `constrained`) moves axes while it is drawn, and goes on from where they are: a figure would be another
picture each time that it is asked for, or shown in between. So a copy is drawn, whose axes begin where a new figure's do.
"""

from __future__ import annotations

import copyreg
import io
import pickle
from collections.abc import Callable
from typing import Any


def rendered(figure: Any) -> bytes:
    """The figure as PNG."""
    buffer = io.BytesIO()
    try:
        copy = _copy_of(figure)
    except Exception:  # noqa: BLE001 - a function in a formatter, say: no pickle holds it
        put_back = _positions_of(figure)
        try:
            _save(figure, buffer)
        finally:
            put_back()
    else:
        _save(copy, buffer)
    return buffer.getvalue()


def _save(figure: Any, buffer: io.BytesIO) -> None:
    if figure.get_layout_engine() is not None:
        _begin_anew(figure)
    figure.savefig(buffer, format="png", metadata={"Software": None})  # its version would be in the bytes


def _begin_anew(figure: Any) -> None:
    """Put all axes of a grid where they are in a figure that was never drawn."""
    figure.subplotpars.update(**vars(type(figure.subplotpars)()))
    for axes in figure.axes:
        spec = axes.get_subplotspec()
        if spec is not None:
            _place(axes, spec.get_position(axes.figure), "both")
    for axes in figure.axes:  # a colour bar of several axes has no place in the grid
        around = getattr(axes, "_colorbar_info", {}).get("parents", ())
        if around and axes.get_subplotspec() is None:
            union = type(around[0].bbox).union([one.get_position(original=True) for one in around])
            _place(axes, union, "both")


def _positions_of(figure: Any) -> Callable[[], None]:
    """Where its axes are; calling it puts them back."""
    found = [(axes, axes.get_position(original=True), axes.get_position()) for axes in figure.axes]
    spaces = dict(vars(figure.subplotpars))

    def put_back() -> None:
        vars(figure.subplotpars).update(spaces)
        for axes, original, active in found:
            _place(axes, original, "original")
            _place(axes, active, "active")

    return put_back


def _place(axes: Any, position: Any, which: str) -> None:
    in_layout = axes.get_in_layout()
    axes.set_position(position, which)
    axes.set_in_layout(in_layout)


def _copy_of(figure: Any) -> Any:
    class Pickler(pickle.Pickler):
        def reducer_override(self, found: Any) -> Any:
            if found is not figure:
                return NotImplemented
            state = figure.__getstate__()
            # Else the copy would be shown below the cell as one more figure.
            state.pop("_restore_to_pylab", None)
            return copyreg.__newobj__, (type(figure),), state  # type: ignore[attr-defined]

    buffer = io.BytesIO()
    Pickler(buffer).dump(figure)
    return pickle.loads(buffer.getvalue())  # noqa: S301 - made in the line above
