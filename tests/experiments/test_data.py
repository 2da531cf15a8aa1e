"""The cells as data: a frame, files, and the best of them."""

import csv
import json
import shutil

import pyarrow.parquet as pq
import pytest

import kie_nb as kie

SHORT_S = 120


@pytest.fixture
def exp(smile):
    exp = smile(seeds=2).run(max_credits=1000).wait(SHORT_S)
    exp.runs[1].rate(5).tag("keeper", "calm")
    exp.runs[2].rate(3)
    return exp


def test_files_hold_the_same(exp, tmp_path):
    """CSV and JSON lines, told by their ending; text in any language."""
    rows = [
        json.loads(line) for line in exp.export_data(tmp_path / "a.jsonl").read_text("utf-8").splitlines()
    ]
    with exp.export_data(tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))

    assert [row["run"] for row in rows] == [row["run"] for row in table] == [run.id for run in exp]
    assert list(rows[0]) == list(table[0])
    assert table[1]["tags"] == rows[1]["tags"] == "keeper; calm"
    assert all(len(row["video_sha256"]) == 64 for row in rows)
    with pytest.raises(kie.InvalidRequest, match="parquet"):
        exp.export_data(tmp_path / "a.xls")


@pytest.mark.parametrize(
    ("ending", "write"),
    [
        (".csv", kie.Experiment.export_data),
        (".parquet", kie.Experiment.export_data),
        (".json", lambda exp, path: exp.metrics(path, spread=False)),
        (".toml", kie.Experiment.save),
        (".html", lambda exp, path: exp.wall().save(path)),
    ],
    ids=["csv", "parquet", "metrics", "definition", "wall"],
)
def test_a_path_that_cannot_be_written_is_told(smile, cat, tmp_path, ending, write):
    """In our words, whichever way it is wrong."""
    shutil.copy(cat, tmp_path / "cat.png")
    exp = smile(seeds=1, image="cat.png")
    (tmp_path / "file").touch()
    (tmp_path / f"folder{ending}").mkdir()
    for path in (f"file/a{ending}", f"folder{ending}", f"a\0{ending}", 3, None, b"a"):
        with pytest.raises(kie.KieError, match=r"cannot be written|is no path") as caught:
            write(exp, path)
        assert caught.value.hint


def test_metrics_are_numbers_in_a_file(exp, smile, tmp_path):
    """As trackers of metrics read them; what is not known is null."""
    found = json.loads(exp.metrics(tmp_path / "metrics.json").read_text())
    assert found["cells"] == {"all": 6, "done": 6, "failed": 0, "open": 0, "unsettled": 0, "missing": 0}
    assert found["credits"] == {"spent": 360, "estimate": 360, "at_risk": 0, "simulated": True}
    assert found["rating"] == {"rated": 2, "mean": 4}
    assert found["seconds"]["median"] > 0
    assert found["spread"]["pairs"] == 3
    assert found["spread"]["median"] > 0

    planned = json.loads(smile(prompt="Other").metrics(tmp_path / "metrics.json", spread=False).read_text())
    assert (planned["cells"]["missing"], planned["rating"]["mean"], "spread" in planned) == (4, None, False)


def test_the_best_is_found_by_what_is_known(exp, smile):
    """A rating is better when it is higher, a cost when it is lower."""
    assert exp.best() == exp.runs[1]
    assert exp.best(by="seed").seed == 0
    assert exp.best(by="duration_s") in exp.runs
    with pytest.raises(kie.InvalidRequest, match="best\\(by="):
        exp.best(by="beauty")


def test_parquet_holds_each_column_in_its_type(exp, smile, tmp_path):
    """Whole numbers with gaps stay whole, moments are moments, tags are text; unknown is null."""
    exp.runs[0].rate(None)
    table = pq.read_table(smile(seeds=3).export_data(tmp_path / "a.parquet"))

    kinds = {field.name: str(field.type) for field in table.schema}
    assert kinds["seed"] == kinds["rating"] == "int64"
    assert kinds["credits"] == "double"
    assert kinds["tags"] == "string"
    assert kinds["asked_at"] == kinds["completed_at"] == "timestamp[us, tz=UTC]"
    rows = table.to_pylist()
    tagged = next(row for row in rows if row["tags"])
    assert (tagged["tags"], tagged["rating"]) == ("keeper; calm", 5)
    assert tagged["asked_at"] == exp.runs[1].created_at
    assert [row["rating"] for row in rows if row["state"] == "to come"] == [None] * 3
    import pandas as pd

    assert pd.read_parquet(tmp_path / "a.parquet")["prompt"].tolist() == [row["prompt"] for row in rows]


def test_parquet_has_the_same_types_before_anything_is_bought(exp, smile, tmp_path):
    """A column without a single value is no column of nulls."""
    before = smile(seed=[11]).export_data(tmp_path / "before.parquet")
    after = exp.export_data(tmp_path / "after.parquet")
    assert pq.read_schema(before) == pq.read_schema(after)


@pytest.mark.parametrize(
    ("values", "kind", "kept"),
    [
        ([1, 2], "int64", [1, 2]),
        ([1, 2.5], "double", [1.0, 2.5]),
        (["cat", 3], "string", ["cat", "3"]),
        ([True, 2], "string", ["True", "2"]),
        ([True, False], "bool", [True, False]),
        ([1, 2**70], "string", ["1", str(2**70)]),
    ],
    ids=["whole", "real", "mixed", "bool and whole", "bool", "too large"],
)
def test_parquet_takes_axes_of_any_kind(smile, tmp_path, values, kind, kept):
    """Values of several kinds are text; whole and real numbers are real."""
    exp = smile(seeds=1, prompt="A cat, {who}", who=values)
    table = pq.read_table(exp.export_data(tmp_path / "a.parquet"))
    assert str(table.schema.field("who").type) == kind
    assert table["who"].to_pylist() == kept


def test_pictures_are_written_by_their_names(smile, cat, tmp_path):
    """A path from the notebook's folder, and never the folder itself; bytes have a name too."""
    shutil.copy(cat, "cat.png")
    exp = smile(seeds=1, prompt="A cat", image=["cat.png", cat.read_bytes()])
    path = exp.export_data(tmp_path / "a.parquet")
    assert pq.read_table(path)["image"].to_pylist() == ["cat.png"]
    assert str(tmp_path).encode() not in path.read_bytes()


def test_a_spreadsheet_finds_no_formula(smile, tmp_path):
    """A definition may come from anybody; CSV is what people open with a double click."""
    hostile = ["=HYPERLINK(1)", "+1", "-1", "@x", "\tx", "\rx"]
    exp = smile(seeds=1, prompt="A {who} {n}", who=[*hostile, "a = b"], n=[-2])
    with exp.export_data(tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        table = list(csv.DictReader(file))

    assert [row["who"] for row in table] == [*(f"'{text}" for text in hostile), "a = b"]
    assert {row["n"] for row in table} == {"-2"}  # a number is none
    lines = exp.export_data(tmp_path / "a.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["who"] for line in lines] == [*hostile, "a = b"]


def test_axes_that_are_called_as_facts_are(smile, tmp_path):
    """Both are there: no column takes another's place, and facts keep their names."""
    exp = smile(
        seeds=1, prompt="A {tags} {axis_tags} {state}", tags=["red"], axis_tags=["blue"], state=["wet"]
    )
    (row,) = pq.read_table(exp.export_data(tmp_path / "a.parquet")).to_pylist()
    assert (row["axis_tags"], row["axis_axis_tags"], row["tags"]) == ("red", "blue", None)
    assert (row["axis_state"], row["state"]) == ("wet", "to come")
    with exp.export_data(tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        assert next(csv.DictReader(file))["axis_tags"] == "red"
