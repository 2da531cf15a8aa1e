"""An experiment belongs to the service and the folder that it was made for."""

import pytest

import kie_nb as kie

SHORT_S = 120


@pytest.fixture
def both(simulator, monkeypatch):
    """One server that is Kie to who asks with a key for Kie, and the simulator to the others."""
    monkeypatch.setenv("KIE_API_KEY", "sk-test-123456789")
    return simulator


@pytest.mark.parametrize(("made", "now"), [("kie", "simulator"), ("simulator", "kie")])
def test_it_buys_at_no_other_service(smile, both, made, now):
    """Whoever changed over was told what that costs; the experiment tells of the service that it was made for."""
    kie.configure(service=made)
    exp = smile(seeds=1).run().wait(SHORT_S)
    before = repr(exp.status())
    kie.configure(service=now)

    for ask in (exp.run, exp.plan, lambda: exp.verify(exp.runs[0], yes=True)):
        with pytest.raises(kie.InvalidRequest, match=f"was made for .*, and .*{now}.* answers now"):
            ask()
    assert len(both.tasks) == 3
    money = {"kie": "180 of about 180 credits", "simulator": "simulated, free (at Kie.ai about 180 credits)"}
    assert repr(exp.status()).startswith(f"3 of 3 cells done; {money[made]}")
    assert repr(exp.status()).split(";")[:2] == before.split(";")[:2]

    again = smile(seeds=1).run().wait(SHORT_S)
    assert {run.service for run in again} == {now}
    assert len(both.tasks) == 6
    kie.configure(service=made)
    assert exp.run().wait(SHORT_S).status().done == 3
    assert len(both.tasks) == 6


def test_it_buys_into_no_other_folder(smile, simulator, tmp_path):
    """Its videos would be apart from what it knows."""
    exp = smile(seeds=1).run().wait(SHORT_S)
    kie.configure(home=tmp_path / "other")

    with pytest.raises(kie.InvalidRequest, match=r"runs are kept in .*other now"):
        exp.run()
    assert exp.status().done == 3


def test_a_key_that_is_given_later_is_sent(smile, simulator, monkeypatch):
    """The requests are the same; only who pays for them was not known."""
    kie.configure(service="kie")
    exp = smile(seeds=1)
    monkeypatch.setenv("KIE_API_KEY", "sk-test-123456789")

    assert exp.run().wait(SHORT_S).status().done == 3
    assert len(simulator.tasks) == 3
