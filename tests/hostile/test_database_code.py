"""A database can carry code that runs by itself: nothing in a file but our own tables is ever used."""

# ruff: noqa: S608 - the statements are those of a stranger

import os
import sqlite3

import owners
import pytest
from hostile.badledger import PROMPT, ask, changing, copy, make, run_sql
from manyruns import MODELS

import kie_nb as kie
from kie_nb.errors import KieError, LedgerError
from kie_nb.handles import get_session
from kie_nb.handles.begin import intend
from kie_nb.ledger import GrantStore, Ledger

SECRET = "UPDATE run SET request = replace(request, 'take', 'PAID') WHERE id = new.id;"
CODE = [
    pytest.param(
        [f"CREATE TRIGGER t AFTER INSERT ON run BEGIN {SECRET} END"], "trigger t", id="after an insert"
    ),
    pytest.param(
        [f"CREATE TRIGGER t AFTER UPDATE ON run BEGIN {SECRET} END"], "trigger t", id="after an update"
    ),
    pytest.param(
        ["CREATE TRIGGER t BEFORE INSERT ON event BEGIN DELETE FROM budget; END"],
        "trigger t",
        id="on another table",
    ),
    pytest.param(["CREATE VIEW v AS SELECT * FROM run"], "view v", id="a view"),
    pytest.param(
        ["ALTER TABLE budget RENAME TO b", "CREATE VIEW budget AS SELECT * FROM b WHERE 0"],
        "view budget",
        id="a view for a table",
    ),
    pytest.param(["CREATE TABLE more (x)"], "table more", id="a table"),
    pytest.param(["CREATE VIRTUAL TABLE others USING fts5(x)"], "table others", id="a virtual table"),
    pytest.param(["CREATE INDEX mine ON run (abs(seed))"], "index mine", id="an index of an expression"),
    pytest.param(
        ["ALTER TABLE run ADD COLUMN x TEXT GENERATED ALWAYS AS (upper(request)) VIRTUAL"],
        "table run",
        id="a generated column",
    ),
    pytest.param(
        [
            "DROP TABLE budget",
            "CREATE TABLE budget (scope VARCHAR, credits FLOAT CHECK (credits < 1e9), set_at VARCHAR)",
        ],
        "table budget",
        id="a check",
    ),
    pytest.param(
        [
            "DROP TABLE budget",
            "CREATE TABLE budget (scope VARCHAR NOT NULL, credits FLOAT NOT NULL DEFAULT 1e9, set_at VARCHAR NOT NULL, PRIMARY KEY (scope))",
        ],
        "table budget",
        id="a default",
    ),
    pytest.param(["DROP INDEX run_active_key"], None, id="an index fewer"),
    pytest.param(
        [
            "PRAGMA writable_schema = ON",
            "INSERT INTO sqlite_master SELECT 'table', name, name, rootpage, 'CREATE TRIGGER t AFTER INSERT ON run BEGIN SELECT 1; END' FROM sqlite_master WHERE name = 'cell'",
        ],
        "ledger",
        id="a trigger called a table",
    ),
]


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return make(tmp_path_factory.mktemp("good") / "kie-runs")


@pytest.fixture
def home(good, tmp_path):
    return copy(good, tmp_path / "kie-runs")


@pytest.mark.parametrize(("statements", "named"), CODE)
def test_a_file_with_code_is_refused(home, simulate, statements, named):
    """What is not ours is named, and nothing is looked at, sent or changed."""
    simulator = simulate()
    run_sql(home, *statements)
    before = (home / "ledger.sqlite").read_bytes()

    if named is None:  # fewer than ours runs nothing
        assert [run.state for run in kie.runs()] == ["fetched"]
        return
    for door in (kie.runs, lambda: ask(seed=5), lambda: kie.budget(5.0), kie.doctor):
        with pytest.raises(LedgerError, match=named):
            door()
    assert simulator.counts["create_requests"] == 0
    assert (home / "ledger.sqlite").read_bytes() == before


@pytest.mark.parametrize("door", ["open", "looked", "bought"])
def test_a_trigger_put_in_while_the_file_is_open_changes_nothing(home, simulate, door):
    """Another process cannot change what is sent either."""
    simulator = simulate()
    if door != "open":
        assert len(kie.runs()) == 1
    if door == "bought":
        ask(seed=4).wait(60)
    else:
        get_session().here.limits()
    sent = simulator.counts["create_requests"]
    run_sql(home, f"CREATE TRIGGER t AFTER INSERT ON run BEGIN {SECRET} END")

    with pytest.raises(LedgerError, match="trigger t"):
        ask(seed=5)
    assert simulator.counts["create_requests"] == sent


def test_an_intention_that_is_taken_over_is_sent_as_it_was_checked(home, simulate):
    """Its owner dies, and the ledger has another request in its place by then: what was asked for here goes out."""
    simulator = simulate()
    session = get_session()
    prepared = session.prepare(PROMPT, model=MODELS[0], seed=5)
    row, _ = intend(session, prepared, fresh=False, max_credits=None)
    hand_over = "UPDATE run SET owner = ?, owner_hint = ? WHERE id = ?"
    with changing(home) as db:
        db.execute(hand_over, (*owners.unseen().values(), row.id))
        db.execute("UPDATE run SET request = replace(request, 'take 0', 'BAD') WHERE id = ?", (row.id,))

    run = session.begin(prepared)[0]
    with changing(home) as db:
        db.execute(hand_over, (*owners.dead().values(), row.id))
    run.wait(60)

    assert run.id == row.id
    assert [task.input["prompt"] for task in simulator.tasks] == [PROMPT]


def test_a_rule_of_a_server_that_changes_what_is_written_is_found_out(
    postgres, simulate, monkeypatch, tmp_path
):
    """A team's database may have triggers of its own; one that touches a run stops it."""
    simulator = simulate()
    url = postgres.database()
    monkeypatch.setenv("KIE_NB_LEDGER", url)
    with get_session().here.database.write() as db:
        db.exec_driver_sql(
            "CREATE FUNCTION free() RETURNS trigger AS $$ BEGIN NEW.estimate = 0; RETURN NEW; END $$ LANGUAGE plpgsql"
        )
        db.exec_driver_sql("CREATE TRIGGER t BEFORE INSERT ON run FOR EACH ROW EXECUTE FUNCTION free()")

    with pytest.raises(LedgerError, match="changes what is written") as refused:
        ask(seed=5)
    assert refused.value.charged == "nothing"
    assert list(kie.runs()) == []
    assert simulator.counts["create_requests"] == 0


@pytest.mark.parametrize("end", ["", "-wal", "-shm", "-journal"])
@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_link_or_a_pipe_is_no_ledger(home, tmp_path, kind, end):
    """SQLite would write into whatever a link names, and wait for a pipe for ever."""
    victim = tmp_path / "diary.txt"
    victim.write_text("dear diary")
    place = home / f"ledger.sqlite{end}"
    place.unlink(missing_ok=True)
    if kind == "link":
        place.symlink_to(victim)
    else:
        os.mkfifo(place)

    with pytest.raises(LedgerError, match="not a plain file"):
        kie.runs()
    assert victim.read_text() == "dear diary"


def test_a_file_that_is_replaced_while_it_is_open_is_looked_at_anew(home, good, tmp_path, simulate):
    """By one with code, or by a link."""
    simulator = simulate()
    assert len(kie.runs()) == 1
    other = copy(good, tmp_path / "other")
    run_sql(other, f"CREATE TRIGGER t AFTER INSERT ON run BEGIN {SECRET} END")
    for end in ("-wal", "-shm"):
        (home / f"ledger.sqlite{end}").unlink(missing_ok=True)
    os.replace(other / "ledger.sqlite", home / "ledger.sqlite")
    with pytest.raises(LedgerError, match="trigger t"):
        ask(seed=5)

    (home / "ledger.sqlite").unlink()
    (home / "ledger.sqlite").symlink_to(good / "ledger.sqlite")
    with pytest.raises(LedgerError, match="not a plain file"):
        kie.runs()
    assert simulator.counts["create_requests"] == 0


def test_the_folder_itself_may_be_a_link(home, good, monkeypatch, tmp_path):
    """A user's own home may lie on another disk."""
    (tmp_path / "far").symlink_to(home)
    monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / "far"))

    assert len(kie.runs()) == 1


def test_the_file_of_the_grants_is_looked_at_too(tmp_path):
    """It is in the user's own folder, which a variable may name."""
    GrantStore(tmp_path / "state").close()
    with sqlite3.connect(tmp_path / "state" / "grants.sqlite") as db:
        db.execute("CREATE TRIGGER t AFTER INSERT ON slot BEGIN DELETE FROM slot; END")

    with pytest.raises(LedgerError, match="trigger t"):
        GrantStore(tmp_path / "state")


@pytest.mark.parametrize("value", ["'x'", "x'ff'", "9e99", "-1.0"])
def test_odd_moments_of_grants_hold_nobody(tmp_path, value):
    """They neither fail nor stop the next create."""
    store = GrantStore(tmp_path / "state")
    store.take("a", limit=1, window_s=10.0)
    store.pause("a", 60.0)
    with sqlite3.connect(tmp_path / "state" / "grants.sqlite") as db:
        db.execute(f"UPDATE slot SET taken_at = {value}")
        db.execute(f"UPDATE pause SET until = {value}")

    grant, _ = store.take("a", limit=1, window_s=10.0)

    assert grant is not None
    store.close()


def test_statistics_of_a_planner_are_no_code(home):
    """Who has run ANALYZE on the file has it still."""
    run_sql(home, "ANALYZE")

    assert len(kie.runs()) == 1


def test_a_newer_ledger_may_have_other_tables_but_no_code(home):
    """It is looked at, and never written."""
    run_sql(home, "CREATE TABLE newer (x)", "INSERT INTO schema_version VALUES (99)")
    assert len(kie.runs()) == 1
    with pytest.raises(KieError, match="newer"):
        ask(seed=5)

    ledger = Ledger(home)
    run_sql(home, "CREATE TRIGGER t AFTER INSERT ON run BEGIN SELECT 1; END")
    with pytest.raises(LedgerError, match="trigger t"):
        ledger.runs()
