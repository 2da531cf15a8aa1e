"""Trouble at the service, seen from a cell: what is certain is repeated, what is not is never sent again."""

import pytest
from kerneldriver import CELL

from kie_nb.simulator import Fault

WAIT = CELL.replace("-o clip", "-o clip --wait")


@pytest.fixture(scope="module")
def simulator(shared):
    return shared.simulate(speed=50.0)


@pytest.fixture(autouse=True)
def _calm(simulator):
    yield
    simulator.set_faults([])


@pytest.fixture
def ask(kernel, simulator):
    """Run one cell with a seed of its own under the given faults."""

    def run(seed, *faults, source=WAIT):
        simulator.set_faults(faults)
        return kernel.run(source.replace("--seed 7", f"--seed {seed}"), timeout_s=90)

    return run


REFUSALS = {
    "credits out": ("402", "OutOfCredits"),
    "credits out, told as 500": ("500_credits", "OutOfCredits"),
    "a wrong key": ("401", "AuthError"),
    "a model in a pause": ("paused", "ModelUnavailable"),
    "an unknown model": ("422_model", "ModelUnavailable"),
}


@pytest.mark.parametrize(
    ("seed", "kind", "name"),
    [(100 + i, *row) for i, row in enumerate(REFUSALS.values())],
    ids=REFUSALS.keys(),
)
def test_a_refusal_costs_nothing_and_can_be_tried_again(ask, simulator, seed, kind, name):
    """The cell raises it at once; when the trouble is over the same cell makes the video."""
    cell = ask(seed, Fault(call="create", kind=kind))

    assert cell.status == "error"
    assert name in cell.error
    assert "charged: nothing" in cell.error

    tasks = len(simulator.tasks)
    assert ask(seed).status == "ok"
    assert len(simulator.tasks) == tasks + 1


def test_a_refusal_is_raised_without_waiting_too(ask):
    """So that Run All stops: the cell that returns at once still gives the service a moment to say no."""
    for seed in range(150, 156):  # it was a race once
        cell = ask(seed, Fault(call="create", kind="402"), source=CELL)

        assert cell.status == "error"
        assert "OutOfCredits" in cell.error


@pytest.mark.parametrize(
    ("seed", "kind"), [(200, "lost_reply"), (201, "http_502_done"), (202, "broken_json"), (203, "no_task_id")]
)
def test_a_lost_reply_is_never_sent_again(ask, simulator, seed, kind):
    """The task exists and is billed, and nobody knows its id: one POST, however often the cell is run."""
    posts = simulator.counts["create_requests"]
    first = ask(seed, Fault(call="create", kind=kind))
    second = ask(seed)

    for cell in (first, second):
        assert cell.status == "error"
        assert "OutcomeUnknown" in cell.error
        assert "charged: nothing: simulated" in cell.error
        assert "resend() asks" in cell.error
    assert simulator.counts["create_requests"] == posts + 1


FAILURES = {
    "without a reason": ("fail", "TaskFailed", "not billed"),
    "by the content filter": ("fail_moderation", "TaskFailed", "change the prompt or the picture"),
    "for its picture": ("fail_image", "TaskFailed", "picture"),
}


@pytest.mark.parametrize(
    ("seed", "kind", "name", "words"),
    [(300 + i, *row) for i, row in enumerate(FAILURES.values())],
    ids=FAILURES.keys(),
)
def test_a_failed_task_says_why(ask, seed, kind, name, words):
    """What the service said, that it cost nothing, and what to change."""
    cell = ask(seed, Fault(call="task", kind=kind))

    assert cell.status == "error"
    assert name in cell.error
    assert words in cell.error
    assert "charged: nothing" in cell.error


LOOKS = ["http_500", "html", "broken_json", "reset", "500", "null_record"]


def test_looking_lives_through_trouble(ask, kernel, simulator):
    """A look costs nothing and is repeated: errors, HTML, half JSON and dropped connections end nothing."""
    posts = simulator.counts["create_requests"]
    cell = ask(400, *(Fault(call="record", kind=kind, times=1) for kind in LOOKS))

    assert cell.status == "ok", cell.error
    assert kernel.value("clip.state.value") == "'fetched'"
    assert simulator.counts["create_requests"] == posts + 1
    assert not simulator.faults


def test_a_dead_link_is_renewed(ask, kernel, simulator):
    """The link died: a fresh one is asked for, and the video comes."""
    asked = simulator.counts["download_url_requests"]
    cell = ask(500, Fault(call="download", kind="expired", times=1))

    assert cell.status == "ok", cell.error
    assert kernel.value("clip.video.exists()") == "True"
    assert simulator.counts["download_url_requests"] == asked + 1


def test_a_cut_download_is_taken_up_where_it_was(workshop):
    """The second part is asked for by Range: hardly a byte comes twice."""
    simulator = workshop.simulate(
        tiny=False, speed=50.0, faults=[Fault(call="download", kind="truncate", times=1)]
    )
    kernel = workshop.kernel(simulator)

    cell = kernel.run(WAIT, timeout_s=120)

    assert cell.status == "ok", cell.error
    size = int(kernel.value("clip.video.stat().st_size"))
    assert size > 50_000  # so that what comes twice shows
    assert simulator.counts["downloads"] == 2
    assert simulator.counts["download_bytes"] < size * 1.3


def test_a_video_that_was_deleted_is_fetched_again(ask, kernel, simulator):
    """The file is gone, the link is not: the same cell brings it back and spends nothing."""
    assert ask(502).status == "ok"
    tasks = len(simulator.tasks)
    kernel.run("clip.video.unlink()")

    cell = ask(502)

    assert cell.status == "ok", cell.error
    assert kernel.value("clip.video.exists()") == "True"
    assert len(simulator.tasks) == tasks


def test_a_refused_connection_was_not_sent(workshop):
    """Nobody listens: nothing left this machine, and the cell says so; the same cell works later."""
    simulator = workshop.simulate()
    key = "sk-fake-1a2b3c4d5e6f708192a3b4c5"
    nobody = "http://127.0.0.1:9"
    kernel = workshop.kernel(KIE_BASE_URL=nobody, KIE_NB_SERVICE="kie", KIE_API_KEY=key)

    cell = kernel.run(WAIT, timeout_s=90)

    assert cell.status == "error"
    assert "NotSent" in cell.error
    assert "charged: nothing" in cell.error
    assert len(cell.error.splitlines()) <= 5
    assert workshop.places_with(key) == []
    kernel.run(f"import os; os.environ['KIE_BASE_URL'] = {simulator.base_url!r}")
    assert kernel.run(WAIT).status == "ok"
    assert len(simulator.tasks) == 1


def test_a_wrong_key_is_told_before_anything_is_sent(workshop):
    """With keys of its own the service says 401; the right key in the same kernel works."""
    simulator = workshop.simulate(keys=["right"])
    kernel = workshop.kernel(simulator, KIE_NB_SERVICE="kie", KIE_API_KEY="wrong")

    assert "AuthError" in kernel.run("%kie credits").error
    cell = kernel.run(WAIT)
    assert "AuthError" in cell.error
    assert not simulator.tasks
    kernel.run("import os; os.environ['KIE_API_KEY'] = 'right'")

    assert kernel.run(WAIT).status == "ok"
    assert kernel.value("(clip.service, clip.credits)") == "('kie', 60.0)"
    assert simulator.balance == 10_000 - 60
