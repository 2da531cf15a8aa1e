"""An experiment buys its missing cells and nothing else, whatever stops it."""

import _thread
import contextlib
import html
import shutil
import threading
import time

import pytest

import kie_nb as kie
from kie_nb import notice
from kie_nb.engine.transitions import cancel_unsent
from kie_nb.experiment import runner
from kie_nb.notebook.experiment_page import experiment_page
from kie_nb.simulator import Fault, models

SHORT_S = 120


def test_a_grid_is_bought_once(smile, simulator):
    """Run twice, by two handles: twelve tasks; grown by a seed: three more."""
    exp = smile().run().wait(SHORT_S)
    assert exp.status().counts == {"fetched": 12}
    assert len(simulator.tasks) == 12

    again = smile().run().wait(SHORT_S)
    assert again.status().done == 12
    assert len(simulator.tasks) == 12

    grown = smile(seeds=5).run().wait(SHORT_S)
    assert grown.status().counts == {"fetched": 15}
    assert len(simulator.tasks) == 15
    assert len(kie.runs(experiment="smile", limit=None)) == 15


def test_the_plan_says_what_exists_and_what_the_rest_costs(smile, simulator):
    """Nothing is sent or written by looking."""
    smile(seeds=1).run().wait(SHORT_S)
    plan = smile().plan()

    assert (plan.missing, plan.credits) == (9, 540.0)
    first, *rest = repr(plan).splitlines()
    assert first == "9 videos to make, about 540 credits ($2.70) at Kie.ai; free in the simulator"
    assert any(line.startswith("smile: 12 cells, 3 done, 9 to buy") for line in rest)
    assert "done, run" in repr(plan)
    assert len(simulator.tasks) == 3


def test_credits_are_money_only_where_they_are(simulator, cat, monkeypatch, capsys):
    """On the simulator they are what Kie.ai would charge, and the run says who answers."""
    monkeypatch.setattr(notice, "_said", set())
    free = kie.Experiment("free", image=cat, seed=[1], prompt="Smile").run().wait(SHORT_S)
    assert repr(free.status()).endswith("; simulated, free (at Kie.ai about 60 credits)")
    assert capsys.readouterr().err.startswith(notice.CHOSEN_LINE)

    monkeypatch.setenv("KIE_API_KEY", "sk-" + "7" * 32)
    monkeypatch.setenv("KIE_UPLOAD_URL", simulator.upload_url)
    kie.configure(service="kie")
    paid = kie.Experiment("paid", image=cat, seed=[1], prompt="Smile")
    assert repr(paid.plan()).splitlines()[0] == "1 video to make, about 60 credits ($0.30) at Kie.ai"
    assert repr(paid.run().wait(SHORT_S).status()).endswith("; 60 of about 60 credits ($0.30)")


def test_a_changed_definition_is_refused_with_what_has_changed(smile, simulator):
    """Cells that were bought would be forgotten; at one's word both are kept."""
    smile(seeds=1).run().wait(SHORT_S)
    changed = smile(seeds=1, duration=10)

    with pytest.raises(kie.InvalidRequest, match=r"duration: not given → 10"):
        changed.run()
    assert len(simulator.tasks) == 3
    changed.run(extend=True).wait(SHORT_S)
    assert len(simulator.tasks) == 6

    smile(seeds=1, duration=10).run().wait(SHORT_S)
    assert len(simulator.tasks) == 6
    assert len(kie.runs(experiment="smile")) == 6
    with pytest.raises(kie.InvalidRequest, match=r"duration: 10 → not given"):
        smile(seeds=2).run()


def test_another_picture_of_the_same_name_is_told_as_such(smile, simulator, cat):
    """The words are the same, the requests are not; also where the grid was grown before."""
    shutil.copy(cat, "cat.png")
    smile(seeds=1, image="cat.png").run().wait(SHORT_S)
    smile(seeds=1, image="cat.png", duration=10).run(extend=True).wait(SHORT_S)
    shutil.copy(cat.with_name("coffee.png"), "cat.png")

    with pytest.raises(kie.InvalidRequest, match="a picture has other bytes"):
        smile(seeds=1, image="cat.png", duration=10).run()
    assert len(simulator.tasks) == 6


def test_a_run_of_a_cell_outside_stands_for_its_cell(smile, simulator, cat):
    """Whoever bought the video, it is not bought again."""
    run = kie.generate("The cat yawns", image=cat, seed=0, enable_prompt_expansion=False).wait(SHORT_S)
    exp = smile(seeds=1).run().wait(SHORT_S)

    assert len(simulator.tasks) == 3
    assert run in exp.runs


def test_failed_cells_stay_and_run_again_at_ones_word(smile, simulator):
    """A failure is shown, not repeated behind anyone's back; failed tasks are not billed."""
    simulator.set_faults([Fault(call="task", kind="fail", match="yawns", times=1)])
    exp = smile(seeds=1).run().wait(SHORT_S)
    assert exp.status().counts == {"fetched": 2, "fail": 1}

    smile(seeds=1).run().wait(SHORT_S)
    assert len(simulator.tasks) == 3
    exp.run(retry_failed=True).wait(SHORT_S)
    assert exp.status().counts == {"fetched": 3}
    assert len(simulator.tasks) == 4


@pytest.fixture
def failing(smile, simulator):
    """A running grid of three, of which one has failed, one is done and one is under way: ``failing(max_credits=180)``."""

    def run(**limits):
        simulator.set_faults(
            [
                Fault(call="task", kind="fail", match="yawns", times=1),
                Fault(call="task", kind="slow", match="sneezes", seconds=5.0),
            ]
        )
        exp = smile(seeds=1).run(**limits)
        while (status := exp.status()).failed + status.done < 2:
            time.sleep(0.01)
        return exp

    return run


def test_failed_cells_are_taken_up_while_it_runs(failing, simulator):
    """Once, however often that is asked for; what is under way is not stopped for them."""
    exp = failing()
    exp.run(retry_failed=True).run(retry_failed=True)

    assert exp.is_running
    assert exp.wait(SHORT_S).status().counts == {"fetched": 3}
    assert exp.status().stopped == ""
    assert len(simulator.tasks) == 4


def test_failed_cells_that_would_pass_the_limit_leave_it_running(failing, simulator, monkeypatch):
    """Nothing is bought for them, and nothing is taken back."""
    monkeypatch.setitem(models._CREDITS_PER_SECOND, "720p", 36.0)
    exp = failing(max_credits=180)
    with pytest.raises(kie.BudgetExceeded, match=r"1 missing videos? \(about 60 credits\) would exceed"):
        exp.run(retry_failed=True)

    assert exp.wait(SHORT_S).status().counts == {"fetched": 2, "fail": 1}
    assert exp.status().stopped == ""
    assert len(simulator.tasks) == 3


def test_failures_in_a_row_stop_it(smile, simulator):
    """Not every cell must fail before somebody looks."""
    simulator.set_faults([Fault(call="task", kind="fail")])
    exp = smile().run(parallel=1, stop_after_failures=2).wait(SHORT_S)

    assert exp.status().stopped == "2 failures in a row"
    assert len(simulator.tasks) == 2
    assert "stopped: 2 failures in a row" in repr(exp)


def test_an_unknown_outcome_stops_it(smile, simulator):
    """It may be billed; the cell is not bought again, and the rest waits until the user has settled it or says otherwise."""
    simulator.set_faults([Fault(call="create", kind="lost_reply", times=1)])
    exp = smile().run(parallel=1).wait(SHORT_S)
    assert exp.status().counts == {"unknown": 1, "missing": 11}
    assert exp.status().at_risk == 60.0

    exp.run(parallel=1).wait(SHORT_S)
    assert exp.status().stopped.startswith("1 of unknown outcome: settle them first")
    assert len(simulator.tasks) == 1
    smile().run(parallel=4, stop_after_unknowns=5).wait(SHORT_S)
    assert smile().status().counts == {"unknown": 1, "fetched": 11}
    assert len(simulator.tasks) == 12


def test_a_settled_outcome_lets_it_go_on(smile, simulator):
    """By a plain run: nothing is open any more."""
    simulator.set_faults([Fault(call="create", kind="lost_reply", times=1)])
    exp = smile(seeds=1).run(parallel=1).wait(SHORT_S)
    exp.runs[0].write_off(charged=True)

    assert exp.run().wait(SHORT_S).status().done == 3


def test_a_limit_is_kept_before_a_byte_is_sent(smile, simulator):
    """What was spent before counts too."""
    smile(seeds=1).run().wait(SHORT_S)
    told = r"9 missing videos \(about 540 credits\) would exceed max_credits=700. So far: 180 credits used"
    with pytest.raises(kie.BudgetExceeded, match=told):
        smile().run(max_credits=700)
    assert len(simulator.tasks) == 3
    smile().run(max_credits=720).wait(SHORT_S)
    assert len(simulator.tasks) == 12


@pytest.mark.parametrize("wrong", [float("nan"), "500", -5, True], ids=str)
def test_a_limit_is_a_number(smile, simulator, wrong):
    """One that is none would let everything pass."""
    with pytest.raises(kie.InvalidRequest, match="use a number of credits"):
        smile().run(max_credits=wrong)
    assert len(simulator.tasks) == 0


def test_a_limit_counts_what_the_service_really_charges(smile, simulator, monkeypatch):
    """The price list has a date: what was charged counts, and the go stops before it passes the limit."""
    monkeypatch.setitem(models._CREDITS_PER_SECOND, "720p", 36.0)
    exp = smile().run(max_credits=720, parallel=1).wait(SHORT_S)

    assert len(simulator.tasks) == 4
    assert exp.status().spent == 720.0
    assert (
        "This video (60 credits) would exceed max_credits=720. By then (experiment smile): 720 used"
        in exp.status().stopped
    )


def test_two_goes_at_once_keep_one_limit(cat, simulator):
    """Both are asked in the transaction that writes a run down: together they never pass it."""
    start = threading.Barrier(2)

    def go(seeds):
        exp = kie.Experiment("both", image=cat, prompt="The cat smiles", seed=seeds)
        start.wait()
        with contextlib.suppress(kie.BudgetExceeded):  # one that looks later meets the other's
            exp.run(max_credits=300, extend=True).wait(SHORT_S)

    threads = [threading.Thread(target=go, args=(seeds,)) for seeds in (range(5), range(5, 10))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(simulator.tasks) <= 5  # a go that is refused takes back what it has not sent


def test_a_budget_stops_it_in_the_middle(paid, smile, simulator):
    """The folder's own limit holds for experiments too."""
    kie.budget(credits=150, per="experiment")
    exp = smile().run(parallel=1).wait(SHORT_S)

    assert len(simulator.tasks) == 2
    assert "your budget of 150 credits an experiment" in exp.status().stopped


def test_a_disk_that_is_nearly_full_stops_it(smile, simulator, monkeypatch):
    """Before a video is paid for that would have no room; with room again the rest is bought."""
    smile(seeds=1).run().wait(SHORT_S)
    monkeypatch.setattr(runner, "NEEDED_BYTES", shutil.disk_usage(".").total + 1)
    exp = smile().run().wait(SHORT_S)
    assert exp.status().stopped == "the disk is nearly full"
    assert len(simulator.tasks) == 3

    monkeypatch.setattr(runner, "NEEDED_BYTES", 0)
    assert exp.run().wait(SHORT_S).status().done == 12


def test_it_can_be_stopped_and_goes_on_later(smile, simulator):
    """What was sent ends; what was not is bought by the next run."""
    exp = smile().run(parallel=1)
    exp.stop()
    exp.wait(SHORT_S)
    assert len(simulator.tasks) < 12
    assert exp.status().stopped == "by you"
    exp.run().wait(SHORT_S)
    assert len(simulator.tasks) == 12


def test_it_goes_on_at_once_after_a_stop(smile, simulator, monkeypatch):
    """While what was sent is still under way: nobody has to wait for that first."""
    monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "2")
    exp = smile().run()
    while len(simulator.tasks) < 2:
        time.sleep(0.01)
    assert exp.status().reserved > 0
    exp.stop()
    monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "10000")

    assert exp.run().wait(SHORT_S).status().done == 12
    assert len(simulator.tasks) == 12
    assert exp.status().reserved == 0


def test_what_is_under_way_in_a_larger_grid_is_not_that_of_the_smaller(smile, simulator):
    """The card of a grid that is done says "3 of 3", and nothing of what its name still buys."""
    first = smile(seeds=1).run().wait(SHORT_S)
    simulator.set_faults([Fault(call="task", kind="slow", seconds=5.0)])
    grown = smile(seeds=2).run()
    while len(simulator.tasks) < 6:
        time.sleep(0.01)

    assert (first.status().reserved, grown.status().reserved) == (0, 180)
    assert "under way" not in experiment_page(first)
    grown.wait(SHORT_S)
    assert first.status().spent == 360


def test_what_is_no_run_is_not_verified(smile, simulator):
    """`exp.best()` gives None until something is rated."""
    exp = smile(seeds=1).run().wait(SHORT_S)
    with pytest.raises(kie.InvalidRequest, match="None is not a run"):
        exp.verify(exp.best())
    assert len(simulator.tasks) == 3


def test_the_card_says_why(smile, simulator):
    """Not only that a cell was refused, but what to do about it."""
    simulator.set_faults([Fault(call="create", kind="402")])
    exp = smile(seeds=1).run(parallel=1).wait(SHORT_S)

    said = experiment_page(exp)
    assert "refused" in said
    assert exp.runs[0].error.hint in html.unescape(said)


def test_a_seed_is_drawn_once_for_the_experiment(cat, simulator):
    """And kept with it: the same cells next time."""
    ask = {"image": cat, "prompt": ["The cat smiles", "The cat yawns"]}
    first = kie.Experiment("drawn", **ask).run().wait(SHORT_S)
    again = kie.Experiment("drawn", **ask).run().wait(SHORT_S)

    assert len({run.seed for run in first}) == 1
    assert [run.id for run in again] == [run.id for run in first]
    assert len(simulator.tasks) == 2


def test_repeats_are_runs_of_one_request(cat, simulator):
    """Each is bought, and each stands for itself."""
    exp = kie.Experiment("again", image=cat, prompt="The cat smiles", seed=7, repeats=3).run().wait(SHORT_S)

    assert len(simulator.tasks) == 3
    assert [place.get("repeat") for place, _ in exp.cells()] == [None, 2, 3]
    exp.run().wait(SHORT_S)
    assert len(simulator.tasks) == 3


def test_a_definition_is_a_file(smile, simulator, cat, tmp_path):
    """It is read again as the same experiment, and holds no path of the machine."""
    shutil.copy(cat, "cat.png")
    exp = smile(where=lambda at: at["seed"] < 3, image="cat.png")
    text = exp.save(tmp_path / "smile.toml").read_text()

    assert str(tmp_path) not in text
    loaded = kie.Experiment.load(tmp_path / "smile.toml")
    assert [cell for cell, _ in loaded.cells()] == [cell for cell, _ in exp.cells()]
    assert len(loaded) == 9
    loaded.run().wait(SHORT_S)
    exp.run().wait(SHORT_S)
    assert len(simulator.tasks) == 9


@pytest.mark.parametrize("source", ["outside", "bytes"])
def test_a_picture_that_no_file_could_name_is_refused(smile, cat, tmp_path, source):
    """The definition would be useless elsewhere."""
    image = cat if source == "outside" else cat.read_bytes()
    with pytest.raises(kie.InvalidRequest, match="An image is"):
        smile(image=image).save(tmp_path / "smile.toml")


def test_what_waits_for_its_turn_is_taken_back_by_a_stop(smile, simulator, monkeypatch):
    """ "Buy no more" means what was not sent yet too; the next run buys it."""
    monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "2")
    exp = smile().run()
    while len(simulator.tasks) < 2:
        time.sleep(0.01)
    exp.stop()
    exp.wait(SHORT_S)

    status = exp.status()
    assert (status.done, status.missing, status.failed) == (2, 10, 0)
    assert smile().plan().missing == 10
    assert len(simulator.tasks) == 2
    monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "10000")
    assert smile().run().wait(SHORT_S).status().done == 12
    assert len(simulator.tasks) == 12


def test_all_that_was_bought_for_it_counts_as_spent(smile, simulator):
    """A request that was bought once more to be verified too, as its budget counts."""
    exp = smile(seeds=1).run().wait(SHORT_S)
    exp.verify(exp.runs[0], yes=True)

    assert len(simulator.tasks) == 4
    assert exp.status().spent == 240.0


def test_a_wait_that_is_over_says_so(smile, simulator, monkeypatch):
    """As a run's own does: whoever reads on must not take the grid for done."""
    monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "1")
    exp = smile().run()
    with pytest.raises(kie.StillRunning, match=r"not done after 0\.1 s: .*of 12 cells done"):
        exp.wait(0.1)
    exp.stop()
    exp.wait(SHORT_S)


def test_other_limits_are_refused_while_it_runs(smile, simulator, monkeypatch):
    """It goes on with its own; stopped, it takes them at once, or says that they leave no room."""
    monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "2")
    exp = smile().run(max_credits=720)
    while len(simulator.tasks) < 2:
        time.sleep(0.01)
    for other in ({"max_credits": 300}, {"max_credits": None}, {"parallel": 3}, {"stop_after_unknowns": 2}):
        with pytest.raises(kie.InvalidRequest, match="is running with other limits") as caught:
            exp.run(**other)
    assert "exp.stop()" in caught.value.hint
    assert exp.is_running
    assert exp.status().stopped == ""

    exp.stop()
    with pytest.raises(kie.BudgetExceeded, match="would exceed max_credits=300"):
        exp.run(max_credits=300)
    assert exp.wait(SHORT_S).status().stopped == "by you"
    assert len(simulator.tasks) == 2
    monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "10000")
    assert exp.run(max_credits=720).run(max_credits=720).run().wait(SHORT_S).status().done == 12
    assert len(simulator.tasks) == 12


@pytest.mark.parametrize(
    "given",
    [
        pytest.param({}, id="left out"),
        pytest.param({"max_credits": 720}, id="the same"),
        pytest.param({"parallel": 1, "stop_after_failures": 3}, id="others, the same"),
        pytest.param({"retry_failed": True}, id="something else"),
    ],
)
def test_limits_stay_while_it_runs(smile, simulator, monkeypatch, given):
    """Those that are left out, and those that are given as they are: what is charged above the list would pass one."""
    monkeypatch.setitem(models._CREDITS_PER_SECOND, "720p", 36.0)
    exp = smile().run(max_credits=720, parallel=1)
    while not simulator.tasks:
        time.sleep(0.01)
    exp.run(**given).wait(SHORT_S)

    assert len(simulator.tasks) == 4
    assert "would exceed max_credits=720" in exp.status().stopped


def test_a_stop_and_other_limits_apply_at_once(smile, simulator):
    """The other cells are sent while the first is still under way."""
    simulator.set_faults([Fault(call="task", kind="slow", seconds=5.0)])
    exp = smile(seeds=1).run(parallel=1)
    while not simulator.tasks:
        time.sleep(0.01)
    exp.stop()
    exp.run(parallel=40)
    while len(simulator.tasks) < 3:
        time.sleep(0.01)

    assert exp.status().done == 0
    exp.wait(SHORT_S)


def test_what_another_handle_cancels_is_bought(smile, simulator, monkeypatch):
    """Both have asked for the same cells; one of the first's is cancelled before it was sent."""
    monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "6")
    first, second = smile().run(), smile().run()
    while len(simulator.tasks) < 6:
        time.sleep(0.01)
    assert cancel_unsent(next(run for run in second if run.state == "intent"))
    first.wait(SHORT_S)

    assert second.wait(SHORT_S).status().counts == {"fetched": 12}
    assert len(simulator.tasks) == 12


def test_limits_are_those_of_the_experiment(smile, simulator, monkeypatch):
    """A cell that runs again is another handle: it takes the limits that hold, and cannot change them."""
    monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "2")
    smile().run(max_credits=720)
    again = smile()
    with pytest.raises(kie.InvalidRequest, match="is running with other limits"):
        again.run(max_credits=300)
    again.run()
    with pytest.raises(kie.InvalidRequest, match="is running with other limits"):
        again.run(max_credits=None)
    again.stop()
    with pytest.raises(kie.BudgetExceeded, match="would exceed max_credits=60"):
        again.run(max_credits=60)


def test_a_stop_is_one_of_the_experiment(smile, simulator, monkeypatch):
    """A cell that ran twice has two handles, and its card the button of the second alone."""
    monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "2")
    first, second = smile().run(), smile().run()
    while len(simulator.tasks) < 2:
        time.sleep(0.01)
    second.stop()
    first.wait(SHORT_S)
    second.wait(SHORT_S)

    assert first.status().stopped == second.status().stopped == "by you"
    assert len(simulator.tasks) == 2


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_says_what_it_costs(smile, simulator):
    """What was sent goes on; here that is free."""
    simulator.set_faults([Fault(call="task", kind="slow", seconds=3)])
    exp = smile(seeds=1).run()
    threading.Timer(0.3, _thread.interrupt_main).start()

    with pytest.raises(kie.WaitInterrupted) as caught:
        exp.wait(SHORT_S)
    assert "  charged: nothing: simulated" in caught.value._render_traceback_()
    exp.wait(SHORT_S)
