"""The gallery in a real JupyterLab: what is seen, played, found, rated and chosen."""

import contextlib
import sqlite3
from operator import sub

import manyruns
import pytest
from axe_playwright_python.sync_playwright import Axe
from labdriver import Notebook, watch_video, write_notebook

MAKE = """
import kie_nb
from kie_nb.notebook.gallery import Gallery
said, used = [], []
gallery = Gallery(used.append, said.append, lambda run: used.append(("with its seed", run.seed)))
gallery.box
"""
SEEN = "cell => [...cell.querySelectorAll('.kg-tile img')].filter(img => img.naturalWidth > 0).length === 24"
LISTEN = """
cell => {
    window.said = "";
    const note = () => { window.said += cell.querySelector(".widget-html [role=status]")?.innerText || ""; };
    new MutationObserver(note).observe(cell, { subtree: true, childList: true, characterData: true });
}
"""
RUNS = 60
STORMS = sum("storm" in manyruns.prompt_of(number) for number in range(RUNS))
OF_STORMS = sum(number % 50 == 7 for number in range(RUNS))  # by the name of their experiment alone


@pytest.fixture(scope="module")
def house(lab):
    """The folder of the tests' notebook, with `RUNS` finished runs."""
    folder = lab.root / "gallery"
    folder.mkdir()
    manyruns.fill(folder / "kie-runs", RUNS)
    write_notebook(folder / "gallery.ipynb", MAKE, "print(said, used)", "import time; time.sleep(60)")
    return folder


@pytest.fixture(scope="module")
def notebook(chromium, lab, house):
    """One notebook for all tests: opening takes longer than any of them."""
    chromium.context.grant_permissions(["clipboard-read", "clipboard-write"])
    opened = Notebook(chromium, lab, "gallery/gallery.ipynb").open()
    yield opened
    opened.shutdown_kernel()
    opened.close()


@pytest.fixture
def nb(notebook):
    """The notebook with a new gallery in its first cell, all posters seen; nothing may have gone wrong at the end."""
    notebook.run_cell(0)
    notebook.wait_dom(0, SEEN)
    yield notebook
    assert notebook.run_cell(1).startswith("[] ")


def tiles(nb):
    return nb.cell(0).locator(".kg-tile")


def says(nb, text):
    nb.wait_dom(0, f"cell => cell.querySelector('.kg-status')?.innerText.startsWith({text!r})")


def ask_ledger(house, question):
    with contextlib.closing(sqlite3.connect(house / "kie-runs" / "ledger.sqlite")) as ledger:
        return ledger.execute(question).fetchall()


def until(nb, condition):
    for _ in range(100):
        if condition():
            return True
        nb.page.wait_for_timeout(100)
    return False


def test_a_preview_plays_under_the_pointer(nb):
    """The newest runs stand first; a pointer on one plays it, muted, from bytes that came for it; leaving it ends that."""
    assert tiles(nb).count() == 24
    assert "take 59" in tiles(nb).first.inner_text()
    tiles(nb).first.locator(".kg-media").hover()
    nb.wait_dom(0, "cell => cell.querySelector('.kg-tile video')?.readyState >= 2")
    seen = watch_video(tiles(nb).first.locator("video"), seconds=0.3)
    assert seen["error"] is None
    assert seen["t1"] > seen["t0"]
    assert seen["src"].startswith("blob:")

    tiles(nb).nth(1).locator(".kg-media").hover()

    nb.wait_dom(0, "cell => !cell.querySelector('.kg-tile').querySelector('video')")


def test_a_simulated_run_says_so_beside_its_picture(nb):
    """Once, where a cost would stand; nothing of ours covers what is burnt into the film."""
    tile = tiles(nb).first
    mark, media = tile.get_by_text("simulated"), tile.locator(".kg-media")

    assert mark.count() == 1
    below = media.bounding_box()["y"] + media.bounding_box()["height"]
    assert mark.bounding_box()["y"] >= below
    assert tile.get_by_label("Select").bounding_box()["y"] >= below


def test_tiles_have_the_shape_of_their_pictures(nb):
    """All in a row are alike, and a long prompt or path stretches none of them."""
    boxes = [tiles(nb).nth(number).locator(".kg-media").bounding_box() for number in range(3)]
    assert all(box["width"] / box["height"] == pytest.approx(320 / 180, rel=0.02) for box in boxes)
    assert len({round(tiles(nb).nth(number).bounding_box()["height"]) for number in range(3)}) == 1
    assert nb.cell(0).evaluate("cell => cell.querySelector('.kie-gallery').scrollWidth <= cell.clientWidth")


def test_a_click_shows_a_video_large(nb, house):
    """With sound and controls, in place of the tiles; arrows lead on, over the end of the page too; Escape leads back to the tile."""
    tiles(nb).nth(22).locator(".kg-media").click()
    playing = "cell => cell.querySelector('.kg-stage video[controls]')?.readyState >= 2"
    nb.wait_dom(0, playing)
    stage = nb.cell(0).locator(".kg-stage")
    assert stage.locator("video").bounding_box()["width"] > 400
    assert tiles(nb).locator("visible=true").count() == 0
    assert "23 of 60" in stage.inner_text()

    nb.page.keyboard.press("ArrowRight")
    nb.wait_dom(0, "cell => cell.querySelector('.kg-stage').innerText.includes('24 of 60')")
    nb.page.keyboard.press("ArrowRight")
    nb.wait_dom(0, "cell => cell.querySelector('.kg-stage').innerText.includes('25 of 60')")
    nb.wait_dom(0, playing)
    assert "take 35" in stage.inner_text()
    nb.page.keyboard.press("2")
    assert until(nb, lambda: ask_ledger(house, "select rating from run where seed = 35") == [(2,)])
    nb.page.keyboard.press("0")
    assert until(nb, lambda: ask_ledger(house, "select rating from run where seed = 35") == [(None,)])

    nb.page.keyboard.press("Escape")
    nb.wait_dom(0, "cell => document.activeElement === cell.querySelector('.kg-tile')")
    assert stage.locator("video").count() == 0  # the tile, which has the focus, may play its own by now


def test_a_file_is_downloaded_whole(nb, house):
    """The file itself, by way of the kernel, under its own name; and it plays in place of its preview."""
    with nb.page.expect_download() as started:
        tiles(nb).nth(4).get_by_role("button", name="Download").click()
    whole = (house / "kie-runs" / "videos" / "film-1.mp4").read_bytes()
    assert started.value.suggested_filename == "film-1.mp4"
    assert started.value.path().read_bytes() == whole

    tiles(nb).nth(4).get_by_role("button", name="Open").click()
    nb.wait_dom(0, "cell => cell.querySelector('.kg-stage video')?.readyState >= 2")
    preview = nb.cell(0).locator("video").get_attribute("src")
    nb.cell(0).get_by_role("button", name="Full quality").click()
    says(nb, "The file itself plays.")
    assert nb.cell(0).locator("video").get_attribute("src") != preview


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_can_be_used_by_everybody(nb, theme):
    """axe finds nothing, in the tiles and in one of them large."""
    nb.set_theme(theme)
    try:
        assert Axe().run(nb.page, context=".kie-gallery").response["violations"] == []
        tiles(nb).first.focus()
        nb.page.keyboard.press("Enter")
        assert Axe().run(nb.page, context=".kie-gallery").response["violations"] == []
        nb.screenshot(f"gallery-{theme}", cell=0)
    finally:
        nb.set_theme("light")


def test_less_motion_waits_for_a_click(nb):
    """Who asks for less motion sees a video move only when they say so, by the mouse or by Enter."""
    nb.page.emulate_media(reduced_motion="reduce")
    try:
        tiles(nb).nth(2).locator(".kg-media").hover()
        tiles(nb).nth(2).focus()
        nb.page.wait_for_timeout(600)
        assert nb.cell(0).locator("video").count() == 0

        nb.page.keyboard.press("Enter")

        nb.wait_dom(0, "cell => cell.querySelector('video[controls]')?.currentTime > 0")
    finally:
        nb.page.emulate_media(reduced_motion="null")


def test_typing_searches_and_the_way_back_is_one_click(nb):
    """Words are looked for as they are typed, and the answer is of the last letter."""
    nb.cell(0).get_by_label("Search prompts").press_sequentially("in a storm", delay=40)

    says(nb, f"{STORMS} videos")
    assert all("in a storm" in text for text in tiles(nb).all_inner_texts())
    nb.cell(0).get_by_label("Search prompts").fill("no such thing")
    says(nb, "No video matches.")
    nb.cell(0).get_by_role("button", name="Show all").click()
    says(nb, f"{RUNS} videos, page 1 of 3")


def test_sorted_filtered_and_turned_to_the_next_page(nb):
    """Orders, filters and pages are the ledger's; a reload comes back to them."""
    nb.cell(0).get_by_label("Order").select_option("oldest")
    nb.wait_dom(0, "cell => cell.querySelector('.kg-tile')?.innerText.includes('take 0')")
    nb.cell(0).get_by_role("button", name="Filters").click()
    nb.cell(0).get_by_label("Model").select_option(manyruns.MODELS[1])
    says(nb, "30 videos, page 1 of 2")
    nb.cell(0).get_by_role("button", name="Next").click()
    says(nb, "30 videos, page 2 of 2")
    assert "take 49" in tiles(nb).first.inner_text()
    nb.save()

    nb.reload()

    says(nb, "30 videos, page 2 of 2")
    assert "take 49" in tiles(nb).first.inner_text()
    assert nb.cell(0).get_by_label("Model").input_value() == manyruns.MODELS[1]
    nb.wait_dom(0, "cell => cell.querySelector('.kg-tile img')?.naturalWidth > 0")


def test_a_key_rates_and_lab_does_not_hear_it(nb, house):
    """Digits are stars in here and headings in Lab, `dd` deletes cells there: what is pressed here stays here."""
    tiles(nb).first.focus()
    nb.page.keyboard.press("ArrowRight")
    kinds = "return P.content.widgets.map(w => w.model.type);"
    before = nb._run(kinds)
    for key in ("4", "d", "d", "m"):
        nb.page.keyboard.press(key)

    assert until(nb, lambda: ask_ledger(house, "select rating from run where seed = 58") == [(4,)])
    nb.page.keyboard.press("0")
    assert until(nb, lambda: ask_ledger(house, "select rating from run where seed = 58") == [(None,)])
    assert nb._run(kinds) == before

    nb.page.keyboard.press("PageDown")
    says(nb, f"{RUNS} videos, page 2 of 3")
    nb.wait_dom(0, "cell => document.activeElement === cell.querySelector('.kg-tile')")


def test_a_tag_is_added_and_taken_away(nb, house):
    """In place, and in the ledger; what was typed is a text, whatever it looks like."""
    tiles(nb).nth(2).get_by_role("button", name="Open").click()
    stage = nb.cell(0).locator(".kg-stage")
    stage.get_by_role("button", name="+ tag").click()
    nb.page.keyboard.type("<b>keep</b>, calm")
    nb.page.keyboard.press("Enter")

    stage.get_by_text("<b>keep</b>").wait_for()
    question = "select tags from run where seed = 57"
    assert until(nb, lambda: ask_ledger(house, question)[0][0].endswith('"<b>keep</b>", "calm"]'))
    stage.get_by_role("button", name="Remove tag <b>keep</b>").click()
    assert until(nb, lambda: ask_ledger(house, question)[0][0] == '["calm"]')


def test_several_are_tagged_and_exported(nb, house):
    """By one word for all of them; Enter in its field presses nothing else."""
    for number in (0, 1):
        tiles(nb).nth(number).get_by_label("Select").click()
    nb.cell(0).get_by_role("button", name="Tag…").click()
    nb.page.keyboard.type("for the talk")
    nb.page.keyboard.press("Enter")
    tagged = """select count(*) from run where seed in (58, 59) and tags like '%for the talk%'"""
    assert until(nb, lambda: ask_ledger(house, tagged) == [(2,)])

    nb.cell(0).get_by_role("button", name="Export…").click()
    nb.page.keyboard.press("Enter")
    nb.wait_dom(0, "cell => cell.innerText.includes('2 runs in export')")
    assert (house / "export" / "index.html").is_file()
    assert "SSIM" not in nb.cell(0).inner_text()


def test_two_galleries_ask_for_themselves(nb):
    """Each has its own question, on one page and in one kernel."""
    second = nb.add_cell("other = Gallery(print, print)\nother.box")
    nb.run_cell(second)
    nb.wait_dom(second, SEEN)
    nb.cell(second).get_by_label("Search prompts").fill("storm")

    nb.wait_dom(
        second,
        f"cell => cell.querySelector('.kg-status').innerText.startsWith('{STORMS + OF_STORMS} videos')",
    )
    says(nb, f"{RUNS} videos")


def test_two_are_chosen_and_compared(nb):
    """Under the tiles, in the widget; it can be closed again."""
    tiles(nb).nth(0).get_by_label("Select").click()
    tiles(nb).nth(1).focus()
    nb.page.keyboard.press(" ")
    nb.cell(0).evaluate(LISTEN)
    nb.cell(0).get_by_role("button", name="Compare").click()

    nb.wait_dom(0, "cell => window.said.includes('Measuring')")
    nb.wait_dom(0, "cell => cell.querySelectorAll('.kie-wall[data-mode=sides] .kw-on').length === 2")
    nb.wait_dom(0, "cell => /(Similar|Different|The same) shot/.test(cell.innerText)")
    nb.cell(0).get_by_text("Numbers").click()
    nb.wait_dom(0, "cell => /SSIM\\s+[01]\\.\\d{4}/.test(cell.innerText)")
    assert Axe().run(nb.page, context=".kie-wall").response["violations"] == []
    nb.cell(0).get_by_role("button", name="Close").click()
    nb.wait_dom(0, "cell => !cell.innerText.includes('SSIM')")


def test_a_range_is_shown_as_a_wall(nb):
    """Shift chooses all between two, and they play side by side."""
    tiles(nb).nth(0).get_by_label("Select").click()
    tiles(nb).nth(2).get_by_label("Select").click(modifiers=["Shift"])
    nb.cell(0).get_by_text("3 selected").first.wait_for()
    nb.cell(0).get_by_role("button", name="Wall").click()

    nb.wait_dom(0, "cell => cell.innerText.includes('Wall of 3 videos')")
    nb.wait_dom(
        0,
        "cell => [...cell.querySelectorAll('video')].filter(v => v.readyState >= 2).length === 3",
    )


def test_looking_below_leaves_nothing_on_the_page(nb):
    """However often a wall is asked for; in the end no listener of it is left on the window. (Of keys a wall has one of its own.)"""
    devtools = nb.page.context.new_cdp_session(nb.page)
    before = listeners(devtools)
    for number in (0, 1):
        tiles(nb).nth(number).get_by_label("Select").click()
    for _ in range(3):
        nb.cell(0).get_by_role("button", name="Wall").click()
        nb.wait_dom(0, "cell => [...cell.querySelectorAll('video')].some(v => v.readyState >= 2)")
        assert max(map(sub, listeners(devtools), before)) <= 1

    assert until(nb, lambda: listeners(devtools) == before)
    devtools.detach()


def listeners(devtools):
    kinds = "['wheel', 'pointerdown'].map((kind) => (getEventListeners(window)[kind] || []).length)"
    asked = {"expression": kinds, "includeCommandLineAPI": True, "returnByValue": True}
    return devtools.send("Runtime.evaluate", asked)["result"]["value"]


def test_a_copied_cell_shows_the_run_and_spends_nothing(nb, house):
    """The clipboard holds the very cell; where the browser refuses, it stands there selected."""
    tiles(nb).nth(1).get_by_role("button", name="Open").click()
    stage = nb.cell(0).locator(".kg-stage")
    stage.get_by_role("button", name="Copy as cell").click()
    stage.get_by_text("Copied").wait_for()
    text = nb.page.evaluate("navigator.clipboard.readText()")
    assert text.startswith("%%kie_wan ")
    assert "--seed 58" in text
    nb.run_cell(nb.add_cell("%load_ext kie_nb"))
    shown = nb.add_cell(text)
    nb.run_cell(shown)
    nb.wait_dom(shown, "cell => cell.querySelector('video')?.readyState >= 2")
    assert ask_ledger(house, "select count(*) from run") == [(RUNS,)]

    nb.page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('no')); }")
    stage.get_by_role("button", name="Next video").click()
    stage.get_by_role("button", name="Copy as cell").click()
    nb.wait_dom(0, "cell => document.activeElement?.value?.startsWith('%%kie_wan')")
    assert nb.page.evaluate("getSelection().toString()").startswith("%%kie_wan")
    nb.page.evaluate("() => { delete navigator.clipboard.writeText; }")  # the page goes on to other tests


def test_settings_are_handed_over(nb):
    """Whoever made the gallery gets the run itself, for a new seed or for its own."""
    tiles(nb).nth(4).get_by_role("button", name="Reuse settings").click()
    assert until(nb, lambda: "seed=55" in nb.run_cell(1))

    tiles(nb).nth(5).get_by_role("button", name="Reuse with seed").click()
    assert until(nb, lambda: "('with its seed', 54)" in nb.run_cell(1))


def test_a_new_video_appears_while_a_cell_runs(nb, house):
    """The kernel pushes it: the browser's own question would wait for the end of the cell."""
    nb._run("void P.sessionContext.session.kernel.requestExecute({code: arg});", PUSH)
    manyruns.fill(house / "kie-runs", 1, first=RUNS)

    nb.wait_dom(0, "cell => cell.querySelector('.kg-tile')?.innerText.includes('take 60')")
    nb.wait_dom(0, "cell => cell.querySelector('.kg-tile img')?.naturalWidth > 0")

    nb.cell(0).get_by_role("button", name="Next").click()
    says(nb, "The kernel has not answered yet")
    nb.interrupt()
    says(nb, f"{RUNS + 1} videos, page 2 of 3")
    nb.wait_idle()


PUSH = """
import threading, time
def push():
    for _ in range(60):
        time.sleep(1)
        gallery.refresh()
threading.Thread(target=push, daemon=True).start()
time.sleep(300)
"""


def test_a_file_that_is_gone_is_said_on_its_tile(nb, house):
    """With what to do about it; the poster and the words stay."""
    video = house / "kie-runs" / "videos" / "film-5.mp4"
    hidden = video.rename(video.with_suffix(".away"))
    try:
        nb.run_cell(0)
        nb.wait_dom(0, SEEN)
        assert "%kie doctor" in tiles(nb).filter(has_text="take 59").inner_text()
        assert "%kie doctor" not in tiles(nb).filter(has_text="take 58").inner_text()
    finally:
        hidden.rename(video)
