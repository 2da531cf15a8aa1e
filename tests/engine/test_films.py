"""Films that are joined of runs: nothing is bought, and they are kept, shown and found as runs are."""

import json
import shutil

import av
import pytest

import kie_nb as kie
from kie_nb.handles import get_session
from kie_nb.ledger.states import State
from kie_nb.notebook.run_cell import cell_of, promise_of
from kie_nb.notebook.run_page import card

SHORT_S = 60
TEXT = "wan/2-5-text-to-video"


def frames(path):
    with av.open(str(path)) as film:
        return sum(1 for _ in film.decode(video=0))


@pytest.fixture
def service(simulate):
    return simulate()


@pytest.fixture
def clips(service):
    """Two videos."""
    asked = [kie.generate(f"Clip {word}.", model=TEXT, seed=7) for word in ("one", "two")]
    return [run.wait(SHORT_S) for run in asked]


def money():
    return get_session().here.figures("kie")


@pytest.mark.usefixtures("paid")  # it answers as Kie.ai, for money
def test_a_film_is_a_run_that_nobody_paid_for(clips, service, tmp_path):
    """It has a file, is found by its clips' prompts, and no sum, budget or count of the service knows of it."""
    before, calls = money(), service.counts.total()
    counts = get_session().here.counts()
    kie.budget(before.spent, per="day")  # not a credit more

    film = kie.join(clips, "film.mp4")

    assert (film.state, film.credits, film.is_film, film.task_id) == (State.FETCHED, 0.0, True, None)
    assert frames("film.mp4") == frames(film.video) == sum(frames(clip.video) for clip in clips)
    assert (tmp_path / "film.mp4").read_bytes() == film.video.read_bytes()
    assert list(kie.runs(text="clip two")) == [film, clips[1]]
    assert [found.id for found in kie.runs(model=film.model)] == [film.id]
    assert kie.get(film.id[:8]) is film
    assert film.wait(1) is film
    assert (money(), get_session().here.counts(), service.counts.total()) == (before, counts, calls)
    assert kie.doctor().findings == ()
    shown = card(film)
    assert "free (joined here)" in shown
    assert f"run {clips[0].id[:8]}" in shown


def test_both_sides_remember_the_joint(clips):
    """The film names its clips, each clip the film; the file names them too, with their requests."""
    film = kie.join(clips, "film.mp4")

    parts = film.row.origin["parts"]
    assert [(part["run"], part["sha256"]) for part in parts] == [
        (run.id, run.row.video_sha256) for run in clips
    ]
    assert [run.history()[-1]["evidence"] for run in clips] == [{"joined in": film.id}] * 2
    with av.open("film.mp4") as file:
        note = json.loads(file.metadata["comment"])
    assert [part["request"]["input"]["prompt"] for part in note["parts"]] == ["Clip one.", "Clip two."]
    assert (note["run"], note["service"], note["credits"]) == (film.id, "simulator", 0.0)
    assert kie.read_request("film.mp4").prompt == "Clip one. / Clip two."


def test_the_same_clips_are_joined_once(clips):
    """Run All shows the film there is; by the files it is the same one; in another order it is another."""
    film = kie.join(clips, "film.mp4")
    made = film.video.stat().st_mtime_ns

    again = kie.join([clips[0].video, clips[1]], "film.mp4")
    backwards = kie.join(clips[::-1])

    assert again is film
    assert film.video.stat().st_mtime_ns == made
    assert backwards.id != film.id
    text = cell_of(film)
    assert eval(text.splitlines()[-1], {"kie": kie}) is film  # noqa: S307 - what a user would do with it
    assert promise_of(film) == "Running it shows this film and spends nothing."


def test_a_film_whose_file_is_gone_is_joined_again(clips, service):
    """The service is not asked for it: by nobody who looks, and not by the doctor."""
    film = kie.join(clips, "first.mp4")
    name = film.video.name
    film.video.unlink()
    calls = service.counts.total()

    (finding,) = kie.doctor().findings
    kie.resume()
    film.wait(1)
    film.show()

    assert (finding.kind, finding.is_mended) == ("missing", False)
    assert "kie.join" in finding.done
    assert service.counts.total() == calls
    assert kie.join(clips) is film
    assert film.is_here
    assert film.video.name == name
    assert len(kie.runs(model=film.model)) == 1


def test_a_film_is_asked_for_nowhere(clips, service):
    """Neither another seed nor once more: it is no request of a service."""
    film = kie.join(clips)
    calls = service.counts.total()

    with pytest.raises(kie.InvalidRequest, match="joined here"):
        get_session().another(film)
    with pytest.raises(kie.InvalidRequest, match="nothing to settle"):
        film.resend(yes=True)

    assert service.counts.total() == calls


def test_a_film_goes_through_an_export(clips, monkeypatch, tmp_path):
    """With its parts; elsewhere it is whole, free and found."""
    film = kie.join(clips, "film.mp4")
    kie.export("out")
    monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / "elsewhere"))

    kie.import_runs("out")

    there = kie.get(film.id)
    assert there.video.read_bytes() == film.video.read_bytes()
    assert there.row.origin["parts"] == film.row.origin["parts"]
    assert there.credits == 0.0
    assert (
        kie.join([kie.get(clip.id).video for clip in clips]).id != film.id
    )  # exported videos carry a note: other bytes


def test_films_of_simulated_clips_say_so(simulate):
    """One simulated clip among others is enough; its mark goes with its file."""
    simulate()
    run = kie.generate("A hill.", model=TEXT, seed=7).wait(SHORT_S)
    kie.export("out")
    exported = next((run.ledger.home.parent / "out" / "videos").glob("*.mp4"))

    film = kie.join([exported, exported])

    assert film.service == "simulator"
    assert "SIMULATED" in repr(film)


def test_nothing_but_a_film_is_replaced(clips, tmp_path):
    """What is at the path stays, unless it is a film of before."""
    notes = tmp_path / "notes.mp4"
    notes.write_text("mine")
    mine = shutil.copy(clips[0].video, tmp_path / "mine.mp4")

    for path, words in (
        (notes, "no film"),
        (mine, "no film"),
        (clips[0].video, "one of the clips"),
        ("film.avi", "an MP4"),
    ):
        with pytest.raises(kie.InvalidRequest, match=words):
            kie.join(clips, path)
    kie.join(clips, "film.mp4")
    longer = kie.join([*clips, clips[0]], "film.mp4")

    assert notes.read_text() == "mine"
    assert (tmp_path / "film.mp4").read_bytes() == longer.video.read_bytes()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "two clips"),
        ("clip.mp4", "two clips"),
        (["no.mp4", "no.mp4"], "no.mp4 cannot be read"),
        (["page.mp4"] * 2, "not a video"),
    ],
)
def test_what_cannot_be_joined_is_refused(tmp_path, given, words):
    """By its name, before anything is kept."""
    (tmp_path / "page.mp4").write_text("<html>")

    with pytest.raises(kie.InvalidRequest, match=words):
        kie.join(given)

    assert list(kie.runs()) == []
