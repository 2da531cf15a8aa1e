"""The queue: what is open in the ledger, whoever began it; bounded, and quiet while nothing changes."""

import contextlib
import re
import time
from dataclasses import replace

import owners
import pytest
import sqlalchemy as sa

import kie_nb as kie
from kie_nb.handles import get_session
from kie_nb.ledger import Ledger, search
from kie_nb.notebook.panel.queue import STEP, row_of
from kie_nb.operations.evidence import UNSETTLED
from kie_nb.requests import prepare
from kie_nb.simulator import Fault

TEXT = "wan/2-5-text-to-video"
LOST = Fault(call="create", kind="lost_reply", times=1)


def text(row):
    return " ".join(str(row[name]) for name in ("word", "prompt", "seed", "why", "id"))


@pytest.fixture
def slow(simulate):
    """Tasks that stay open for the whole test."""
    return simulate(speed=0.05)


def test_runs_of_cells_have_rows(page, slow, cat):
    """The panel is another face of the same session."""
    run = kie.generate("The cat smiles.", image=cat, seed=5)
    page.until(lambda: page.rows and "Waiting" in text(page.rows[0]))

    assert "The cat smiles." in text(page.rows[0])
    assert page.rows[0]["seed"] == 5
    page.until(
        lambda: re.search(r"0:(?!00)\d\d", str(page.view.clocks.get(run.id)))
    )  # a busy machine skips seconds
    assert page.rows[0]["buttons"] == ["stop"]

    page.send("stop", id=run.id)
    page.until(lambda: "not watched" in text(page.rows[0]))
    page.until(lambda: f"You stopped waiting for run {run.id[:8]}" in page.says)
    assert "goes on at the service" in page.says
    page.send("show", id=run.id)
    page.until(lambda: page.view.result.get("id") == run.id)


def test_a_late_press_acts_on_no_other_run(page, simulate, cat):
    """It was meant for the row that stood there: a cell that computes holds presses back."""
    simulate(speed=5)
    first = kie.generate("The cat smiles.", image=cat, seed=5)
    page.until(lambda: page.rows and page.rows[0]["id"] == first.id)
    first.wait()
    page.until(lambda: not page.rows)
    simulate(speed=0.05)
    second = kie.generate("The cat smiles.", image=cat, seed=6)
    page.until(lambda: page.rows and page.rows[0]["id"] == second.id)
    page.send("stop", id=first.id)
    page.until(lambda: "not open any more" in page.says)

    assert not second.is_stopped
    assert "stopped" not in page.says


def test_a_run_that_nobody_drives_is_paused_until_it_is_taken_up(page, simulator, cat, monkeypatch):
    """No clock runs for it; Resume goes on with it, and nothing is charged again."""
    run = kie.generate("The cat smiles.", image=cat, seed=5).wait()
    session = get_session()
    monkeypatch.setattr(type(session.here.leases), "is_dead", lambda _leases, row: row.state != "fetched")
    left = replace(run.row, state="generating", **owners.dead())
    row = row_of(left, run)

    assert (row["word"], row["tone"]) == ("Paused", "warn")
    assert (row["why"], row["buttons"]) == ("its notebook was closed", ["resume"])


def test_to_stop_what_was_not_sent_says_that_it_was_taken_back(page, slow, cat, monkeypatch):
    """Nothing goes on anywhere."""
    monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "1")
    kie.generate("The cat smiles.", image=cat, seed=5)
    held = kie.generate("The cat smiles.", image=cat, seed=6)
    page.until(lambda: held.id in page.panel.queue.shown)
    page.send("stop", id=held.id)
    page.until(lambda: held.id[:8] in page.says)

    assert held.state == "not_sent"
    assert "will not be: nothing was charged" in page.says


def test_twelve_rows_are_shown_and_more_when_asked_for(page, slow, cat):
    """The rest is counted."""
    for seed in range(STEP + 3):
        kie.generate("The cat smiles.", image=cat, seed=seed)
    page.until(lambda: page.view.queue["note"] == "3 more")
    assert len(page.rows) == STEP

    page.send("more")
    page.until(lambda: len(page.rows) == STEP + 3)
    assert (page.view.queue["hasMore"], page.view.queue["note"]) == (False, "")


def test_what_has_to_be_settled_comes_first(page, unknown, simulate, cat):
    """However much is open behind it: nobody else goes on with it, and it may have cost money."""
    simulate(speed=0.05)
    for seed in range(STEP + 1):
        kie.generate("The cat yawns.", image=cat, seed=seed)
    page.until(lambda: page.view.queue["note"] == "2 more")

    assert unknown.id[:8] in text(page.rows[0])
    assert set(search.UNSETTLED) == UNSETTLED  # the ledger's words for them


def test_what_was_left_unsent_is_taken_back_at_a_press(page, simulator, cat):
    """The row says that it was never sent; the press says that it will not be."""
    session = get_session()
    prepared = session.prepare("The cat smiles.", image=cat, seed=5)
    gone = replace(prepare.new_run(prepared), **owners.dead())
    row, _is_new = session.here.intend(gone)
    page.until(lambda: page.rows and "closed before it was sent" in text(page.rows[0]))
    assert page.rows[0]["buttons"] == ["take_back"]

    page.send("take_back", id=row.id)
    page.until(lambda: not page.rows)
    page.until(lambda: "never sent and will not be: nothing was charged" in page.says)
    assert not page.is_bad
    assert kie.get(row.id).state == "not_sent"
    assert simulator.counts["create_requests"] == 0


def test_a_quiet_queue_sends_nothing(page, slow, cat):
    """Only the clocks move."""
    run = kie.generate("The cat smiles.", image=cat, seed=5)
    page.until(lambda: page.rows and "Waiting" in text(page.rows[0]) and run.id in page.view.clocks)
    sent = []
    page.view.observe(lambda change: sent.append(change["name"]))
    clock = page.view.clocks[run.id]
    page.until(lambda: page.view.clocks[run.id] != clock)
    clock = page.view.clocks[run.id]
    page.until(lambda: page.view.clocks[run.id] != clock)

    assert set(sent) == {"clocks"}


@pytest.fixture
def unknown(page, simulator, cat):
    """A run whose answer was lost, opened for settling."""
    simulator.set_faults([LOST])
    with pytest.raises(kie.OutcomeUnknown) as lost:
        kie.generate("The cat smiles.", image=cat, seed=5)
    run = kie.get(lost.value.run_id)
    page.until(lambda: page.rows and page.rows[0]["buttons"] == ["settle"])
    page.send("settle", id=run.id)
    page.until(lambda: page.panel.settling.box.layout.display is None)
    assert "at risk" in page.panel.settling.evidence.value
    return run


def press(page, words):
    (button,) = [
        button
        for button in walk(page.panel.settling.box)
        if getattr(button, "description", "") == words and button.layout.display != "none"
    ]
    button.click()


def walk(widget):
    yield widget
    for child in getattr(widget, "children", ()):
        yield from walk(child)


def test_an_unknown_run_is_settled_with_its_task(page, simulator, unknown):
    """A wrong id is said; the right one brings the video."""
    page.panel.settling.task.value = "no-such-task"
    press(page, "Use this task")
    page.until(lambda: page.is_bad)
    page.panel.settling.task.value = simulator.tasks[0].task_id
    press(page, "Use this task")
    page.until(lambda: unknown.state == "fetched")
    page.until(lambda: page.view.result["id"] == unknown.id and page.view.result["isThere"])

    assert simulator.counts["create_requests"] == 1
    page.until(lambda: not page.rows)


def test_sending_again_asks_in_its_place(page, simulator, unknown):
    """The worst case stands there before; a double click answers once."""
    press(page, "Send again (may pay twice)")
    page.until(lambda: "If the first try was billed" in page.panel.settling.question.value)
    assert simulator.counts["create_requests"] == 1
    yes = page.panel.settling.answers[0]
    yes.click()
    yes.click()
    page.until(lambda: "stands for its request now" in page.says)
    page.until(lambda: page.panel.settling.box.layout.display == "none")
    page.until(lambda: len(simulator.tasks) == 2)  # on a busy machine the answer is not waited for to its end

    assert simulator.counts["create_requests"] == 2
    assert len(kie.runs()) == 2


def test_what_was_sent_again_elsewhere_is_not_sent_once_more(page, simulator, unknown):
    """The question says so, and what is said afterwards names the run that there is."""
    there = unknown.resend(yes=True)
    press(page, "Send again (may pay twice)")
    page.until(lambda: "It was sent again already" in page.panel.settling.question.value)
    page.panel.settling.answers[0].click()
    page.until(lambda: f"run {there.id[:8]} stands for its request now" in page.says)

    page.until(lambda: there.is_final)
    assert simulator.counts["create_requests"] == 2


@pytest.mark.parametrize(
    ("answer", "cost"), [("Yes, count it as spent", None), ("No, it was not charged", 0.0)]
)
def test_writing_off_asks_whether_it_was_billed(page, unknown, answer, cost):
    """And takes the row away."""
    press(page, "Write off…")
    press(page, answer)
    page.until(lambda: unknown.state == "written_off")

    assert unknown.credits == cost
    page.until(lambda: not page.rows)


@pytest.fixture
def second(unknown, simulator, cat):
    """Another one, beside the one that is opened."""
    simulator.set_faults([LOST])
    with pytest.raises(kie.OutcomeUnknown) as lost:
        kie.generate("The cat smiles.", image=cat, seed=6)
    return kie.get(lost.value.run_id)


def test_no_button_acts_on_another_run_than_the_one_that_is_shown(page, simulator, unknown, second):
    """While the balance is read for the second, the evidence of the first is not there to be answered."""
    settling = page.panel.settling
    assert unknown.id[:8] in settling.evidence.value
    simulator.set_faults([Fault(call="credits", kind="slow_reply", seconds=2.0)])
    opening = page.panel.callbacks.work(settling.open, second)
    page.until(lambda: settling.run is not unknown)
    was_hidden = settling.box.layout.display == "none"
    press(page, "Write off…")
    opening.result()

    assert was_hidden
    assert not settling._answers
    assert second.id[:8] in settling.evidence.value
    press(page, "Write off…")
    assert second.id[:8] in settling.question.value
    assert unknown.id[:8] not in settling.question.value


def test_where_the_evidence_cannot_be_had_nothing_is_shown(page, unknown, second, monkeypatch):
    """The run before it would be settled in its place."""
    monkeypatch.setattr(type(second), "evidence", lambda _run: 1 / 0)
    page.panel.callbacks.work(page.panel.settling.open, second).result()

    assert "ZeroDivisionError" in page.says
    assert page.panel.settling.run is None
    assert page.panel.settling.box.layout.display == "none"


def test_no_is_an_answer(page, simulator, unknown):
    """Nothing happens."""
    press(page, "Write off…")
    press(page, "Cancel")
    press(page, "Close")

    assert unknown.state == "unknown"
    assert page.panel.settling.box.layout.display == "none"


@pytest.mark.parametrize("kind", ["file", "server"])
def test_an_open_panel_asks_nothing_while_nothing_happens(page, request, monkeypatch, kind):
    """Of a file and of a server; what another kernel begins is there at once all the same."""
    url = request.getfixturevalue("postgres").database() if kind == "server" else None
    monkeypatch.setenv("KIE_NB_LEDGER", url or "")
    session, asked = get_session(), []
    ledger, news = session.here, session.here.database.news

    def tell(_connection, _cursor, statement, *_):
        asked.append(statement)

    def is_quiet():
        asked.clear()
        time.sleep(2.5)
        return news.is_prompt and not asked

    sa.event.listen(sa.Engine, "before_cursor_execute", tell)
    try:
        page.until(is_quiet)
        new = replace(prepare.new_run(session.prepare("Waves.", model=TEXT)), **owners.dead())
        with contextlib.closing(Ledger(ledger.home, url=url)) as other:
            row, _is_new = other.intend(new)
        page.until(lambda: [shown["id"] for shown in page.rows] == [row.id], timeout_s=5)
        page.until(is_quiet)
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", tell)
        if url:
            ledger.close()
