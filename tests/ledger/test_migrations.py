"""From one version to the next: in order, whole or not at all, with a copy of what was there before."""

import contextlib
import shutil
import signal
import sqlite3
import subprocess
import sys

import pytest

from kie_nb.errors import LedgerError
from kie_nb.ledger import m002, migrations
from kie_nb.ledger.database import SqliteFile

# Brings the ledger of a folder up to date, and dies without a word before the n-th statement of the second version.
DYING = """
import os, signal, sys
from pathlib import Path
from kie_nb.ledger import Ledger, m002

class Statements(tuple):
    def __iter__(self):
        for number, statement in enumerate(tuple.__iter__(self)):
            if number == int(sys.argv[2]):
                os.kill(os.getpid(), signal.SIGKILL)
            yield statement

m002.STATEMENTS = Statements(m002.STATEMENTS)
Ledger(Path(sys.argv[1]))
"""


def dump(file):
    with contextlib.closing(sqlite3.connect(file)) as db:
        return list(db.iterdump())


@pytest.fixture
def first_version(tmp_path, monkeypatch):
    """A home whose ledger the first kie_nb wrote, with one run in it."""
    home = tmp_path / "old"
    with monkeypatch.context() as then:
        then.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        database = SqliteFile(home / "ledger.sqlite")
        migrations.prepare(database)
    with database.write() as db:
        db.exec_driver_sql(
            "INSERT INTO run (id, service, account, model, request, fingerprint, family, live_key, seed_drawn, state, created_at)"
            " VALUES ('r1', 'kie', 'a1', 'wan', '{}', 'f', 'm', 'f:0', 0, 'fetched', '2026-01-02')"
        )
    database.close()
    return home


def test_an_old_ledger_is_brought_up_to_date_with_its_runs(first_version, open_ledger):
    """What was there stays; what is new is empty."""
    (row,) = open_ledger(first_version).runs()

    assert (row.id, row.state, row.note, row.tags) == ("r1", "fetched", None, None)


def test_a_copy_is_made_before_it(first_version, open_ledger):
    """It lies beside the file, opens by itself, and holds the old version as it was."""
    before = dump(first_version / "ledger.sqlite")

    open_ledger(first_version)

    assert sorted(file.name for file in first_version.glob("*backup*")) == ["ledger.sqlite.v1-backup"]
    assert dump(first_version / "ledger.sqlite.v1-backup") == before


def test_a_copy_is_made_once(first_version, open_ledger):
    """A second try must not write over the first copy."""
    (first_version / "ledger.sqlite.v1-backup").write_bytes(b"kept")

    open_ledger(first_version)

    assert (first_version / "ledger.sqlite.v1-backup").read_bytes() == b"kept"


def test_a_new_ledger_has_no_copy(open_ledger, tmp_path):
    """There is nothing to keep."""
    open_ledger()

    assert not list((tmp_path / "home").glob("*backup*"))


def test_without_room_for_a_copy_nothing_is_changed(first_version, open_ledger, monkeypatch):
    """The user is told, and the old file is as it was."""
    before = dump(first_version / "ledger.sqlite")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("kie_nb.ledger.database.copy_file", full)
    with pytest.raises(LedgerError, match="No space left"):
        open_ledger(first_version)

    assert dump(first_version / "ledger.sqlite") == before


@pytest.mark.parametrize("statement", [0, 1, 5, len(m002.STATEMENTS) - 1])
def test_a_process_killed_in_the_middle_leaves_the_old_version_whole(first_version, open_ledger, statement):
    """Nothing of the half change is seen, and the next process makes all of it."""
    before = dump(first_version / "ledger.sqlite")

    died = subprocess.run([sys.executable, "-c", DYING, first_version, str(statement)], check=False)

    assert died.returncode == -signal.SIGKILL
    look = first_version.parent / "look"
    shutil.copytree(first_version, look)  # a look of ours must not be what repairs it
    assert dump(look / "ledger.sqlite") == before
    assert dump(first_version / "ledger.sqlite.v1-backup") == before
    assert open_ledger(first_version).runs()[0].id == "r1"
    steps = [line for line in dump(first_version / "ledger.sqlite") if 'INSERT INTO "schema_version"' in line]
    assert steps == [
        f'INSERT INTO "schema_version" VALUES({number});'
        for number in range(1, len(migrations.MIGRATIONS) + 1)
    ]


def test_every_version_is_reached_by_one_step_more():
    """Steps are named by their number, in order."""
    assert [step.__name__[:4] for step in migrations.MIGRATIONS] == [
        f"m{number:03}" for number in range(1, len(migrations.MIGRATIONS) + 1)
    ]


@pytest.fixture
def from_the_future(open_ledger, intention, tmp_path):
    """A home whose ledger a newer kie_nb wrote, and the run in it."""
    home = tmp_path / "home"
    ledger = open_ledger(home)
    row, _ = ledger.intend(intention())
    ledger.close()
    with contextlib.closing(sqlite3.connect(home / "ledger.sqlite")) as db, db:
        db.execute("INSERT INTO schema_version VALUES (99)")
        db.execute("ALTER TABLE run ADD COLUMN from_the_future TEXT DEFAULT 'kept'")
    return home, row


def test_a_newer_ledger_can_be_looked_at(from_the_future, open_ledger):
    """Its runs and their history are read, as far as they are known here."""
    home, row = from_the_future
    ledger = open_ledger(home)

    assert ledger.runs() == [row]
    assert ledger.get(row.id) == row
    assert len(ledger.events(row.id)) == 1


def test_a_newer_ledger_is_not_written(from_the_future, open_ledger, intention):
    """Every change is refused with a word on what to do, and not a byte of its tables changes."""
    home, row = from_the_future
    before = dump(home / "ledger.sqlite")
    ledger = open_ledger(home)

    for change in (
        lambda: ledger.intend(intention(seed=8)),
        lambda: ledger.move(row.id, "sending", expect={"intent"}),
        lambda: ledger.claim(row.id, "you", held_by="me", lease_until="2026"),
    ):
        with pytest.raises(LedgerError, match="newer kie_nb") as caught:
            change()
        assert "upgrade" in caught.value.hint

    assert dump(home / "ledger.sqlite") == before


def test_a_ledger_with_a_torn_page_is_told_and_left_alone(open_ledger, intention, tmp_path):
    """It opens, for its first page is whole; what cannot be read is an error of ours, and nothing is written."""
    home = tmp_path / "home"
    ledger = open_ledger(home)
    for seed in range(200):
        ledger.intend(intention(seed=seed))
    ledger.close()
    file = home / "ledger.sqlite"
    content = bytearray(file.read_bytes())
    content[4096 * 8 :] = b"\xa5" * (len(content) - 4096 * 8)
    file.write_bytes(content)

    with pytest.raises(LedgerError, match="cannot be used"):
        open_ledger(home).runs(limit=None)

    assert file.read_bytes() == content
