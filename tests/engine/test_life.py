"""The life of a run against the simulator over real sockets: what is paid for once stays, what is uncertain is not repeated."""

import asyncio
import contextlib
import gc
import hashlib
import shutil
import socket
import threading
import time
from pathlib import Path

import av
import owners
import pytest
import statements
from hurry import hurry, hurry_code
from kernelforks import script
from soak import either

import kie_nb as kie
from kie_nb import settings
from kie_nb.handles import get_session
from kie_nb.ledger import Ledger
from kie_nb.notebook import open_magic
from kie_nb.requests.images import read_picture
from kie_nb.simulator import Fault

SHORT_S = 60


def test_a_request_becomes_a_video_on_disk(simulate, ask):
    """The file is there, whole, hashed in the ledger, and decodes; every step is in the history, in order."""
    simulator = simulate()
    run = ask().wait(SHORT_S)

    assert run.state == "fetched"
    assert run.credits == 60.0
    assert run.row.video_sha256 == hashlib.sha256(run.video.read_bytes()).hexdigest()
    with av.open(str(run.video)) as film:
        assert sum(1 for _ in film.decode(video=0)) > 0
    states = [entry["to_state"] for entry in run.history()]
    assert states[:3] == ["intent", "sending", "accepted"]
    assert states[-2:] == ["success", "fetched"]
    assert len(simulator.tasks) == 1
    assert simulator.counts["media_requests_with_authorization"] == 0


def test_the_same_request_is_not_paid_for_again(simulate, ask):
    """The second time it is the same run, and the service is not asked."""
    simulator = simulate()
    first = ask().wait(SHORT_S)
    again = ask().wait(SHORT_S)

    assert again is first
    assert simulator.counts["create_requests"] == 1


def test_a_running_request_is_joined(simulate, ask):
    """Asking again while it is under way gives the same run."""
    simulator = simulate(speed=4.0)
    first, again = ask(), ask()

    assert again is first
    first.wait(SHORT_S)
    assert simulator.counts["create_requests"] == 1


@pytest.mark.parametrize(
    ("changes", "tasks"),
    [
        pytest.param({}, 1, id="nothing changed"),
        pytest.param({"seed": 8}, 2, id="another seed"),
        pytest.param({"duration": 10}, 2, id="another length"),
        pytest.param({"fresh": True}, 2, id="fresh"),
        pytest.param({"enable_prompt_expansion": False}, 2, id="a switch said explicitly"),
        pytest.param({"duration": "5", "resolution": "720p"}, 1, id="defaults said explicitly"),
    ],
)
def test_what_makes_another_request(simulate, ask, changes, tasks):
    """Only a changed request, or the word fresh, makes another task."""
    simulator = simulate()
    ask().wait(SHORT_S)
    ask(**changes).wait(SHORT_S)

    assert len(simulator.tasks) == tasks


def test_a_drawn_seed_is_kept_for_the_next_time(simulate, ask):
    """A cell without a seed can be run again: the run with the seed that was drawn stands for it."""
    simulator = simulate()
    first = ask(seed=None).wait(SHORT_S)
    again = ask(seed=None).wait(SHORT_S)
    other = ask(seed=None, fresh=True).wait(SHORT_S)

    assert again is first
    assert first.seed is not None
    assert simulator.tasks[0].input["seed"] == first.seed
    assert other is not first
    assert len(simulator.tasks) == 2


def test_the_same_picture_is_uploaded_once(simulate, ask, cat):
    """Path, bytes and another prompt: one upload, under a name that holds the hash."""
    simulator = simulate()
    ask().wait(SHORT_S)
    ask("The cat yawns.", image=cat.read_bytes()).wait(SHORT_S)

    assert simulator.counts["upload_requests"] == 1
    assert read_picture(cat).identity.sha256[:32] in simulator.tasks[0].input["image_url"]


def test_a_picture_of_many_at_once_is_uploaded_once(simulate, cat):
    """Eight cells at the same moment: those that come while it is uploaded wait for that."""
    simulator = simulate(faults=[Fault(call="upload", kind="slow_reply", seconds=0.3)])
    session = get_session()
    asked = [session.prepare("The cat smiles.", image=cat, seed=seed) for seed in range(8)]
    runs = [session.begin(prepared)[0] for prepared in asked]
    for run in runs:
        run.wait(SHORT_S)

    assert len(simulator.tasks) == 8
    assert simulator.counts["upload_requests"] == 1


def test_what_a_script_leaves_unsent_is_taken_back_and_told(simulate):
    """Its end comes before the window lets the others go: they will not be sent, and it says so."""
    simulator = simulate()
    code = (
        f"{hurry_code(accept_wait_s=1.0)}import kie_nb as kie\n"
        "kie.configure(creates_per_window=1)\n"
        "for seed in range(3): kie.generate('Waves.', model='wan/2-5-text-to-video', seed=seed)\n"
    )
    done = script("-c", code, check=True)

    assert "2 were not sent and will not be: nothing was charged." in done.stderr
    assert [run.state for run in kie.runs()][:2] == ["not_sent", "not_sent"]
    assert simulator.counts["create_requests"] == 1


def test_a_service_address_is_taken_as_it_is(simulate, ask):
    """What the service itself hands out for uploads may be used, although it is on this machine."""
    simulator = simulate()
    ask().wait(SHORT_S)
    address = simulator.tasks[0].input["image_url"]
    ask("The cat yawns.", image=address).wait(SHORT_S)

    assert simulator.tasks[-1].input["image_url"] == address
    assert simulator.counts["upload_requests"] == 1


@pytest.mark.slow
def test_as_many_lost_replies_are_as_many_unknowns(simulate, ask):
    """Replies dropped after the server has read them: as many POSTs as submissions, none repeated, each said plainly."""
    simulator = simulate(credits=1e6, faults=[Fault(call="create", kind="lost_reply")])
    errors = []
    many = either(40, 200)
    for seed in range(many):
        with pytest.raises(kie.OutcomeUnknown) as caught:
            ask(seed=seed)
        errors.append(caught.value)

    assert simulator.counts["create_requests"] == many
    assert len(simulator.tasks) == many
    assert all("A task may exist; it is not sent again" in str(error) for error in errors)
    assert {run.state for run in kie.runs(limit=None)} == {"unknown"}

    simulator.set_faults([])
    with pytest.raises(kie.OutcomeUnknown):
        ask(seed=0)
    assert simulator.counts["create_requests"] == many
    with pytest.warns(UserWarning, match=r"of the same request may be billed too \(60 credits\)"):
        ask(seed=0, fresh=True).wait(SHORT_S)
    assert simulator.counts["create_requests"] == many + 1


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("401", kie.AuthError),
        ("402", kie.OutOfCredits),
        ("422", kie.InvalidRequest),
        ("433", kie.OutOfCredits),
        ("455", kie.Refused),
        ("500_credits", kie.OutOfCredits),
        ("500_invalid", kie.InvalidRequest),
        ("paused", kie.ModelUnavailable),
        ("not_provisioned", kie.ModelUnavailable),
        ("http_403_1010", kie.Refused),
    ],
)
def test_a_refusal_is_raised_and_frees_the_request(simulate, ask, kind, error):
    """Nothing was charged, so the next try sends again."""
    simulator = simulate(faults=[Fault(call="create", kind=kind, times=1)])
    with pytest.raises(error) as caught:
        ask()
    assert caught.value.charged == "nothing"
    assert kie.runs()[0].state == "refused"
    assert len(simulator.tasks) == 0

    assert ask().wait(SHORT_S).state == "fetched"
    assert len(simulator.tasks) == 1


def test_a_refused_run_says_why_from_the_moment_it_is_refused(simulate, cat):
    """Its row is published before its driver has ended."""
    simulate(faults=[Fault(call="upload", kind="slow_reply", seconds=0.3), Fault(call="create", kind="402")])
    session, heard = get_session(), []
    run, _how = session.begin(session.prepare("The cat smiles.", image=cat, seed=1))
    run.listen(lambda run: heard.append((run.state, type(run.error))))
    with pytest.raises(kie.OutOfCredits):
        run.wait(SHORT_S)

    assert {why for state, why in heard if state == "refused"} == {kie.OutOfCredits}


@pytest.mark.parametrize(
    "kind",
    ["500", "http_500", "http_502", "http_502_done", "html", "broken_json", "no_task_id", "408", "reset"],
)
def test_whatever_is_not_a_clear_answer_is_unknown(simulate, ask, kind):
    """A task may exist: one POST, and never another by itself."""
    simulator = simulate(faults=[Fault(call="create", kind=kind)])
    with pytest.raises(kie.OutcomeUnknown):
        ask()
    with pytest.raises(kie.OutcomeUnknown):
        ask()
    assert simulator.counts["create_requests"] == 1


def test_a_service_that_cannot_be_reached_was_not_sent_to(monkeypatch, ask):
    """No connection was made: nothing was charged, and the request may be sent again."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        monkeypatch.setenv("KIE_BASE_URL", f"http://127.0.0.1:{held.getsockname()[1]}")
        hurry(accept_wait_s=0.0)
        run = ask()
        with pytest.raises(kie.NotSent) as caught:
            run.wait(SHORT_S)
    assert caught.value.charged == "nothing"
    assert run.state == "not_sent"


@pytest.mark.parametrize(
    "kind",
    [
        "http_500",
        "html",
        "broken_json",
        "reset",
        "lost_reply",
        "broken_param",
        "unknown_state",
        "null_record",
        "429",
    ],
)
def test_polls_live_through_trouble(simulate, ask, kind):
    """Drops, 5xx, HTML pages, broken JSON and strange states pass; the video comes."""
    simulate(faults=[Fault(call="record", kind=kind, times=2)])
    assert ask().wait(SHORT_S).state == "fetched"


def test_a_task_costs_few_statements(simulate, ask):
    """Five moves of two each, the intent with its words for the search, the rate, and the sums of budgets."""
    simulate(duration_s=lambda _body: 0.0)
    ask("Warm.").wait(SHORT_S)

    counts = []
    for seed in range(5):  # now and then a lease is renewed beside one
        with statements.counted() as told:
            ask("Waves.", seed=seed).wait(SHORT_S)
        counts.append(sum(text not in {"BEGIN IMMEDIATE", "COMMIT"} for text in told))

    assert min(counts) <= 24, counts


def test_a_card_says_that_the_account_is_shared(simulate, ask):
    """A rate limit that our own creates (10 000 here) cannot reach: what is left to us for a while is told, and no more once it is sent."""
    hurry(rate_pause_s=1.0, accept_wait_s=0.01)
    simulate(faults=[Fault(call="create", kind="429", times=1)])

    run = ask()
    told = {run.trouble}
    while run.state != "fetched":
        told.add(run.trouble)
        time.sleep(0.01)

    assert any("at most 7500 new tasks in 10 s" in words for words in told)
    assert run.trouble == ""


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("fail", "Internal server error"),
        ("fail_moderation", "flagged as sensitive"),
        ("fail_image", "Image fetch failed"),
    ],
)
def test_a_failed_task_costs_nothing_and_may_be_asked_again(simulate, ask, kind, words):
    """The service's reason is told, with what was charged."""
    simulator = simulate(faults=[Fault(call="task", kind=kind, times=1)])
    run = ask()
    with pytest.raises(kie.TaskFailed) as caught:
        run.wait(SHORT_S)
    assert words in str(caught.value)
    assert caught.value.charged == "nothing"
    assert run.state == "fail"

    assert ask().wait(SHORT_S).state == "fetched"
    assert len(simulator.tasks) == 2


@pytest.mark.parametrize("kind", ["truncate", "empty", "html", "expired", "reset"])
def test_a_download_is_made_good(simulate, ask, kind):
    """A break is resumed, a dead link replaced, an error page refused; the final file is whole."""
    simulate(faults=[Fault(call="download", kind=kind, times=1)])
    run = ask().wait(SHORT_S)

    assert run.state == "fetched"
    with av.open(str(run.video)) as film:
        assert film.duration / av.time_base == pytest.approx(5.0, abs=0.2)
    left = {path.suffix for path in run.video.parent.iterdir()}
    assert left == {".mp4"}


def test_more_than_one_url_gives_more_than_one_file(simulate, ask):
    """All results are kept."""
    simulate(faults=[Fault(call="record", kind="two_urls")])
    run = ask().wait(SHORT_S)
    assert len(run.videos) == 2
    assert all(path.exists() for path in run.videos)


def test_a_success_without_a_file_says_so(simulate, ask):
    """It is an error of its own, and the next look may find the file."""
    simulator = simulate(faults=[Fault(call="record", kind="no_urls")])
    run = ask()
    with pytest.raises(kie.NoVideo):
        run.wait(SHORT_S)
    simulator.set_faults([])

    kie.resume()
    assert run.wait(SHORT_S).state == "fetched"
    assert simulator.counts["create_requests"] == 1


def test_a_missing_file_is_fetched_again(simulate, ask):
    """Nothing is bought for a file that was deleted while the service has it, wherever its link leads by now."""
    simulator = simulate()
    run = ask().wait(SHORT_S)
    for url in (run.url, "http://127.0.0.1:9/of-an-earlier-process.mp4"):
        get_session().here.move(run.id, "fetched", expect={"fetched"}, urls=[url])
        run.video.unlink()

        again = ask().wait(SHORT_S)
        assert again.video.exists()
    assert simulator.counts["create_requests"] == 1


def test_a_limit_is_kept_before_anything_is_sent(simulate, ask):
    """The estimate is above it: refused, with both figures, and no byte leaves."""
    simulator = simulate()
    with pytest.raises(kie.BudgetExceeded, match=r"60.*50"):
        ask(max_credits=50)
    with pytest.raises(kie.InvalidRequest, match="max_credits=nan"):
        ask(max_credits=float("nan"))  # nothing is above it
    kie.configure(max_credits=99)
    with pytest.raises(kie.BudgetExceeded, match=r"100.*99"):
        ask(resolution="1080p")

    assert sum(simulator.counts.values()) == 0
    assert ask(max_credits=60).wait(SHORT_S).state == "fetched"


@pytest.mark.parametrize(
    ("state", "end", "error"),
    [
        pytest.param("intent", "not_sent", kie.NotSent, id="before it was sent: taken back"),
        pytest.param("sending", "unknown", kie.OutcomeUnknown, id="while it was sent: never again"),
    ],
)
def test_what_a_dead_process_left_behind(simulate, ask, state, end, error):
    """`resume` spends nothing: what was not sent is taken back, what may have been sent is settled with the user."""
    simulator = simulate()
    ledger = get_session().ledger(settings.current().home)
    run = ask("A run to learn from.").wait(SHORT_S)
    row, _ = ledger.intend(_as_new(run, "gone"), fresh=True)
    if state != "intent":
        ledger.move(row.id, state, expect={"intent"})

    kie.resume()
    left = kie.get(row.id)
    with pytest.raises(error):
        left.wait(SHORT_S)
    assert left.state == end
    assert simulator.counts["create_requests"] == 1


def test_resume_says_what_has_become_of_a_request_in_mid_air(simulate, ask, capsys):
    """Its process died while it was sent: it is not called "sending" a moment before it is unknown."""
    simulate()
    ledger = get_session().ledger(settings.current().home)
    run = ask().wait(SHORT_S)
    row, _ = ledger.intend(_as_new(run, "gone"), fresh=True)
    ledger.move(row.id, "sending", expect={"intent"})
    open_magic.resume([])

    said = capsys.readouterr().out
    assert f"{row.id[:8]}  outcome unknown: " in said
    assert "sending" not in said
    assert "`%kie show ID` says how to settle" in said


def test_a_left_intention_is_sent_by_the_same_call(simulate, ask):
    """A process died before it sent: running the cell sends it, once, with the limits of this call."""
    simulator = simulate()
    ledger = get_session().ledger(settings.current().home)
    run = ask(seed=7).wait(SHORT_S)
    ledger.move(run.id, "refused", expect={"fetched"}, release=True)
    row, _ = ledger.intend(_as_new(run, run.row.fingerprint))

    with pytest.raises(kie.BudgetExceeded):
        ask(seed=7, max_credits=1)
    again = ask(seed=7).wait(SHORT_S)
    assert again.id != row.id
    assert kie.get(row.id).state == "not_sent"
    assert simulator.counts["create_requests"] == 2


def test_what_a_dead_process_reserved_is_given_back(paid, simulate, ask):
    """Its intention fills a budget; the refusal says how to take it back, and then the same cell goes through."""
    simulate()
    run = ask(seed=1).wait(SHORT_S)
    get_session().here.intend(_as_new(run, "gone"), fresh=True)
    kie.budget(150, per="day")
    with pytest.raises(kie.BudgetExceeded) as caught:
        ask(seed=2)
    assert "%kie resume takes back" in caught.value.hint

    kie.resume()
    assert ask(seed=2).wait(SHORT_S).state == "fetched"


def test_a_task_of_a_dead_process_is_taken_up(simulate, ask):
    """An accepted task goes on at the service; another process fetches its video, and nothing is sent."""
    simulator = simulate(speed=3.0)
    run = ask()
    while run.task_id is None:
        time.sleep(0.01)
    ledger = get_session().ledger(settings.current().home)
    row, _ = ledger.intend(_as_new(run, "other"), fresh=True)
    ledger.move(row.id, "sending", expect={"intent"})
    ledger.move(row.id, "accepted", expect={"sending"}, task_id=run.task_id, accepted_at=run.row.accepted_at)

    kie.resume()
    assert kie.get(row.id).wait(SHORT_S).state == "fetched"
    assert simulator.counts["create_requests"] == 1


def waiting(run):
    """A thread that waits for *run*, and what it meets."""
    met = []

    def wait():
        try:
            met.append(run.wait(SHORT_S))
        except kie.KieError as exc:
            met.append(exc)

    thread = threading.Thread(target=wait)
    thread.start()
    return thread, met


def test_stop_waiting_ends_waits_and_not_the_task(simulate, ask):
    """A wait ends at once with how to come back; the video is fetched all the same."""
    simulate(speed=1.0)
    run = ask()
    thread, met = waiting(run)
    while thread.is_alive():  # it may not have begun to wait yet
        run.stop_waiting()
        thread.join(0.1)

    assert isinstance(met[0], kie.StillRunning)
    assert "goes on" in str(met[0])
    assert run.wait(SHORT_S).state == "fetched"
    run.stop_waiting()
    assert run.wait(SHORT_S).state == "fetched"


def test_stopping_before_it_was_sent_takes_it_back(simulate, ask, monkeypatch):
    """Nothing is sent later behind the user's back."""
    simulator = simulate()
    monkeypatch.setenv("KIE_NB_CREATES_PER_WINDOW", "1")
    ask(seed=1)
    held = ask(seed=2)
    assert held.state == "intent"
    held.stop_waiting()
    with pytest.raises(kie.NotSent) as caught:
        held.wait(SHORT_S)
    assert caught.value.charged == "nothing"
    assert simulator.counts["create_requests"] == 1


def test_a_rejected_key_does_not_say_that_an_accepted_task_was_free(simulate, ask):
    """The key was taken away while the task runs: it goes on, and `resume` takes it up."""
    simulator = simulate(speed=2.0)
    run = ask()
    simulator.set_faults([Fault(call="record", kind="401")])
    with pytest.raises(kie.AuthError) as caught:
        run.wait(SHORT_S)
    assert "accepted before" in caught.value.charged
    simulator.set_faults([])
    kie.resume()
    assert run.wait(SHORT_S).state == "fetched"


def test_a_removed_folder_is_noticed_before_the_next_run(simulate, ask):
    """Writing on into a deleted ledger would forget every run: it is made anew, and holds what comes."""
    simulate()
    ask().wait(SHORT_S)
    shutil.rmtree(settings.current().home)
    run = ask("The cat yawns.").wait(SHORT_S)

    assert Path(settings.current().home, "ledger.sqlite").exists()
    assert [entry.id for entry in kie.runs()] == [run.id]


@pytest.mark.parametrize("is_over", [False, True], ids=["under way", "fetched meanwhile"])
def test_a_replaced_ledger_gets_the_runs_of_this_process(simulate, ask, tmp_path, is_over):
    """A `git checkout` or a backup brings an older file: what is under way was paid for, and is not bought again."""
    simulator = simulate()
    home = settings.current().home
    Ledger(tmp_path / "older").close()
    run = ask()
    while not run.task_id:
        time.sleep(0.01)
    (tmp_path / "older" / "ledger.sqlite").replace(home / "ledger.sqlite")
    for end in ("-wal", "-shm"):
        (home / f"ledger.sqlite{end}").unlink(missing_ok=True)
    if is_over:
        run.wait(SHORT_S)

    assert ask().wait(SHORT_S).id == run.id
    assert [(entry.id, entry.state) for entry in kie.runs()] == [(run.id, "fetched")]
    assert simulator.counts["create_requests"] == 1


def test_a_replaced_ledger_is_read_though_its_connections_are_busy(simulate, ask, tmp_path):
    """A new connection would go to the file that has come in its place, and find nothing that was paid for."""
    simulator = simulate(duration_s=lambda _body: 60.0)
    home = settings.current().home
    Ledger(tmp_path / "older").close()
    run = ask()
    while not run.task_id:
        time.sleep(0.01)
    database = get_session().ledger(home).database

    with contextlib.ExitStack() as busy:
        for _ in range(4):
            busy.enter_context(database.read())
        (tmp_path / "older" / "ledger.sqlite").replace(home / "ledger.sqlite")
        for end in ("-wal", "-shm"):
            (home / f"ledger.sqlite{end}").unlink(missing_ok=True)
        again = ask()

    assert again.id == run.id
    assert simulator.counts["create_requests"] == 1


def test_a_look_of_before_does_not_set_a_run_back(simulate, ask):
    """A list that was read while the run was under way says nothing about a run that is done since."""
    simulate()
    run = ask()
    home = settings.current().home
    before = get_session().ledger(home).get(run.id)
    run.wait(SHORT_S)

    assert before.state != "fetched"
    assert get_session().handle(home, before) is run
    assert run.state == "fetched"

    del run
    gc.collect()  # nobody holds it any more: the next handle is a new one
    assert get_session().handle(home, before).wait(0).state == "fetched"


def test_a_failed_task_keeps_its_code(simulate, ask):
    """The upstream's own code is on the error."""
    simulate(faults=[Fault(call="task", kind="fail", times=1)])
    with pytest.raises(kie.TaskFailed) as caught:
        ask().wait(SHORT_S)
    assert caught.value.fail_code == "500"


async def in_time(run, seconds):
    async with asyncio.timeout(seconds):
        await run


def test_a_timeout_of_asyncio_is_a_timeout(simulate, ask):
    """A cancelled `await` stays what asyncio made it."""
    simulate(speed=1.0)
    run = ask()
    with pytest.raises(TimeoutError):
        asyncio.run(in_time(run, 0.2))
    run.wait(SHORT_S)


def test_a_wait_that_is_too_short_says_that_the_task_goes_on(simulate, ask):
    """It is our time that is up, not the task's."""
    simulate(speed=1.0)
    run = ask()
    with pytest.raises(kie.StillRunning, match="goes on"):
        run.wait(0.05)
    assert run.wait(SHORT_S).state == "fetched"


async def wait_for(run):
    return await run


def test_a_run_can_be_awaited_on_any_loop(simulate, ask):
    """A plain `asyncio.run` beside the dispatcher's own loop."""
    simulate()
    assert kie.run(wait_for(ask())).state == "fetched"


def _as_new(run, fingerprint):
    from kie_nb.ledger import NewRun

    row = run.row
    return NewRun(
        service=row.service,
        account=row.account,
        model=row.model,
        request=row.request,
        fingerprint=fingerprint
        if fingerprint == row.fingerprint
        else hashlib.sha256(fingerprint.encode()).hexdigest(),
        family=hashlib.sha256(fingerprint.encode()).hexdigest(),
        seed=row.seed,
        seed_drawn=False,
        estimate=row.estimate,
        **owners.dead(),
        made_by={},
    )
