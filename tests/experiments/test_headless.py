"""`kie-nb run`: a definition file to its end, with exit codes that a script can use."""

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import kie_nb as kie
from kie_nb import notice
from kie_nb.cli import main
from kie_nb.experiment import headless
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
    assert "would exceed --max-credits 100" in capsys.readouterr().err
    assert len(simulator.tasks) == 0


def test_what_is_not_all_done_has_a_code_of_its_own(file, simulator, capsys):
    """A script can tell; at a word the failed cell runs again."""
    simulator.set_faults([Fault(call="task", kind="fail", match="yawns", times=1)])
    assert main(["run", file]) == 3
    assert "1 failed" in capsys.readouterr().out
    assert main(["run", file, "--retry-failed"]) == 0
    assert len(simulator.tasks) == 4


def test_failures_stand_in_the_last_lines(file, simulator, capsys):
    """With id, place and reason, in words of a shell; a program reads the same as JSON."""
    simulator.set_faults([Fault(call="task", kind="fail", match="yawns")])
    assert main(["run", file, "--json", "out.json"]) == 3
    *_, status, last = capsys.readouterr().out.splitlines()
    found = json.loads(Path("out.json").read_text())
    assert status.startswith("smile: 2 of 3 cells done, 1 failed")
    failed = next(row for row in found["runs"] if row["state"] == "failed")
    assert last.startswith(f"failed: run {failed['run'][:8]} (seed=0, prompt=The cat yawns): ")
    assert failed["error"] in last
    assert (found["exit_code"], found["done"], found["failed"], found["credits_spent"]) == (3, 2, 1, 120)

    assert main(["run", file, "--plan"]) == 0
    told = capsys.readouterr().out
    assert "2 done, 1 failed (--retry-failed asks again)" in told
    assert "retry_failed" not in told


REFUSED = {
    "another definition": (
        ["--set", "duration=10"],
        "smile' was defined differently before",
        "--extend keeps",
    ),
    "limit": (
        ["--set", "seed=0-3", "--max-credits", "200"],
        "would exceed --max-credits 200",
        "buy what fits: --partial; --plan shows",
    ),
    "part of nothing": (["--partial"], "--partial buys what fits into --max-credits", "give both"),
    "slip": (["--set", "sed=3"], "smile.toml with its changes: 'sed' is not a field", "placeholders"),
    "no definition": (["--set", "repeats=two"], "repeats is a text", "repeats = 2"),
}


def test_a_plan_fails_where_a_run_would_be_refused(file, simulator, capsys):
    """By its exit code, with the reason on stderr in words of a shell; and the run is refused so."""
    assert main(["run", file]) == 0
    for arguments, words, hint in REFUSED.values():
        for plan in ([], ["--plan"]):
            capsys.readouterr()
            assert main(["run", file, *arguments, *plan, "--json", "out.json"]) == 1, arguments
            told = capsys.readouterr().err
            assert words in told
            assert hint in told
            assert json.loads(Path("out.json").read_text())["refused"].startswith(told.split("\n")[0][:40])
    assert len(simulator.tasks) == 3
    with pytest.raises(SystemExit):
        main(["run", file, "--set", "seed"])


@pytest.mark.parametrize("call", ["create", "task"])
def test_a_plan_fails_where_a_run_would_stop_at_once(smile, cat, simulator, capsys, call):
    """After failures in a row; `--stop-after-failures` goes on."""
    shutil.copy(cat, "cat.png")
    file = str(smile(seeds=2, image="cat.png").save("smile.toml"))
    simulator.set_faults([Fault(call=call, kind="422" if call == "create" else "fail")])
    assert main(["run", file]) == 3
    assert main(["run", file, "--plan"]) == 1
    assert "failures in a row before; --retry-failed asks for them again" in capsys.readouterr().err
    simulator.set_faults([])
    assert main(["run", file, "--plan", "--stop-after-failures", "99"]) == 0
    assert main(["run", file, "--retry-failed"]) == 0


def test_values_are_set_in_place_of_the_files(file, simulator, capsys):
    """A list is an axis, numbers are written as ranges, and what was an axis may be fixed."""
    several = ["--set", "seed=0-1,5", "--set", 'prompt=["The cat smiles", "The cat, asleep"]']
    assert main(["run", file, *several, "--set", "resolution=1080p", "--set", "name=other", "--plan"]) == 0
    told = capsys.readouterr().out
    assert "other: 6 cells, 6 to buy" in told
    assert "resolution='1080p'" in told
    one = ["--set", "prompt=Smile, cat", "--set", "seed=7", "--partial", "--max-credits", "60"]
    assert main(["run", file, *one]) == 0
    assert [(run.seed, run.prompt) for run in kie.runs()] == [(7, "Smile, cat")]


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
    assert re.findall(r"^  (\d+) ", capsys.readouterr().out, re.MULTILINE) == [
        *("0", "1", "2", "3", "130", "143")
    ]


def test_a_log_gets_a_line_now_and_then(file, simulator, capsys, monkeypatch):
    """Not only at the end."""
    monkeypatch.setattr(headless, "LOG_S", 0.1)
    assert main(["run", file]) == 0

    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith("smile: ")]
    assert len(lines) > 1
    assert lines[0].startswith("smile: 0 of 3 cells done, ")


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_a_bar_and_what_is_open(file, simulator, sent, code):
    """On a real terminal; Ctrl+C, and the SIGTERM of a scheduler, buy no more, and the same command fetches what was sent."""
    simulator.set_faults([Fault(call="task", kind="slow", times=3, seconds=5)])
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "kie_nb.cli", "run", file, "--json", "out.json"]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    try:
        said = read_until(ours, "[....")
        while len(simulator.tasks) < 3:
            time.sleep(0.01)
        process.send_signal(sent)
        said += read_until(ours, "the same command fetches it.")
        assert process.wait(SHORT_S) == code
    finally:
        process.kill()
        process.wait()
        os.close(ours)

    opened = json.loads(Path("out.json").read_text())
    assert (opened["exit_code"], opened["cells"]) == (code, 3)
    assert opened["open"] == 3
    assert all(f"run {row['run'][:8]} (seed=0, prompt=The cat" in said for row in opened["runs"])
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
