"""A wall of an experiment or of any runs: its tiles, and the page that is saved of it."""

import html
import json
import re
from pathlib import Path

import pytest

import kie_nb as kie
from kie_nb.experiment import wall_page as wall_page_
from kie_nb.experiment.wall_media import for_file
from kie_nb.experiment.wall_page import PARTS, asset, script, wall_data, wall_page
from kie_nb.simulator import Fault
from kie_nb.wording import Wall, strings

pytestmark = pytest.mark.slow

SHORT_S = 120
HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!-- <script> -->",
    "\"'><img src=x onerror=alert(1)>",
    "a & b \\u003c {who} $5 $6",
]


@pytest.fixture
def fetched(smile):
    """An experiment of two seeds and three prompts, bought."""
    return smile(seeds=2).run().wait(SHORT_S)


def told(page):
    """The data that a page carries."""
    return json.loads(re.search(r"<script type=\"application/json\"[^>]*>(.*?)</script>", page, re.DOTALL)[1])


def test_an_experiment_shows_its_cells(fetched):
    """Seeds across, prompts down, and what is the same said once."""
    wall = fetched.wall()

    assert repr(wall) == "<Wall smile: 3 × 2, 6 videos>"
    assert wall.same["duration"] == "5"
    assert repr(fetched.wall(rows="seed")) == "<Wall smile: 2 × 3, 6 videos>"


def test_cells_without_a_video_say_why(smile, simulator):
    """Missing, failed, and a file that is gone."""
    simulator.set_faults([Fault(call="task", kind="fail", match="yawns", times=1)])
    exp = smile(seeds=1).run().wait(SHORT_S)
    exp.runs[0].video.unlink()
    tiles = smile(seeds=2).wall().tiles

    assert [tile.problem for tile in tiles if tile.place["seed"] == 0] == [
        "the file is not on this machine; %kie doctor fetches it again",
        "failed",
        "",
    ]
    assert {tile.problem for tile in tiles if tile.place["seed"] == 1} == {"to come"}
    page = wall_page(smile(seeds=2).wall(), lambda _: None)
    for words in ("to come", "failed", "doctor"):
        assert words in page


def test_a_video_that_was_altered_is_not_shown(fetched):
    """Nor one that has been as long before: its run's prompt and seed did not make it."""
    first, second = fetched.runs[:2]
    content = first.video.read_bytes()
    assert repr(fetched.wall()) == "<Wall smile: 3 × 2, 6 videos>"
    first.video.write_bytes(second.video.read_bytes())
    second.video.write_bytes(second.video.read_bytes()[:-1] + b"x")

    tiles = {tile.run.id: tile for tile in fetched.wall().tiles}
    words = "altered since it was fetched; %kie doctor fetches it again"
    assert [tiles[run.id].problem for run in (first, second)] == [words, words]
    assert repr(fetched.wall()) == "<Wall smile: 3 × 2, 4 videos>"
    first.video.write_bytes(content)
    assert tiles[first.id].problem == ""


def test_prompts_are_shown_as_they_were_sent(cat, simulator):
    """Rows are named by what the model was told, not by its template."""
    exp = kie.Experiment(
        "x", image=cat, seed=range(2), who="cat", prompt=["The {who} smiles", "The {who} yawns"]
    )
    exp.run().wait(SHORT_S)

    assert [dict(heading)["prompt"] for heading in exp.wall().layout.rows] == [
        "The cat smiles",
        "The cat yawns",
    ]


def test_any_runs_make_a_wall(fetched):
    """By what they differ in; an id will do; the same run twice is one tile."""
    runs = fetched.runs
    whole = kie.wall([*runs, runs[0].id])

    assert repr(whole) == "<Wall: 3 × 2, 6 videos>"
    assert not kie.wall([runs[0], runs[4]]).layout.is_grid
    assert repr(kie.wall(runs[0])) == "<Wall: 1, 1 video>"


@pytest.mark.parametrize(
    ("ask", "words"), [({"rows": "colour"}, "not an axis"), ({"cols": "promt"}, "did you mean 'prompt'")]
)
def test_a_wall_refuses_what_is_no_parameter(fetched, ask, words):
    """With what is near."""
    with pytest.raises(kie.InvalidRequest, match=words):
        kie.wall(fetched.runs, **ask)
    with pytest.raises(kie.InvalidRequest, match=words):
        fetched.wall(**ask)


def test_no_runs_make_no_wall(simulator):
    """It says so."""
    with pytest.raises(kie.InvalidRequest, match="nothing to put on a wall"):
        kie.wall([])


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_stay_words(cat, simulator, words):
    """In the title, the prompt and a tag: what the script reads is what was written, and nothing else on the page has changed."""
    exp = kie.Experiment(f"x {words}"[:100], image=cat, seed=1, prompt=words).run().wait(SHORT_S)
    exp.runs[0].tag(words)
    page = wall_page(exp.wall(), lambda _: None)
    data = told(page)

    assert data["tiles"][0]["tags"] == [words]
    assert words in dict([*data["same"], *data["tiles"][0]["facts"]])["prompt"]
    assert page.count("<script") == page.count("</script>") == 2
    assert "<img" not in page.split("<script", 1)[0]
    assert html.escape(words, quote=True) in page


def test_the_front_end_cannot_end_its_own_script():
    """Nor does it ask the network for anything."""
    for text in (script(), asset("wall.css")):
        assert "</script" not in text.lower()
        assert "</style" not in text.lower()
        assert "<!--" not in text
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
        assert "import " not in text


def test_a_saved_page_holds_small_copies_up_to_a_limit(fetched, tmp_path):
    """What is above it is linked, relative to the page; nothing of this machine is in it."""
    folder = tmp_path / "pages of mine"
    folder.mkdir()
    inside = fetched.wall().save(folder / "inside.html").read_text(encoding="utf-8")
    beside = fetched.wall().save(folder / "beside.html", embed_mb=0).read_text(encoding="utf-8")

    assert inside.count('src="data:video/mp4;base64,') == 6
    links = re.findall(r'<video[^>]* src="([^"]+)"', beside)
    assert len(links) == 6
    assert all((folder / link).is_file() and link.startswith("../kie-runs/videos/") for link in links)
    assert str(tmp_path) not in inside + beside


def test_a_page_that_cannot_be_written_is_an_error_in_words(fetched, tmp_path):
    """And leaves nothing behind."""
    (tmp_path / "wall.html").mkdir()
    before = sorted(tmp_path.iterdir())

    with pytest.raises(kie.LedgerError, match="cannot be written"):
        fetched.wall().save(tmp_path / "wall.html")
    assert sorted(tmp_path.iterdir()) == before


def test_the_limit_is_for_all_videos_together(fetched, tmp_path):
    """The first ones come inside."""
    wall = fetched.wall()
    media = for_file(tmp_path, limit=10**9)
    sizes = [len(media(tile).source) * 3 // 4 for tile in wall.tiles]
    page = wall_page(wall, for_file(tmp_path, limit=sum(sizes[:3])))

    assert page.count('src="data:video/mp4;base64,') == 3


def test_the_state_of_a_wall_stays_small(fetched):
    """No video and no picture is in what the widget keeps."""
    assert len(json.dumps(wall_data(fetched.wall()))) < 6 * 500 + 1000


def test_a_page_is_the_same_for_the_same_wall(fetched, tmp_path):
    """A notebook that is run again does not change for nothing."""
    pages = {fetched.wall().save(tmp_path / f"{number}.html").read_text() for number in range(2)}

    assert len(pages) == 1


def test_no_part_of_the_front_end_is_forgotten():
    """Every script beside the page's code is joined into it, but for that of a report."""
    browser = Path(wall_page_.__file__).parent / "browser"

    assert sorted(path.name for path in browser.glob("*.js")) == sorted([*PARTS, "report.js"])


def test_a_wall_without_scripts_says_what_is_simulated(fetched):
    """In an untrusted notebook only the plain grid is left: each of its tiles says it."""
    page = wall_page(fetched.wall(), lambda _: None)
    plain = re.sub(r"<(script|style).*?</\1>", "", page, flags=re.DOTALL)

    assert plain.count("Simulated · free") == 6


def test_the_front_end_has_all_its_strings():
    """Each name that it uses is in `wording.Wall`, lists too."""
    known = strings(Wall)
    used = re.findall(r"\bWORDS\.(\w+)", script())

    assert {name for name in used if name not in known} == set()
