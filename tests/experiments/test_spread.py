"""Do seeds matter, and does a request repeat: measured on real videos, bought from the simulator."""

import functools

import pytest

import kie_nb as kie
from kie_nb.engine.dispatcher import Threads
from kie_nb.experiment import report
from kie_nb.experiment import spread as spreads
from kie_nb.experiment.verdict import ALIKE_SHARE, SAME_LOOK_DISTANCE, SAME_LOOK_WORST_DISTANCE
from kie_nb.handles import get_session
from kie_nb.handles.begin import again, intend

pytestmark = pytest.mark.slow

SHORT_S = 120


@pytest.fixture(autouse=True)
def _new_process(monkeypatch):
    monkeypatch.setattr(spreads, "_known", {})


@pytest.fixture
def exp(cat, simulator):
    return kie.Experiment("seeds", image=cat, prompt="The cat smiles", seed=range(3)).run().wait(SHORT_S)


def test_seeds_make_a_difference(exp):
    """All pairs of seeds of one request are compared."""
    found = exp.spread()

    assert found.pairs == 3
    assert found.differ
    assert "seeds make a visible difference" in repr(found)


def test_where_pairs_are_many_some_are_compared_and_that_is_said(exp, monkeypatch):
    """The report rests on the same pairs, and so on the same figure."""
    monkeypatch.setattr(report, "spread_of", functools.partial(spreads.spread_of, most=2))
    found = exp.spread(pairs=2)

    assert (found.pairs, found.of) == (2, 3)
    assert "over 2 of 3 pairs; a row in none of them has no seed_distance: spread(pairs=None)" in repr(found)
    assert exp.to_frame()["seed_distance"].notna().sum() == 3
    assert repr(found)[1:] in exp.report("seeds.html").read_text("utf-8")


def test_one_seed_says_nothing_of_seeds(cat, simulator):
    """Unknown is not zero."""
    exp = kie.Experiment("one", image=cat, prompt="The cat smiles", seed=[1]).run().wait(SHORT_S)
    assert exp.spread().median is None
    assert "not known" in repr(exp.spread())


def test_the_simulator_repeats_itself(exp, simulator):
    """Its videos are a function of the request: same bytes, for one more run; the next look buys nothing."""
    run = exp.runs[0]
    found = exp.verify(run)

    assert [one.verdict for one in found.comparisons] == ["same bytes"]
    assert found.runs[0].id != run.id
    assert len(simulator.tasks) == 4
    exp.verify(run)
    assert len(simulator.tasks) == 4


@pytest.mark.parametrize(("drift", "is_near"), [(0.05, True), (1.0, False)])
def test_a_drifting_model_is_told_by_its_distance(exp, simulator, drift, is_near):
    """The verdict is the one that the measured distance asks for, set against what different seeds do."""
    simulator.set_drift(drift)
    (found,) = exp.verify(exp.runs[0], yes=True).comparisons

    spread, distance = exp.spread().median, found.likeness.distance
    assert found.judgement.spread == pytest.approx(spread)
    assert (distance <= spread * ALIKE_SHARE) is is_near
    is_same_look = distance <= SAME_LOOK_DISTANCE and 1 - found.likeness.ssim_min <= SAME_LOOK_WORST_DISTANCE
    assert found.verdict == ("same look" if is_same_look else "alike" if is_near else "different")


def test_a_cell_is_taken_for_its_run_and_the_price_is_said(exp, simulator, capsys):
    """Where nothing is asked, too; what is there already costs nothing, and nothing is said."""
    exp.verify(exp.cells()[0])
    assert "This buys 1 more run of the same request, simulated and free." in capsys.readouterr().out
    exp.verify(exp.cells()[0], yes=True)
    assert capsys.readouterr().out == ""

    assert len(simulator.tasks) == 4


@pytest.mark.parametrize("repeats", [0, -1, 1.5, True, "2", None])
def test_a_number_of_repeats_that_is_none_is_refused(exp, simulator, repeats):
    """So is a cell that has no run, and what is neither."""
    with pytest.raises(kie.InvalidRequest, match="a whole number from 1"):
        exp.verify(exp.runs[0], repeats=repeats)
    for given, words in (
        (({"seed": 9}, None), "no run yet"),
        (None, "None is not a run"),
        ("x", "'x' is not a run"),
    ):
        with pytest.raises(kie.InvalidRequest, match=words):
            exp.verify(given)
    assert len(simulator.tasks) == 3


def test_a_repetition_is_set_against_the_seeds_of_its_own_request(cat, simulator):
    """Where it has one seed only, against those of the whole experiment, which is said; a run from elsewhere against none."""
    prompts = ["The cat smiles", "The dog barks at a very bright moon"]
    keep = {(0, prompts[0]), (1, prompts[0]), (0, prompts[1])}
    exp = kie.Experiment(
        "seeds",
        image=cat,
        prompt=prompts,
        seed=range(2),
        where=lambda place: (place["seed"], place["prompt"]) in keep,
    )
    exp.run().wait(SHORT_S)
    both = {run.prompt: run for run in exp}
    other = kie.Experiment("other", image=cat, prompt=["The cat smiles", "A ship"], seed=[7, 8])
    other.run().wait(SHORT_S)
    own = exp.spread().median

    verdicts = {prompt: exp.verify(both[prompt], yes=True).comparisons[0].judgement for prompt in prompts}
    assert {judged.spread for judged in verdicts.values()} == {own}
    assert [spreads.POOLED in judged.reasons for judged in verdicts.values()] == [False, True]
    ships = [run for run in other if run.prompt == "A ship"]
    spread = other.verify(ships[0], yes=True).comparisons[0].judgement.spread
    assert spread == kie.compare(*ships).likeness.distance != other.spread().median
    (foreign,) = exp.verify(ships[0], yes=True).comparisons
    assert foreign.judgement.spread is None
    assert spreads.POOLED not in foreign.judgement.reasons


def test_a_run_without_a_video_cannot_be_verified(exp):
    """Nothing is bought for it."""
    exp.runs[0].video.unlink()
    with pytest.raises(kie.InvalidRequest, match="no video"):
        exp.verify(exp.runs[0])


def test_a_video_that_was_altered_is_not_judged_as_the_one_that_was_fetched(exp, simulator):
    """Nothing is bought to be compared with it, no spread rests on it, and what is compared all the same is said."""
    first, second, third = exp.runs
    whole = exp.spread()
    first.video.write_bytes(second.video.read_bytes())

    with pytest.raises(kie.InvalidRequest, match="altered since it was fetched") as caught:
        exp.verify(first, yes=True)
    assert "%kie doctor" in caught.value.hint
    assert len(simulator.tasks) == 3
    assert exp.spread().pairs == 1
    assert repr(exp.spread()).endswith(
        "over 1 of 3 pairs; 1 video damaged, or not on disk as fetched: %kie doctor"
    )
    assert kie.compare(second, third).likeness.distance == pytest.approx(exp.spread().median)
    said = repr(kie.compare(first, second))
    assert "\nsame bytes" in said
    assert f"the video of {first.label} was altered since it was fetched" in said

    assert kie.doctor().is_well
    assert exp.spread() == whole


def test_a_distance_is_known_of_the_bytes_that_were_read(exp):
    """A file that changes between the look and the measuring leaves nothing untrue behind."""
    session, (first, second, _) = get_session(), exp.runs
    jobs = spreads._measured(session, [(first, second)])
    (known,) = spreads.results(jobs)
    spreads._known.clear()
    kept = first.video.read_bytes()
    first.video.write_bytes(second.video.read_bytes())
    spreads.results(spreads._measured(session, [(first, second)]))
    first.video.write_bytes(kept)

    assert spreads.results(spreads._measured(session, [(first, second)])) == [known]


def test_the_measuring_is_done_by_the_executor(exp, simulator):
    """By nothing in the caller's own thread; and a pair that was measured is not measured again."""
    session, jobs = get_session(), []

    class Counted(Threads):
        def submit(self, fn, /, *args):
            jobs.append((fn.work.__name__, args))
            assert all(isinstance(arg, str) for arg in args), "a worker elsewhere gets plain values"
            return super().submit(fn, *args)

    usual, session.measures = session.measures, Counted(1, "measure")
    try:
        exp.spread()
        exp.verify(exp.runs[0])
        exp.spread()
    finally:
        session.measures = usual

    assert [name for name, _ in jobs] == ["_distance"] * 3 + ["_measure"]


def test_verifying_asks_about_what_it_buys_and_nothing_else(simulator, cat, monkeypatch, capsys):
    """A repetition that is there costs nothing: no question, and the price of the rest alone."""
    monkeypatch.setenv("KIE_API_KEY", "sk-" + "7" * 32)
    monkeypatch.setenv("KIE_UPLOAD_URL", simulator.upload_url)
    kie.configure(service="kie")
    exp = kie.Experiment("paid", image=cat, seed=[1], prompt="Smile").run().wait(60)
    exp.verify(exp.runs[0], yes=True)
    assert (
        "This buys 1 more run of the same request, about 60 credits ($0.30) (kie via 127.0.0.1:"
        in capsys.readouterr().out
    )
    asked = []
    monkeypatch.setattr("builtins.input", lambda words: asked.append(words) or "n")

    exp.verify(exp.runs[0])
    assert asked == []
    with pytest.raises(kie.InvalidRequest, match="Nothing was sent"):
        exp.verify(exp.runs[0], repeats=2)

    assert "1 more run of the same request, about 60 credits" in asked[0]
    assert len(simulator.tasks) == 2


def test_a_repetition_that_was_left_unsent_is_bought_like_any(exp, simulator, capsys):
    """It was written down and nobody sent it: its price is said, and agreed to, as that of one never asked for."""
    session, run = get_session(), exp.runs[0]
    asked = again(session, run, session.channel_of(run), replicate=1)
    intend(session, asked, fresh=False, max_credits=None)

    exp.verify(run)
    assert "This buys 1 more run of the same request" in capsys.readouterr().out
    assert len(simulator.tasks) == 4
