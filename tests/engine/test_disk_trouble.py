"""A disk that is full, or a folder that cannot be written: at every step of a run, in a process of its own.

Room is taken away in two ways: by a limit on the size of the process's files, which any user may set and lift, and, where the
tests may mount one, by a disk of 3 MB that is filled to the brim.
"""

import hashlib
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hurry import hurry_code
from mounts import MOUNT, PRIVATE, may_mount

from kie_nb.simulator import Fault

pytestmark = pytest.mark.slow

CHILD_S = 90
# What each process begins with. SQLite, pictures and films need more than 300 bytes; a line in a list does not.
TOOLS = (
    hurry_code(fetch_pauses_s=(0.2,), ledger_pause_s=0.5)
    + """
import hashlib, json, os, resource, sys, threading, time
from pathlib import Path
import kie_nb as kie

way, cat = sys.argv[1], sys.argv[2]
home = Path(os.environ["KIE_NB_HOME"])
filler = home.parent / "filler"

def fill():
    if way == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (300, resource.RLIM_INFINITY))
        return
    with filler.open("ab", buffering=0) as file:
        for size in (65536, 4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass

def make_room():
    if way == "limit":
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    else:
        filler.unlink()

def ask(prompt="The cat smiles."):
    return kie.generate(prompt, image=cat, seed=7)

def error_of(act):
    try:
        act()
    except kie.KieError as exc:
        return [type(exc).__name__, *exc.lines()]
    return None

def until(what):
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end, "it did not come to this"
        time.sleep(0.01)

def tell(**facts):
    print(json.dumps(facts))
"""
)


# Rights do not bind root; a disk that is mounted for reading does.
SEAL = (
    'mount -o remount,ro "$DISK"'
    if may_mount()
    else 'mkdir -p "$KIE_NB_HOME" || true; chmod 500 "$KIE_NB_HOME" || true'
)
WAYS = ["limit", "disk"] if may_mount() else ["limit"]


@pytest.fixture
def disk(tmp_path, monkeypatch):
    """Where the ledger and the videos are; a small disk of its own where that may be."""
    folder = tmp_path / "disk"
    folder.mkdir()
    monkeypatch.setenv("DISK", str(folder))
    monkeypatch.setenv("KIE_NB_HOME", str(folder / "kie-runs"))
    return folder


@pytest.fixture
def child(disk, cat, tmp_path):
    """Run steps in processes of their own, sealing the folder between them, and give what the last one tells."""

    def run(way, *steps):
        programs = [shlex.join([sys.executable, "-c", TOOLS + part, way, str(cat)]) for part in steps if part]
        if not steps[0]:
            programs.insert(0, "true")
        script = f"\n{SEAL}\n".join(programs)
        shell = [*PRIVATE, f"{MOUNT}\n{script}"] if may_mount() else ["sh", "-ec", script]
        done = subprocess.run(
            shell, capture_output=True, text=True, timeout=CHILD_S, check=False, cwd=tmp_path
        )
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.mark.parametrize("way", WAYS)
def test_full_before_the_intention(simulate, child, way):
    """Nothing is sent, the error says so, and with room the same call goes on as ever."""
    simulator = simulate()
    told = child(
        way,
        """
ask("The first of all.").wait(60)
fill()
error = error_of(ask)
make_room()
tell(error=error, runs=len(kie.runs()), state=ask().wait(60).state)
""",
    )

    assert told["error"][0] == "LedgerError"
    assert told["error"][2] == "  charged: nothing"
    assert told["error"][3].startswith("  next: ")
    assert len(told["error"]) == 4
    assert (told["runs"], told["state"]) == (1, "fetched")
    assert simulator.counts["create_requests"] == 2


@pytest.mark.parametrize("way", WAYS)
def test_full_when_the_answer_comes(simulate, child, tmp_path, way):
    """The task id is kept in a second place and tried again until the ledger takes it: the video comes, paid for once."""
    simulator = simulate(faults=[Fault(call="create", kind="slow_reply", seconds=1.5)])
    told = child(
        way,
        """
asking = threading.Thread(target=ask)
asking.start()
until(lambda: kie.runs() and kie.runs()[0].state == "sending")
fill()
run = kie.runs()[0]
until(lambda: run.trouble)
trouble, state = run.trouble, run.state
make_room()
asking.join()
tell(trouble=trouble, state=state, end=run.wait(60).state, task=run.task_id)
""",
    )
    saved = (tmp_path / "state" / "tasks-to-save.txt").read_text()

    assert told["state"] == "sending"
    assert f"Its task is {told['task']}: write it down." in told["trouble"]
    assert told["task"] in saved
    assert told["end"] == "fetched"
    assert [task.task_id for task in simulator.tasks] == [told["task"]]


@pytest.mark.parametrize("way", WAYS)
def test_full_in_the_middle_of_a_download(simulate, child, way):
    """No half file has a video's name; with room again `resume` fetches it, and nothing is bought."""
    simulator = simulate(faults=[Fault(call="download", kind="slow", seconds=1.0)])
    told = child(
        way,
        """
run = ask()
videos = home / "videos"
until(lambda: list(videos.glob("*.part")))
fill()
until(lambda: run.error)
error, state = error_of(lambda: (_ for _ in ()).throw(run.error)), run.state
left = sorted(path.name for path in videos.iterdir())
make_room()
kie.resume()
run.wait(60)
sha256 = hashlib.sha256(run.video.read_bytes()).hexdigest()
tell(error=error, state=state, left=left, end=run.state, sha256=sha256)
""",
    )

    assert told["state"] == "success"
    assert told["error"][0] == "DownloadFailed"
    assert "could not be written" in told["error"][1]
    assert told["error"][2] == "  charged: yes, the video is made"
    assert "kie_nb.resume()" in told["error"][3]
    assert told["left"] == []
    assert told["end"] == "fetched"
    made = simulator.tasks[0].video.read_bytes()
    assert told["sha256"] == hashlib.sha256(made).hexdigest()
    assert simulator.counts["create_requests"] == 1


@pytest.mark.parametrize(
    "before", ["", "tell(state=ask('The first of all.').wait(60).state)"], ids=["empty", "used"]
)
def test_a_folder_that_cannot_be_written(simulate, child, disk, monkeypatch, before):
    """It is told before anything is sent, with the folder's name and what to look at."""
    simulator = simulate()
    home = disk / "kie-runs"
    if os.geteuid() == 0 and not may_mount():  # whom no rights bind: a place where nobody makes a folder
        home = Path("/sys/kie-runs")
        before = ""
        monkeypatch.setenv("KIE_NB_HOME", str(home))
    told = child("limit", before, "tell(error=error_of(ask))")

    assert told["error"][0] == "LedgerError"
    assert home.name in told["error"][1]
    assert told["error"][2] == "  charged: nothing"
    assert "folder" in told["error"][3] or "KIE_NB_HOME" in told["error"][3]
    assert simulator.counts["create_requests"] == int(bool(before))
