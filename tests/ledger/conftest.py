"""A ledger on disk, and short ways to write into it."""

import hashlib

import pytest
import sqlalchemy as sa

from kie_nb.ledger import Ledger, NewRun


def print_of(text):
    """A hash, as the ledger needs one, of words that tell runs apart."""
    return hashlib.sha256(text.encode()).hexdigest()


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


@pytest.fixture(params=["sqlite", "postgres"])
def each_ledger(request, tmp_path):
    """A ledger in each kind of database."""
    url = request.getfixturevalue("postgres").database() if request.param == "postgres" else None
    ledger = Ledger(tmp_path / "home", url=url)
    yield ledger
    ledger.close()


@pytest.fixture
def intention():
    """What is known before anything was sent: `intention(seed=8)`."""

    def make(**changes):
        seed = changes.get("seed", 7)
        request = {"model": "wan/2-5-text-to-video", "input": {"prompt": "Waves", "duration": "5"}}
        known = {
            "service": "kie",
            "account": "a1",
            "model": "wan/2-5-text-to-video",
            "request": request,
            "fingerprint": f"print of seed {seed}",
            "family": "family",
            "seed": seed,
            "seed_drawn": False,
            "estimate": 60.0,
            "owner": "me",
            "made_by": {"kie_nb": "0"},
        }
        known |= changes
        known["request"] = {**known["request"], "seed": known["seed"]}
        hashes = {name: print_of(known[name]) for name in ("fingerprint", "family")}
        return NewRun(**known | hashes)

    return make


@pytest.fixture
def statements():
    """The statements of all databases from now on, each with its values."""
    told = []

    def tell(_connection, _cursor, text, values, *_):
        told.append((" ".join(text.split()), values))

    sa.event.listen(sa.Engine, "before_cursor_execute", tell)
    yield told
    sa.event.remove(sa.Engine, "before_cursor_execute", tell)
