"""The card of an experiment as a person meets it: live and finished, with trouble in it, large, by keyboard."""

import shutil
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

from kie_nb.simulator import Fault, Simulator

CAT = Path(__file__).parents[2] / "notebooks" / "images" / "chelsea.png"
LOAD = """%load_ext kie_nb
import os, kie_nb as kie
os.environ["KIE_BASE_URL"] = "{url}"
os.environ["KIE_NB_CREATES_PER_WINDOW"] = "{rate}"
kie.configure(wait=False)"""
GRID = """exp = kie.Experiment("smile", image="chelsea.png", prompt=["The {who} smiles", "The {who} yawns"],
                     who=["cat", "kitten", "tiger"], seed=range(%d))
exp.run(stop_after_failures=99, stop_after_unknowns=99)"""
SAID = "cell => cell.querySelector('[role=status]')"


@pytest.fixture
def service(folder):
    shutil.copy(CAT, folder / "chelsea.png")
    started = []

    def start(**options):
        started.append(
            Simulator(**{"tiny": True, "creates_per_window": 10_000, "credits": 1e6} | options).start()
        )
        return started[-1]

    yield start
    for simulator in started:
        simulator.stop()


def pictures(nb, chromium, name, number=1, *, is_audited=False):
    """Light and dark, wide and narrow."""
    if not nb.browser.is_watched:
        return
    try:
        for theme in ("light", "dark"):
            nb.set_theme(theme)
            for width in (1280, 900):
                nb.page.set_viewport_size({"width": width, "height": 1000})
                nb.page.wait_for_timeout(300)
                nb.screenshot(f"{name}-{theme}-{width}", cell=number)
            found = (
                Axe().run(nb.page, context=".jp-OutputArea-output").response["violations"]
                if is_audited
                else []
            )
            assert found == [], [
                (each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found
            ]
    finally:
        nb.set_theme("light")
        nb.page.set_viewport_size({"width": 1280, "height": 1000})


def test_a_grid_with_trouble_in_it(open_notebook, chromium, service):
    """It says which cells failed or are unknown; a screen reader hears of milestones, not of the clock."""
    faults = [
        Fault(call="task", kind="fail", match="tiger yawns", times=2),
        Fault(call="create", kind="lost_reply", match="kitten smiles", times=1),
    ]
    simulator = service(faults=faults, duration_s=lambda body: 6.0 + 6 * body["input"]["seed"])
    nb = open_notebook(LOAD.format(url=simulator.base_url, rate=10_000), GRID % 4)
    nb.run_cell(0)
    nb.run_cell(1)
    nb.wait_dom(
        1, "cell => /outcome unknown\\s+1/.test(cell.innerText) && /failed\\s+1/.test(cell.innerText)", 60
    )

    pictures(nb, chromium, "experiment-live", is_audited=True)
    heard = nb.page.evaluate(COUNT_CHANGES)
    assert heard["clock"] >= 3, heard
    assert heard["said"] <= 1, heard
    assert "some have an unknown outcome" in nb.page.evaluate(
        "() => document.querySelector('[role=status]').innerText"
    )

    nb.wait_dom(
        1,
        "cell => ![...cell.querySelectorAll('button')].some(b => b.innerText === 'Stop buying') && /done\\s+21 of 24/.test(cell.innerText)",
        90,
    )
    text = nb.cell(1).inner_text()
    assert "outcome unknown" in text
    assert "who=tiger" in text
    pictures(nb, chromium, "experiment-end")


# What changes in four seconds: the clock, and what is read out.
COUNT_CHANGES = """async () => {
  const text = find => (document.querySelector(find) || {innerText: ''}).innerText;
  const card = '.kie-nb-card', seen = {clock: new Set(), said: new Set()};
  for (let step = 0; step < 40; step++) {
    seen.clock.add(text(card)); seen.said.add(text('[role=status]'));
    await new Promise(done => setTimeout(done, 100));
  }
  return {clock: seen.clock.size, said: seen.said.size - 1};
}"""


def test_it_is_stopped_by_keyboard(open_notebook, chromium, service):
    """Tab reaches the button, Enter presses it; what was sent goes on, and the page says why it stopped."""
    simulator = service(duration_s=lambda _body: 3.0)
    nb = open_notebook(LOAD.format(url=simulator.base_url, rate=4), GRID % 4)
    nb.run_cell(0)
    nb.run_cell(1)
    button = nb.cell(1).get_by_role("button", name="Stop buying")
    button.wait_for()
    nb.wait_dom(1, "cell => /done\\s+[1-9]/.test(cell.innerText)", 60)

    button.focus()
    nb.page.wait_for_timeout(2500)  # ticks must not take the focus away
    assert button.evaluate("node => node === document.activeElement")
    nb.screenshot("experiment-focus", cell=1)
    nb.page.keyboard.press("Enter")

    nb.wait_dom(
        1,
        "cell => /stopped: by you/.test(cell.innerText)",
        60,
    )
    sent = len(simulator.tasks)
    assert sent < 24
    pictures(nb, chromium, "experiment-stopped")
    nb.page.wait_for_timeout(1500)
    assert len(simulator.tasks) == sent


def test_a_thousand_cells(open_notebook, chromium, service):
    """They stay one calm card, whose page answers while it changes."""
    simulator = service(duration_s=lambda _body: 2.0)
    nb = open_notebook(LOAD.format(url=simulator.base_url, rate=40), GRID % 167)
    nb.run_cell(0)
    nb.run_cell(1, timeout_s=60)
    nb.wait_dom(1, "cell => /done\\s+[1-9]\\d of 1002/.test(cell.innerText)", 90)

    pictures(nb, chromium, "experiment-thousand")
    gap = nb.page.evaluate(LONGEST_GAP)
    assert gap < 500, f"the page stood still for {gap} ms"
    nb.cell(1).get_by_role("button", name="Stop buying").click()
    nb.wait_dom(1, "cell => !/under way/.test(cell.innerText)", 60)


# The longest pause between two frames in three seconds of ticks.
LONGEST_GAP = """async () => {
  let last = performance.now(), longest = 0;
  const end = last + 3000;
  while (last < end) {
    const now = await new Promise(requestAnimationFrame);
    longest = Math.max(longest, now - last); last = now;
  }
  return longest;
}"""
