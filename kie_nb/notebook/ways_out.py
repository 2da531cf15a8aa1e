"""The three ways out of an unknown outcome, as a screen offers them: what may cost money is asked about first. On a worker."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from ..handles import Run, get_session
from ..operations.evidence import Evidence, from_ledger, logs_of
from ..operations.settling import adopt_question, question
from ..wording import Card
from . import page

Answer = tuple[str, Callable[[], None]]


class Screen(Protocol):
    """Where a run is settled."""

    def ask(self, run: Run, words: str, *answers: Answer) -> None:
        """Put a question; without answers it is withdrawn."""

    def settled(self, run: Run, found: Run) -> None:
        """*run* is settled, and *found* stands for its request now: itself, or another run."""


def adopt(screen: Screen, run: Run, task_id: str) -> None:
    """Take the task that is named; where it cannot be compared, ask."""

    def go(*, yes: bool) -> None:
        screen.settled(run, run.adopt(task_id, yes=yes))

    words = adopt_question(get_session(), run, task_id)
    if words:
        screen.ask(
            run, words, (Card.YES, lambda: go(yes=True)), (Card.CANCEL_ANSWER, lambda: screen.ask(run, ""))
        )
    else:
        go(yes=False)


def resend(screen: Screen, run: Run) -> None:
    """Send it again, after a question that names the worst case."""

    def go() -> None:
        screen.settled(run, run.resend(yes=True))

    words = question(get_session(), run)
    screen.ask(run, words, (Card.YES, go), (Card.CANCEL_ANSWER, lambda: screen.ask(run, "")))


def write_off(screen: Screen, run: Run) -> None:
    """Give it up, after the question whether it was charged."""

    def off(*, charged: bool) -> None:
        screen.settled(run, run.write_off(charged=charged))

    screen.ask(
        run,
        Card.WRITE_OFF_ASK,
        (Card.WAS_CHARGED, lambda: off(charged=True)),
        (Card.NOT_CHARGED, lambda: off(charged=False)),
        (Card.CANCEL_ANSWER, lambda: screen.ask(run, "")),
    )


def at_risk(run: Run) -> str:
    """What it may cost, in a sentence."""
    if run.service == "simulator":
        return Card.FREE_RISK
    estimate = run.estimate
    return Card.AT_RISK.format(price=page.money(estimate.credits)) if estimate else Card.AT_RISK_UNPRICED


def known(run: Run) -> Evidence:
    """What happened, and what is known of it; from the ledger alone."""
    found = from_ledger(run.ledger, run.row)
    return replace(found, logs=logs_of(get_session(), run))
