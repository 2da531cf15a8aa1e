"""Run All with waits in it: no cell is lost, and asyncio stays as it was."""

import pytest
from kerneldriver import LOAD

UNPATCHED = """
import asyncio, _asyncio
print(
    asyncio.Task is _asyncio.Task,
    asyncio.Future is _asyncio.Future,
    asyncio.run.__module__,
    asyncio.run.__qualname__,
    asyncio.SelectorEventLoop.run_forever.__module__,
    asyncio.SelectorEventLoop.run_until_complete.__module__,
    hasattr(asyncio, "_nest_patched"),
)
"""
WAIT = "%%kie_wan --image cat.png --seed {} {} -o {}\nThe cat counts to {}."


@pytest.fixture(scope="module")
def simulator(shared):
    return shared.simulate(duration_s=lambda _request: 20.0)


def is_clean(kernel):
    words = kernel.run(UNPATCHED).text.split()
    modules = set(words[4:6])
    return [*words[:4], words[6]] == ["True", "True", "asyncio.runners", "run", "False"] and modules <= {
        "asyncio.base_events",
        "asyncio.unix_events",
        "asyncio.windows_events",
    }


def test_waits_leave_asyncio_alone(kernel):
    """Loading, a run, all three waits: `asyncio.Task`, `asyncio.run` and the loops are Python's own."""
    assert is_clean(kernel)
    assert kernel.run(WAIT.format(1, "--wait", "a", 1)).status == "ok"
    assert kernel.run(WAIT.format(2, "", "b", 2)).status == "ok"
    assert kernel.run("await b;").status == "ok"
    assert kernel.run(WAIT.format(3, "", "c", 3)).status == "ok"
    assert kernel.run("c.wait();").status == "ok"

    assert is_clean(kernel)


def test_ten_cells_at_once(kernel):
    """Ten queued cells, six of them waiting in every way there is: all are executed, in order, none is lost."""
    coroutine = """
import asyncio, kie_nb
async def both():
    await asyncio.sleep(0.1)
    return (await x).state.value
print(kie_nb.run(both()))
"""
    cells = [
        "order = [1]",
        WAIT.format(11, "", "x", 11),
        "await x; order.append(3)",
        WAIT.format(12, "--wait", "y", 12),
        "order.append(5)",
        coroutine,
        "await y; order.append(7)",
        WAIT.format(13, "", "z", 13),
        "z.wait(); order.append(9)",
        "print(order, x.state, y.state, z.state)",
    ]
    numbers = [kernel.submit(cell) for cell in cells]
    done = [kernel.result(number, timeout_s=120) for number in numbers]

    assert [cell.status for cell in done] == ["ok"] * 10, [cell.error for cell in done]
    counts = [cell.reply["execution_count"] for cell in done]
    assert counts == list(range(counts[0], counts[0] + 10))
    assert done[5].text == "fetched\n"
    assert done[9].text == "[1, 3, 5, 7, 9] fetched fetched fetched\n"


def test_only_kie_nb_run_patches(kernel):
    """The one helper that is asked for by name has applied nest_asyncio2, and a wait after it still works."""
    assert kernel.run("import kie_nb\nasync def two(): return 2\nprint(kie_nb.run(two()))").text == "2\n"
    assert kernel.value("hasattr(__import__('asyncio'), '_nest_asyncio2')") == "True"
    first, second = (
        kernel.submit(WAIT.format(21, "--wait", "late", 21)),
        kernel.submit("print((await late).state)"),
    )

    assert kernel.result(first).status == "ok"
    assert kernel.result(second).text == "fetched\n"


def test_several_at_once(kernel, simulator):
    """Four runs under way together, gathered; a cell computes meanwhile."""
    for seed in range(31, 35):
        kernel.run(WAIT.format(seed, "--quiet", f"r{seed}", seed))
    cell = kernel.run(
        "done = await __import__('asyncio').gather(r31, r32, r33, r34)\nprint([r.seed for r in done])"
    )

    assert cell.text == "[31, 32, 33, 34]\n", cell.error


def test_the_archived_nest_asyncio_is_warned_about_once(workshop):
    """A notebook that applied the old one is told why cells vanish; ours is not blamed, the run goes on."""
    simulator = workshop.simulate()
    kernel = workshop.kernel(simulator, load=False)
    kernel.run("import asyncio\nasyncio._nest_patched = True")  # what its apply() leaves behind
    kernel.run(LOAD)

    first = kernel.run(WAIT.format(1, "--wait", "a", 1))
    second = kernel.run(WAIT.format(2, "--wait", "b", 2))

    assert first.status == "ok"
    assert "nest_asyncio2" in first.text
    assert "nest_asyncio" not in second.text
