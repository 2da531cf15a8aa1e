"""Sums over the ledger and the limits they keep: what is not known is counted apart, and named."""

import pytest

from kie_nb.errors import BudgetExceeded


@pytest.mark.parametrize(
    ("state", "credits_", "unreported"),
    [
        ("success", None, 1),
        ("fetched", None, 1),
        ("fetched", 0.0, 0),
        ("written_off", None, 1),
        ("written_off", 0.0, 0),
        ("fail", None, 0),
        ("generating", None, 0),
        ("unknown", None, 0),
    ],
)
def test_what_was_made_and_not_reported_is_counted(ledger, intention, state, credits_, unreported):
    """A failed task that the service said nothing of was not billed; what goes on has nothing to report yet."""
    row, _ = ledger.intend(intention())
    ledger.move(row.id, state, expect={"intent"}, credits=credits_)

    assert ledger.figures("kie").unreported == unreported


def test_a_refusal_names_runs_of_unknown_price(ledger, intention):
    """They were made before the budget was set, and cannot be counted in it."""
    for seed in (1, 2):
        row, _ = ledger.intend(intention(seed=seed, notebook="a", estimate=None))
        ledger.move(row.id, "fetched", expect={"intent"})
    ledger.set_limit("notebook", 50)

    with pytest.raises(BudgetExceeded, match=r"\(notebook a\): .* 0 at risk, 2 runs of unknown price"):
        ledger.intend(intention(notebook="a"))


@pytest.mark.parametrize(("state", "told"), [("intent", True), ("sending", False), ("generating", False)])
def test_a_refusal_tells_what_was_left_unsent(ledger, intention, state, told):
    """A kernel that died before sending holds the price; raising the budget is not the first thing to do then."""
    row, _ = ledger.intend(intention(notebook="a"))
    ledger.move(row.id, state, expect={"intent"})
    ledger.set_limit("notebook", 100)

    with pytest.raises(BudgetExceeded) as caught:
        ledger.intend(intention(seed=8, notebook="a"))
    assert ("60 of it was not sent yet: %kie resume takes back" in caught.value.hint) is told


@pytest.mark.parametrize("estimate", [60.0, None], ids=["above", "no price"])
def test_a_refusal_says_what_to_type(ledger, intention, estimate):
    """In a cell and in Python, for the budget that refuses it."""
    ledger.set_limit("day", 50)

    with pytest.raises(
        BudgetExceeded, match=r"%kie budget (N|none) day, or kie\.budget\((N|None), per='day'\)"
    ) as caught:
        ledger.intend(intention(estimate=estimate))
    assert "per='day'" in caught.value.hint


def test_the_figures_of_a_day(ledger, intention):
    """Whatever the hour; a cost that was not reported counts as estimated, and never as real."""
    for seed, cost in enumerate((None, 50.0, 0.0)):
        row, _ = ledger.intend(intention(seed=seed))
        ledger.move(row.id, "fetched", expect={"intent"}, credits=cost)

    ((day, figures),) = ledger.totals("kie", "day")

    assert day == row.created_at[:10]
    assert (figures.runs, figures.real, figures.spent) == (3, 50.0, 110.0)
