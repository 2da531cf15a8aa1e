"""The same experiment begun by two processes, or two threads, at the same moment."""

import json
import signal
import subprocess
import sys
import threading

import pytest
from kernelforks import Script

import kie_nb as kie

SHORT_S = 120
LIMITED = """
import os, signal, sys, time, warnings
warnings.simplefilter("ignore")
import kie_nb as kie
image, seeds, how = sys.argv[1], range(*map(int, sys.argv[2].split("-"))), sys.argv[3]
exp = kie.Experiment("both", image=image, prompt="The cat smiles", seed=seeds)
try:
    exp.run(max_credits=300, extend=True)
    if how == "crash":
        while sum(run.state == "intent" for run in exp) < 3:
            time.sleep(0.001)
        os.kill(os.getpid(), signal.SIGKILL)
    exp.wait(120)
except kie.BudgetExceeded:
    pass
"""
PROCESS = """
import json, sys, warnings
warnings.simplefilter("ignore")
import kie_nb as kie
exp = kie.Experiment("drawn", image=sys.argv[1], prompt=["The cat smiles", "The cat yawns"])
print("built", flush=True)
sys.stdin.readline()
exp.run().wait(120)
print(json.dumps({"seed": exp.definition.grid.fixed["seed"], "runs": sorted(run.id for run in exp)}))
"""


@pytest.fixture
def processes(simulator, cat):
    """Two that have built the same experiment, and wait for a word to run it."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", PROCESS, str(cat)]
    pair = [Script(command, **pipes) for _ in range(2)]
    yield pair
    for process in pair:
        process.kill()
        process.communicate()


def test_a_seed_that_two_processes_draw_is_one(processes, simulator):
    """The later one takes the seed that was kept: one grid is bought, and both show it."""
    for process in processes:
        while process.stdout.readline() != "built\n":
            assert process.poll() is None
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    first, second = (json.loads(process.communicate()[0].splitlines()[-1]) for process in processes)

    assert first == second
    assert len(first["runs"]) == len(simulator.tasks) == 2


def go(cat, seeds, how="wait"):
    return Script([sys.executable, "-c", LIMITED, str(cat), seeds, how])


def test_two_processes_keep_one_limit(simulator, cat):
    """Each asks the ledger in the transaction that records a request: together they never pass it."""
    pair = [go(cat, "0-5"), go(cat, "5-10")]
    assert [process.wait(SHORT_S) for process in pair] == [0, 0]

    assert 1 <= len(simulator.tasks) <= 5


def test_a_limit_counts_what_a_dead_process_has_recorded(simulator, cat, monkeypatch):
    """What was not sent is bought under the limit of the next run, and no cell twice."""
    monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "1")
    assert go(cat, "0-5", "crash").wait(SHORT_S) == -signal.SIGKILL
    monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "10000")
    assert go(cat, "0-8").wait(SHORT_S) == 0
    assert len(simulator.tasks) <= 5
    assert go(cat, "0-5").wait(SHORT_S) == 0

    assert len(simulator.tasks) <= 5
    assert len({task.input["seed"] for task in simulator.tasks}) == len(simulator.tasks)


def test_of_two_definitions_at_the_same_moment_one_is_refused(cat, simulator):
    """As if it had come later, by its call or by its runner: no cell of it is bought."""
    for number in range(8):
        exps = [
            kie.Experiment(f"race {number}", image=cat, seed=[1, 2], prompt=f"{word} {number}")
            for word in ("smile", "yawn")
        ]
        refused, start = [], threading.Barrier(2)

        def go(exp, refused=refused, start=start):
            start.wait()
            try:
                exp.run()
            except kie.InvalidRequest as exc:
                refused.append(exc)

        threads = [threading.Thread(target=go, args=(exp,)) for exp in exps]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for exp in exps:
            exp.wait(SHORT_S)

        stopped = [why for exp in exps if (why := exp.status().stopped)]
        assert [len(exp.runs) for exp in exps] in ([0, 2], [2, 0])
        assert len(refused) + len(stopped) == 1, (refused, stopped)
        assert all("Another definition" in why for why in stopped), stopped
        assert len(kie.runs(experiment=f"race {number}")) == 2
