"""The panel in real kernels: what is open elsewhere, nothing bought by running its cell, quick to load."""

import json

PANEL = "panel = kie.panel()\npanel"
IMPORT = "import kie_nb as kie"
ROWS = "panel.view.queue['rows']"


def wait_for(kernel, expression, timeout_s=60):
    """Run a cell that waits until *expression* is true."""
    code = f"import time\nend = time.time() + {timeout_s}\nwhile not ({expression}) and time.time() < end: time.sleep(0.05)\nassert {expression}"
    cell = kernel.run(code, timeout_s=timeout_s + 5)
    assert cell.status == "ok", cell.error


def test_another_kernels_run_has_a_row(workshop):
    """It cannot be stopped from here, and it leaves the queue when it is done."""
    simulator = workshop.simulate(speed=2.0)
    here, there = workshop.kernel(simulator), workshop.kernel(simulator)
    for kernel in (here, there):
        kernel.run(IMPORT)
    assert here.run(PANEL).status == "ok"

    there.run("run = kie.generate('The cat smiles.', image='cat.png', seed=7)")

    wait_for(here, f'any(row["why"] == "in another notebook" for row in {ROWS})')
    assert here.value(f"[row['buttons'] for row in {ROWS}]") == "[[]]"
    wait_for(here, f"not {ROWS}")
    assert simulator.counts["create_requests"] == 1


def test_a_panel_and_cells_run_again_after_a_restart_buy_nothing(workshop):
    """Run All, restart, Run All; the panel asks for one of the cells' requests and one of its own."""
    simulator = workshop.simulate()
    cells = ["import kie_nb as kie", PANEL]
    cells += [f"%%kie_wan --image cat.png --seed {seed} --wait\nThe cat smiles." for seed in range(10)]
    cells += ["request = kie.runs()[-1].request; panel.fill(request).generate()[0].wait(60)"]
    cells += ["panel.fill(request.with_seed(99)).generate()[0].wait(60)"]
    for _ in range(2):
        kernel = workshop.kernel(simulator, KIE_NB_NOTEBOOK="cats.ipynb")
        assert [kernel.run(cell).status for cell in cells] == ["ok"] * len(cells)
        assert kernel.value("{run.origin['notebook'] for run in kie.runs()}") == "{'cats.ipynb'}"
        kernel.close()

    assert simulator.counts["create_requests"] == 11


def test_the_panel_costs_nothing_until_it_is_opened(workshop):
    """`%load_ext` stays quick."""
    kernel = workshop.kernel(workshop.simulate(), is_forked=False)
    loaded = "[name for name in ('anywidget', 'sqlalchemy', 'kie_nb.notebook.panel') if name in __import__('sys').modules]"

    assert kernel.value(loaded) == "[]"
    assert kernel.run("%kie panel").status == "ok"
    assert "anywidget" in json.loads(kernel.value(loaded).replace("'", '"'))
