"""An experiment as an RO-Crate, read back with the `rocrate` package, and held to the Process Run Crate profile."""

import asyncio
import hashlib
import json
import re
import shutil
import socket
import tomllib
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from PIL import Image

import kie_nb as kie
from kie_nb import settings
from kie_nb.catalogue import ImageIdentity
from kie_nb.experiment.crate_entities import known, picture_of, sources_of
from kie_nb.simulator import Fault

pytestmark = pytest.mark.slow

SHORT_S = 120
PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
SIMULATED = "SIMULATED"
MOMENT = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00"  # to the millisecond, as validators want it


@pytest.fixture
def exp(smile, cat, simulator):
    """Six cells, one of them failed; the picture lies beside the notebook."""
    shutil.copy(cat, "cat.png")
    simulator.set_faults([Fault(call="task", kind="fail", match="yawns", times=1)])
    exp = smile(seeds=2, image="cat.png").run(stop_after_failures=9).wait(SHORT_S)
    next(run for run in exp.runs if run.video).rate(5).tag("keeper", "calm")
    return exp


def crate_of(*folder, **options):
    from rocrate.rocrate import ROCrate

    return ROCrate(*folder, **options)


@pytest.fixture
def crate(exp):
    return crate_of(exp.export_crate("crate"))


def actions(crate):
    return crate.get_by_type("CreateAction")


def test_it_says_which_profile_it_keeps(crate):
    """On RO-Crate 1.1; the profile is an entity of its own, as the profile wants it."""
    root = crate.root_dataset
    assert crate.metadata["conformsTo"] == "https://w3id.org/ro/crate/1.1"
    profile = root["conformsTo"]
    assert (profile.id, profile.type) == (PROFILE, "CreativeWork")
    assert root["datePublished"][:2] == "20"
    assert "smile" in root["name"]
    assert SIMULATED in root["description"]


def test_every_run_is_an_action_with_what_the_profile_requires(crate, exp):
    """Tool, objects, result, times and status; each mentioned by the root."""
    found = actions(crate)
    assert len(found) == len(exp) == 6
    assert {action.id for action in found} == {action.id for action in crate.root_dataset["mentions"]}
    for action in found:
        tool = action["instrument"]
        assert "SoftwareApplication" in tool.type
        assert tool["name"]
        assert action["name"]
        assert action["description"].startswith("kie.generate(")
        assert re.fullmatch(MOMENT, action["startTime"])
        assert re.fullmatch(MOMENT, action["endTime"])
        assert action["startTime"] <= action["endTime"]
        parameters = {one["name"]: one["value"] for one in action["object"] if one.type == "PropertyValue"}
        assert {"prompt", "seed", "duration", "resolution"} <= set(parameters)
        assert any(one.type == "File" for one in action["object"])
        assert action.get("agent") is None
    by_run = {f"#run-{run.id}": run for run in exp}
    seeds = {a.id: next(o["value"] for o in a["object"] if o.get("name") == "seed") for a in found}
    assert seeds == {name: run.seed for name, run in by_run.items()}


def test_a_finished_run_has_its_video_and_a_failed_one_its_error(crate, exp):
    """The video by its hash, size, kind and length; the failure in words."""
    runs = {f"#run-{run.id}": run for run in exp}
    failed = [run for run in exp if run.state == "fail"]
    assert len(failed) == 1
    for action in actions(crate):
        run = runs[action.id]
        if run in failed:
            assert action["actionStatus"] == "http://schema.org/FailedActionStatus"
            assert action["error"].startswith("failed: ")
            assert action.get("result") is None
            continue
        assert action["actionStatus"] == "http://schema.org/CompletedActionStatus"
        assert action.get("error") is None
        video = action["result"]
        path = crate.source / video.id
        assert hashlib.sha256(path.read_bytes()).hexdigest() == video["sha256"] == run.row.video_sha256
        assert video["contentSize"] == str(path.stat().st_size)
        assert video["encodingFormat"] == "video/mp4"
        assert video["duration"] == f"PT{run.row.files[0].seconds:g}S"
        assert video.get("keywords") == (", ".join(run.tags) or None)


def test_notebook_commit_and_repetitions_are_there(exp, monkeypatch):
    """The notebook and its commit as entities, by name; the video that `verify` bought as a run like any other."""
    monkeypatch.setenv("KIE_NB_NOTEBOOK", "study.ipynb")
    first = next(run for run in exp.runs if run.video)
    (again,) = exp.verify(first).runs
    found = {action.id: action for action in actions(crate_of(exp.export_crate("crate")))}
    assert len(found) == 7
    video = found[f"#run-{again.id}"]["result"]
    assert (
        hashlib.sha256((settings.start_folder() / "crate" / video.id).read_bytes()).hexdigest()
        == again.row.video_sha256
    )
    notebook = found[f"#run-{again.id}"]["subjectOf"]
    assert (notebook.type, notebook["name"]) == ("SoftwareSourceCode", "study.ipynb")


def test_a_commit_is_an_entity():
    """With what was not committed said."""
    origin = {"notebook": "study.ipynb", "git_commit": "a" * 40, "git_dirty": True}
    notebook, commit = sources_of(SimpleNamespace(origin=origin))
    assert notebook["isPartOf"] == [{"@id": commit["@id"]}]
    assert notebook["version"] == commit["identifier"] == "a" * 40
    assert commit["name"] == f"Git commit {'a' * 12} with changes that were not committed"
    (alone,) = sources_of(SimpleNamespace(origin=origin | {"git_commit": None, "git_dirty": None}))
    assert "isPartOf" not in known(alone)


def test_what_the_simulator_drew_says_so(crate):
    """In each video, in each action, and in the tool, which does not pass for the model."""
    for action in actions(crate):
        assert SIMULATED in action["name"]
        assert SIMULATED in action["instrument"]["description"]
        assert "simulator" in action["instrument"]["name"]
        assert (
            action["actionStatus"].endswith("FailedActionStatus")
            or SIMULATED in action["result"]["description"]
        )


def test_every_file_is_described_and_every_part_is_there(crate):
    """Nothing in the folder that the crate does not name, and nothing named that is not in it."""
    files = {path.relative_to(crate.source).as_posix() for path in crate.source.rglob("*") if path.is_file()}
    parts = {part.id for part in crate.root_dataset["hasPart"]}
    assert files == parts | {"ro-crate-metadata.json"}
    assert {"definition.toml", "cells.csv", "pictures/cat.png"} <= parts
    for part in crate.root_dataset["hasPart"]:
        assert part["sha256"] == hashlib.sha256((crate.source / part.id).read_bytes()).hexdigest()


def test_the_graph_is_flat_and_whole(exp):
    """Every reference leads to an entity, none is there twice, single values stand alone: what RO-Crate asks of JSON-LD."""
    found = json.loads((exp.export_crate("crate") / "ro-crate-metadata.json").read_text("utf-8"))
    names = [entity["@id"] for entity in found["@graph"]]
    assert len(names) == len(set(names))
    outside = {"https://w3id.org/ro/crate/1.1"}
    for entity in found["@graph"]:
        for value in entity.values():
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict):
                    assert set(one) == {"@id"}
                    assert one["@id"] in {*names, *outside}
            assert not isinstance(value, list) or len(value) > 1


def test_no_key_and_no_path_of_this_machine(exp, tmp_path, monkeypatch):
    """In any of its texts."""
    monkeypatch.setenv("KIE_API_KEY", "secret-key-of-mine")
    folder = exp.export_crate("crate")
    for path in folder.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert str(tmp_path).encode() not in content, path.name
            assert b"secret-key-of-mine" not in content, path.name


def test_it_can_be_run_from_where_it_lies(exp, simulator, monkeypatch):
    """Its definition finds its pictures: the same requests, so nothing is bought."""
    folder = exp.export_crate("crate")
    before = len(simulator.tasks)
    monkeypatch.chdir(folder)
    settings.start_folder.cache_clear()

    again = kie.Experiment.load("definition.toml")
    assert [run.id for run in again] == [run.id for run in exp]
    again.run().wait(SHORT_S)
    assert len(simulator.tasks) == before


def test_an_earlier_crate_is_replaced_and_nothing_else_is(exp, smile, tmp_path):
    """Files of somebody's own, and other experiments, are safe; an empty folder will do."""
    (tmp_path / "crate").mkdir()
    exp.export_crate("crate")
    exp.run(retry_failed=True).wait(SHORT_S)
    assert len(list((exp.export_crate("crate") / "videos").iterdir())) == 6

    (tmp_path / "crate" / "notes.txt").write_text("mine")
    with pytest.raises(kie.LedgerError, match=r"notes\.txt"):
        exp.export_crate("crate")
    assert (tmp_path / "crate" / "notes.txt").read_text() == "mine"
    (tmp_path / "crate" / "notes.txt").unlink()

    other = (
        kie.Experiment("other", image="cat.png", seed=range(1), prompt="The cat smiles").run().wait(SHORT_S)
    )
    with pytest.raises(kie.LedgerError, match="'smile'"):
        other.export_crate("crate")
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "crate")
    for name in ("file", "link", "kie-runs", "."):
        with pytest.raises(kie.LedgerError):
            exp.export_crate(name)


@pytest.mark.parametrize("harm", ["altered", "missing"])
def test_a_video_that_is_not_as_it_was_fetched_stops_the_whole(exp, tmp_path, harm):
    """No half a crate: the one before stays as it was, and nothing lies beside it."""
    before = (exp.export_crate("crate") / "ro-crate-metadata.json").read_bytes()
    there = sorted(path.name for path in tmp_path.iterdir())
    video = exp.runs[-1].video
    video.write_bytes(video.read_bytes() + b"x") if harm == "altered" else video.unlink()

    with pytest.raises(kie.LedgerError, match=video.name) as caught:
        exp.export_crate("crate")

    assert "doctor" in caught.value.hint
    assert (tmp_path / "crate" / "ro-crate-metadata.json").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == there
    with pytest.raises(kie.LedgerError):
        exp.export_crate("another")
    assert not (tmp_path / "another").exists()


def test_pictures_of_one_name_are_both_there(smile, cat, tmp_path):
    """By their hash where the name is taken; bytes have none, and are told by their hash alone."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        Image.open(cat).convert("L" if name == "b" else "RGBA").save(tmp_path / name / "cat.png")
    exp = (
        smile(seeds=1, prompt="A cat", image=["a/cat.png", "b/cat.png", cat.read_bytes()]).run().wait(SHORT_S)
    )
    folder = exp.export_crate("crate")
    assert len(list((folder / "pictures").iterdir())) == 3
    wanted = {f"pictures/{path.name}" for path in (folder / "pictures").iterdir()}
    assert set(tomllib.loads((folder / "definition.toml").read_text("utf-8"))["axes"]["image"]) == wanted


def test_nothing_run_is_nothing_to_pack(smile, tmp_path):
    """It is said, and no folder is made."""
    with pytest.raises(kie.InvalidRequest, match="No cell has been run"):
        smile().export_crate("crate")
    assert not (tmp_path / "crate").exists()


def test_hostile_words_stay_values(smile, cat, tmp_path):
    """Prompts and names in any language, with quotes and braces; a licence is an entity."""
    shutil.copy(cat, "cat.png")
    prompt = 'The "cat" \\ </script> {"@id": "./"} 猫 😀\n#run'
    exp = smile(seeds=1, prompt=prompt, image="cat.png").run().wait(SHORT_S)
    by = "https://creativecommons.org/licenses/by/4.0/"
    crate = crate_of(exp.export_crate("crate", license_url=by))
    (action,) = actions(crate)
    assert prompt in [one.get("value") for one in action["object"]]
    assert crate.root_dataset["license"].id == by


def test_what_the_service_made_is_the_models(smile, cat, monkeypatch):
    """The tool is the model, by its page at Kie.ai; no word of a simulator."""
    monkeypatch.setenv("KIE_NB_SERVICE", "kie")
    monkeypatch.setenv("KIE_API_KEY", "secret-key-of-mine")
    shutil.copy(cat, "cat.png")
    folder = smile(seeds=1, image="cat.png").run().wait(SHORT_S).export_crate("crate")
    tools = {action["instrument"].id: action["instrument"] for action in actions(crate_of(folder))}

    assert list(tools) == ["https://docs.kie.ai/market/wan/2-5-image-to-video"]
    assert next(iter(tools.values()))["name"] == "wan/2-5-image-to-video"
    said = (folder / "ro-crate-metadata.json").read_text("utf-8")
    assert SIMULATED not in said
    assert "secret-key-of-mine" not in said


def test_a_picture_by_its_address_stays_one(smile, cat, simulator):
    """A file on the web, with the hash that tells whether it is still the same; the crate can be written again."""

    async def address():
        async with kie.AsyncKie() as client:
            return (await client.upload(cat.read_bytes(), "cat.png", mime="image/png")).url

    url = asyncio.run(address())
    exp = smile(seeds=1, image=url, prompt="A cat").run().wait(SHORT_S)
    exp.export_crate("crate")
    crate = crate_of(exp.export_crate("crate"))
    (action,) = actions(crate)
    (picture,) = [one for one in action["object"] if one.type == "File"]
    assert (picture.id, picture["sha256"]) == (url, hashlib.sha256(cat.read_bytes()).hexdigest())
    assert picture in crate.root_dataset["hasPart"]
    assert kie.Experiment.load("crate/definition.toml").definition.to_json()["fixed"]["image"] == url


def test_writing_a_crate_asks_nobody(smile, cat, monkeypatch):
    """Neither for the licence nor for what the profile means: no connection is opened."""
    shutil.copy(cat, "cat.png")
    exp = smile(seeds=1, image="cat.png", prompt="A cat").run().wait(SHORT_S)
    asked = []
    monkeypatch.setattr(socket.socket, "connect", lambda _socket, address: asked.append(address))
    exp.export_crate("crate", license_url="https://creativecommons.org/licenses/by/4.0/")
    assert asked == []


@pytest.mark.parametrize("url", ["http://[", "https://a]b/x.png", "http://%zz\u2028"])
def test_a_picture_at_no_address_is_told_by_its_hash(url):
    """An imported request may hold anything behind "http://"; the library takes what it is given."""
    from rocrate.model import DataEntity

    image = ImageIdentity(sha256="a" * 64, label="cat.png", url=url, by_url=True)
    run = SimpleNamespace(request=SimpleNamespace(image=image))
    crate = crate_of(version="1.1")
    (found,) = picture_of(run)
    crate.add(DataEntity(crate, found["@id"], properties=found))
    assert found["@id"] in {f"#picture-{'a' * 64}", quote(url, safe=":/%")}


def test_a_picture_that_is_gone_is_told_by_its_hash(exp, tmp_path):
    """The crate is whole without it, for it is no result; and it does not name a file that is not there."""
    for path in (tmp_path / "kie-runs" / "inputs").iterdir():
        path.unlink()
    crate = crate_of(exp.export_crate("crate"))
    sha256 = exp.runs[0].request.image.sha256
    assert crate.get(f"#picture-{sha256}")["name"] == "cat.png"
    assert not (tmp_path / "crate" / "pictures").exists()
