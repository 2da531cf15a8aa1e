"""What was paid for comes back: a video whose file is gone, and a task that the service did not show."""

from hurry import hurry

import kie_nb as kie
from kie_nb.experiment.headless import DONE, NOT_ALL_DONE
from kie_nb.experiment.headless import run as run_file
from kie_nb.notebook import open_magic
from kie_nb.notebook.experiment_page import experiment_page
from kie_nb.simulator import Fault

SHORT_S = 120


def test_a_video_whose_file_is_gone_is_fetched_again(smile, simulator):
    """Until then it does not count as done; it costs nothing."""
    exp = smile(seeds=1).run().wait(SHORT_S)
    lost = exp.runs[0]
    lost.video.unlink()

    status, plan = exp.status(), exp.plan()
    assert (status.done, status.gone, status.missing, status.spent) == (2, 1, 0, 180.0)
    assert "2 of 3 cells done, 1 not on this machine" in repr(status)
    assert repr(plan).startswith("Nothing to make")
    assert "2 done, 1 not on this machine (run() fetches it again)" in repr(plan)
    assert f"not on this machine, run {lost.id[:8]}" in repr(plan)
    assert "not on this machine" in experiment_page(exp)

    assert exp.run().wait(SHORT_S).status().counts == {"fetched": 3}
    assert lost.video.exists()
    assert len(simulator.tasks) == 3


def test_a_definition_that_is_run_brings_files_back(smile, simulator, tmp_path, cat, capsys):
    """Where nobody watches, too: the exit code says that all is there."""
    (tmp_path / "cat.png").write_bytes(cat.read_bytes())
    exp = smile(seeds=1, image="cat.png").run().wait(SHORT_S)
    file = exp.save(tmp_path / "smile.toml")
    for run in exp:
        run.video.unlink()

    assert run_file(file) == DONE
    assert all(run.video.exists() for run in exp)
    assert "3 of 3 cells done" in capsys.readouterr().out
    assert len(simulator.tasks) == 3


def test_a_task_that_was_not_shown_is_looked_for_again(smile, simulator, monkeypatch):
    """The service may know it now; its cell is not bought anew."""
    hurry(lost_after_s=0.1, lost_looks=2)
    simulator.set_faults([Fault(call="record", kind="404")])
    exp = smile(seeds=1).run().wait(SHORT_S)
    assert exp.status().counts == {"lost": 3}
    simulator.set_faults([])

    assert exp.run().wait(SHORT_S).status().counts == {"fetched": 3}
    assert len(simulator.tasks) == 3


def test_another_machine_fetches_its_own_copy(smile, simulator, postgres, tmp_path, monkeypatch):
    """Of a team's ledger: what one has bought, the other has when its wait is over."""
    monkeypatch.setenv("KIE_NB_LEDGER", postgres.database())
    smile(seeds=1).run().wait(SHORT_S)
    monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / "other"))

    exp = smile(seeds=1)
    assert exp.status().counts == {"gone": 3}
    assert exp.run().wait(SHORT_S).status().counts == {"fetched": 3}
    assert len(simulator.tasks) == 3


def test_a_second_file_that_has_not_come_is_named_and_fetched(simulator, tmp_path, monkeypatch, capsys):
    """A task may make two: a cell is whole when both are on disk, and nothing is bought for that."""
    hurry(fetch_pauses_s=(0.0,))
    two = Fault(call="record", kind="two_urls")
    simulator.set_faults([two, Fault(call="download", kind="expired", match="_1.mp4")])
    exp = kie.Experiment("two", model="wan/2-5-text-to-video", prompt="Waves.", seed=3)
    file = exp.save(tmp_path / "two.toml")

    assert run_file(file) == NOT_ALL_DONE
    said = capsys.readouterr().out
    assert f"not on disk yet: file 2 of {exp.runs[0].label}. Nothing is bought" in said
    assert "two: 0 of 1 cell done, 1 incomplete; simulated" in said
    simulator.set_faults([two])
    assert run_file(file) == DONE
    assert "two: 1 of 1 cell done; simulated" in capsys.readouterr().out
    assert exp.runs[0].missing == ()
    assert len(simulator.tasks) == 1


def test_a_second_file_that_is_gone_is_no_done_cell(simulator):
    """On the card, in the plan and in the report neither; where the first is gone too, that is said."""
    simulator.set_faults([Fault(call="record", kind="two_urls")])
    exp = kie.Experiment("two", model="wan/2-5-text-to-video", prompt="Waves.", seed=[3, 4]).run()
    run = exp.wait(SHORT_S).runs[0]
    assert exp.status().counts == {"fetched": 2}
    first, second = run.videos
    second.unlink()

    status = exp.status()
    assert (status.done, status.incomplete, status.gone) == (1, 1, 0)
    assert f"incomplete, run {run.id[:8]}" in repr(exp.plan())
    assert "incomplete</span> 1" in experiment_page(exp)
    assert "1 of 2 cells done, 1 incomplete" in exp.report("two.html").read_text()
    first.unlink()
    assert exp.status().counts == {"gone": 1, "fetched": 1}


def test_resume_says_which_experiments_have_cells_to_come(cat, simulator, capsys):
    """Nothing is under way, and their cells are bought by nobody until the user says so."""
    half = kie.Experiment("half", image=cat, prompt="The cat smiles", seed=[1, 2])
    half.run(max_credits=60, partial=True).wait(SHORT_S)
    whole = kie.Experiment("whole", image=cat, prompt="The cat smiles", seed=[1])
    whole.run().wait(SHORT_S)
    capsys.readouterr()

    open_magic.resume([])

    said = capsys.readouterr().out
    assert said.splitlines()[0] == "Nothing is open."
    assert "Experiment half: 1 of 2 cells to come." in said
    assert "whole" not in said
    assert len(simulator.tasks) == 1
