"""Who is alive is known by signs of life that were seen, and a day is one day for all: machines with a clock each, or one name."""

import contextlib
import datetime as dt

import leaseworld
import pytest
from leaseworld import HeldService, Machine

LEASE_S = 5.0
pytestmark = pytest.mark.slow
in_a_team = pytest.mark.skipif(bool(leaseworld.why_not()), reason=leaseworld.why_not())


@pytest.fixture
def service(simulate):
    """A service that takes its time."""
    simulator = simulate(duration_s=lambda _request: 100.0)  # at its speed five seconds
    held = HeldService(simulator)
    held.simulator = simulator
    yield held
    held.close()


@pytest.fixture(params=["postgres", "file"])
def kept(request, tmp_path):
    """Where the team's ledger is: a server, or a file that all machines see."""
    if request.param == "postgres":
        return {"KIE_NB_LEDGER": request.getfixturevalue("postgres").database()}
    return {"KIE_NB_HOME": str(tmp_path / "shared")}


@pytest.fixture
def machine(tmp_path, service):
    """Start one: ``machine(kept, host="jupyter", clock="+2h")``."""
    with contextlib.ExitStack() as stack:

        def start(kept, **options):
            home = tmp_path / f"home{len(started)}"
            environ = {
                "KIE_BASE_URL": service.base_url,
                "KIE_NB_HOME": str(home),
                "KIE_NB_STATE": str(home / "state"),
            }
            one = Machine(environ | kept, lease_s=LEASE_S, **options)
            started.append(one)
            stack.callback(one.kill)
            one.hear(ready=True)
            return one

        started = []
        yield start


def begin(machine, prompt="Waves."):
    """What one machine was told of a run that it began."""
    machine.do("begin", prompt=prompt)
    return machine.hear(id=None, how="new")["id"]


@in_a_team
def test_nothing_is_unknown_while_its_owner_lives_and_a_dead_owners_run_is_taken_up(machine, service, kept):
    """Whatever their clocks say and whatever they are called: then the run is another's, and its outcome unknown."""
    clocks = {"one name": ("jupyter", ""), "35 s behind": ("other", "-35"), "2 h ahead": ("other", "+2h"), "12 h behind": ("other", "-12h")}  # fmt: skip
    owners = {case: machine(kept, host=host, clock=clock) for case, (host, clock) in clocks.items()}
    runs = {begin(owner, case): case for case, owner in owners.items()}
    for _ in runs:
        assert service.asked.acquire(timeout=leaseworld.PATIENCE_S)
    watcher = machine(kept, host="jupyter")
    watcher.do("watch", ids=list(runs))

    seen = {(runs[fact["id"]], fact["state"]) for fact in watcher.states(2 * LEASE_S)}
    assert seen == {(case, "sending") for case in clocks}

    for owner in owners.values():
        owner.kill()
    for run_id in runs:
        told = watcher.hear(id=run_id, state="unknown")
        assert "the process ended while the request was under way" in told["error"]


@in_a_team
def test_a_dead_owners_task_is_followed_by_another(machine, service, kept):
    """Its clock was two hours ahead: nobody waits for them."""
    service.answer.set()
    owner = machine(kept, host="other", clock="+2h")
    run_id = begin(owner)
    owner.hear(id=run_id, is_at_service=True)
    owner.kill()
    watcher = machine(kept, host="jupyter")
    watcher.do("watch", ids=[run_id])

    watcher.hear(id=run_id, state="success")
    assert service.simulator.counts["create_requests"] == 1


@in_a_team
def test_one_days_budget_is_held_by_machines_half_a_day_apart(machine, service, postgres):
    """The day is that of the database."""
    paid = {"KIE_NB_SERVICE": "kie", "KIE_API_KEY": "a-key-of-the-tests"}
    kept = {"KIE_NB_LEDGER": postgres.database()} | paid
    service.answer.set()
    one = machine(kept, host="one")
    one.do("budget", credits_a_day=100)
    one.hear(budget={"day": 100.0})
    begin(one)
    yesterday_or_tomorrow = "+12h" if dt.datetime.now(dt.UTC).hour >= 12 else "-12h"
    other = machine(kept, host="other", clock=yesterday_or_tomorrow)
    other.do("begin", prompt="Rain.")

    assert other.hear(refused=None) == {"refused": "BudgetExceeded"}
    assert service.simulator.counts["create_requests"] == 1


@in_a_team
def test_who_was_stopped_before_the_request_left_does_not_send_it_afterwards(machine, service, kept):
    """It was taken for dead meanwhile, and what it was about to send may have been sent again."""
    service.answer.set()
    owner = machine(kept, host="jupyter")
    owner.do("stall", prompt="Waves.")
    run_id = owner.hear(stalled=None)["stalled"]
    watcher = machine(kept, host="jupyter")
    watcher.do("watch", ids=[run_id])
    watcher.hear(id=run_id, state="unknown")
    owner.do("go on")

    owner.hear(id=run_id, state="unknown")
    owner.states(1.0)
    assert service.simulator.counts["create_requests"] == 0


def test_a_process_that_has_become_another_program_keeps_nothing(machine, service, kept):
    """Its number and its start are those of the owner; the owner is gone."""
    owner = machine(kept)
    run_id = begin(owner)
    assert service.asked.acquire(timeout=leaseworld.PATIENCE_S)
    owner.do("exec", prompt="")
    watcher = machine(kept)
    watcher.do("watch", ids=[run_id])

    watcher.hear(id=run_id, state="unknown")
