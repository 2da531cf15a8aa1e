"""A folder that was closed cleanly and cannot be written: what was bought is found and shown, a new video is refused.

Where the tests may mount, it is a mount for reading alone; rights do not bind root. Elsewhere its rights are taken away.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from kernelforks import script
from mounts import PRIVATE, may_mount

SEAL = (
    'mount --bind "$KIE_NB_HOME" "$KIE_NB_HOME"; mount -o remount,ro,bind "$KIE_NB_HOME"'
    if may_mount()
    else 'chmod -R a-w "$KIE_NB_HOME"'
)
LOOK = """
import json, sys, warnings
warnings.simplefilter("ignore")
import kie_nb as kie

def error_of(act):
    try:
        act()
    except kie.KieError as exc:
        return [type(exc).__name__, *exc.lines()]

cat = sys.argv[1]
found = kie.runs(limit=None)
told = {"found": [[run.id, run.state, str(run.video), run.is_here, run.video.stat().st_size] for run in found]}
told["again"] = kie.generate("The cat smiles.", image=cat, seed=7).wait(20).id
told["new"] = error_of(lambda: kie.generate("The cat smiles.", image=cat, seed=8))
told["fresh"] = error_of(lambda: kie.generate("The cat smiles.", image=cat, seed=7, fresh=True))
told["mark"] = error_of(lambda: found[0].rate(3))
told["resume"] = len(kie.resume())
told["doctor"] = error_of(kie.doctor)
print(json.dumps(told))
"""


BUY = """
import sys
import kie_nb as kie
print(kie.generate("The cat smiles.", image=sys.argv[1], seed=7).wait().id)
"""


@pytest.fixture
def closed(simulate, cat, tmp_path):
    """The home of a finished run, which nobody has open, the simulator that it was bought at, and its id."""
    simulator, home = simulate(), tmp_path / "kie-runs"
    bought = script("-c", BUY, str(cat), check=True)
    yield simulator, home, bought.stdout.strip()
    if not may_mount():
        subprocess.run(["chmod", "-R", "u+w", str(home)], check=True)


def looked(cat, code=LOOK):
    """What a process tells that may only read the folder."""
    command = (
        [*PRIVATE, f'{SEAL}\nexec "$@"', "sh"] if may_mount() else ["sh", "-ec", f'{SEAL}\nexec "$@"', "sh"]
    )
    done = subprocess.run(
        [*command, sys.executable, "-c", code, str(cat)], capture_output=True, text=True, timeout=90, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def listed(home):
    return {path: path.stat().st_mtime_ns for path in home.rglob("*")}


def test_what_was_bought_is_there_and_nothing_new_is_bought(closed, cat):
    """The same request shows its video; another one, a mark and a fresh one are refused with the reason."""
    simulator, home, run_id = closed
    before = listed(home)

    told = looked(cat)

    (number, state, video, is_here, size), *more = told["found"]
    assert (number, state, is_here, more) == (run_id, "fetched", True, [])
    assert size == Path(video).stat().st_size > 0
    assert told["again"] == run_id
    for refused in ("new", "fresh", "mark"):
        kind, message, *rest = told[refused]
        assert kind == "LedgerError"
        assert "kie-runs cannot be written, so no new video can be recorded in it" in message
        assert "charged: nothing" in "\n".join(rest)
        assert "KIE_NB_HOME" in "\n".join(rest)
    assert (told["resume"], told["doctor"]) == (0, None)
    assert len(simulator.tasks) == 1
    assert listed(home) == before


def test_what_its_owner_adds_meanwhile_is_seen(closed, cat, monkeypatch):
    """A ledger that we may only read is somebody's who may write: no look is an old one."""
    _, _, run_id = closed
    from kie_nb.ledger import Ledger, database

    with monkeypatch.context() as patch:
        patch.setattr(database, "_is_read_only", lambda _file: True)
        reader = Ledger(closed[1])
    assert [row.id for row in reader.runs(limit=None)] == [run_id]

    script("-c", BUY.replace("seed=7", "seed=8"), str(cat), check=True)

    assert len(reader.runs(limit=None)) == 2
    reader.close()
