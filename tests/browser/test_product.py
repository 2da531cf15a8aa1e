"""The product as a person meets it: a real JupyterLab, a real Chromium, the embedded simulator."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from labcounts import ledger_runs, tasks
from labdriver import Notebook, watch_video

ROOT = Path(__file__).parents[2]
LOAD = "%load_ext kie_nb\nimport kie_nb\nkie_nb.configure(simulator_speed={speed})"
CELL = (
    "%%kie_wan --image chelsea.png --duration 5 --resolution 720p --seed {seed} -o clip\n"
    "The cat looks up, takes a breath and smiles. Soft natural light, steady framing."
)
PLAYS = "cell => cell.querySelector('video')?.readyState >= 2"
IS_STATIC = "cell => !cell.querySelector('.jupyter-widgets') && cell.querySelector('video')?.readyState >= 2"
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def photograph(folder):
    """The cat that the README speaks of."""
    return shutil.copy(ROOT / "notebooks" / "images" / "chelsea.png", folder / "chelsea.png")


def test_the_main_job(open_notebook, chromium, lab, folder, photograph):
    """A cell, a live card, a video that plays; saved, reopened without a kernel, untrusted and exported it still does."""
    nb = open_notebook(LOAD.format(speed=1), CELL.format(seed=7))
    nb.run_cell(0)

    said = nb.run_cell(1, timeout_s=30)
    assert "the simulator answers" in said
    looks = watch_card(nb)
    assert len({look["state"] for look in looks}) >= 2, looks
    assert len({look["elapsed"] for look in looks}) >= 2, looks

    nb.wait_dom(1, IS_STATIC, timeout_s=90)
    assert_plays(nb, 1)
    assert_facts(nb.cell(1).inner_text())
    card, output = [output for output in nb.outputs(1) if output["output_type"] == "display_data"]
    assert set(output["data"]) == {"text/html", "image/jpeg", "text/plain"}
    assert not any(card["data"].values())  # where the live one stood is nothing
    pictures(nb, 1, "product-video")
    nb.save()

    nb.reopen(kernel=False)
    assert not nb.has_kernel()
    nb.wait_dom(1, PLAYS)
    assert_plays(nb, 1)
    assert_facts(nb.cell(1).inner_text())
    nb.screenshot("product-reopened")

    nb.close()

    stranger = untrusted_copy(folder)
    other = Notebook(chromium, lab, stranger.relative_to(lab.root).as_posix()).open(kernel=False)
    try:
        other.wait_dom(1, PLAYS)
        assert_plays(other, 1)
        assert_facts(other.cell(1).inner_text())
    finally:
        other.close()

    assert_export_plays(chromium, folder)


def test_stop_waiting(open_notebook, folder, photograph):
    """The button ends the waiting and says what that means; the paid video still takes its place."""
    nb = open_notebook(LOAD.format(speed=0.5), CELL.format(seed=8))
    nb.run_cell(0)
    nb.run_cell(1)
    nb.wait_dom(1, "cell => cell.innerText.includes('elapsed')")
    pictures(nb, 1, "product-card")

    nb.cell(1).get_by_role("button", name="Stop waiting").click()

    nb.wait_dom(
        1, "cell => cell.innerText.includes('You stopped waiting') && cell.innerText.includes('goes on')"
    )
    nb.screenshot("product-stopped", cell=1)
    nb.wait_dom(1, IS_STATIC, timeout_s=90)
    assert_plays(nb, 1)
    assert tasks(folder) == 1


def test_a_reload_in_mid_run(open_notebook, photograph):
    """F5 while the task runs: the card goes on live and shows the video in the reloaded page."""
    nb = open_notebook(LOAD.format(speed=0.4), CELL.format(seed=9))
    nb.run_cell(0)
    nb.run_cell(1)
    nb.wait_dom(1, "cell => cell.innerText.includes('elapsed')")
    nb.save()

    nb.reload()

    looks = watch_card(nb)
    assert len({look["elapsed"] for look in looks}) >= 2, looks
    nb.wait_dom(1, PLAYS, timeout_s=90)
    assert_plays(nb, 1)
    nb.cell(1).get_by_text("done").first.wait_for()
    nb.screenshot("product-reloaded", cell=1)


def test_a_kernel_that_died_in_mid_run(open_notebook, folder, photograph):
    """The saved notebook says which task was under way, with a new kernel and with none; its cell joins that task."""
    nb = open_notebook(LOAD.format(speed=0.3), CELL.format(seed=12))
    nb.run_cell(0)
    nb.run_cell(1)
    nb.wait_dom(1, "cell => /task\\s+\\w+/.test(cell.innerText) && cell.innerText.includes('elapsed')")
    nb.page.wait_for_timeout(1000)
    nb.save()

    nb.reopen(kernel=False)
    nb.wait_dom(
        1, "cell => /task\\s+\\w+/.test(cell.innerText) && cell.innerText.includes('Run the cell again')"
    )
    nb.close()
    nb.open()
    nb.wait_dom(1, "cell => cell.innerText.includes('Run the cell again')")
    nb.page.wait_for_timeout(1000)  # Lab looks for its widget
    shown = nb.cell(1).inner_text()
    assert "model not found" not in shown
    assert "Loading widget" not in shown
    nb.screenshot("product-died", cell=1)

    nb.run_cell(0)
    nb.run_cell(1)
    nb.wait_dom(1, IS_STATIC, timeout_s=90)
    assert_plays(nb, 1)
    assert tasks(folder) == ledger_runs(folder) == 1


def test_run_all_restart_run_all(open_notebook, folder, photograph):
    """An old notebook run from top to bottom shows the videos it has: no second task, no second run."""
    nb = open_notebook(
        LOAD.format(speed=5),
        CELL.format(seed=10),
        "await clip\nprint(clip.state, clip.seed)",
        "'the last cell'",
    )
    nb.run_all()
    assert nb.text(2) == "fetched 10\n"
    nb.wait_dom(1, IS_STATIC)
    nb.save()

    nb.reopen(kernel=True)
    nb.run_all()

    assert nb.text(2) == "fetched 10\n"
    assert nb.text(3) == "'the last cell'"
    nb.wait_dom(1, IS_STATIC)
    assert "Nothing was spent now" in nb.cell(1).inner_text()
    assert_plays(nb, 1)
    assert tasks(folder) == 1
    assert ledger_runs(folder) == 1


def test_trouble_is_told_in_few_lines(open_notebook, photograph):
    """An error cell is short and says what it cost; a table and a dry run fit the page."""
    nb = open_notebook(
        LOAD.format(speed=5),
        CELL.format(seed=11).replace("--duration 5", "--duration 7"),
        CELL.format(seed=11).replace("-o clip", "--dry-run"),
        "%kie status",
        "%kie help",
    )
    nb.run_cell(0)
    nb.run_cell(1)
    nb.run_cell(2)
    nb.run_cell(3)
    nb.run_cell(4)

    shown = nb.cell(1).locator(".jp-OutputArea").inner_text()
    assert "charged: nothing" in shown
    assert len(shown.strip().splitlines()) <= 5
    assert "60 credits" in nb.text(2)
    assert "the simulator" in nb.cell(3).inner_text()
    pictures(nb, 3, "product-status")
    nb.screenshot("product-words")


def watch_card(nb, *, number=1, looks=60):
    """What the card says, several times while the task runs: its state and its clock."""
    seen = []
    for _ in range(looks):
        look = nb.cell(number).evaluate(
            """cell => ({
                state: cell.querySelector('[role=status]')?.innerText.trim() || '',
                elapsed: (cell.innerText.match(/elapsed\\s+(\\d+:\\d+)/) || [])[1] || '',
                done: Boolean(cell.querySelector('video')),
            })"""
        )
        if look["done"]:
            break
        if look["state"] and look["elapsed"]:
            seen.append(look)
        if len({look["state"] for look in seen}) >= 2 and len({look["elapsed"] for look in seen}) >= 2:
            break
        nb.page.wait_for_timeout(150)
    return seen


def assert_plays(nb, number):
    seen = watch_video(nb.cell(number).locator("video").last, seconds=0.5)
    assert seen["error"] is None, seen
    assert seen["readyState"] >= 2, seen
    assert seen["t1"] > seen["t0"], seen
    assert 4 < seen["duration"] < 6, seen


def assert_facts(text):
    """What a reader of the notebook needs to make it again."""
    for fact in (
        "done",
        "SIMULATED",
        "seed 7",
        "The cat looks up",
        "60 credits",
        "kie-runs/videos/",
        "chelsea.png",
    ):
        assert fact in " ".join(text.split()), (fact, text)


def pictures(nb, number, name):
    """The cell in light, dark, and on a narrow page."""
    nb.cell(number).scroll_into_view_if_needed()
    nb.screenshot(f"{name}-light", cell=number)
    for theme in ("dark", "light"):
        nb.set_theme(theme)
        nb.page.wait_for_function("() => !document.getElementById('jupyterlab-splash')")  # Lab's curtain
        if theme == "dark":
            nb.screenshot(f"{name}-dark", cell=number)
    size = nb.page.viewport_size
    nb.page.set_viewport_size({"width": 900, "height": size["height"]})
    nb.page.wait_for_timeout(300)
    nb.cell(number).scroll_into_view_if_needed()
    nb.screenshot(f"{name}-900")
    nb.page.set_viewport_size(size)


def untrusted_copy(folder):
    """As it arrives from somebody else: changed outside Jupyter, so its signature does not fit."""
    content = json.loads((folder / "notebook.ipynb").read_text(encoding="utf-8"))
    for cell in content["cells"]:
        cell.get("metadata", {}).pop("trusted", None)
        cell["source"] = (
            ["# sent by mail\n", *cell["source"]] if cell is content["cells"][0] else cell["source"]
        )
    content["cells"][1]["outputs"][-1]["metadata"] = {"sent": "by mail"}
    path = folder / "stranger.ipynb"
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def assert_export_plays(chromium, folder):
    """`nbconvert --to html`, opened as a file with no server in sight."""
    command = [sys.executable, "-m", "nbconvert", "--to", "html", "notebook.ipynb"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    page = chromium.page()
    try:
        page.goto((folder / "notebook.html").as_uri(), wait_until="domcontentloaded")
        page.wait_for_function("() => document.querySelector('video')?.readyState >= 2", timeout=30_000)
        seen = watch_video(page.locator("video"), seconds=0.5)
        assert seen["error"] is None, seen
        assert seen["t1"] > seen["t0"], seen
        assert_facts(page.locator("body").inner_text())
        chromium.picture("product-export", page)
    finally:
        page.close()
