"""Two kernels on one folder: who drives a run, and who may send it."""

import time
from pathlib import Path

import lifelaws as laws
import pytest
from kernelnursery import Nursery

from kie_nb.simulator import Fault

pytestmark = pytest.mark.slow

SOON_S = 10


@pytest.fixture
def two(simulate, tmp_path):
    """A simulator and two kernels."""
    simulator = simulate(speed=50.0)
    nursery = Nursery(tmp_path)
    environ = {name: str(tmp_path / name) for name in ("KIE_NB_HOME", "KIE_NB_STATE")}
    pair = [nursery.kernel(KIE_BASE_URL=simulator.base_url, **environ) for _ in range(2)]
    yield simulator, *pair
    for kernel in pair:
        kernel.kill()
    nursery.close()


@pytest.fixture
def rows(tmp_path):
    """The runs in the ledger, or those of them that one waits for."""

    def rows(*states):
        end = time.monotonic() + SOON_S
        while True:
            found = laws.read(tmp_path / "KIE_NB_HOME")
            if not states or [row.state for row in found] == list(states) or time.monotonic() > end:
                return found
            time.sleep(0.02)

    return rows


def asked(cat):
    return {"prompt": "The cat smiles.", "seed": 1, "image": str(cat)}


@pytest.fixture
def waiting(two, cat):
    """A run of the first kernel that the service does not take yet; the second one has only looked at it."""
    simulator, first, second = two
    simulator.set_faults([Fault(call="create", kind="429")])
    assert first.ask("generate", **asked(cat))["state"] in {"intent", "sending"}
    second.ask("resume")
    return simulator, first, second


def kill_between_tries(kernel, rows):
    """Kill it just after a refusal: in mid-request the outcome would be unknown."""
    known = len(rows()[0].events)
    while len((row := rows()[0]).events) == known or row.state != "intent":
        time.sleep(0.01)
    kernel.kill()


def test_a_kernel_that_looks_on_does_not_send(waiting, rows):
    """The kernel that asked is killed, perhaps to stop it: nothing is sent behind anybody's back."""
    simulator, first, _ = waiting
    kill_between_tries(first, rows)
    simulator.set_faults([])

    assert rows("not_sent")[0].state == "not_sent"
    assert len(simulator.tasks) == 0


def test_a_kernel_that_has_asked_too_sends(waiting, rows, cat):
    """Its own cell has asked for the same: it sends when the other kernel dies, with the picture."""
    simulator, first, second = waiting
    second.ask("generate", **asked(cat))
    kill_between_tries(first, rows)
    simulator.set_faults([])

    assert rows("fetched")[0].pid == second.pid
    assert len(simulator.tasks) == 1
    assert "image_url" in simulator.tasks[0].input


def test_who_reopens_a_run_drives_it(two, rows, cat):
    """Its file is gone, and the kernel that fetched it lives but has let go of it: the other one fetches it at once."""
    _, first, second = two
    run = first.ask("generate", **asked(cat))["run"]
    Path(first.ask("wait", run=run)["video"]).unlink()

    assert second.ask("wait", run=run)["state"] == "fetched"
    assert rows()[0].pid == second.pid


def test_who_comes_late_to_a_lost_file_joins(simulate, ask):
    """Another kernel has just reopened the run: a handle that has not seen it says no error, and the file comes."""
    simulate(speed=50.0)
    run = ask().wait(SOON_S)
    run.video.unlink()
    assert run.ledger.move(run.id, "success", expect={"fetched"}) is not None

    assert run.wait(SOON_S).video.exists()


def test_who_adopts_a_task_drives_it(two, rows, cat):
    """The kernel that lost the reply lives: it does not drive what the other one settles."""
    simulator, first, second = two
    simulator.set_faults([Fault(call="create", kind="lost_reply", times=1)])
    run = first.ask("generate", **asked(cat))["run"]
    assert rows("unknown")[0].state == "unknown"  # a slow machine may not have sent it yet
    second.ask("adopt", run=run, task=simulator.tasks[0].task_id)

    assert second.ask("wait", run=run)["state"] == "fetched"
    assert rows()[0].pid == second.pid
