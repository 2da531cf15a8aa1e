"""A stranger's words in a real JupyterLab and on pages opened from disk: they are read, and nothing of them runs or becomes a formula."""

import contextlib
import http.server
import shutil
import sqlite3
import threading
from pathlib import Path

import manyruns
import pytest
from labdriver import Notebook, write_notebook
from playwright.sync_api import TimeoutError as NotThere

import kie_nb as kie
from kie_nb.simulator import Simulator

ROOT = Path(__file__).parents[2]
HARM = "window.top.harm=1"
WORDS = (
    rf"Costs $a$ and $b$ \(x\) $$y$$ <img src=x onerror={HARM}> </script><script>{HARM}</script> "
    f'"><svg onload={HARM}> {{{{7*7}}}} good\u202etxt.exe a\u200bb \x1b[31mred a\u2028b 👩‍🚀'
)
SEEN = r"good\u202etxt.exe a\u200bb"
MADE = f"%load_ext kie_nb\nimport kie_nb as kie\nWORDS = {WORDS!r}"
FORMULA = "from IPython.display import HTML\nHTML('<p>$a$ and $b$</p>')"  # shows that formulas are made here
ASK = "%%kie_wan --model wan/2-5-text-to-video --seed {seed} -o {name}\n" + WORDS
CELLS = {
    "card": ASK.replace("{seed}", "1").replace("{name}", "clip"),
    "video": "clip.wait(60)\nclip.show()",
    "runs": "%kie runs",
    "wall": "kie.wall([clip, other])",
    "compare": "kie.compare(clip, other)",
    "plan": "exp = kie.Experiment('x ' + WORDS[:80], model='wan/2-5-text-to-video', seed=[1, 2], prompt=[WORDS])\nexp.plan()",
    "experiment": "exp.run().wait(60)\nexp",
    "panel": "panel = kie.panel()\npanel.fill(clip)\npanel",
    "error": "kie.get('nothing ' + WORDS)",
}
MORE = "other = kie.generate(WORDS + ' b', model='wan/2-5-text-to-video', seed=2).wait(60)"


def check(nb, number, seen=SEEN):
    """The cell shows the words; no formula is made of them, and nothing has run."""
    cell = nb.cell(number)
    assert nb.page.evaluate("() => window.harm") is None
    assert cell.locator("mjx-container, .MathJax").count() == 0
    assert cell.locator(".jp-OutputArea-output :is(img[onerror], svg[onload])").count() == 0
    if seen:
        assert seen in cell.locator(".jp-OutputArea").first.inner_text() + "".join(
            cell.locator("[title]").evaluate_all("nodes => nodes.map((node) => node.title)")
        )


# Before the notebook of the words, which keeps a loaded page to itself.
def test_a_strangers_ledger_runs_nothing(open_notebook, folder):
    """Text in columns for figures and times, markup in every text: the panel's queue, gallery and settling, and the table of runs."""
    manyruns.fill(folder / "kie-runs", 6)
    evil = f"<img src=x onerror={HARM}><svg onload={HARM}> $a$ $b$ \u202e"
    with contextlib.closing(sqlite3.connect(folder / "kie-runs" / "ledger.sqlite")) as ledger:
        ids = [row[0] for row in ledger.execute("SELECT id FROM run ORDER BY id")]
        for number, column in enumerate(("seed", "task_id", "experiment", "note", "tags")):
            value = f'["{evil}"]' if column == "tags" else evil
            ledger.execute(f"UPDATE run SET {column} = ? WHERE id = ?", [value, ids[number]])  # noqa: S608
        ledger.execute(
            "UPDATE run SET state = 'unknown', error = ? WHERE id = ?", [f'{{"message": "{evil}"}}', ids[0]]
        )
        ledger.execute("UPDATE run SET seed = ? WHERE id = ?", [evil, ids[0]])
        ledger.commit()
    shows = {
        "%load_ext kie_nb\nimport kie_nb as kie\nkie.panel()": ".kie-panel-row",
        "%kie runs": "table",
        "%kie resume": ".jp-OutputArea-output",
        "kie.runs()": "table",
    }
    nb = open_notebook(*shows)

    for number, shown in enumerate(shows.values()):
        nb.run_cell(number)
        with contextlib.suppress(NotThere):  # such rows may be refused
            nb.cell(number).locator(shown).first.wait_for(timeout=8000)
        nb.page.wait_for_timeout(1000)
        for button in nb.cell(number).get_by_role("button", name="Settle…").all():
            if button.is_visible():
                button.click()
                nb.page.wait_for_timeout(1000)
        check(nb, number, None)
    nb.screenshot("hostile-ledger")


@pytest.fixture(scope="module")
def words(chromium, lab):
    """A notebook whose cells have shown the words in every way."""
    with Simulator(tiny=True, speed=20.0, creates_per_window=10_000) as simulator:
        load = f"%env KIE_BASE_URL={simulator.base_url}\n{MADE}"
        cells = [load, FORMULA, CELLS["card"], MORE, *list(CELLS.values())[1:]]
        write_notebook(lab.root / "hostile" / "words.ipynb", *cells)
        nb = Notebook(chromium, lab, "hostile/words.ipynb").open()
        nb.run_cell(0)
        nb.run_cell(1)
        nb.wait_dom(1, "cell => cell.querySelectorAll('mjx-container').length === 2")
        for number in range(2, len(cells)):
            nb.run_cell(number, timeout_s=120)
            if number == 2:
                check(nb, 2)  # while it is live
            if "panel" in cells[number]:
                nb.cell(number).locator(".kie-panel .kg-tile").first.wait_for(timeout=30_000)
        yield nb
        nb.shutdown_kernel()
        nb.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_of_a_prompt_are_read_in_every_cell(words, scheme):
    """Card, video, table, wall, comparison, plan, experiment, panel and error."""
    words.set_theme(scheme)
    words.page.wait_for_timeout(1500)
    for name, number in zip(CELLS, (2, *range(4, 3 + len(CELLS))), strict=True):
        check(words, number, {"compare": None, "experiment": None, "runs": "$a$ and $b$"}.get(name, SEEN))
        words.cell(number).scroll_into_view_if_needed()
        words.screenshot(f"hostile-{scheme}-{name}")


@pytest.fixture
def open_file(chromium):
    """Open a page from disk with no network; gives it, what it asked for, and what it complained of."""

    @contextlib.contextmanager
    def open_file(path, *, is_offline=True):
        page = chromium.page(width=1100, height=900, is_offline=is_offline)
        asked, said = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        try:
            page.goto(path.as_uri())
            yield page, asked, said
        finally:
            page.close()

    return open_file


@pytest.fixture
def ear():
    """A server that notes what is asked of it; gives its address and what it heard."""
    heard = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            heard.append(self.path)
            self.send_error(404)

        def log_message(self, *_args):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", heard
        server.shutdown()


PLAYS = """async () => {
    const videos = [...document.querySelectorAll("video")];
    for (const video of videos) { video.muted = true; video.play(); }
    for (let tries = 0; tries < 100 && videos.some((video) => video.readyState < 2 || !video.currentTime); tries++)
        await new Promise((done) => setTimeout(done, 200));
    return videos.map((video) => video.currentTime > 0);
}"""


def test_pages_from_disk_run_their_own_script_alone(simulate, open_file, chromium, ear):
    """A wall with its videos inside and linked, an export and a report: they play, ask nobody, and run no word of a prompt.

    Injected markup, as if some page had let it through, does nothing either.
    """
    simulate()
    shutil.copy(ROOT / "notebooks" / "images" / "chelsea.png", "cat.png")
    exp = kie.Experiment("x", image="cat.png", seed=range(2), prompt=[WORDS.replace("{{7*7}}", "")])
    exp.run().wait(120)
    pages = {
        "wall": exp.wall().save("out/wall.html"),
        "linked": exp.wall().save("out/linked.html", embed_mb=0),
        "export": kie.export("exported").folder / "index.html",
        "report": exp.report("out/report.html"),
    }
    for name, path in pages.items():
        injected = path.with_name(f"injected-{path.name}")
        harm = (
            f"<script>{HARM}</script><img src=x onerror={HARM}><script src=http://127.0.0.1:9/x.js></script>"
        )
        harm += f"<img src={ear[0]}/x.png><iframe src={ear[0]}/></iframe><link rel=stylesheet href={ear[0]}/x.css>"
        injected.write_text(
            path.read_text(encoding="utf-8").replace("</body>", f"{harm}</body>"), encoding="utf-8"
        )
        with open_file(path) as (page, asked, said):
            played = page.evaluate(PLAYS)
            assert played, name
            assert all(played), (name, played, said)
            if name != "export":
                page.locator(".kie-wall").first.wait_for()
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                assert page.evaluate("() => window.harm") is None
                assert not [url for url in asked if url.partition(":")[0] not in {"file", "data", "blob"}]
                assert said == [], name
                assert SEEN in page.locator("body").inner_text(), name
                chromium.picture(f"hostile-{name}-{scheme}", page)
        with open_file(injected, is_offline=False) as (page, _asked, _said):
            page.wait_for_timeout(500)
            assert page.evaluate("() => window.harm") is None
            assert ear[1] == [], name
