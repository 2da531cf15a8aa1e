"""A home on a network disk, used from a machine that is lost, local disk and all: another one goes on, and pays for nothing twice.

A machine is a process with a state folder of its own. The home is on a network disk as far as it can tell; no copy of the
ledger gets there before it is killed.
"""

import json
import os
import shutil
import subprocess
import sys
import threading
import time

import pytest

import kie_nb as kie
from kie_nb.engine.states import AT_SERVICE
from kie_nb.ledger import place, snapshot
from kie_nb.ledger.place import Mount
from kie_nb.simulator import Fault

pytestmark = pytest.mark.filterwarnings("ignore:.* is on a network disk")  # it is said once, as a warning

MODEL = "wan/2-5-text-to-video"
MACHINE = """
import json, os, signal, sys
from pathlib import Path
import kie_nb as kie
from kie_nb.ledger import place, snapshot

place.mounts_here = lambda: [place.Mount("/", "ext4"), place.Mount(os.environ["NETWORK"], "nfs4")]
snapshot.EVERY_S = 3600
error = None
try:
    run = kie.generate("Waves.", model="wan/2-5-text-to-video", seed=1)
    if sys.argv[1] == "dies":
        print(json.dumps({"state": run.state}), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    run.wait(30)
except kie.KieError as exc:
    error = [type(exc).__name__, *exc.lines()]
(run,) = kie.runs()
print(json.dumps({"state": run.state, "error": error, "video": bool(run.video and run.video.exists())}))
"""


@pytest.fixture
def network(tmp_path, monkeypatch):
    """The home is on a network disk, here and in every machine that is started."""
    folder = tmp_path / "net"
    folder.mkdir()
    monkeypatch.setenv("NETWORK", str(folder.resolve()))
    monkeypatch.setenv("KIE_NB_HOME", str(folder / "kie-runs"))
    monkeypatch.setattr(
        place, "mounts_here", lambda: [Mount("/", "ext4"), Mount(str(folder.resolve()), "nfs4")]
    )
    monkeypatch.setattr(snapshot, "EVERY_S", 3600)
    return folder


@pytest.fixture
def start(network, tmp_path):
    """Start a machine that runs the one cell there is."""
    started = []

    def start(name, does="waits"):
        env = os.environ | {"KIE_NB_STATE": str(tmp_path / f"state of {name}")}
        command = [sys.executable, "-c", MACHINE, does]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, env=env, stdout=pipe, stderr=pipe, text=True))
        return started[-1]

    yield start
    for machine in started:
        machine.kill()
        machine.communicate()


def told(machine):
    said, trouble = machine.communicate(timeout=60)
    assert "Traceback" not in trouble
    return json.loads(said.splitlines()[-1])


def until(what):
    end = time.monotonic() + 30
    while not what():
        assert time.monotonic() < end, "it did not come to this"
        time.sleep(0.01)


def test_lost_just_after_the_answer(simulate, start):
    """The run is picked up with its task, and its video comes."""
    simulator = simulate(speed=10.0)  # it must not be done before the kill

    assert told(start("a", "dies"))["state"] in AT_SERVICE
    end = told(start("b"))

    assert (end["state"], end["error"], end["video"]) == ("fetched", None, True)
    assert len(simulator.tasks) == 1


def test_lost_while_the_request_is_under_way(simulate, start):
    """The run is unknown, and its cell does not send it again."""
    simulator = simulate(faults=[Fault(call="create", kind="slow_reply", seconds=20)])

    machine = start("a")
    until(lambda: simulator.tasks)
    machine.kill()
    end = told(start("b"))

    assert (end["state"], end["error"][0]) == ("unknown", "OutcomeUnknown")
    assert "  charged: unknown, perhaps the full price" in end["error"]
    assert len(simulator.tasks) == 1


def test_a_network_disk_that_is_gone_before_sending(simulate, network):
    """Nothing is sent, the error says so, and with the disk back the same call sends it."""
    simulator = simulate()
    kie.generate("The first of all.", model=MODEL).wait(30)
    notes = network / "kie-runs" / "open"
    notes.rename(network / "away")

    with pytest.raises(kie.LedgerError) as caught:
        kie.generate("Waves.", model=MODEL, seed=1)

    assert "cannot be noted" in caught.value.lines()[0]
    assert caught.value.lines()[1] == "  charged: nothing"
    assert len(caught.value.lines()) == 3
    assert kie.runs()[0].state == "not_sent"
    assert simulator.counts["create_requests"] == 1
    (network / "away").rename(notes)
    assert kie.generate("Waves.", model=MODEL, seed=1).wait(30).state == "fetched"
    assert len(simulator.tasks) == 2


def test_a_network_disk_that_is_gone_when_the_answer_comes(simulate, network):
    """The task is in the ledger here, it is said that the home has not got it, and it is tried until it has."""
    simulator = simulate(faults=[Fault(call="create", kind="slow_reply", seconds=1.0)])
    asking = threading.Thread(target=lambda: kie.generate("Waves.", model=MODEL, seed=1, wait=False))
    asking.start()
    until(lambda: simulator.tasks)
    notes = network / "kie-runs" / "open"
    notes.rename(network / "away")
    (run,) = kie.runs()
    until(lambda: run.trouble)

    (task,) = simulator.tasks
    assert f"Its task is {task.task_id}: write it down. Trying again." in run.trouble
    assert run._ledger.get(run.id).task_id == task.task_id
    (network / "away").rename(notes)
    asking.join()
    assert run.wait(30).state == "fetched"
    assert len(simulator.tasks) == 1


# --- a ledger that is not where it was ------------------------------------------------------------------------------

BUYS = """
import json, os, sys, warnings
import kie_nb as kie
from kie_nb.ledger import place

warnings.simplefilter("ignore")
place.mounts_here = lambda: [place.Mount("/", "ext4"), place.Mount(os.environ["NETWORK"], "nfs4")]
run = kie.generate("Waves.", model="wan/2-5-text-to-video", seed=int(sys.argv[1])).wait(30)
print(json.dumps({"seed": run.seed, "task": run.task_id, "known": len(kie.runs(limit=None))}))
"""


@pytest.fixture
def buy(network, simulate, tmp_path):
    """Another machine buys a video, or shows it, and ends: ``buy("a", seed=1)``; its own folder is ``tmp_path / "a"``."""
    simulator = simulate()

    def run(machine, seed):
        env = os.environ | {"KIE_NB_STATE": str(tmp_path / machine), "KIE_BASE_URL": simulator.base_url}
        done = subprocess.run(
            [sys.executable, "-c", BUYS, str(seed)],
            env=env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    run.simulator = simulator
    return run


def test_a_ledger_that_is_set_back_has_what_its_own_copy_tells(buy, network, tmp_path):
    """The machine's disk comes from a backup: what was bought since is in the home, is taken in, and is not written over."""
    buy("a", seed=1)
    shutil.copytree(tmp_path / "a", tmp_path / "backup")
    bought = buy("a", seed=2)
    shutil.rmtree(tmp_path / "a")
    shutil.move(tmp_path / "backup", tmp_path / "a")

    assert buy("a", seed=2) == bought
    assert buy("a", seed=2) == bought
    assert buy.simulator.counts["create_requests"] == 2
    assert len(list((network / "kie-runs").glob("ledger.*.snapshot.sqlite"))) == 2


def test_a_machine_made_from_another_has_a_copy_of_its_own(buy, network, tmp_path):
    """An image of one that has been in use: each buys on, each sees what the other has bought, and no copy is lost."""
    buy("a", seed=1)
    shutil.copytree(tmp_path / "a", tmp_path / "b")

    one, other = buy("a", seed=2), buy("b", seed=3)

    assert (buy("b", seed=2)["task"], buy("a", seed=3)["task"]) == (one["task"], other["task"])
    assert buy("a", seed=1)["known"] == buy("b", seed=1)["known"] == 3
    assert buy.simulator.counts["create_requests"] == 3
