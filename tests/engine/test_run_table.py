"""The table of runs: what it shows of a video, a link and a cost, and the data frame made of it."""

import base64
import gc
import io
import re
import time
import weakref
from dataclasses import replace

import pytest
from PIL import Image

import kie_nb as kie
from kie_nb.notebook import run_list, run_page
from kie_nb.notebook.card_data import card_data_of
from kie_nb.notebook.gallery.tiles import tile

SHORT_S = 60


@pytest.fixture
def done(simulate, ask):
    simulate()
    return ask("The cat <b>smiles</b>.", seed=1).wait(SHORT_S).tag("good").rate(4)


def test_a_still_of_each_video_leads_to_its_file(done):
    """It is small, made once, and a link from the notebook; the prompt is text."""
    text = kie.runs()._repr_html_()

    (picture,) = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', text)
    with Image.open(io.BytesIO(base64.b64decode(picture))) as still:
        assert max(still.size) == 128
    assert f'href="kie-runs/videos/{done.video.name}"' in text
    assert "&lt;b&gt;smiles" in text
    assert text == kie.runs()._repr_html_()
    assert kie.doctor().is_well  # the still belongs to the video


def test_a_team_sees_who_asked(simulate, ask, monkeypatch):
    """By the name that the user sets; the one who uses this machine, without such a name, is no news."""
    simulate()
    mine = ask(seed=2).wait(SHORT_S)
    monkeypatch.setenv("KIE_NB_USER", "ana@far")
    hers = ask(seed=3).wait(SHORT_S)

    assert [run.id for run in kie.runs(by="ana")] == [hers.id]
    assert ("asked for by", "ana@far") in run_list.details(hers)
    assert dict(card_data_of(hers).details)["asked for by"] == "ana@far"
    assert tile(hers)["by"] == "ana@far"
    assert "asked for by" not in dict(run_list.details(mine))


def test_stills_that_take_long_come_later(done, monkeypatch):
    """A table of many runs is there at once; what is made already is shown."""
    monkeypatch.setattr(run_list, "THUMBNAILS_S", -1.0)
    assert "data:image" not in kie.runs()._repr_html_()
    assert ">open the video</a>" in kie.runs()._repr_html_()

    monkeypatch.undo()
    kie.runs()._repr_html_()
    monkeypatch.setattr(run_list, "THUMBNAILS_S", -1.0)
    assert "data:image" in kie.runs()._repr_html_()


def test_a_row_is_short_and_opens_to_the_rest(done):
    """State, still, prompt, seed, cost and date; ids and files are behind the row, and a refused run has no cost."""
    text = kie.runs()._repr_html_()
    row = re.sub(r"<details>.*</details>", "", text)

    assert all(f">{name}</th>" in text for name in ("State", "Prompt", "Seed,<br>cost", "Made<br>(UTC)"))
    assert ">Done</span>" in row
    assert done.id not in row
    assert done.id[:8] in row  # what `%kie show` takes
    assert re.search(
        rf"<details>.*{done.id}.*{done.task_id}.*{re.escape(done.video.name)}</a>.*</details>", text
    )
    assert run_list.cost(done) == "free"


def test_a_damaged_video_does_not_hide_its_run(done):
    """The row is there, without a picture."""
    done.video.write_bytes(b"no video")
    assert done.id[:8] in kie.runs()._repr_html_()


@pytest.mark.parametrize(
    ("completed_at", "words"),
    [("2026-01-01T09:30:59+00:00", "2026-01-02 09:30 UTC"), (None, "")],
)
def test_the_life_of_a_link_is_told(done, completed_at, words):
    """About a day from the task's end; nothing where there is no link."""
    done.ledger.move(done.id, "fetched", expect={"fetched"}, completed_at=completed_at)
    assert dict(run_list.details(done)).get("link until", "") == words


def test_what_a_saved_table_says_stays_true(done):
    """Moments, never "just now" or hours that are left: the notebook is opened again tomorrow."""
    for shown in (repr(kie.runs()), kie.runs()._repr_html_().replace("<br>", " ")):
        assert f"{done.created_at:%Y-%m-%d %H:%M}" in shown
        assert "just now" not in shown
        assert "24 h" not in shown


def test_a_video_of_another_length_is_pointed_out(done):
    """The file is what the service made; that it is not what was asked for is said."""
    assert done.remarks == ()
    files = (replace(done.row.files[0], seconds=3.2),)
    done.ledger.move(done.id, "fetched", expect={"fetched"}, files=files)
    words = "Asked for 5 s; the video has 3.2 s."
    assert done.remarks == (words,)
    assert words in repr(done)
    assert words in run_page.finished_page("video", done, source="x.mp4", poster=None)
    report = kie.doctor()
    assert words[1:-1] in repr(report)
    assert report.is_well


@pytest.mark.parametrize(
    ("width", "height", "words"),
    [(1280, 720, ()), (960, 960, ()), (854, 480, ("Asked for 720p; the video has 854 × 480.",))],
)
def test_a_video_of_another_size_is_pointed_out(done, width, height, words):
    """The size that it is shown in is held against the lines that were asked for."""
    files = (replace(done.row.files[0], width=width, height=height),)
    done.ledger.move(done.id, "fetched", expect={"fetched"}, files=files)

    assert done.remarks == words
    assert all(
        sentence in run_page.finished_page("video", done, source="x.mp4", poster=None) for sentence in words
    )


def test_the_table_as_text_and_as_a_frame(done):
    """Columns have names, unknown is never 0, and a state is plain text."""
    assert "run" in repr(kie.runs()).splitlines()[1]
    assert done.video.name in repr(kie.runs())
    assert repr(kie.runs(state="fail")) == "No runs."

    frame = kie.runs().to_frame()
    assert list(frame["state"]) == ["done"]
    assert (frame["seed"][0], frame["rating"][0], frame["tags"][0]) == (1, 4, "good")
    nothing = kie.runs(state="fail").to_frame()
    inputs = {"enable_prompt_expansion", "nsfw_checker"}
    assert [name for name in frame.columns if name not in inputs] == list(nothing.columns)
    assert (nothing.dtypes == frame.drop(columns=[*inputs]).dtypes).all()


def test_a_state_that_does_not_exist_is_refused(done):
    """An empty table would say that there is none."""
    with pytest.raises(kie.InvalidRequest, match=r"did you mean 'fetched'[\s\S]+unknown \(outcome unknown\)"):
        kie.runs(state="fetch")


@pytest.mark.parametrize("state", ["fetched", "done", ["outcome unknown", "done"]], ids=str)
def test_a_state_is_named_as_the_table_shows_it_too(done, state):
    """Who reads "done" there asks for it."""
    assert list(kie.runs(state=state)) == [done]
    assert not kie.runs(state="downloading")


def test_runs_are_found_by_their_stars_and_by_a_date_as_text(done):
    """At least so many stars; a date is the beginning of its day here."""
    assert list(kie.runs(rating=4)) == list(kie.runs(since="2026-01-01")) == [done]
    assert not kie.runs(rating=5)
    assert not kie.runs(since="2999-01-01")
    assert not kie.runs(since="2999-01-01T10:00:00+00:00")
    for wrong in ({"rating": 0}, {"rating": 6}, {"since": "last week"}):
        with pytest.raises(kie.InvalidRequest, match=": use "):
            kie.runs(**wrong)


@pytest.mark.parametrize("go_on", [lambda _ask: kie.runs(), lambda ask: ask(seed=2)], ids=["list", "ask"])
def test_a_run_that_nobody_holds_is_let_go(simulate, ask, go_on):
    """Listing thousands must not keep them for the life of a kernel; whoever holds one gets the same one again."""
    simulate()
    held = ask(seed=1).wait(SHORT_S)
    assert kie.runs()[0] is held

    gone = weakref.ref(held)
    del held
    go_on(ask)
    until = time.monotonic() + SHORT_S
    while gone() is not None and time.monotonic() < until:  # its driver may be at its last lines
        gc.collect()
        time.sleep(0.01)
    assert gone() is None
    assert kie.runs(seed=1)[0].state == "fetched"
