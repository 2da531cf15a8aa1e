"""A definition file buys what it says: a plain value is one value, and what would have no effect is refused by line, key and fix."""

import re

import pytest

import kie_nb as kie
from kie_nb.experiment.definition_file import checked, line_of

HEAD = 'kie_nb = 1\nname = "x"\nmodel = "wan/2-5-text-to-video"\n'
FIXED = '[fixed]\nprompt = "The {who} smiles"\n'
REFUSED = {
    "unknown key": (f"{HEAD}seed = 3\n{FIXED}", 4, "seed is not a key", r"move seed there"),
    "slip in a key": (f"{HEAD}repeat = 3\n{FIXED}", 4, "repeat is not a key", "did you mean repeats"),
    "unknown table": (f"{HEAD}[axis]\nseed = [1]\n", 4, "axis is not a key", "did you mean axes"),
    "name twice": (
        f'{HEAD}{FIXED}who = "cat"\n[axes]\nwho = ["ox"]\n',
        6,
        "under .fixed. and under",
        "remove one",
    ),
    "list under fixed": (
        f"{HEAD}{FIXED}seed = [1, 2]\n",
        6,
        "seed under .fixed. is a list",
        r"under \[axes\]",
    ),
    "table under fixed": (
        f"{HEAD}{FIXED}who = {{a = 1}}\n",
        6,
        "who under .fixed. is a table",
        "values are text",
    ),
    "table as an axis": (
        f"{HEAD}{FIXED}[axes]\nseed = {{range = 3}}\n",
        7,
        "seed .* is a table",
        r"seed = \[1, 2, 3\]",
    ),
    "date as an axis": (
        f"{HEAD}{FIXED}[axes]\nwho = [1979-05-27]\n",
        7,
        "who .* has a date",
        "values are text",
    ),
    "no number": (f"{HEAD}{FIXED}[axes]\nseed = [1, nan]\n", 7, "seed .* has nan", "values are text"),
    "axes is a list": (f"{HEAD}axes = [1]\n{FIXED}", 4, "axes is a list", r"\[axes\] on a line"),
    "repeats is a text": (f'{HEAD}repeats = "2"\n{FIXED}', 4, "repeats is a text", "repeats = 2"),
    "no name": (f"kie_nb = 1\n{FIXED}", 0, "name is missing", 'add name = "smile"'),
    "empty name": (f'kie_nb = 1\nname = " "\n{FIXED}', 2, "the name is empty", 'name = "smile"'),
    "no version": (FIXED, 0, "no kie_nb = 1", "kie_nb = 1"),
    "newer version": (f'kie_nb = 2\nname = "x"\n{FIXED}', 1, "kie_nb = 2", "kie_nb = 1"),
    "dropped value": (
        f'{HEAD}{FIXED}[axes]\nwho = ["cat", "ox"]\n[[dropped]]\nwho = "cta"\n',
        9,
        "who = 'cta', and no cell has that",
        "did you mean 'cat'",
    ),
    "dropped name": (
        f'{HEAD}{FIXED}[axes]\nwho = ["cat", "ox"]\n[[dropped]]\nwho = "ox"\n[[dropped]]\nwhoo = "cat"\n',
        11,
        "whoo = 'cat', and no cell has that",
        "did you mean 'who'",
    ),
    "sample_seed alone": (f"{HEAD}sample_seed = 3\n{FIXED}", 4, "without a sample", "add sample"),
    "sample is a text": (f'{HEAD}sample = "3"\n{FIXED}', 4, "sample is a text", "sample = 20"),
    "max_credits below 0": (
        f"{HEAD}max_credits = -1\n{FIXED}",
        4,
        "max_credits is a number",
        "max_credits = 600",
    ),
    "when without an axis": (
        f'{HEAD}{FIXED}[axes]\nwho = ["cat"]\n[when]\nsed = {{who = "cat"}}\n',
        9,
        "sed is not an axis",
        "name a cell",
    ),
    "when at no value": (
        f'{HEAD}{FIXED}[axes]\nwho = ["cat"]\nseed = [1]\n[when]\nseed = {{who = "cta"}}\n',
        10,
        "who is never 'cta'",
        "did you mean 'cat'",
    ),
    "an empty range": (f"{HEAD}{FIXED}[axes]\nseed = {{range = [3, 3]}}\n", 7, "seed .* is a table", "seed"),
    "cells of lists": (f"{HEAD}{FIXED}[[cells]]\nseed = [1]\n", 7, "cells is a list", r"\[\[cells\]\]"),
    "dropped nothing": (f"{HEAD}{FIXED}[axes]\nseed = [1]\n[[dropped]]\n", 8, "dropped is a list", "dropped"),
}


def load(tmp_path, text):
    file = tmp_path / "smile.toml"
    file.write_text(text)
    return kie.Experiment.load(file)


@pytest.mark.parametrize(("text", "line", "words", "fix"), REFUSED.values(), ids=REFUSED)
def test_what_has_no_effect_is_refused_by_line_key_and_fix(tmp_path, text, line, words, fix):
    """Before anything is priced or sent."""
    with pytest.raises(kie.InvalidRequest, match=words) as refused:
        load(tmp_path, text)
    assert refused.value.message.startswith(f"smile.toml, line {line}: " if line else "smile.toml: ")
    assert re.search(fix, refused.value.hint)


GRID = {
    "slip in a field": ("seed = 1\nduratoin = 5", 7, "'duratoin' is not a field", "placeholders"),
    "value of a field": ("duration = 7", 6, "duration=7: use 5 or 10 s", "use duration = 5 or 10"),
    "value of an axis": ("[axes]\nseed = [1, -4]", 7, "seed=-4", "use seed = 0 to"),
    "empty axis": ("[axes]\nseed = []", 7, "axis 'seed' is empty", "at least one"),
    "slip in a placeholder": ('[axes]\nwhoo = ["cat"]', 5, "did you mean 'whoo'", "the braces"),
    "form": ('negative_prompt = "{n:.2f}"\n[axes]\nn = ["a"]\nwho = 1', 8, "{n:.2f} cannot", "Python"),
    "reserved axis": ('[axes]\nwhere = ["here"]', 7, "where under [axes] is an argument", "a_where"),
    "no picture there": ('who = 1\nimage = "none.png"', 7, "no file 'none.png'", "path"),
}


@pytest.mark.parametrize(("more", "line", "words", "fix"), GRID.values(), ids=GRID)
def test_errors_of_its_grid_name_the_line_too(tmp_path, more, line, words, fix):
    """And what to write in a file, not on the line of a cell."""
    with pytest.raises(kie.InvalidRequest) as refused:
        load(tmp_path, f"{HEAD}{FIXED}{more}\n")
    assert words in refused.value.message
    assert refused.value.message.startswith(f"smile.toml, line {line}: ")
    assert fix in refused.value.hint


CHAIN = range(1, 1010)  # more than calls may be nested
HUGE = {
    "a range": f"{HEAD}{FIXED}[axes]\nseed = {{range = [0, {10**25}]}}\n",
    "cells and repeats": f"{HEAD}repeats = 99999\n{FIXED}" + "[[cells]]\nwho = 1\n[[cells]]\nwho = 2\n",
    "a chain of conditions": f'{HEAD}[fixed]\nprompt = "{" ".join(f"{{a{n}}}" for n in (0, *CHAIN))}"\n[axes]\na0 = [1, 2]\n'
    + "".join(f"a{n} = 1\n" for n in CHAIN)
    + "[when]\n"
    + "".join(f"a{n} = {{a{n - 1} = 1}}\n" for n in CHAIN),
}


@pytest.mark.parametrize("text", HUGE.values(), ids=HUGE)
def test_a_file_that_asks_for_too_much_is_refused(tmp_path, text):
    """Before its cells are made."""
    with pytest.raises(kie.InvalidRequest):
        load(tmp_path, text)


def test_many_dropped_places_are_looked_up(tmp_path):
    """Each cell is not compared with each of them: that would take hours."""
    dropped = "".join(f"[[dropped]]\nwho = {number}\n" for number in range(1, 3000))
    axes = "[axes]\nwho = {range = [0, 3000]}\nseed = {range = [0, 20]}\n"

    assert len(load(tmp_path, HEAD + FIXED + axes + dropped)) == 20


@pytest.mark.parametrize(
    ("axes", "axis"),
    [
        ('who = "ox"', ["ox"]),
        ("who = 5", [5]),
        ("who = true", [True]),
        ('who = ["ox", "cat"]', ["ox", "cat"]),
        ("who = {range = [0, 3]}", [0, 1, 2]),
        ("who = {range = [0, 9, 4]}", [0, 4, 8]),
        ('who = "0-3"', ["0-3"]),
    ],
)
def test_a_plain_value_of_an_axis_is_one_value(tmp_path, axes, axis):
    """A text is not its letters."""
    exp = load(tmp_path, f"{HEAD}{FIXED}[axes]\n{axes}\n")

    assert list(exp.definition.grid.axes["who"]) == axis
    assert len(exp) == len(axis)


def test_seeds_are_written_as_on_the_magics_line(tmp_path):
    """The one axis whose values cannot be text."""
    exp = load(tmp_path, f'{HEAD}[fixed]\nprompt = "a"\n[axes]\nseed = "0-2,7"\n')
    assert [run["seed"] for run, _ in exp.cells()] == [0, 1, 2, 7]


EVERYTHING = """\
# Which animal?
kie_nb = 1
name = "x"
model = "wan/2-5-text-to-video"  # the cheap one
sample = 3
cells = [
    {who = "hen", seed = 9},
]

[axes]
seed = {range = [0, 4]}  # four
who = [
    "cat",  # tame
    "ox",
]
duration = [5, 10]

[fixed]
prompt = "The {who} smiles"
enable_prompt_expansion = false

[when]
duration = {who = ["cat"]}  # oxen are quick
"""


def test_a_file_keeps_its_comments_order_and_notation(tmp_path):
    """What changes is changed in its place; what does not is left as it is written, byte for byte."""
    exp = load(tmp_path, EVERYTHING.replace("sample = 3", "sample = 3\nsample_seed = 0"))
    file = exp.save(tmp_path / "smile.toml")
    assert file.read_text() == EVERYTHING.replace("sample = 3", "sample = 3\nsample_seed = 0")
    assert exp.save(tmp_path / "other.toml").read_text() == file.read_text()

    text = exp.replace(duration=[10], sample=4, sample_seed=5).save(file).read_text()
    changed = EVERYTHING.replace("sample = 3", "sample = 4\nsample_seed = 5")
    assert text == changed.replace("duration = [5, 10]", "duration = [10]")
    again = kie.Experiment.load(file)
    assert again.definition.grid.names == ("seed", "who", "duration")
    file.write_text("not TOML at all =")
    assert exp.save(file).read_text() == EVERYTHING.replace("sample = 3", "sample = 3\nsample_seed = 0")


def test_a_new_file_has_a_list_a_line(tmp_path):
    """Long runs of numbers are a range; all of it is read as it was meant."""
    exp = kie.Experiment(
        "x",
        model="wan/2-5-text-to-video",
        prompt=["A {who}\nsmiles", "{who}"],
        who=["cat", "ox"],
        seed=range(100),
        duration=[5, 10],
        when={"duration": {"who": "ox"}},
        cells=[{"prompt": "{who}", "who": "hen", "seed": 3}],
        sample=7,
        description="Who smiles?",
        max_credits=900,
    )
    file = exp.save(tmp_path / "x.toml")

    assert "seed = {range = [0, 100]}\n" in file.read_text()
    assert (
        'who = ["cat", "ox"]\nduration' in file.read_text() or 'who = ["cat", "ox"]\nseed' in file.read_text()
    )
    assert '    {prompt = "{who}", who = "hen", seed = 3},\n' in file.read_text()
    loaded = kie.Experiment.load(file)
    assert loaded.definition.to_json() == exp.definition.to_json()
    assert [place for place, _ in loaded.cells()] == [place for place, _ in exp.cells()]
    assert len(exp) == 8


def test_one_zipped_group_needs_no_brackets_of_its_own():
    """As in Python."""
    assert checked({"kie_nb": 1, "name": "x", "zip": ["a", "b"]})["zip"] == [["a", "b"]]


def test_a_part_of_a_place_drops_all_cells_that_have_it(tmp_path):
    """And a place that the grid does not have is refused: the cell that was meant would be bought."""
    axes = '[axes]\nwho = ["cat", "ox", "cow"]\nseed = [1, 2]\n'
    dropped = '[[dropped]]\nwho = "ox"\n[[dropped]]\nwho = "cow"\nseed = 2\n'
    places = [tuple(place.values()) for place, _ in load(tmp_path, f"{HEAD}{FIXED}{axes}{dropped}").cells()]
    assert places == [("cat", 1), ("cat", 2), ("cow", 1)]

    zipped = f'{HEAD}zip = ["who", "seed"]\n{FIXED}[axes]\nwho = ["cat", "ox"]\nseed = [1, 2]\n'
    with pytest.raises(kie.InvalidRequest, match=r"names no cell of the grid: who = 'ox', seed = 1"):
        load(tmp_path, f'{zipped}[[dropped]]\nwho = "ox"\nseed = 1\n')


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (["name"], 1),
        (["fixed", "prompt"], 4),
        (["axes", "a key"], 10),
        (["axes", "seed", 3, "int"], 11),
        (["dropped", 0, "who"], 13),
        (["dropped", 1, "who"], 15),
        (["dropped", 1, "sed"], 14),
        (["missing"], None),
    ],
)
def test_a_line_is_found_by_its_key(path, line):
    """Lines of a text that look like keys are none."""
    text = (
        'name = "x"\n'
        "[fixed]  # stays\n"
        "# who = 1\n"
        'prompt = """\n'
        "[axes]\n"
        "seed = 1\n"
        '"""\n'
        "\n"
        "[axes]\n"
        '"a key" = [1]\n'
        "seed = [1,\n"
        "[[dropped]]\n"
        "who = 1\n"
        "[[dropped]]\n"
        "who = 2\n"
    )
    assert line_of(text, path) == line
