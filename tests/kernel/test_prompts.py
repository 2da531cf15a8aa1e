"""Prompts arrive at the service as they were typed, whatever IPython, shells and Python think of their signs."""

import pytest

TEXT = "--model wan/2-5-text-to-video --seed 1"
PROMPTS = {
    "quotes": "She says \"it's 5 o'clock\" and 'laughs'",
    "unicode": "Ein Kätzchen lächelt 🐈 über 猫 – ruhig",
    "dollars and braces": "costs $5 or $HOME, {x} and {{y}}, 100 % !ls",
    "a question": "Will the cat smile?",
    "two questions": "Really??",
    "backslashes": r"a path C:\new\table and \n",
    "an apostrophe": "The cat's tail moves.",
    "open signs": "A smile :( and ''' then say \"hi",
    "a dash": "camera - slow -- very slow",
}


@pytest.fixture(scope="module", autouse=True)
def _x(kernel):
    assert kernel.run("x = 'WRONG'").status == "ok"


def sent(simulator):
    return simulator.tasks[-1].input["prompt"]


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
def test_a_prompt_in_the_body_arrives_as_typed(kernel, simulator, prompt):
    """Nothing in the body is expanded, quoted or taken for help."""
    cell = kernel.run(f"%%kie_wan {TEXT} -o clip\n{prompt}")

    assert cell.status == "ok", cell.error
    assert sent(simulator) == prompt


@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS.keys())
def test_a_prompt_on_the_line_arrives_as_typed(kernel, simulator, prompt):
    """The same on a line of an assignment, where IPython has rules of its own for `?`, `$` and braces."""
    cell = kernel.run(f"y = %kie_wan --model wan/2-5-text-to-video --seed 2 {prompt}")

    assert cell.status == "ok", cell.error
    assert sent(simulator) == prompt
    assert kernel.value("y.prompt") == repr(prompt)


def test_a_quoted_prompt_on_the_line_loses_its_quotes_alone(kernel, simulator):
    """Quotes around a prompt are the shell's habit, not part of it."""
    assert kernel.run(f'%kie_wan {TEXT} "A lake, at dawn?"').status == "ok"
    assert sent(simulator) == "A lake, at dawn?"


def test_newlines_in_the_body_arrive(kernel, simulator):
    """A prompt of several lines stays one of several lines."""
    assert (
        kernel.run("%%kie_wan --image cat.png --seed 1\nThe cat looks up.\n\n    Then it smiles?\n").status
        == "ok"
    )
    assert sent(simulator) == "The cat looks up.\n\n    Then it smiles?"


def test_a_cell_without_a_body_is_ours_to_answer(kernel, simulator):
    """The help needs none, and a prompt that is missing is told in our words; IPython refused both in its own."""
    asked = simulator.counts["creates_accepted"]
    assert "at most 800 characters" in kernel.run("%%kie_wan --help").text
    assert "Prompt is missing" in kernel.run(f"%%kie_wan {TEXT}").error
    assert "Object" not in kernel.run("%%kie_wan?").error
    assert simulator.counts["creates_accepted"] == asked


def test_a_terminal_still_waits_for_the_body(kernel):
    """The first line alone is not the whole cell."""
    code = "get_ipython().input_transformer_manager.check_complete('%%kie_wan --seed 1\\n')[0]"
    assert kernel.value(code) == "'incomplete'"
