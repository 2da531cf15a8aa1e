"""An empty purse, a budget and failures stop a grid early, say so, and leave the rest to come."""

import time

import pytest

import kie_nb as kie
from kie_nb.simulator import Fault

SHORT_S = 120


@pytest.fixture
def paid(simulator, monkeypatch):
    """The simulator in the place of the service, so that budgets count: a grid of *cells* seeds."""
    monkeypatch.setenv("KIE_API_KEY", "sk-" + "7" * 32)
    monkeypatch.setenv("KIE_UPLOAD_URL", simulator.upload_url)
    kie.configure(service="kie")

    def grid(cells, **more):
        return kie.Experiment(
            "grid", model="wan/2-5-text-to-video", prompt="Waves", seed=range(cells), **more
        )

    return grid


def test_an_empty_purse_stops_it_and_the_rest_is_bought_after_topping_up(paid, simulator, capsys):
    """It says how many cells are left, here and in the cell that waits; `run()` buys them without another word."""
    simulator.set_balance(120)
    assert "The balance of 120 credits has room for 2 of 12 videos" in repr(paid(12).plan())
    exp = paid(12).run().wait(SHORT_S)
    assert exp.status().done == 2
    assert exp.status().stopped == "not enough credits, 10 cells left"
    assert "grid: 10 cells not bought (not enough credits, 10 cells left). exp.run() buys" in "".join(
        capsys.readouterr()
    )
    assert simulator.counts["create_requests"] <= 2 + 6

    simulator.set_balance(6000)
    assert "2 done, 10 to buy" in repr(exp.plan())
    exp.run().wait(SHORT_S)
    assert exp.status().counts == {"fetched": 12}
    assert len(simulator.tasks) == 12
    assert "not bought" not in "".join(capsys.readouterr())


@pytest.mark.parametrize("parallel", [1, 40])
def test_a_budget_buys_what_fits(paid, simulator, parallel):
    """However many are sent at once."""
    kie.budget(200, per="experiment")
    allowed = (
        "Your budget of 200 credits per experiment has room for 3 of 6 videos; the rest would stay to come."
    )
    assert allowed in paid(6).plan().remarks
    exp = paid(6).run(parallel=parallel).wait(SHORT_S)

    assert exp.status().done == len(simulator.tasks) == 3
    assert "would exceed your budget of 200 credits an experiment. By then (" in exp.status().stopped
    kie.budget(400, per="experiment")
    assert exp.run().wait(SHORT_S).status().done == 6


def test_a_limit_refuses_all_or_buys_what_fits(paid, simulator):
    """`max_credits` keeps refusing before anything is sent; `partial=True` buys in the order of the grid."""
    with pytest.raises(kie.BudgetExceeded):
        paid(6).run(max_credits=200)
    assert simulator.counts["create_requests"] == 0

    exp = paid(6).run(max_credits=200, partial=True).wait(SHORT_S)
    assert [run is not None for _, run in exp.cells()] == [True] * 3 + [False] * 3
    assert "max_credits=200" in exp.status().stopped
    assert len(simulator.tasks) == 3


def test_partial_needs_a_limit(paid, simulator):
    """It would have no effect, and buy all."""
    with pytest.raises(
        kie.InvalidRequest, match="partial=True buys what fits into max_credits, and there is"
    ):
        paid(6).run(partial=True)
    assert simulator.counts["create_requests"] == 0


def test_waiting_tells_what_has_no_video(paid, simulator, capsys):
    """Once, on stderr: a script would go on as if all were there."""
    simulator.set_faults([Fault(call="task", kind="fail", times=1)])
    exp = paid(2)
    exp.wait()
    assert "grid: 2 cells not bought (exp.run() was not called). exp.run() buys" in capsys.readouterr().err
    exp.run().wait(SHORT_S)
    told = "grid: 1 cell failed. exp.run(retry_failed=True) asks again for what failed."
    assert told in capsys.readouterr().err
    exp.wait()
    assert "grid" not in capsys.readouterr().err
    exp.run().wait(SHORT_S)
    assert told in capsys.readouterr().err
    exp.run(retry_failed=True).wait(SHORT_S)
    assert "grid" not in capsys.readouterr().err


def test_a_video_lets_more_than_a_few_be_sent(paid, simulator):
    """At first no more are under way than a limit of failures and two, however late they end; a grid that grows needs no new proof."""
    simulator.set_faults([Fault(call="task", kind="slow", times=5, seconds=2)])
    exp = paid(7).run()
    while simulator.counts["create_requests"] < 5:
        time.sleep(0.01)
    time.sleep(0.3)
    assert simulator.counts["create_requests"] == 5
    exp.wait(SHORT_S)

    simulator.set_faults([Fault(call="task", kind="slow", times=7, seconds=5)])
    grown = paid(14).run()
    while simulator.counts["create_requests"] < 14:
        time.sleep(0.01)
    assert grown.status().done == 7
    assert grown.wait(SHORT_S).status().done == 14


@pytest.mark.parametrize("call", ["create", "task"])
def test_failures_stop_it_after_a_few(paid, simulator, call):
    """Of 25 cells no more than five are sent for a limit of three; the next run does not go straight on."""
    simulator.set_faults([Fault(call=call, kind="422" if call == "create" else "fail")])
    exp = paid(25).run().wait(SHORT_S)
    sent = simulator.counts["create_requests"]
    assert 3 <= sent <= 6
    assert exp.status().stopped.endswith("failures in a row")

    exp.run().wait(SHORT_S)
    assert simulator.counts["create_requests"] == sent
    assert "failures in a row before; run(retry_failed=True) asks" in exp.status().stopped

    simulator.set_faults([])
    exp.run(retry_failed=True).wait(SHORT_S)
    assert exp.status().counts == {"fetched": 25}
