"""What a folder of the browser tests holds, counted in its databases."""

import contextlib
import sqlite3


def tasks(folder):
    """How many tasks the embedded simulator was ever given in this folder."""
    return count(folder / "kie-runs" / "simulator" / "simulator.sqlite", "task")


def ledger_runs(folder):
    return count(folder / "kie-runs" / "ledger.sqlite", "run")


def ratings(folder):
    """The ratings of the runs in this folder, oldest run first."""
    with contextlib.closing(sqlite3.connect(folder / "kie-runs" / "ledger.sqlite")) as opened:
        return [stars for (stars,) in opened.execute("select rating from run order by created_at")]


def count(database, table):
    if not database.exists():
        return 0
    with contextlib.closing(sqlite3.connect(database)) as opened:
        names = [name for (name,) in opened.execute("select name from sqlite_master where type = 'table'")]
        (chosen,) = [name for name in names if name.rstrip("s") == table]
        return opened.execute(f"select count(*) from {chosen}").fetchone()[0]  # noqa: S608 - a name of ours
