"""Values as people give them: scalars of numpy and pandas are numbers, and what is no list of values is named."""

import numpy as np
import pandas as pd
import pytest

import kie_nb as kie
from kie_nb import settings
from kie_nb.catalogue import build_request
from kie_nb.notebook.line import parse

MIXED = pd.DataFrame({"seed": [7, 8], "strength": [0.5, None]})  # a row of it has fractions alone
FRAME = pd.DataFrame({"seed": [7, 8], "who": ["cat", "ox"]})


def seeds(**asked):
    exp = kie.Experiment("x", model="wan/2-5-text-to-video", **{"prompt": "Waves"} | asked)
    return [cell.prepared.request.seed for cell in exp.plan().cells]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"seed": FRAME.iloc[0].seed}, [7]),
        ({"seed": FRAME.seed}, [7, 8]),
        ({"seed": list(FRAME.seed)}, [7, 8]),
        ({"seed": np.arange(2)}, [0, 1]),
        ({"seed": np.array(3)}, [3]),
        ({"seed": 3, "duration": np.int64(5)}, [3]),
        ({"seed": 3, "repeats": np.int64(2)}, [3, 3]),
        ({"seed": [np.int32(1), 2]}, [1, 2]),
        ({"seed": MIXED.iloc[0].seed}, [7]),
        ({"seed": MIXED.seed.astype(float)}, [7, 8]),
    ],
    ids=str,
)
def test_scalars_of_numpy_and_pandas_are_numbers(simulator, asked, found):
    """In a grid; its definition holds Python's own."""
    assert seeds(**asked) == found


def test_they_are_numbers_in_a_single_video_and_a_rating_too(simulator):
    """Wherever a number is taken."""
    run = kie.generate(
        "Waves",
        model="wan/2-5-text-to-video",
        seed=np.int64(7),
        duration=np.int64(5),
        max_credits=np.float32(100),
    )
    assert run.wait(120).seed == 7
    assert run.rate(np.int64(3)).rating == 3
    assert run.rate(pd.Series([4.0]).iloc[0]).rating == 4
    assert kie.runs(seed=np.int64(7), rating=np.int64(4), limit=np.int64(5), since=pd.Timestamp(2020, 1, 1))
    assert kie.runs(since=np.datetime64("2020-01-01"))


def test_they_are_numbers_in_budgets_settings_and_raw_inputs():
    """The ledger and the wire get Python's own."""
    assert kie.budget(np.int64(200), per="day") == {"day": 200.0}
    kie.configure(max_credits=np.float32(90.5), creates_per_window=np.int64(9), wait=np.bool_(True))
    assert (settings.current().max_credits, settings.current().creates_per_window) == (90.5, 9)
    raw = {"seed": np.int64(3), "sizes": np.arange(2), "more": [np.float64(0.5)]}
    request = build_request(model="any/model", raw=raw)
    assert (request.seed, request.inputs) == (3, {"sizes": [0, 1], "more": [0.5]})


@pytest.mark.parametrize(
    ("line", "axes", "raw"),
    [
        ("--seeds {seeds}", {"seed": [7, 8]}, None),
        ("--seeds {numbers}", {"seed": [0, 1]}, None),
        ("--sweep who={who}", {"who": ["cat", "ox"]}, None),
        ("--sweep seed={numbers}", {"seed": [0, 1]}, None),
        ("--set sizes={numbers} --set n={number}", {}, {"sizes": [0, 1], "n": 5}),
    ],
)
def test_the_line_of_a_cell_takes_columns_and_arrays(line, axes, raw):
    """An array was the text of one cell, [0 1]."""
    variables = {"seeds": MIXED.seed * 1.0, "numbers": np.arange(2), "who": FRAME.who, "number": np.int64(5)}
    found = parse(f"--format --experiment x {line}", variables)
    assert (found.axes, found.raw) == (axes, raw)
    assert parse("--format --seed {n}", {"n": MIXED.iloc[0].seed}).fields == {"seed": 7}
    assert parse("--experiment x --seeds 0-5 --max-credits 200 --partial").partial


@pytest.mark.parametrize("value", [np.nan, pd.NA, pd.NaT, float("inf")], ids=repr)
def test_a_value_that_a_table_does_not_know_is_refused(value):
    """A prompt would hold its name, and be bought."""
    with pytest.raises(kie.InvalidRequest, match=r"who has .* among its values") as refused:
        seeds(prompt="The {who}", seed=1, who=["cat", value])
    assert "dropna" in refused.value.hint


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        ((n for n in range(3)), "generator"),
        ({1, 2}, "set"),
        ({"a": 1}, "dict"),
        ({"a": 1}.keys(), "dict_keys"),
        (map(int, "12"), "map"),
    ],
)
def test_what_is_no_list_is_named_with_the_way_out(value, kind):
    """It was one strange value, or its type stood in the prompt."""
    with pytest.raises(kie.InvalidRequest, match=f"seed is a {kind}, which") as refused:
        seeds(seed=value)
    assert "seed=list(...)" in refused.value.hint


def test_a_placeholder_called_like_an_argument_is_refused():
    """`where` would have been taken for the function."""
    with pytest.raises(kie.InvalidRequest, match=r"where=.* is no function"):
        seeds(prompt="{where}", where=["here", "there"])
    for name in ("where", "name", "model", "zip", "repeats"):
        with pytest.raises(kie.InvalidRequest, match=f"{name} is an argument of Experiment"):
            seeds(prompt=f"At {{{name}}}", seed=[1])
