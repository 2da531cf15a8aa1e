"""News of a ledger: seen at once, without a statement while nothing happens; with few connections, and behind a pooler."""

import contextlib
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from kie_nb.errors import LedgerError
from kie_nb.ledger import Ledger, news

WAIT_S = 30
OURS = "FROM pg_stat_activity WHERE application_name = 'kie_nb' AND datname = current_database()"
LISTENING = f"{OURS} AND query LIKE 'LISTEN%%'"


@pytest.fixture
def url(postgres):
    return postgres.database()


@pytest.fixture
def open_shared(tmp_path, url, monkeypatch):
    """Open the team's ledger; *connections* is the setting."""
    opened = []

    def open_one(connections=None):
        monkeypatch.setenv("KIE_NB_CONNECTIONS", str(connections or ""))
        opened.append(Ledger(tmp_path / "home", url=url))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


def until(condition):
    end = time.monotonic() + WAIT_S
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found


def listening(ledger):
    """Its news, when they are told at once."""
    found = ledger.database.news
    until(lambda: found.number() is not None and found.is_prompt)
    settled(found)
    return found


def settled(found):
    """The number that stays."""

    def is_same():
        number = found.number()
        time.sleep(0.3)
        return number == found.number()

    until(is_same)
    return found.number()


@pytest.mark.parametrize("kind", ["file", "server"])
def test_a_change_by_another_kernel_is_news_and_a_heartbeat_is_none(
    open_ledger, open_shared, intention, kind
):
    """Of a file its time says it, which a heartbeat changes as well."""
    mine, other = [open_ledger() if kind == "file" else open_shared() for _ in range(2)]
    found = listening(mine)

    for change in (
        lambda: other.intend(intention()),
        lambda: other.mark(other.runs()[0].id, rating=3),
        lambda: other.set_limit("day", 5.0),
    ):
        before = settled(found)
        change()
        until(lambda before=before: found.number() != before)
    before = settled(found)
    other.renew([other.runs()[0].id], "me")
    assert kind == "file" or settled(found) == before


def test_nothing_is_asked_while_nothing_happens(open_ledger, open_shared, statements):
    """For seconds, of a file and of a server."""
    both = [listening(ledger) for ledger in (open_ledger(), open_shared())]
    statements.clear()
    numbers = [found.number() for found in both]
    until_end = time.monotonic() + 2
    while time.monotonic() < until_end:
        assert [found.number() for found in both] == numbers
        time.sleep(0.05)

    assert statements == []


def test_a_lost_line_is_made_anew(open_shared, intention, postgres, url):
    """What may have been missed counts as news."""
    mine, other = open_shared(), open_shared()
    found = listening(mine)
    before = found.number()

    postgres.ask(url, f"SELECT pg_terminate_backend(pid) {LISTENING}")

    until(lambda: found.number() != before)
    before = settled(listening(mine) and found)
    other.intend(intention())
    until(lambda: found.number() != before)


def test_behind_a_pooler_one_statement_asks_now_and_then(open_shared, intention, monkeypatch, statements):
    """Nothing that is told arrives there: the pooler gives each transaction another line, and forgets who listens."""
    monkeypatch.setattr(news, "PROOF_S", 0.5)
    monkeypatch.setattr(news, "LOOK_S", 1.0)
    other = open_shared()

    class Line:
        def __init__(self, line):
            self._line = line

        def execute(self, statement):
            self._line.execute(statement)
            self._line.execute("DISCARD ALL")

        def notifies(self, **more):
            return self._line.notifies(**more)

    @contextlib.contextmanager
    def pooled():
        with open_line() as db:
            yield Pooled(db)

    class Pooled:
        def __init__(self, db):
            self.connection = self
            self.driver_connection = Line(db.connection.driver_connection)

    open_line = other.database.news._listen
    found = news.ServerNews(pooled, other.database._look)
    until(lambda: found.number() and any("max(id)" in text for text, _ in statements))
    assert not found.is_prompt
    before = settled(found)
    statements.clear()
    other.intend(intention())
    until(lambda: found.number() != before)
    found.close()


def test_a_transaction_has_its_limits_on_any_line(open_shared, postgres, url):
    """What was set for a session is gone behind a pooler: the team's lock must not be waited for, or held, forever.

    Nor must a server that writes to its disk later lose a request that was sent.
    """
    postgres.ask(url, f"ALTER DATABASE {sa.make_url(url).database} SET synchronous_commit = off")
    ledger = open_shared()

    def forget(line, *_):
        line.autocommit = True
        line.execute("DISCARD ALL")
        line.autocommit = False

    sa.event.listen(ledger.database._engine, "checkout", forget)

    with ledger.database.write() as db:
        limits = [
            db.exec_driver_sql(f"SHOW {name}").scalar()
            for name in ("lock_timeout", "idle_in_transaction_session_timeout", "synchronous_commit")
        ]

    assert limits == ["30s", "15s", "local"]


@pytest.mark.parametrize("most", [None, 1])
def test_a_burst_has_three_connections_or_as_many_as_are_set(open_shared, intention, postgres, url, most):
    """Threads wait for their turn; nothing waits for itself."""
    ledger = open_shared(most)
    if most is None:
        listening(ledger)
    else:
        assert ledger.database.news.number() == ledger.database.news.number()
    counts = []

    def work(number):
        for seed in range(5):
            row, _ = ledger.intend(intention(seed=100 * number + seed))
            ledger.get(row.id)
            ledger.mark(row.id, rating=3)
            counts.append(postgres.ask(url, f"SELECT count(*) {OURS}")[0][0])

    with ThreadPoolExecutor(12) as threads:
        list(threads.map(work, range(12)))

    assert max(counts) <= (most or 3)
    assert len(ledger.runs(limit=None)) == 60


def test_a_kernel_without_a_connection_to_be_had_says_so(open_shared, monkeypatch):
    """Not a traceback of a library."""
    monkeypatch.setattr("kie_nb.ledger.postgres.BUSY_TIMEOUT_MS", 100)
    ledger = open_shared(1)
    with ledger.database.read(), pytest.raises(LedgerError, match="1 connection"):
        ledger.get("nothing")
