"""What should be known of an experiment is said once, by whatever shows something first."""

import pytest

import kie_nb as kie
from kie_nb import notice

REASON = "prompt expansion is off: cells differ by axes only"
SHORT_S = 120


@pytest.fixture(autouse=True)
def _new_process(monkeypatch):
    monkeypatch.setattr(notice, "_said", set())


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


def test_the_plan_of_a_changed_definition_says_that_it_is_refused(smile):
    """With what has changed, at each plan: "3 videos to make" alone would promise what `run` does not do."""
    smile(seeds=1).run().wait(SHORT_S)
    changed = smile(seeds=1, duration=10)

    for plan_ in (changed.plan(), changed.plan()):
        (told,) = [text for text in plan_.remarks if text.startswith("run() would refuse it")]
        assert "duration: not given → 10" in told
        assert "--extend, or extend=True in Python" in told
    with pytest.raises(kie.InvalidRequest, match="duration: not given → 10"):
        changed.run()
    assert not any("refuse" in text for text in smile(seeds=2).plan().remarks)


def test_the_plan_shows_what_is_the_same_in_all_cells(smile):
    """A prompt that no axis varies is paid for as well as one that does."""
    end = " and then looks at the camera for a long while" * 5
    plan_ = smile(prompt=f"The {{woh}} smiles{end}", seeds=2).plan()

    for shown in (repr(plan_), plan_._repr_html_()):
        assert end in shown
        assert "in all cells: prompt=" in shown
        assert "The {woh} smiles" in shown
        assert "720p" in shown
        assert "{woh} stays in the prompt as it is typed" in shown
    assert "prompt=" not in repr(smile().plan())


def test_the_plan_shows_prompts_as_they_are_sent(cat, simulator):
    """The template alone would not say what is paid for."""
    exp = kie.Experiment("who", image=cat, prompt="The {who} smiles", who=["cat", "dog"], seed=[1])

    for shown in (repr(exp.plan()), exp.plan()._repr_html_()):
        assert "The cat smiles" in shown
        assert "The dog smiles" in shown
        assert "{who}" not in shown
