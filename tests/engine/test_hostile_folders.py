"""Folders that lie: each is refused with one clear error, and neither a run nor a file comes in."""

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from madefolder import RUN_ID, edit, make_folder, manifest_of

import kie_nb as kie


@pytest.fixture(scope="module")
def made_folder(tmp_path_factory, cat):
    """One exported run, made without a service."""
    return make_folder(tmp_path_factory.mktemp("made") / "out", cat)


def put(**changes):
    return lambda folder: edit(folder, lambda entry: entry.update(changes))


def put_file(**changes):
    return lambda folder: edit(folder, lambda entry: entry["videos"][0].update(changes))


def put_request(**changes):
    return lambda folder: edit(folder, lambda entry: entry["request"].update(changes))


def put_input(**changes):
    return lambda folder: edit(folder, lambda entry: entry["request"]["input"].update(changes))


def put_picture(**changes):
    return lambda folder: edit(folder, lambda entry: entry["request"]["image"].update(changes))


def put_endless(folder):
    """Python reads it as infinity, which no other JSON has."""
    file = folder / "manifest.json"
    put(events=[{"at": "2026-01-01T00:00:00Z", "to_state": "fail", "evidence": {"x": 1}}])(folder)
    file.write_text(file.read_text().replace('"x": 1', '"x": 1e999'))


def put_text(text):
    return lambda folder: (folder / "manifest.json").write_text(text)


def moved(folder, name):
    """The exported video under another name, as a hostile manifest has it."""
    entry = manifest_of(folder)["runs"][0]["videos"][0]
    path = Path(os.path.normpath(folder / name))
    shutil.copyfile(folder / entry["file"], path)
    put_file(file=name)(folder)


def linked(folder):
    video = next((folder / "videos").glob("*.mp4"))
    video.rename(folder.parent / "secret.mp4")
    video.symlink_to(folder.parent / "secret.mp4")


def linked_folder(folder):
    (folder / "videos").rename(folder.parent / "secrets")
    (folder / "videos").symlink_to(folder.parent / "secrets")


def other_content(folder):
    video = next((folder / "videos").glob("*.mp4"))
    video.write_bytes(video.read_bytes()[:-1] + b"x")


def no_video(folder):
    """A page in the place of the video, with a manifest that fits it."""
    page = b"<html>" + b"x" * 100
    next((folder / "videos").glob("*.mp4")).write_bytes(page)
    put_file(sha256=hashlib.sha256(page).hexdigest(), bytes=len(page))(folder)


def put_files(*numbers, **changes):
    """A second video in the manifest, and the numbers of both."""

    def change(entry):
        entry["videos"].append(entry["videos"][0] | {"file": "videos/y.mp4"})
        for one, number in zip(entry["videos"], numbers, strict=True):
            one["number"] = number
        entry.update(changes)

    def spoil(folder):
        shutil.copyfile(folder / "videos" / "x.mp4", folder / "videos" / "y.mp4")
        edit(folder, change)

    return spoil


def one_file_as_two(folder):
    put_files(0, 1)(folder)
    edit(folder, lambda entry: entry["videos"][1].update(file="videos/X.mp4"))
    if not (folder / "videos" / "X.mp4").exists():
        shutil.copyfile(folder / "videos" / "x.mp4", folder / "videos" / "X.mp4")


def second_of_other_bytes(folder):
    put_files(0, 1, files_made=2)(folder)
    second = folder / "videos" / "y.mp4"
    second.write_bytes(second.read_bytes()[:-1] + b"x")


def twice(folder):
    manifest = manifest_of(folder)
    manifest["runs"] *= 2
    (folder / "manifest.json").write_text(json.dumps(manifest))


def second_run_broken(folder):
    """A good run first: it must not stay when the second is refused."""
    manifest = manifest_of(folder)
    other = json.loads(json.dumps(manifest["runs"][0])) | {"id": "another00001"}
    other["videos"][0] |= {"file": "videos/other.mp4", "sha256": "0" * 64}
    shutil.copyfile(folder / manifest["runs"][0]["videos"][0]["file"], folder / "videos" / "other.mp4")
    manifest["runs"].append(other)
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda f: moved(f, "../outside.mp4"), id="a path upwards"),
        pytest.param(lambda f: moved(f, "videos/../../outside.mp4"), id="a path upwards from within"),
        pytest.param(lambda f: moved(f, str(f.parent / "outside.mp4")), id="an absolute path"),
        pytest.param(put_file(file="videos\\x.mp4"), id="a backslash"),
        pytest.param(put_file(file="videos/x\n.mp4"), id="a newline"),
        pytest.param(put_file(file="videos/" + "x" * 5000), id="a very long name"),
        pytest.param(put_file(file="inputs/x.mp4"), id="a video among the pictures"),
        pytest.param(linked, id="a link"),
        pytest.param(linked_folder, id="a linked folder"),
        pytest.param(other_content, id="other bytes"),
        pytest.param(no_video, id="a page as a video"),
        pytest.param(put_file(bytes=1 << 60), id="an absurd size"),
        pytest.param(put_file(bytes=-1), id="a negative size"),
        pytest.param(put_file(sha256="x"), id="no hash"),
        pytest.param(lambda f: next((f / "videos").glob("*")).unlink(), id="a missing file"),
        pytest.param(put_file(number=-1), id="a negative number"),
        pytest.param(put_file(number=1 << 40), id="a number beyond all files"),
        pytest.param(put_file(number="0"), id="a number that is text"),
        pytest.param(put_file(number=True), id="a number that is none"),
        pytest.param(put_file(seconds=1e7), id="a video of months"),
        pytest.param(put_files(1, 1), id="two of one number"),
        pytest.param(one_file_as_two, id="one file as two"),
        pytest.param(put_files(0, 2, files_made=2), id="a number beyond the count"),
        pytest.param(put_files(0, None, files_made=1), id="more than were made"),
        pytest.param(put(files_made=0), id="none made, and here one is"),
        pytest.param(put(files_made=-2), id="a negative count"),
        pytest.param(put(files_made=1 << 62), id="a count beyond all bounds"),
        pytest.param(put(files_made="2"), id="a count that is text"),
        pytest.param(lambda f: (put_files(0, 1)(f), (f / "videos" / "y.mp4").write_bytes(b"x")), id="a second of another size"),
        pytest.param(second_of_other_bytes, id="a second of other bytes"),
        pytest.param(put(id="../../x"), id="an id that is a path"),
        pytest.param(put(id=7), id="an id that is a number"),
        pytest.param(put(state="bought"), id="no such state"),
        pytest.param(put(seed="7"), id="a seed that is text"),
        pytest.param(put(seed=1 << 70), id="a seed beyond all bounds"),
        pytest.param(put(credits=-5), id="negative credits"),
        pytest.param(put(created_at="yesterday"), id="no moment"),
        pytest.param(put(created_at="2026-01-01"), id="no time zone"),
        pytest.param(put(task_id=None), id="a video without a task"),
        pytest.param(put(note="half \ud83d"), id="half a character"),
        pytest.param(put(tags="one"), id="tags that are no list"),
        pytest.param(put(service="evil"), id="no such service"),
        pytest.param(put(request={}), id="no request"),
        pytest.param(put_request(model="another/model"), id="two models"),
        pytest.param(put_request(input=[]), id="inputs that are a list"),
        pytest.param(put_request(input={"duration": {}}), id="inputs that cannot be shown"),
        pytest.param(put_input(fresh=True), id="an input that would buy anew"),
        pytest.param(put_input(call_back_url="https://elsewhere.example/"), id="an input that would call home"),
        pytest.param(put_input(seed=8), id="two seeds"),
        pytest.param(put_input(image_url="https://elsewhere.example/x.png"), id="two pictures"),
        pytest.param(put_input(duration=float("inf")), id="an endless input"),
        pytest.param(put_picture(url="private/me.png"), id="a path for the picture's address"),
        pytest.param(put_picture(url="file:///etc/hosts"), id="a file for the picture's address"),
        pytest.param(put_endless, id="a number beyond all bounds"),
        pytest.param(twice, id="a run twice"),
        pytest.param(second_run_broken, id="a good run and a broken one"),
        pytest.param(put_text("not JSON"), id="no JSON"),
        pytest.param(put_text("[" * 200_000), id="a deep list"),
        pytest.param(put_text('{"format": "kie_nb export", "version": 1, "x": ' + "[" * 500 + "]" * 500 + "}"), id="deep inside"),
        pytest.param(put_text('{"format": "kie_nb export", "version": 2}'), id="a later version"),
        pytest.param(put_text('{"format": "other"}'), id="of somebody else"),
        pytest.param(put_text('{"format": "kie_nb export", "version": 1, "runs": NaN}'), id="NaN"),
        pytest.param(lambda f: (f / "manifest.json").unlink(), id="no manifest"),
        pytest.param(lambda f: os.truncate(f / "manifest.json", 100 << 20), id="a huge manifest"),
    ],
)  # fmt: skip
def test_a_hostile_folder_is_refused_whole(made_folder, elsewhere, tmp_path, spoil):
    """One clear error, and neither a run nor a file has come in."""
    shutil.copytree(made_folder, tmp_path / "out")
    spoil(tmp_path / "out")
    home = elsewhere("b")

    with pytest.raises(kie.LedgerError) as caught:
        kie.import_runs(tmp_path / "out")

    assert len(str(caught.value)) < 600
    assert list(kie.runs()) == []
    left = {path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()}
    assert {name for name in left if not name.startswith("ledger.sqlite")} == {".gitignore"}


def test_the_folder_that_is_spoilt_above_is_good(made_folder, elsewhere):
    """So each refusal is for its own reason."""
    elsewhere("b")

    assert kie.import_runs(made_folder).added == (RUN_ID,)
    assert kie.get(RUN_ID).video.exists()


def test_numbers_that_are_good_are_kept(made_folder, elsewhere, tmp_path):
    """So it is not for them that the others are refused; what is told by a name alone is held to the same bounds."""
    shutil.copytree(made_folder, tmp_path / "out")
    put_files(2, 0, files_made=4)(tmp_path / "out")
    elsewhere("b")
    kie.import_runs(tmp_path / "out")

    run = kie.get(RUN_ID)
    assert ([one.number for one in run.row.files], run.missing) == ([2, 0], (1, 3))


def test_another_run_under_a_known_id_is_refused(made_folder, elsewhere, tmp_path):
    """Nobody's import changes a run that is here into another."""
    shutil.copytree(made_folder, tmp_path / "out")
    elsewhere("b")
    kie.import_runs(made_folder)
    kie.get(RUN_ID).video.unlink()
    put_request(input={"prompt": "y", "duration": "5", "resolution": "720p"})(tmp_path / "out")

    with pytest.raises(kie.LedgerError, match="not the run of that id"):
        kie.import_runs(tmp_path / "out")
    assert kie.get(RUN_ID).prompt == "The cat smiles."


def test_an_error_class_is_one_of_ours(made_folder, elsewhere, tmp_path):
    """A name from outside reaches no other object of the module, and its words are not taken for ours."""
    shutil.copytree(made_folder, tmp_path / "out")
    elsewhere("b")
    error = {"class": "asyncio", "message": "<b>no</b>", "hint": "!run this", "charged": "nothing"}
    put(state="fail", videos=[], stands=False, error=error, estimate=9e4)(tmp_path / "out")
    kie.import_runs(tmp_path / "out")

    run = kie.get(RUN_ID)
    assert type(run.error) is kie.KieError
    assert run.error.lines() == [
        "as it was imported: <b>no</b>",
        "  charged: as it was imported: nothing",
        "  next: as it was imported: !run this",
    ]
    assert run.row.estimate == 60
