"""Only cells that were bought hold a definition; a plan counts what is done, what failed and what is to buy."""

import sqlite3

import pytest

import kie_nb as kie
from kie_nb.catalogue import find
from kie_nb.notebook.experiment_page import experiment_page
from kie_nb.simulator import Fault

SHORT_S = 120


def test_a_run_that_was_refused_leaves_its_definition_free(smile, simulator):
    """Its own hint, to leave out an axis, can be followed; so can another length."""
    with pytest.raises(kie.BudgetExceeded):
        smile(seeds=4, duration=10).run(max_credits=200)
    plan = smile(seeds=1).plan()
    assert not any("would refuse" in remark for remark in plan.remarks)

    smile(seeds=1).run(max_credits=200).wait(SHORT_S)
    assert len(simulator.tasks) == 3
    with pytest.raises(kie.InvalidRequest, match=r"3 of its cells are not in this grid"):
        smile(seeds=1, duration=10).run()
    assert len(simulator.tasks) == 3


def test_a_part_of_a_definition_needs_no_extend(smile, simulator):
    """It buys nothing that was not agreed to before; the whole is still known."""
    smile(seeds=2).run().wait(SHORT_S)
    part = smile(seeds=1)
    assert not any("would refuse" in remark for remark in part.plan().remarks)
    part.run().wait(SHORT_S)
    assert part.status().counts == {"fetched": 3}

    smile(seeds=2).run().wait(SHORT_S)
    assert len(simulator.tasks) == 6
    with pytest.raises(kie.InvalidRequest, match="extend=True"):
        smile(seed=[1, 2]).run()


def test_a_plan_counts_done_failed_and_to_buy(smile, simulator):
    """What failed is neither there nor bought again without a word."""
    simulator.set_faults([Fault(call="task", kind="fail", match="yawns")])
    smile(seeds=1).run().wait(SHORT_S)

    told = repr(smile(seeds=2).plan()).splitlines()
    assert told[0].startswith("3 videos to make")
    assert any(
        line.startswith("smile: 6 cells, 2 done, 1 failed (retry_failed=True asks again), 3 to buy")
        for line in told
    )


def test_a_model_without_a_known_price_costs_no_zero_credits(simulator):
    """Neither before nor in the status."""
    exp = kie.Experiment("x", model="any/model", prompt="Waves", seed=[1, 2])
    assert "price not known" in repr(exp.plan())
    assert "0 credits" not in repr(exp.plan()) + repr(exp.status())


def test_an_unknown_price_is_nowhere_zero(simulator, monkeypatch, tmp_path):
    """In the status, on the card, in the list of studies and in the report: as after runs whose cost nobody has reported."""
    monkeypatch.setenv("KIE_API_KEY", "sk-" + "7" * 32)
    monkeypatch.setenv("KIE_UPLOAD_URL", simulator.upload_url)
    kie.configure(service="kie")
    exp = kie.Experiment("x", model="wan/2-5-text-to-video", prompt="Waves", seed=[1]).run().wait(SHORT_S)
    with sqlite3.connect(tmp_path / "kie-runs" / "ledger.sqlite") as db:
        db.execute("UPDATE run SET credits = NULL, estimate = NULL")
    monkeypatch.setattr(find("wan/2-5-text-to-video"), "credits", lambda *_inputs: None)

    exp = kie.Experiment("x", model="wan/2-5-text-to-video", prompt="Waves", seed=[1])
    report = exp.report(tmp_path / "x.html").read_text(encoding="utf-8")
    for told in (repr(exp.status()), experiment_page(exp), repr(kie.experiments()), report):
        assert "price not known here" in told
        assert "0 credits" not in told
