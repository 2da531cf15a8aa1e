"""Experiments whose tasks make two files each: no result rests on one that is not the file that was fetched."""

from pathlib import Path

import pytest

import kie_nb as kie
from kie_nb.experiment.headless import DONE, NOT_ALL_DONE
from kie_nb.experiment.headless import run as run_file
from kie_nb.simulator import Fault

SHORT_S = 120
TWO = Fault(call="record", kind="two_urls")


@pytest.fixture
def exp(simulator):
    """Two seeds of one prompt, two files of each."""
    simulator.set_faults([TWO])
    exp = kie.Experiment("two", model="wan/2-5-text-to-video", prompt="Waves.", seed=[3, 4])
    return exp.run().wait(SHORT_S)


@pytest.fixture
def altered(exp):
    """The second file of the first run has the bytes of another video."""
    first, other = exp.runs
    first.videos[1].write_bytes(other.video.read_bytes())
    return first.videos[1]


def test_a_script_is_told_which_file_is_not_as_fetched(exp, altered, tmp_path, capsys, simulator):
    """By its own name; it is done again when the doctor has fetched it."""
    file = exp.save(tmp_path / "two.toml")

    assert run_file(file) == NOT_ALL_DONE
    assert f"not on disk as fetched: {altered.name}. Nothing is bought" in capsys.readouterr().out
    kie.doctor()
    assert run_file(file) == DONE
    assert len(simulator.tasks) == 2


def test_a_crate_holds_no_second_file_that_was_altered(exp, altered, tmp_path):
    """And then there is none; with all as they were fetched, each is in it."""
    with pytest.raises(kie.LedgerError, match=altered.name):
        exp.export_crate("crate")
    kie.doctor()
    exp.export_crate("crate")

    assert {path.name for path in (tmp_path / "crate" / "videos").iterdir()} == {
        path.name for run in exp for path in run.videos
    }


def test_what_shows_the_first_file_alone_minds_that_one_alone(exp, altered):
    """A wall and a comparison lack nothing when another file of the task was altered."""
    assert [tile.video for tile in exp.wall().tiles] == [run.video for run in exp]
    assert exp.spread().pairs == 1
    exp.runs[0].video.write_bytes(altered.read_bytes())

    assert exp.wall().tiles[0].video is None
    assert exp.spread().pairs == 0


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")
def test_mlflow_is_given_no_second_file_that_was_altered(exp, altered, tmp_path, monkeypatch):
    """The first is logged, the second when it is as it was fetched; until then nobody says that all are there."""
    import mlflow

    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    store = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client = mlflow.MlflowClient(tracking_uri=store)
    run = exp.runs[0]

    def logged():
        run_id = exp.log_to_mlflow(store).runs[run.id]
        tags = client.get_run(run_id).data.tags
        names = {Path(each.path).name for each in client.list_artifacts(run_id, "video")}
        return tags["kie_nb.video_altered"], tags.get("kie_nb.files"), names

    assert logged() == ("true", None, {run.video.name})
    kie.doctor()
    assert altered.exists()
    assert logged() == ("false", "whole", {path.name for path in run.videos})
