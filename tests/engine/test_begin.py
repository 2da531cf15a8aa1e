"""From the written intention to whoever drives it: threads and kernels that meet there take nothing from each other."""

import _thread
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import owners
import pytest

import kie_nb as kie
from kie_nb.handles import get_session
from kie_nb.handles import session as session_
from kie_nb.handles.begin import intend
from kie_nb.ledger import KeptFile
from kie_nb.simulator import Fault

SHORT_S = 60
TEXT = {"model": "wan/2-5-text-to-video", "seed": 3}


@pytest.fixture
def hurried():
    """Threads take turns as often as they can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def others():
    """An intention of another living process, which waits for its turn to send it; and its ledger."""
    session = get_session()
    prepared = session.prepare("Waves.", **TEXT)
    row, _ = intend(session, prepared, fresh=False, max_credits=None)
    ledger = session.ledger(prepared.home)
    other = owners.unseen()
    ledger.move(row.id, "intent", expect={"intent"}, hand_to=other.pop("owner"), **other)
    return row.id, ledger


def test_threads_that_ask_at_once_share_one_run(simulate, hurried):
    """Eight at a time, ten times: all get the same run, none is told that it was never sent, and each is sent once."""
    simulator = simulate(speed=200.0)
    barrier = threading.Barrier(8)

    def ask(seed):
        barrier.wait()
        return kie.generate("Waves.", **TEXT | {"seed": seed})

    with ThreadPoolExecutor(8) as threads:
        for seed in range(10):
            runs = list(threads.map(ask, [seed] * 8))
            assert len(set(runs)) == 1
    for run in kie.runs():
        assert run.wait(SHORT_S).state == "fetched"
    assert len(kie.runs()) == simulator.counts["create_requests"] == 10


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_takes_back_nothing_of_another_kernel(simulate, others):
    """The cell here has only joined it: ■ ends its wait, and the other one sends."""
    simulate()
    run_id, ledger = others
    threading.Timer(0.3, _thread.interrupt_main).start()

    with pytest.raises(kie.WaitInterrupted, match="another kernel is about to send it"):
        kie.generate("Waves.", **TEXT)
    kie.get(run_id).stop_waiting()
    assert ledger.get(run_id).state == "intent"


def test_what_another_kernel_is_about_to_send_is_waited_for(simulate, others):
    """The handle of a run that this process does not drive follows it to its end."""
    simulate()
    run_id, ledger = others
    error = {"class": "TaskFailed", "message": "it failed there"}
    end = threading.Timer(
        0.3, lambda: ledger.move(run_id, "fail", expect={"intent"}, task_id="t", error=error)
    )
    end.start()

    with pytest.raises(kie.TaskFailed, match="it failed there"):
        kie.get(run_id).wait(SHORT_S)


def test_another_folder_takes_nothing_back(simulate, cat, tmp_path):
    """The folder changes while the picture is uploaded: asked for once more, the run in hand is joined, and is sent."""
    simulator = simulate(faults=[Fault(call="upload", kind="slow_reply", times=1, seconds=1.0)])
    session = get_session()
    prepared = session.prepare("The cat smiles.", image=cat, seed=1)
    run, _ = session.begin(prepared)
    kie.configure(home=tmp_path / "other")

    assert session.begin(prepared) == (run, "joined")
    assert run.wait(SHORT_S).state == "fetched"
    assert simulator.counts["create_requests"] == 1


def test_inputs_of_any_shape_are_looked_at(simulate):
    """A model that is not described may have lists where others have words: its task is followed all the same."""
    simulate()
    made = kie.generate("Waves.", **TEXT).wait(SHORT_S)
    session = get_session()
    prepared = session.prepare(model="any/id", raw={"prompt": "Waves.", "resolution": [640, 360]})
    row, _ = intend(session, prepared, fresh=False, max_credits=None)
    ledger = session.ledger(prepared.home)
    ledger.move(row.id, "accepted", expect={"intent"}, task_id=made.task_id, accepted_at=made.row.accepted_at)

    assert kie.get(row.id).wait(SHORT_S).state == "fetched"


def test_a_late_look_moves_nothing_back(simulate):
    """Another driver has fetched the video while this one slept between two looks: its record stands."""
    simulate(duration_s=lambda _request: 40.0)
    run = kie.generate("Waves.", **TEXT)
    while run.task_id is None:
        time.sleep(0.01)
    file = KeptFile(name="videos/a.mp4", number=0, sha256="ab" * 32)
    done = {"files": (file,), "duration_s": 9.0, "hand_to": "other|1|1"}
    under_way = {"accepted", "waiting", "queuing", "generating"}
    known = run.ledger.move(run.id, "fetched", expect=under_way, **done)
    end = time.monotonic() + SHORT_S
    while get_session().supervisor.is_driven(run):
        assert time.monotonic() < end
        time.sleep(0.02)

    assert run.ledger.get(run.id) == known
    assert run.history()[-1]["to_state"] == "fetched"


def test_a_wait_that_is_stopped_at_its_end_can_end(simulate, hurried):
    """Whoever stops it and whoever drives it meet there: in whatever order, no wait is left over."""
    simulate()
    run = kie.generate("Waves.", **TEXT).wait(SHORT_S)
    tracked, barrier = get_session().tracked(run), threading.Barrier(2)

    def again(act):
        for _ in range(1000):
            barrier.wait()
            act()
            barrier.wait()
            assert tracked.done.done()
            barrier.wait()
            tracked.reopen()

    with ThreadPoolExecutor(2) as threads:
        for done in [threads.submit(again, act) for act in (run.stop_waiting, lambda: tracked.finish(None))]:
            done.result(SHORT_S)


def test_one_that_two_find_left_is_sent_by_one_and_joined_by_the_other(simulate, monkeypatch):
    """Another kernel takes it back and writes it down again in the moment between: that is no refusal."""
    simulate()
    session = get_session()
    prepared = session.prepare("Waves.", **TEXT)
    left, _ = intend(session, prepared, fresh=False, max_credits=None)
    ledger, withdraw, taken = session.ledger(prepared.home), session_.cancel_unsent, []

    def late(run):
        ledger.move(left.id, "not_sent", expect={"intent"}, release=True)
        taken.append(intend(session, prepared, fresh=False, max_credits=None)[0].id)
        other = owners.unseen()
        ledger.move(taken[0], "intent", expect={"intent"}, hand_to=other.pop("owner"), **other)
        return withdraw(run)

    monkeypatch.setattr(session_, "cancel_unsent", late)
    run, how = session.begin(prepared)
    assert ([run.id], how) == (taken, "joined")


@pytest.mark.usefixtures("interruptible")
@pytest.mark.parametrize(
    ("service", "charged"), [("simulator", "nothing: simulated"), ("kie", "the task goes on and is billed")]
)
def test_an_interrupt_says_what_it_costs(simulate, monkeypatch, service, charged):
    """The task is at the service by then."""
    simulate(duration_s=lambda _request: 40.0)
    monkeypatch.setenv("KIE_API_KEY", "sk-" + "7" * 32)
    kie.configure(service=service)
    run = kie.generate("Waves.", **TEXT)
    while run.task_id is None:
        time.sleep(0.01)
    threading.Timer(0.3, _thread.interrupt_main).start()

    with pytest.raises(kie.WaitInterrupted) as caught:
        run.wait(SHORT_S)
    assert f"  charged: {charged}" in caught.value._render_traceback_()
