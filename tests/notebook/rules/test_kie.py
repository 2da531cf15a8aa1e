"""What `%kie` says of money and of the ledger, as text: unknown is never 0."""

import pytest

from kie_nb.notebook.kie_magic import kie


@pytest.fixture
def said(monkeypatch, capsys):
    """What a command prints where Kie.ai answers, and nobody has a kernel."""
    monkeypatch.setenv("KIE_API_KEY", "sk-a-key")

    def say(command):
        capsys.readouterr()
        kie(None, command)
        return capsys.readouterr().out

    return say


@pytest.mark.parametrize(
    ("reported", "words"),
    [
        ((60.0, 60.0), ["2", "120", "120", "120", "0", "0"]),
        ((60.0, None), ["2", "120", "60 and 1 not reported", "120", "0", "0"]),
        ((None, None), ["2", "120", "?", "120", "0", "0"]),
    ],
)
def test_a_cost_that_was_not_reported_is_not_0(record, said, reported, words):
    """The service left costs out for months: they are counted, not added up as nothing."""
    for seed, credits_ in enumerate(reported):
        record("fetched", seed=seed, credits=credits_)

    assert row(said("spend model"), "wan/2-5-text-to-video") == words


@pytest.mark.parametrize(("service", "lines"), [("kie", 1), ("simulator", 0)])
def test_spending_points_out_an_old_price_list(monkeypatch, record, said, service, lines):
    """Made runs alone, and never simulated ones: a failed task that cost nothing is no sign of it."""
    monkeypatch.setenv("KIE_NB_SERVICE", service)
    record("fetched", service=service, seed=1, credits=90.0)
    record("fetched", service=service, seed=2, credits=60.0)
    record("fail", service=service, seed=3, credits=0.0)

    assert said("spend").count("1 run cost 50% more than the price list of 20") == lines
    assert said("spend").count("price list") == lines


@pytest.mark.parametrize(
    ("state", "credits_", "told"),
    [("fetched", 100.0, 1), ("fetched", 70.0, 0), ("fetched", None, 0), ("fail", 0.0, 0)],
)
def test_a_run_in_text_points_out_an_old_price_list(record, said, state, credits_, told):
    """As its page does."""
    run = record(state, credits=credits_)

    assert said(f"show {run.id}").count("said 60 credits; it may be old.") == told


def row(table, name):
    """The cells of the row that begins with *name*."""
    (line,) = [line for line in table.splitlines() if line.startswith(name)]
    return [cell.strip() for cell in line.removeprefix(name).split("  ") if cell.strip()]
