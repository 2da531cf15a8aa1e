"""The cells of an experiment as data: a data frame, CSV, JSON lines and Parquet; and what they are measured by."""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InvalidRequest, KieError
from ..handles import Run
from .columns import Column, Line, on_machine, table_of

ENDINGS = (".csv", ".jsonl", ".parquet")
MEASURES = ("rating", "score", "credits", "duration_s", "seed")
Cell = tuple[dict[str, Any], Run | None]  # its place, and its run if it has one
Cells = Sequence[Cell]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Types that hold what is not known, too: a column has the same one whatever is known.
_PANDAS = {
    "text": "string",
    "whole": "Int64",
    "real": "Float64",
    "bool": "boolean",
    "time": "datetime64[us, UTC]",
}
_ARROW = {"text": "string", "whole": "int64", "real": "float64", "bool": "bool"}


def in_words(place: Mapping[str, Any]) -> str:
    """Where a cell stands: the value on each axis."""
    return ", ".join(f"{name}={value}" for name, value in place.items()) or "the only cell"


def frame(lines: Sequence[Line]) -> Any:
    """A `pandas.DataFrame` of *lines*; KieError where pandas is not installed."""
    try:
        import pandas as pd
    except ImportError:
        raise KieError("pandas is not installed here.", hint="pip install 'kie_nb[data]'") from None
    table = table_of(lines, on_machine)
    return pd.DataFrame(
        {name: pd.array(list(column.values), dtype=_PANDAS[column.kind]) for name, column in table.items()}
    )


def write(lines: Sequence[Line], path: Path) -> Path:
    """Write *lines* as the ending of *path* says; see `Experiment.export_data`."""
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise InvalidRequest(f"{path.name}: use {', '.join(ENDINGS)}.", charged="")
    table = table_of(lines)
    if ending == ".parquet":
        return _write_parquet(table, path)
    rows = plain_rows(lines)
    with path.open("w", encoding="utf-8", newline="" if ending == ".csv" else None) as file:
        if ending == ".jsonl":
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        else:
            found = (table, *(row.values() for row in rows))
            csv.writer(file).writerows([_no_formula(value) for value in row] for row in found)
    return path


def plain_rows(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """*lines* as JSON has them."""
    table = table_of(lines)
    rows = zip(*(map(_plain, column.values) for column in table.values()), strict=True)
    return [dict(zip(table, row, strict=True)) for row in rows]


def _plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, dt.datetime) else value


def _no_formula(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula, with an apostrophe: prompts are not trusted."""
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _write_parquet(table: Mapping[str, Column], path: Path) -> Path:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise KieError("Parquet needs pyarrow.", hint="pip install 'kie_nb[data]'") from None
    kinds = {**_ARROW, "time": pa.timestamp("us", tz="UTC")}
    arrays = {name: pa.array(column.values, kinds[column.kind]) for name, column in table.items()}
    pq.write_table(pa.table(arrays), path)
    return path


def check_measure(by: str, call: str) -> None:
    """Refuse what runs are not measured by."""
    if by not in MEASURES:
        raise InvalidRequest(f"{call}(by={by!r}): use {', '.join(MEASURES)}.", charged="")


def is_high_better(by: str) -> bool:
    """Whether the highest of a measure is the best: the smallest cost, time and seed are."""
    return by in {"rating", "score"}
