"""The panel as a person meets it: real JupyterLab, Notebook 7 and Voilà in a real Chromium, on the embedded simulator."""

import base64
import re
import shutil
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from labcounts import ledger_runs, ratings, tasks
from labdriver import watch_video, write_notebook
from playwright.sync_api import expect

ROOT = Path(__file__).parents[2]
PHOTOGRAPH = ROOT / "notebooks" / "images" / "chelsea.png"
OPEN = "%load_ext kie_nb\nimport kie_nb as kie\nkie.configure(simulator_speed={speed})\nkie.panel()"
PROMPT = "The cat looks up, takes a breath and smiles."
PLAYS = "cell => cell.querySelector('.kie-panel-media video')?.readyState >= 2"
LIVE = "cell => /\\d+:\\d\\d/.test(cell.querySelector('.kie-panel-told')?.innerText ?? '')"
FIRST = {
    "picture": ".kie-panel-picture", "prompt": ".kie-panel textarea >> nth=0", "button": ".kie-panel-go > .kie-primary",
    "price": ".kie-panel-below", "media": ".kie-panel-media video", "facts": ".kie-panel-told",
}  # fmt: skip
HAND_OVER = """([zone, bytes, name, kind]) => {
    const content = Uint8Array.from(atob(bytes), (char) => char.charCodeAt(0));
    const data = new DataTransfer();
    data.items.add(new File([content], name, { type: name.endsWith('.mp4') ? 'video/mp4' : 'image/png' }));
    const event = kind === 'paste'
        ? new ClipboardEvent('paste', { clipboardData: data, bubbles: true, cancelable: true })
        : new DragEvent('drop', { dataTransfer: data, bubbles: true, cancelable: true });
    zone.dispatchEvent(event);
    return event.defaultPrevented;
}"""


@pytest.fixture
def panel(open_notebook):
    """A notebook whose first cell shows the panel, and that cell."""

    def open_panel(*cells, speed=5):
        nb = open_notebook(OPEN.format(speed=speed), *cells)
        return show(nb)

    return open_panel


def show(nb):
    nb.run_cell(0)
    cell = nb.cell(0)
    cell.locator(".kie-panel").wait_for(timeout=20_000)
    cell.get_by_text("at Kie.ai 60 credits ($0.30)").wait_for(timeout=20_000)
    return nb, cell


def hand_over(cell, path, kind, target=".kie-panel-form"):
    """Drop or paste a file as a browser does."""
    content = base64.b64encode(path.read_bytes()).decode()
    handle = cell.locator(target).element_handle()
    assert cell.page.evaluate(HAND_OVER, [handle, content, path.name, kind])


def fill(cell, prompt=PROMPT, picture=PHOTOGRAPH):
    cell.locator("input[type=file]").set_input_files(picture)
    cell.get_by_label("Prompt", exact=True).fill(prompt)
    cell.get_by_text("451 × 300").wait_for()


def generate(cell):
    cell.get_by_role("button", name="Generate · free", exact=True).click()


def test_from_a_photograph_to_a_video_to_a_cell(panel, chromium, folder):
    """Fill, generate, a live state, a video that plays, its rating, its cell; running that shows the same run and spends nothing."""
    chromium.context.grant_permissions(["clipboard-read", "clipboard-write"])
    nb, cell = panel(speed=1)
    fill(cell)
    cell.get_by_text("44 of 800").wait_for()
    cell.get_by_text("451 × 300 · 237 kB").wait_for()

    generate(cell)
    nb.wait_dom(0, LIVE)
    nb.screenshot("panel-live")
    media = cell.locator(".kie-panel-media").bounding_box()
    nb.wait_dom(0, PLAYS, timeout_s=60)
    assert cell.locator(".kie-panel-media").bounding_box() == media  # its room was kept
    assert_plays(cell.locator(".kie-panel-media video"))
    expect(cell.get_by_label("Seed", exact=True)).to_have_value("")
    seed = cell.locator(".kie-panel-told .kie-mono").inner_text()
    assert_accessible(nb)
    play_and_rate_in_gallery(cell, folder)
    pictures(nb, "panel")

    result = cell.get_by_role("region", name="Result")
    result.get_by_role("button", name="Copy as cell").click()
    cell.get_by_text("The cell is copied").wait_for()
    copied = nb.page.evaluate("() => navigator.clipboard.readText()")
    assert copied.startswith("%%kie_wan --image kie-runs/inputs/chelsea-")
    assert copied.endswith(f"--seed {seed}\n{PROMPT}")
    result.get_by_role("button", name="Insert below").click()
    cell.get_by_text("The cell is inserted below").wait_for()
    nb.run_cell(1)
    nb.wait_dom(1, "cell => cell.querySelector('video')?.readyState >= 1")
    assert tasks(folder) == 1
    assert ledger_runs(folder) == 1
    assert not [line for line in nb.console if line.startswith("error")], nb.console


def test_all_that_one_video_needs_is_in_the_first_screen(panel, folder):
    """At 1280 x 800 with Lab's file browser open: form, price, button and the result beside them; then a variation at one press."""
    nb, cell = panel(speed=5)
    size = nb.page.viewport_size
    try:
        nb.page.set_viewport_size({"width": 1280, "height": 800})
        nb.page.evaluate(
            "() => document.querySelector('.jp-WindowedPanel-outer, .jp-Notebook').scrollTo(0, 0)"
        )
        fill(cell)
        generate(cell)
        nb.wait_dom(0, PLAYS, timeout_s=60)
        bottom = nb.page.locator(".jp-NotebookPanel-notebook").bounding_box()
        bottom = bottom["y"] + bottom["height"]
        boxes = {name: cell.locator(which).bounding_box() for name, which in FIRST.items()}
        for name, box in boxes.items():
            assert box["y"] + box["height"] <= bottom, (name, box, bottom)
        assert boxes["media"]["x"] > boxes["button"]["x"] + boxes["button"]["width"]
        assert boxes["media"]["height"] <= 0.6 * 800

        cell.get_by_role("button", name="Another seed · free").click()
        cell.locator(".kie-panel-film > button").nth(1).wait_for()
        nb.wait_dom(
            0, "cell => cell.querySelector('.kie-panel-film > button')?.ariaPressed === 'true'", timeout_s=60
        )
        nb.wait_dom(0, PLAYS)
        assert tasks(folder) == 2

        nb.page.set_viewport_size(
            {"width": 900, "height": 1000}
        )  # one column, the result right below the button
        nb.page.wait_for_timeout(300)
        boxes = {name: cell.locator(which).bounding_box() for name, which in FIRST.items()}
        assert 0 <= boxes["media"]["y"] - (boxes["button"]["y"] + boxes["button"]["height"]) < 80
    finally:
        nb.page.set_viewport_size(size)


def test_one_press_buys_once_and_what_the_page_shows(panel, folder):
    """A double click is one task; Enter is none; a press that overtakes the last letters while a cell runs sends them all."""
    nb, cell = panel("import time; time.sleep(4)")
    fill(cell, "T")
    for name in ("Seed", "Videos"):
        cell.locator(".kie-panel-form").get_by_label(name, exact=True).press("Enter")
    cell.get_by_label("Prompt", exact=True).press("Enter")
    nb.page.wait_for_timeout(500)
    assert tasks(folder) == 0

    nb.start_cell(1)
    cell.get_by_label("Prompt", exact=True).fill("")
    cell.get_by_label("Prompt", exact=True).press_sequentially(PROMPT)
    button = cell.locator(".kie-panel-go > .kie-primary")
    button.dblclick()
    button.click(force=True)
    nb.wait_cell(1)
    nb.wait_dom(0, PLAYS, timeout_s=60)

    assert nb.run_cell(nb.add_cell("[run.prompt for run in kie.runs()]")) == f"[{PROMPT!r}]"
    assert tasks(folder) == 1


def test_a_picture_by_drop_and_paste_and_a_video_for_its_settings(panel, folder):
    """Anywhere on the panel; one of our own MP4s fills the form; what is wrong is said at its field."""
    nb, cell = panel(
        "run = kie.generate('Waves roll in.', image='chelsea.png', seed=7, duration=10)\n"
        "run.wait(); kie.export('out', [run]).folder"
    )
    shutil.copy(PHOTOGRAPH, folder / "chelsea.png")
    generate(cell)
    expect(cell.get_by_label("Prompt", exact=True)).to_be_focused()
    assert cell.locator(".kie-error:visible").count() == 2  # of prompt and picture, each once
    cell.get_by_label("Seed", exact=True).fill("many")
    cell.get_by_text("seed='many'").wait_for()
    nb.screenshot("panel-wrong")

    hand_over(cell, PHOTOGRAPH, "drop")
    cell.get_by_text("451 × 300").wait_for()
    cell.get_by_role("button", name="Remove").click()
    cell.get_by_text("Drop a picture, paste it").wait_for()
    hand_over(
        cell, ROOT / "notebooks" / "images" / "coffee.png", "paste", target=".kie-panel textarea >> nth=0"
    )
    cell.get_by_text("coffee.png").first.wait_for()
    cell.get_by_role("button", name="Remove").click()
    cell.get_by_label("Image", exact=True).fill("chelsae.png")
    cell.get_by_label("Image", exact=True).press("Tab")
    cell.get_by_role("button", name="Use chelsea.png").click()
    cell.get_by_text("451 × 300").wait_for()

    nb.run_cell(1)
    (video,) = (folder / "out").rglob("*.mp4")
    hand_over(cell, video, "drop")
    cell.get_by_text("The form is filled").wait_for()
    expect(cell.get_by_label("Prompt", exact=True)).to_have_value("Waves roll in.")
    expect(cell.get_by_label("Seed", exact=True)).to_have_value("7")
    cell.get_by_text("Already yours: the same picture, settings and seed.").wait_for()
    cell.get_by_role("button", name="Show · no charge").click()
    cell.get_by_text("Already yours · no charge").first.wait_for()
    assert tasks(folder) == 1

    cell.locator(".kie-panel-fold summary").click()
    cell.locator(".kie-panel-form").get_by_label("Model", exact=True).select_option(label="Seedance 2")
    references = cell.get_by_role("textbox", name="References", exact=True)
    references.wait_for()
    for kind, name in (("drop", "coffee.png"), ("paste", "chelsea.png")):  # on a field: for that field
        hand_over(cell, PHOTOGRAPH.with_name(name), kind, target=".kie-panel-fold textarea >> nth=0")
        expect(references).to_have_value(re.compile(f"{name}$"))
    expect(references).to_have_value("coffee.png\nchelsea.png")


def test_a_reload_in_mid_run(panel, folder):
    """F5 while the task runs: form, queue and message line are there, live, and the video comes."""
    nb, cell = panel(speed=0.3)
    fill(cell)
    generate(cell)
    nb.wait_dom(0, LIVE)
    nb.save()

    nb.reload()

    cell = nb.cell(0)
    cell.locator(".kie-panel").wait_for(timeout=20_000)
    expect(cell.get_by_label("Prompt", exact=True)).to_have_value(PROMPT)
    cell.get_by_text("451 × 300").wait_for()
    nb.wait_dom(0, "cell => cell.querySelector('.kie-panel-still')?.naturalWidth > 0")
    nb.wait_dom(0, LIVE)
    nb.wait_dom(0, PLAYS, timeout_s=60)
    assert tasks(folder) == 1


def test_a_notebook_that_is_opened_anew(panel):
    """In the place of the panel it says what to do; that cell run again is the panel."""
    nb, cell = panel()
    nb.save()

    nb.reopen(kernel=True, in_new_page=False)

    nb.wait_dom(0, "cell => cell.innerText.includes('Run this cell to use the panel')")
    nb.page.wait_for_timeout(1000)  # Lab looks for its widget
    assert "model not found" not in nb.cell(0).inner_text()
    _, cell = show(nb)
    assert "Run this cell to use the panel" not in cell.inner_text()


def test_with_the_keyboard_alone(panel, folder):
    """From the picture to Generate by Tab, through what folds away; the focus is seen, nothing traps it."""
    nb, cell = panel()
    fill(cell)
    cell.get_by_role("button", name="Choose another file").focus()
    seen = []
    for _ in range(20):
        seen.append(
            nb.page.evaluate(
                "() => (document.activeElement.labels?.[0] ?? document.activeElement).innerText.trim()"
            )
        )
        if seen[-1].startswith("Generate"):
            break
        if seen[-1].startswith("Advanced"):
            nb.page.keyboard.press("Enter")
        nb.page.keyboard.press("Tab")
    nb.screenshot("panel-focus", cell=0)
    nb.page.keyboard.press("Space")
    nb.wait_dom(0, PLAYS, timeout_s=60)

    order = ["Change", "Prompt", "Duration", "Resolution", "Videos", "Seed", "Lock", "Model"]
    order += ["Negative prompt", "Prompt expansion", "NSFW checker", "Generate · free"]
    assert [name for name in seen if name in order] == order
    assert tasks(folder) == 1


@pytest.fixture(scope="module")
def made(start_server, chromium):
    """By "lab" or "notebook": the folder of a notebook on a server as it is started, and its page, whose panel has made a video."""
    chromium.context.grant_permissions(["clipboard-read", "clipboard-write"])
    server = start_server("notebook", expose=False)
    pages = {}

    def make(kind):
        if kind not in pages:
            path = write_notebook(server.root / kind / "panel.ipynb", OPEN.format(speed=5), "'the last cell'")
            pages[kind] = path.parent, chromium.page()
            make_a_video(pages[kind][1], server.notebook_url(f"{kind}/{path.name}", kind))
        return pages[kind]

    yield make
    for _, page in pages.values():
        page.close()


def make_a_video(page, url):
    """With the panel of the notebook there, and nothing but what is on the page."""
    page.goto(url)
    panel = page.locator(".kie-panel")
    # Before its kernel is there, Lab drops what is run, or asks for one; nothing on the page says when it is there.
    for _ in range(20):
        page.keyboard.press("Escape")
        page.locator(".jp-Notebook .jp-CodeCell .cm-content").first.click(timeout=60_000)
        page.keyboard.press("Shift+Enter")
        page.wait_for_timeout(3000)
        if panel.count():
            break
    fill(panel)
    generate(panel)
    panel.locator(".kie-panel-media video").wait_for(timeout=60_000)
    assert not page.evaluate("() => 'jupyterapp' in window")


def test_in_notebook_7(made, chromium):
    """The same panel, from the form to the rating in the gallery, and its cell shows the same run."""
    folder, page = made("notebook")
    panel, cells = page.locator(".kie-panel"), page.locator(".jp-Notebook .jp-CodeCell")
    assert_plays(panel.locator(".kie-panel-media video"))
    play_and_rate_in_gallery(panel, folder)
    chromium.picture("panel-notebook", page)

    panel.get_by_role("region", name="Result").get_by_role("button", name="Copy as cell").click()
    panel.get_by_text("The cell is copied").wait_for()
    last = cells.count()
    cells.last.locator(".cm-content").click()
    for key in ("Escape", "b", "Enter"):
        page.keyboard.press(key)
    expect(cells).to_have_count(last + 1)
    page.keyboard.insert_text(page.evaluate("() => navigator.clipboard.readText()"))
    page.keyboard.press("Shift+Enter")
    expect(cells.nth(last).locator("video:visible").first).to_have_js_property(
        "readyState", 4, timeout=30_000
    )
    assert tasks(folder) == ledger_runs(folder) == 1


@pytest.mark.parametrize("kind", ["lab", "notebook"])
def test_insert_below_on_a_server_as_it_is_started(made, chromium, kind):
    """Nothing has to be set for it: the cell stands under the panel, and above what was there."""
    _, page = made(kind)
    panel, cells = page.locator(".kie-panel"), page.locator(".jp-Notebook .jp-CodeCell")
    count = cells.count()

    panel.get_by_role("region", name="Result").get_by_role("button", name="Insert below").click()

    panel.get_by_text("The cell is inserted below").wait_for()
    cells.nth(1).get_by_text("%%kie_wan --image kie-runs/inputs/").wait_for()
    assert cells.count() == count + 1
    assert "the last cell" in cells.nth(2).inner_text()
    chromium.picture(f"panel-insert-{kind}", page)


def test_in_voila(start_server, chromium):
    """Form and gallery where there are no cells."""
    server = start_server("voila")
    name = write_notebook(server.root / "panel.ipynb", OPEN.format(speed=5))
    page = chromium.page()
    try:
        page.goto(server.notebook_url(name.name))
        panel = page.locator(".kie-panel")
        panel.wait_for(timeout=30_000)
        fill(panel)
        generate(panel)
        panel.locator(".kie-panel-media video").wait_for(timeout=60_000)
        assert_plays(panel.locator(".kie-panel-media video"))
        play_and_rate_in_gallery(panel, server.root)
        chromium.picture("panel-voila", page)
        assert tasks(server.root) == 1
    finally:
        page.close()


def play_and_rate_in_gallery(panel, folder):
    """The new video is the gallery's first tile, plays under the pointer, and a key gives it four stars."""
    tile = panel.locator(".kg-tile").first
    tile.locator("img").wait_for(timeout=30_000)
    tile.locator(".kg-media").hover()
    tile.locator("video").wait_for(timeout=30_000)
    assert_plays(tile.locator("video"))
    tile.focus()
    panel.page.keyboard.press("4")
    for _ in range(100):
        if ratings(folder) == [4]:
            break
        panel.page.wait_for_timeout(100)
    assert ratings(folder) == [4]


def assert_plays(video):
    seen = watch_video(video, seconds=0.5)
    assert seen["error"] is None, seen
    assert seen["t1"] > seen["t0"], seen


def assert_accessible(nb):
    """axe-core finds nothing in the panel, in light and in dark."""
    for theme in ("dark", "light"):
        nb.set_theme(theme)
        found = Axe().run(nb.page, context=".kie-panel").response["violations"]
        assert found == [], [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found]


def pictures(nb, name):
    """The panel whole, in light and dark, and at 900 pixels."""
    if not nb.browser.is_watched:
        return
    size = nb.page.viewport_size
    for theme in ("dark", "light"):
        nb.set_theme(theme)
        nb.page.wait_for_function("() => !document.getElementById('jupyterlab-splash')")
        nb.page.set_viewport_size({"width": size["width"], "height": 2200})
        nb.page.wait_for_timeout(300)
        nb.screenshot(f"{name}-{theme}", cell=0)
    nb.page.set_viewport_size({"width": 900, "height": 2400})
    nb.page.wait_for_timeout(300)
    nb.screenshot(f"{name}-900", cell=0)
    nb.page.set_viewport_size(size)
