"""Search finds what a plain look at every run would, by indexes, whatever is typed: the same on a file and on a server."""

import random

import pytest
import sqlalchemy as sa

from kie_nb.ledger import Ledger, search, search_text
from kie_nb.ledger.database import SqliteFile
from kie_nb.ledger.rows import values_of
from kie_nb.ledger.schema import run
from kie_nb.ledger.schema import words as searched

HOSTILE = [
    '"', '""', "'", "%", "_", "100%", "a_b", "/", "\\", "*", "cat*", "NEAR(a b)", "cat AND dog", "OR", "NOT cat", "-cat", "^cat",
    "prompt:cat", "(", ")", "{x}", "a'; DROP TABLE run; --", "\x1f", "\x1f\x1f", "rain\x1f", '["best"', "null", "\t", "\n", " ",
]  # fmt: skip
WORDS = [
    "cat", "CAT", "Catalogue", "the cat", "Straße", "STRASSE", "ΣΊΣΥΦΟΣ", "ﬁlm", "İstanbul", "猫", "日本の猫", "日", "👩‍👩‍👧", "é",
    "e\u0301", "Ünïcödé", "ß", "best", "client A", "5", "rain, 100% of it", "e",
]  # fmt: skip


@pytest.fixture
def ledger(each_ledger):
    return each_ledger


@pytest.fixture
def crowd(ledger, intention):
    """Sixty runs whose words are drawn from all of these; what each says, by id."""
    chance = random.Random(16)  # noqa: S311 - the same words each time
    some = [text for text in (*HOSTILE, *WORDS) if text.strip("\x1f")]
    said = {}
    for seed in range(60):
        prompt = " ".join(chance.choices(some, k=chance.randint(1, 4))).replace("\x1f", "")
        experiment = chance.choice([None, None, "Rains", "Straße"])
        asked = {"model": "wan/2-5-text-to-video", "input": {"prompt": prompt}}
        row, _ = ledger.intend(intention(seed=seed, request=asked, experiment=experiment))
        tags, note = chance.sample(["best", "Client A", '"quoted"', "猫", "100%"], chance.randint(0, 2)), None
        if seed % 3 == 0:
            note = chance.choice(some).replace("\x1f", "") or None
        ledger.mark(row.id, add=tags, note=note)
        if seed % 7 == 0:  # said, and taken back
            ledger.mark(row.id, add=["zebra"])
            ledger.mark(row.id, remove=["zebra"])
        said[row.id] = (prompt, [experiment or "", *tags, note or ""])
    return said


def plainly(said, words, *, prompt_alone=False):
    """The ids that a plain look finds."""
    wanted = search_text.folded(words)
    return {
        run_id
        for run_id, (prompt, marks) in said.items()
        if any(wanted in search_text.folded(text) for text in (prompt, *([] if prompt_alone else marks)))
    }


def test_search_finds_what_a_plain_look_finds(ledger, crowd):
    """Parts of what was said, what nobody said, and what has a meaning for a database; in any case, in any script."""
    chance = random.Random(4)  # noqa: S311
    said = [text for prompt, marks in crowd.values() for text in (prompt, *marks) if text]
    parts = [
        text[(at := chance.randrange(len(text))) : at + chance.randint(1, 12)]
        for text in chance.choices(said, k=80)
    ]
    for words in (*HOSTILE, *WORDS, *parts, *(part.upper() for part in parts), "zebra", "no such thing", "q"):
        assert {row.id for row in ledger.page(1, size=100, words=words).rows} == plainly(crowd, words), words
        found = {row.id for row in ledger.runs(text=words, limit=None)}
        assert found == plainly(crowd, words, prompt_alone=True), words


def test_many_findings_are_those_of_few(ledger, crowd, monkeypatch):
    """Past a number of findings pages follow an index: the same runs in the same order, and it is said that there are more."""
    asked = [{"words": "e"}, {"words": "cat"}, {"words": "cat", "tag": "best"}, {"tag": "best"}, {}]
    asked = [each | {"order": order} for each in asked for order in search.ORDERS]
    whole = [[row.id for row in ledger.page(1, size=100, **each).rows] for each in asked]
    monkeypatch.setattr(search, "MOST_SORTED", 4)
    monkeypatch.setattr(search, "MOST_COUNTED", 4)

    for each, ids in zip(asked, whole, strict=True):
        found = ledger.page(1, size=3, **each)
        assert ([row.id for row in found.rows], found.has_more) == (ids[:3], len(ids) > 4), each
        if len(ids) > 4:
            assert [row.id for row in ledger.page(2, size=2, **each).rows] == ids[2:4], each


QUESTIONS = [
    *({"order": order} for order in search.ORDERS if order != "unsettled"),
    *({"order": order, "model": "wan"} for order in ("newest", "best")),
    {"least_rating": 4}, {"least_rating": 4, "order": "dearest"}, {"tag": "best"}, {"words": "storm"}, {"words": "猫"},
    {"words": "storm", "order": "best"}, {"words": "storm", "tag": "best", "model": "wan"}, {"experiment": "storm"},
]  # fmt: skip


@pytest.fixture
def plans(tmp_path):
    """Opens a ledger in a file; the plan of each statement that a call makes, as SQLite tells it."""
    ledger = Ledger(tmp_path / "plans")
    assert isinstance(ledger.database, SqliteFile)
    seen = []

    def note(_connection, cursor, statement, parameters, *_):
        if statement.lstrip().startswith(("SELECT", "WITH")):
            seen.append(
                (
                    statement,
                    cursor.connection.execute(f"EXPLAIN QUERY PLAN {statement}", parameters).fetchall(),
                )
            )

    def of(call):
        seen.clear()
        sa.event.listen(sa.Engine, "before_cursor_execute", note)
        try:
            call(ledger)
        finally:
            sa.event.remove(sa.Engine, "before_cursor_execute", note)
        return [(statement, row[3]) for statement, rows in seen for row in rows]

    yield of
    ledger.close()


@pytest.mark.parametrize("most", [search.MOST_SORTED, -1], ids=["few", "many"])
@pytest.mark.parametrize("asked", QUESTIONS, ids=str)
def test_no_page_looks_at_every_run(plans, asked, most, monkeypatch):
    """Each filter and order has an index; where many match, that of the order, so that nothing is sorted."""
    monkeypatch.setattr(search, "MOST_SORTED", most)
    found = plans(lambda ledger: ledger.page(1, size=24, states={"fetched"}, service="kie", **asked))

    assert found
    assert not [plan for _, plan in found if plan.startswith("SCAN run") or plan == "SCAN words"]
    if most < 0 and "experiment" not in asked:
        last = [
            (statement, plan)
            for statement, plan in found
            if "ORDER BY run" in statement or "ORDER BY coalesce" in statement
        ]
        assert not [plan for _, plan in last if "TEMP B-TREE" in plan]


def test_what_is_asked_at_opening_and_by_id_takes_an_index(plans, tmp_path):
    """The values to choose from, runs by the beginning of an id, what was sent in a time, and runs that no look-up would find."""
    found = plans(lambda ledger: (ledger.choices(states={"fetched"}, service="kie"), ledger.find("abc")))
    found += plans(lambda _: Ledger(tmp_path / "plans").close())

    assert len(found) > 8
    assert not [each for each in found if each[1].startswith("SCAN run") and "run_doubtful" not in each[1]]


def test_an_intention_and_a_move_take_as_many_statements_as_ever(ledger, intention):
    """What search looks into costs two statements a run, in the transaction that writes it, and a move none."""
    counts = []

    def life(seed):
        row, _ = ledger.intend(intention(seed=seed))
        counts.append(len(seen))
        ledger.move(row.id, "sending", expect={"intent"})

    seen = []
    sa.event.listen(sa.Engine, "before_cursor_execute", lambda *told: seen.append(told[2]))
    life(1)
    assert sum("words" in statement for statement in seen) <= 2
    assert not [statement for statement in seen[counts[0] :] if "words" in statement]


def test_words_are_written_with_their_run_or_not_at_all(ledger, intention, monkeypatch):
    """A transaction that fails leaves neither."""
    monkeypatch.setattr(search_text, "texts_of", lambda _values: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        ledger.intend(intention())

    with ledger.database.read() as db:
        assert db.execute(sa.select(sa.func.count()).select_from(run)).scalar() == 0


def test_runs_of_one_moment_are_all_found(ledger, intention):
    """Each has a place of its own among the words, the next one that is free."""
    rows = [ledger.intend(intention(seed=seed))[0] for seed in range(3)]
    more = [
        values_of(row) | {"id": f"more{number}", "created_at": rows[1].created_at}
        for number, row in enumerate(rows)
    ]
    with ledger.database.write() as db:
        search_text.add(db, more)
        assert len(set(db.execute(sa.select(searched.c.number)).scalars())) == 6
