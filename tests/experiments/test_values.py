"""Values as people give them: scalars of numpy and pandas are numbers, and what is no list of values is named."""

import numpy as np
import pandas as pd
import pytest

import kie_nb as kie

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
