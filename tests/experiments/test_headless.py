"""`kie-nb run`: a definition file to its end, with exit codes that a script can use."""

import os
import pty
import re
import shutil
import signal
import subprocess
import sys

import pytest

import kie_nb as kie
from kie_nb import notice
from kie_nb.cli import main
from kie_nb.experiments import headless
from kie_nb.simulator import Fault

SHORT_S = 120


@pytest.fixture
def file(smile, cat):
    shutil.copy(cat, "cat.png")
    return str(smile(seeds=1, image="cat.png").save("smile.toml"))


def test_who_answers_is_said_once(file, simulator, capsys, monkeypatch):
    """By the plan, and not again by the run."""
    monkeypatch.setattr(notice, "_said", set())
    assert main(["run", file, "--plan"]) == 0
    assert main(["run", file]) == 0
    assert capsys.readouterr().err.count("the simulator answers") == 1


def test_a_file_is_run_to_its_end(file, simulator, capsys):
    """Once; the second time everything is there. The plan comes first, and sends nothing."""
    assert main(["run", file, "--plan"]) == 0
    assert (
        "3 videos to make, about 180 credits ($0.90) at Kie.ai; free in the simulator"
        in capsys.readouterr().out
    )
    assert len(simulator.tasks) == 0

    assert main(["run", file, "--max-credits", "180"]) == 0
    assert (
        "smile: 3 of 3 cells done; simulated, free (at Kie.ai about 180 credits)" in capsys.readouterr().out
    )
    assert main(["run", file, "--max-credits", "10"]) == 0  # nothing is bought, so no limit is passed
    assert len(simulator.tasks) == 3


def test_a_limit_refuses_before_anything_is_sent(file, simulator, capsys):
    """With the reason on stderr."""
    assert main(["run", file, "--max-credits", "100"]) == 1
    assert "would exceed max_credits=100" in capsys.readouterr().err
    assert len(simulator.tasks) == 0


def test_what_is_not_all_done_has_a_code_of_its_own(file, simulator, capsys):
    """A script can tell; at a word the failed cell runs again."""
    simulator.set_faults([Fault(call="task", kind="fail", match="yawns", times=1)])
    assert main(["run", file]) == 3
    assert "1 failed" in capsys.readouterr().out
    assert main(["run", file, "--retry-failed"]) == 0
    assert len(simulator.tasks) == 4


@pytest.mark.parametrize("number", ["nan", "inf", "-1", "many"])
def test_a_limit_that_limits_nothing_is_refused(file, simulator, capsys, number):
    """As a wrong option, before anything is read."""
    with pytest.raises(SystemExit) as caught:
        main(["run", file, f"--max-credits={number}"])

    assert caught.value.code == 2
    assert f"'{number}' is not a number of credits" in capsys.readouterr().err
    assert len(simulator.tasks) == 0


def test_it_is_done_when_every_video_is_on_disk(file, simulator, capsys):
    """One that is gone is fetched again, one that is altered is named; neither is bought. The codes are in the help."""
    assert main(["run", file]) == 0
    video = kie.runs(experiment="smile")[0].video
    video.unlink()
    assert main(["run", file]) == 0
    video.write_bytes(video.read_bytes() + b"\0")
    assert main(["run", file]) == 3
    assert f"not on disk as fetched: {video.name}. Nothing is bought" in capsys.readouterr().out
    assert main(["doctor"]) in {0, 1}
    assert main(["run", file]) == 0
    assert len(simulator.tasks) == 3

    with pytest.raises(SystemExit):
        main(["run", "--help"])
    assert re.findall(r"^  (\d+) ", capsys.readouterr().out, re.MULTILINE) == ["0", "1", "2", "3", "130"]


def test_a_log_gets_a_line_now_and_then(file, simulator, capsys, monkeypatch):
    """Not only at the end."""
    monkeypatch.setattr(headless, "LOG_S", 0.1)
    assert main(["run", file]) == 0

    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("smile: ")]
    assert len(lines) > 1
    assert lines[0].startswith("smile: 0 of 3 cells done, ")


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_leaves_a_bar_and_a_line(file, simulator):
    """On a real terminal; Ctrl+C buys no more, and the same command fetches what was sent."""
    simulator.set_faults([Fault(call="task", kind="slow", times=3, seconds=5)])
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "kie_nb.cli", "run", file]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    try:
        said = read_until(ours, "[....")
        process.send_signal(signal.SIGINT)
        said += read_until(ours, "run it again to fetch it.")
        assert process.wait(SHORT_S) == 130
    finally:
        process.kill()
        process.wait()
        os.close(ours)

    assert "Nothing more is bought" in said
    assert "Traceback" not in said
    assert main(["run", file]) == 0
    assert len(simulator.tasks) == 3


def read_until(terminal, words):
    said = b""
    while words.encode() not in said:
        said += os.read(terminal, 4096)
    return said.decode(errors="replace")


def test_a_picture_is_found_beside_the_file(smile, cat, simulator, tmp_path):
    """Where a crate or a kit lies, whatever the current folder; one of the current folder does not come before it."""
    kit = tmp_path / "kit"
    kit.mkdir()
    shutil.copy(cat, "cat.png")
    smile(seeds=2, image=["cat.png"], where=lambda place: place["seed"] == 1).save(kit / "smile.toml")
    shutil.move("cat.png", kit / "cat.png")

    assert main(["run", "kit/smile.toml"]) == 0
    exp = kie.Experiment.load("kit/smile.toml")
    assert len(exp) == len(simulator.tasks) == 3
    assert {place["image"] for place, _ in exp.cells()} == {"kit/cat.png"}
    shutil.copy(kit / "cat.png", "cat.png")
    assert {place["image"] for place, _ in kie.Experiment.load("kit/smile.toml").cells()} == {"kit/cat.png"}


@pytest.mark.parametrize("text", ["", "kie_nb = 2", "nonsense", "kie_nb = 1\nname = 'x'\nwrong = 1"])
def test_a_file_that_is_no_definition_is_refused(tmp_path, capsys, text):
    """In words, not in a stack."""
    (tmp_path / "x.toml").write_text(text)
    assert main(["run", str(tmp_path / "x.toml")]) == 1
    assert main(["run", str(tmp_path / "missing.toml")]) == 1
    assert "Traceback" not in capsys.readouterr().err
