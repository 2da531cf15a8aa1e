"""What search looks into: the prompt of each run, and beside it experiment, tags and note, in lower case, with an index of their parts.

SQLite has an index of all parts of three characters (FTS5), which a database keeps beside the table; here it is written in the
transaction that changes the table, for triggers in a file are not run. PostgreSQL has one of its own (pg_trgm), where
its user may add it. Both only narrow down what the table is then searched for, so that they change no result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from .schema import PARTS, moment, words

APART = "\x1f"  # between the texts of a run: what is looked for never holds it
_GRAM = 3  # characters of a part in the index
_MOST_GRAMS = 24  # of what is looked for: more narrow nothing down
_MOST_TERMS = 200
_NONE = str.maketrans("", "", f"{APART}\0")
_CHANGE = words.update().where(words.c.number == sa.bindparam("of"))
_KNOWN = sa.select(words).where(words.c.run_id == sa.bindparam("of"))
# The moment of a run, or the next number that is free.
_ADD = sa.text(
    "INSERT INTO words (run_id, prompt, marks, number) VALUES (:run_id, :prompt, :marks, CASE "
    "WHEN EXISTS (SELECT 1 FROM words WHERE number = :number) THEN (SELECT min(taken.number) + 1 FROM words taken "
    "WHERE taken.number >= :number AND NOT EXISTS (SELECT 1 FROM words beyond WHERE beyond.number = taken.number + 1)) "
    "ELSE :number END)"
).bindparams(sa.bindparam("number", type_=sa.BigInteger))
_ADD_PARTS = sa.text(
    f"INSERT INTO {PARTS} (rowid, prompt, marks) SELECT number, prompt, marks FROM words WHERE run_id = :run_id"  # noqa: S608
)
_DROP_PARTS = sa.text(
    f"INSERT INTO {PARTS} ({PARTS}, rowid, prompt, marks) VALUES ('delete', :number, :prompt, :marks)"  # noqa: S608
)


def folded(text: str) -> str:
    """*text* as it is compared: in any case, in any script."""
    return text.casefold().translate(_NONE)


def texts_of(values: Mapping[str, Any]) -> dict[str, str]:
    """What is searched of a run with these columns; two marks behind each text let its last characters begin a part, too."""
    asked = values["request"].get("input") if isinstance(values["request"], dict) else None
    prompt = asked.get("prompt") if isinstance(asked, dict) else None
    said = (values.get("experiment"), *(values.get("tags") or ()), values.get("note"))
    marks = [folded(text) for text in said if isinstance(text, str)]
    return {
        "prompt": f"{folded(prompt) if isinstance(prompt, str) else ''}{APART}{APART}",
        "marks": f"{APART}{APART.join([*marks, ''])}{APART}",
    }


def as_a_mark(text: str) -> str:
    """What finds a whole tag among the marks, in any case."""
    return f"{APART}{folded(text)}{APART}"


def add(db: sa.Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Make new runs with these columns searchable."""
    new = [{"number": _number(row["created_at"]), "run_id": row["id"], **texts_of(row)} for row in rows]
    if new:
        db.execute(_ADD, new)
        _write(db, _ADD_PARTS, [{"run_id": row["run_id"]} for row in new])


def keep(db: sa.Connection, values: Mapping[str, Any]) -> None:
    """The same for a run that has these columns now, and may have had others before."""
    known = db.execute(_KNOWN, {"of": values["id"]}).mappings().first()
    texts = texts_of(values)
    if known is None:
        add(db, [values])
    elif any(known[name] != text for name, text in texts.items()):
        _write(db, _DROP_PARTS, [dict(known)])
        db.execute(_CHANGE, {"of": known["number"], **texts})
        _write(db, _ADD_PARTS, [{"run_id": values["id"]}])


def _write(db: sa.Connection, statement: sa.TextClause, rows: Sequence[dict[str, Any]]) -> None:
    if db.dialect.name == "sqlite":
        db.execute(statement, rows)


def _number(created_at: str) -> int:
    """The place of a run among all: milliseconds, so that the newest come first from the index."""
    at = moment(created_at)
    return int(at.timestamp() * 1000) if at is not None else 0


def narrowed(db: sa.Connection, wanted: Sequence[str]) -> str | None:
    """What SQLite's index is asked for texts that hold all *wanted*; None where that would narrow nothing down."""
    if db.dialect.name != "sqlite":
        return None
    asked = [found for text in wanted if (found := _parts(db, text))]
    return " AND ".join(f"({each})" for each in asked) or None


def _parts(db: sa.Connection, text: str) -> str | None:
    if len(text) >= _GRAM:
        grams = list(dict.fromkeys(text[at : at + _GRAM] for at in range(len(text) - _GRAM + 1)))
        return " AND ".join(map(_quoted, grams[:: -(-len(grams) // _MOST_GRAMS)]))
    if len(text) == 1 and text.isascii():
        return None  # nearly everywhere
    # Two characters, or one of a script of thousands: every part that begins so.
    db.exec_driver_sql(f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.terms USING fts5vocab(main, {PARTS}, row)")
    found = sa.text("SELECT term FROM temp.terms WHERE term >= :first AND term < :last LIMIT :most")
    values = {"first": text, "last": text + "\U0010ffff", "most": _MOST_TERMS + 1}
    terms = [term for (term,) in db.execute(found, values)]
    return None if len(terms) > _MOST_TERMS else " OR ".join(map(_quoted, terms or [(text * _GRAM)[:_GRAM]]))


def _quoted(gram: str) -> str:
    """A part to the letter: within quotes nothing is an operator."""
    return '"{}"'.format(gram.replace('"', '""'))
