"""The end of a process that is no kernel, and the ends of what it prints to: what is open is told, and no letter kills it."""

import os
import shutil
import subprocess
import sys

import pytest
from hurry import hurry_code
from kernelforks import script
from mounts import PRIVATE, may_mount

pytestmark = pytest.mark.slow

LINE = '%kie_wan --image cat.png --seed 5 "the cat"'


@pytest.fixture(autouse=True)
def _folder(cat, monkeypatch, tmp_path):
    shutil.copy(cat, "cat.png")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


def run(*words, given="", **variables):
    return subprocess.run(
        words, env=os.environ | variables, input=given, capture_output=True, encoding=variables.get("PYTHONIOENCODING", "utf-8"), timeout=90, check=False
    )  # fmt: skip


def ipython(*words, given=""):
    return script("-m", "IPython", "--no-banner", "--colors=NoColor", *words, given=given)


@pytest.mark.parametrize("way", ["file.ipy", "notebook.ipynb", "-c"])
def test_ipython_says_what_is_open_at_its_end(simulate, tmp_path, way):
    """As a script does: nobody will type another line."""
    simulate(speed=1.0)
    if way == "file.ipy":
        (tmp_path / way).write_text(f"%load_ext kie_nb\n{LINE}\n")
    elif way == "notebook.ipynb":
        import nbformat

        cells = [nbformat.v4.new_code_cell(f"%load_ext kie_nb\n{LINE}")]
        nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / way)
    words = [
        "-c",
        f"get_ipython().run_line_magic('load_ext', 'kie_nb'); get_ipython().run_line_magic('kie_wan', {LINE[9:]!r})",
    ]

    done = ipython(*(words if way == "-c" else [way]))

    assert done.returncode == 0, done.stderr
    assert "this process ends with 1 open" in done.stderr
    assert "kie_nb.resume()" in done.stderr


def test_a_prompt_that_is_left_says_nothing(simulate):
    """The next `ipython` in the folder is the same person's."""
    simulate(speed=1.0)

    done = ipython(given=f"%load_ext kie_nb\n{LINE}\nexit\n")

    assert done.returncode == 0, done.stderr
    assert "this process ends" not in done.stderr


def test_a_script_is_told_who_answers():
    """Once, and not into its own output: its credits are what Kie.ai would charge."""
    code = "import kie_nb as kie\nfor seed in 1, 2:\n    print(kie.generate('The cat', image='cat.png', seed=seed).wait(60).credits)"

    done = script("-c", code, env=os.environ | {"KIE_NB_SIMULATOR_SPEED": "50"})

    assert done.stdout == "60.0\n60.0\n", done.stderr
    assert done.stderr == "kie_nb: no key is set: the simulator answers (free)\n"


DEFINITION = """kie_nb = 1
name = "Häschen ☃"
model = "wan/2-5-image-to-video"
[fixed]
image = "cat.png"
prompt = "Häschen ☃ lächelt"
[axes]
seed = [1]
"""


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_name_that_the_terminal_cannot_write(simulate, tmp_path, encoding):
    """It is written with numbers for its letters, and the run goes to its end."""
    simulator = simulate()
    (tmp_path / "häschen ☃.toml").write_text(DEFINITION, encoding="utf-8")
    kie_nb = (sys.executable, "-m", "kie_nb.cli", "run")

    plan = run(*kie_nb, "häschen ☃.toml", "--plan", PYTHONIOENCODING=encoding)
    done = run(*kie_nb, "häschen ☃.toml", PYTHONIOENCODING=encoding)

    for each in (plan, done):
        assert each.returncode == 0, each.stderr
        assert "Traceback" not in each.stderr
        assert "schen \\u2603" in each.stdout
    assert "1 of 1 cell done" in done.stdout
    assert len(simulator.tasks) == 1


FULL = (
    hurry_code(fetch_pauses_s=(0.2,), ledger_pause_s=0.5)
    + """
import os, sys, warnings
from pathlib import Path
import kie_nb as kie

warnings.simplefilter("ignore")
kie.configure(simulator_speed=200)
ask = lambda seed: kie.generate("The cat smiles.", image=sys.argv[1], seed=seed).wait(60)
ask(7)
filler = Path(os.environ["KIE_NB_HOME"]).parent / "filler"
with filler.open("ab", buffering=0) as file:
    for size in (65536, 4096, 1):
        try:
            while True:
                file.write(bytes(size))
        except OSError:
            pass
    file.truncate(file.tell() - 300_000)  # enough for ledgers, not for a film
try:
    ask(8)
except kie.KieError as exc:
    print(type(exc).__name__, exc)
filler.unlink()
print(ask(8).state)
"""
)


@pytest.mark.skipif(not may_mount(), reason="a small disk cannot be mounted here")
def test_a_full_disk_of_the_embedded_simulator(cat, tmp_path, monkeypatch):
    """It is this machine's disk, and with room the same call is answered."""
    disk = tmp_path / "disk"
    disk.mkdir()
    monkeypatch.setenv("KIE_NB_HOME", str(disk / "kie-runs"))
    mount = f'mount -t tmpfs -o size=16m tmpfs "{disk}"\nexec "$@"'

    done = run(*PRIVATE, mount, "sh", sys.executable, "-c", FULL, str(cat))

    assert done.returncode == 0, done.stderr
    told, end = done.stdout.rsplit("\n", 2)[:2]
    assert told.startswith(
        "TaskFailed the disk of this machine is full: the simulator could not write its video."
    )
    assert "failed at the service" not in told
    assert "next: make room" in told
    assert end == "fetched"
