"""Axes become cells: which, in what order, and what is refused."""

from dataclasses import replace

import pytest

from kie_nb.errors import InvalidRequest
from kie_nb.experiment.grid import Grid, expand, left_over, seeds_in

FIELDS = ("prompt", "image", "seed", "duration", "resolution")


def asked(grid, where=None):
    return [cell.asked for cell in expand(grid, FIELDS, where)]


def test_axes_are_crossed_the_first_varies_slowest():
    """As nested loops would."""
    found = asked(Grid(axes={"seed": range(2), "resolution": ["720p", "1080p"]}, fixed={"prompt": "Waves"}))

    assert [(cell["seed"], cell["resolution"]) for cell in found] == [
        (0, "720p"),
        (0, "1080p"),
        (1, "720p"),
        (1, "1080p"),
    ]
    assert {cell["prompt"] for cell in found} == {"Waves"}


def test_placeholders_fill_the_prompt():
    """Their names are no fields; other braces stay as typed."""
    grid = Grid(
        axes={"prompt": ["The {who} smiles {x}", "The {who} yawns"], "who": ["cat", "kitten"]},
        fixed={"seed": 7},
    )

    assert [cell["prompt"] for cell in asked(grid)] == [
        "The cat smiles {x}",
        "The kitten smiles {x}",
        "The cat yawns",
        "The kitten yawns",
    ]
    assert "who" not in asked(grid)[0]


def test_a_prompt_without_the_placeholder_is_asked_for_once():
    """The same request for every value would be bought twice."""
    grid = Grid(axes={"prompt": ["The {who} smiles", "Rain"], "who": ["cat", "kitten"]})
    cells = expand(grid, FIELDS)

    assert [cell.asked["prompt"] for cell in cells] == ["The cat smiles", "The kitten smiles", "Rain"]
    assert cells[-1].at == {"prompt": "Rain"}


def test_zipped_axes_go_side_by_side():
    """Pairs in place of all combinations; the rest is crossed with them."""
    grid = Grid(
        axes={"prompt": ["a", "b"], "duration": [5, 10], "seed": [1, 2]},
        zipped=(("prompt", "duration"),),
    )

    assert [tuple(cell.values()) for cell in asked(grid)] == [
        ("a", 5, 1),
        ("a", 5, 2),
        ("b", 10, 1),
        ("b", 10, 2),
    ]


def test_where_drops_cells_and_repeats_add_runs():
    """A repeat is the same request with a number of its own."""
    grid = Grid(axes={"seed": range(3)}, fixed={"prompt": "Waves"}, repeats=2)
    cells = expand(grid, FIELDS, lambda at: at["seed"] != 1)

    assert [(cell.asked["seed"], cell.replicate) for cell in cells] == [(0, 0), (0, 1), (2, 0), (2, 1)]


def test_values_that_are_alike_are_not_the_same():
    """5 and "5" are told apart here; what they mean is the model's business. Equal values are one cell."""
    assert len(asked(Grid(axes={"duration": [5, "5", 5]}, fixed={"prompt": "Waves"}))) == 2


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        (Grid(axes={"sed": [1]}, fixed={"prompt": "Waves"}), "did you mean 'seed'"),
        (Grid(axes={"seed": []}, fixed={"prompt": "Waves"}), "'seed' is empty"),
        (Grid(fixed={"prompt": "Waves"}, repeats=0), "above 0"),
        (Grid(fixed={"prompt": "Waves"}, repeats=True), "above 0"),
        (Grid(axes={"seed": [1, 2], "duration": [5]}, zipped=(("seed", "duration"),)), "seed has 2"),
        (Grid(axes={"seed": [1, 2]}, zipped=(("seed", "duration"),)), "not an axis"),
        (Grid(axes={"seed": [1, 2]}, zipped=(("seed",), ("seed",))), "twice"),
        (Grid(axes={"seed": range(1000), "duration": range(1000)}), "1,000,000 cells"),
    ],
)
def test_what_has_no_meaning_is_refused(grid, words):
    """Before anything is priced or sent."""
    with pytest.raises(InvalidRequest, match=words):
        expand(grid, FIELDS)


def test_a_slip_in_a_placeholder_is_refused():
    """It would be paid for in every cell."""
    grid = Grid(axes={"prompt": ["The {who} smiles", "The {hwo} yawns"], "who": ["cat", "kitten"]})
    with pytest.raises(InvalidRequest, match=r"{hwo}, but no axis has this name; did you mean 'who'"):
        left_over(grid, FIELDS)


@pytest.mark.parametrize(
    ("fixed", "said"),
    [
        ({"prompt": "The {who} {x}"}, ["{x} stays in the prompt"]),
        ({"prompt": "The {who}", "resolution": "{who}"}, ["{who} stays in resolution"]),
        ({"prompt": "The {who} at {seed}"}, ["{seed} stays in the prompt"]),
        ({"prompt": "The {who}"}, []),
    ],
)
def test_what_stays_as_typed_is_said(fixed, said):
    """Braces may be meant as such; whoever meant an axis is told."""
    found = left_over(Grid(axes={"who": ["cat"]}, fixed=fixed), FIELDS)

    assert len(found) == len(said)
    assert all(text.startswith(start) for text, start in zip(found, said, strict=True))


def test_braces_where_nothing_is_filled_are_said_and_sent():
    """A prompt of code is no mistake; who forgot the axis hears of it before each cell is paid for."""
    (said,) = left_over(Grid(axes={"seed": [1]}, fixed={"prompt": "{x}", "resolution": "{y}"}), FIELDS)
    assert said.startswith("{x} stays in the prompt as it is typed")


@pytest.mark.parametrize(
    ("prompt", "value", "filled"),
    [
        ("{n:.2f} m", 0.5, "0.50 m"),
        ("{n:03d}", 7, "007"),
        ("{n:>4}|", "ox", "  ox|"),
        ("{n!r}", "ox", "'ox'"),
        ("{n}", 0.5, "0.5"),
    ],
)
def test_a_placeholder_takes_the_forms_of_python(prompt, value, filled):
    """They were sent as typed, and paid for."""
    (cell,) = asked(Grid(axes={"n": [value]}, fixed={"prompt": prompt}))
    assert cell["prompt"] == filled


@pytest.mark.parametrize(("prompt", "value"), [("{n:.2f}", "ox"), ("{n:d}", 0.5), ("{n:99999d}", 1)])
def test_a_form_that_does_not_fit_is_refused_by_name(prompt, value):
    """Nor is a gigabyte of blanks made."""
    with pytest.raises(InvalidRequest, match=r"{n:.*} cannot be filled with"):
        asked(Grid(axes={"n": [value]}, fixed={"prompt": prompt}))


def test_a_negative_prompt_is_filled_too():
    """And its placeholder need not be in the prompt."""
    grid = Grid(axes={"what": ["rain", "snow"]}, fixed={"prompt": "Waves", "negative_prompt": "{what}"})
    found = [cell.asked for cell in expand(grid, (*FIELDS, "negative_prompt"))]
    assert [(cell["prompt"], cell["negative_prompt"]) for cell in found] == [
        ("Waves", "rain"),
        ("Waves", "snow"),
    ]


def test_equal_values_of_an_axis_are_said_to_be_one_cell():
    """Axes that go side by side may repeat."""
    (said,) = left_over(Grid(axes={"seed": [1, 1, 2]}, fixed={"prompt": "Waves"}), FIELDS)
    assert said == "seed has 3 values, 2 different ones: equal values are one cell."
    zipped = Grid(axes={"seed": [1, 1], "duration": [5, 10]}, zipped=(("seed", "duration"),))
    assert left_over(zipped, FIELDS) == ()


SEEDS = Grid(axes={"seed": range(40), "who": ["cat", "ox"]}, fixed={"prompt": "A {who}"})


def places(**changes):
    return [tuple(cell.at.values()) for cell in expand(replace(SEEDS, **changes), FIELDS)]


def test_a_sample_is_a_random_part_in_the_grids_order():
    """The same one for the same seed; a larger one has it, and so has a longer axis, but for the few that are new."""
    some = places(sample=10)

    assert len(some) == 10
    assert some == [place for place in places() if place in some] == places(sample=10)
    assert some != places(sample=10, sample_seed=1)
    assert set(some) < set(places(sample=20))
    assert places(sample=99) == places()
    longer = places(sample=10, axes={"seed": range(50), "who": ["cat", "ox"]})
    assert len(set(longer) & set(some)) >= 7
    repeated = expand(replace(SEEDS, sample=3, repeats=2), FIELDS)
    assert [cell.replicate for cell in repeated] == [0, 1] * 3


def test_an_axis_may_belong_to_some_values_of_another():
    """Elsewhere it is not asked for, and what depends on it is not there, either."""
    grid = Grid(
        axes={"prompt": ["{style} rain", "sun"], "style": ["ink", "oil"], "resolution": ["720p", "1080p"]},
        when={"style": {"prompt": ["{style} rain"]}, "resolution": {"style": ["oil"]}},
    )

    assert asked(grid) == [
        {"prompt": "ink rain"},
        {"prompt": "oil rain", "resolution": "720p"},
        {"prompt": "oil rain", "resolution": "1080p"},
        {"prompt": "sun"},
    ]


def test_listed_cells_stand_beside_the_crossed_ones_or_alone():
    """Each request once; a value of its own counts more than a fixed one."""
    listed = ({"who": "cow", "seed": 7}, {"who": "cat", "seed": 0})
    alone = expand(Grid(fixed={"prompt": "A {who}", "seed": 1}, cells=(*listed, {"who": "hen"})), FIELDS)

    assert [cell.asked for cell in alone] == [
        {"prompt": "A cow", "seed": 7},
        {"prompt": "A cat", "seed": 0},
        {"prompt": "A hen", "seed": 1},
    ]
    assert places(cells=listed) == [*places(), ("cow", 7)]
    assert expand(Grid(fixed={"prompt": "A {who}"}, cells=()), FIELDS) == []


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sample": 0}, "sample=0: use a whole number above 0"),
        ({"sample": 2.5}, "sample=2.5"),
        ({"sample": 3, "sample_seed": -1}, "sample_seed=-1: use a whole number from 0"),
        (
            {"when": {"sed": {"who": ["cat"]}}},
            "`when` names 'sed', which is not an axis; did you mean 'seed'",
        ),
        ({"when": {"seed": {"who": ["cow"]}}}, "`when` has 'seed' at who='cow', which no cell has"),
        ({"when": {"seed": {"who": []}}}, "`when` has 'seed' at who: nothing"),
        ({"when": {"who": {"who": ["cat"]}}}, "`when` has 'who' at who: nothing"),
        ({"when": {"who": {"seed": [1]}}}, r"A prompt has \{who\}, and the cell with seed=0 has no who"),
        ({"cells": ({"seed": 1},)}, r"the cell with seed=1 has no who"),
        ({"cells": ({"whoo": 1},)}, "'whoo' is not a field of the model"),
    ],
    ids=str,
)
def test_a_part_that_could_not_be_meant_is_refused(changes, words):
    """Before anything is sent."""
    with pytest.raises(InvalidRequest, match=words):
        places(**changes)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("0-3", [0, 1, 2, 3]),
        ("5", [5]),
        ("1, 5-6,9", [1, 5, 6, 9]),
        ("3-1", None),
        ("x", None),
        ("0-999999999", None),
        ("", None),
        (",".join(["0-99999"] * 3), None),  # of a few bytes more than a machine has room for
    ],
)
def test_seeds_in_a_text(text, found):
    """As on the magic's line and in a file."""
    assert seeds_in(text) == found
