"""Experiments of tables and of others; one more cell at a time, for a loop that chooses by what it sees."""

import contextlib
import shutil

import pytest

import kie_nb as kie
from kie_nb.simulator import Fault

SHORT_S = 120


@pytest.fixture
def asked(cat, simulator):
    """Two animals and two seeds."""
    shutil.copy(cat, "cat.png")

    def asked(name="pets", **more):
        given = {"image": "cat.png", "prompt": "The {who} smiles", "who": ["cat", "dog"], "seed": range(2)}
        return kie.Experiment(name, **given | more)

    return asked


def places(exp):
    return [tuple(place.values()) for place, _ in exp.cells()]


def test_a_sample_is_bought_saved_and_grown(asked, simulator):
    """Its definition says so in two lines; a larger sample buys what is new, and its file is the same one elsewhere."""
    exp = asked(seed=range(100), sample=3, sample_seed=1).run().wait(SHORT_S)
    file = exp.save("pets.toml")

    assert "sample = 3\nsample_seed = 1\n" in file.read_text()
    assert len(file.read_text()) < 400
    assert places(kie.Experiment.load(file)) == places(exp)
    more = exp.replace(sample=5)
    assert (more.plan().missing, len(more)) == (2, 5)
    more.run().wait(SHORT_S)
    assert len(simulator.tasks) == 5


def test_a_table_is_an_experiment(asked, simulator, tmp_path):
    """A row a cell; what is empty is left out, and numbers that pandas has made real are whole again."""
    import pandas as pd

    table = pd.DataFrame({"who": ["cat", "dog", "cow"], "seed": [1, None, 3], "duration": [5, 5, 10]})
    exp = kie.Experiment.from_frame("rand", table, image="cat.png", prompt="The {who} nods", max_credits=240)

    assert exp.definition.to_json()["cells"][0] == {"who": "cat", "seed": 1, "duration": 5}
    assert "seed" not in exp.definition.to_json()["cells"][1]
    exp.run().wait(SHORT_S)
    frame = exp.to_frame()
    assert list(frame["who"]) == ["cat", "dog", "cow"]
    assert list(frame["seed"])[::2] == [1, 3]
    assert frame["credits"].sum() == 240
    loaded = kie.Experiment.load(exp.save("rand.toml"))
    assert loaded.status().done == 3
    assert loaded.definition.max_credits == 240
    with pytest.raises(kie.InvalidRequest, match="'state' is not a field of the model"):
        kie.Experiment.from_frame("again", exp.to_frame()[["who", "state"]], image="cat.png", prompt="{who}")
    with pytest.raises(kie.InvalidRequest, match="A cell has several values of seed"):
        kie.Experiment("listed", image="cat.png", prompt="{who}", cells=[{"who": "cat", "seed": [1, 2]}])


def test_the_definitions_limit_counts_where_no_other_is_given(asked):
    """In Python, and for whoever runs its file."""
    exp = asked(max_credits=100)
    assert "run() would refuse it" in repr(exp.plan())
    with pytest.raises(kie.BudgetExceeded, match="max_credits=100"):
        exp.run()
    with pytest.raises(kie.BudgetExceeded):
        kie.Experiment.load(exp.save("pets.toml")).run()
    assert exp.run(max_credits=None).wait(SHORT_S).status().done == 4


def test_an_experiment_with_other_values(asked):
    """Options, axes and fixed values; what it was made of stays as it is."""
    exp = asked(where=lambda at: at != {"who": "dog", "seed": 1}, duration=5, description="first")

    assert places(exp.replace(seed=[5])) == [("cat", 5), ("dog", 5)]
    assert places(exp.replace(who="ox")) == [(0,), (1,)]
    assert places(exp.replace(duration=[5, 10], who=None, prompt="Rain"))[:2] == [(0, 5), (0, 10)]
    assert exp.replace(name="other", description="second").definition.description == "second"
    assert exp.replace(name="other").definition.name == "other"
    assert places(exp) == [("cat", 0), ("cat", 1), ("dog", 0)]
    rows = [{"seed": 1, "who": "cat"}, {"seed": 2, "who": "cat"}]
    listed = kie.Experiment.from_frame("listed", rows, image="cat.png", prompt="{who}")
    assert places(listed.replace(seed=[5, 6])) == [("cat", 5), ("cat", 6)]
    assert places(listed.replace(duration=[5, 10])) == [
        (1, "cat", 5),
        (1, "cat", 10),
        (2, "cat", 5),
        (2, "cat", 10),
    ]
    assert places(listed.grow(seed=[9])) == [(1, "cat"), (2, "cat"), ("cat", 9)]
    with pytest.raises(kie.InvalidRequest, match="did you mean 'seed'"):
        exp.replace(sed=[5])


def test_the_best_are_grown(asked, simulator):
    """More seeds for those alone; run() buys them without being told to extend, and the file holds all."""
    exp = asked(who=["cat", "dog", "cow"]).run().wait(SHORT_S)
    with pytest.raises(kie.InvalidRequest, match="No run has a rating"):
        exp.top()
    for run, stars in zip(exp, (1, 2, 5, 4, 3, 3), strict=True):
        run.rate(stars)
    best = exp.top(2, by="rating", over="seed")

    assert [place["who"] for place in best.places] == [exp.cells()[number][0]["who"] for number in (2, 4)]
    assert "rating 4.5" in repr(best)
    assert len(best.runs) == 4
    grown = best.grow(seed=range(1, 4))
    assert grown.plan().missing == 4
    grown.run().wait(SHORT_S)
    assert len(simulator.tasks) == 10
    assert grown.to_frame()["seed"].tolist()[6:] == [2, 3, 2, 3]
    loaded = kie.Experiment.load(grown.save("pets.toml"))
    assert loaded.status().done == len(loaded) == 10
    assert len(kie.experiments("pets").to_frame()) == 10
    with pytest.raises(kie.InvalidRequest, match="no axis 'sed'; did you mean 'seed'"):
        exp.top(over="sed")
    with pytest.raises(kie.InvalidRequest, match=r"top\(by='beauty'\): use rating"):
        exp.top(by="beauty")


def test_a_column_that_is_not_sent_is_kept_as_a_label(asked, simulator):
    """In frames, in the ledger and in the file; where it is not named so, it is refused with the way out."""
    import pandas as pd

    table = pd.DataFrame({"who": ["cat", "dog"], "seed": [1, 2], "group": ["control", "treated"]})
    given = {"image": "cat.png", "prompt": "The {who} nods"}
    with pytest.raises(kie.InvalidRequest, match="'group' is not a field") as caught:
        kie.Experiment.from_frame("rand", table, **given)
    assert "labels=" in caught.value.hint
    exp = kie.Experiment.from_frame("rand", table, labels=["group"], **given).run().wait(SHORT_S)

    assert list(exp.to_frame()["group"]) == ["control", "treated"]
    assert list(kie.experiments("rand").to_frame()["group"]) == ["control", "treated"]
    assert [run.prompt for run in exp.runs] == ["The cat nods", "The dog nods"]
    assert exp.at(group="treated").seed == 2
    assert "group" not in str([run.request.to_json() for run in exp.runs])
    loaded = kie.Experiment.load(exp.save("rand.toml"))
    assert (loaded.status().done, places(loaded)) == (2, places(exp))
    assert {*places(loaded.grow(seed=[3]))} == {*places(exp), ("cat", "control", 3), ("dog", "treated", 3)}
    assert exp.ask({"who": "cow", "seed": 1, "group": "late"}).wait(SHORT_S).prompt == "The cow nods"
    assert len(simulator.tasks) == 3
    for labels, words in (
        (["group", "seed"], "'seed' is a field"),
        (["group", "age"], "'age', which is no column"),
        ([3], "names of columns"),
    ):
        with pytest.raises(kie.InvalidRequest, match=words):
            kie.Experiment.from_frame("other", table, labels=labels, **given)
    twice = pd.concat([table, table.assign(group="late")])
    with pytest.raises(
        kie.InvalidRequest, match="Two rows ask for the same video with group 'control' and 'late'"
    ):
        kie.Experiment.from_frame("other", twice, labels="group", **given)


def test_a_plain_grid_grows_by_its_axes(asked):
    """A fixed value becomes an axis; a picture stays the one it was."""
    exp = asked()
    assert exp.grow(seed=[1, 5]).definition.to_json()["axes"] == {"who": ["cat", "dog"], "seed": [0, 1, 5]}
    assert exp.grow(duration=10).definition.to_json()["axes"]["duration"] == [10]
    assert asked(duration=5).grow(duration=10).definition.to_json()["axes"]["duration"] == [5, 10]
    zipped = asked(zip=("who", "seed")).grow(seed=[7])
    assert sorted(places(zipped)) == [("cat", 0), ("cat", 7), ("dog", 1), ("dog", 7)]


@pytest.mark.usefixtures("asked", "paid")
def test_a_loop_asks_and_tells(simulator):
    """One cell at a time, within the limit; asked for again it is the run that there is, in another process too."""

    def tuned():
        return kie.Experiment("tune", image="cat.png", prompt="The {mood} cat", cells=[], max_credits=200)

    exp = tuned()
    assert (len(exp), exp.ask()) == (0, None)
    for mood in ("calm", "wild"):
        run = exp.ask({"mood": mood, "seed": 3})
        exp.tell(run.wait(SHORT_S), len(mood) / 10 + (mood == "wild"))
    assert exp.best("score").prompt == "The wild cat"
    assert exp.to_frame()[["mood", "score"]].to_numpy().tolist() == [["calm", 0.4], ["wild", 1.4]]
    assert exp.ask({"mood": "calm", "seed": 3}) == exp[0]
    again = tuned()
    assert again.ask({"seed": 3, "mood": "wild"}) == exp[1]
    assert len(simulator.tasks) == 2
    again.ask({"mood": "sad"}).wait(SHORT_S)
    with pytest.raises(kie.BudgetExceeded):
        again.ask({"mood": "glad"})
    assert kie.experiments("tune")[0].status.cells >= 3
    assert kie.Experiment.load(exp.save("tune.toml")).status().done == 2


@pytest.mark.parametrize("at", [{"who": "dog"}, None], ids=["its own", "the next"])
def test_two_handles_ask_with_the_seed_that_was_drawn_first(simulator, at):
    """Both were made before one was stored: the second takes it, and a cell of its own."""
    given = {"model": "wan/2-5-text-to-video", "prompt": "A {who}", "who": ["cat", "dog"]}
    one, other = (kie.Experiment("two", **given) for _ in range(2))

    first, second = one.ask(None if at is None else {"who": "cat"}), other.ask(at)
    assert (first.id == second.id, first.seed == second.seed) == (False, True)
    assert [run.id for run in other.runs] == [first.id, second.id]
    assert other.ask() is None
    with pytest.raises(kie.InvalidRequest, match="names no values"):
        other.ask("dog")
    assert len(simulator.tasks) == 2


def test_asking_without_a_place_takes_the_next_cell(asked):
    """In the order of the grid, until none is left; what is no number is not told."""
    exp = asked()
    runs = [exp.ask().wait(SHORT_S) for _ in range(4)]
    assert exp.ask() is None
    assert runs == exp.runs
    for wrong in (float("nan"), "good", True):
        with pytest.raises(kie.InvalidRequest, match="use a finite number"):
            exp.tell(runs[0], wrong)
    assert exp.tell(runs[0], 2).score == 2
    assert exp.tell(runs[0], None).score is None
    other = kie.generate("Rain", image="cat.png", seed=1).wait(SHORT_S)
    with pytest.raises(kie.InvalidRequest, match="stands for no cell"):
        exp.tell(other, 1)


@pytest.mark.parametrize(
    ("fault", "words", "goes_on"),
    [
        pytest.param(
            {"call": "task", "kind": "fail", "times": 3}, "3 failures in a row", "failures", id="failures"
        ),
        pytest.param(
            {"call": "create", "kind": "lost_reply", "times": 1},
            "1 of unknown outcome",
            "unknowns",
            id="unknown",
        ),
    ],
)
def test_a_loop_stops_where_a_run_would(asked, simulator, fault, words, goes_on):
    """By default after three failures in a row, or at an outcome that may be billed; what has its video is given all the same."""
    exp = asked(seed=range(6))
    first = exp.ask({"who": "cat", "seed": 5}).wait(SHORT_S)
    simulator.set_faults([Fault(**fault)])
    for _ in range(fault["times"]):
        with contextlib.suppress(kie.KieError):
            exp.ask().wait(SHORT_S)
    for at in (None, {"who": "cow", "seed": 0}):
        with pytest.raises(kie.KieError, match=f"Nothing was sent: {words}") as caught:
            exp.ask(at)
        assert caught.value.charged == "nothing"
        assert f"stop_after_{goes_on}" in caught.value.hint

    assert len(simulator.tasks) == 1 + fault["times"]
    assert exp.ask({"who": "cat", "seed": 5}) == first
    assert exp.ask(**{f"stop_after_{goes_on}": 9}).wait(SHORT_S).video
    assert len(simulator.tasks) == 2 + fault["times"]


@pytest.mark.usefixtures("asked")
def test_optuna_drives_it():
    """Its study chooses, this one buys and remembers."""
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    exp = kie.Experiment("tune", image="cat.png", prompt="The {mood} cat", cells=[])
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=1))
    for _ in range(3):
        trial = study.ask()
        at = {
            "mood": trial.suggest_categorical("mood", ["calm", "wild"]),
            "seed": trial.suggest_int("seed", 0, 3),
        }
        run = exp.ask(at).wait(SHORT_S)
        study.tell(trial, exp.tell(run, float(run.seed)).score)
    assert study.best_value == exp.best("score").score


def test_a_picture_beside_the_file_is_the_one(asked, cat, tmp_path):
    """Where one of the same name lies in the current folder."""
    from PIL import Image

    (tmp_path / "kit").mkdir()
    with Image.open(cat) as picture:
        picture.rotate(180).save(tmp_path / "kit" / "cat.png")
    asked().save("kit/pets.toml")
    loaded, mine = kie.Experiment.load("kit/pets.toml"), asked("mine")

    assert set(loaded.to_frame()["image_sha256"]).isdisjoint(mine.to_frame()["image_sha256"])


def test_a_new_folder_is_left_out_of_git(asked, tmp_path):
    """One that was there is the user's."""
    asked().save("pets.toml")
    assert (tmp_path / "kie-runs" / ".gitignore").read_text().splitlines()[-1] == "*"
    kie.configure(home=tmp_path)
    asked("other")
    assert not (tmp_path / ".gitignore").exists()
