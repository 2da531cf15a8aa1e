"""Fixtures of the crash tests: a service that outlives its buyers, and homes that buyers die in."""

import itertools

import pytest
from crashhome import Home, warm_server

from kie_nb.simulator import Simulator

NUMBERS = itertools.count()  # homes share the service, which tells them apart by their names


@pytest.fixture(scope="module")
def service():
    """A service of quick tasks that never counts too fast; it outlives the buyers of a file's crash tests."""
    options = {"tiny": True, "creates_per_window": 10**6, "credits": 1e9}
    with Simulator(**options, duration_s=lambda _body: 0.3) as started:
        yield started


@pytest.fixture
def make_home(tmp_path, service, cat, monkeypatch):
    """Make a home of a name for `service`; the buyers in it end with the test."""
    context = warm_server(monkeypatch)
    made = []

    def make(name):
        made.append(Home(context, tmp_path / f"{name}-{next(NUMBERS)}", service, cat))
        return made[-1]

    service.set_faults([])
    yield make
    for home in made:
        home.close()
