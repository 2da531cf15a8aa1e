"""A ledger that somebody has changed with another program: one good run, made by code, and any value in any column."""

# ruff: noqa: S608 - the statements are those of a stranger

import contextlib
import shutil
import sqlite3
from pathlib import Path

import manyruns

import kie_nb as kie
from kie_nb.ledger.schema import metadata

PROMPT = manyruns.prompt_of(0)
COLUMNS = {name: [column.name for column in table.columns] for name, table in metadata.tables.items()}


def make(home, *, account="a"):
    """A home with one finished run of `ask()`, its history, and a row in every other table."""
    home = Path(home)
    (run_id,) = manyruns.fill(
        home, 1, films=1, account=account, estimate=60.0, origin={"notebook": "a.ipynb"}
    )
    at = "2026-01-01T00:00:00.000000+00:00"
    cat = '{"sha256": "%s", "label": "cat.png", "url": "https://example.com/cat.png"}' % ("c" * 64)
    definition = '{"kie_nb": 1, "name": "storm", "model": "m", "fixed": {"seed": 1}, "axes": {}}'
    with changing(home) as db:
        db.execute(
            "INSERT INTO event (id, at, run_id, to_state, evidence) VALUES (1, ?, ?, 'fetched', '{\"because\": \"made\"}')",
            (at, run_id),
        )
        db.execute(
            "INSERT INTO upload VALUES (?, ?, 'https://example.com/u.png', ?)", (account, "c" * 64, at)
        )
        db.execute("INSERT INTO picture_url VALUES ('https://example.com/cat.png', ?, ?)", (cat, at))
        db.execute("INSERT INTO budget VALUES ('day', 1000000.0, ?)", (at,))
        db.execute("INSERT INTO experiment VALUES ('storm', 'simulator', ?, ?, ?)", (definition, at, at))
        db.execute("INSERT INTO cell VALUES ('storm', 'simulator', ?, '{\"seed\": 1}', 0)", ("f" * 64,))
    return home


def ask(**more):
    """Ask for the video that the run of `make` stands for."""
    return kie.generate(PROMPT, **{"model": manyruns.MODELS[0], "seed": 0} | more)


def copy(home, target):
    """A ledger of its own for one try."""
    shutil.copytree(home, target)
    return Path(target)


@contextlib.contextmanager
def changing(home):
    """What any program can do with the file."""
    with contextlib.closing(sqlite3.connect(Path(home) / "ledger.sqlite", isolation_level=None)) as db:
        yield db
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def put(home, column, value, *, table="run"):
    """Put *value* into a *column* of every row; bytes in a `Raw` become a text that is none."""
    with changing(home) as db:
        if isinstance(value, Raw):
            db.execute(f"UPDATE {table} SET {column} = CAST(? AS TEXT)", (value.content,))
        else:
            db.execute(f"UPDATE {table} SET {column} = ?", (value,))


def run_sql(home, *statements):
    """Leave code in the file."""
    with changing(home) as db:
        for statement in statements:
            db.execute(statement)


class Raw:
    """A text of bytes that are none."""

    def __init__(self, content):
        self.content = content

    def __repr__(self):
        return f"Raw({self.content!r})"
