"""Evidence for runs of unknown outcome, and settling them by the tasks they made; over real sockets."""

import asyncio
import datetime as dt
import time

import pytest
from hurry import hurry

import kie_nb as kie
from kie_nb import settings
from kie_nb.engine.transitions import NOTES, noted_task
from kie_nb.handles import get_session
from kie_nb.operations.evidence import Others, Reading, weigh
from kie_nb.simulator import Fault

SHORT_S = 60


@pytest.fixture
def lose(simulate, ask):
    """A simulator, and a way to ask whose answer is lost."""
    # A task takes a second: readings of the balance come before its end.
    simulator = simulate(duration_s=lambda _body: 200.0)

    def lose(kind="lost_reply", **asked):
        simulator.set_faults([Fault(call="create", kind=kind, times=1)])
        with pytest.raises(kie.OutcomeUnknown) as met:
            ask(**asked)
        return kie.runs(state="unknown")[0], met.value

    lose.simulator = simulator
    return lose


def test_a_lost_answer_tells_what_the_balance_did(lose):
    """The task was made: the balance fell by its price, and the cell says so at once, on lines that fit."""
    run, error = lose()

    assert "The balance fell by 60" in error.message
    assert "probably billed" in error.message
    assert f"%kie show {run.id[:8]}" in error.hint
    assert len(error.lines()) <= 4
    assert (run.row.balance_before, run.row.balance_after) == (10_000.0, 9_940.0)
    assert "probably billed" in run.error.message
    assert run.evidence().verdict == "probably billed"


def test_a_request_that_made_no_task_is_not_called_billed(lose):
    """The front door answered: the balance did not move. That it never will is not said so soon."""
    run, error = lose(kind="http_502")

    assert "did not change" in error.message
    assert "not billed so far" in error.message
    assert run.evidence().verdict == "not billed so far"


def test_other_runs_are_taken_off_first(lose, ask):
    """A run that was bought in between explains its own price."""
    run, _ = lose()
    ask(seed=8).wait(SHORT_S)

    found = run.evidence()
    assert (found.others.runs, found.others.credits) == (1, 60.0)
    assert found.verdict == "probably billed"


def test_a_run_under_way_leaves_it_open(lose, ask):
    """When the service takes its credits is not documented: its price may be in the difference or not."""
    run, _ = lose()
    lose.simulator.set_faults([Fault(call="task", kind="slow", seconds=SHORT_S)])
    ask(seed=8)

    found = run.evidence()
    assert (found.others.runs, found.others.unsure) == (0, 1)
    assert found.verdict == "cannot be told"


def test_a_reading_is_kept_to_its_moment():
    """A run that was sent earlier in the same second may be in it."""
    reading = Reading(credits=5.0, at=dt.datetime(2026, 1, 2, 3, 4, 5, 678901, dt.UTC))
    assert Reading.from_json(reading.to_json()) == reading


def test_two_uncertain_runs_cannot_be_told_apart(lose):
    """Either may be the one that was billed, and that is what is said."""
    first, _ = lose(seed=1)
    lose(kind="http_502", seed=2)

    assert first.evidence().verdict == "cannot be told"


def test_a_balance_that_cannot_be_read_stops_nothing(simulate, ask):
    """It is a witness, not a condition: the run is sent, and the evidence says what is missing."""
    simulator = simulate(faults=[Fault(call="credits", kind="500")])
    assert ask(seed=1).wait(SHORT_S).state == "fetched"
    faults = [Fault(call="credits", kind="500"), Fault(call="create", kind="lost_reply", times=1)]
    simulator.set_faults(faults)
    with pytest.raises(kie.OutcomeUnknown, match="No balance could be read"):
        ask(seed=2)
    assert kie.runs(state="unknown")[0].evidence().verdict == "cannot be told"


def test_many_ask_a_silent_service_once(simulate):
    """Runs that are sent together wait for the balance together, not one after the other."""
    simulator = simulate(faults=[Fault(call="credits", kind="slow_reply", seconds=30)])
    session = get_session()
    channel = session.channel(settings.current())

    async def all_at_once():
        return await asyncio.gather(*(channel.balance(max_age_s=1.0) for _ in range(5)))

    assert session.call(all_at_once) == [None] * 5
    assert simulator.counts["credit_requests"] == 1


def test_evidence_shows_itself_and_escapes(lose):
    """As a table in a notebook, as text elsewhere; what the service said is text in it."""
    run, _ = lose()
    found = run.evidence()

    for shown in (repr(found), found._repr_html_()):
        assert all(word in shown for word in ("what happened", "at risk", "60 credits", "%kie settle"))
    assert "<script" not in found._repr_html_()


def test_tasks_find_the_runs_that_made_them(lose):
    """By model, prompt, seed and picture; nothing is sent, and what fits nothing is said."""
    first, _ = lose(seed=1)
    second, _ = lose(seed=2)
    ids = [task.task_id for task in lose.simulator.tasks]

    by_callback = {"code": 200, "data": {"taskId": ids[1], "state": "success"}}
    settled = kie.settle(by_callback, ids[0], ids[0])
    assert [found.run for found in settled] == [second, first, first]
    assert "already" in settled[2].words
    for run in (first, second):
        assert run.wait(SHORT_S).state == "fetched"
    assert lose.simulator.counts["create_requests"] == 2


def test_a_task_that_fits_no_run_is_left_alone(lose, ask):
    """Another request's task settles nothing."""
    run, _ = lose(seed=1)
    other = ask(seed=5).wait(SHORT_S).task_id
    ledger = get_session().ledger(settings.current().home)
    ledger.move(kie.runs(seed=5)[0].id, "fetched", expect={"fetched"}, task_id="somewhere else")

    (found,) = kie.settle(other)
    assert found.run is None
    assert "fits none" in found.words
    assert run.state == "unknown"
    with pytest.raises(kie.InvalidRequest):
        kie.settle("")


def test_a_noted_task_is_taken_up_after_a_crash(lose):
    """The ledger could not take the id, the process died: the note brings it back, and nothing is unknown."""
    run, _ = lose()
    (task,) = lose.simulator.tasks
    ledger, current = get_session().ledger(settings.current().home), settings.current()
    with ledger.database.write() as db:  # as a crash just before the answer was written leaves it
        db.exec_driver_sql("UPDATE run SET state='sending', owner=NULL, error=NULL")
    current.state_home.mkdir(parents=True, exist_ok=True)
    (current.state_home / NOTES).write_text(f"2026 run {run.id} task {task.task_id}\n")

    assert [found.wait(SHORT_S).state for found in kie.resume()] == ["fetched"]
    assert lose.simulator.counts["create_requests"] == 1


def test_a_refund_of_an_earlier_run_is_not_taken_for_this_one(simulate, ask):
    """It was held before the first reading and given back before the second: the balance is where it was, and says nothing."""
    simulator = simulate(faults=[Fault(call="task", kind="fail", times=1)], duration_s=lambda _body: 400.0)
    hurry(balance_age_s=0.0)  # else runs that are sent together share a reading
    earlier = ask(seed=1)
    simulator.set_faults([Fault(call="create", kind="lost_reply", times=1)])
    with pytest.raises(kie.OutcomeUnknown):
        ask(seed=2)
    with pytest.raises(kie.TaskFailed):
        earlier.wait(SHORT_S)

    found = kie.runs(state="unknown")[0].evidence()
    assert found.before.credits == found.after.credits
    assert found.verdict == "cannot be told"


def test_a_refund_since_the_last_reading_is_not_taken_for_this_one(lose, ask):
    """The other run's credits were held then; that it has failed since does not make this one billed."""
    run, _ = lose(kind="http_502")
    lose.simulator.set_faults([Fault(call="task", kind="fail", times=1)])
    other = ask(seed=8)
    assert run.evidence().others.unsure == 1
    with pytest.raises(kie.TaskFailed):
        other.wait(SHORT_S)
    lose.simulator.set_faults([Fault(call="credits", kind="500")])

    assert run.evidence().verdict == "cannot be told"


def test_what_was_booked_for_a_run_is_no_witness(lose):
    """One of two was billed; writing the other off at its price does not clear it."""
    first, _ = lose(kind="http_502", seed=1)
    second, _ = lose(seed=2)
    first.write_off()

    assert second.evidence().verdict == "cannot be told"


def test_a_clock_that_was_set_back_tells_nothing():
    """What others took in between cannot be found then."""
    at = dt.datetime(2026, 11, 23, tzinfo=dt.UTC)
    readings = Reading(credits=1000, at=at), Reading(credits=940, at=at - dt.timedelta(hours=1))
    assert weigh(*readings, 60, Others()) == "cannot be told"


def test_a_silent_balance_delays_no_run_for_long(simulate, ask):
    """It is asked once, not by each run, and a lost answer is still raised in its own cell."""
    simulator = simulate(faults=[Fault(call="credits", kind="slow_reply", seconds=30)])
    start = time.monotonic()
    runs = [ask(seed=seed) for seed in range(8)]
    assert {run.wait(SHORT_S).state for run in runs} == {"fetched"}
    simulator.set_faults(
        [Fault(call="credits", kind="slow_reply", seconds=30), Fault(call="create", kind="402")]
    )
    with pytest.raises(kie.OutOfCredits):
        ask(seed=9)
    assert time.monotonic() - start < 30


@pytest.mark.parametrize("cut", ["", "2026 run other task abc\n"])
def test_half_a_note_names_no_task(tmp_path, cut):
    """The disk that was full has cut the line: the beginning of an id is no id."""
    (tmp_path / NOTES).write_text(f"2026 run abc task 0123{cut}")
    assert noted_task(tmp_path, "abc") is None
    assert noted_task(tmp_path, "other") == ("abc" if cut else None)
