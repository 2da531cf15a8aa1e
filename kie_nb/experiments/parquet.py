"""The cells of an experiment as Parquet, each column of a type that does not hang on what its values happen to be.

Types that were guessed from the values would differ from one file to the next: a column of ratings without a rating has none.
"""

from __future__ import annotations

import datetime as dt
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import KieError

_WHOLE = ("seed", "rating", "execution_count", "image_width", "image_height")
_REAL = ("credits", "estimate", "duration_s")
_YES_NO = ("git_dirty",)
_INT64 = range(-(2**63), 2**63)


def write_parquet(found: Sequence[dict[str, Any]], axes: Sequence[str], path: str | os.PathLike[str]) -> Path:
    """Write the rows of `data.rows`; an axis whose values are of several kinds is text.

    Args:
        found: The rows.
        axes: The names of the columns that are axes; the others are facts of the runs.
        path: The file.

    Raises:
        KieError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise KieError("Parquet needs pyarrow.", hint="pip install 'kie_nb[data]'") from None
    columns = {name: [row[name] for row in found] for name in (found[0] if found else ())}
    arrays = {
        name: _axis(pa, values) if name in axes else _fact(pa, name, values)
        for name, values in columns.items()
    }
    target = Path(path)
    pq.write_table(pa.table(arrays), target)
    return target


def _fact(pa: Any, name: str, values: Sequence[Any]) -> Any:
    plain = re.sub("^(run_)+", "", name)  # an axis of the same name stands before it
    if plain == "tags":
        return pa.array(values, pa.list_(pa.string()))
    if plain == "created_at":
        moments = [dt.datetime.fromisoformat(value) if value else None for value in values]
        return pa.array(moments, pa.timestamp("us", tz="UTC"))
    if plain in _WHOLE:
        return pa.array(values, pa.int64())
    if plain in _YES_NO:
        return pa.array(values, pa.bool_())
    return pa.array(values, pa.float64() if plain in _REAL else pa.string())


def _axis(pa: Any, values: Sequence[Any]) -> Any:
    kinds = {type(value) for value in values if value is not None}
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds == {int} and all(value is None or value in _INT64 for value in values):
        return pa.array(values, pa.int64())
    if kinds in ({float}, {int, float}):
        return pa.array([None if value is None else float(value) for value in values], pa.float64())
    return pa.array([None if value is None else str(value) for value in values], pa.string())
