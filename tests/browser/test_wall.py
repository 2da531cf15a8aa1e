"""The video wall in a real Chromium: a saved page opened from disk, the widget in JupyterLab, and the notebook exported to HTML."""

import json
import os
import shutil
from pathlib import Path

import kernelforks
import pytest
from axe_playwright_python.sync_playwright import Axe
from labdriver import Notebook, write_notebook
from wallpage import DRIFT, PIXELS, READY, difference, figures, frames_after, pictures_of_a_play
from wallstudio import DEFINE, SECONDS, make_studio

from kie_nb.experiment.wall_page import asset, script, style
from kie_nb.simulator import Simulator

ROOT = Path(__file__).parents[2]
FRAME_MS = 1000 / 30
VIDEOS, FPS = 9, 24
PLAYS = 3  # a machine that is busy with other tests may stutter through one of them
RATES = (
    1,
    1,
    0.5,
    0.25,
)  # or show so few pictures that no number is near another: it gets more time for each
STUDIO = "wall-studio"
ALL_IN_VIEW = {"width": 1280, "height": 1500}  # what is not looked at loads nothing


@pytest.fixture(scope="module")
def simulator():
    with Simulator(tiny=True, speed=50.0, creates_per_window=10_000) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def studio(lab, simulator, tmp_path_factory):
    """A folder that the Lab server can see, with nine videos and their pages."""
    folder = lab.root / STUDIO
    folder.mkdir()
    shutil.copy(ROOT / "notebooks" / "images" / "chelsea.png", folder / "chelsea.png")
    make_studio(folder, simulator.base_url, tmp_path_factory.mktemp("state"))
    return folder


@pytest.fixture(scope="module")
def opened(chromium, studio):
    """The saved page, opened from disk once for all tests that only look at it."""
    page = chromium.page()
    page.on("dialog", lambda dialog: dialog.dismiss())
    page.goto((studio / "wall.html").as_uri())
    page.wait_for_function(READY, arg=VIDEOS)
    yield page
    page.close()


@pytest.fixture
def page(opened):
    """The page as it was when it came: the whole wall, paused at the first frame."""
    opened.keyboard.press("Escape")
    opened.evaluate("() => document.querySelector('.kie-wall').player.seek(0)")
    settle(opened)
    opened.locator(".kw-tile").first.focus()
    return opened


def settle(page):
    page.evaluate("() => document.querySelector('.kie-wall').player.settled()")


def keeps_step(play):
    """Whether all went well in one play of the wall."""
    # That a frame waits for the screen, and how long, is the machine's doing, and the same for all of them.
    most_late = play["paces"]["p95"] + FRAME_MS
    return (
        play["drift"]["p95"] < FRAME_MS and play["off"]["p95"] < FRAME_MS and play["late"]["p95"] < most_late
    )


def test_nine_videos_play_in_lock_step(page, artifacts):
    """They drift less than one frame (at 30 a second) from each other and from the wall's clock, 95 of 100 times that they are looked at.

    That a halted wall is exact is seen anywhere.
    """
    measured = []
    for _ in range(PLAYS):
        found = page.evaluate(DRIFT, SECONDS - 0.6)
        assert found["videos"] == VIDEOS
        measured.append({name: figures(found[name]) for name in ("drift", "off", "late", "paces")})
        if keeps_step(measured[-1]):
            break
    print("drift in ms:", *measured, sep="\n  ")
    artifacts.mkdir(parents=True, exist_ok=True)
    (artifacts / "wall-drift.json").write_text(json.dumps(measured, indent=1))

    assert keeps_step(measured[-1]), measured
    page.evaluate("() => document.querySelector('.kie-wall').player.seek(0)")
    settle(page)  # else the last frame of the play may be the next that is presented
    assert frames_after(page, frame=50) == ([50] * VIDEOS, 50)
    assert frames_after(page, key=".") == ([51] * VIDEOS, 51)


def test_what_the_screen_shows_of_a_play(chromium, studio, artifacts):
    """Read off its pictures: in nearly all, no two of nine videos are more than one of their frames apart, and the wall goes on."""
    page = chromium.page()
    measured = []
    try:
        page.goto((studio / "numbered.html").as_uri())
        page.wait_for_function(READY, arg=VIDEOS)
        for rate in RATES:
            pictures = pictures_of_a_play(page, SECONDS - 0.8, rate)
            spreads = [max(frames) - min(frames) for frames in pictures]
            near = sum(spread <= 1 for spread in spreads) / len(spreads)
            seen = len({frames[0] for frames in pictures})
            measured.append(
                {"rate": rate, "pictures": len(pictures), "same": spreads.count(0) / len(spreads)}
                | {"near": near, "frames": seen}
            )
            if near > 0.9 and seen > FPS / 2:
                break
    finally:
        page.close()
    print("what was seen:", *measured, sep="\n  ")
    artifacts.mkdir(parents=True, exist_ok=True)
    (artifacts / "wall-seen.json").write_text(json.dumps(measured, indent=1))

    assert near > 0.9, measured
    assert seen > FPS / 2, measured  # it has played, and the numbers are read off it
    assert [frames[0] for frames in pictures] == sorted(frames[0] for frames in pictures)


def test_stills_that_come_ahead_are_kept_and_let_go(chromium):
    """A still comes before its video and again with it: one address of it is made, and none is left when the last view is gone."""
    page = chromium.page()
    try:
        page.clock.install()
        found = page.evaluate(STILLS, asset("media.js"))
        page.clock.fast_forward(11_000)
        assert found == {"shown": [["blob", ""], ["blob", ""], ["blob", "blob"]], "stills": 1, "made": 2}
        assert page.evaluate("() => window.there.size") == 0
    finally:
        page.close()


# A model as a front end hands it over, and what the kernel sends: twice a still, then the video with it.
STILLS = """(source) => {
    const there = (window.there = new Set());
    let made = 0;
    const [make, revoke] = [URL.createObjectURL, URL.revokeObjectURL];
    URL.createObjectURL = (blob) => { const url = make.call(URL, blob); there.add(url); made += 1; return url; };
    URL.revokeObjectURL = (url) => { there.delete(url); revoke.call(URL, url); };
    let tell;
    const data = {};
    const model = { get: () => data, on: (_, heard) => (tell = heard), off() {}, send() {} };
    const media = new (new Function(`${source}; return KernelMedia;`)())(model);
    const seen = [];
    media.want([0], (_, medium) => seen.push(medium));
    const bytes = new Uint8Array([1, 2]);
    for (const kind of ['still', 'still']) tell({ kind, tile: 0 }, [bytes]);
    tell({ kind: 'media', tile: 0, fps: 24, frames: 1 }, [bytes, bytes]);
    media.close();
    const kind = (url) => url.split(':')[0];
    return { shown: seen.map(({ still, src }) => [kind(still), kind(src)]), stills: new Set(seen.map(({ still }) => still)).size, made };
}"""


@pytest.fixture
def alone(chromium):
    """A live wall of two tiles in an empty page; what the kernel says to it is `tell(...)`."""
    page = chromium.page()
    page.set_content(f"<style>{style()}</style><div id=wall></div>")
    page.evaluate(ALONE, script())
    page.wait_for_function("() => window.isAsked")
    yield page
    page.close()


# A model as a front end hands it over, and a kernel that keeps each rating.
ALONE = """async (source) => {
    const tile = (col) => ({
        row: 0, col, label: `seed ${col}`, facts: [], run: `run${col}`, state: 'fetched', problem: '', hasVideo: true, rating: null, tags: [],
    });
    const values = { data: { title: '', rows: [[]], cols: [[], []], isGrid: true, same: [], tiles: [tile(0), tile(1)] }, live: true };
    const heard = [];
    window.tell = (message) => heard.forEach((hear) => hear(message, []));
    const send = ({ kind, tile, stars }) => {
        if (kind === 'want') window.isAsked = true;
        if (kind === 'rate' && stars !== 1) window.tell({ kind: 'marked', tile, rating: stars, tags: [] });
    };
    const model = { get: (key) => values[key], on: (name, hear) => name === 'msg:custom' && heard.push(hear), off() {}, send };
    const module = URL.createObjectURL(new Blob([source], { type: 'text/javascript' }));
    (await import(module)).default.render({ model, el: document.getElementById('wall') });
}"""


def test_keys_go_on_after_a_click(alone):
    """The mouse leaves the focus on the tile; stars that a key has reached are a slider, and say what they show."""
    stars, lit = alone.locator("[data-tile='0'] .kie-stars"), alone.locator("[data-tile='0'] .kie-on")
    focused = "() => document.activeElement.dataset.tile ?? document.activeElement.className"
    stars.locator("span").nth(3).click()
    assert (lit.count(), alone.evaluate(focused)) == (4, "0")
    alone.keyboard.press("5")
    assert lit.count() == 5
    alone.keyboard.press("ArrowRight")
    assert alone.evaluate(focused) == "1"
    alone.locator("[data-tile='0'] .kw-pick").click()
    alone.keyboard.press("t")
    alone.evaluate("() => window.tell({ kind: 'marked', tile: 0, rating: 5, tags: ['steady'] })")
    assert (
        alone.evaluate(focused) == "kie-field kw-input"
    )  # a rating that is saved late takes nobody's words away
    alone.keyboard.press("Escape")

    stars.focus()
    assert stars.get_attribute("aria-valuetext") == "5 of 5 stars"
    alone.keyboard.press("0")
    assert (lit.count(), alone.evaluate(focused)) == (0, "kie-stars")
    alone.keyboard.press("ArrowRight")
    assert (lit.count(), stars.get_attribute("aria-valuetext")) == (1, "1 of 5 stars")
    alone.evaluate("() => window.tell({ kind: 'trouble', tile: 0, text: 'The disk is full.' })")
    assert lit.count() == 0  # what is shown is what was saved


def test_what_is_on_its_way_is_loading(alone):
    """In the bar and on each tile, until it is known: "no video" is said where there is none."""
    bar, coming = alone.locator(".kw-time"), alone.locator(".kw-coming")
    tell = "(message) => window.tell({ tile: null, fps: 0, frames: 0, ...message })"
    assert (bar.inner_text(), coming.count()) == ("loading", 2)
    alone.evaluate(tell, {"kind": "still", "tile": 0})
    assert (bar.inner_text(), coming.count()) == ("loading", 2)
    alone.evaluate(tell, {"kind": "media", "tile": 0})
    assert (bar.inner_text(), coming.count()) == ("loading", 1)
    alone.evaluate(tell, {"kind": "trouble", "text": "The videos cannot be read."})
    assert (bar.inner_text(), coming.count()) == ("no video", 0)


def test_a_step_moves_every_video_by_exactly_one_frame(page):
    """By the frames that are presented, and by their pixels; forth and back is where it was."""
    assert frames_after(page, frame=30) == ([30] * VIDEOS, 30)
    before = page.evaluate(PIXELS)
    assert frames_after(page, key=".") == ([31] * VIDEOS, 31)
    after = page.evaluate(PIXELS)
    assert frames_after(page, key=",") == ([30] * VIDEOS, 30)
    again = page.evaluate(PIXELS)

    assert again == before
    assert all(0 < difference(one, other) < 12 for one, other in zip(before, after, strict=True))
    assert "frame 31 of" in page.locator(".kw-time").first.inner_text()


def test_scrubbing_brings_all_to_the_same_frame(page):
    """With the slider, by mouse or keys; the ends are the first and the last frame."""
    page.locator(".kw-scrub").fill("47")
    settle(page)
    assert (
        page.evaluate(
            "() => [...document.querySelectorAll('.kie-wall video')].map(v => Math.floor(v.currentTime * 24))"
        )
        == [47] * VIDEOS
    )

    page.keyboard.press("End")
    settle(page)
    assert page.locator(".kw-scrub").input_value() == str(SECONDS * FPS - 1)
    page.keyboard.press("Home")
    settle(page)
    assert page.locator(".kw-scrub").input_value() == "0"


def test_it_loops_or_stops_at_the_end(page):
    """All begin again together; without the loop the last frame stays."""
    player = "document.querySelector('.kie-wall').player"
    page.evaluate(f"() => {{ {player}.seek({SECONDS * FPS - 10}); return {player}.play(); }}")
    page.wait_for_function(f"() => {player}.isPlaying && {player}.clock.isRunning && {player}.frame < 40")
    page.keyboard.press("l")
    page.evaluate(f"() => {{ {player}.seek({SECONDS * FPS - 10}); return {player}.play(); }}")
    page.wait_for_function(f"() => !{player}.isPlaying")
    settle(page)

    assert page.evaluate(f"() => {player}.frame") == SECONDS * FPS - 1
    assert page.locator(".kw-status").inner_text() == f"Paused at frame {SECONDS * FPS} of {SECONDS * FPS}"
    page.keyboard.press("l")


def test_a_wall_is_used_by_keyboard_alone(page, chromium):
    """Tab leads through the controls, arrows from tile to tile, Enter enlarges, C chooses two, arrows wipe, Esc leads back."""
    wall = page.locator(".kie-wall")
    focused = "() => document.activeElement.dataset.tile ?? document.activeElement.className"
    for _ in range(6):
        page.keyboard.press("Shift+Tab")
    assert page.evaluate("() => document.activeElement.getAttribute('aria-label')") == "Play (space)"
    for _ in range(6):
        page.keyboard.press("Tab")
    assert page.evaluate(focused) == "0"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    assert page.evaluate(focused) == "4"
    assert "seed 1" in page.evaluate("() => document.activeElement.getAttribute('aria-label')")

    page.keyboard.press("Enter")
    assert wall.get_attribute("data-mode") == "one"
    assert page.locator(".kw-tile:visible").count() == 1
    assert "The cat yawns." in page.locator(".kw-details .kw-facts").inner_text()
    chromium.picture("wall-one", page)
    page.keyboard.press("Space")
    page.wait_for_function("() => document.querySelector('.kie-wall').player.isPlaying")
    page.keyboard.press("Space")
    page.keyboard.press("Escape")
    assert (wall.get_attribute("data-mode"), page.evaluate(focused)) == ("wall", "4")

    page.keyboard.press("3")
    assert "running kernel" in page.locator(".kw-status").inner_text()
    page.keyboard.press("c")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("c")
    assert wall.get_attribute("data-mode") == "wipe"
    for _ in range(10):
        page.keyboard.press("ArrowRight")
    assert page.locator(".kw-wipe").input_value() == "60"
    assert (
        page.evaluate("() => getComputedStyle(document.querySelector('.kw-b')).clipPath")
        == "inset(0px 0px 0px 60%)"
    )
    assert page.locator(".kw-differences tbody tr").all_inner_texts() == ["seed\t1\t0"]
    before = page.evaluate("() => document.querySelector('.kie-wall').player.frame")
    page.keyboard.press(".")
    assert page.evaluate("() => document.querySelector('.kie-wall').player.frame") == before + 1


def test_the_difference_of_two_videos_is_seen_and_measured(page, chromium):
    """None for a video and itself, some for two seeds; a wipe shows both at the same frame."""
    for number in (0, 1):
        page.locator(f"[data-tile='{number}'] .kw-pick").click()
    page.evaluate("() => document.querySelector('.kie-wall').player.seek(60)")
    settle(page)
    chromium.picture("wall-wipe", page)

    page.get_by_role("button", name="Difference").click()
    page.wait_for_function("() => Number(document.querySelector('.kw-canvas').dataset.mean) > 0.005")
    settle(page)
    chromium.picture("wall-difference", page)
    assert "mean" in page.locator(".kw-stage-bar").inner_text()

    page.evaluate(
        """() => {
            const [one, other] = [0, 1].map((tile) => document.querySelector(`[data-tile='${tile}'] video`));
            other.dataset.own = other.src;
            other.src = one.src;
        }"""
    )
    page.wait_for_function("() => document.querySelector(\"[data-tile='1'] video\").readyState >= 2")
    page.evaluate(
        "() => { const { player } = document.querySelector('.kie-wall'); player.seek(40); player.seek(60); }"
    )
    settle(page)
    page.wait_for_function("() => document.querySelector('.kw-canvas').dataset.mean === '0'")
    page.evaluate(
        "() => { const other = document.querySelector(\"[data-tile='1'] video\"); other.src = other.dataset.own; }"
    )
    page.wait_for_function(READY, arg=VIDEOS)


def test_a_shorter_video_holds_its_last_frame(chromium, studio):
    """The longest decides when the wall ends. Here the videos are files beside the page."""
    page = chromium.page()
    try:
        page.goto((studio / "unlike.html").as_uri())
        page.wait_for_function(READY, arg=2)
        page.evaluate(
            "() => { const { player } = document.querySelector('.kie-wall'); player.seek(12); return player.play(); }"
        )
        page.wait_for_function("() => document.querySelector('.kie-wall').player.frame > 40")
        held = page.evaluate(
            "() => [...document.querySelectorAll('.kie-wall video')].map(v => [v.paused, Math.floor(v.currentTime * 24)])"
        )
    finally:
        page.close()

    assert held[0] == [True, 23]
    assert not held[1][0]


def test_a_saved_page_is_dark_where_the_reader_is(page, chromium):
    """And what came from outside is text there, whatever it says; axe finds nothing in either."""
    chromium.picture("wall-light", page)
    assert Axe().run(page).response["violations"] == []
    light = page.evaluate("() => getComputedStyle(document.querySelector('.kie-wall')).backgroundColor")
    page.emulate_media(color_scheme="dark")
    dark = page.evaluate("() => getComputedStyle(document.querySelector('.kie-wall')).backgroundColor")
    chromium.picture("wall-dark", page)
    assert Axe().run(page).response["violations"] == []
    page.set_viewport_size({"width": 900, "height": 900})
    chromium.picture("wall-900", page)
    tile, heading = (page.locator(each).first.bounding_box() for each in (".kw-tile", ".kw-rowheader"))
    assert 3 * tile["width"] > 0.9 * (900 - 2 * 16)  # tiles get the room: their row is named above them
    assert heading["y"] + heading["height"] <= tile["y"]
    page.set_viewport_size({"width": 1280, "height": 1000})
    page.emulate_media(color_scheme="light")

    assert (light, dark) == ("rgb(255, 255, 255)", "rgb(17, 20, 24)")
    assert (
        page.locator(".kw-rowheader")
        .last.inner_text()
        .endswith("sneezes </script><img src=x onerror=alert(1)>")
    )
    assert page.locator(".kie-wall img").count() == 0


def test_the_widget_in_a_notebook(chromium, lab, studio, simulator):
    """Videos come when they are looked at; stars and tags reach the ledger; Lab's keys stay away; saved and exported it plays on."""
    path = write_notebook(
        studio / "notebook.ipynb",
        f"%load_ext kie_nb\nimport os\nos.environ['KIE_BASE_URL'] = {simulator.base_url!r}\n{DEFINE}",
        "exp.wall()",
        "print(exp.runs[1].rating, exp.runs[1].tags)",
    )
    nb = Notebook(chromium, lab, path.relative_to(lab.root).as_posix()).open()
    try:
        nb.page.set_viewport_size(ALL_IN_VIEW)
        nb.run_cell(0)
        nb.run_cell(1)
        nb.page.wait_for_function(READY, arg=VIDEOS, timeout=60_000)
        assert nb.page.evaluate(
            "() => [...document.querySelectorAll('.kie-wall video')].every(v => v.src.startsWith('blob:'))"
        )
        assert frames_after(nb.page, frame=20) == ([20] * VIDEOS, 20)
        nb.screenshot("wall-lab", cell=1)
        rate_and_tag(nb)
        nb.set_theme("dark")
        nb.screenshot("wall-lab-dark", cell=1)
        nb.set_theme("light")
        assert nb.run_cell(2) == "4 ('steady',)\n"
        wait_for_page(nb, "★★★★")
        nb.page.wait_for_function(READY, arg=VIDEOS)
        assert nb.page.evaluate("() => document.querySelector('.kie-wall').player.frame") == 20
        assert nb.page.locator(".kie-wall").count() == 1  # the page that is kept waits, and is not seen
        assert nb.page.locator(".kie-wall-plain").locator("visible=true").count() == 0
        nb.save()
        assert_kept(nb)
    finally:
        nb.shutdown_kernel()
        nb.close()
    assert_export_works(chromium, studio)
    assert_usable_untrusted(chromium, lab, studio)


def assert_kept(nb):
    """Opened anew, with a kernel that knows nothing of it, the wall plays; the cell run again is live in its place."""
    nb.reopen(kernel=True, in_new_page=False)
    nb.page.set_viewport_size(ALL_IN_VIEW)
    nb.page.wait_for_function(READY, arg=VIDEOS, timeout=60_000)
    assert "model not found" not in nb.cell(1).inner_text()
    assert nb.cell(1).locator("[data-tile='1'] .kie-stars").get_attribute("role") == "img"
    assert frames_after(nb.page, frame=20) == ([20] * VIDEOS, 20)
    nb.screenshot("wall-kept", cell=1)


def rate_and_tag(nb):
    cells = nb.page.locator(".jp-Notebook .jp-Cell").count()
    nb.cell(1).locator(".kie-wall [data-tile='1']").focus()
    nb.page.keyboard.press("d")
    nb.page.keyboard.press("d")
    assert nb.page.locator(".jp-Notebook .jp-Cell").count() == cells
    nb.page.keyboard.press("4")
    nb.wait_dom(1, "cell => cell.querySelectorAll(\"[data-tile='1'] .kie-on\").length === 4")
    nb.page.keyboard.press("t")
    nb.page.keyboard.type("steady")
    nb.page.keyboard.press("Enter")
    nb.wait_dom(
        1, "cell => cell.querySelector(\"[data-tile='1'] .kw-tags .kie-badge\")?.innerText === 'steady'"
    )
    nb.wait_dom(1, "cell => cell.querySelector('.kw-status').innerText.startsWith('Saved')")


def wait_for_page(nb, words):
    """The page beside the widget is written anew when nobody has said anything for a moment."""
    for _ in range(100):
        if words in nb.outputs(1)[-1]["data"]["text/html"]:
            return
        nb.page.wait_for_timeout(100)
    raise AssertionError(f"{words} is not in the page beside the widget")


def assert_export_works(chromium, folder):
    """`nbconvert --to html`, from disk, with no kernel: the script takes over, stars are shown and cannot be pressed."""
    command = ["-m", "nbconvert", "--to", "html", "notebook.ipynb"]
    kernelforks.run(command, cwd=folder, env=os.environ).check_returncode()
    page = chromium.page()
    try:
        page.set_viewport_size(ALL_IN_VIEW)
        page.goto((folder / "notebook.html").as_uri(), wait_until="domcontentloaded")
        page.wait_for_function(READY, arg=VIDEOS, timeout=30_000)
        assert frames_after(page, frame=20) == ([20] * VIDEOS, 20)
        assert page.locator("[data-tile='1'] .kie-on").count() == 4
        stars = page.locator("[data-tile='1'] .kie-stars")
        assert stars.get_attribute("role") == "img"
        assert "running kernel" in stars.get_attribute("title")
        page.evaluate("() => document.querySelector('.kie-wall').player.play()")
        page.wait_for_function("() => document.querySelector('.kie-wall').player.frame > 30")
        chromium.picture("wall-export", page)
    finally:
        page.close()


def assert_usable_untrusted(chromium, lab, folder):
    """As it comes by mail: no script runs, and the plain videos can be played."""
    content = json.loads((folder / "notebook.ipynb").read_text(encoding="utf-8"))
    content["cells"][0]["source"] = ["# sent by mail\n", *content["cells"][0]["source"]]
    for cell in content["cells"]:
        cell.get("metadata", {}).pop("trusted", None)
    content["cells"][1]["outputs"][-1]["metadata"] = {"sent": "by mail"}
    (folder / "stranger.ipynb").write_text(json.dumps(content), encoding="utf-8")
    nb = Notebook(chromium, lab, f"{STUDIO}/stranger.ipynb").open(kernel=False)
    try:
        nb.wait_dom(1, "cell => cell.querySelectorAll('video[controls]').length === 9")
        nb.wait_dom(1, "cell => [...cell.querySelectorAll('video')].every(video => video.readyState >= 1)")
        assert nb.cell(1).locator(".kie-wall").count() == 0
        nb.screenshot("wall-untrusted", cell=1)
    finally:
        nb.close()
