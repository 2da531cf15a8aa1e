"""A ledger on disk, and short ways to write into it."""

import pytest

from kie_nb.ledger import Ledger, NewRun


@pytest.fixture
def open_ledger(tmp_path):
    """Open the ledger of a folder; all are closed at the end."""
    opened = []

    def open_one(home=tmp_path / "home"):
        opened.append(Ledger(home))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(open_ledger):
    return open_ledger()


@pytest.fixture
def intention():
    """What is known before anything was sent: `intention(seed=8)`."""

    def make(**changes):
        seed = changes.get("seed", 7)
        known = {
            "service": "kie",
            "account": "a1",
            "model": "wan/2-5-text-to-video",
            "request": {"model": "wan/2-5-text-to-video", "input": {"prompt": "Waves", "duration": "5"}},
            "fingerprint": f"print of seed {seed}",
            "family": "family",
            "seed": seed,
            "seed_drawn": False,
            "estimate": 60.0,
            "owner": "me",
            "made_by": {"kie_nb": "0"},
        }
        return NewRun(**known | changes)

    return make
