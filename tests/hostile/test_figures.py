"""A service that lies, or slips a unit, and a folder of somebody else: no figure lifts a budget, shuts it, or stops a look."""

# ruff: noqa: S608 - the statements are those of a stranger
import copy
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hostile import badledger
from madefolder import edit, make_folder
from manyruns import MODELS, film

import kie_nb as kie
from kie_nb.engine.timing import next_look_s, usual_of
from kie_nb.errors import KieError, LedgerError
from kie_nb.handles import get_session
from kie_nb.operations.evidence import Reading
from kie_nb.service.records import parse_record

NOW_MS = 1_767_225_600_000  # in 2026


class Liar:
    """A service on loopback that takes every task and tells of it what it is given; figures are JSON text."""

    def __init__(self, video):
        self.record, self.balance, self.creates, self.looks = {}, "1000", 0, 0
        liar = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["Content-Length"]))
                liar.creates += 1
                self.reply(b'{"code": 200, "msg": "ok", "data": {"taskId": "task-%d"}}' % liar.creates)

            def do_GET(self):
                if self.path.startswith("/video"):
                    return self.reply(video.read_bytes(), "video/mp4")
                if "credit" in self.path:
                    return self.reply(b'{"code": 200, "msg": "ok", "data": %s}' % liar.balance.encode())
                liar.looks += 1
                url = json.dumps(json.dumps({"resultUrls": [f"{liar.url}/video.mp4"]}))
                told = {"state": '"success"', "resultJson": url} | liar.record
                inner = ", ".join(f'"{name}": {text}' for name, text in told.items())
                return self.reply(b'{"code": 200, "msg": "ok", "data": {%s}}' % inner.encode())

            def reply(self, body, kind="application/json"):
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="module")
def video(tmp_path_factory):
    return film(tmp_path_factory.mktemp("film") / "a.mp4", (30, 60, 160), seconds=1)


@pytest.fixture
def liar(video, monkeypatch):
    started = Liar(video)
    monkeypatch.setenv("KIE_BASE_URL", started.url)
    yield started
    started.stop()


def ask(seed=1, **more):
    return kie.generate("Waves.", model=MODELS[0], seed=seed, **more)


IMPOSSIBLE = [
    "-1e6",
    "-0.5",
    "NaN",
    "Infinity",
    "1e308",
    "1" + "0" * 400,
    "100001",
    "true",
    '"free"',
    '"-5"',
    "[60]",
    "{}",
    "null",
]


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_a_cost_that_cannot_be_is_not_reported(liar, text):
    """The run counts at its estimate: the budget is neither lifted nor shut."""
    liar.record = {"creditsConsumed": text}
    kie.budget(130, per="day")
    run = ask(1).wait(60)

    assert run.credits is None
    assert get_session().here.figures("kie").spent == 60.0
    ask(2).wait(60)
    with pytest.raises(KieError, match="your budget of 130"):
        ask(3)
    assert liar.creates == 2


@pytest.mark.parametrize(
    ("created", "completed"),
    [
        pytest.param(NOW_MS // 1000, NOW_MS, id="seconds and milliseconds"),
        pytest.param(NOW_MS * 1000, NOW_MS, id="microseconds"),
        pytest.param(0, NOW_MS, id="since 1970"),
        pytest.param(NOW_MS - 90_000_000, NOW_MS, id="more than a day"),
        pytest.param(-(10**15), NOW_MS, id="before our era"),
    ],
)
def test_a_duration_that_cannot_be_is_not_reported(liar, created, completed):
    """Nothing is learnt of it, and the run has a moment of our own for its end."""
    liar.record = {"createTime": str(created), "completeTime": str(completed)}

    for seed in range(3):
        run = ask(seed).wait(60)
        assert run.duration_s is None
    assert 2000 < run.completed_at.year < 2200
    assert get_session().here.durations("simulator", MODELS[0], {"duration": "5"}) == []


@pytest.mark.parametrize("text", ["NaN", "1e308", "-1e300", "true", '"much"', "[1]", "1" + "0" * 400])
def test_a_balance_that_cannot_be_is_none(liar, text):
    """It is no evidence of anything."""
    liar.balance = text

    with pytest.raises(KieError):
        kie.credits()
    assert ask().wait(60).row.balance_before is None


def imported(tmp_path, cat, seconds):
    """Three runs from a valid folder, each of which took *seconds*."""
    folder = make_folder(tmp_path / "out", cat)
    edit(
        folder,
        lambda entry: entry.update(
            duration_s=seconds, completed_at="2026-11-01T11:00:00+00:00", credits=90_000.0
        ),
    )
    manifest = json.loads((folder / "manifest.json").read_text())
    for number in (1, 2):
        entry = copy.deepcopy(manifest["runs"][0])
        entry |= {"id": f"abcdef12345{number}x", "task_id": f"task-{number}", "seed": number}
        entry["request"]["seed"] = number
        manifest["runs"].append(entry)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return kie.import_runs(folder)


def test_imported_runs_teach_nothing(simulate, tmp_path, cat):
    """Neither when to look nor what things cost; a task after them is looked at as if they were not there."""
    simulate(speed=1.0, duration_s=lambda _body: 4.0)
    assert len(imported(tmp_path, cat, 80_000.0).added) == 3
    ledger = get_session().here

    assert ledger.durations("simulator", MODELS[1], {"duration": "5"}) == []
    assert ledger.reported("simulator") == []
    assert kie.generate("Another.", image=cat, seed=99).wait(60).state == "fetched"


@pytest.mark.parametrize(
    "change",
    [{"duration_s": 1e9}, {"credits": 1e9}, {"credits": -1}, {"estimate": 1e300}, {"files_made": 10**7}],
)
def test_a_folder_with_impossible_figures_is_refused(simulate, tmp_path, cat, change):
    """Nothing of it comes in."""
    folder = make_folder(tmp_path / "out", cat)
    edit(folder, lambda entry: entry.update(change))

    with pytest.raises(LedgerError, match="cannot be used"):
        kie.import_runs(folder)
    assert list(kie.runs()) == []


@pytest.mark.parametrize("seconds", [400.0, 86_400.0])
@pytest.mark.parametrize("elapsed", [0.0, 3.0, 100.0, 1799.0, 1e9])
def test_every_wait_has_a_cap(seconds, elapsed):
    """Whatever earlier tasks took, the next look comes within a minute."""
    usual = usual_of([seconds] * 5)

    assert all(0 < next_look_s(elapsed, looks, usual) <= 60.0 for looks in (0, 1, 1000))


def test_more_than_a_day_teaches_nothing():
    """A slip of units in a ledger of before."""
    assert usual_of([1e5, 1e6, 1e308]) is None


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize("sql", ["-1e6", "1e308", "9e999", "'free'", "x'ff'"])
@pytest.mark.parametrize("column", ["credits", "estimate"])
def test_a_bad_sum_in_a_ledger_neither_lifts_nor_shuts_a_budget(simulate, tmp_path, column, sql):
    """Rows of figures that cannot be count as rows without them."""
    simulate()
    home = badledger.make(tmp_path / "kie-runs")
    badledger.run_sql(
        home,
        f"UPDATE run SET {column} = {sql}, created_at = '{time.strftime('%Y-%m-%d')}T00:00:00.000000+00:00'",
    )
    other = "estimate" if column == "credits" else "credits"
    badledger.run_sql(home, f"UPDATE run SET {other} = 60.0, service = 'kie'")
    kie.budget(130, per="day")

    badledger.ask(seed=5).wait(60)
    with pytest.raises(KieError, match="your budget of 130"):
        badledger.ask(seed=6)


@pytest.mark.parametrize(
    "kept",
    [
        None,
        [],
        {"credits": 1e300, "at": "2026-01-01T00:00:00+00:00"},
        {"credits": True, "at": "2026-01-01T00:00:00+00:00"},
    ]
    + [
        {"credits": 5.0, "at": at}
        for at in (None, "soon", "2026-01-01T00:00:00", "0001-01-01T00:00:00+00:00")
    ],
)
def test_a_reading_that_cannot_be_is_no_evidence(kept):
    """History may be anybody's."""
    assert Reading.from_json(kept) is None


def test_so_many_files_and_no_more():
    """A list of links without end is cut."""
    urls = json.dumps({"resultUrls": [f"https://example.com/{number}.mp4" for number in range(5000)]})

    assert len(parse_record({"state": "success", "resultJson": urls}, "t").urls) == 100
