"""The same experiment begun by two processes, or two threads, at the same moment."""

import json
import subprocess
import sys
import threading

import pytest

import kie_nb as kie

SHORT_S = 120
PROCESS = """
import json, sys
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
    command = [sys.executable, "-W", "ignore", "-c", PROCESS, str(cat)]
    pair = [subprocess.Popen(command, **pipes) for _ in range(2)]
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


def test_of_two_definitions_at_the_same_moment_one_is_refused(cat, simulator):
    """As if it had come later: no cell of it is bought."""
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

        assert len(refused) == 1
        assert len(kie.runs(experiment=f"race {number}")) == 2
