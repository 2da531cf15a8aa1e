"""Data never names a path: whatever a row calls its file, nothing outside the home is read, shown, copied, written or removed."""

import hashlib
import shutil
import threading

import pytest
from badfolder import STORED, BadFolder, text

import kie_nb as kie
from kie_nb import settings
from kie_nb.cli import main
from kie_nb.notebook.gallery import media
from kie_nb.notebook.video import show_video
from kie_nb.simulator import Simulator

SHORT_S = 60
LONG_AGO = 1_000_000_000
HANGS_S = 30  # a pipe that is read is waited for without end


@pytest.fixture(scope="module")
def simulator():
    with Simulator(tiny=True, speed=50.0, creates_per_window=10_000) as simulator:
        yield simulator


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Where a home with one finished run is kept, once there is one."""
    return tmp_path_factory.mktemp("finished") / "kie-runs"


@pytest.fixture
def define(cat, simulator, monkeypatch):
    """The experiment that the run is of; asking for it buys nothing."""
    monkeypatch.setenv("KIE_BASE_URL", simulator.base_url)
    monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "10000")
    return lambda: kie.Experiment("smile", prompt="The cat smiles.", image=cat, seed=[7])


@pytest.fixture
def bad(define, finished, tmp_path, monkeypatch):
    """A home with a finished run of an experiment, and what it must not reach."""
    if not finished.exists():
        monkeypatch.setenv("KIE_NB_HOME", str(finished))
        define().run().wait(SHORT_S)
        monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / "kie-runs"))
    shutil.copytree(finished, tmp_path / "kie-runs")
    return BadFolder(tmp_path)


def doors(exp, out):
    """Everything that shows or hands out what a run has: what comes of each."""
    run = exp.runs[0]
    return {
        "the run": lambda: repr(run),
        "the table of runs": lambda: kie.runs()._repr_html_(),
        "a card": lambda: show_video(run)._repr_html_() if run.video else "",
        "a card of the whole file": lambda: show_video(run, embed="full")._repr_html_() if run.video else "",
        "a tile of the gallery": lambda: media.picture(run.video) if run.video else "",
        "a video of the gallery": lambda: media.moving(run.video)[0],
        "the wall": lambda: kie.wall([run]).save(out / "wall.html"),
        "the report": lambda: exp.report(out / "report.html"),
        "the report beside its videos": lambda: exp.report(out / "light.html", embed_mb=0) and out,
        "an export": lambda: kie.export(out / "export", [run]).folder,
        "the crate": lambda: exp.export_crate(out / "crate"),
        "the table of cells": lambda: exp.export_data(out / "cells.csv"),
        "a comparison": lambda: kie.compare(run, run)._repr_html_(),
        "a look of the doctor": lambda: main(["doctor", "--look"]) and "",
    }


def what_comes_of(door):
    """The outcome of a door, or its error in words; a door that hangs is told."""
    outcome = []

    def act():
        try:
            outcome.append(door())
        except (kie.KieError, OSError) as exc:
            outcome.append(str(exc))

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    thread.join(HANGS_S)
    assert outcome, "it hangs, or failed in a way of its own"
    return outcome[0]


def leaks(bad, exp, out):
    """The doors through which something of the outside came."""
    out.mkdir()
    return [name for name, door in doors(exp, out).items() if bad.is_in(what_comes_of(door))]


@pytest.mark.parametrize("stored", STORED)
def test_nothing_outside_comes_through_any_door(bad, define, tmp_path, stored):
    """The file that the row names is none: it is neither read nor shown, and the run is what it was."""
    bad.set_files(STORED[stored](bad))
    bad.settle()
    exp = define()

    assert leaks(bad, exp, tmp_path / "out") == []
    assert not bad.is_in(tmp_path / "out")
    assert bad.is_untouched()
    assert exp.runs[0].video is None
    assert str(exp.runs[0].state) == "fetched"


@pytest.mark.parametrize("stored", ["an absolute path to a film", "upwards", "a link to a text"])
def test_a_second_file_is_judged_as_the_first(bad, define, tmp_path, stored):
    """A task may have made several."""
    own = f"videos/{next(bad.videos.glob('*[0-9a-f].mp4')).name}"
    bad.set_files(own, STORED[stored](bad))
    exp = define()

    assert leaks(bad, exp, tmp_path / "out") == []
    assert bad.is_untouched()
    assert len(exp.runs[0].videos) == 1


def test_the_run_says_why_it_has_no_video(bad, define):
    """Wherever it is shown; its state stays, for the video was fetched."""
    bad.set_files("../outside/film.mp4")
    run = define().runs[0]

    for words in (repr(run), kie.runs()._repr_html_(), " ".join(run.remarks)):
        assert "it is not read" in words
    assert "film" not in repr(run)


def test_a_text_with_the_name_of_a_video_is_not_handed_out(bad, define, tmp_path):
    """A plain file in its place, as the row says, and no video by its bytes."""
    bad.set_files(text(bad))
    exp = define()

    assert leaks(bad, exp, tmp_path / "out") == []
    assert not bad.is_in(tmp_path / "out")


@pytest.mark.parametrize("target", ["secret", "photo", "film"])
@pytest.mark.parametrize("ending", ["preview.mp4", "poster.jpg", "tile.jpg", "thumb.jpg"])
def test_what_is_kept_beside_a_video_is_no_link(bad, define, tmp_path, ending, target):
    """A still or a small copy that leads elsewhere is made anew, in its own place."""
    video = define().runs[0].video
    beside = video.with_name(f"{video.stem}.{ending}")
    beside.unlink(missing_ok=True)
    beside.symlink_to(getattr(bad, target))

    assert leaks(bad, define(), tmp_path / "out") == []
    assert bad.is_untouched()


def a_link_by_its_hash(bad):
    sha256 = hashlib.sha256(bad.photo.read_bytes()).hexdigest()
    (bad.inputs / f"{sha256}.png").symlink_to(bad.photo)
    return sha256


def linked_inputs(bad):
    sha256 = hashlib.sha256(bad.photo.read_bytes()).hexdigest()
    bad.photo.rename(bad.outside / f"{sha256}.png")
    shutil.rmtree(bad.inputs)
    bad.inputs.symlink_to(bad.outside)
    return sha256


def kept_as(bad, name):
    shutil.copy(bad.photo, bad.inputs / f"{name}.png")
    return name


HASHES = {
    "upwards": lambda _: "../../outside/photo",
    "absolute": lambda bad: str(bad.outside / "photo"),
    "a link": a_link_by_its_hash,
    "a linked folder": linked_inputs,
    "upper case": lambda bad: kept_as(bad, hashlib.sha256(bad.photo.read_bytes()).hexdigest().upper()),
    "a newline": lambda bad: kept_as(bad, hashlib.sha256(bad.photo.read_bytes()).hexdigest() + "\n"),
    "a word": lambda bad: kept_as(bad, "photo"),
}


@pytest.mark.parametrize("named", HASHES)
def test_a_picture_is_found_by_a_hash_and_nothing_else(bad, define, tmp_path, named):
    """What a row calls the hash of its picture may be a path; what has its name may be a link."""
    sha256 = HASHES[named](bad)
    bad.set_picture(sha256)
    bad.settle()
    exp, out = define(), tmp_path / "out"
    out.mkdir()
    for door in (lambda: kie.export(out / "export", exp.runs), lambda: exp.export_crate(out / "crate")):
        what_comes_of(door)
    what_comes_of(lambda: exp.report(out / "report.html", compare=False))

    page = out / "report.html"
    assert not page.exists() or "First frames that were sent" not in page.read_text()
    assert not bad.is_in(out)
    assert bad.is_untouched()


@pytest.mark.parametrize(
    ("holds", "is_taken"),
    [(("letter.txt",), False), (None, False), ((), True), (("ledger.sqlite", "letter.txt"), True)],
    ids=["a user's files", "nothing, as it is not there", "nothing", "runs"],
)
def test_a_linked_folder_of_runs_leads_to_runs_or_to_nothing(tmp_path, monkeypatch, holds, is_taken):
    """A link comes along with a folder of somebody else; who names the folder may have it wherever it is."""
    target, beside = tmp_path / "target", tmp_path / "beside"
    beside.mkdir()
    if holds is not None:
        target.mkdir()
    for name in holds or ():
        (target / name).write_bytes(b"")
    (beside / "kie-runs").symlink_to(target)
    monkeypatch.chdir(beside)
    monkeypatch.delenv("KIE_NB_HOME", raising=False)

    if is_taken:
        assert settings.current().home == target
    else:
        with pytest.raises(kie.InvalidRequest, match="is a link to") as caught:
            settings.current()
        assert "nothing" in caught.value.charged
    monkeypatch.setenv("KIE_NB_HOME", "kie-runs")
    assert settings.current().home == target
