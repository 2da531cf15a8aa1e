"""The same ledger on a server: equal answers, writers one after another, and no password in any word of ours."""

import contextlib
import socket
import sys
import threading
import time

import pgserver
import pytest
import sqlalchemy as sa

from kie_nb import settings
from kie_nb.errors import NOTHING, LedgerError
from kie_nb.ledger import GrantStore, Ledger
from kie_nb.ledger import postgres as room

CUT = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"


@pytest.fixture
def url(postgres):
    return postgres.database()


@pytest.fixture
def open_shared(tmp_path, url):
    opened = []

    def open_one(place=url):
        opened.append(Ledger(tmp_path / "home", url=place))
        return opened[-1]

    yield open_one
    for ledger in opened:
        ledger.close()


def test_two_machines_have_one_ledger(open_shared, intention):
    """What one writes the other finds: the run, its history, and that it stands for its request."""
    one, other = open_shared(), open_shared()
    row, is_new = one.intend(intention())

    assert is_new
    assert other.intend(intention()) == (row, False)
    assert other.move(row.id, "sending", expect={"intent"}, owner="you") is None
    assert other.move(row.id, "sending", expect={"intent"}, owner="me").state == "sending"
    assert [entry["to_state"] for entry in one.events(row.id)] == ["intent", "sending"]
    assert other.intend(intention(), fresh=True)[1]
    assert [found.active_key for found in one.runs()] == [f"{row.fingerprint}:1", f"{row.fingerprint}:0"]


def test_what_a_request_holds_comes_back_as_it_was(open_shared, intention):
    """Letters of any kind, numbers and nothing: JSON columns are the same on both."""
    inputs = {"prompt": "Ein Käfer 🐞 'sagt' \"100%\" \\ :x", "duration": "5", "n": 1.5, "none": None}
    ledger = open_shared()
    row, _ = ledger.intend(intention(request={"model": "wan", "input": inputs}))
    ledger.move(
        row.id,
        "success",
        expect={"intent"},
        task_id="t1",
        duration_s=61.5,
        completed_at="2026-01-02T00:00:00+00:00",
        urls=["https://u/v.mp4"],
    )

    assert ledger.get(row.id).request["input"] == inputs
    assert ledger.get(row.id).urls == ["https://u/v.mp4"]
    assert ledger.durations("kie", row.model, {"duration": "5"}) == [61.5]
    assert ledger.durations("kie", row.model, {"duration": "10"}) == []
    assert [found.id for found in ledger.find(row.id[:5])] == [row.id]
    assert ledger.find("%") == []


def test_filters_and_sums_are_the_same(open_shared, intention):
    """Words said of a run are found, and costs are added up."""
    ledger = open_shared()
    row, _ = ledger.intend(intention())
    ledger.mark(row.id, add=["best of 100%"], note="n", rating=5)

    for known in ({"text": "WAVES"}, {"tag": "best of 100%"}, {"seed": 7}, {"model": row.model}):
        assert [found.id for found in ledger.runs(**known)] == [row.id]
    assert ledger.runs(tag="best") == []
    assert ledger.figures("kie").reserved == 60.0
    assert [name for name, _ in ledger.totals("kie", "day")] == [row.created_at[:10]]


def test_writers_wait_for_each_other(open_shared):
    """What a transaction has read stays true until it ends."""
    one, other = open_shared(), open_shared()
    order = []

    def second():
        with other.database.write():
            order.append("second")

    with one.database.write():
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.3)
        order.append("first")
    thread.join()

    assert order == ["first", "second"]


def test_a_grant_and_the_step_to_sending_are_one(open_shared, intention):
    """If the step cannot be made there is no grant, and without a grant no step."""
    ledger = open_shared()
    grants = GrantStore(ledger.database)
    rows = [ledger.intend(intention(seed=seed))[0] for seed in (1, 2)]

    def send(row, owner="me"):
        known = {"to": "sending", "expect": {"intent"}, "account": "a", "limit": 1, "window_s": 10}
        return grants.send(ledger, row.id, owner=owner, **known)

    strange = send(rows[0], owner="you")
    first = send(rows[0])
    second = send(rows[1])

    assert (strange.row, strange.grant, strange.wait_s) == (None, None, None)
    assert first.row.state == "sending"
    assert first.grant is not None
    assert second.wait_s > 0
    assert ledger.get(rows[1].id).state == "intent"


def test_a_429_pauses_all_machines(open_shared):
    """The pause is beside the runs."""
    one, other = (GrantStore(open_shared().database) for _ in range(2))
    one.pause("a", 5)
    one.pause("a", 1)

    grant, wait = other.take("a", limit=3, window_s=10)

    assert grant is None
    assert 4 < wait <= 5


def test_a_newer_schema_can_be_looked_at_only(open_shared, intention, postgres, url):
    """Reading goes on; the first change says what to do."""
    row, _ = open_shared().intend(intention())
    postgres.ask(url, "INSERT INTO schema_version VALUES (99)")
    ledger = open_shared()

    assert ledger.runs() == [row]
    with pytest.raises(LedgerError, match="newer kie_nb") as refused:
        ledger.intend(intention(seed=8))
    assert (refused.value.charged, refused.value.hint) == (
        NOTHING,
        "upgrade kie_nb, or choose another with KIE_NB_LEDGER",
    )


def test_ten_machines_open_an_empty_database_at_once(open_shared, url):
    """One makes the tables, the others find them."""
    troubles = []

    def open_it():
        try:
            open_shared()
        except Exception as exc:
            troubles.append(exc)

    threads = [threading.Thread(target=open_it) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert troubles == []


def test_lines_that_were_cut_are_made_anew(open_shared, intention, postgres, url):
    """A server that was restarted between two calls is not noticed."""
    ledger = open_shared()
    row, _ = ledger.intend(intention())
    postgres.ask(url, CUT)

    assert ledger.move(row.id, "sending", expect={"intent"}).state == "sending"
    postgres.ask(url, CUT)
    assert ledger.get(row.id).state == "sending"


def test_a_line_cut_in_mid_transaction_leaves_nothing(open_shared, postgres, url):
    """It is told, and the transaction is as if it had never been."""
    ledger = open_shared()

    def cut_in_the_middle():
        with ledger.database.write() as db:
            db.execute(sa.text("INSERT INTO budget VALUES ('day', 1, 'now')"))
            postgres.ask(url, CUT)
            db.execute(sa.text("SELECT 1"))

    with pytest.raises(LedgerError, match="cannot be used") as caught:
        cut_in_the_middle()

    assert pgserver.PASSWORD not in str(caught.value)
    assert ledger.limits() == {}


class Proxy:
    """Stands between a ledger and its server; once it is `armed`, cuts the line when a commit is under way."""

    def __init__(self, port, *, deliver):
        self.armed = False
        self._deliver = deliver  # whether the server hears of the commit
        self._sockets = [socket.create_server(("127.0.0.1", 0))]
        self.port = self._sockets[0].getsockname()[1]
        self._port = port
        self._threads = []
        self._begin(self._accept)

    def _begin(self, work, *args):
        self._threads.append(threading.Thread(target=work, args=args))
        self._threads[-1].start()

    def _accept(self):
        while True:
            try:
                near, _ = self._sockets[0].accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self._port))
            self._sockets += [near, far]
            cut = threading.Event()
            self._begin(self._pass_on, near, far, cut, b"COMMIT\0")
            self._begin(self._pass_on, far, near, cut, None)

    def _pass_on(self, source, target, cut, word):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if word and word in data and self.armed:
                    self.armed = False
                    cut.set()
                    if not self._deliver:
                        break
                if not word and cut.is_set():
                    break
                target.sendall(data)
        _shut(source, target)

    def close(self):
        _shut(*self._sockets)
        for thread in self._threads:
            thread.join()
        for one in self._sockets:
            one.close()


def _shut(*lines):
    for line in lines:
        with contextlib.suppress(OSError):
            line.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def cut_at_commit(open_shared, postgres, url):
    """A ledger whose line is cut at its next commit: ``cut_at_commit(deliver=True)``."""
    proxies = []

    def cut(*, deliver):
        proxy = Proxy(postgres.port, deliver=deliver)
        proxies.append(proxy)
        ledger = open_shared(sa.make_url(url).set(port=proxy.port).render_as_string(hide_password=False))
        proxy.armed = True
        return ledger, proxy

    yield cut
    for proxy in proxies:
        proxy.close()


def test_a_commit_whose_answer_was_lost_is_asked_for(open_shared, intention, cut_at_commit):
    """It was made, so it is not an error; nobody has to guess."""
    row, _ = open_shared().intend(intention())
    ledger, proxy = cut_at_commit(deliver=True)

    assert ledger.move(row.id, "sending", expect={"intent"}).state == "sending"

    assert not proxy.armed
    assert ledger.get(row.id).state == "sending"
    ledger.close()


def test_a_commit_that_did_not_arrive_is_an_error(open_shared, intention, cut_at_commit):
    """Nothing was changed, and that is said."""
    row, _ = open_shared().intend(intention())
    ledger, _ = cut_at_commit(deliver=False)

    with pytest.raises(LedgerError):
        ledger.move(row.id, "sending", expect={"intent"})

    assert ledger.get(row.id).state == "intent"
    ledger.close()


def test_a_wrong_password_is_told_at_once_and_not_shown(open_shared, postgres, monkeypatch):
    """Only the place is named, and no other try is made."""
    monkeypatch.setattr(room, "OPEN_PAUSES_S", (600.0,))  # a second try would come too late for this test
    with pytest.raises(LedgerError, match="password authentication failed") as caught:
        open_shared(postgres.url("postgres", password="hunter2-wrong"))

    assert "hunter2-wrong" not in repr(caught.value) + "".join(caught.value._render_traceback_())


def test_a_server_that_is_not_there_is_told(open_shared, postgres, monkeypatch):
    """After a few tries, for it may be starting again."""
    monkeypatch.setattr(room, "OPEN_PAUSES_S", (0.01, 0.01))
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]

    with pytest.raises(LedgerError, match="cannot be used") as caught:
        open_shared(postgres.url("postgres", port=port))

    assert "KIE_NB_LEDGER" in caught.value.hint
    assert pgserver.PASSWORD not in str(caught.value)


def test_without_the_driver_the_extra_is_named(tmp_path, monkeypatch):
    """It is not installed with the package itself."""
    monkeypatch.setitem(sys.modules, "psycopg", None)

    with pytest.raises(LedgerError) as caught:
        Ledger(tmp_path, url="postgresql+psycopg://u:hunter2@h/d")

    assert "kie-nb[postgres]" in caught.value.hint


@pytest.mark.parametrize(
    "text", ["mysql://u:hunter2@h/d", "u:hunter2@h", "postgresql:/hunter2", "sqlite:///x"]
)
def test_what_is_no_such_address_is_refused_without_repeating_it(tmp_path, text):
    """There may be a password in it."""
    with pytest.raises(LedgerError, match="not the address") as caught:
        Ledger(tmp_path, url=text)

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("password", ["p@hunter2", "p@hunter2/x", "p@hunter2:1", "p@hunt?er2", "@", "p@[hunter2]", "p@hunter2:1/x"])  # fmt: skip
def test_an_at_sign_in_a_password_is_told_and_not_shown(tmp_path, password):
    """What follows it would be looked up as a host, and stand in the error."""
    with pytest.raises(LedgerError, match="more than one @") as caught:
        Ledger(tmp_path, url=f"postgresql://u:{password}@127.0.0.1:1/d?connect_timeout=1")

    assert "hunt" not in str(caught.value)
    assert "%40" in caught.value.hint


@pytest.mark.parametrize("name", ["me@server:p%40q", "me:p%40q"])
def test_an_at_sign_where_it_is_clear_is_taken(tmp_path, monkeypatch, name):
    """In a name, and escaped: the host is what follows the last one."""
    monkeypatch.setattr(room, "OPEN_PAUSES_S", ())
    with pytest.raises(LedgerError, match=r"The ledger postgresql://.*@127\.0\.0\.1:1/d cannot be used"):
        Ledger(tmp_path, url=f"postgresql://{name}@127.0.0.1:1/d?application_name=a@b")


@pytest.mark.parametrize(
    "text", ["postgresql+psycopg://u:hunter2@h:5/d", "postgresql://u:hunter2@2@h/d", "postgresql://h/d?password=hunter2"]
)  # fmt: skip
def test_the_settings_name_the_place_without_the_password(monkeypatch, text):
    """Neither a listing nor a repr shows it."""
    monkeypatch.setenv("KIE_NB_LEDGER", text)
    shown = dict(settings.describe())["ledger_url"]

    assert "hunter2" not in shown + repr(settings.current())
    assert "h" in shown
    assert shown.endswith("/d")
