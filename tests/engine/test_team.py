"""Two kernels, one PostgreSQL ledger: what one buys the other shows."""

import json
import os
import subprocess
import sys
import time

import pytest
from kernelforks import Script

KERNEL = """
import json, sys, time
import kie_nb as kie

time.sleep(max(0.0, float(sys.argv[2]) - time.time()))
run = kie.generate("The cat smiles.", image=sys.argv[1], seed=7)
run.wait(60)
print(json.dumps({"id": run.id, "video": str(run.video), "bytes": run.video.stat().st_size}))
"""


@pytest.mark.parametrize("homes", [("one", "one"), ("one", "other")], ids=["one home", "a home each"])
def test_two_kernels_that_run_the_same_cell_buy_one_video(simulate, postgres, cat, tmp_path, homes):
    """Both have the file, each in its own home."""
    simulator = simulate()
    shared = os.environ | {"KIE_NB_LEDGER": postgres.database()}
    command = [sys.executable, "-c", KERNEL, cat, str(time.time() + 2.5)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    kernels = [Script(command, env=shared | {"KIE_NB_HOME": str(tmp_path / home)}, **pipes) for home in homes]
    told = [kernel.communicate(timeout=90) for kernel in kernels]

    assert [kernel.returncode for kernel in kernels] == [0, 0], told
    one, other = (json.loads(output.splitlines()[-1]) for output, _ in told)
    assert one["id"] == other["id"]
    assert one["bytes"] == other["bytes"] > 0
    for home, found in zip(homes, (one, other), strict=True):
        assert found["video"].startswith(str(tmp_path / home / "videos"))
    assert len(simulator.tasks) == 1
    assert not list(tmp_path.rglob("*.sqlite"))


def test_a_home_without_the_file_fetches_its_own_copy(simulate, postgres, ask, tmp_path, monkeypatch):
    """The record of the machine that bought it does not change by that."""
    simulator = simulate()
    monkeypatch.setenv("KIE_NB_LEDGER", postgres.database())
    first = ask()
    first.wait(30)
    record = first.row
    monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / "other"))

    second = ask()
    second.wait(30)

    assert second.id == first.id
    assert second.video.read_bytes() == first.video.read_bytes()
    assert second.video != first.video
    assert second.row == record
    assert len(simulator.tasks) == 1
