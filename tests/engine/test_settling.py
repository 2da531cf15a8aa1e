"""Uncertain runs, budgets and words about runs, through the public door and over real sockets."""

import datetime as dt
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hurry import hurry

import kie_nb as kie
from kie_nb.notebook.kie_magic import kie as magic
from kie_nb.simulator import Fault

SHORT_S = 60


@pytest.fixture
def lost(simulate, ask):
    """A simulator, and a run whose answer was lost: its task exists."""
    simulator = simulate(faults=[Fault(call="create", kind="lost_reply", times=1)])
    with pytest.raises(kie.OutcomeUnknown):
        ask()
    return simulator, kie.runs()[0]


def test_an_unknown_run_is_settled_with_its_task(lost, ask):
    """The task that it made is adopted after a comparison, and its video comes; nothing is sent."""
    simulator, run = lost
    run.adopt(simulator.tasks[0].task_id)

    assert run.wait(SHORT_S).state == "fetched"
    assert ask().wait(SHORT_S) is run
    assert simulator.counts["create_requests"] == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"seed": 8}, "its seed is 8"),
        ({"prompt": "The cat yawns."}, "its prompt is another one"),
        ({"image": "other"}, "its picture is another one"),
    ],
)
def test_a_task_of_another_request_is_not_adopted(lost, ask, cat, changes, words):
    """Model, prompt, seed and picture must match."""
    simulator, run = lost
    if "image" in changes:
        changes = {"image": cat.parent / "coffee.png"}
    simulator.set_faults([Fault(call="create", kind="lost_reply", times=1)])
    with pytest.raises(kie.OutcomeUnknown):
        ask(**changes)

    with pytest.raises(kie.InvalidRequest, match=words):
        run.adopt(simulator.tasks[-1].task_id)
    assert run.state == "unknown"


@pytest.mark.usefixtures("lost")
def test_a_task_that_nobody_knows_is_told_with_the_next_step(capsys):
    """A slip of the keyboard: where the right ids are."""
    magic(None, "settle nonsense")

    told = capsys.readouterr().out
    assert "nonsense  the service does not know this task" in told
    assert "  next: look at https://kie.ai/logs" in told


def test_an_echo_that_lost_its_escaping_is_compared(lost):
    """What the task was asked can still be read: it settles the run that made it, and what agreed is kept and told."""
    simulator, run = lost
    simulator.set_faults([Fault(call="record", kind="broken_param", times=1)])
    (found,) = kie.settle({"data": {"taskId": simulator.tasks[0].task_id}})

    assert found.run is run
    assert "model, prompt, seed, picture, duration and resolution agree; it was made " in found.words
    matched = next(
        event["evidence"]["matched"] for event in run.history() if "matched" in (event["evidence"] or {})
    )
    assert matched.startswith("named by a callback; model, prompt, seed, picture")
    assert run.wait(SHORT_S).state == "fetched"
    run.ledger.move(run.id, "lost", expect={"fetched"})
    assert matched in repr(kie.get(run.id).evidence())


def test_what_cannot_be_compared_is_not_called_different(lost, monkeypatch):
    """The service does not say what the task was asked: what is known is said, and asked about once."""
    simulator, run = lost
    task_id = simulator.tasks[0].task_id
    simulator.set_faults([Fault(call="record", kind="no_param", times=4)])
    (found,) = kie.settle(task_id)
    assert found.run is None
    assert "cannot be compared" in found.words
    assert f"kie.get({run.id[:8]!r}).adopt({task_id!r})" in found.words

    asked = []
    monkeypatch.setattr("builtins.input", lambda words: asked.append(words) or "n")
    with pytest.raises(kie.OutcomeUnknown, match="left as it was"):
        run.adopt(task_id)
    assert run.state == "unknown"
    assert "model agrees; it was made 0 s after the run was sent; its prompt, seed and picture" in asked[0]

    run.ledger.move(
        run.id, "unknown", expect={"unknown"}, sent_at=run.created_at.replace(year=2020).isoformat()
    )
    with pytest.raises(kie.InvalidRequest, match="minutes after this run was sent"):
        kie.get(run.id).adopt(task_id, yes=True)
    run.ledger.move(run.id, "unknown", expect={"unknown"}, sent_at=run.created_at.isoformat())
    assert kie.get(run.id).adopt(task_id, yes=True).wait(SHORT_S).state == "fetched"
    assert len(asked) == 1


def test_a_picture_is_known_by_its_whole_address(simulate, ask):
    """An address that goes on behind it is that of another picture."""
    simulator = simulate(faults=[Fault(call="create", kind="lost_reply", times=2)])
    for image in ("https://x.invalid/a.png", "https://x.invalid/a.png?second"):
        with pytest.raises(kie.OutcomeUnknown):
            ask(image=image, check_image=False)

    first = kie.runs(state="unknown")[-1]
    with pytest.raises(kie.InvalidRequest, match="its picture is another one"):
        first.adopt(simulator.tasks[1].task_id)


def test_resending_is_a_word_of_the_user(lost):
    """Without a yes nothing is sent; with it a second task is made, and both runs are kept."""
    simulator, run = lost
    with pytest.raises(kie.OutcomeUnknown, match="nothing was sent"):
        run.resend()
    assert simulator.counts["create_requests"] == 1

    again = run.resend(yes=True).wait(SHORT_S)
    assert again.id != run.id
    assert again.request == run.request
    assert simulator.counts["create_requests"] == 2


def test_an_altered_picture_is_not_sent_again(lost, tmp_path):
    """It would be paid for, and not be what was asked."""
    simulator, run = lost
    (kept,) = (tmp_path / "kie-runs" / "inputs").iterdir()
    kept.write_bytes(b"something else")

    with pytest.raises(kie.BadImage, match="no longer the picture"):
        run.resend(yes=True)
    assert simulator.counts["create_requests"] == 1


def test_resending_twice_buys_once(lost):
    """Two threads at the same moment, and a third time later: all get the one run that was sent again."""
    simulator, run = lost
    barrier = threading.Barrier(2)

    def resend():
        barrier.wait()
        return run.resend(yes=True)

    with ThreadPoolExecutor(2) as pool:
        found = [pool.submit(resend) for _ in range(2)]
        ids = {future.result().id for future in found}

    assert {*ids, run.resend().id} == ids
    assert len(ids - {run.id}) == 1
    assert simulator.counts["create_requests"] == 2


def test_what_is_settled_while_the_question_stands_is_not_sent_again(lost, monkeypatch):
    """Another kernel has found the task before the answer was given: its run is the answer."""
    simulator, run = lost
    monkeypatch.setattr("builtins.input", lambda _words: run.adopt(simulator.tasks[0].task_id) and "y")

    assert run.resend().id == run.id
    assert run.wait(SHORT_S).state == "fetched"
    assert simulator.counts["create_requests"] == 1


def test_a_written_off_run_whose_task_turns_up_stands_for_its_request(lost, ask):
    """Its cell shows the video that was paid for, and buys no other."""
    simulator, run = lost
    run.write_off()
    run.adopt(simulator.tasks[0].task_id).wait(SHORT_S)

    assert ask().id == run.id
    assert simulator.counts["create_requests"] == 1


@pytest.mark.parametrize(("charged", "credits"), [(True, None), (False, 0.0)])
def test_writing_off_books_what_the_user_says(lost, ask, charged, credits):  # noqa: A002 - the service's word
    """The run is settled, and its request may be sent anew."""
    simulator, run = lost
    run.write_off(charged=charged)

    assert (run.state, run.credits) == ("written_off", credits)
    assert ask().wait(SHORT_S).id != run.id
    assert simulator.counts["create_requests"] == 2


def test_only_the_uncertain_is_settled(simulate, ask):
    """A run that is done has nothing to settle."""
    simulate()
    run = ask().wait(SHORT_S)
    for settle in (run.write_off, lambda: run.adopt("x"), lambda: run.resend(yes=True)):
        with pytest.raises(kie.InvalidRequest, match="nothing to settle"):
            settle()


@pytest.mark.parametrize("per", ["notebook", "day"])
def test_a_budget_is_never_passed(paid, simulate, ask, per):
    """What was spent, is reserved and is at risk counts; the run that would pass it is refused before a byte leaves."""
    simulator = simulate()
    assert kie.budget(credits=150, per=per) == {per: 150.0}
    ask(seed=1).wait(SHORT_S)
    simulator.set_faults([Fault(call="create", kind="lost_reply", times=1)])
    with pytest.raises(kie.OutcomeUnknown):
        ask(seed=2)
    before = simulator.counts["create_requests"]

    with pytest.raises(kie.BudgetExceeded, match="60 spent, 0 reserved, 60 at risk"):
        ask(seed=3)
    assert simulator.counts["create_requests"] == before
    assert ask(seed=1).state == "fetched"

    kie.budget(credits=None, per=per)
    assert ask(seed=3).wait(SHORT_S).state == "fetched"


def test_runs_are_found_by_what_is_known_of_them(simulate, ask):
    """Filters are joined by and; the newest comes first."""
    simulate()
    first = ask("The cat smiles 100 %.", seed=1).wait(SHORT_S).tag("good", "cat's").rate(5).note("keep")
    second = ask("The cat yawns.", seed=2).wait(SHORT_S)

    assert [run.id for run in kie.runs()] == [second.id, first.id]
    assert [run.id for run in kie.runs(text="SMILES 100 %")] == [first.id]
    assert [run.id for run in kie.runs(tag="cat's")] == [first.id]
    assert [run.id for run in kie.runs(seed=2, state="fetched")] == [second.id]
    assert len(kie.runs(state=["unknown", "fail"])) == 0
    assert len(kie.runs(since=dt.timedelta(hours=1), model="wan/2-5-image-to-video", limit=1)) == 1
    assert (first.rating, first.tags) == (5, ("good", "cat's"))
    assert "★★★★★" in repr(kie.runs())
    with pytest.raises(kie.InvalidRequest):
        first.rate(6)
    assert first.untag("good", "never given").tags == ("cat's",)
    assert len(kie.runs(tag="good")) == 0


def test_a_task_that_is_named_at_once_is_followed(simulate, ask, monkeypatch):
    """The balance is still being asked for when the run is settled: its video comes, and no error of before is raised."""
    hurry(accept_wait_s=0.0)
    faults = [
        Fault(call="create", kind="lost_reply", times=1),
        Fault(call="credits", kind="slow_reply", seconds=1.5),
    ]
    simulator = simulate(faults=faults)
    run = ask()
    while run.state != "unknown":
        time.sleep(0.01)
    run.adopt(simulator.tasks[0].task_id)

    assert run.wait(SHORT_S).state == "fetched"
    assert simulator.counts["create_requests"] == 1


def test_one_task_settles_one_run(simulate, ask):
    """Two runs of one request were lost; two threads that adopt the same task for both at once settle one of them."""
    simulator = simulate(faults=[Fault(call="create", kind="lost_reply", times=2)])
    for fresh in (False, True):
        with pytest.raises(kie.OutcomeUnknown):
            ask(fresh=fresh)
    task_id = simulator.tasks[0].task_id
    simulator.set_faults([Fault(call="record", kind="slow_reply", times=2, seconds=0.3)])

    with ThreadPoolExecutor(2) as threads:
        tries = [threads.submit(run.adopt, task_id) for run in kie.runs()]
    errors = [done.exception() for done in tries if done.exception()]

    assert [type(error) for error in errors] == [kie.InvalidRequest]
    assert "belongs to another run" in str(errors[0])
    assert sorted(run.task_id or "" for run in kie.runs()) == ["", task_id]


def test_a_task_goes_to_the_run_that_asked_for_all_of_it(simulate, ask):
    """Runs that differ only in size, length or a negative prompt are different runs, of different prices."""
    simulator = simulate()
    asked = [
        {"resolution": "720p"},
        {"negative_prompt": "rain"},
        {"resolution": "1080p", "duration": 10},
        {"resolution": "1080p", "duration": 10, "negative_prompt": "rain"},
    ]
    simulator.set_faults([Fault(call="create", kind="lost_reply", times=len(asked))])
    for more in asked:
        with pytest.raises(kie.OutcomeUnknown):
            ask(**more)
    runs = list(reversed(kie.runs(state="unknown")))

    for task, run in reversed(list(zip(simulator.tasks, runs, strict=True))):
        (found,) = kie.settle(task.task_id)
        assert found.run is run
    with pytest.raises(kie.InvalidRequest, match="nothing to settle"):
        runs[0].adopt(simulator.tasks[2].task_id)


@pytest.mark.parametrize(("hours", "when"), [(1, "before"), (-1, "after")])
def test_a_task_of_another_hour_is_not_its_own(lost, hours, when):
    """The same request was bought before or since, in another folder: that task does not settle this run."""
    simulator, run = lost
    sent = (run.created_at + dt.timedelta(hours=hours)).isoformat(timespec="microseconds")
    run.ledger.move(run.id, "unknown", expect={"unknown"}, sent_at=sent)

    (found,) = kie.settle(simulator.tasks[0].task_id)
    assert found.run is None
    with pytest.raises(kie.InvalidRequest, match=f"60 minutes {when} this run was sent"):
        kie.get(run.id).adopt(simulator.tasks[0].task_id)


def test_a_task_that_answers_late_is_taken(simulate, ask):
    """Another machine took the sender for dead and the run was written off: its paid video comes all the same."""
    simulator = simulate(faults=[Fault(call="create", kind="slow_reply", times=1, seconds=1.0)])
    with ThreadPoolExecutor(1) as thread:
        asking = thread.submit(ask)
        while not (runs := kie.runs(state="sending")):
            assert not asking.done()
        ledger = runs[0].ledger
        ledger.move(runs[0].id, "unknown", expect={"sending"})
        ledger.move(runs[0].id, "written_off", expect={"unknown"}, release=True)
        assert asking.result(SHORT_S).wait(SHORT_S).state == "fetched"

    assert [run.task_id for run in kie.runs()] == [simulator.tasks[0].task_id]
    assert ask() is runs[0]  # it stands for its request again
    assert simulator.counts["create_requests"] == 1


def test_a_task_that_turns_up_after_all_is_taken(lost):
    """A run was written off, and its task exists: the paid video still has a way in, and its cost is the reported one."""
    simulator, run = lost
    run.write_off()
    (found,) = kie.settle(simulator.tasks[0].task_id)

    assert found.run is run
    assert run.wait(SHORT_S).state == "fetched"
    assert run.credits == 60.0
    assert simulator.counts["create_requests"] == 1


def test_a_task_that_has_failed_is_called_so(simulate, ask):
    """Its run is settled, and no video is promised."""
    faults = [Fault(call="create", kind="lost_reply", times=1), Fault(call="task", kind="fail")]
    simulator = simulate(faults=faults)
    with pytest.raises(kie.OutcomeUnknown):
        ask()
    until = time.monotonic() + SHORT_S
    while simulator.tasks[0].state != "fail" and time.monotonic() < until:
        time.sleep(0.05)
    (found,) = kie.settle(simulator.tasks[0].task_id)

    assert "failed at the service" in found.words
    with pytest.raises(kie.TaskFailed):
        found.run.wait(SHORT_S)


@pytest.mark.parametrize("named", [None, 5, [], {}, b"x", "  "])
def test_what_names_no_task_is_refused(simulate, named):
    """In words, not in a stack."""
    simulate()
    with pytest.raises(kie.InvalidRequest, match="No task is named"):
        kie.settle(named)


@pytest.mark.parametrize(
    "wrong",
    [
        {"seed": 10**30},
        {"limit": 10**30},
        {"limit": -1},
        {"since": "yesterday"},
        {"since": dt.timedelta(10**7)},
    ],
)
def test_a_filter_that_cannot_be_meant_is_refused(simulate, wrong):
    """The same for searches."""
    simulate()
    with pytest.raises(kie.InvalidRequest):
        kie.runs(**wrong)
    with pytest.raises(kie.InvalidRequest):
        kie.budget(credits=10**400)
    with pytest.raises(kie.InvalidRequest):
        kie.budget(credits=True)
