"""An experiment in a real MLflow store, read back by MLflow's own client."""

import hashlib
import shutil
import sys
from pathlib import Path

import pytest

import kie_nb as kie
from kie_nb.simulator import Fault

SHORT_S = 120
# MLflow's own: its tables and its telemetry use what SQLAlchemy and Pydantic are giving up.
pytestmark = [
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
]


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    """A store with nothing in it; MLflow makes one by all its migrations, in a second."""
    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        patch.chdir(folder)
        import mlflow

        mlflow.MlflowClient(tracking_uri=f"sqlite:///{folder / 'mlflow.db'}").search_experiments()
    return folder / "mlflow.db"


@pytest.fixture
def store(empty, tmp_path, monkeypatch):
    """A store of the test's own; MLflow tells nobody of it."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    return f"sqlite:///{shutil.copy(empty, tmp_path / 'mlflow.db')}"


@pytest.fixture
def client(store):
    import mlflow

    return mlflow.MlflowClient(tracking_uri=store)


@pytest.fixture
def exp(smile, simulator):
    """Three cells, one failed."""
    simulator.set_faults([Fault(call="task", kind="fail", match="yawns", times=1)])
    exp = smile(seeds=1).run(stop_after_failures=9).wait(SHORT_S)
    exp.runs[0].rate(4).tag("keeper", "calm").note("the best so far")
    return exp


def runs_of(client, logged):
    found = client.search_runs([logged.experiment_id])
    return {run.data.tags["kie_nb.run"]: run for run in found if "kie_nb.run" in run.data.tags}


def study_in(client, logged):
    (found,) = [run for run in client.search_runs([logged.experiment_id]) if "kie_nb.study" in run.data.tags]
    return found


def test_mlflow_reads_back_what_was_asked_and_what_came(exp, client, store):
    """Params, metrics, tags and times of each run, by MLflow's own client."""
    logged = exp.log_to_mlflow(store)
    assert client.get_experiment_by_name("smile").experiment_id == logged.experiment_id
    assert (len(logged.runs), logged.made) == (3, 3)

    found = runs_of(client, logged)
    assert set(found) == {run.id for run in exp}
    for run in exp:
        there = found[run.id]
        assert there.data.params["prompt"] == run.prompt
        assert there.data.params["seed"] == str(run.seed)
        assert there.data.params["image"] == "chelsea.png"
        assert there.data.tags["kie_nb.simulated"] == "true"
        assert there.data.tags["kie_nb.task"] == run.task_id
        assert there.data.tags["kie_nb.origin.python"] == run.origin["python"]
        assert there.info.end_time == int(run.completed_at.timestamp() * 1000)
    best = found[exp.runs[0].id]
    assert best.info.status == "FINISHED"
    assert best.data.metrics["rating"] == 4.0
    assert best.data.metrics["credits"] == exp.runs[0].credits
    assert best.data.metrics["duration_s"] == exp.runs[0].duration_s
    assert best.data.tags["kie_nb.tags"] == "keeper; calm"
    assert best.data.tags["mlflow.note.content"] == "the best so far"


def test_the_study_is_one_run_with_all_others_below_it(exp, client, store, tmp_path):
    """It has the definition, the counts, the spread, and the verdicts of `verify`, whose videos are logged too."""
    exp.verify(exp.runs[0])
    logged = exp.log_to_mlflow(store)
    exp.log_to_mlflow(store)
    whole, below = study_in(client, logged), runs_of(client, logged)
    assert len(below) == len(logged.runs) == 4
    assert {run.data.tags["mlflow.parentRunId"] for run in below.values()} == {whole.info.run_id}
    assert whole.info.status == "FINISHED"
    assert {name: whole.data.metrics[name] for name in ("cells", "done", "failed")} == {
        "cells": 3,
        "done": 2,
        "failed": 1,
    }
    assert whole.data.metrics["spread_pairs"] == 0
    folder = Path(client.download_artifacts(whole.info.run_id, "", str(tmp_path)))
    assert (folder / "definition.toml").read_text() == exp.definition.to_toml()
    (verdict,) = (folder / "verify.txt").read_text().splitlines()
    again = next(run for run in kie.runs(experiment="smile") if run.request.replicate)
    assert (
        verdict == f"seed=0, prompt=The cat smiles, repeat=2: run {again.id}: The same file, byte for byte."
    )
    assert below[again.id].data.params["repeat"] == "2"


def test_it_is_nested_below_an_active_run(exp, client, store):
    """Of the same store and experiment; the definition stands in that run, which stays active."""
    import mlflow

    before = mlflow.get_tracking_uri()
    try:
        mlflow.set_tracking_uri(store)
        mlflow.set_experiment("paper")
        with mlflow.start_run() as active:
            logged = exp.log_to_mlflow()
            assert exp.log_to_mlflow(store).made == 0
            assert mlflow.active_run().info.run_id == active.info.run_id
            assert exp.log_to_mlflow(experiment="apart").experiment == "apart"
    finally:
        mlflow.set_tracking_uri(before)
    assert logged.experiment == "paper"
    found = runs_of(client, logged)
    assert {run.data.tags["mlflow.parentRunId"] for run in found.values()} == {active.info.run_id}
    whole = client.get_run(active.info.run_id)
    assert whole.data.metrics["smile/cells"] == 3
    assert [one.path for one in client.list_artifacts(active.info.run_id, "smile")] == [
        "smile/definition.toml"
    ]


def test_a_run_of_two_studies_has_one_set_of_tags_below_each(exp, cat, client, store):
    """Neither overwrites the other's, in one experiment of MLflow."""
    other = kie.Experiment("other", image=cat, seed=[0], prompt="The cat smiles").run().wait(SHORT_S)
    assert other.runs == exp.runs[:1]
    first, second = (one.log_to_mlflow(store, experiment="both") for one in (exp, other))
    shared = exp.runs[0].id
    assert first.runs[shared] != second.runs[shared]
    names = [client.get_run(one.runs[shared]).data.tags["kie_nb.experiment"] for one in (first, second)]
    assert names == ["smile", "other"]


def test_a_failed_cell_is_a_failed_run_with_its_reason(exp, client, store):
    """It has no video and no invented figure."""
    found = runs_of(client, exp.log_to_mlflow(store))
    (failed,) = [run for run in exp if run.state == "fail"]
    there = found[failed.id]
    assert there.info.status == "FAILED"
    assert there.data.tags["kie_nb.error"]
    assert "video_seconds" not in there.data.metrics
    assert "video" not in {each.path for each in client.list_artifacts(there.info.run_id)}


def test_the_files_are_there(exp, client, store, tmp_path):
    """Video, still, picture and request, byte for byte."""
    found = runs_of(client, exp.log_to_mlflow(store))
    run = exp.runs[0]
    run_id = found[run.id].info.run_id
    kinds = {each.path for each in client.list_artifacts(run_id)}
    assert kinds == {"video", "poster", "picture", "request.json"}
    folder = Path(client.download_artifacts(run_id, "", str(tmp_path)))
    (video,) = (folder / "video").iterdir()
    (picture,) = (folder / "picture").iterdir()
    assert video.read_bytes() == run.video.read_bytes()
    assert hashlib.sha256(picture.read_bytes()).hexdigest() == run.request.image.sha256
    assert next((folder / "poster").iterdir()).read_bytes().startswith(b"\xff\xd8")


def test_a_video_that_was_altered_is_not_logged_as_the_one_that_was_fetched(exp, client, store):
    """It is left out and said, and comes when the doctor has fetched it again; what was logged before stays what it was."""
    run = exp.runs[0]
    run.video.write_bytes(exp.runs[2].video.read_bytes())

    run_id = exp.log_to_mlflow(store).runs[run.id]
    tags = client.get_run(run_id).data.tags
    assert tags["kie_nb.video_altered"] == "true"
    assert "kie_nb.files" not in tags
    assert {"video", "poster"}.isdisjoint(each.path for each in client.list_artifacts(run_id))

    kie.doctor()
    exp.log_to_mlflow(store)
    tags = client.get_run(run_id).data.tags
    assert (tags["kie_nb.video_altered"], tags["kie_nb.files"]) == ("false", "whole")
    run.video.write_bytes(exp.runs[2].video.read_bytes())
    exp.log_to_mlflow(store)
    assert client.get_run(run_id).data.tags["kie_nb.video_altered"] == "false"


def test_logging_twice_adds_what_is_new(exp, client, store):
    """No second run, no second point of a figure; what was rated since stays as it was, a cell that was tried again is added."""
    exp.log_to_mlflow(store)
    first, second = exp.runs[0], exp.runs[2]
    second.rate(2)
    first.rate(None)
    logged = exp.log_to_mlflow(store)
    assert (len(logged.runs), logged.made) == (3, 0)
    assert "0 new, 3 there before" in repr(logged)
    found = runs_of(client, logged)
    assert len(client.search_runs([logged.experiment_id])) == 3 + 1  # and the study, once
    assert "rating" not in found[second.id].data.metrics
    assert found[first.id].data.metrics["rating"] == 4.0
    assert len(client.get_metric_history(found[first.id].info.run_id, "credits")) == 1

    exp.run(retry_failed=True).wait(SHORT_S)
    logged = exp.log_to_mlflow(store)
    assert logged.made == 1
    assert len(runs_of(client, logged)) == 4


def test_a_run_that_was_logged_in_part_is_completed(exp, client, store):
    """As after a kill before its end: it stays one run, with one point of each figure, and ends."""
    run = exp.runs[0]
    run_id = exp.log_to_mlflow(store).runs[run.id]
    client.delete_tag(run_id, "kie_nb.files")
    client.set_terminated(run_id, "RUNNING")
    run.rate(2)

    assert exp.log_to_mlflow(store).runs[run.id] == run_id
    there = client.get_run(run_id)
    assert there.info.status == "FINISHED"
    assert there.data.metrics["rating"] == 2.0
    assert len(client.get_metric_history(run_id, "credits")) == 1


def test_a_run_that_was_deleted_there_is_logged_again(exp, client, store):
    """With all that is known of it by then."""
    run = exp.runs[0]
    run_id = exp.log_to_mlflow(store).runs[run.id]
    client.delete_run(run_id)
    run.rate(3)

    logged = exp.log_to_mlflow(store)
    assert logged.made == 1
    assert client.get_run(logged.runs[run.id]).data.metrics["rating"] == 3.0


def test_a_note_written_in_mlflow_stays(exp, client, store):
    """Ours is logged where there is one, and wipes nothing where there is none."""
    run_id = exp.log_to_mlflow(store).runs[exp.runs[2].id]
    client.set_tag(run_id, "mlflow.note.content", "written there")
    exp.log_to_mlflow(store)
    assert client.get_run(run_id).data.tags["mlflow.note.content"] == "written there"


def test_mlflow_keeps_its_own_settings(exp, store):
    """No active run, and the address that it had."""
    import mlflow

    before = mlflow.get_tracking_uri()
    exp.log_to_mlflow(store, experiment="elsewhere")
    assert mlflow.get_tracking_uri() == before
    assert mlflow.active_run() is None


def test_nothing_of_this_machine_is_said(exp, client, store, tmp_path, monkeypatch):
    """No path and no key in params and tags; where the store keeps its files is its own business."""
    monkeypatch.setenv("KIE_API_KEY", "secret-key-of-mine")
    for there in runs_of(client, exp.log_to_mlflow(store)).values():
        said = str(there.data.params) + str(there.data.tags)
        assert str(tmp_path) not in said
        assert "secret-key-of-mine" not in said


def test_a_folder_of_files_is_refused_in_mlflows_words(exp, tmp_path):
    """MLflow 3 has given them up; what to do is in the message."""
    with pytest.raises(kie.KieError, match="MLFLOW_ALLOW_FILE_STORE"):
        exp.log_to_mlflow(str(tmp_path / "mlruns"))


def test_a_folder_of_files_works_where_mlflow_is_told_so(exp, tmp_path, monkeypatch):
    """The same, twice."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    assert exp.log_to_mlflow(str(tmp_path / "mlruns")).made == 3
    assert exp.log_to_mlflow(str(tmp_path / "mlruns")).made == 0


def test_a_deleted_experiment_is_said(exp, client, store):
    """MLflow keeps its name taken."""
    client.delete_experiment(exp.log_to_mlflow(store).experiment_id)
    with pytest.raises(kie.InvalidRequest, match="was deleted"):
        exp.log_to_mlflow(store)
    assert exp.log_to_mlflow(store, experiment="another").made == 3


def test_nothing_that_has_ended_is_nothing_to_log(smile, store):
    """It is said, and no experiment is made."""
    with pytest.raises(kie.InvalidRequest, match="No cell has ended"):
        smile().log_to_mlflow(store)


def test_without_mlflow_it_says_what_to_install(exp, monkeypatch):
    """In words."""
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(kie.KieError, match="kie_nb\\[mlflow\\]"):
        exp.log_to_mlflow()


def test_a_file_that_came_half_is_logged_again(exp, client, store):
    """As after a kill while it was copied: its size tells."""
    run = exp.runs[0]
    run_id = exp.log_to_mlflow(store).runs[run.id]
    (artifact,) = client.list_artifacts(run_id, "video")
    kept = Path(client.get_run(run_id).info.artifact_uri.removeprefix("file://")) / artifact.path
    kept.write_bytes(kept.read_bytes()[:100])
    client.delete_tag(run_id, "kie_nb.files")

    exp.log_to_mlflow(store)
    assert kept.read_bytes() == run.video.read_bytes()


def test_a_run_that_two_share_is_there_for_both(exp, smile, store, client):
    """Under one name in MLflow, too: the tags of one do not take the place of the other's, and likeness is logged."""
    other = kie.Experiment(
        "cats", image=exp.definition.grid.fixed["image"], prompt="The cat smiles", seed=[0, 1]
    )
    other.run().wait(SHORT_S).spread()
    for _ in range(2):
        logged = [one.log_to_mlflow(store, experiment="both") for one in (exp, other)]

    assert [len(one.runs) for one in logged] == [3, 2]
    assert [one.made for one in logged] == [0, 0]
    found = client.search_runs([logged[0].experiment_id])
    shared = [run.data for run in found if run.data.tags.get("kie_nb.run") == exp.runs[0].id]
    assert sorted(data.tags["kie_nb.experiment"] for data in shared) == ["cats", "smile"]
    assert all(data.metrics["seed_distance"] > 0 for data in shared)
