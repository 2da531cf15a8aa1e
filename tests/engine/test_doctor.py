"""A look at every file: each finding is told, what can be had again is fetched, and nothing is ever bought."""

import datetime as dt
import os
import time
from dataclasses import asdict, replace

import pytest
from hurry import hurry
from kernelforks import script
from madefolder import RUN_ID, make_folder

import kie_nb as kie
from kie_nb import settings
from kie_nb.fileops import hash_of
from kie_nb.handles import get_session
from kie_nb.ledger import owner
from kie_nb.simulator import Fault

SHORT_S = 60
LONG_AGO = time.time() - 7200


@pytest.fixture
def simulator(simulate):
    return simulate()


@pytest.fixture
def run(simulator, ask):
    """A finished run of the simulator."""
    return ask().wait(SHORT_S)


@pytest.fixture
def imported(cat, tmp_path):
    """A finished run that is here without a service."""
    kie.import_runs(make_folder(tmp_path / "made", cat))
    return kie.get(RUN_ID)


def ledger():
    return get_session().ledger(settings.current().home)


def only(report):
    """The one finding of a report."""
    assert len(report) == 1, report
    return report.findings[0]


def hours_ago(hours):
    return (dt.datetime.now(dt.UTC) - dt.timedelta(hours=hours)).isoformat(timespec="microseconds")


def test_all_is_well(run, simulator):
    """Nothing is found, nothing is asked of the service, and previews and posters belong to their videos."""
    for end in ("preview.mp4", "poster.jpg"):
        run.video.with_name(f"{run.video.stem}.{end}").write_bytes(b"x")
    before = sum(simulator.counts.values())
    report = kie.doctor()

    assert report.is_well
    assert len(report) == 0
    assert (report.runs, report.files) == (1, 2)
    assert "all are there, whole and unchanged" in repr(report)
    assert sum(simulator.counts.values()) == before


def test_an_empty_folder_is_well():
    """Before the first run there is nothing to say."""
    assert kie.doctor().is_well


def test_a_missing_file_is_fetched_again(run, simulator):
    """From its live link, the same bytes, and no task is created."""
    content = run.video.read_bytes()
    run.video.unlink()
    found = only(kie.doctor())

    assert (found.kind, found.done, found.is_mended) == ("missing", "fetched", True)
    assert run.video.read_bytes() == content
    assert simulator.counts["create_requests"] == 1
    assert run.history()[-1]["evidence"]["fetched again"] == run.video.name
    assert kie.doctor().is_well


def test_only_looking_changes_nothing(run, simulator):
    """With `mend=False` it is told and left."""
    run.video.unlink()
    before = sum(simulator.counts.values())
    report = kie.doctor(mend=False)

    assert only(report).done == "it was only looked at"
    assert not report.is_well
    assert not run.video.exists()
    assert sum(simulator.counts.values()) == before


def test_a_dead_link_is_replaced_by_a_fresh_one(run, simulator):
    """The download-url call gives one for as long as the service has the file."""
    run.video.unlink()
    simulator.set_faults([Fault(call="download", kind="expired", times=1)])

    assert only(kie.doctor()).is_mended
    assert run.video.exists()


@pytest.mark.parametrize(
    "urls",
    [
        pytest.param(["http://127.0.0.1:9/x.mp4"], id="another port"),
        pytest.param(None, id="no link was kept"),
    ],
)
def test_the_task_is_asked_where_no_link_is_known(run, urls):
    """A simulator that was started again answers at another address; its tasks are the same."""
    run.video.unlink()
    ledger().move(run.id, "fetched", expect={"fetched"}, urls=urls)

    assert only(kie.doctor()).is_mended
    assert run.video.exists()


def test_what_cannot_be_fetched_is_told_and_the_run_stays_as_it_is(run, simulator):
    """With the reason; the ledger still knows what the file was."""
    before = asdict(run.row)
    run.video.unlink()
    simulator.set_faults([Fault(call="download", kind="expired")])
    found = only(kie.doctor())

    assert not found.is_mended
    assert found.done.startswith("cannot be fetched again: ")
    assert asdict(kie.get(run.id).row) == before
    assert not list(run.video.parent.glob(".*"))


def test_an_altered_file_is_kept_beside_the_fetched_one(run):
    """Whatever somebody has done to it may be their work: each version gets a name of its own."""
    content = run.video.read_bytes()
    poster = run.video.with_name(f"{run.video.stem}.poster.jpg")
    versions = [
        (content[:-100], "bytes in place of"),
        (content + b"x", "bytes in place of"),
        (content[:-1] + bytes([content[-1] ^ 1]), "its hash is another"),
        (b"<html>", "6 bytes of HTML"),
        (b"", "an empty file"),
    ]
    for spoilt, words in versions:
        run.video.write_bytes(spoilt)
        poster.write_bytes(b"of the altered one")
        found = only(kie.doctor())

        assert (found.kind, found.is_mended) == ("altered", True)
        assert words in found.what
        assert run.video.read_bytes() == content
        assert not poster.exists()
    kept = [run.video.with_name(f"{run.video.name}.altered{end}") for end in ("", "-2", "-3", "-4", "-5")]
    assert [path.read_bytes() for path in kept] == [spoilt for spoilt, _ in versions]
    assert kie.doctor().is_well


def test_an_altered_file_that_cannot_be_replaced_stays(run, simulator):
    """Nothing is moved before the other is there."""
    run.video.write_bytes(b"mine")
    simulator.set_faults([Fault(call="download", kind="expired")])

    assert not only(kie.doctor()).is_mended
    assert run.video.read_bytes() == b"mine"
    assert not list(run.video.parent.glob("*.altered"))


def test_a_file_as_recorded_that_is_no_video(run, simulator):
    """Its hash is right, and still nobody can watch it."""
    run.video.write_bytes(b"<html>")
    ledger().move(
        run.id,
        "fetched",
        expect={"fetched"},
        evidence={"x": 1},
        files=(replace(run.row.files[0], sha256=hash_of(run.video), bytes=6),),
    )
    found = only(kie.doctor())

    assert (found.kind, found.is_mended) == ("not a video", True)
    assert "other bytes than the first time" in found.done


def test_a_stranger_is_told_and_left(imported, tmp_path):
    """A file that no run has; an exported one says whose it is."""
    stranger = imported.video.with_name("holiday.mp4")
    stranger.write_bytes(b"mine")
    kie.export(tmp_path / "out")
    copy = imported.video.with_name("copy.mp4")
    copy.write_bytes(next((tmp_path / "out" / "videos").glob("*.mp4")).read_bytes())
    report = kie.doctor()

    assert report.counts == {"unreferenced": 2}
    assert {found.file for found in report.findings} == {"holiday.mp4", "copy.mp4"}
    assert imported.id[:8] in next(found.what for found in report.findings if found.file == "copy.mp4")
    assert stranger.read_bytes() == b"mine"


def test_what_dead_processes_left_is_removed_and_what_lives_is_not(imported):
    """Half files by their process and their age; those of a running download stay."""
    told = "from kie_nb.ledger import owner; print(owner.mark())"
    done = script("-c", told, check=True)
    dead, alive = done.stdout.strip(), owner.mark()
    folder, inputs = imported.video.parent, imported.video.parent.parent / "inputs"
    left = [
        folder / f"a.mp4.1.{dead}.incoming.part",
        folder / f"b.mp4.2.{dead}.incoming",
        folder / "g.mp4.1.4711.incoming",  # of an earlier version
        inputs / f"{'c' * 64}.png.{'0' * 32}.part",
        inputs / f"chelsea-1234abcd.png.{'0' * 32}.part",
    ]
    left.append(folder / ".d.mp4.0a1b2c3d.part")
    lives = [folder / f"e.mp4.1.{dead}.incoming.part", folder / f"f.mp4.1.{alive}.incoming"]
    for path in (*left, *lives):
        path.write_bytes(b"half")
    for path in left:
        os.utime(path, (LONG_AGO, LONG_AGO))
    os.utime(lives[1], (time.time() - 300,) * 2)
    (folder / ".again-0a1b2c3d").mkdir()
    os.utime(folder / ".again-0a1b2c3d", (LONG_AGO, LONG_AGO))
    report = kie.doctor()

    assert report.counts == {"left over": 7}
    assert report.is_well
    assert [path for path in left if path.exists()] == []
    assert all(path.exists() for path in lives)


@pytest.mark.parametrize(
    ("hours", "kind"), [pytest.param(1, "not fetched", id="fresh"), pytest.param(19, "link expires", id="about to expire")]
)  # fmt: skip
def test_a_success_that_was_not_fetched_is_fetched(run, simulator, hours, kind):
    """Its process died between the end of the task and the download; its link lives about a day."""
    name = run.video
    name.unlink()
    ledger().move(run.id, "success", expect={"fetched"}, files=(), completed_at=hours_ago(hours))
    found = only(kie.doctor())

    assert (found.kind, found.done, found.is_mended) == (kind, "fetched", True)
    again = kie.get(run.id)
    assert (again.state, again.video) == ("fetched", name)
    assert again.wait(SHORT_S) is again
    assert simulator.counts["create_requests"] == 1


def test_a_task_that_nobody_follows_is_told(imported):
    """It may be made by now, and its link about to die."""
    ledger().move(imported.id, "success", expect={"fetched"})
    ledger().move(imported.id, "accepted", expect={"success"}, accepted_at=hours_ago(20), owner=None)
    found = only(kie.doctor())

    assert (found.kind, found.done) == ("open", "`%kie resume` takes it up")


def test_a_picture_that_is_gone_is_told_once(run, ask):
    """It cannot be fetched, once its upload is gone too; two runs have used it."""
    ask("The cat yawns.").wait(SHORT_S)
    next((run.video.parent.parent / "inputs").iterdir()).unlink()
    run.ledger.forget_upload(run.row.account, run.request.image.sha256)
    found = only(kie.doctor())

    assert found.kind == "no picture"
    assert "chelsea.png" in found.what
    assert "and of 1 more is missing" in found.what
    assert not found.is_mended


def test_a_picture_that_is_gone_is_fetched_from_where_it_was_sent(run):
    """While the upload lives: its bytes are compared with those that were sent."""
    picture = next((run.video.parent.parent / "inputs").iterdir())
    before = picture.read_bytes()
    picture.unlink()

    assert only(kie.doctor()).is_mended
    assert picture.read_bytes() == before


def test_an_altered_picture_is_told(imported):
    """A repetition would be of another picture."""
    picture = next((imported.video.parent.parent / "inputs").iterdir())
    picture.write_bytes(b"x")

    assert "was altered" in only(kie.doctor()).what


def test_the_table_shows_every_finding_and_escapes_names(imported):
    """HTML in a notebook, text elsewhere; a file's name is text in both."""
    imported.video.with_name("<b>\n.mp4").write_bytes(b"x")
    imported.video.unlink()
    report = kie.doctor(mend=False)

    html, text = report._repr_html_(), repr(report)
    assert html.count("<tr>") == 3
    assert "<b>" not in html
    assert "&lt;b&gt;" in html
    assert len(text.splitlines()) == 4
    assert imported.id[:8] in text


def test_a_whole_folder_is_looked_at_at_once(run, simulator, ask):
    """Several kinds in one report, each mended by itself."""
    other = ask("The cat yawns.").wait(SHORT_S)
    run.video.unlink()
    other.video.write_bytes(b"x")
    report = kie.doctor()

    assert report.counts == {"missing": 1, "altered": 1}
    assert "2 mended, 0 not" in repr(report)
    assert simulator.counts["create_requests"] == 2


TWO = Fault(call="record", kind="two_urls")


@pytest.fixture
def one_of_two(simulate, ask, monkeypatch):
    """A run whose task made two files of which one does not come for now: ``one_of_two(dead=1)``."""
    hurry(fetch_pauses_s=(0.0,))

    def make(dead):
        simulator = simulate(faults=[TWO, Fault(call="download", kind="expired", match=f"_{dead}.mp4")])
        run = ask().wait(SHORT_S)
        return simulator, run

    return make


@pytest.mark.parametrize("dead", [0, 1])
def test_what_came_is_kept_and_what_did_not_is_named(one_of_two, ask, dead):
    """A dead link beside a good one: the paid video is there, the other is never called complete, and comes later."""
    simulator, run = one_of_two(dead)

    assert (run.state, run.missing, len(run.videos)) == ("fetched", (dead,), 1)
    assert run.video.exists()
    assert f"File {dead + 1} of 2 has not come yet" in repr(run)
    assert ask() is run
    found = only(kie.doctor())
    assert (found.kind, found.is_mended) == ("not fetched", False)

    simulator.set_faults([])
    first = run.video
    found = only(kie.doctor())
    assert (found.kind, found.done, found.is_mended) == ("not fetched", "fetched", True)
    assert (run.video, run.missing, len(run.videos)) == (first, (), 2)
    assert all(path.exists() for path in run.videos)
    assert kie.doctor().is_well
    assert simulator.counts["create_requests"] == 1


def test_resuming_fetches_what_has_not_come(one_of_two):
    """While its link lives."""
    simulator, run = one_of_two(1)
    simulator.set_faults([])

    assert run in kie.resume()
    assert run.wait(SHORT_S).missing == ()
    assert kie.doctor().is_well


def test_no_file_of_several_is_no_success(simulate, ask, monkeypatch):
    """Nothing came: the run is not done, and says so."""
    hurry(fetch_pauses_s=())
    simulate(faults=[TWO, Fault(call="download", kind="expired")])
    run = ask()
    with pytest.raises(kie.DownloadFailed):
        run.wait(SHORT_S)
    assert run.state == "success"


@pytest.mark.parametrize("is_known", [True, False])
def test_every_file_of_a_success_is_fetched(simulate, ask, is_known):
    """A task may make several: all is well only when all are here."""
    simulator = simulate(faults=[TWO])
    run = ask().wait(SHORT_S)
    for path in run.videos:
        path.unlink()
    urls = run.row.urls if is_known else None
    ledger().move(run.id, "success", expect={"fetched"}, files=(), urls=urls)
    report = kie.doctor()

    assert [(found.kind, found.done) for found in report.findings] == [("not fetched", "fetched")] * 2
    assert len(run.videos) == 2
    assert all(path.exists() for path in run.videos)
    assert kie.doctor().is_well
    assert simulator.counts["create_requests"] == 1


def test_each_file_comes_from_its_own_link(one_of_two):
    """The second one came first and stands first: when it is gone, it is not the first link that brings it back."""
    _, run = one_of_two(0)
    name = run.video.name
    run.video.unlink()

    assert "missing" in {found.kind for found in kie.doctor().findings if found.is_mended}
    assert run.video.name == name
    assert run.video.exists()
    assert run.missing == (0,)
