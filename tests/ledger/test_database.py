"""The file itself: what is written stays, what is newer is left alone, and every trouble is told in words."""

import sqlite3

import pytest
import sqlalchemy as sa

from kie_nb.errors import LedgerError


@pytest.mark.parametrize(
    "name", ["plain", "what? #1 100% ünïcode 😀", "a;b&c=d", "%2e%2e", 'quote\'s "here"', "sp ace/deep/er"]
)
def test_any_folder_will_do(open_ledger, intention, tmp_path, name):
    """Whatever its name holds, the file lies in that folder and nowhere else, and is found again."""
    home = tmp_path / "place" / name
    run, _ = open_ledger(home).intend(intention())

    assert open_ledger(home).get(run.id) == run
    assert list((tmp_path / "place").rglob("*.sqlite")) == [home / "ledger.sqlite"]


def test_the_ledger_is_kept_across_openings(open_ledger, intention):
    """Closed and opened again, it holds what was written."""
    first = open_ledger()
    run, _ = first.intend(intention())
    first.close()

    assert open_ledger().runs() == [run]


@pytest.mark.parametrize(
    "content",
    [b"this is a text, not a database. " * 200, b"SQLite format 3\0" + b"\xff" * 5000],
    ids=["text", "torn"],
)
def test_a_file_that_is_no_ledger_is_left_alone(open_ledger, tmp_path, content):
    """Somebody's file with our name is not overwritten."""
    file = tmp_path / "home" / "ledger.sqlite"
    file.parent.mkdir()
    file.write_bytes(content)

    with pytest.raises(LedgerError, match="cannot be used"):
        open_ledger(file.parent)

    assert file.read_bytes() == content


def test_a_folder_that_cannot_be_made_is_told(open_ledger, tmp_path):
    """It says which folder, and how to choose another."""
    (tmp_path / "file").write_text("not a folder")

    with pytest.raises(LedgerError, match="cannot be created") as caught:
        open_ledger(tmp_path / "file" / "home")

    assert "KIE_NB_HOME" in caught.value.hint


def test_a_folder_in_the_place_of_the_file_is_told(open_ledger, tmp_path):
    """SQLite's own word is passed on, in an error of ours."""
    (tmp_path / "home" / "ledger.sqlite").mkdir(parents=True)

    with pytest.raises(LedgerError, match=r"ledger\.sqlite cannot be used"):
        open_ledger(tmp_path / "home")


def test_a_transaction_that_breaks_leaves_nothing(ledger, intention):
    """A column that does not exist spoils the move and its event alike."""
    run, _ = ledger.intend(intention())

    with pytest.raises(Exception, match="no_such_column"):
        ledger.move(run.id, "sending", expect={"intent"}, no_such_column=1)

    assert ledger.get(run.id) == run
    assert len(ledger.events(run.id)) == 1


def test_the_file_is_safe_against_a_power_cut_and_open_to_readers(ledger, intention, tmp_path):
    """It is in WAL mode: another program may read it while it is written."""
    run, _ = ledger.intend(intention())

    with sqlite3.connect(f"file:{tmp_path}/home/ledger.sqlite?mode=ro", uri=True) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert db.execute("SELECT id FROM run").fetchall() == [(run.id,)]
    db.close()


def test_an_interrupt_in_mid_statement_stays_an_interrupt(ledger, intention):
    """■ while the file is written is not turned into an error of the database; nothing is left behind, and the next write goes on."""
    run, _ = ledger.intend(intention())

    def press(*_):
        raise KeyboardInterrupt

    def change(db):
        db.exec_driver_sql("DELETE FROM run")
        sa.event.listen(db, "before_cursor_execute", press)
        db.exec_driver_sql("DELETE FROM event")

    with pytest.raises(KeyboardInterrupt), ledger.database.write() as db:
        change(db)

    assert ledger.runs() == [run]
    assert ledger.move(run.id, "sending", expect={"intent"}) is not None
