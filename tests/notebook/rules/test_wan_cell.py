"""`%%kie_wan` without a kernel: what a refused cell leaves behind."""

from types import SimpleNamespace

import pytest

import kie_nb
from kie_nb.errors import BudgetExceeded, InvalidRequest, OutcomeUnknown
from kie_nb.notebook.wan_magic import kie_wan

TEXT = "--model wan/2-5-text-to-video"


@pytest.mark.parametrize("more", ["--seeds 1 --set seed=9", "--seeds 1 --set prompt=Rain", "--seed 6 --set seed=9"])  # fmt: skip
def test_a_grid_refuses_what_is_given_twice(more):
    """As a single cell does; raw inputs would win silently."""
    with pytest.raises(InvalidRequest, match="is given twice"):
        kie_wan(SimpleNamespace(user_ns={}), f"{TEXT} --experiment waves {more}", "Waves")


def test_seeds_in_the_place_of_one_are_told_where_they_go():
    """One letter is missing."""
    with pytest.raises(InvalidRequest, match="one number") as caught:
        kie_wan(SimpleNamespace(user_ns={}), f"{TEXT} --experiment waves --seed 0-3", "Waves")
    assert "--seeds 0-3" in caught.value.hint


@pytest.fixture
def refused(record, monkeypatch):
    """Run a cell that is refused, in a notebook whose `clip` is the run of an earlier one, and see what `clip` is then."""
    monkeypatch.setenv("KIE_API_KEY", "sk-a-key")

    def refused(error, line, cell="Rain", **variables):
        variables = {"clip": record("fetched", credits=60.0)} | variables
        with pytest.raises(error):
            kie_wan(SimpleNamespace(user_ns=variables), f"{TEXT} -o clip {line}", cell)
        return variables.get("clip")

    return refused


@pytest.mark.parametrize(
    ("error", "line", "cell"),
    [
        pytest.param(InvalidRequest, "--duration 7", "Rain", id="a wrong value"),
        pytest.param(InvalidRequest, '"Rain"', "Snow", id="two prompts"),
        pytest.param(InvalidRequest, "--format", "{nowhere}", id="a variable that is not there"),
        pytest.param(BudgetExceeded, "--max-credits 10", "Rain", id="its own limit"),
        pytest.param(BudgetExceeded, "--max-credits 10 --fresh --seed 7", "Waves", id="another one"),
        pytest.param(InvalidRequest, "--experiment a --quiet", "Rain", id="a grid"),
        pytest.param(
            BudgetExceeded, "--experiment b --seeds 1,2 --max-credits 10", "Rain", id="a grid's limit"
        ),
    ],
)
def test_a_refused_cell_leaves_no_run_of_an_earlier_one(refused, capsys, error, line, cell):
    """A later `clip.video` fails at once, and is not a video of something else."""
    assert refused(error, line, cell) is None
    assert "clip was cleared: this cell was refused" in capsys.readouterr().out


@pytest.mark.usefixtures("paid")
def test_a_budget_leaves_none_either(refused):
    """Whoever refuses it."""
    kie_nb.budget(70, per="day")

    assert refused(BudgetExceeded, "--seed 1") is None


def test_the_run_that_is_to_be_settled_stays(record, refused):
    """The refusal is about it, and `clip.adopt` settles it."""
    error = {"class": "OutcomeUnknown", "message": "It is not known."}
    unknown = record("unknown", seed=8, error=error)

    assert refused(OutcomeUnknown, "--seed 8", "Waves", clip=unknown) is unknown


@pytest.mark.parametrize("line", ["--max-credits 10", "--duration 7"])
def test_what_is_not_ours_stays(refused, line):
    """A variable of the user's is overwritten by a run, and by nothing less."""
    assert refused(kie_nb.KieError, line, clip="mine") == "mine"


def test_a_look_changes_nothing(refused):
    """A dry run sets no variable, whatever comes of it."""
    assert refused(InvalidRequest, "--dry-run --duration 7") is not None
