"""Many kernels at once on one ledger: nobody fails, nothing is bought twice, and the limit holds in every window."""

import json
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import ledgercrowd
import pytest
from kernelforks import Script

from kie_nb.ledger import Ledger

pytestmark = pytest.mark.slow

PROCESSES = 6


@pytest.fixture(params=["sqlite", "postgres"])
def url(request):
    return request.getfixturevalue("postgres").database() if request.param == "postgres" else ""


def test_six_processes_with_two_hundred_intentions_each(tmp_path, url):
    """Most of them are for the same requests; every process sees one run for each, and one of them has sent it."""
    start = str(time.time() + 2)
    command = [sys.executable, Path(ledgercrowd.__file__), tmp_path, url]
    crowd = [
        Script([*command, f"p{number}", start], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for number in range(PROCESSES)
    ]
    told = [process.communicate(timeout=120) for process in crowd]
    assert [(process.returncode, errors) for process, (_, errors) in zip(crowd, told, strict=True)] == [
        (0, "")
    ] * PROCESSES
    done = [json.loads(output) for output, _ in told]
    ledger = Ledger(tmp_path, url=url or None)
    rows = ledger.runs(limit=None)
    events = Counter(entry["to_state"] for row in rows for entry in ledger.events(row.id))
    ledger.close()

    requests = {fingerprint for one in done for fingerprint in one["found"]}
    assert len(requests) == ledgercrowd.INTENTS // 4 * (PROCESSES + 3)
    assert Counter(row.fingerprint for row in rows) == dict.fromkeys(requests, 1)
    assert Counter(fingerprint for one in done for fingerprint in one["bought"]) == dict.fromkeys(requests, 1)
    ids = {row.fingerprint: row.id for row in rows}
    assert all(ids[fingerprint] == run_id for one in done for fingerprint, run_id in one["found"].items())
    assert events == dict.fromkeys(("intent", "sending", "accepted"), len(requests))

    arrivals = sorted(moment for one in done for moment in one["arrivals"])
    closest = min(last - first for first, last in zip(arrivals, arrivals[ledgercrowd.LIMIT :], strict=False))
    assert closest > ledgercrowd.WINDOW_S
