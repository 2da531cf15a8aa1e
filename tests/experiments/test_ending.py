"""A script that ends while an experiment buys: nothing is sent after its last line, and what was sent is known."""

from hurry import hurry_code
from kernelforks import script

import kie_nb as kie
from kie_nb.simulator import Fault

SCRIPT = """
import time
import kie_nb as kie
exp = kie.Experiment("waves", model="wan/2-5-text-to-video", prompt="Wave {a}", a=list(range(90)), seed=1)
exp.run()
while not any(run.task_id for run in exp.runs):
    time.sleep(0.01)
print(sum(run.state != "intent" for run in exp.runs))
"""


def test_a_script_that_ends_buys_no_more(simulator):
    """It went on for as long as answers were out, and the last tasks had no id."""
    simulator.set_faults([Fault(call="create", kind="slow_reply", seconds=0.15)])
    done = script("-c", SCRIPT, check=True)

    assert len(simulator.tasks) <= int(done.stdout.split()[-1]) + 20
    runs = kie.runs(limit=None)
    assert {run.task_id for run in runs if run.task_id} == {task.task_id for task in simulator.tasks}
    assert not {run.state for run in runs} & {"intent", "sending", "unknown"}
    assert "Traceback" not in done.stderr


def test_a_forked_child_that_ends_waits_for_nothing_of_its_parent(simulator):
    """What is being sent is its parent's, which goes on."""
    simulator.set_faults([Fault(call="create", kind="slow_reply", seconds=2.0)])
    code = (
        "import os, sys, time, warnings; warnings.simplefilter('ignore')\n"
        "import kie_nb as kie\n"
        f"{hurry_code(accept_wait_s=0.5)}"
        "run = kie.generate('Waves.', model='wan/2-5-text-to-video', seed=1)\n"
        "began = time.monotonic()\nchild = os.fork()\n"
        "if not child: sys.exit()\n"
        "os.waitpid(child, 0); print(time.monotonic() - began < 30, run.wait(60).state)\n"
    )
    done = script("-c", code, check=True)

    assert done.stdout == "True fetched\n"


def test_an_experiment_belongs_to_the_process_that_made_it(simulator):
    """A forked child that ran it waited for ever, and said that cells are bought."""
    code = (
        "import os, warnings; warnings.simplefilter('ignore')\n"
        "import kie_nb as kie\n"
        "exp = kie.Experiment('fork', model='wan/2-5-text-to-video', prompt='Waves.', seed=[1])\n"
        "if os.fork():\n    os.wait()\n"
        "else:\n"
        "    for ask in (exp.run, exp.wait):\n"
        "        try: ask()\n"
        "        except kie.KieError as exc: print(exc.message, flush=True)\n"
        "    os._exit(0)\n"
    )
    done = script("-c", code, check=True)

    assert done.stdout.count("belongs to the process that this one was forked from.") == 2
    assert not simulator.tasks
