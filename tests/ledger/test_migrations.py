"""From one version to the next: in order, and whole or not at all."""

import contextlib
import shutil
import signal
import sqlite3

import pytest
from kernelforks import script

from kie_nb.errors import LedgerError
from kie_nb.ledger import opening


def dump(file):
    with contextlib.closing(sqlite3.connect(file)) as db:
        return list(db.iterdump())


DYING = """
import os, signal, sys
from pathlib import Path
import sqlalchemy as sa
from kie_nb.ledger import Ledger

def die(*_, left=[int(sys.argv[2])], **__):
    left[0] -= 1
    if not left[0]:
        os.kill(os.getpid(), signal.SIGKILL)

sa.event.listen(sa.Engine, "before_cursor_execute", lambda c, k, statement, *_: "CREATE" in statement and die())
Ledger(Path(sys.argv[1]))
"""


@pytest.mark.parametrize("statement", [1, 2, 9])
def test_a_process_killed_in_the_middle_leaves_no_half_schema(open_ledger, intention, tmp_path, statement):
    """The next process makes all of it."""
    home = tmp_path / "home"

    died = script("-c", DYING, home, str(statement))

    assert died.returncode == -signal.SIGKILL
    look = tmp_path / "look"
    shutil.copytree(home, look)  # a look of ours must not be what repairs it
    assert not [line for line in dump(look / "ledger.sqlite") if line.startswith("CREATE")]
    assert open_ledger(home).intend(intention())[1]


def test_every_version_is_reached_by_one_step_more():
    """Steps are named by their number, in order."""
    assert [step.__name__[:4] for step in opening.MIGRATIONS] == [
        f"m{number:03}" for number in range(1, len(opening.MIGRATIONS) + 1)
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
        lambda: ledger.claim(row, "you"),
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
