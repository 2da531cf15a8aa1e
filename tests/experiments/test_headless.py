"""`kie-nb run`: a definition file to its end, with exit codes that a script can use."""

import shutil

import pytest

from kie_nb.cli import main
from kie_nb.engine import answering
from kie_nb.simulator import Fault

SHORT_S = 120


@pytest.fixture
def file(smile, cat):
    shutil.copy(cat, "cat.png")
    return str(smile(seeds=1, image="cat.png").save("smile.toml"))


def test_who_answers_is_said_once(file, simulator, capsys, monkeypatch):
    """By the plan, and not again by the run."""
    monkeypatch.setattr(answering, "_said", set())
    assert main(["run", file, "--plan"]) == 0
    assert main(["run", file]) == 0
    assert capsys.readouterr().out.count("the simulator answers") == 1


def test_a_file_is_run_to_its_end(file, simulator, capsys):
    """Once; the second time everything is there. The plan comes first, and sends nothing."""
    assert main(["run", file, "--plan"]) == 0
    assert "3 to buy: simulated, free (at Kie.ai about 180 credits ($0.90))" in capsys.readouterr().out
    assert len(simulator.tasks) == 0

    assert main(["run", file, "--max-credits", "180"]) == 0
    assert (
        "smile: 3 of 3 cells done; simulated, free (at Kie.ai about 180 credits)" in capsys.readouterr().out
    )
    assert main(["run", file]) == 0
    assert len(simulator.tasks) == 3


def test_a_limit_refuses_before_anything_is_sent(file, simulator, capsys):
    """With the reason on stderr."""
    assert main(["run", file, "--max-credits", "100"]) == 1
    assert "above max_credits=100" in capsys.readouterr().err
    assert len(simulator.tasks) == 0


def test_what_is_not_all_done_has_a_code_of_its_own(file, simulator, capsys):
    """A script can tell; at a word the failed cell runs again."""
    simulator.set_faults([Fault(call="task", kind="fail", match="yawns", times=1)])
    assert main(["run", file]) == 3
    assert "1 failed" in capsys.readouterr().out
    assert main(["run", file, "--retry-failed"]) == 0
    assert len(simulator.tasks) == 4


@pytest.mark.parametrize("text", ["", "kie_nb = 2", "nonsense", "kie_nb = 1\nname = 'x'\nwrong = 1"])
def test_a_file_that_is_no_definition_is_refused(tmp_path, capsys, text):
    """In words, not in a stack."""
    (tmp_path / "x.toml").write_text(text)
    assert main(["run", str(tmp_path / "x.toml")]) == 1
    assert main(["run", str(tmp_path / "missing.toml")]) == 1
    assert "Traceback" not in capsys.readouterr().err
