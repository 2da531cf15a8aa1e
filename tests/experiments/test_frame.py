"""One tidy frame of cells: the same columns and types wherever it comes from, before, during and after buying."""

import csv
import io
import json

import pytest

import kie_nb as kie
from kie_nb.handles import get_session
from kie_nb.simulator import Fault

SHORT_S = 120
LISTED = (
    *("run", "experiment", "state", "error", "attempts", "model", "prompt", "prompt_template"),
    *("negative_prompt", "image", "image_sha256", "resolution", "duration", "seed"),
    *(
        "enable_prompt_expansion",
        "nsfw_checker",
        "who",
        "repeat",
        "rating",
        "score",
        "tags",
        "credits",
        "estimate",
    ),
    *("asked_at", "completed_at", "waited_s", "video_path", "on_disk"),
)


@pytest.fixture
def asked(cat, simulator):
    """Two animals, and so many seeds."""

    def asked(seeds=2, name="pets", **more):
        given = {"image": cat, "prompt": "The {who} smiles", "who": ["cat", "dog"], "seed": range(seeds)}
        return kie.Experiment(name, **given | more)

    return asked


def test_the_frame_is_one(asked, tmp_path, simulator):
    """A row a cell, columns of the request as it was sent, and the same in a frame, CSV, JSON lines and Parquet."""
    import pandas as pd

    empty = asked().to_frame()
    exp = asked().run().wait(SHORT_S)
    exp.runs[0].rate(5).tag("keeper", "calm")
    frame = exp.to_frame()

    assert tuple(frame.columns[: len(LISTED)]) == LISTED
    assert list(frame["state"]) == ["done"] * 4
    assert list(empty["state"]) == ["to come"] * 4
    assert (frame.dtypes == empty.dtypes).all()
    row = frame.iloc[0]
    assert (row["prompt"], row["prompt_template"]) == ("The cat smiles", "The {who} smiles")
    assert (row["resolution"], row["duration"], row["image"]) == ("720p", 5.0, "chelsea.png")
    assert (row["seed"], row["who"], row["repeat"], row["attempts"]) == (0, "cat", 1, 1)
    assert (row["rating"], row["tags"], row["on_disk"]) == (5, "keeper; calm", True)
    assert row["asked_at"] == exp[0].created_at
    assert (tmp_path / row["video_path"]).is_file()

    parquet = pd.read_parquet(exp.export_data("a.parquet"))
    text = exp.export_data("a.csv").read_text("utf-8")
    lines = [json.loads(line) for line in exp.export_data("a.jsonl").read_text("utf-8").splitlines()]
    assert list(parquet) == next(csv.reader(io.StringIO(text))) == list(lines[0]) == list(frame)
    assert list(parquet["video_path"]) == [line["video_path"] for line in lines] == list(frame["video_path"])
    found = kie.runs().to_frame()
    assert (found.dtypes == frame.dtypes).all()
    assert set(found["who"]) == {"cat", "dog"}
    assert set(found["prompt_template"]) == {"The {who} smiles"}


def test_cells_that_are_to_come_carry_what_the_plan_knows(asked):
    """And nothing of a run: no cost, no path, no moment; the order is the grid's."""
    asked(1).run().wait(SHORT_S)
    frame = asked(2, negative_prompt="hats").to_frame()
    planned = frame[["state", "prompt", "negative_prompt", "seed", "estimate", "attempts", "on_disk"]]
    nothing = frame[["run", "credits", "rating", "asked_at", "completed_at", "video_path", "error"]]

    assert planned.iloc[3].tolist() == ["to come", "The dog smiles", "hats", 1, 60.0, 0, False]
    assert nothing.isna().all(axis=None)
    assert asked(2).to_frame()["state"].tolist() == ["done", "to come", "done", "to come"]


def test_a_failure_is_in_it_with_its_words_and_attempts(asked, simulator):
    """Who asks again adds an attempt; the run that stands for the cell is the last."""
    simulator.set_faults([Fault(call="task", kind="fail", match="dog", times=2)])
    exp = asked(1).run().wait(SHORT_S).run(retry_failed=True).wait(SHORT_S)
    frame = exp.to_frame().set_index("who")
    assert (frame.loc["dog", "state"], frame.loc["dog", "attempts"]) == ("failed", 2)
    assert frame.loc["dog", "error"]
    exp.run(retry_failed=True).wait(SHORT_S)
    frame = exp.to_frame().set_index("who")
    assert (frame.loc["dog", "state"], frame.loc["dog", "attempts"]) == ("done", 3)
    assert frame["error"].isna().all()


def test_experiments_are_listed_and_in_one_frame(asked):
    """With cells, cost and dates; what two share is there under both names, and is bought once."""
    first = asked(2).run().wait(SHORT_S)
    second = kie.Experiment(
        "cats", image=first.definition.grid.fixed["image"], prompt="The cat smiles", seed=[0, 9]
    )
    second.run().wait(SHORT_S)
    studies = kie.experiments()

    assert [(study.name, study.status.cells, study.status.done) for study in studies] == [
        ("cats", 2, 2),
        ("pets", 4, 4),
    ]
    assert "cats" in repr(studies)
    assert "cats" in studies._repr_html_()
    frame = kie.experiments(["pets", "cats"]).to_frame()
    assert list(frame["experiment"]) == ["pets"] * 4 + ["cats"] * 2
    assert frame["run"].nunique() == 5
    shared = first.at(who="cat", seed=0)
    assert list(frame[frame["run"] == shared.id]["prompt_template"]) == ["The {who} smiles", "The cat smiles"]
    for name, runs in (("pets", 4), ("cats", 2)):
        found = kie.runs(experiment=name)
        assert shared in found
        assert set(found.to_frame()["experiment"]) == {name}
        assert len(found) == runs
    kie.Experiment("same", image=second.definition.grid.fixed["image"], prompt="The cat smiles", seed=0).run()
    assert list(kie.runs(experiment="same")) == [shared]  # it has bought none
    assert get_session().here.choices().experiments == ["cats", "pets", "same"]
    with pytest.raises(kie.InvalidRequest, match="did you mean 'pets'"):
        kie.experiments("pet")


def test_after_growing_the_whole_is_in_the_frame(asked):
    """Earlier cells keep their axes and their words, also where the definition says something else now."""
    asked(1).run().wait(SHORT_S)
    grown = asked(1, prompt="The {who} yawns", duration=[5, 10]).run(extend=True)
    grown.wait(SHORT_S)
    frame = kie.experiments("pets").to_frame()

    assert list(frame["who"]) == ["cat", "dog", "cat", "cat", "dog", "dog"]
    assert list(frame["duration"]) == [5, 5, 5, 10, 5, 10]
    assert list(frame["prompt_template"].isna()) == [True] * 2 + [False] * 4
    assert list(grown.to_frame()["prompt_template"]) == ["The {who} yawns"] * 4


def test_what_the_ledger_knows_of_cells_to_come(asked, monkeypatch):
    """No definition at hand, and no picture: the prompt as it would be sent, and its price."""
    import pandas as pd

    exp = asked(2, duration=10)
    exp.run(max_credits=240, partial=True).wait(SHORT_S)
    frame = kie.experiments("pets").to_frame()

    assert (frame.dtypes == exp.to_frame().dtypes).all()
    same = [name for name in frame if name not in {"image", "image_sha256", "image_width", "image_height"}]
    pd.testing.assert_frame_equal(frame[same], exp.to_frame()[same])
    assert list(frame["state"]) == ["done", "done", "to come", "to come"]


def test_media_of_other_roles_are_in_it(asked, cat):
    """By name and by hash, also where the model has a field of the same name, and where the ledger alone knows of a cell."""
    from PIL import Image

    with Image.open(cat) as picture:
        picture.rotate(180).save("tac.png")
    exp = asked(1, model="wan/3-0-video", last_image="tac.png", audio=False)
    exp.ask().wait(SHORT_S)
    frame = exp.to_frame()

    assert list(frame["last_image"]) == ["tac.png"] * 2
    assert frame["last_image_sha256"].str.len().tolist() == [64] * 2
    assert (list(frame["audio"]), str(frame["audio"].dtype)) == ([False] * 2, "boolean")
    assert frame["audio_file"].isna().all()
    known = kie.experiments("pets").to_frame()
    assert (known.dtypes == frame.dtypes).all()
    assert known["last_image"].tolist() == ["tac.png"] * 2
    assert known["prompt"].tolist() == frame["prompt"].tolist()


def test_what_was_measured_of_videos_is_in_the_frame_and_in_files(asked, tmp_path):
    """Measured once: another process shows it, too. What was not measured is not known, which is not 0."""
    exp = asked(2).run().wait(SHORT_S)
    assert exp.to_frame()["seed_distance"].isna().all()
    spread = exp.spread()
    exp.verify(exp.at(who="cat", seed=0))
    frame = exp.to_frame().set_index(["who", "seed"])

    assert frame["seed_distance"].notna().all()
    assert spread.median == pytest.approx(frame["seed_distance"].median())
    assert frame["repeat_verdict"].dropna().to_dict() == {("cat", 0): "same bytes"}
    assert frame["repeat_distance"].dropna().tolist() == [0]
    lines = exp.export_data("a.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["seed_distance"] for line in lines] == frame["seed_distance"].tolist()
    assert kie.experiments("pets").to_frame()["seed_distance"].tolist() == frame["seed_distance"].tolist()
    assert kie.runs().to_frame()["seed_distance"].notna().all()


def test_a_run_is_found_by_its_place(asked):
    """By axes, or by number; what is not one run is said."""
    exp = asked(2)
    with pytest.raises(kie.InvalidRequest, match="has no run yet"):
        exp.at(who="cat", seed=1)
    exp.run().wait(SHORT_S)

    assert exp.at(who="cat", seed=1).seed == exp[1].seed == 1
    assert exp[-1] == exp.at(who="dog", seed=1)
    for place, words in (
        ({"who": "cat"}, "2 cells have who=cat.[\\s\\S]*name seed too"),
        ({"wo": "cat"}, "no axis 'wo'; did you mean 'who'"),
        ({"who": "cow"}, "No cell has who=cow"),
    ):
        with pytest.raises(kie.InvalidRequest, match=words):
            exp.at(**place)
    with pytest.raises(IndexError):
        _ = exp[4]


def test_a_table_of_people_rates_runs(asked, tmp_path):
    """By id or by axes, from a frame or from plain rows; a table with one wrong row rates nothing."""
    import pandas as pd

    exp = asked(2).run().wait(SHORT_S)
    exp.to_frame()[["run", "who", "seed"]].assign(human=[5, 3, None, 4]).to_csv("people.csv", index=False)
    table = pd.read_csv("people.csv")

    assert exp.rate(table, on="run", column="human") == 3
    assert [run.rating for run in exp] == [5, 3, None, 4]
    assert exp.rate(table.assign(human=[None, 1.0, 2, None]), on=["who", "seed"], column="human") == 2
    assert [run.rating for run in exp] == [5, 1, 2, 4]
    with (tmp_path / "people.csv").open(newline="") as file:
        assert exp.rate(csv.DictReader(file), on="run", column="human") == 3
    for wrong, words in (
        ([1, 1, 1, 9], "Row 4 of the table: the rating is 9"),
        ([1, 1, 1, 3.5], "rating is 3.5: use 1 to 5"),
    ):
        with pytest.raises(kie.InvalidRequest, match=words):
            exp.rate(table.assign(human=wrong), column="human")
    with pytest.raises(kie.InvalidRequest, match="is no run of this experiment"):
        exp.rate(table.assign(run="x"), column="human")
    with pytest.raises(kie.InvalidRequest, match="no column 'humans'; did you mean 'human'"):
        exp.rate(table, column="humans")
    with pytest.raises(kie.InvalidRequest, match="or rows by name, not a str"):
        exp.rate("people.csv", column="human")
    assert [run.rating for run in exp] == [5, 3, 2, 4]
