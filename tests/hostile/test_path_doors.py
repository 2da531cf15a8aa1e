"""What writes, removes, fetches and sends keeps inside: doctor, downloads, imports, exports, cells, MLflow and definitions."""

import contextlib
import hashlib
import os
import pty
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from badfolder import STORED, BadFolder, link_videos
from kerneldriver import CELL
from kernelforks import script
from madefolder import edit, make_folder

import kie_nb as kie
from kie_nb import settings
from kie_nb.cli import main
from kie_nb.requests.images import read_picture

SHORT_S = 60
LONG_AGO = 1_000_000_000


@pytest.fixture
def simulator(simulate):
    return simulate()


@pytest.fixture
def bad(simulator, cat, tmp_path):
    """A home with a run that its service still has, and what it must not reach."""
    define(cat).run().wait(SHORT_S)
    return BadFolder(tmp_path)


def define(cat):
    """The experiment that the run is of."""
    return kie.Experiment("smile", prompt="The cat smiles.", image=cat, seed=[7])


# --- removing and fetching again -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stored", ["an absolute path to a film", "upwards", "upwards from within", "a link to a film", "a pipe"]
)
def test_doctor_brings_a_files_own_place_back_and_touches_no_other(bad, simulator, stored):
    """What the row names is not looked at; the video is fetched again under a name of ours, and nothing is bought."""
    bad.set_files(STORED[stored](bad))
    report = kie.doctor()
    (run,) = kie.runs()

    assert bad.is_untouched()
    assert [found.kind for found in report.findings if found.run] == ["not ours"]
    assert run.video.parent == bad.videos
    assert run.video.is_file()
    assert not run.video.is_symlink()
    assert not bad.is_in(run.video)
    assert len(simulator.tasks) == 1


def test_doctor_does_nothing_through_a_linked_folder(bad):
    """Nothing there is fetched, moved or removed; least of all half a file of the user's own."""
    bad.set_files(link_videos(bad))
    report = kie.doctor()

    assert bad.is_untouched()
    assert not report.is_well
    assert "a link" in repr(report)


@pytest.mark.parametrize(
    "name", ["mine.part", "film.mp4.part", "x.incoming", ".again-mine", ".import-of-today"]
)
def test_doctor_removes_what_has_a_name_of_ours_alone(bad, name):
    """A user's own half file stays, however old it is."""
    for folder in (bad.home, bad.videos, bad.inputs):
        mine = folder / name
        if name.startswith("."):
            mine.mkdir()
        else:
            mine.write_bytes(b"mine")
        os.utime(mine, (LONG_AGO, LONG_AGO))
    kie.doctor()

    assert all((folder / name).exists() for folder in (bad.home, bad.videos, bad.inputs))


@pytest.mark.parametrize("folder", ["videos", "inputs"])
def test_nothing_is_bought_that_would_be_kept_through_a_link(bad, simulator, cat, folder):
    """Said before anything is sent, with the way out."""
    shutil.rmtree(bad.home / folder)
    (bad.home / folder).symlink_to(bad.outside)
    with pytest.raises(kie.LedgerError, match="a link") as refused:
        kie.generate("The cat yawns.", image=cat, seed=8).wait(SHORT_S)

    assert "KIE_NB_HOME" in str(refused.value.hint)
    assert simulator.counts["create_requests"] == 1
    assert bad.is_untouched()


# --- folders that come and go --------------------------------------------------------------------------------------


def test_an_import_brings_in_no_text_as_a_picture(cat, tmp_path):
    """By its bytes, though its hash is the one that its manifest says."""
    folder, content = make_folder(tmp_path / "in", cat), b"no picture"
    sha256 = hashlib.sha256(content).hexdigest()
    (folder / "inputs" / f"{sha256}.png").write_bytes(content)
    facts = {"file": f"inputs/{sha256}.png", "sha256": sha256, "bytes": len(content)}
    edit(folder, lambda entry: entry["inputs"][0].update(facts))
    with pytest.raises(kie.LedgerError, match="neither video, picture nor sound"):
        kie.import_runs(folder)

    assert len(kie.runs()) == 0


def test_an_import_writes_through_no_link(cat, tmp_path):
    """A home whose folder is a link takes nothing in."""
    bad, folder = BadFolder(tmp_path), make_folder(tmp_path / "in", cat)
    bad.home.mkdir()
    bad.videos.symlink_to(bad.outside)
    with pytest.raises(kie.LedgerError):
        kie.import_runs(folder)

    assert bad.is_untouched()
    assert len(kie.runs()) == 0


@pytest.mark.parametrize("name", ["manifest.json", "index.html"])
def test_an_export_writes_through_no_link(bad, tmp_path, name):
    """Not where somebody has guessed the name under which half a file is written."""
    out = tmp_path / "out"
    out.mkdir()
    (out / f".{name}.{os.getpid()}.part").symlink_to(bad.secret)
    kie.export(out)

    assert bad.is_untouched()


def test_a_report_writes_through_no_link(bad, tmp_path, cat):
    """Its folder of videos was there before, and leads elsewhere."""
    exp = define(cat)
    (tmp_path / "report_files").symlink_to(bad.outside)
    with pytest.raises(kie.LedgerError, match="a link"):
        exp.report(tmp_path / "report.html", embed_mb=0)

    assert bad.is_untouched()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_mlflow_is_given_nothing_of_the_outside(bad, cat, tmp_path, monkeypatch):
    """Neither as a video nor as a picture; a run without its own file is not whole there."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    exp = define(cat)
    for stored in ("an absolute path to a text", "upwards", "a link to a film"):
        bad.set_files(STORED[stored](bad))
        exp.log_to_mlflow(f"sqlite:///{tmp_path / 'mlflow.db'}")
    shutil.copy(bad.secret, bad.videos / "text.mp4")
    bad.set_files("videos/text.mp4")
    bad.set_picture("../../outside/photo")
    with contextlib.suppress(kie.KieError):  # such a run need not be there at all
        exp.log_to_mlflow(f"sqlite:///{tmp_path / 'mlflow.db'}")

    assert list((tmp_path / "mlruns").rglob("request.json"))
    assert not bad.is_in(tmp_path / "mlruns")


# --- what a user names, which may be a pipe ------------------------------------------------------------------------


PIPES = """
import kie_nb as kie
for read in (
    lambda: kie.generate("The cat smiles.", image="pipe"),
    lambda: kie.read_request("pipe"),
    lambda: kie.compare("pipe", "pipe"),
    lambda: kie.Experiment.load("pipe"),
    lambda: kie.import_runs("."),
):
    try:
        read()
    except kie.KieError as exc:
        print("refused:", exc)
"""


def test_a_pipe_is_no_file(simulator, tmp_path):
    """It is refused in words; nobody waits for what will never be written into it."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "manifest.json").symlink_to(tmp_path / "pipe")
    done = script("-c", PIPES, timeout=SHORT_S, check=True)

    assert done.stdout.count("refused: ") == 5
    assert simulator.counts["create_requests"] == 0


# --- cells ---------------------------------------------------------------------------------------------------------


@pytest.mark.kernel
def test_a_cell_that_is_run_again_shows_its_own_video(workshop_of_bad):
    """Of a stranger's folder, in a real kernel: nothing else is shown, read or overwritten, and nothing is bought."""
    kernel, bad, simulator = workshop_of_bad
    for stored in ("an absolute path to a text", "an absolute path to a film", "upwards", "a link to a film"):
        assert kernel.run(CELL.replace("-o clip", "-o clip --wait")).status == "ok"
        bad.set_files(STORED[stored](bad))
        for source in (
            "%kie runs",
            f"{CELL} ",
            "clip.wait()",
            "clip.show()",
            "%kie show " + kernel.value("clip.id")[1:9],
        ):
            cell = kernel.run(source.replace("-o clip", "-o clip --wait --embed full"))
            assert not bad.is_in(str(cell.outputs)), (stored, source)
        assert kernel.value("clip.video.parent == clip.video.resolve().parent") == "True"
        assert "data:video/mp4" in cell.html
    bad.set_files(link_videos(bad))
    for source in (CELL, "%kie runs", "%kie doctor --look"):
        assert not bad.is_in(str(kernel.run(source).outputs))

    assert bad.is_untouched()
    assert simulator.counts["create_requests"] == 1


@pytest.fixture
def workshop_of_bad(tmp_path):
    from kerneldriver import Workshop

    workshop = Workshop(tmp_path)
    simulator = workshop.simulate(speed=50.0)
    yield workshop.kernel(simulator), BadFolder(workshop.folder), simulator
    workshop.close()


# --- definitions ---------------------------------------------------------------------------------------------------


@pytest.fixture
def kit(simulator, tmp_path, monkeypatch):
    """A stranger's definition in a folder of its own, in the middle of the user's: ``kit("photo.png")``."""
    bad = BadFolder(tmp_path)
    monkeypatch.setenv("HOME", str(bad.outside))
    monkeypatch.chdir(bad.outside)
    settings.start_folder.cache_clear()
    folder = bad.outside / "kit"
    folder.mkdir()
    (folder / "linked.png").symlink_to(bad.photo)
    (folder / "far").symlink_to(bad.outside)

    def write(image):
        file = folder / "evil.toml"
        file.write_text(
            f'kie_nb = 1\nname = "evil"\nmodel = "wan/2-5-image-to-video"\n[fixed]\nprompt = "x"\nseed = 1\nimage = "{image}"\n'
        )
        return str(file), str(bad.photo)

    return write


OUTSIDE = {
    "absolute": lambda photo: photo,
    "upwards": lambda _: "../photo.png",
    "from the notebook's folder": lambda _: "photo.png",
    "the user's own": lambda _: "~/photo.png",
    "a link": lambda _: "linked.png",
    "through a linked folder": lambda _: "far/photo.png",
}


@pytest.mark.parametrize("image", OUTSIDE)
def test_a_picture_outside_a_definitions_folder_is_asked_about(kit, simulator, capsys, image):
    """With nobody there it is refused, with its path and the flag; with the flag it is sent."""
    _, photo = kit("")
    file, _ = kit(OUTSIDE[image](photo))

    for more in ([], ["--plan"]):
        assert main(["run", file, *more]) == 1
        said = capsys.readouterr().err
        assert photo in said
        assert "--allow-outside" in said
    with pytest.raises(kie.InvalidRequest, match="allow_outside=True"):
        kie.Experiment.load(file)
    assert simulator.counts["create_requests"] == simulator.counts["uploads"] == 0
    assert main(["run", file, "--allow-outside"]) == 0
    assert simulator.counts["create_requests"] == 1


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("wan/2-5-image-to-video", "image_url"),
        ("kling/v2-1-pro", "last_image"),
        ("kling-v2.1-pro", "tail_image_url"),
        ("wan/2-7-r2v", "reference"),
        ("wan/2-7-r2v", "reference_video"),
    ],
)
@pytest.mark.parametrize("where", ["[fixed]", "[axes]", "[[cells]]"])
def test_every_medium_outside_a_definitions_folder_is_asked_about(kit, model, name, where):
    """Whichever word of the vocabulary or of the wire names it, and wherever it stands."""
    file, photo = kit("")
    text = f'kie_nb = 1\nname = "x"\nmodel = "{model}"\n[fixed]\nprompt = "x"\n'
    line = f"{name} = {photo!r}\n"
    Path(file).write_text(text + line if where == "[fixed]" else f"{text}{where}\n{line}")

    with pytest.raises(kie.InvalidRequest, match="1 file outside its own folder"):
        kie.Experiment.load(file)


@pytest.mark.parametrize(("answer", "code", "bought"), [("n", 1, 0), ("y", 0, 1)])
def test_on_a_terminal_the_user_is_asked(kit, simulator, answer, code, bought):
    """Once, with the whole path."""
    file, photo = kit("../photo.png")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "kie_nb.cli", "run", file]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    os.close(theirs)
    try:
        said = b""
        while b"[y/N]" not in said:
            said += os.read(ours, 4096)
        os.write(ours, f"{answer}\n".encode())
        while process.poll() is None:
            try:
                os.read(ours, 4096)
            except OSError:  # it has ended
                break
        assert process.wait(SHORT_S) == code
    finally:
        process.kill()
        process.wait()
        os.close(ours)

    assert photo.encode() in said.replace(b"\r\n", b"")
    assert simulator.counts["create_requests"] == bought


def test_a_picture_beside_the_definition_is_taken(kit, simulator, cat):
    """Also where another of its name lies in the notebook's folder."""
    file, _ = kit("photo.png")
    shutil.copy(cat, Path(file).with_name("photo.png"))

    assert main(["run", file]) == 0
    (run,) = kie.runs()
    assert run.request.image.sha256 == read_picture(cat).identity.sha256
