"""Who drives a run: this process, another one that may be alive, or one that is dead. No clock of a machine is asked."""

import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import pytest

from kie_nb.ledger import owner
from kie_nb.ledger.owner import BEATS, LEASE_S, Leases, is_dead


@dataclass(frozen=True)
class Row:
    """What a row says of its owner."""

    id: str = "r"
    owner: str | None = "them"
    owner_hint: str | None = None
    beat: int = 0


def hint_with(**changes):
    """The hint of this process with some of its parts changed."""
    parts = dict(zip(("boot", "spaces", "number", "started"), owner.hint().split("|"), strict=True))
    return "|".join((parts | changes).values())


def hint_of(process):
    """The hint of another process of this namespace."""
    asked = "from kie_nb.ledger import owner; print(owner.hint(), flush=True); input()"
    child = subprocess.Popen(
        [sys.executable, "-c", asked], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    process.append(child)
    return child.stdout.readline().strip()


@pytest.fixture
def other():
    """A living process: ``hint, end = other``."""
    started = []
    hint = hint_of(started)
    yield hint, started[0]
    started[0].kill()
    started[0].communicate()


@pytest.mark.parametrize(
    ("silent_s", "has_ended", "expected"),
    [
        pytest.param(0.0, False, False, id="just seen"),
        pytest.param(LEASE_S - 0.1, False, False, id="silent, within its lease"),
        pytest.param(LEASE_S, False, True, id="silent for a lease"),
        pytest.param(1e9, False, True, id="silent for ages"),
        pytest.param(0.0, True, True, id="its process has ended"),
        pytest.param(LEASE_S, True, True, id="both"),
    ],
)
def test_the_rule(silent_s, has_ended, expected):
    """The process table can only shorten the wait."""
    assert is_dead(silent_s, LEASE_S, has_ended=has_ended) is expected


def test_a_lease_outlasts_a_beat_that_waits_for_the_lock():
    """One that is late because somebody held the database is no death."""
    from kie_nb.ledger.database import BUSY_TIMEOUT_MS

    assert LEASE_S / BEATS + BUSY_TIMEOUT_MS / 1000 < LEASE_S


@pytest.mark.parametrize(
    ("reads", "expected"),
    [
        pytest.param([], False, id="never read"),
        pytest.param([(0, 0)], False, id="read once"),
        pytest.param([(0, 0), (9, 0)], False, id="unchanged, within a lease"),
        pytest.param([(0, 0), (11, 0)], True, id="unchanged for a lease"),
        pytest.param([(0, 0), (11, 1)], False, id="changed"),
        pytest.param([(0, 0), (9, 1), (18, 2), (27, 3)], False, id="it beats"),
        pytest.param([(0, 0), (9, 1), (20, 1)], True, id="it has stopped beating"),
        pytest.param([(0, 3), (9, 2), (18, 3)], False, id="reads that come back out of order"),
    ],
)
def test_an_owner_is_dead_that_was_seen_silent_for_a_lease(monkeypatch, reads, expected):
    """Only what was read counts: between the first and the last read that showed the same beat."""
    leases = Leases(10.0)
    for at, beat in reads:
        monkeypatch.setattr("kie_nb.ledger.owner.time.monotonic", lambda at=at: 1000.0 + at)
        leases.saw(1000.0 + at, Row(beat=beat))
    monkeypatch.setattr("kie_nb.ledger.owner.time.monotonic", lambda: 1e6)

    assert leases.is_dead(Row()) is expected


def test_a_read_that_comes_back_late_proves_nothing(monkeypatch):
    """A process that was stopped in the middle of it does not take its own sleep for another's death."""
    leases = Leases(10.0)
    monkeypatch.setattr("kie_nb.ledger.owner.time.monotonic", lambda: 1000.0)
    leases.saw(1000.0, Row())
    monkeypatch.setattr("kie_nb.ledger.owner.time.monotonic", lambda: 2000.0)
    leases.saw(1001.0, Row())

    assert not leases.is_dead(Row())


@pytest.mark.parametrize(
    ("row", "dead"),
    [
        pytest.param(Row(owner=None), True, id="nobody"),
        pytest.param(Row(owner=owner.me()), False, id="this process"),
        pytest.param(Row(owner_hint=""), False, id="no hint"),
        pytest.param(Row(owner_hint=hint_with(started="1")), True, id="the same number, another start"),
        pytest.param(Row(owner_hint=hint_with(number="4194303")), True, id="no process of this number"),
        pytest.param(Row(owner_hint=hint_with(boot="another", started="1")), False, id="another boot"),
        pytest.param(Row(owner_hint=hint_with(spaces="1.2", started="1")), False, id="another namespace"),
        pytest.param(Row(owner_hint=hint_with()), False, id="a process that lives"),
        *(
            pytest.param(Row(owner_hint=text), False, id=f"nonsense {text[:12]!r}")
            for text in ("a", "|||", "a|b|c|d|e", hint_with(number="-1"), hint_with(number="../1"), hint_with(number="９"),
                         hint_with(number="9" * 40), hint_with(number="0"))
        ),
    ],
)  # fmt: skip
def test_the_process_table_says_only_what_it_knows(row, dead):
    """Of one boot and one namespace; a hint that is none is no death."""
    assert Leases().is_dead(row) is dead


def test_a_process_that_has_ended_is_dead_at_once(other):
    """Also while nobody has waited for it."""
    hint, process = other
    assert not owner.has_ended(hint)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)

    assert owner.has_ended(hint)
    process.wait()
    assert owner.has_ended(hint)


def test_a_process_that_is_stopped_has_not_ended(other):
    """Its lease says the rest."""
    hint, process = other
    process.send_signal(signal.SIGSTOP)

    assert not owner.has_ended(hint)


FORKED = """
import os
from kie_nb.ledger import owner

reading, writing = os.pipe()
before = owner.me(), owner.hint()
child = os.fork()
if child == 0:
    os.write(writing, f"{owner.me()} {owner.hint()}".encode())
    os._exit(0)
os.waitpid(child, 0)
theirs = tuple(os.read(reading, 1000).decode().split(" "))
assert theirs[0] != before[0]
assert theirs[1] != before[1]
assert (owner.me(), owner.hint()) == before
"""


def test_a_forked_child_is_an_owner_of_its_own():
    """It drives none of its parent's runs; in a process without threads, for one with them cannot be forked safely."""
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=60)
