"""Who drives a run: this process, another living one, or one that is gone."""

import datetime as dt
import os
import socket
import subprocess
import sys

import psutil
import pytest

from kie_nb.engine import owner

HOST = socket.gethostname()


def named(pid, *, host=HOST, later=""):
    return owner.name_of(pid).replace(HOST, host, 1) + later


def moment(seconds):
    return (dt.datetime.now(dt.UTC) + dt.timedelta(seconds=seconds)).isoformat(timespec="microseconds")


def test_this_process_is_alive():
    """Whatever its lease says: on this machine the process itself is asked for."""
    assert owner.is_alive(owner.me(), None)
    assert owner.is_alive(owner.me(), moment(-3600))
    assert owner.me() == owner.me()


def test_a_process_that_has_ended_is_gone():
    """Its runs are taken up at once, not after its lease."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        name = owner.name_of(other.pid)
        before = owner.is_alive(name, None)
        other.communicate(b"\n")

    assert before
    assert not owner.is_alive(name, moment(3600))


def test_a_process_that_nobody_waited_for_is_gone():
    """A zombie drives nothing."""
    with subprocess.Popen([sys.executable, "-c", ""]) as other:
        process = psutil.Process(other.pid)
        name = owner.name_of(other.pid)
        while process.status() != psutil.STATUS_ZOMBIE:
            pass

        assert not owner.is_alive(name, moment(3600))


def test_the_same_number_with_another_start_is_another_process():
    """Numbers of processes are given out again."""
    assert owner.is_alive(named(os.getpid()), None)
    assert not owner.is_alive(named(os.getpid(), later="0"), moment(3600))


@pytest.mark.parametrize(
    ("lease", "alive"), [(60, True), (-1, False), (None, False)], ids=["in time", "run out", "none"]
)
def test_on_another_machine_the_lease_counts(lease, alive):
    """Its processes cannot be asked for."""
    lease_until = None if lease is None else moment(lease)

    assert owner.is_alive(named(os.getpid(), host="elsewhere"), lease_until) is alive


def test_a_lease_outlives_some_heartbeats():
    """One that is missed is no death."""
    assert moment(2 * owner.HEARTBEAT_S) < owner.lease() <= moment(owner.LEASE_S)


@pytest.mark.parametrize(
    "text", ["", None, "nonsense", "a|b", "a|b|c|d", f"{HOST}|x|1.0", f"{HOST}|1|x", f"{HOST}|-1|0"]
)
def test_what_is_no_owner_is_not_alive(text):
    """An old or broken row stops nobody."""
    assert not owner.is_alive(text, moment(3600))
