"""A task that makes several files: each is known by its own number, hash and size, here and wherever it is brought to."""

import pytest
from hurry import hurry
from madefolder import hash_of, manifest_of

import kie_nb as kie
from kie_nb import settings
from kie_nb.handles import get_session
from kie_nb.operations.integrity import troubles, video_as_fetched
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
    hurry(fetch_pauses_s=(0.0,))

    def make(number):
        simulator = simulate(faults=[TWO, Fault(call="download", kind="expired", match=f"_{number}.mp4")])
        return simulator, ask().wait(SHORT_S)

    return make


def ledger():
    return get_session().ledger(settings.current().home)


def as_fetched(run):
    """What is wrong with the files of a run, all of which are asked of."""
    return next(iter(troubles(run).values()), "")


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


def test_what_looks_at_the_video_alone_is_not_stopped_by_another_file(run, stranger):
    """A wall shows the first; that the second was altered is the doctor's to say."""
    swap(run.videos[1], stranger)
    assert (as_fetched(run), video_as_fetched(run)) == ("altered", "")
    swap(run.videos[0], stranger)
    assert video_as_fetched(run) == "altered"


@pytest.mark.parametrize("position", [0, 1])
def test_a_file_that_is_gone_is_missed(run, position):
    """By the doctor and by whatever asks whether the run is whole."""
    run.videos[position].unlink()

    assert as_fetched(run) == "missing"
    found = only(kie.doctor())
    assert (found.kind, found.file, found.done) == ("missing", run.videos[position].name, "fetched")
    assert as_fetched(run) == ""


def test_a_cell_brings_back_what_is_gone_and_leaves_the_rest(run, ask, simulator, stranger):
    """The second was cut by its owner, say: it is not written over when the first is fetched again."""
    first, second = run.videos
    content = first.read_bytes()
    first.unlink()
    swap(second, stranger)

    again = ask().wait(SHORT_S)
    assert (again.id, first.read_bytes(), hash_of(second)) == (run.id, content, hash_of(stranger))
    assert only(kie.doctor()).file == second.name
    assert simulator.counts["create_requests"] == 1


def test_other_bytes_than_the_first_time_are_told_of_each_file(run, simulator, stranger):
    """The second is compared with the second; what came is what is checked from then on."""
    film = simulator.tasks[0].video
    simulator._world.studio.videos = stranger.parent / "films"  # other tests want the film as it was
    simulator._world.studio.videos.mkdir()
    (simulator._world.studio.videos / film.name).write_bytes(stranger.read_bytes())
    run.videos[1].unlink()

    found = only(kie.doctor())
    assert found.done == "fetched, but the service sent other bytes than the first time"
    evidence = run.history()[-1]["evidence"]
    assert evidence["fetched again"] == run.videos[1].name
    assert evidence["before"] == run.row.video_sha256 != evidence["sha256"] == hash_of(stranger)
    assert (run.row.video_sha256, run.row.files[0].bytes) == (
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


# --- export and import --------------------------------------------------------------------------------------------


def test_a_manifest_tells_number_hash_and_size_of_every_file(run, tmp_path):
    """And how many there were."""
    folder = kie.export(tmp_path / "out").folder
    entry = manifest_of(folder)["runs"][0]

    assert entry["files_made"] == 2
    assert [one["number"] for one in entry["videos"]] == [0, 1]
    for one, path in zip(entry["videos"], run.videos, strict=True):
        copy = folder / one["file"]
        assert (one["sha256"], one["bytes"]) == (hash_of(copy), copy.stat().st_size)
        assert one["original_sha256"] == hash_of(path)
    again = kie.export(tmp_path / "out")
    assert (again.written, manifest_of(folder)["runs"][0]) == ((), entry)


def test_an_altered_second_file_is_not_given_away(run, tmp_path, stranger):
    """It is left out by its name, and the folder says that two were made."""
    swap(run.videos[1], stranger)
    exported = kie.export(tmp_path / "out")
    entry = manifest_of(exported.folder)["runs"][0]

    assert exported.remarks == (
        (run.videos[1].name, "was left out: it is not the file that was fetched; see `%kie doctor`"),
    )
    assert (entry["files_made"], [one["number"] for one in entry["videos"]]) == (2, [0])


@pytest.mark.parametrize("number", [0, 1])
def test_an_import_knows_what_has_not_come(lacking, elsewhere, tmp_path, number):
    """As many files, the same one missing, and the doctor there fetches just that one."""
    simulator, run = lacking(number)
    kie.export(tmp_path / "out")
    elsewhere("b")
    kie.import_runs(tmp_path / "out")
    came = kie.get(run.id)

    assert came is not run
    assert (came.missing, len(came.videos)) == (run.missing, 1) == ((number,), 1)
    assert came.video.name == run.video.name
    assert f"File {number + 1} of 2 has not come yet" in repr(came)
    simulator.set_faults([TWO])
    assert (only(kie.doctor()).kind, came.missing) == ("not fetched", ())
    assert {path.stem.endswith("_2") for path in came.videos} == {True, False}
    assert kie.doctor().is_well
    assert simulator.counts["create_requests"] == 1


@pytest.mark.parametrize("position", [0, 1])
def test_the_doctor_checks_what_was_imported(run, elsewhere, tmp_path, stranger, position):
    """By the hashes of the copies, which are on the disk there: they carry their request, and are other bytes."""
    kie.export(tmp_path / "out")
    elsewhere("b")
    kie.import_runs(tmp_path / "out")
    came = kie.get(run.id)
    path = came.videos[position]

    assert kie.doctor().is_well
    assert [one.sha256 for one in came.row.files] == [hash_of(each) for each in came.videos]
    assert hash_of(path) != hash_of(run.videos[position])
    swap(path, stranger)
    assert as_fetched(came) == "altered"
    found = only(kie.doctor())
    assert (found.kind, found.file, found.is_mended) == ("altered", path.name, True)
    assert found.done.startswith("fetched, but the service sent other bytes than the first time")
    assert hash_of(path) == hash_of(run.videos[position])
    assert kie.doctor().is_well


def test_numbers_outlast_names_that_do_not_say_them(run, elsewhere, tmp_path):
    """A file that came in beside another of its name has an odd one; its number goes on through a second folder."""
    kie.export(tmp_path / "out")
    home = elsewhere("b")
    (home / "videos").mkdir(parents=True)
    for path in run.videos:
        (home / "videos" / path.name).write_bytes(b"somebody's")
    kie.import_runs(tmp_path / "out")
    came = kie.get(run.id)
    assert {path.stem.rpartition("_")[2] for path in came.videos} == {"imported2"}
    came.video.unlink()
    kie.export(tmp_path / "again")
    elsewhere("c")
    kie.import_runs(tmp_path / "again")
    third = kie.get(run.id)

    assert (third.missing, len(third.videos)) == ((0,), 1)
    assert third.video.name == run.videos[1].name


def test_an_import_brings_the_file_that_is_lacking_here(run, elsewhere, tmp_path):
    """And leaves the one that is here as it is, under its name, with its hash."""
    kie.export(tmp_path / "out")
    first, second = run.videos
    kept, url = hash_of(first), run.url
    second.unlink()

    assert kie.import_runs(tmp_path / "out").updated == (run.id,)
    assert (run.videos, run.url) == ((first, second), url)
    assert hash_of(first) == run.row.video_sha256 == kept
    assert [one.sha256 for one in run.row.files] == [kept, hash_of(second)]
    assert kie.doctor().is_well
    assert kie.import_runs(tmp_path / "out").skipped == (run.id,)


def test_an_import_forgets_no_file_that_the_folder_lacks(run, tmp_path, stranger):
    """The folder has the first alone, which is gone here; the second stays the run's, and is checked as before."""
    content = run.videos[1].read_bytes()
    swap(run.videos[1], stranger)
    kie.export(tmp_path / "out")
    run.videos[1].write_bytes(content)
    first, second = run.videos
    first.unlink()

    assert kie.import_runs(tmp_path / "out").updated == (run.id,)
    assert (run.videos, run.missing) == ((first, second), ())
    assert kie.doctor().is_well
    swap(second, stranger)
    assert only(kie.doctor()).file == second.name
