"""`--dry-run` says what running the cell would do: by the run it would find, the limits and the budgets."""

from types import SimpleNamespace

import pytest

import kie_nb
from kie_nb.notebook.wan_magic import kie_wan

LINE = "--model wan/2-5-text-to-video --dry-run"


@pytest.fixture
def look(monkeypatch, capsys):
    """What a dry run prints where Kie.ai answers."""
    monkeypatch.setenv("KIE_API_KEY", "sk-a-key")

    def look(more="--seed 7"):
        capsys.readouterr()
        kie_wan(SimpleNamespace(user_ns={}), f"{LINE} {more}", "Waves")
        return capsys.readouterr().out

    return look


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("fetched", "running the cell shows run {id} and spends nothing; --fresh buys another"),
        ("generating", "running the cell joins run {id} and spends nothing"),
        ("success", "running the cell joins run {id} and spends nothing"),
        ("lost", "running the cell asks the service for the task of run {id} once more and spends nothing"),
        ("unknown", "running the cell would be refused until run {id} is settled, which may be billed"),
        ("intent", "running the cell sends it"),
    ],
)
def test_an_earlier_run_is_told_by_its_state(record, look, state, words):
    """An outcome that is not known is neither a video nor free; what a dead kernel left unsent is sent."""
    run = record(state)

    assert words.format(id=run.id[:8]) in look().splitlines()[-1]


def test_a_run_that_ended_without_a_video_does_not_stand(record, look):
    """The cell sends the request anew."""
    run = record("fail")
    run.ledger.move(run.id, "fail", expect={"fail"}, release=True)

    assert look().splitlines()[-1] == "running the cell sends it"
    assert look("--seed 8").splitlines()[-1] == "running the cell sends it"


def test_fresh_looks_past_what_there_is(record, look):
    """With `--fresh` another would be bought, within the same limits."""
    record("fetched")

    assert look("--seed 7 --fresh").splitlines()[-1] == "running the cell sends it"
    assert "would be refused" in look("--seed 7 --fresh --max-credits 10")


def test_what_would_be_refused_is_told(monkeypatch, record, look):
    """By the line's own limit, by `configure`, by a budget, and for want of a key; what was bought stands all the same."""
    assert look("--seed 1 --max-credits 60").splitlines()[-1] == "no earlier run of this request"
    assert "would be refused: This video (60 credits) would exceed max_credits=10." in look(
        "--seed 1 --max-credits 10"
    )
    kie_nb.configure(max_credits=10)
    assert "would be refused: This video (60 credits) would exceed configure(max_credits=" in look()
    kie_nb.configure(max_credits=None)

    record("fetched", credits=60.0)
    kie_nb.budget(100, per="day")
    assert "would be refused: This video (60 credits) would exceed your budget of 100 credits a day." in look(
        "--seed 1"
    )
    assert "shows run" in look("--seed 7 --max-credits 10")

    kie_nb.budget(None, per="day")
    kie_nb.configure(service="kie")
    monkeypatch.delenv("KIE_API_KEY")
    assert "would be refused: There is no Kie.ai key to send." in look("--seed 1")
