"""Runs that wait for a callback: one look at the task when it comes, polling when it does not, and what is never believed."""

import importlib
import json
import sys
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
from callbackbodies import BODIES

import kie_nb as kie
from kie_nb.engine.timing import Timing
from kie_nb.handles import get_session
from kie_nb.handles.called_back import CalledBack
from kie_nb.notebook.wan_magic import kie_wan
from kie_nb.simulator import Fault

pytestmark = [pytest.mark.filterwarnings("ignore:The simulator is asked to call")]

ROOT = Path(__file__).parents[2]
LOOKS = "record_requests"
SHORT_S = 90


@pytest.fixture
def simulator(simulate, listening):
    return simulate(private_callbacks=True, duration_s=lambda _body: 20.0)  # a second


def ask(cat, seed=7, **more):
    return kie.generate("The cat smiles.", image=cat, seed=seed, **{"call_back_url": "auto"} | more)


def until(condition, within_s=SHORT_S):
    end = time.monotonic() + within_s
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def post(url, body):
    """The status that the receiver gives."""
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, method="POST"), timeout=5) as reply:
            return reply.status
    except urllib.error.HTTPError as exc:
        return exc.code


def token_of(simulator):
    """What the service was told to call."""
    (task,) = simulator._world.callbacks
    return simulator._world.callbacks[task]


def test_one_look_a_run_and_no_token_anywhere(simulator, listening, cat, tmp_path, mailbox):
    """Signed and unsigned alike; once it has ended nothing of it is expected."""
    run = ask(cat).wait(SHORT_S)

    assert simulator.counts[LOOKS] == 1
    assert [status for status, _ in listening.got] == [200]
    token = listening.got[0][1].rpartition("/")[2]
    until(lambda: not list(mailbox.folder.iterdir()))
    files = [*(tmp_path / "kie-runs").rglob("*"), *mailbox.folder.parent.rglob("*")]
    kept = [path.read_bytes() for path in files if path.is_file()]
    assert not any(token.encode() in content for content in kept)
    assert run.request.call_back_url == listening.url


def test_a_failure_is_heard_too(simulator, cat):
    """By what the service says when it is asked."""
    simulator.set_faults([Fault(call="task", kind="fail")])
    with pytest.raises(kie.TaskFailed, match="Internal server error"):
        ask(cat).wait(SHORT_S)
    assert simulator.counts[LOOKS] == 1


@pytest.mark.usefixtures("listening")
def test_what_a_callback_says_is_not_believed(simulate, cat):
    """It says failed, and names another task: the service is asked until it says the same or something else, and its word counts."""
    simulator = simulate(private_callbacks=True, duration_s=lambda _body: 60.0)  # three seconds
    run = ask(cat)
    url = until(lambda: run.task_id and token_of(simulator))
    assert post(url, BODIES["failure"]) == 200

    assert run.wait(SHORT_S).state == "fetched"
    assert simulator.counts[LOOKS] >= 1
    assert run.credits == 60
    until(
        lambda: post(url, BODIES["success"]) == 404
    )  # its token is forgotten, a moment after it is known to have ended


def test_polling_takes_over_where_none_comes(simulate, cat, monkeypatch):
    """An address that nobody listens at costs time, and no video."""
    monkeypatch.setenv("KIE_NB_PUBLIC_URL", "http://127.0.0.1:9/")
    simulator = simulate(private_callbacks=True)
    session = get_session()
    monkeypatch.setattr(session, "timing", Timing(callback_wait_s=0.6, simulator_looks=(0.1, 1.0)))

    began = time.monotonic()
    ask(cat).wait(SHORT_S)

    assert time.monotonic() - began > 0.6
    assert simulator.counts[LOOKS] >= 1


@pytest.mark.usefixtures("simulator")
def test_off_and_an_address_of_your_own_are_polled_at_once(cat, listening):
    """They get no token: nobody here hears of them."""
    ask(cat, call_back_url="off").wait(SHORT_S)
    run = ask(cat, seed=8, call_back_url=f"{listening.url}mine").wait(SHORT_S)

    assert run.request.call_back_url == f"{listening.url}mine"
    until(lambda: listening.got)
    assert {path for _, path in listening.got} == {f"/{listening.url.split('/', 3)[3]}mine"}


def test_a_callback_names_the_task_of_an_unknown_run(simulator, cat):
    """The answer to the create was lost; the callback's task is compared, adopted, and its video fetched."""
    simulator.set_faults([Fault(call="create", kind="lost_reply", times=1)])
    with pytest.raises(kie.OutcomeUnknown):
        ask(cat).wait(SHORT_S)
    (run,) = kie.runs()

    until(lambda: kie.get(run.id).state == "fetched")
    found = kie.get(run.id)
    assert found.task_id == next(iter(simulator.tasks)).task_id
    adopted = next(event for event in found.history() if (event["evidence"] or {}).get("adopted"))
    assert "by a callback" in adopted["evidence"]["matched"]
    assert "callBackUrl" not in adopted["evidence"]["param"]


def test_a_task_of_another_request_or_run_is_not_adopted(simulator, cat):
    """Whoever has the token can name any task: the usual check refuses it, and a right one is still taken."""
    others = [
        ask(cat, seed=seed, call_back_url="off").wait(SHORT_S) for seed in (7, 8)
    ]  # one of the same request
    simulator.set_faults([Fault(call="create", kind="lost_reply", times=1)])
    with pytest.raises(kie.OutcomeUnknown) as unknown:
        ask(cat, fresh=True)
    url = token_of(simulator)
    wrong = [*(run.task_id for run in others), "of-another-account"]
    for task in wrong:
        assert post(url, json.dumps({"data": {"taskId": task}}).encode()) == 200

    until(lambda: kie.get(unknown.value.run_id).state == "fetched")
    assert kie.get(unknown.value.run_id).task_id not in wrong
    assert [kie.get(run.id).task_id for run in others] == wrong[:2]


def test_resume_hears_what_came_while_no_kernel_was_there(simulator, cat, listening, monkeypatch):
    """The note has waited."""
    simulator.set_faults([Fault(call="create", kind="lost_reply", times=1)])
    with monkeypatch.context() as deaf:
        deaf.setattr(CalledBack, "wait_for", lambda *_: None)
        with pytest.raises(kie.OutcomeUnknown):
            ask(cat)
    until(lambda: listening.got)
    (run,) = kie.runs()
    assert run.state == "unknown"

    kie.resume()

    until(lambda: kie.get(run.id).state == "fetched")


def test_a_folder_that_cannot_be_written_costs_the_callback_and_no_video(simulator, cat, mailbox):
    """The run is sent without one."""
    mailbox.folder.parent.mkdir(parents=True, exist_ok=True)
    mailbox.folder.write_text("in the way")

    assert ask(cat).wait(SHORT_S).state == "fetched"
    assert simulator.counts["callbacks_sent"] == 0


def test_each_cell_of_an_experiment_has_a_token_of_its_own(simulator, listening, cat, mailbox, capsys):
    """One look a cell; who is asked to call is said once, and the definition names no address."""
    line, variables = f"--image {cat} --seeds 1,2 --experiment two --callback auto -o exp", {}
    kie_wan(SimpleNamespace(user_ns=variables), line, "The cat smiles.")
    exp = variables["exp"].wait(60)

    assert [run.state for run in exp] == ["fetched", "fetched"]
    assert simulator.counts[LOOKS] == 2
    tokens = {path.rpartition("/")[2] for _, path in listening.got}
    assert len(tokens) == 2
    assert capsys.readouterr().out.count("is asked to call") == 1
    assert listening.url not in str(exp.definition)
    until(lambda: not list(mailbox.folder.iterdir()))
    with pytest.raises(kie.InvalidRequest, match="public http"):
        exp.grow(seed=[3]).run(call_back_url="ftp://x")


def test_it_is_said_who_is_asked_to_call_what(simulator, listening, cat):
    """Where the address was not the user's own word."""
    with pytest.warns(
        UserWarning, match="The simulator is asked to call http://127.0.0.1:.*/kie-nb/callback/ when"
    ):
        ask(cat).wait(SHORT_S)


def test_a_dry_run_shows_the_address_without_a_token(simulator, listening, cat):
    """There is none before the run is sent."""
    found = get_session().dry_run("The cat smiles.", image=cat, call_back_url="auto")

    assert found.body["callBackUrl"] == f"{listening.url}(token of the run)"
    assert simulator.counts["create_requests"] == 0


def test_the_package_is_whole_without_jupyter_server(monkeypatch):
    """It is an extra: the room loads, and `kie-nb listen` with it."""
    monkeypatch.setitem(sys.modules, "jupyter_server", None)
    for name in ("kie_nb.server", "kie_nb.server.receiver", "kie_nb.server.listen"):
        monkeypatch.delitem(sys.modules, name, raising=False)
        importlib.import_module(name)

    points = importlib.import_module("kie_nb.server")._jupyter_server_extension_points()
    assert points == [{"module": "kie_nb.server"}]


def test_installing_the_package_enables_the_extension():
    """The wheel puts the file where every Jupyter Server of the environment reads it."""
    shared = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]["shared-data"]  # fmt: skip
    ((source, target),) = shared.items()

    assert target.startswith("etc/jupyter/jupyter_server_config.d/")
    assert json.loads((ROOT / source).read_text("utf-8")) == {
        "ServerApp": {"jpserver_extensions": {"kie_nb.server": True}}
    }
