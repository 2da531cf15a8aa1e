"""Hours of trouble at once: `pytest -m soak`, for KIE_SOAK_S seconds (two hours), never by itself.

Six processes ask for videos in one folder and are killed at random, while the network drops, the disk is full for moments, and the
clock jumps. After each round the books must balance: nothing bought twice, nothing that was paid for lost.
"""

import os
import random
import time

import pytest
from crashhome import RESUME, SIGN_S, asks
from soak import SEED

from kie_nb.simulator import Fault

pytestmark = [pytest.mark.soak, pytest.mark.timeout(0)]

SOAK_S = float(os.environ.get("KIE_SOAK_S") or 7200)
PROCESSES, ROUND_S, NEW_CELLS = 6, 60.0, 12
DROPS = [
    Fault(call="create", kind="lost_reply", probability=0.03),
    Fault(call="create", kind="reset", probability=0.05),
    Fault(call="create", kind="429", probability=0.05),
    Fault(call="record", kind="reset", probability=0.1),
    Fault(call="record", kind="html", probability=0.05),
    Fault(call="upload", kind="http_500", probability=0.1),
    Fault(call="download", kind="reset", probability=0.1),
    Fault(call="download", kind="truncate", probability=0.1),
    Fault(call="credits", kind="slow_reply", probability=0.05, seconds=1.0),
]
JUMPS_S = (0, 0, 0, 3600, -3600, 86_400, -90)


class Clock:
    """The clock of the processes, as a file tells by how many seconds it is wrong."""

    def __init__(self, file):
        self.follow = {"do": "follow_clock", "file": str(file)}
        self._file = file
        self.jump(0)

    def jump(self, seconds):
        """It is wrong by so much from now on."""
        part = self._file.with_suffix(".part")
        part.write_text(f"{seconds:+d}\n")
        part.replace(self._file)


def test_hours_of_trouble(tmp_path, make_home, service, capsys):
    """Kills, drops, a full disk and a wrong clock, round after round."""
    chance, home, clock = random.Random(SEED), make_home("soak"), Clock(tmp_path / "clock")  # noqa: S311
    told = {"rounds": 0, "processes": 0, "kills": 0, "jumps": 0, "full disks": 0}
    ends, count = time.monotonic() + SOAK_S, 0
    while time.monotonic() < ends:
        count += NEW_CELLS
        cells = home.cells(count)
        service.set_faults(DROPS if told["rounds"] % 4 else [])
        told["rounds"] += 1
        _round(home, cells, chance, clock, told)
        home.check()
        with capsys.disabled():
            print(f"\n{told} tasks {len(home.tasks())}", flush=True)
    service.set_faults([])
    clock.jump(0)
    made, absent = home.unknown()
    home.start(RESUME, {"do": "adopt", "tasks": made}, {"do": "write_off", "runs": absent}).report  # noqa: B018
    report = home.start(asks(home.cells(count))).report
    home.check_end()
    assert {entry["state"] for entry in report["ask"]} == {"fetched"}
    assert len(home.tasks()) == count
    with capsys.disabled():
        print(
            f"\n{told} cells {count} tasks {len(home.tasks())} of unknown outcome {len(made) + len(absent)}"
        )


def _round(home, cells, chance, clock, told):
    """Processes that come and go, the newest cells more often than those of before."""
    ends, working = time.monotonic() + ROUND_S, []
    while time.monotonic() < ends:
        working = [buyer for buyer in working if not buyer.ends_in(0)]
        while len(working) < PROCESSES:
            mine = [*chance.sample(cells[-2 * NEW_CELLS :], 4), chance.choice(cells)]
            is_full = chance.random() < 0.3
            steps = [{"do": "fill_at_times", "seed": chance.randrange(10**6)}] if is_full else []
            working.append(home.start(clock.follow, *steps, RESUME, asks(mine)))
            told["processes"] += 1
            told["full disks"] += is_full
        time.sleep(chance.uniform(0.2, 2.0))
        if chance.random() < 0.2:
            clock.jump(chance.choice(JUMPS_S))
            told["jumps"] += 1
        if chance.random() < 0.3:
            chance.choice(working).kill()
            told["kills"] += 1
    for buyer in working:
        buyer.kill()
        assert buyer.ends_in(SIGN_S)
    told["kills"] += len(working)
