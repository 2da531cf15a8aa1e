"""The product as a person meets it: a real JupyterLab, a real Chromium, the embedded simulator."""

import json
import os
import shutil
from pathlib import Path

import kernelforks
import manyruns
import pytest
from axe_playwright_python.sync_playwright import Axe
from labcounts import ledger_runs, tasks
from labdriver import Notebook, watch_video

from kie_nb.simulator import Fault, Simulator
from kie_nb.wording import Card

ROOT = Path(__file__).parents[2]
SHIFT = 20  # pixels, at the most
LOAD = "%load_ext kie_nb\nimport kie_nb\nkie_nb.configure(simulator_speed={speed})"
FULL_SIZE = "\nfrom kie_nb.simulator import Simulator\nSimulator.__init__.__kwdefaults__['tiny'] = False"
CELL = (
    "%%kie_wan --image chelsea.png --duration 5 --resolution 720p --seed {seed} -o clip\n"
    "The cat looks up, takes a breath and smiles. Soft natural light, steady framing."
)
PLAYS = "cell => [...cell.querySelectorAll('video')].some((video) => video.checkVisibility() && video.readyState >= 2)"
DONE = "cell => cell.querySelector('.kie-card video')?.readyState >= 2 && cell.querySelector('.kie-card [role=status]').innerText === 'Done'"
RUNS = "cell => /\\d:\\d\\d · /.test(cell.querySelector('.kie-card')?.innerText ?? '')"
# Where the cell below begins, whenever that changes.
TOPS = """number => {
  window.tops = [];
  const cell = document.querySelectorAll('.jp-Notebook .jp-Cell')[number];
  const look = () => {
    const top = cell.offsetTop, { tops } = window;
    if (document.querySelector('.kie-card, .kie-kept') && top !== tops[tops.length - 1]) tops.push(top);
    if (cell.isConnected) requestAnimationFrame(look);
  };
  look();
}"""
OVERFLOW = "cell => { const around = cell.querySelector('div:has(> table)'); return around.scrollWidth - around.clientWidth; }"
WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def photograph(folder):
    """The cat that the README speaks of."""
    return shutil.copy(ROOT / "notebooks" / "images" / "chelsea.png", folder / "chelsea.png")


def test_the_main_job(open_notebook, chromium, lab, folder, photograph):
    """A cell, a live card, a video that plays; saved, reopened without a kernel, untrusted and exported it still does."""
    nb = open_notebook(LOAD.format(speed=1) + FULL_SIZE, CELL.format(seed=7), "'below'")
    nb.run_cell(0)
    nb.page.evaluate(TOPS, 2)

    said = nb.run_cell(1, timeout_s=30)
    assert "the simulator answers" in said
    looks = watch_card(nb)
    assert len({look["state"] for look in looks}) >= 2, looks
    assert len({look["elapsed"] for look in looks}) >= 2, looks
    nb.wait_dom(1, DONE, timeout_s=90)
    assert_still(nb)
    assert_plays(nb, 1)
    assert_facts(nb.cell(1))
    card, output = [output for output in nb.outputs(1) if output["output_type"] == "display_data"]
    assert set(output["data"]) == {"text/html", "image/jpeg", "text/plain"}
    assert not any(value for kind, value in card["data"].items() if kind != WIDGET)
    pictures(nb, 1, "product-video")
    nb.save()
    nb.page.evaluate(TOPS, 2)
    nb.shutdown_kernel()
    nb.wait_dom(1, f"cell => !cell.querySelector('.kie-card').checkVisibility() && ({PLAYS})(cell)")
    assert_still(nb)

    nb.reopen(kernel=False)
    assert not nb.has_kernel()
    nb.wait_dom(1, PLAYS)
    assert_plays(nb, 1)
    assert_facts(nb.cell(1))
    nb.screenshot("product-reopened")

    nb.close()

    stranger = untrusted_copy(folder)
    other = Notebook(chromium, lab, stranger.relative_to(lab.root).as_posix()).open(kernel=False)
    try:
        other.wait_dom(1, PLAYS)
        assert_plays(other, 1)
        assert_facts(other.cell(1))
    finally:
        other.close()

    assert_export_plays(chromium, folder)


def test_stop_watching(open_notebook, folder, photograph):
    """The button says what pressing it means, and goes; the paid video still takes its place."""
    nb = open_notebook(LOAD.format(speed=0.5), CELL.format(seed=8))
    nb.run_cell(0)
    nb.run_cell(1)
    nb.wait_dom(1, RUNS)
    pictures(nb, 1, "product-card")

    button = nb.cell(1).get_by_role("button", name=Card.STOP_SIMULATED)
    button.click()

    nb.cell(1).get_by_text(Card.STOPPED_SIMULATED).wait_for()
    assert button.count() == 0
    nb.screenshot("product-stopped", cell=1)
    nb.wait_dom(1, DONE, timeout_s=90)
    assert_plays(nb, 1)
    assert tasks(folder) == 1


def test_a_reload_in_mid_run(open_notebook, photograph):
    """F5 while the task runs: the card goes on live and shows the video in the reloaded page."""
    nb = open_notebook(LOAD.format(speed=0.4), CELL.format(seed=9))
    nb.run_cell(0)
    nb.run_cell(1)
    nb.wait_dom(1, RUNS)
    nb.save()

    nb.reload()

    looks = watch_card(nb)
    assert len({look["elapsed"] for look in looks}) >= 2, looks
    nb.wait_dom(1, PLAYS, timeout_s=90)
    assert_plays(nb, 1)
    nb.wait_dom(1, DONE)
    nb.screenshot("product-reloaded", cell=1)


def test_a_kernel_that_died_in_mid_run(open_notebook, folder, photograph):
    """The saved notebook says which task was under way, with a new kernel and with none; its cell joins that task."""
    nb = open_notebook(LOAD.format(speed=0.3), CELL.format(seed=12))
    nb.run_cell(0)
    nb.run_cell(1)
    nb.wait_dom(
        1, f"cell => /task\\s*\\w{{8}}/.test(cell.querySelector('.kie-kept').textContent) && ({RUNS})(cell)"
    )
    nb.page.wait_for_timeout(1000)
    nb.save()

    nb.reopen(in_new_page=False)
    nb.wait_dom(
        1,
        "cell => /task\\s*\\w{8}/.test(cell.textContent) && cell.innerText.includes('Running the cell again')",
    )
    nb.close()
    nb.open()
    nb.wait_dom(1, "cell => cell.innerText.includes('Running the cell again')")
    nb.page.wait_for_timeout(1000)  # Lab looks for its widget
    shown = nb.cell(1).inner_text()
    assert "model not found" not in shown
    assert "Loading widget" not in shown
    nb.screenshot("product-died", cell=1)

    nb.run_cell(0)
    nb.run_cell(1)
    nb.wait_dom(1, DONE, timeout_s=90)
    assert_plays(nb, 1)
    assert tasks(folder) == ledger_runs(folder) == 1


def test_what_is_done_with_a_video(open_notebook, folder, photograph):
    """Where the video is: another seed below it, stars that the notebook keeps, its cell below; and axe finds nothing."""
    nb = open_notebook(LOAD.format(speed=5), CELL.format(seed=10), CELL.format(seed=10), "'below'")
    nb.run_cell(0)
    nb.run_cell(1)
    nb.wait_dom(1, DONE)
    nb.run_cell(2)
    nb.wait_dom(2, DONE)
    cell = nb.cell(2)
    cards = cell.locator(".kie-card")

    assert Card.ALREADY_YOURS in cards.inner_text()
    cell.get_by_role("button", name=Card.ANOTHER_SEED).dblclick()
    nb.wait_dom(2, "cell => cell.querySelectorAll('.kie-card video').length === 2", timeout_s=60)
    assert tasks(folder) == 2

    cards.first.get_by_role("slider").press("4")
    nb.wait_dom(2, "cell => cell.querySelector('.kie-kept').textContent.includes('★★★★')")
    assert cell.locator(".kie-kept video").count() == 2

    nb.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    cards.first.get_by_role("button", name=Card.INSERT_BELOW).click()
    nb.page.wait_for_function("() => document.querySelectorAll('.jp-Notebook .jp-CodeCell').length === 5")
    assert "--seed 10" in nb.cell(3).inner_text()
    cards.first.get_by_role("button", name=Card.COPY_AS_CELL).click()
    cards.first.get_by_text(Card.COPIED).wait_for()
    assert "--seed 10" in nb.page.evaluate("() => navigator.clipboard.readText()")

    address = cards.first.get_by_role("link", name=Card.DOWNLOAD).get_attribute("href")
    assert nb.page.request.get(nb.server.url(address)).status == 200
    found = Axe().run(nb.page, context=".kie-cards").response["violations"]
    assert found == [], [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found]


def test_an_unknown_outcome_is_settled_in_its_card(open_notebook, photograph):
    """What is known, what it may cost, and three ways out; sending again asks, and the new run stands below."""
    faults = [Fault(call="create", kind="lost_reply", times=1)]
    with Simulator(tiny=True, faults=faults, duration_s=lambda _body: 1.0) as simulator:
        load = f"%env KIE_BASE_URL={simulator.base_url}\n%load_ext kie_nb"
        nb = open_notebook(load, CELL.format(seed=13), "clip.show()")
        nb.run_cell(0)
        nb.run_cell(1)
        nb.run_cell(2)
        cell = nb.cell(2)
        cell.get_by_role("button", name=Card.FIND_TASK).click()
        cell.get_by_role("textbox", name=Card.TASK_ID).wait_for()
        assert Card.FREE_RISK in cell.inner_text()

        cell.get_by_role("button", name=Card.SEND_AGAIN_SIMULATED).click()
        cell.get_by_role("button", name=Card.YES).click()

        nb.wait_dom(
            2,
            "cell => cell.querySelectorAll('.kie-card')[1]?.querySelector('video')?.readyState >= 2",
            timeout_s=60,
        )
        assert cell.get_by_role("button", name=Card.WRITE_OFF).count() == 0
        assert len(simulator.tasks) == 2


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
    nb.wait_dom(1, DONE)
    nb.save()

    nb.reopen(kernel=True, in_new_page=False)
    nb.run_all()

    assert nb.text(2) == "fetched 10\n"
    assert nb.text(3) == "'the last cell'"
    nb.wait_dom(1, DONE)
    assert Card.ALREADY_YOURS in nb.cell(1).inner_text()
    assert_plays(nb, 1)
    assert tasks(folder) == 1
    assert ledger_runs(folder) == 1


def test_trouble_is_told_in_few_lines(open_notebook, folder, photograph):
    """An error cell is short and says what it cost; tables and a dry run fit the page; axe finds nothing in them."""
    manyruns.fill(folder / "kie-runs", 1, first=100_000, films=1)
    manyruns.fill(folder / "kie-runs", 1, first=100_001, films=1, state="unknown")
    nb = open_notebook(
        LOAD.format(speed=5),
        CELL.format(seed=11).replace("--duration 5", "--duration 7"),
        CELL.format(seed=11).replace("-o clip", "--dry-run"),
        "%kie status",
        "%kie help",
        "%kie runs",
    )
    nb.run_cell(0)
    nb.run_cell(1)
    nb.run_cell(2)
    nb.run_cell(3)
    nb.run_cell(4)
    nb.run_cell(5)

    shown = nb.cell(1).locator(".jp-OutputArea").inner_text()
    assert "charged: nothing" in shown
    assert len(shown.strip().splitlines()) <= 5
    assert "60 credits" in nb.text(2)
    assert "the simulator" in nb.cell(3).inner_text()
    pictures(nb, 3, "product-status")
    size = nb.page.viewport_size
    nb.page.set_viewport_size({"width": 900, "height": size["height"]})
    for number in (3, 4, 5):
        nb.wait_dom(
            number, "cell => cell.querySelector('.jp-OutputArea-output div:has(> table)').clientWidth > 0"
        )
        assert nb.cell(number).evaluate(OVERFLOW) <= 0
    assert "Outcome unknown" in nb.cell(5).inner_text()
    nb.page.set_viewport_size(size)
    assert Axe().run(nb.page, context=".jp-OutputArea-output").response["violations"] == []
    nb.screenshot("product-words")


def watch_card(nb, *, number=1, looks=60):
    """What the card says, several times while the task runs: its state and its clock."""
    seen = []
    for _ in range(looks):
        look = nb.cell(number).evaluate(
            """cell => ({
                state: cell.querySelector('[role=status]')?.innerText.trim() || '',
                elapsed: (cell.innerText.match(/(\\d+:\\d+) · /) || [])[1] || '',
                done: Boolean(cell.querySelector('.kie-card video')),
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
    seen = watch_video(nb.cell(number).locator("video:visible").first, seconds=0.5)
    assert seen["error"] is None, seen
    assert seen["readyState"] >= 2, seen
    assert seen["t1"] > seen["t0"], seen
    assert 4 < seen["duration"] < 6, seen


def assert_facts(shown):
    """What a reader of the notebook needs to make it again; ids and files fold away."""
    for details in shown.locator("details").all():
        details.evaluate("each => { each.open = true; }")
    text = " ".join(shown.inner_text().split())
    for fact in (
        "Done",
        Card.SIMULATED,
        "seed 7",
        "The cat looks up",
        "60 credits",
        "kie-runs/videos/",
        "chelsea.png",
    ):
        assert fact in text, (fact, text)


def assert_still(nb):
    """The cell below has stayed where it was."""
    tops = nb.page.evaluate("() => window.tops")
    assert tops, "the card was never seen"
    assert max(tops) - min(tops) <= SHIFT, tops


def pictures(nb, number, name):
    """The cell in light, dark, and on a narrow page."""
    if not nb.browser.is_watched:
        return
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
    command = ["-m", "nbconvert", "--to", "html", "notebook.ipynb"]
    kernelforks.run(command, cwd=folder, env=os.environ).check_returncode()
    page = chromium.page()
    try:
        page.goto((folder / "notebook.html").as_uri(), wait_until="domcontentloaded")
        page.wait_for_function("() => document.querySelector('video')?.readyState >= 2", timeout=30_000)
        seen = watch_video(page.locator("video"), seconds=0.5)
        assert seen["error"] is None, seen
        assert seen["t1"] > seen["t0"], seen
        assert_facts(page.locator("body"))
        chromium.picture("product-export", page)
    finally:
        page.close()
