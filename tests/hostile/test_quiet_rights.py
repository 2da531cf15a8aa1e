"""Quiet rights: what others on the machine may read, what an empty secret verifies, and which packages are taken."""

import base64
import datetime as dt
import hashlib
import hmac
import os
import re
import stat
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import kie_nb as kie
from kie_nb.engine.transitions import Step
from kie_nb.service.records import is_signed, task_id_of

NOW = 1_800_000_000.0
TASK = "0" * 32


@pytest.fixture
def open_handed():
    """A process that gives everybody every right, as in many containers."""
    before = os.umask(0)
    yield
    os.umask(before)


def rights(path):
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.usefixtures("open_handed")
def test_the_state_folder_is_the_users_alone(simulate, cat, tmp_path):
    """The folder and each file in it, journals too."""
    simulate()

    kie.generate("The cat smiles.", image=cat, seed=7).wait(60)

    state = tmp_path / "state"
    assert rights(state) == 0o700
    files = [path for path in state.rglob("*") if path.is_file()]
    assert files
    assert {rights(path) for path in files} == {0o600}


@pytest.mark.usefixtures("open_handed")
def test_a_note_of_a_task_is_the_users_alone(tmp_path):
    """What could not be written into the ledger."""

    class Note(Step):
        def __init__(self, folder):
            run = type("Run", (), {"id": "r"})
            self.drive = type("Drive", (), {"run": run})
            settings = type("Settings", (), {"state_home": folder})
            self.channel = type("Channel", (), {"settings": settings})
            self.ledger = type("Ledger", (), {"now": lambda _self: dt.datetime.now(dt.UTC)})()

    Note(tmp_path / "new" / "state").note_task("t")

    assert rights(tmp_path / "new" / "state") == 0o700
    assert [rights(path) for path in (tmp_path / "new" / "state").iterdir()] == [0o600]


@pytest.mark.usefixtures("open_handed")
def test_the_default_folder_is_closed_whoever_made_it(monkeypatch, tmp_path, simulate, cat):
    """It is ours alone; a folder that the user has chosen stays as it is shared, and its files are private."""
    simulate()
    monkeypatch.delenv("KIE_NB_STATE")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    (tmp_path / "xdg" / "kie_nb").mkdir(parents=True)

    kie.generate("The cat smiles.", image=cat, seed=7).wait(60)

    assert rights(tmp_path / "xdg" / "kie_nb") == 0o700


def test_a_link_in_the_state_folder_leads_to_no_other_file(simulate, cat, tmp_path):
    """Where the user's folder is one that others can write."""
    (tmp_path / "state").mkdir()
    (tmp_path / "mine").write_bytes(b"")
    (tmp_path / "state" / "grants.sqlite").symlink_to(tmp_path / "mine")
    simulate()

    with pytest.raises(kie.LedgerError):
        kie.generate("The cat smiles.", image=cat, seed=7)

    assert (tmp_path / "mine").read_bytes() == b""


def signed(secret, *, task=TASK, stamp=str(int(NOW))):
    digest = hmac.new(secret.encode(), f"{task}.{stamp}".encode(), hashlib.sha256).digest()
    return {"X-Webhook-Timestamp": stamp, "X-Webhook-Signature": base64.b64encode(digest).decode()}


@pytest.mark.parametrize("secret", ["", " ", "\n"])
def test_an_empty_secret_verifies_nothing(secret):
    """Whoever knows that none is set could sign with it."""
    assert is_signed(signed(secret), {"data": {"taskId": TASK}}, secret, now=NOW) is False


ODD = [None, [], "", 3, b"x", {"data": []}, {"data": {"taskId": {"a": 1}}}, {"data": {"taskId": True}}, {"data": {"taskId": "\ud800"}}, {"taskId": ["x"]}]  # fmt: skip


@pytest.mark.parametrize("body", ODD, ids=repr)
def test_an_odd_body_is_not_signed(body):
    """False, never an error."""
    assert is_signed(signed("s"), body, "s", now=NOW) is False
    assert task_id_of(body) in {None, "\ud800"}


@pytest.mark.parametrize(
    "headers",
    [None, [], "x", {"X-Webhook-Timestamp": None, "X-Webhook-Signature": None}, {3: 4}, {b"X-Webhook-Timestamp": b"1"}, signed("s") | {"X-Webhook-Signature": b"x"}, signed("s") | {"X-Webhook-Signature": "\ud800"}, signed("s") | {"X-Webhook-Timestamp": 5}, signed("s") | {"X-Webhook-Timestamp": "\u0663" * 10}],
    ids=repr,
)  # fmt: skip
def test_odd_headers_are_not_signed(headers):
    """As above."""
    assert is_signed(headers, {"data": {"taskId": TASK}}, "s", now=NOW) is False


@pytest.mark.parametrize("secret", [None, 3, b"s", ["s"], "\ud800"], ids=repr)
def test_an_odd_secret_verifies_nothing(secret):
    """As above."""
    assert is_signed(signed("s"), {"data": {"taskId": TASK}}, secret, now=NOW) is False


def test_a_moment_that_is_none_is_not_now():
    """A clock that says nothing."""
    assert is_signed(signed("s"), {"data": {"taskId": TASK}}, "s", now=float("nan")) is False
    assert is_signed(signed("s"), {"data": {"taskId": TASK}}, "s", now=NOW) is True


# The last release with a published hole that can be reached from here.
HOLES = {
    "pillow": "12.1.0",
    "starlette": "1.0.0",
    "python-multipart": "0.0.26",
    "h11": "0.15.0",
    "idna": "3.6",
    "nbconvert": "7.16.6",
    "jupyter-core": "5.7.2",
    "jupyterlab": "4.4.7",
    "jupyter-server": "2.17.0",
    "requests": "2.32.3",
    "pyarrow": "23.0.0",
    "mlflow-skinny": "3.4.0",
    "tornado": "6.5.2",
    "python-dotenv": "1.2.1",
}


@pytest.mark.parametrize("name", HOLES)
def test_no_release_with_a_published_hole_is_taken(name):
    """By the lower bound of what we depend on, with the reason beside it."""
    text = (Path(__file__).parents[2] / "pyproject.toml").read_text()
    project = tomllib.loads(text)["project"]
    needed = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    found = [Requirement(each) for each in needed if Requirement(each).name == name]

    assert found
    assert all(HOLES[name] not in each.specifier for each in found)
    assert re.search(rf'"{re.escape(name)}>=[^#\n]*#.*(before|below)', text)
