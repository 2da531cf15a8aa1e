"""The cells of an experiment as Parquet: a column has the same type whatever its values, also with none at all."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import KieError

_TYPES = {
    **dict.fromkeys(("seed", "rating", "execution_count", "image_width", "image_height"), "int64"),
    **dict.fromkeys(("credits", "estimate", "duration_s"), "float64"),
    "git_dirty": "bool",
}
_INT64 = range(-(2**63), 2**63)


def write_parquet(found: Sequence[Mapping[str, Any]], axes: Sequence[str], path: Path) -> Path:
    """Write the rows of `data.rows`; an axis whose values are of several kinds is text.

    Args:
        axes: The names of the columns that are axes; the others are facts of the runs.

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
    pq.write_table(pa.table(arrays), path)
    return path


def _fact(pa: Any, name: str, values: Sequence[Any]) -> Any:
    plain = re.sub("^(run_)+", "", name)  # an axis has the name itself
    if plain == "tags":
        return pa.array(values, pa.list_(pa.string()))
    if plain == "created_at":
        moments = [dt.datetime.fromisoformat(value) if value else None for value in values]
        return pa.array(moments, pa.timestamp("us", tz="UTC"))
    return pa.array(values, _TYPES.get(plain, "string"))


def _axis(pa: Any, values: Sequence[Any]) -> Any:
    known = [value for value in values if value is not None]
    kinds = {type(value) for value in known}
    if kinds == {bool} or (kinds == {int} and all(value in _INT64 for value in known)):
        return pa.array(values, "bool" if kinds == {bool} else "int64")
    kind, convert = ("float64", float) if kinds in ({float}, {int, float}) else ("string", str)
    return pa.array([None if value is None else convert(value) for value in values], kind)
