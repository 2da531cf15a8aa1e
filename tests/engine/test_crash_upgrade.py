"""SIGKILL while a ledger of an older version is brought up to date, with a paid task under way at the service.

What the statements of one migration leave is tested beside the ledger; here whole processes open a home of the first
version, and each dies a step later than the one before (`crashbuyer.py`, `crashhome.py`).
"""

import contextlib
import shutil
import sqlite3

import pytest
from crashhome import RESUME, asks, settle

from kie_nb.ledger import m001, m002, migrations
from kie_nb.ledger.database import SqliteFile

pytestmark = pytest.mark.slow

BACKUP = "ledger.sqlite.v1-backup"
OPEN = {"do": "open_ledger"}
ROOMS = ("ledger/migrations.py", "ledger/database.py", "ledger/opening.py")


@pytest.fixture
def old_home(make_home, monkeypatch):
    """A home of the first version: one video is on disk, and the task of another cell is at the service."""
    home = make_home("upgrade")
    assert home.start(asks(home.cells(1))).report["ask"][0]["state"] == "fetched"
    assert home.start(asks(home.cells(2)), end={"call": "engine/watching.py:watch"}).was_killed()
    assert [row["state"] for row in home.rows()] == ["fetched", "accepted"]
    made_old(home, monkeypatch)
    return home


def made_old(home, monkeypatch):
    """Write the home's runs and history into a ledger as the first version made it, in the place of today's."""
    older = SqliteFile(home.folder / "older" / "ledger.sqlite")
    with monkeypatch.context() as then:
        then.setattr(migrations, "MIGRATIONS", migrations.MIGRATIONS[:1])
        migrations.prepare(older)
    older.close()
    with home.ledger() as today, contextlib.closing(sqlite3.connect(older.file)) as db:
        db.execute("ATTACH ? AS today", (str(today),))
        with db:
            for table in m001.metadata.sorted_tables:
                names = ", ".join(column.name for column in table.columns)
                db.execute(f"INSERT INTO {table.name} ({names}) SELECT {names} FROM today.{table.name}")  # noqa: S608
    clear(home)
    shutil.move(older.file, home.runs_home / "ledger.sqlite")


def dump(home):
    with home.ledger() as file, contextlib.closing(sqlite3.connect(file)) as db:
        return list(db.iterdump())


@pytest.fixture
def steps(old_home, make_home):
    """What opening that home goes through, learnt from a twin: our lines one by one, with the dump of the new version."""
    twin = make_home("twin")
    shutil.copytree(old_home.runs_home, twin.runs_home)
    visits = twin.start(OPEN, end={"line": -1}).report["watched"]["places"]
    lines = [(place, times) for place, times in visits.items() if place.startswith(ROOMS)]
    most = len(m002.STATEMENTS)
    return [(place, visit) for place, times in lines for visit in range(1, min(times, most) + 1)], dump(twin)


def test_a_kill_at_any_step_of_a_migration_loses_no_task(old_home, steps):
    """The old version is whole until the new one is; the next process goes on, and the paid video comes home."""
    before, (places, after) = dump(old_home), steps
    old = (old_home.runs_home / "ledger.sqlite").read_bytes()
    left, halves = [], set()
    for place, visit in places:
        if old_home.start(OPEN, end={"at": place, "visit": visit}).was_killed():
            left.append(dump(old_home))
            assert left[-1] in (before, after), f"half a change at {place}"
        halves |= set(old_home.runs_home.glob("*.part*"))
        if (old_home.runs_home / BACKUP).exists():
            with contextlib.closing(sqlite3.connect(old_home.runs_home / BACKUP)) as db:
                assert list(db.iterdump()) == before, f"the copy is not whole after {place}"
        if dump(old_home) == after:
            clear(old_home)
            (old_home.runs_home / "ledger.sqlite").write_bytes(old)
    print(f"{len(left)} kills, {left.count(before)} of them before the change was whole")
    assert left.count(before) > len(m002.STATEMENTS)
    assert left.count(after) > 0
    assert halves, "no kill met the copy half made"

    assert "accepted: taken up" in old_home.start(RESUME).report["resume"]
    assert [row["state"] for row in old_home.rows()] == ["fetched", "fetched"]
    old_home.check_end()
    settle(old_home, old_home.cells(2), unknown=False)


def clear(home):
    for file in home.runs_home.glob("ledger.sqlite*"):
        file.unlink()
