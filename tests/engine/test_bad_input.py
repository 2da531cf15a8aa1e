"""What should not come and does: a damaged ledger, a clock set back, a reply without end.

Each is told in a few lines, and nothing is lost or paid twice. Its neighbours: names in `test_odd_names.py`, full disks in
`test_disk_trouble.py`, empty videos and pages in the place of a video in `test_life.py`, hostile exports in
`test_hostile_folders.py`, and prompts that are scripts in `tests/kernel/test_script.py`.
"""

import contextlib
import datetime as dt
import json
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import kie_nb as kie
from kie_nb import settings
from kie_nb.errors import NotFetched
from kie_nb.handles import get_session
from kie_nb.ledger import GrantStore
from kie_nb.service import media

SHORT_S = 60
PAGE = 4096
MB = 1 << 20


def is_clear(error):
    """Few lines, and none of them long."""
    lines = str(error).splitlines()
    return 1 <= len(lines) <= 4 and len(str(error)) < 900


def put(content, at, what):
    content[at : at + len(what)] = what
    return content


def without_tables():
    """What is left of a ledger that was copied without its -wal: pages, and nothing in them."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.executescript("CREATE TABLE gone (id); DROP TABLE gone")
        return db.serialize()


SPOILT = {
    "garbage for a header": lambda content: put(content, 0, b"\xa5" * 100),
    "a page of somebody else": lambda content: put(content, 0, b"<!DOCTYPE html>" * 100),
    "cut in the middle": lambda content: content[: len(content) // 2],
    "cut after its first page": lambda content: content[:PAGE],
    "cut after ten bytes": lambda content: content[:10],
    "emptied": lambda _content: b"",
    "without a table": lambda _content: without_tables(),
    "garbage in the page of a run": lambda content: put(
        content, content.index(b"The cat smiles.") // PAGE * PAGE, b"\xa5" * PAGE
    ),
    "a request that is no JSON any more": lambda content: put(
        content, content.index(b"The cat smiles.") + 10, b'"}]'
    ),
    "a request that is no text any more": lambda content: put(
        content, content.index(b"The cat smiles.") + 10, b"\xff\xfe"
    ),
}


@pytest.fixture
def copied(tmp_path, monkeypatch):
    """Take a copy of the current home for the home from now on; gives its ledger's file, which nobody has open."""

    def copied():
        home = settings.current().home
        copy = tmp_path / "spoilt" / "ledger.sqlite"
        shutil.copytree(home, copy.parent, ignore=shutil.ignore_patterns("ledger.sqlite*"))
        # A driver may be at its last lines: the file alone would lack what is in its -wal.
        with (
            contextlib.closing(sqlite3.connect(home / "ledger.sqlite")) as old,
            contextlib.closing(sqlite3.connect(copy)) as new,
        ):
            old.backup(new)
        monkeypatch.setenv("KIE_NB_HOME", str(copy.parent))
        return copy

    return copied


@pytest.mark.parametrize("spoil", SPOILT.values(), ids=SPOILT.keys())
def test_a_damaged_ledger_is_told_and_never_replaced(simulate, ask, copied, spoil):
    """The same cell buys nothing: it names the file, says that nothing was charged, and the file stays as it is."""
    simulator = simulate()
    ask().wait(SHORT_S)
    file = copied()
    file.write_bytes(spoil(bytearray(file.read_bytes())))
    before = file.read_bytes()

    for _ in range(2):
        with pytest.raises(kie.LedgerError) as caught:
            ask()
        assert "spoilt/ledger.sqlite" in caught.value.message
        assert caught.value.charged == "nothing"
        assert "left as it is" in caught.value.hint
        assert is_clear(caught.value)
    with contextlib.suppress(kie.LedgerError):
        assert list(kie.runs()) == []  # where the page is whole, the run alone is left out
    assert file.read_bytes() == before
    assert simulator.counts["create_requests"] == 1


def test_a_ledger_that_is_put_back_shows_its_runs(simulate, ask, copied):
    """What the error advises works: with a copy of before in its place the video is there, and costs nothing."""
    simulator = simulate()
    ask().wait(SHORT_S)
    file = copied()
    whole = file.read_bytes()
    file.write_bytes(b"\xa5" * len(whole))
    with pytest.raises(kie.LedgerError):
        ask()
    file.write_bytes(whole)

    assert ask().wait(SHORT_S).state == "fetched"
    assert simulator.counts["create_requests"] == 1


@pytest.fixture
def set_back(monkeypatch):
    """Set the clock of this process back by an hour, for everything that asks it what time it is."""
    true_time, true_now = time.time, dt.datetime.now

    class SetBack(dt.datetime):
        @classmethod
        def now(cls, tz=None):
            return true_now(tz) - dt.timedelta(hours=1)

    def now():
        monkeypatch.setattr(time, "time", lambda: true_time() - 3600)
        monkeypatch.setattr(dt, "datetime", SetBack)

    return now


def test_a_clock_set_back_while_a_task_runs(simulate, ask, set_back):
    """The run ends as ever, no duration is negative, and the same cell spends nothing."""
    simulator = simulate(speed=4.0)
    run = ask()
    set_back()

    assert run.wait(SHORT_S).state == "fetched"
    assert run.duration_s >= 0
    assert ask("The cat yawns.").wait(SHORT_S).state == "fetched"
    assert ask().wait(SHORT_S) is run
    assert simulator.counts["create_requests"] == 2


def test_a_clock_set_back_gives_no_run_away(simulate, ask, set_back):
    """This process goes on being the owner of its runs: nobody else takes one up, and none is sent twice."""
    simulate(speed=4.0)
    run = ask()
    row = run.row
    set_back()

    assert not get_session().here.leases.is_dead(row)
    run.wait(SHORT_S)


def test_a_clock_set_back_opens_no_second_window(tmp_path, set_back):
    """Creates that were answered just before count for a whole window more: never more than the limit at the service."""
    store = GrantStore(tmp_path / "grants")
    for _ in range(3):
        grant, _ = store.take("a1", limit=3, window_s=10.0)
        store.replied(grant)
    set_back()
    refused, pause = store.take("a1", limit=3, window_s=10.0)
    store.close()

    assert refused is None
    assert 9.0 < pause <= 10.0


class Flood:
    """A server that answers everything with 300 MB; `sent` counts what the other side let it send."""

    def __init__(self, first, piece):
        self.sent, flood = 0, self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                self.rfile.read(int(self.headers.get("Content-Length") or 0))
                self.send_response(200)
                self.send_header("Content-Length", str(300 * MB))
                self.end_headers()
                self.close_connection = True
                try:
                    self.wfile.write(first)
                    for _ in range(300 - 1):
                        self.wfile.write(piece * MB)
                        flood.sent += 1
                except OSError:
                    pass  # the other side has had enough

            do_GET = do_POST = handle_any  # noqa: N815 - the names that http.server looks for

            def log_message(self, *_args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()


@pytest.fixture
def flood():
    started = []

    def start(first=b'{"code": 200, "msg": "', piece=b"x"):
        started.append(Flood(first, piece))
        return started[-1]

    yield start
    for one in started:
        one.server.shutdown()
        one.server.server_close()


ASK = """
import json, resource, sys
import kie_nb as kie
kie.run  # the package is loaded
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    kie.generate("Waves.", model="wan/2-5-text-to-video", seed=7).wait(30)
except kie.KieError as exc:
    error = [type(exc).__name__, *exc.lines()]
try:
    kie.credits()
except kie.KieError as exc:
    question = [type(exc).__name__, *exc.lines()]
after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"error": error, "question": question, "state": kie.runs()[0].state, "kb": after - before}))
"""


def test_a_reply_of_300_mb_to_a_create(flood, monkeypatch):
    """It is not read to its end: the outcome is unknown, the memory stays small, and nothing is sent again."""
    site = flood()
    monkeypatch.setenv("KIE_BASE_URL", site.url)
    done = subprocess.run(
        [sys.executable, "-c", ASK], capture_output=True, text=True, timeout=90, check=False
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])

    assert (told["state"], told["error"][0]) == ("unknown", "OutcomeUnknown")
    assert "more than 2 MB" in told["error"][1]
    assert told["error"][2] == "  charged: nothing: simulated"
    assert told["question"][0] == "ServiceTrouble"
    assert told["kb"] < 120 * 1024
    assert site.sent < 2 * 60


def test_a_video_larger_than_any(flood, tmp_path, monkeypatch):
    """What does not end is not written to the end, and nothing of it stays."""
    monkeypatch.setattr(media, "MAX_BYTES", 20 * MB)
    site = flood(first=b"\x00\x00\x00\x20ftypisom", piece=b"\x00")

    with pytest.raises(NotFetched, match="larger than"):
        media.download(f"{site.url}/a.mp4", tmp_path / "videos" / "a.mp4", own=(site.url,))

    assert list((tmp_path / "videos").iterdir()) == []
    assert site.sent < 60
