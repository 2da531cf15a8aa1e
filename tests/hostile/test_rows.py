"""A ledger of somebody else holds any value in any column: none is taken for what its column declares."""

# ruff: noqa: S608 - the statements are those of a stranger

import ast
import hashlib
import json

import pytest
from hostile.badledger import Raw, ask, copy, make, put, run_sql
from pydantic import TypeAdapter

import kie_nb as kie
from kie_nb import settings
from kie_nb.catalogue import Request
from kie_nb.cli import main
from kie_nb.errors import KieError, LedgerError
from kie_nb.handles import get_session
from kie_nb.ledger import Experiments, Ledger
from kie_nb.ledger.copying import copy_ledger
from kie_nb.ledger.rows import StateName
from kie_nb.ledger.states import State
from kie_nb.notebook import run_page
from kie_nb.notebook.cell_text import cell_text
from kie_nb.notebook.line import parse
from kie_nb.operations.doctor import doctor

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*in the ledger:UserWarning"
)  # what was left out is told once
MARKUP = "<img src=x onerror=alert(1)>"
DEEP = "[" * 5000 + "]" * 5000
HALF = '{"prompt": "\\ud800"}'


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return make(tmp_path_factory.mktemp("good") / "kie-runs")


@pytest.fixture
def home(good, tmp_path):
    return copy(good, tmp_path / "kie-runs")


def look_at_all():
    """Everything that shows or sums runs; it says whether a run was there."""
    runs = kie.runs(limit=None)
    shown = [repr(runs), runs._repr_html_(), repr(runs[0]) if runs else ""]
    for run in runs:
        shown += [run_page.card(run), str(run.history()), repr(run.estimate), repr(run.url), str(run.origin)]
        run.show()
    ledger = get_session().here
    for order in ("newest", "best", "dearest", "cheapest", "unsettled"):
        ledger.page(1, size=24, order=order, text="a", least_rating=1)
    ledger.choices()
    ledger.counts()
    ledger.reported("simulator")
    for by in ("day", "notebook", "experiment", "model"):
        ledger.totals("simulator", by)
    return runs, "".join(shown)


# What makes the run unreadable: who it is, what it asked for, whether it may be billed.
ESSENTIAL = [
    pytest.param("id", MARKUP, id="markup as id"),
    pytest.param("id", b"\x00\xff", id="bytes as id"),
    pytest.param("seed", MARKUP, id="markup as seed"),
    pytest.param("seed", "0; import os", id="code as seed"),
    pytest.param("seed", 1.5, id="a broken seed"),
    pytest.param("seed", 3, id="another seed than was asked for"),
    pytest.param("seed_drawn", MARKUP, id="markup as a switch"),
    pytest.param("state", "done", id="no state of ours"),
    pytest.param("state", b"fetched", id="bytes as state"),
    pytest.param("state", "intent", id="an intention with a task"),
    pytest.param("state", "not_sent", id="unsent with a task"),
    pytest.param("service", MARKUP, id="markup as service"),
    pytest.param("model", Raw(b"wan\xff"), id="a text that is none"),
    pytest.param("request", "{", id="no JSON"),
    pytest.param("request", "[]", id="a list as request"),
    pytest.param("request", DEEP, id="a deep request"),
    pytest.param("request", 7, id="a number as request"),
    pytest.param("request", b"\x80", id="bytes as request"),
    pytest.param("request", json.dumps({"model": "m", "input": {"x": float("nan")}}), id="NaN as input"),
    pytest.param("request", json.dumps({"model": "m", "input": [1]}), id="a list as input"),
    pytest.param("request", '{"model": "m", "input": ' + HALF + "}", id="half a character"),
    pytest.param(
        "request",
        json.dumps({"model": MARKUP, "input": {}, "seed": 0, "replicate": "0)\nimport os"}),
        id="code as replicate",
    ),
    pytest.param(
        "request",
        json.dumps({"model": "m", "input": {}, "seed": 0, "image": {"sha256": "../../x", "label": "x"}}),
        id="a path as hash",
    ),
    pytest.param("fingerprint", "f" * 64, id="the fingerprint of another request"),
    pytest.param("fingerprint", MARKUP, id="markup as fingerprint"),
    pytest.param("active_key", MARKUP, id="markup as key"),
    pytest.param("task_id", b"\xff", id="bytes as task"),
    pytest.param("created_at", "yesterday", id="no moment"),
    pytest.param("created_at", "9999-12-31T23:59:59.999999+00:00", id="the end of time"),
    pytest.param("owner", b"x", id="bytes as owner"),
    pytest.param("beat", 2**63 - 1, id="a count that cannot go on"),
]


@pytest.mark.parametrize(("column", "value"), ESSENTIAL)
def test_a_run_that_is_none_is_left_out_and_not_bought_again(home, simulate, column, value):
    """It is named with its column; whoever asks for its request is told, and pays nothing."""
    simulator = simulate()
    put(home, column, value)

    runs, shown = look_at_all()
    with pytest.raises(LedgerError, match="cannot be read") as refused:
        ask()

    assert list(runs) == []
    assert MARKUP not in shown
    assert any(f"column {column} " in text or column == "fingerprint" for text in get_session().here.remarks)
    assert refused.value.charged == "nothing"
    assert simulator.counts["create_requests"] == 0


@pytest.mark.parametrize("task_id", [None, ""])
@pytest.mark.parametrize("state", ["accepted", "waiting", "queuing", "generating", "success"])
def test_nobody_is_asked_about_a_task_that_has_no_name(home, simulate, state, task_id):
    """The service would be asked for the task `None`, and its answer taken for that of the run."""
    simulate()
    put(home, "state", state)
    put(home, "task_id", task_id)

    assert list(kie.runs(limit=None)) == []
    assert list(kie.resume()) == []
    with pytest.raises(LedgerError, match="column task_id is wrong") as refused:
        ask()
    assert refused.value.charged == "nothing"


@pytest.mark.parametrize("drawn", [False, True], ids=["a seed", "a drawn seed"])
@pytest.mark.parametrize(
    "change",
    [
        "fingerprint = CAST(fingerprint AS BLOB)",
        "fingerprint = CAST(fingerprint AS BLOB), active_key = NULL",
        "fingerprint = upper(fingerprint), active_key = upper(active_key)",
        "fingerprint = substr(fingerprint, 1, 63) || ' ', active_key = substr(fingerprint, 1, 63) || ' :0'",
        "family = CAST(family AS BLOB)",
        "family = upper(family)",
        "seed_drawn = 2",
        "seed_drawn = 'yes'",
        "state = 'refused', active_key = NULL",
        "state = 'intent', active_key = NULL",
        "state = CAST(state AS BLOB), active_key = NULL",
    ],
)
def test_a_row_that_no_look_up_finds_is_not_bought_again(home, simulate, change, drawn):
    """Its request is paid for, whatever its key looks like now."""
    simulator = simulate()
    put(home, "seed_drawn", drawn)
    run_sql(home, f"UPDATE run SET {change}")

    with pytest.raises(LedgerError, match="cannot be read"):
        ask(seed=None if drawn else 0)
    assert simulator.counts["create_requests"] == 0


# What tells something: it counts as not told.
TELLING = [
    pytest.param("rating", MARKUP, id="markup as rating"),
    pytest.param("rating", 99, id="99 stars"),
    pytest.param("credits", MARKUP, id="markup as credits"),
    pytest.param("credits", -1e9, id="a negative cost"),
    pytest.param("credits", 1e308, id="an endless cost"),
    pytest.param("credits", float("inf"), id="infinite"),
    pytest.param("estimate", MARKUP, id="markup as estimate"),
    pytest.param("duration_s", "1 min", id="words as duration"),
    pytest.param("duration_s", 1e9, id="thirty years"),
    pytest.param("files_made", 10**15, id="a million million files"),
    pytest.param("urls", '["javascript:alert(1)"]', id="no address"),
    pytest.param("urls", "not json", id="no JSON"),
    pytest.param("tags", '"best"', id="a text as tags"),
    pytest.param("tags", '[["best"]]', id="lists as tags"),
    pytest.param("note", Raw(b"\xff\xfe"), id="a note that is no text"),
    pytest.param("error", '{"class": ["x"], "message": 5}', id="odd words of an error"),
    pytest.param("made_by", '{"kie_nb": {"a": 1}}', id="an object as version"),
    pytest.param("origin", '{"git": "x"}', id="a text as commit"),
    pytest.param("origin", '{"execution_count": "<b>"}', id="markup as cell number"),
    pytest.param("completed_at", MARKUP, id="markup as moment"),
    pytest.param("completed_at", "0001-01-01T00:00:00+00:00", id="the first year"),
    pytest.param("balance_before", "much", id="words as balance"),
]


@pytest.mark.parametrize(("column", "value"), TELLING)
def test_a_column_that_tells_nonsense_tells_nothing(home, simulate, column, value):
    """The run is shown without it, with one remark; it goes on standing for its request."""
    simulator = simulate()
    put(home, column, value)

    (run,), shown = look_at_all()

    assert getattr(run.row, column) is None
    assert MARKUP not in shown
    assert len([text for text in get_session().here.remarks if f"column {column} " in text]) == 1
    assert ask().id == run.id
    assert simulator.counts["create_requests"] == 0


# What a row may say of its files.
FILES = [
    pytest.param('[{"name": "videos/a.mp4", "number": 0, "seconds": -5.0}]', id="a negative length"),
    pytest.param(f'[{{"name": "videos/a.mp4", "number": 0, "bytes": "{MARKUP}"}}]', id="markup as size"),
    pytest.param('[{"name": "videos/a.mp4", "number": 1000000}]', id="a number beyond all files"),
    pytest.param(json.dumps([{"name": f"videos/{n}.mp4", "number": 0} for n in "ab"]), id="one number twice"),
    pytest.param('[{"name": 7}]', id="a number as name"),
    pytest.param("[" * 200 + "]" * 200, id="deep files"),
    pytest.param('{"a": 1}', id="an object as files"),
    pytest.param('["videos/a.mp4"]', id="names alone"),
]


@pytest.mark.parametrize("value", FILES)
def test_files_that_are_none_are_not_there(home, simulate, value):
    """The run is shown without them, with one remark; what is looked for is its task's file, and nothing is bought."""
    simulator = simulate()
    put(home, "files", value)

    (run,), shown = look_at_all()

    assert (run.row.files, run.video, run.state) == ((), None, "fetched")
    assert MARKUP not in shown
    assert len([text for text in get_session().here.remarks if "column files " in text]) == 1
    with pytest.raises(KieError, match="names no file for it"):
        ask()
    assert simulator.counts["create_requests"] == 0


@pytest.mark.parametrize(
    ("table", "column", "value"),
    [
        ("event", "evidence", "no json"),
        ("event", "evidence", "[1]"),
        ("event", "to_state", b"\xff"),
        ("event", "at", 7),
        ("upload", "url", MARKUP),
        ("upload", "uploaded_at", "soon"),
        ("picture_url", "identity", '{"sha256": 7, "earlier": 5}'),
        ("picture_url", "identity", "no json"),
        ("cell", "place", "[]"),
        ("cell", "position", "first"),
    ],
)
def test_rows_of_other_tables_that_are_none_are_left_out(home, table, column, value):
    """History, uploads, addresses and cells: what is none is not there."""
    put(home, column, value, table=table)
    (run,), _ = look_at_all()
    ledger = get_session().here
    found = {
        "event": run.history(),
        "upload": ledger.find_upload("a", "c" * 64),
        "picture_url": ledger.find_urls("https://example.com/cat.png"),
        "cell": Experiments(ledger.database, "simulator").places("storm"),
    }

    assert not found[table]


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize("value", [MARKUP, -5.0, 0.0, float("inf"), b"\x00"])
def test_a_budget_that_cannot_be_read_is_not_no_budget(home, simulate, value):
    """Nothing is bought until it is set anew."""
    simulator = simulate()
    put(home, "credits", value, table="budget")

    with pytest.raises(LedgerError, match="budget per day"):
        ask(seed=5)
    assert simulator.counts["create_requests"] == 0
    assert kie.budget(1000.0, per="day") == {"day": 1000.0}


@pytest.mark.parametrize(
    "value", ["[]", "no json", '{"fixed": {"seed": "<b>"}}', '{"fixed": [], "axes": {}}']
)
def test_an_experiment_whose_definition_cannot_be_read_is_refused(home, value):
    """Its seed would be drawn anew, and every cell be bought again."""
    put(home, "definition", value, table="experiment")

    with pytest.raises(LedgerError, match="storm"):
        kie.Experiment("storm", model="wan/2-5-text-to-video", prompt=["a", "b"])


def test_the_mark_of_a_paid_run_is_not_needed(home, simulate):
    """A run that may be billed stands for its request, whether a file says so or not."""
    simulator = simulate()
    put(home, "active_key", None)

    assert ask().state == "fetched"
    assert simulator.counts["create_requests"] == 0


def test_fresh_buys_at_your_word(home, simulate):
    """Who says so buys another, beside a run that cannot be read."""
    simulator = simulate()
    put(home, "seed", MARKUP)

    assert ask(fresh=True).wait(60).state == "fetched"
    assert simulator.counts["create_requests"] == 1


def test_a_good_run_is_shown_beside_a_bad_one(home, simulate):
    """One row takes no other with it."""
    simulate()
    run = ask(seed=8).wait(60)
    run_sql(home, f"UPDATE run SET request = 'x', note = CAST(x'ff' AS TEXT) WHERE id != '{run.id}'")

    runs, _ = look_at_all()

    assert [found.id for found in runs] == [run.id]
    assert [found.id for found in kie.runs(text="take")] == [run.id]
    assert doctor(get_session().supervisor).runs == 1


def test_a_row_that_no_export_takes_leaves_the_others_in(home, simulate, tmp_path):
    """It is named, and the rest is written."""
    simulate()
    put(home, "origin", json.dumps({"notebook": "../../x.ipynb"}))
    whole = ask(seed=99).wait()

    done = kie.export(tmp_path / "out")

    assert any("was left out: its origin.notebook" in remark for _, remark in done.remarks)
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert [entry["id"] for entry in manifest["runs"]] == [whole.id]


def test_a_bad_row_is_not_copied_into_a_teams_ledger(home, postgres, capsys, monkeypatch):
    """It stays where it is, and is named."""
    put(home, "seed", MARKUP)
    assert main(["ledger", "copy", "--to", postgres.database()]) == 0
    said = capsys.readouterr().out

    assert "0 runs copied" in said
    assert "column seed" in said


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("state", "'done'"),
        ("request", "'[]'"),
        ("request", """'{"model": "m", "input": {"prompt": "\\u0000"}, "seed": 0}'"""),
        ("fingerprint", "'<b>'"),
        ("created_at", "'yesterday'"),
    ],
)
def test_a_teams_row_is_checked_too(postgres, good, tmp_path, simulate, monkeypatch, column, value):  # noqa: PLR0917
    """A text cannot be in a number's column there; shapes, ranges and states can be wrong."""
    simulator = simulate()
    url = postgres.database()
    home = copy(good, tmp_path / "kie-runs")
    local, team = Ledger(home), Ledger(home, url=url)
    copy_ledger(local.database, team.database)
    with team.database.write() as db:
        db.exec_driver_sql(f"UPDATE run SET {column} = {value}, credits = 'NaN', duration_s = -1")
    team.close()
    monkeypatch.setenv("KIE_NB_LEDGER", url)

    runs, _ = look_at_all()
    if "u0000" in value:  # a request of its own, and a run of ours
        assert [run.credits for run in runs] == [None]
        return
    with pytest.raises(LedgerError, match="cannot be read"):
        ask()
    assert list(runs) == []
    assert simulator.counts["create_requests"] == 0


def test_an_import_keeps_a_run_that_is_here_and_none(home, simulate, tmp_path):
    """What is in the folder does not take its place, and nothing else breaks."""
    kie.export(tmp_path / "out")
    put(home, "seed", MARKUP)

    with pytest.raises(KieError, match="cannot be read"):
        kie.import_runs(tmp_path / "out")


@pytest.mark.parametrize("state", State)
def test_the_check_of_rows_knows_every_state(state):
    """And none besides."""
    assert TypeAdapter(StateName).validate_python(str(state)) == state
    with pytest.raises(ValueError, match="pattern"):
        TypeAdapter(StateName).validate_python(f"{state}x")


@pytest.mark.parametrize(
    "request_",
    [
        Request(model="m", inputs={"prompt": "%%bash\nrm -rf ~"}, seed=1),
        Request(model="m", inputs={"prompt": "!ls\n%cd /\x1b[2J"}, seed=1),
        Request(model="m", inputs={"prompt": "a", "x' --fresh --set 'y": 1}, seed=1),
        Request(model="m", inputs={"prompt": "a", "x": "' --fresh\n%%bash"}, seed="1\nimport os"),
        Request(model="m", inputs={"prompt": "a"}, replicate="1\nimport os  #"),
        Request(model="m' --fresh '", inputs={"prompt": "a"}, seed=1),
    ],
    ids=["magic", "shell", "a name", "a value", "a repetition", "a model"],
)
def test_a_copied_cell_holds_values_and_no_code(request_):
    """Each is read back as what it is, whatever it looks like."""
    text = cell_text(request_)

    if text.startswith("%%kie_wan"):
        first, _, body = text.partition("\n")
        assert body == request_.prompt
        asked = parse(first.partition(" ")[2])
        sent = {**request_.inputs, "seed": request_.seed}
        assert (asked.fresh, asked.model, {"prompt": body, **asked.raw}) == (False, request_.model, sent)
    else:
        first, second = ast.parse(text).body  # the import, and one call of nothing but values
        assert ast.unparse(first) == "import kie_nb as kie"
        values = [*second.value.args, *(one.value for one in second.value.keywords)]
        assert all(isinstance(ast.literal_eval(value), object) for value in values)


def test_a_stored_upload_elsewhere_is_not_used(home, simulate, cat):
    """A ledger must not name the picture of a paid run: it is uploaded again where its address is another's."""
    simulator = simulate()
    sha256 = hashlib.sha256(cat.read_bytes()).hexdigest()
    get_session().here.remember_upload(settings.current().account, sha256, "https://example.com/other.png")

    run = kie.generate("The cat smiles.", image=cat, seed=3).wait(60)

    assert run.state == "fetched"
    assert simulator.counts["upload_requests"] == 1
