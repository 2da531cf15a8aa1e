"""Which cell of a wall stands where, what two of them differ in, and what is refused."""

import pytest

from kie_nb.errors import InvalidRequest
from kie_nb.experiment.wall_tiles import arrange, common, numbered, shown


def crossed(**axes):
    """Places of a grid, the first axis varies slowest."""
    places = [{}]
    for name, values in axes.items():
        places = [{**place, name: value} for place in places for value in values]
    return places


def words(headings):
    return [" ".join(value for _, value in heading) for heading in headings]


def axes_of(headings):
    return [name for name, _ in headings[0]] if headings else []


@pytest.mark.parametrize(
    ("places", "asked", "rows", "cols"),
    [
        pytest.param(crossed(seed=range(3), prompt="ab"), {}, ["a", "b"], ["0", "1", "2"], id="seeds are the columns"),
        pytest.param(crossed(prompt="abc", resolution=["720p", "1080p"]), {}, ["a", "b", "c"], ["720p", "1080p"], id="else what varies fastest"),
        pytest.param(crossed(seed=range(2), who="xy", prompt="abc"), {}, ["a x", "a y", "b x", "b y", "c x", "c y"], ["0", "1"], id="the axis with most values first, the others nested"),
        pytest.param(crossed(seed=range(2), prompt="ab"), {"rows": "seed"}, ["0", "1"], ["a", "b"], id="rows asked for"),
        pytest.param(crossed(seed=range(2), prompt="ab"), {"cols": "prompt"}, ["0", "1"], ["a", "b"], id="columns asked for"),
        pytest.param(crossed(seed=range(2), prompt="ab", who="xy"), {"rows": ("who", "prompt")}, ["x a", "x b", "y a", "y b"], ["0", "1"], id="rows nested as asked"),
        pytest.param(crossed(seed=range(2), prompt="ab", who="xy"), {"rows": "prompt", "cols": "who"}, ["a 0", "a 1", "b 0", "b 1"], ["x", "y"], id="what nobody named is nested in the rows"),
        pytest.param(crossed(seed=range(3), prompt="a"), {"cols": "seed"}, [""], ["0", "1", "2"], id="one row, asked for"),
        pytest.param(crossed(seed=range(3), prompt="a"), {"rows": "seed", "cols": ()}, ["0", "1", "2"], [""], id="one column, asked for"),
        pytest.param(crossed(seed=range(2), prompt="ab")[:3], {}, ["a", "b"], ["0", "1"], id="a gap stays a gap"),
        pytest.param([{"seed": 0}, {"seed": 0, "repeat": 2}], {"cols": "repeat"}, [""], ["1", "2"], id="the first of several is number 1"),
        pytest.param([{"p": "a"}, {"p": "b", "who": "x"}, {"p": "b", "who": "y"}], {"rows": "p", "cols": "who"}, ["a", "b"], ["–", "x", "y"], id="an axis that a place does not have"),
        pytest.param([{"a": 1}, {"a": True}, {"a": "1"}], {"cols": "a"}, [""], ["1", "yes", "1"], id="values are told apart by kind"),
    ],
)  # fmt: skip
def test_where_tiles_stand(places, asked, rows, cols):
    """Rows and columns as headed, and no two tiles in one spot."""
    layout = arrange(places, **asked)

    assert layout.is_grid
    assert (words(layout.rows), words(layout.cols)) == (rows, cols)
    assert len(set(layout.spots)) == len(places)


def test_every_tile_stands_under_its_own_headings():
    """Row and column together say the place."""
    places = crossed(seed=range(3), prompt="ab", who="xy")
    layout = arrange(places, rows="prompt", cols="seed")

    for place, (row, col) in zip(places, layout.spots, strict=True):
        assert dict([*layout.rows[row], *layout.cols[col]]) == {
            name: shown(value) for name, value in place.items()
        }


@pytest.mark.parametrize(
    "places",
    [
        pytest.param(crossed(seed=range(30)), id="one axis alone"),
        pytest.param([{"seed": n, "prompt": str(n)} for n in range(5)], id="hardly a spot filled"),
        pytest.param([{}], id="a single one"),
    ],
)
def test_tiles_that_fill_no_grid_follow_each_other(places):
    """A strip of thirty, or a diagonal, would be read by nobody."""
    layout = arrange(places)

    assert not layout.is_grid
    assert layout.spots == tuple((0, number) for number in range(len(places)))


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"rows": "promt"}, "rows='promt' is not an axis here; did you mean 'prompt'"),
        ({"cols": "x"}, "axes are seed, prompt"),
        ({"rows": "seed", "cols": "seed"}, "'seed' is asked for as rows and as columns"),
        ({"rows": ("seed", "seed")}, "rows names an axis twice"),
    ],
)
def test_what_is_refused(asked, told):
    """With what there is."""
    with pytest.raises(InvalidRequest) as caught:
        arrange(crossed(seed=range(2), prompt="ab"), **asked)

    assert told in "\n".join(caught.value.lines())


def test_equal_places_are_numbered():
    """Two videos of one request are two tiles."""
    found = numbered([{"a": 1}, {"a": 1}, {"a": 2}, {"a": 1}])

    assert found == [{"a": 1}, {"a": 1, "repeat": 2}, {"a": 2}, {"a": 1, "repeat": 3}]


def test_what_all_have_in_common():
    """Said once for the whole wall."""
    assert common([{"a": "1", "b": "2"}, {"a": "1", "b": "3"}, {"a": "1"}]) == {"a": "1"}
    assert common([]) == {}


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "–"), (True, "yes"), (False, "no"), (0.5, "0.5"), (5.0, "5"), (7, "7"), ("x", "x")],
)
def test_values_in_words(value, expected):
    """As people write them."""
    assert shown(value) == expected
