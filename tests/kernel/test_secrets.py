"""The key is in the Authorization header of Kie's hosts, and nowhere else."""

import pytest

from kie_nb.simulator import Fault

KEY = "sk-fake-7f3a9b2c4d5e6f708192a3b4"

OBJECTS = """
import os, pickle, traceback, kie_nb, kie_nb.settings
found, secret = [], os.environ["TOLD_APART"]
def look(name, thing):
    for form in (repr(thing), str(thing), format(thing)):
        if secret in form:
            found.append(name)
    try:
        data = pickle.dumps(thing)
    except Exception:
        return
    if secret.encode() in data:
        found.append("pickle of " + name)
settings = kie_nb.settings.current()
look("settings", settings)
look("key", settings.key)
look("run", clip)
look("request", clip.request)
look("history", clip.history())
client = kie_nb.AsyncKie(secret, base_url=settings.base_url)
look("client", client)
look("variables of the client", vars(client) if hasattr(client, "__dict__") else [])
for run in kie_nb.runs():
    look("run", run)
    look("row", run.row)
    if run.error is not None:
        look("error", run.error)
        look("trace", "".join(traceback.format_exception(run.error)))
print(found, len(kie_nb.runs()))
"""


def failing_cell(simulator, kernel, fault, seed):
    simulator.set_faults([fault] if fault else [])
    return kernel.run(f"%%kie_wan --image cat.png --seed {seed} --wait\nTrouble number {seed}.", timeout_s=90)


@pytest.fixture(scope="module")
def kept(shared):
    """A successful run and every kind of failure with a key, as the real service would be used."""
    simulator = shared.simulate(keys=[KEY], speed=50.0)
    kernel = shared.kernel(simulator, KIE_NB_SERVICE="kie", KIE_API_KEY=KEY, TOLD_APART=KEY)
    good = kernel.run("%%kie_wan --image cat.png --seed 7 --wait -o clip\nThe cat smiles.")
    assert good.status == "ok", good.error
    troubles = [
        Fault(call="create", kind="402"),
        Fault(call="create", kind="401"),
        Fault(call="create", kind="500_invalid"),
        Fault(call="create", kind="lost_reply"),
        Fault(call="task", kind="fail"),
    ]
    cells = [failing_cell(simulator, kernel, fault, seed) for seed, fault in enumerate(troubles, 100)]
    simulator.set_faults([])
    kernel.run("import os; os.environ['KIE_API_KEY'] = 'sk-wrong-' + 'x' * 20")
    cells.append(failing_cell(simulator, kernel, None, 200))
    kernel.run("os.environ['KIE_API_KEY'] = os.environ['TOLD_APART']")
    return shared, simulator, kernel, cells


def test_the_key_stays_secret(kept):
    """Outputs, tracebacks, the kernel's own output, every file, every repr and pickle: not found."""
    workshop, simulator, kernel, cells = kept

    assert [cell.status for cell in cells] == ["error"] * 6
    for command in ("config", "status", "runs", "credits"):
        assert kernel.run(f"%kie {command}").status == "ok"
    verbose = kernel.run("%xmode Verbose")
    assert verbose.status == "ok"
    assert failing_cell(simulator, kernel, Fault(call="create", kind="402"), 300).status == "error"
    plain = kernel.run(
        "import logging; logging.basicConfig(level='DEBUG')\nimport kie_nb; print(kie_nb.credits())"
    )
    objects = kernel.run(OBJECTS)

    assert objects.status == "ok", objects.error
    assert objects.text.startswith("[] ")
    assert plain.status == "ok", plain.error
    assert workshop.places_with(KEY) == []
    assert simulator.counts["media_requests_with_authorization"] == 0


def test_errors_are_short_and_complete(kept):
    """Two to five lines: what happened, what it cost, what to do; no frame of ours."""
    *_, cells = kept

    for cell in cells:
        lines = cell.error.splitlines()
        assert 2 <= len(lines) <= 5, cell.error
        assert any(line.strip().startswith("charged: ") for line in lines), cell.error
        assert any(line.strip().startswith("next: ") for line in lines), cell.error
        assert "File " not in cell.error
        assert "site-packages" not in cell.error
    unknown = cells[3].error
    assert "OutcomeUnknown" in unknown
    assert "charged: nothing" not in unknown
    assert all("charged: nothing" in cell.error for cell in cells if cell.error != unknown)


def test_an_executed_notebook_and_its_page_hold_no_key(workshop):
    """What is handed on, after a success and after an error."""
    import nbformat
    from kerneldriver import LOAD, environment
    from nbclient import NotebookClient
    from nbconvert import HTMLExporter

    simulator = workshop.simulate(keys=[KEY], speed=50.0)
    notebook = workshop.notebook(
        LOAD,
        "%%kie_wan --image cat.png --seed 7 -o clip\nThe cat smiles.",
        "clip",
        "%kie config",
        "%kie status",
        "%%kie_wan --image cat.png --seed 8 --max-credits 1\nToo dear.",
    )
    variables = environment(
        workshop.private,
        KIE_BASE_URL=simulator.base_url,
        KIE_NB_SERVICE="kie",
        KIE_API_KEY=KEY,
        KIE_NB_WAIT=1,
    )
    NotebookClient(
        notebook,
        timeout=120,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(workshop.folder)}},
    ).execute(env=variables)

    page = HTMLExporter().from_notebook_node(notebook)[0]
    assert "data:video/mp4" in page
    assert "BudgetExceeded" in page
    assert KEY not in page
    assert KEY not in nbformat.writes(notebook)
