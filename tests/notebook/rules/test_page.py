"""What a notebook keeps: nothing of a user's words is HTML, and no price is invented."""

import html.parser
import re

import pytest

from kie_nb import tables
from kie_nb.notebook import page, run_page
from kie_nb.wording import Card

NASTY = "<script>alert('1')</script><img src=x onerror=\"alert(2)\"> & </div> \" ' `"


class Tags(html.parser.HTMLParser):
    """Every tag and attribute of a page, as a browser reads it."""

    def __init__(self, text):
        super().__init__()
        self.found, self.attributes, self.text = [], [], ""
        self.feed(str(text))  # of slices of `Html` the parser would make `Html` again

    def handle_starttag(self, tag, attrs):
        self.found.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


def is_harmless(text):
    tags = Tags(text)
    attributes = {name for name, _ in tags.attributes}
    bad = {"script", "img", "iframe", "style", "svg", "object"} & set(tags.found)
    return (
        not bad
        and not {name for name in attributes if name.startswith("on")}
        and "alert('1')" in html_text(tags)
    )


def html_text(tags):
    return tags.text + "".join(str(value) for _, value in tags.attributes)


def test_a_card_holds_no_html_of_the_users(record):
    """Prompt, note, passing trouble and the service's own words are text."""
    error = {"class": "TaskFailed", "message": f"said {NASTY}", "hint": NASTY, "charged": NASTY}

    text = run_page.card(record("fail", prompt=NASTY, error=error, task_id=NASTY), note=NASTY)

    assert is_harmless(text)
    assert Tags(text).text.count("<script>") >= 4


def test_a_video_page_holds_no_html_of_the_users(record):
    """Nor does a file's name or an address leave its attribute."""
    run = record("fetched", prompt=NASTY, video="videos/a'\"><script>.mp4", urls=["https://x.example/?a=<b>"])

    text = run_page.finished_page("video", run, source=f"files/{NASTY}", poster=b"jpeg", note=NASTY)

    assert is_harmless(text)
    assert dict(Tags(text).attributes)["src"] == f"files/{NASTY}"
    assert Tags(text).found.count("video") == 1


def test_a_table_holds_no_html_of_the_users():
    """Headings, cells and caption alike."""
    text = tables.as_html([NASTY, "b"], [[NASTY, "x"], ["y", NASTY]], caption=NASTY)

    assert is_harmless(text)
    assert Tags(text).found.count("td") == 4


def test_the_whole_prompt_is_kept(record):
    """A card shows its beginning and holds all of it: the notebook is the record."""
    prompt = "word " * 150

    tags = Tags(run_page.card(record(prompt=prompt)))

    assert prompt in [value for name, value in tags.attributes if name == "title"]
    assert "…" in tags.text


def test_no_style_sheet_and_no_colour_of_a_theme(record):
    """An untrusted notebook loses style sheets; a fixed background would be wrong in light or in dark."""
    text = run_page.card(record()) + tables.as_html(["a"], [["b"]], caption="c")

    assert "<style" not in text
    assert {value for name, value in Tags(text).attributes if name == "class"} == {
        "mathjax_ignore tex2jax_ignore"  # says that `$` is no formula
    }
    assert not re.search(
        r"background(-color)?:(?!rgba\(128,128,128|#[0-9a-f]{6};margin-right)", text
    )  # a dot has its own


def test_a_heading_without_words_is_none():
    """A screen reader would read out an empty one for each cell below it."""
    assert tables.as_html(["a", ""], [["b", "c"]], caption="d").count("<th ") == 1


@pytest.mark.parametrize(
    ("state", "credits_", "words"),
    [
        ("waiting", None, "about 60 credits ($0.30)"),
        ("accepted", None, "about 60 credits ($0.30)"),
        ("fetched", 100.0, "100 credits ($0.50)"),
        ("fetched", 2.5, "2.5 credits ($0.01)"),
        ("fetched", 0.0, "0 credits ($0.00)"),
        ("fetched", None, "not reported (estimate 60 credits ($0.30))"),
        ("success", None, "not reported (estimate 60 credits ($0.30))"),
        ("fail", None, "not charged, as failed tasks are"),
        ("fail", 5.0, "5 credits ($0.03)"),
        ("refused", None, "nothing charged"),
        ("not_sent", None, "nothing charged"),
        ("unknown", None, "perhaps 60 credits ($0.30)"),
        ("lost", None, "perhaps 60 credits ($0.30)"),
    ],
)
def test_the_cost_in_words(record, state, credits_, words):
    """What was reported, else what is known of it: unknown is never 0, and an estimate is never a fact."""
    assert page.cost(record(state, credits=credits_)) == words


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("waiting", "price not known here"),
        ("fetched", "not reported"),
        ("unknown", "unknown"),
        ("lost", "unknown"),
    ],
)
def test_the_cost_of_a_model_without_a_price(record, state, words):
    """No number is made up."""
    assert page.cost(record(state, model="any/id")) == words


@pytest.mark.parametrize("state", ["waiting", "fetched", "fail"])
def test_a_simulated_price_is_never_money(record, state):
    """It is free, and says what the same would cost; and its card says SIMULATED."""
    run = record(state, service="simulator", credits=60.0)

    assert page.cost(run).startswith("free")
    assert ("at Kie.ai" in page.cost(run)) == ("at Kie.ai" in run_page.card(run)) == (state != "fail")
    assert Card.SIMULATED in run_page.card(run)
    assert Card.SIMULATED not in run_page.card(record(state))


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (7.9, "0:07"), (754, "12:34"), (3723, "1:02:03"), (-5, "0:00")]
)
def test_a_clock(seconds, shown):
    """Minutes and seconds, hours where needed, never negative."""
    assert tables.clock(seconds) == shown


def test_links_to_files_work_from_the_notebook(record, tmp_path):
    """Relative to its folder, to what is a video by its bytes."""
    (tmp_path / "kie-runs" / "videos").mkdir(parents=True)
    (tmp_path / "kie-runs" / "videos" / "waves_s7.mp4").write_bytes(b"\0\0\0 ftypisom" + bytes(64))
    tags = Tags(run_page.card(record("fetched", video="videos/waves_s7.mp4")))

    assert ("href", "kie-runs/videos/waves_s7.mp4") in tags.attributes
    assert "waves_s7.mp4" in tags.text


@pytest.mark.parametrize("name", ["a b#c?.mp4", "javascript:x.mp4", "../x.mp4"])
def test_a_name_that_is_none_of_ours_is_no_link(record, name):
    """We give plain names alone; another in the ledger is not ours."""
    tags = Tags(run_page.card(record("fetched", video=f"videos/{name}")))

    assert "href" not in dict(tags.attributes)
