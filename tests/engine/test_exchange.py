"""Export and import against the simulator: nothing is lost, nothing is paid again, nothing leaves or enters by a side door."""

import json
import math
from pathlib import Path

import av
import numpy as np
import pytest
from madefolder import RUN_ID, edit, hash_of, make_folder, manifest_of

import kie_nb as kie
from kie_nb import settings
from kie_nb.catalogue import Request
from kie_nb.handles import get_session
from kie_nb.operations.embedded_request import call_of
from kie_nb.simulator import Fault
from kie_nb.video import write_request

SHORT_S = 60
HOSTILE_PROMPT = "<script>alert(1)</script> \"quoted\" 'too' ../../x \u2028 🐈"


@pytest.fixture
def simulator(simulate):
    """The service, which counts what it is asked."""
    return simulate()


@pytest.fixture(scope="module")
def made_folder(tmp_path_factory, cat):
    """One exported run, made without a service."""
    return make_folder(tmp_path_factory.mktemp("made") / "out", cat)


@pytest.fixture
def imported(made_folder):
    """A run that is here without a service."""
    kie.import_runs(made_folder)
    return kie.get(RUN_ID)


@pytest.fixture
def exported(simulator, ask, tmp_path):
    """A folder with one exported run; gives the folder and the run."""
    run = ask().wait(SHORT_S)
    kie.export(tmp_path / "out")
    return tmp_path / "out", run


def decoded(path):
    with av.open(str(path)) as film:
        frames = [(frame.time, frame.to_ndarray()) for frame in film.decode(video=0)]
    with av.open(str(path)) as film:
        return frames, [(frame.time, frame.to_ndarray()) for frame in film.decode(audio=0)]


def tree(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


# --- export -------------------------------------------------------------------------------------------------------


def test_an_export_holds_videos_pictures_and_a_manifest(exported):
    """Every file with its hash, the original's too; the frames and the sound are those of the original."""
    folder, run = exported
    entry = manifest_of(folder)["runs"][0]
    video, picture = entry["videos"][0], entry["inputs"][0]

    assert (entry["id"], entry["task_id"], entry["credits"], entry["seed"]) == (run.id, run.task_id, 60.0, 7)
    assert [step["to_state"] for step in entry["events"]] == [step["to_state"] for step in run.history()]
    assert video["sha256"] == hash_of(folder / video["file"])
    assert video["original_sha256"] == run.row.video_sha256 == hash_of(run.video)
    assert picture["file"] == f"inputs/chelsea-{run.request.image.sha256[:8]}.png"
    assert hash_of(folder / picture["file"]) == run.request.image.sha256
    for before, after in zip(decoded(run.video), decoded(folder / video["file"]), strict=True):
        assert [at for at, _ in before] == [at for at, _ in after]
        assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(before, after, strict=True))


def test_an_exported_video_gives_its_call_back(exported):
    """Read from the file alone, and the same call finds the run there is."""
    _folder, run = exported
    recalled = kie.read_request("out/videos/" + run.video.name)
    sha256 = run.request.image.sha256

    assert (
        recalled.call
        == repr(recalled)
        == (
            f'kie.generate("The cat smiles.", image="out/inputs/chelsea-{sha256[:8]}.png", model="wan/2-5-image-to-video", seed=7, '
            'duration="5", resolution="720p")'
        )
    )
    assert (recalled.image, recalled.image_sha256) == ("chelsea.png", sha256)
    assert (recalled.prompt, recalled.seed, recalled.run_id) == ("The cat smiles.", 7, run.id)
    assert eval(recalled.call, {"kie": kie}) is run  # noqa: S307 - what a user would do with it


def call_from(video, folder, monkeypatch):
    """The call that *video* gives back to somebody who sits in *folder*."""
    monkeypatch.chdir(folder)
    settings.start_folder.cache_clear()
    return kie.read_request(video).call


def test_the_call_finds_the_picture_wherever_the_video_lies(simulator, cat, tmp_path, monkeypatch):
    """Of bytes that had no name: beside the file, else in kie-runs; where it is nowhere, the hash says which it was."""
    run = kie.generate("The cat smiles.", image=cat.read_bytes(), seed=7, replicate=2).wait(SHORT_S)
    kie.export("out")
    video = tmp_path / "out" / "videos" / run.video.name
    alone = tmp_path / "alone" / "film.mp4"
    alone.parent.mkdir()
    alone.write_bytes(video.read_bytes())
    sha256 = run.request.image.sha256
    name = f"image-bytes-{sha256[:6]}-{sha256[:8]}.png"
    places = [
        (video.name, video.parent, f"../inputs/{name}"),
        (video, tmp_path, f"out/inputs/{name}"),
        (alone, tmp_path, f"kie-runs/inputs/{name}"),
    ]

    for given, folder, picture in places:
        call = call_from(given, folder, monkeypatch)
        assert f'image="{picture}"' in call
        asked = eval(call, {"kie": Asked})  # noqa: S307 - as above
        assert asked.fingerprint == run.row.fingerprint
    monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / "another"))
    lost = call_from(alone, tmp_path, monkeypatch)
    assert "image=..., model=" in lost
    assert lost.endswith(f"  # image: sha256 {sha256}")


class Asked:
    """In the place of the package: what a call would ask for."""

    generate = staticmethod(lambda prompt, **fields: get_session().prepare(prompt, **fields))


def test_a_video_without_a_request_says_so(imported, tmp_path):
    """One that no export has written, a text, and a missing file."""
    run = imported
    (tmp_path / "x.mp4").write_text("{}")
    for path, words in (
        (run.video, "carries no kie_nb request"),
        (tmp_path / "x.mp4", "not a video"),
        ("no.mp4", "cannot be read"),
    ):
        with pytest.raises(kie.InvalidRequest, match=words):
            kie.read_request(path)


@pytest.mark.parametrize(
    "changes",
    [
        {"input": {"prompt": "p", "fresh": True, "max_credits": 1e9}},
        {"input": {"prompt": "p", "call_back_url": "https://elsewhere.example/"}},
        {"input": {"prompt": "p", "image": "private/me.png"}},
        {"input": {"prompt": "p", "seed": 8}},
        {"model": "another/model", "input": {"a": math.nan}},
        {"model": "another/model", "input": {"seed": 8}},
        {"image": {"sha256": "a" * 64, "label": "cat.png", "url": "private/me.png"}},
        {"image": {"sha256": "a" * 64, "label": "cat.png", "url": "file:///etc/hosts"}},
    ],
    ids=["limits", "callback", "file", "seeds", "nan", "raw seed", "path", "file address"],
)
def test_a_video_of_somebody_else_gives_no_call_that_does_more_than_ask(imported, tmp_path, changes):
    """It names no file of this machine, calls nobody, and switches no limit off."""
    request = {"model": "wan/2-5-text-to-video", "input": {"prompt": "p"}, "seed": 3} | changes
    write_request(imported.video, tmp_path / "x.mp4", json.dumps({"kie_nb": 1, "request": request}))

    with pytest.raises(kie.InvalidRequest, match="cannot be read"):
        kie.read_request(tmp_path / "x.mp4")


def test_what_is_no_field_of_the_model_stays_an_input_of_the_call():
    """Whatever it is called."""
    raw = Request(model="another/model", inputs={"fresh": True, "prompt": "p"}, seed=3)

    assert call_of(raw) == 'kie.generate(model="another/model", seed=3, input={"fresh": True, "prompt": "p"})'


def test_nothing_of_this_machine_or_of_the_key_is_given_away(simulate, ask, tmp_path, monkeypatch):
    """Neither in the manifest nor in a tag: no path, key, account, or callback's address."""
    monkeypatch.setenv("KIE_API_KEY", "sk-a-key-that-must-not-show")
    simulate()
    run = ask(call_back_url="https://example.com/?token=secret").wait(SHORT_S)
    ledger = get_session().ledger(settings.current().home)
    ledger.move(run.id, "fetched", expect={"fetched"}, evidence={"because": f"{run.video} was looked at"})
    kie.export(tmp_path / "out")
    everything = b"".join(tree(tmp_path / "out").values())

    for secret in (str(tmp_path), "sk-a-key", run.row.account, "token=secret", str(Path.home()) + "/"):
        assert secret.encode() not in everything
    assert b"kie-runs/videos/" in everything


def test_a_hostile_prompt_is_only_text(cat, tmp_path):
    """In the page it is escaped, in the call it is a literal, and no file leaves the folder."""
    kie.import_runs(make_folder(tmp_path / "in", cat, prompt=HOSTILE_PROMPT))
    kie.export(tmp_path / "out")

    page = (tmp_path / "out" / "index.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    recalled = kie.read_request(next((tmp_path / "out" / "videos").glob("*.mp4")))
    assert recalled.prompt == HOSTILE_PROMPT
    assert repr(recalled).isprintable()


def test_exporting_again_adds_and_changes_nothing(exported, ask):
    """The second time only the new run is written; the first stays byte for byte."""
    folder, first = exported
    before = tree(folder)
    second = ask("The cat yawns.").wait(SHORT_S)
    result = kie.export(folder, [second.id[:8]])
    again = kie.export(folder)

    assert result.runs == (second.id,)
    assert len(result.written) == 1
    assert again.written == ()
    assert {entry["id"] for entry in manifest_of(folder)["runs"]} == {first.id, second.id}
    after = tree(folder)
    kept = {name for name in before if name.startswith(("videos/", "inputs/"))}
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert (folder / "index.html").read_text().count("<video") == 2


def test_a_file_of_somebody_else_is_not_overwritten(imported, tmp_path):
    """An altered file in the folder stops the export with its name, and stays."""
    folder = kie.export(tmp_path / "out", imported).folder
    video = next((folder / "videos").glob("*.mp4"))
    video.write_bytes(b"mine")

    with pytest.raises(kie.LedgerError, match="other contents"):
        kie.export(folder)
    assert video.read_bytes() == b"mine"


def test_where_nothing_is_exported_to(imported, tmp_path):
    """Not into the ledger's own folder, not through a link, not over a file, and not nothing."""
    home = settings.current().home
    (tmp_path / "file").touch()
    (tmp_path / "linked").mkdir()
    (tmp_path / "linked" / "videos").symlink_to(tmp_path)
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "manifest.json").write_text("{}")

    for target in (home, home / "x", tmp_path / "file", tmp_path / "linked", tmp_path / "foreign"):
        with pytest.raises(kie.LedgerError):
            kie.export(target, [imported])
    with pytest.raises(kie.InvalidRequest):
        kie.export(tmp_path / "out", [])


def test_an_altered_or_missing_video_is_not_given_away_as_the_original(imported, tmp_path):
    """It is left out, and the result says so."""
    run = imported
    run.video.write_bytes(run.video.read_bytes() + b"x")
    altered = kie.export(tmp_path / "a")
    run.video.unlink()
    missing = kie.export(tmp_path / "b")

    assert "not the file that was fetched" in repr(altered)
    assert "not on disk" in missing._repr_html_()
    assert altered.written[0].startswith("inputs/")


# --- import -------------------------------------------------------------------------------------------------------


def test_an_imported_request_costs_nothing(exported, elsewhere, ask, simulator):
    """Export, import into another folder, run the same cell: its video is there, the service is not asked."""
    folder, original = exported
    home = elsewhere("b")
    imported = kie.import_runs(folder)
    run = ask().wait(SHORT_S)

    assert imported.added == (original.id,)
    assert run.id == original.id
    assert run is not original
    assert run.video.parent == home / "videos"
    assert run.row.video_sha256 == hash_of(run.video)
    assert run.credits == 60.0
    assert run.history()[-1]["evidence"]["imported"] == "fetched"
    assert list((home / "inputs").iterdir())
    assert simulator.counts["create_requests"] == 1
    assert kie.doctor().is_well
    assert not list(home.glob(".import-*"))


def test_importing_twice_skips_and_a_lost_file_is_brought_back(imported, made_folder):
    """What is here as it is there is left alone; a file that is gone comes from the folder."""
    run = imported
    again = kie.import_runs(made_folder)
    run.video.unlink()
    back = kie.import_runs(made_folder)

    assert (again.added, again.updated, again.skipped) == ((), (), (run.id,))
    assert back.updated == (run.id,)
    assert kie.get(run.id).video.exists()


def test_what_two_people_say_of_a_run_comes_together(imported, tmp_path, monkeypatch):
    """An export names people without their machines; an earlier one of one's own is no news."""
    monkeypatch.setenv("KIE_NB_USER", "ana@laptop")
    imported.tag("calm")
    kie.export(tmp_path / "out")
    imported.untag("calm").tag("keeper")

    again = kie.import_runs(tmp_path / "out")
    (entry,) = manifest_of(tmp_path / "out")["runs"]
    step = entry["events"][-1]
    more = {
        "at": "2099-01-01T00:00:00+00:00",
        "evidence": {"marked": {"by": "ben", "add": ["loud"], "rating": 4}},
    }
    said = {"events": [*entry["events"], step | more], "tags": ["calm", "loud"], "rating": 4}
    edit(tmp_path / "out", lambda entry: entry.update(said))
    back = kie.import_runs(tmp_path / "out")

    assert step["evidence"] == {"marked": {"by": "ana", "add": ["calm"]}}
    assert (again.updated, again.skipped, back.updated) == ((), (RUN_ID,), (RUN_ID,))
    assert (imported.tags, imported.rating) == (("keeper", "loud"), 4)
    assert kie.import_runs(tmp_path / "out").skipped == (RUN_ID,)


def test_a_file_that_came_in_beside_another_of_its_name_is_fetched_again(exported, elsewhere, ask):
    """Once gone, it is on disk and in the ledger under the name that it is fetched to."""
    folder, run = exported
    other = elsewhere("b") / "videos" / run.video.name
    other.parent.mkdir(parents=True)
    other.write_bytes(b"somebody's")
    kie.import_runs(folder)
    came = kie.get(run.id)
    assert came.video.name == f"{run.video.stem}_imported2.mp4"
    came.video.unlink()
    other.unlink()

    again = ask().wait(SHORT_S)
    assert again is came
    assert [video.exists() for video in again.videos] == [True]


def test_a_drawn_seed_comes_along(simulate, ask, elsewhere, tmp_path):
    """A cell without a seed finds the imported run too."""
    simulator = simulate()
    first = ask(seed=None).wait(SHORT_S)
    kie.export(tmp_path / "out")
    elsewhere("b")
    kie.import_runs(tmp_path / "out")

    assert ask(seed=None).wait(SHORT_S).id == first.id
    assert simulator.counts["create_requests"] == 1


def test_what_stands_here_goes_on_standing(exported, elsewhere, ask):
    """Two folders have bought the same request: after an import the cell shows the video it showed before."""
    folder, theirs = exported
    elsewhere("b")
    ours = ask().wait(SHORT_S)
    kie.import_runs(folder)

    assert ask().wait(SHORT_S) is ours
    assert {run.id for run in kie.runs()} == {ours.id, theirs.id}
    assert kie.get(theirs.id).video.exists()
    assert kie.get(theirs.id).video != ours.video


def test_takes_of_one_request_stay_in_order(exported, elsewhere, ask):
    """The newest of several takes stands for its request, as where it comes from."""
    folder, _ = exported
    second = ask(fresh=True).wait(SHORT_S)
    kie.export(folder)
    elsewhere("b")
    kie.import_runs(folder)

    assert ask().wait(SHORT_S).id == second.id
    keys = [run.row.active_key for run in kie.runs()]
    assert len(set(keys)) == 2


def test_an_unknown_run_is_imported_as_it_is_and_settled_by_a_later_import(
    simulate, ask, elsewhere, tmp_path
):
    """Nobody owns it, nothing is sent for it; once its video is known elsewhere, it comes."""
    simulator = simulate(faults=[Fault(call="create", kind="lost_reply", times=1)])
    with pytest.raises(kie.OutcomeUnknown):
        ask()
    lost = kie.runs()[0]
    here = settings.current().home
    kie.export(tmp_path / "out", [lost])
    elsewhere("b")
    kie.import_runs(tmp_path / "out")

    assert (kie.get(lost.id).state, kie.get(lost.id).row.owner) == ("unknown", None)
    with pytest.raises(kie.OutcomeUnknown):
        ask()
    assert simulator.counts["create_requests"] == 1

    elsewhere(here.name)
    ledger = get_session().ledger(here)
    ledger.move(lost.id, "accepted", expect={"unknown"}, task_id=simulator.tasks[0].task_id, error=None)
    kie.resume()
    kie.get(lost.id).wait(SHORT_S)
    kie.export(tmp_path / "out", [lost.id])
    elsewhere("b")
    assert kie.import_runs(tmp_path / "out").updated == (lost.id,)
    assert ask().wait(SHORT_S).video.exists()
    assert simulator.counts["create_requests"] == 1


def test_an_intention_is_never_sent_from_two_places(exported, elsewhere, simulator):
    """A run that was not sent there yet is not sent from here."""
    folder, run = exported
    elsewhere("b")
    edit(folder, lambda entry: entry.update(state="intent", videos=[], task_id=None))
    kie.import_runs(folder)
    kie.resume()

    assert kie.get(run.id).state == "not_sent"
    assert simulator.counts["create_requests"] == 1


# --- the other doors ----------------------------------------------------------------------------------------------


def test_the_command_line_exports_and_imports(imported, elsewhere, tmp_path, capsys):
    """`kie-nb export DIR`, `kie-nb import DIR`, `kie-nb doctor`."""
    from kie_nb.cli import main

    run = imported
    assert main(["export", str(tmp_path / "cli"), run.id[:8]]) == 0
    elsewhere("b")
    assert main(["import", str(tmp_path / "cli")]) == 0
    assert main(["doctor"]) == 0
    assert main(["import", str(tmp_path / "nowhere")]) == 1
    out = capsys.readouterr()

    assert "1 run added" in out.out
    assert "whole and unchanged" in out.out
    assert "manifest.json" in out.err


def test_the_magic_exports_and_imports(imported, elsewhere, tmp_path, capsys):
    """`%kie export "a folder"`, `%kie import "a folder"`, `%kie doctor`."""
    from kie_nb.notebook.kie_magic import kie as magic

    run = imported
    magic(None, f'export "{tmp_path / "a folder"}" {run.id[:8]}')
    elsewhere("b")
    magic(None, f'import "{tmp_path / "a folder"}"')
    magic(None, "doctor")

    assert kie.get(run.id).video.exists()
    assert "whole and unchanged" in capsys.readouterr().out
    for line in ("export", "import", "import a b", "doctor all", 'export "x'):
        with pytest.raises(kie.InvalidRequest):
            magic(None, line)
