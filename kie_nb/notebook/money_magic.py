"""`%kie credits`, `%kie spend` and `%kie budget`: what there is, what runs cost, and what they may. The docstrings are the help."""
# ruff: noqa: D415 - the docstrings are the help, phrases

from __future__ import annotations

from .. import api
from .. import settings as settings_
from ..catalogue import USD_PER_CREDIT, price_remarks
from ..handles import get_session
from ..ledger.money import SCOPES, Figures
from ..requests.provenance import notebook_of
from ..text import say
from ..wording import Money
from . import page
from .files_magic import mistake, show_table

GROUPS = ("day", "model", "experiment", "notebook")


def credits_(_words: list[str]) -> None:
    """The balance at the service"""
    balance, current = get_session().credits(), settings_.current()
    if current.service == "simulator":
        say(Money.SIMULATOR_BALANCE.format(credits=f"{balance:,g}"))
    else:
        say(
            Money.BALANCE.format(
                credits=f"{balance:,g}", usd=f"{balance * USD_PER_CREDIT:,.2f}", who=current.who
            )
        )


def spend(words: list[str]) -> None:
    """What runs cost, have reserved and may have cost: `%kie spend day`, `model`, `experiment` or `notebook`"""
    by = words[0] if words else "day"
    if by not in GROUPS:
        raise mistake(f"%kie spend {by}: use day, model, experiment or notebook.")
    service, ledger = settings_.current().service, get_session().here
    totals = ledger.totals(service, by)
    if service == "simulator":
        rows = [(key or "(none)", str(found.runs), f"{found.estimated:g}") for key, found in totals]
        show_table((by, *Money.SIMULATED_COLUMNS), rows, caption=Money.SIMULATED_SPEND.format(by=by), wide=0)
        return
    rows_ = [
        (
            key or "(none)",
            str(found.runs),
            f"{found.estimated:g}",
            _real(found),
            *(f"{value:g}" for value in (found.spent, found.reserved, found.at_risk)),
            Money.UNPRICED.format(runs=found.unpriced) if found.unpriced else "",
        )
        for key, found in totals
    ]
    limits = ", ".join(f"{value:g} per {scope}" for scope, value in ledger.limits().items()) or "none"
    show_table((by, *Money.COLUMNS), rows_, caption=Money.SPEND.format(by=by, limits=limits), wide=0)
    say(Money.COLUMNS_MEAN)
    reported = ((request.estimate, real) for request, real in ledger.reported(service))
    for text in price_remarks((listed, real) for listed, real in reported if listed is not None):
        say(f"{text}.")


def _real(found: Figures) -> str:
    """The reported cost; what was not reported is not 0."""
    if not found.unreported:
        return f"{found.real:g}"
    return f"{found.real:g} and {found.unreported} not reported" if found.real else "?"


def budget(words: list[str]) -> None:
    """Show, set or clear what runs may cost: `%kie budget 250 day`, `notebook` or `experiment`; `%kie budget none` clears"""
    scope = words[1] if len(words) > 1 else None
    if len(words) > 2 or (scope is not None and scope not in SCOPES):  # noqa: PLR2004 - a number and a scope
        raise mistake(
            f"%kie budget {' '.join(words)}: use a number of credits, or none, and one of {', '.join(SCOPES)}."
        )
    if words:
        api.budget(_amount(words[0]), per=scope)
    ledger = get_session().here
    limits = ledger.limits()
    if not limits:
        say(Money.NO_BUDGET)
        return
    values = {"notebook": notebook_of(ledger), "day": f"{ledger.now():%Y-%m-%d}"}
    rows = []
    for each, most in limits.items():
        found = ledger.figures("kie", scope=each, value=values[each]) if each in values else None
        used = f"{found.committed:g} credits ({values[each]})" if found else ""
        rows.append((each, page.money(most), used))
    show_table(Money.BUDGET_COLUMNS, rows, caption=Money.BUDGETS, wide=2)
    if settings_.current().service == "simulator":
        say(Money.NOT_COUNTED)


def _amount(word: str) -> float | None:
    if word.lower() == "none":
        return None
    try:
        return float(word)
    except ValueError:
        raise mistake(
            f"%kie budget {word}: use a number of credits, or none.", "%kie budget 250 day"
        ) from None
