"""A task that makes several files: each is known by its own number, hash and size, here and wherever it is brought to."""

import contextlib
import sqlite3

import pytest
from madefolder import hash_of

import kie_nb as kie
from kie_nb import settings
from kie_nb.engine import fetching, get_session
from kie_nb.engine.intact import as_fetched
from kie_nb.simulator import Fault
from kie_nb.simulator.draw import Plan, draw

SHORT_S = 60
TWO = Fault(call="record", kind="two_urls")


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    """A whole video that no task here has made."""
    video = tmp_path_factory.mktemp("stranger") / "x.mp4"
    draw(Plan(prompt="x", seed=8, seconds=1, short_side=720, model="m", tiny=True), video)
    return video


@pytest.fixture
def simulator(simulate):
    """A service whose tasks make two files each."""
    return simulate(faults=[TWO])


@pytest.fixture
def run(simulator, ask):
    """A finished run with both of its files."""
    return ask().wait(SHORT_S)


@pytest.fixture
def lacking(simulate, ask, monkeypatch):
    """A finished run of which one file does not come for now: ``lacking(1)``."""
    monkeypatch.setattr(fetching, "FETCH_PAUSES_S", (0.0,))

    def make(number):
        simulator = simulate(faults=[TWO, Fault(call="download", kind="expired", match=f"_{number}.mp4")])
        return simulator, ask().wait(SHORT_S)

    return make


def ledger():
    return get_session().ledger(settings.current().home)


def only(report):
    """The one finding of a report."""
    assert len(report) == 1, report
    return report.findings[0]


def cut(path, _stranger):
    path.write_bytes(path.read_bytes()[:-100])


def swap(path, stranger):
    path.write_bytes(stranger.read_bytes())


def flip(path, _stranger):
    content = path.read_bytes()
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


def forget_facts_of_files():
    """The ledger as a kie_nb has left it that kept hash and size of the first file alone."""
    with contextlib.closing(sqlite3.connect(settings.current().home / "ledger.sqlite")) as db, db:
        db.execute("UPDATE run SET files = NULL, files_made = NULL")


# --- on disk ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("harm", [cut, swap, flip])
@pytest.mark.parametrize("position", [0, 1])
def test_an_altered_file_is_found_and_fetched_again(run, simulator, stranger, position, harm):
    """Whichever of them it is: cut short, another whole video in its place, one bit of it."""
    path = run.videos[position]
    content = path.read_bytes()
    harm(path, stranger)
    spoilt = path.read_bytes()

    assert as_fetched(run) == "altered"
    found = only(kie.doctor())
    assert (found.kind, found.file, found.is_mended) == ("altered", path.name, True)
    assert found.done == f"fetched; what was there is kept as {path.name}.altered"
    assert path.read_bytes() == content
    assert path.with_name(f"{path.name}.altered").read_bytes() == spoilt
    assert as_fetched(run) == ""
    assert kie.doctor().is_well
    assert simulator.counts["create_requests"] == 1


@pytest.mark.parametrize("position", [0, 1])
def test_a_file_that_is_gone_is_missed(run, position):
    """By the doctor and by whatever asks whether the run is whole."""
    run.videos[position].unlink()

    assert as_fetched(run) == "missing"
    found = only(kie.doctor())
    assert (found.kind, found.file, found.done) == ("missing", run.videos[position].name, "fetched")
    assert as_fetched(run) == ""


def test_other_bytes_than_the_first_time_are_told_of_each_file(run, simulator, stranger):
    """The second is compared with the second; what came is what is checked from then on."""
    simulator.tasks[0].video.write_bytes(stranger.read_bytes())
    run.videos[1].unlink()

    found = only(kie.doctor())
    assert found.done == "fetched, but the service sent other bytes than the first time"
    evidence = run.history()[-1]["evidence"]
    assert evidence["fetched again"] == run.videos[1].name
    assert evidence["before"] == run.row.video_sha256 != evidence["sha256"] == hash_of(stranger)
    assert (run.row.video_sha256, run.row.video_bytes) == (
        hash_of(run.video),
        run.video.stat().st_size,
    )
    assert kie.doctor().is_well


def test_a_file_that_comes_late_is_checked_from_then_on(lacking, stranger):
    """The first one came second: it stands second, and has its own hash."""
    simulator, run = lacking(0)
    simulator.set_faults([TWO])
    kie.doctor()
    late = run.videos[1]
    assert late.stem.endswith(run.video.stem.removesuffix("_2"))
    swap(late, stranger)

    assert (only(kie.doctor()).file, kie.doctor().is_well) == (late.name, True)


def test_the_history_tells_which_file_had_which_hash(run):
    """By number: a hash alone says nothing where there are two."""
    fetched = run.history()[-1]["evidence"]["fetched"]

    assert [one["number"] for one in fetched] == [0, 1]
    assert [one["sha256"] for one in fetched] == [hash_of(path) for path in run.videos]


def test_an_old_ledger_is_not_told_what_it_did_not_write_down(run, stranger):
    """Of its second file no hash is known: it is there and whole, and nothing is invented. A copy that comes is known."""
    swap(run.videos[1], stranger)
    forget_facts_of_files()
    run._update(ledger().get(run.id))

    assert run.row.files is None
    assert run.missing == ()
    assert as_fetched(run) == ""
    assert kie.doctor().is_well
    run.videos[1].unlink()
    assert only(kie.doctor()).done == "fetched"
    swap(run.videos[1], stranger)
    assert only(kie.doctor()).kind == "altered"
