"""The cells of an experiment as data: rows, a data frame, CSV, JSON lines and Parquet."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..engine.record import Record
from ..errors import InvalidRequest, KieError
from ..handles import Run
from ..home import stored_name
from ..requests import provenance

ENDINGS = (".csv", ".jsonl", ".parquet")
MEASURES = ("rating", "credits", "duration_s", "seed")
Cell = tuple[dict[str, Any], Run | None]  # its place, and its run if it has one
Cells = Sequence[Cell]
Records = Sequence[tuple[dict[str, Any], Record | None]]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TYPES = {
    **dict.fromkeys(("seed", "rating", "execution_count", "image_width", "image_height"), "int64"),
    **dict.fromkeys(("credits", "estimate", "duration_s"), "float64"),
    "git_dirty": "bool",
}
_INT64 = range(-(2**63), 2**63)


def rows(cells: Records) -> list[dict[str, Any]]:
    """A row a cell: its place on each axis, and what is known of its run; what is not known is None."""
    names = _axes(cells)
    return [{**{name: place.get(name) for name in names}, **_facts(run, names)} for place, run in cells]


def _axes(cells: Records) -> list[str]:
    return list(dict.fromkeys(name for place, _ in cells for name in place))


def in_words(place: Mapping[str, Any]) -> str:
    """Where a cell stands: the value on each axis."""
    return ", ".join(f"{name}={value}" for name, value in place.items()) or "the only cell"


def _facts(run: Record | None, taken: Sequence[str]) -> dict[str, Any]:
    request = run.request if run else None  # read from the ledger's JSON each time it is asked for
    facts = {
        "run": run.id if run else None,
        "state": str(run.state) if run else "missing",
        "service": run.service if run else None,
        "model": run.model if run else None,
        "prompt": request.prompt if request else None,
        "seed": run.seed if run else None,
        "credits": run.credits if run else None,
        "estimate": request.estimate.credits if request and request.estimate else None,
        "duration_s": run.duration_s if run else None,
        "rating": run.rating if run else None,
        "tags": list(run.tags) if run else [],
        "task_id": run.task_id if run else None,
        "created_at": run.created_at.isoformat() if run else None,
        "video": stored_name(run.row.video) if run else None,
        "video_sha256": run.row.video_sha256 if run else None,
        **(provenance.facts(run.row, request) if run and request else dict.fromkeys(provenance.NAMES)),
    }
    while both := facts.keys() & set(taken):
        # An axis keeps its name; the fact of the run gets another one, for the two may differ.
        facts = {f"run_{name}" if name in both else name: value for name, value in facts.items()}
    return facts


def write(cells: Records, path: Path) -> Path:
    """Write the cells as the ending of *path* says; see `Experiment.export_data`."""
    ending = path.suffix.lower()
    if ending not in ENDINGS:
        raise InvalidRequest(f"{path.name}: use {', '.join(ENDINGS)}.", charged="")
    found = rows(cells)
    if ending == ".parquet":
        return _write_parquet(found, _axes(cells), path)
    with path.open("w", encoding="utf-8", newline="" if ending == ".csv" else None) as file:
        if ending == ".jsonl":
            file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in found)
        else:
            lines = [list(found[0] if found else ["run"]), *(list(row.values()) for row in found)]
            csv.writer(file).writerows([_no_formula(value) for value in line] for line in lines)
    return path


def _no_formula(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula, with an apostrophe: prompts are not trusted."""
    text = ";".join(value) if isinstance(value, list) else value
    return f"'{text}" if isinstance(text, str) and text.startswith(_FORMULA) else text


def best(runs: Sequence[Run], by: str) -> Run | None:
    """The run with the highest rating, or the smallest cost, time or seed; see `Experiment.best`."""
    if by not in MEASURES:
        raise InvalidRequest(f"best(by={by!r}): use {', '.join(MEASURES)}.", charged="")
    known = {run: float(value) for run in runs if (value := getattr(run, by)) is not None}
    sign = -1 if by == "rating" else 1
    return min(known, key=lambda run: sign * known[run], default=None)


def _write_parquet(found: Sequence[Mapping[str, Any]], axes: Sequence[str], path: Path) -> Path:
    """A column has the same type whatever its values, also with none at all; an axis whose values are of several kinds is text."""
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise KieError("Parquet needs pyarrow.", hint="pip install 'kie_nb[data]'") from None
    arrays = {}
    for name in found[0] if found else ():
        values = [row[name] for row in found]
        arrays[name] = _axis(pa, values) if name in axes else _fact(pa, name, values)
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
