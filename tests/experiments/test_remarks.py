"""What should be known of an experiment is said once, by whatever shows something first."""

import pytest

from kie_nb.experiments import plan

REASON = "prompt expansion is off: cells differ by axes only"
SHORT_S = 120


@pytest.fixture(autouse=True)
def _new_process(monkeypatch):
    monkeypatch.setattr(plan, "_told", set())


def test_the_plan_says_why_prompt_expansion_is_off(smile, capsys):
    """As text and as HTML; neither the next plan nor `run` says it again."""
    first = smile(seeds=1).plan()

    assert REASON in repr(first)
    assert REASON in first._repr_html_()
    assert REASON not in repr(smile(seeds=1).plan())
    smile(seeds=1).run().wait(SHORT_S)
    assert capsys.readouterr().out == ""


def test_without_a_plan_run_says_it(smile, capsys):
    """On one line, once."""
    smile(seeds=1).run().wait(SHORT_S)
    smile(seeds=2).run().wait(SHORT_S)

    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"kie_nb: {REASON}")


@pytest.mark.parametrize("asked", [True, False, [True, False]], ids=str)
def test_who_has_said_a_word_on_it_is_told_nothing(smile, asked):
    """Also where it is an axis."""
    assert smile(seeds=1, enable_prompt_expansion=asked).plan().remarks == ()
