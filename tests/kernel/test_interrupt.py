"""The stop button ends the waiting, never the paid task."""

import time

import pytest

# Measured: at most 0.15 s, also beside four busy processes on two cores. What is not waited for takes many times as long.
AT_ONCE_S = 6.0  # what is waited for takes longer: a task 80 s, a worker 9 s

WAITS = {
    "--wait": ("%%kie_wan --image cat.png --seed {seed} --wait -o clip\nThe cat waits.",),
    "clip.wait()": ("%%kie_wan --image cat.png --seed {seed} -o clip\nThe cat waits.", "clip.wait()"),
    "await clip": ("%%kie_wan --image cat.png --seed {seed} -o clip\nThe cat waits.", "await clip"),
}


@pytest.fixture(scope="module")
def simulator(shared):
    return shared.simulate(duration_s=lambda _request: 80.0)


@pytest.mark.parametrize(("seed", "cells"), list(enumerate(WAITS.values())), ids=WAITS.keys())
def test_an_interrupt_ends_the_wait_and_not_the_task(kernel, simulator, seed, cells):
    """The cell ends at once, says that the task goes on and how to come back; the video still arrives."""
    *before, last = (cell.format(seed=seed) for cell in cells)
    for cell in before:
        assert kernel.run(cell).status == "ok"
    number = kernel.submit(last)
    kernel.until(lambda: len(simulator.tasks) == seed + 1 and kernel.cells[number].reply is None)
    pause(kernel, 0.7)  # until it is well inside the wait

    pressed = time.monotonic()
    kernel.interrupt()
    cell = kernel.result(number, timeout_s=30)

    assert time.monotonic() - pressed < AT_ONCE_S
    assert cell.status == "error"
    assert "goes on at the service" in cell.error
    assert "%kie show" in cell.error
    assert len(cell.error.splitlines()) <= 3, cell.error
    assert "File " not in cell.error
    assert "Traceback" not in cell.error

    assert kernel.value("clip.is_final") == "False"
    assert kernel.run("clip.wait();").status == "ok"
    assert kernel.value("(clip.state.value, clip.video.exists())") == "('fetched', True)"
    assert len(simulator.tasks) == seed + 1


def test_an_interrupt_between_waits_is_an_ordinary_one(kernel):
    """Our machinery leaves interrupts of the user's own code alone."""
    number = kernel.submit("import time\ntime.sleep(60)")
    pause(kernel, 0.5)
    kernel.interrupt()

    cell = kernel.result(number)
    assert cell.status == "error"
    assert "KeyboardInterrupt" in cell.error
    assert kernel.value("1 + 1") == "2"


def pause(kernel, seconds):
    end = time.monotonic() + seconds
    kernel.until(lambda: time.monotonic() > end)


SEEDS = """import kie_nb as kie
exp = kie.Experiment("seeds", model="wan/2-5-text-to-video", prompt="Waves", seed=[1, 2, 3], duration=10)
exp.run().wait(100);"""
LATE = """import concurrent.futures, time
from kie_nb.handles import get_session
class Late:
    pool = concurrent.futures.ThreadPoolExecutor(1)
    def submit(self, fn, /, *args):
        return self.pool.submit(lambda: (time.sleep(9), fn(*args))[1])
usual, get_session().measures = get_session().measures, Late()"""


@pytest.mark.parametrize("call", ["exp.spread()", "exp.verify(exp.runs[0])", "kie.compare(*exp.runs[:2])"])
def test_an_interrupt_ends_the_measuring(workshop, call):
    """At once, however long a worker is at it; a run that was bought for it goes on, and is found the next time."""
    simulator = workshop.simulate(duration_s=lambda _request: 5.0)
    kernel = workshop.kernel(simulator)
    assert kernel.run(SEEDS).status == "ok"
    kernel.run(LATE)
    bought = 4 if "verify" in call else 3
    number = kernel.submit(call)
    kernel.until(lambda: len(simulator.tasks) == bought)
    pause(kernel, 1.5)

    pressed = time.monotonic()
    kernel.interrupt()
    cell = kernel.result(number, timeout_s=30)

    assert time.monotonic() - pressed < AT_ONCE_S
    assert "Interrupted: " in cell.error
    assert "Traceback" not in cell.error
    kernel.run("get_session().measures = usual")
    assert kernel.run(call).status == "ok"
    assert len(simulator.tasks) == bought


GRID = """import kie_nb as kie
exp = kie.Experiment("grid", model="wan/2-5-text-to-video", prompt="Waves", seed=range(6))
exp.run(parallel=1);"""


@pytest.mark.parametrize("call", ["exp.wait()", "await exp"])
def test_an_interrupt_of_a_grid_buys_no_more(workshop, call):
    """However the cell waits: what was sent goes on, the rest is not bought, and the next run buys it."""
    simulator = workshop.simulate(duration_s=lambda _request: 40.0)
    kernel = workshop.kernel(simulator)
    assert kernel.run(GRID).status == "ok"
    number = kernel.submit(call)
    kernel.until(lambda: len(simulator.tasks) == 1)
    pause(kernel, 0.7)

    kernel.interrupt()
    cell = kernel.result(number, timeout_s=30)

    assert "no more cells are bought" in cell.error
    assert "exp.run(), or the %%kie_wan cell again, goes on" in cell.error
    assert "Traceback" not in cell.error
    assert kernel.run("exp.wait();").status == "ok"
    assert kernel.value("(exp.status().done, exp.status().stopped)") == "(1, 'by you')"
    assert len(simulator.tasks) == 1
