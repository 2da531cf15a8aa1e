"""A report as its reader meets it: opened from disk, with no server, no kernel and no network."""

import contextlib
import shutil
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe

import kie_nb as kie
from kie_nb.simulator import Fault, Simulator

ROOT = Path(__file__).parents[2]
SHORT_S = 120
PLAYING = """async () => {
    const videos = [...document.querySelectorAll(".kie-wall video")];
    const pause = (ms) => new Promise((done) => setTimeout(done, ms));
    const looks = () => videos.map((video) => [video.readyState, video.currentTime]);
    for (let tries = 0; tries < 150 && looks().some(([ready, at]) => ready < 2 || at < 0.3); tries++) await pause(200);
    return looks();
}"""
HARM = [
    "</script><script>window.harm = 1</script>",
    '"><img src="https://example.com/x" onerror="window.harm = 1"><b>',
    "'};window.harm=1;//</style><svg onload=window.harm=1>",
]


@pytest.fixture
def simulator(monkeypatch):
    with Simulator(tiny=True, speed=50.0, creates_per_window=10_000) as simulator:
        monkeypatch.setenv("KIE_BASE_URL", simulator.base_url)
        monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "10000")
        shutil.copy(ROOT / "notebooks" / "images" / "chelsea.png", "cat.png")
        yield simulator


@pytest.fixture
def open_report(chromium):
    """Open a file; gives the page, what it asked the network for, and what it complained of."""

    @contextlib.contextmanager
    def open_report(path):
        page = chromium.page(width=1100, height=1200, is_offline=True)
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        try:
            page.goto(path.as_uri())
            page.wait_for_selector(".kie-wall")
            yield page, asked, said
        finally:
            page.close()

    return open_report


def play(page):
    page.get_by_role("button", name="Play").first.click()
    return page.evaluate(PLAYING)


def test_a_report_plays_from_disk(simulator, chromium, open_report, tmp_path):
    """All its videos, inside or beside; it asks nobody for anything, and is as usable in dark. Moved with its folder it still does."""
    simulator.set_faults([Fault(call="task", kind="fail", match="yawns", times=1)])
    prompts = ["The cat smiles", "The cat yawns"]
    exp = kie.Experiment("smile", image="cat.png", seed=range(3), prompt=prompts)
    exp.run(stop_after_failures=9).wait(SHORT_S)
    exp.runs[0].rate(5).tag("keeper")
    for where, embed_mb in (("inside", 25), ("beside", 0)):
        exp.report(f"out/{where}/smile.html", embed_mb=embed_mb)
    shutil.move("out", "elsewhere")
    shutil.rmtree("kie-runs")

    for where in ("inside", "beside"):
        check_report(chromium, open_report, tmp_path / "elsewhere" / where)


def check_report(chromium, open_report, folder):
    """It plays, asks for nothing outside its folder, and axe finds nothing in it."""
    with open_report(folder / "smile.html") as (page, asked, said):
        looks = play(page)
        assert len(looks) == 5
        assert all(ready >= 2 and at > 0 for ready, at in looks), looks
        wall = page.locator(".kie-wall").bounding_box()
        assert wall["y"] < 200  # it begins with the videos
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert Axe().run(page).response["violations"] == []
            chromium.picture(f"report-{scheme}-{folder.name}", page)
        assert said == []
        assert {url.split(":")[0] for url in asked} <= {"file", "data"}
        assert all(str(folder) in url for url in asked if url.startswith("file:"))


def test_hostile_words_do_nothing(simulator, open_report, tmp_path):
    """They are shown as they were typed, in every place, and nothing of them runs or is fetched."""
    exp = kie.Experiment(HARM[0], image="cat.png", seed=range(1), prompt=HARM).run().wait(SHORT_S)
    exp.runs[0].tag(HARM[1])
    exp.report("x.html", compare=False)

    with open_report(tmp_path / "x.html") as (page, asked, said):
        looks = play(page)
        assert len(looks) == 3
        assert all(ready >= 2 and at > 0 for ready, at in looks), looks
        assert page.evaluate("window.harm") is None
        shown = page.inner_text("body")
        assert all(words in shown for words in HARM)
        assert page.title().startswith(HARM[0])
        assert {url.split(":")[0] for url in asked} <= {"file", "data"}
        assert said == []


def test_it_prints_with_a_picture_of_every_video(simulator, chromium, open_report, tmp_path):
    """Those that never came into view too, without the controls that paper has no use for."""
    prompts = [f"The cat smiles {number}" for number in range(5)]
    exp = kie.Experiment("long", image="cat.png", seed=range(2), prompt=prompts).run().wait(SHORT_S)
    exp.report("long.html", compare=False)

    with open_report(tmp_path / "long.html") as (page, _, _):
        page.wait_for_load_state("load")
        page.emulate_media(media="print")
        stills = page.eval_on_selector_all(
            ".kie-wall video", "all => all.map((video) => video.poster.slice(0, 15))"
        )
        assert stills == ["data:image/jpeg"] * 10
        assert not page.get_by_role("button", name="Play").first.is_visible()
        chromium.picture("report-print", page)
