"""Any value in any column: only errors of our own are raised, and nothing is paid twice.

A longer run by hand: `KIE_FUZZ=2000 pytest tests/hostile/test_fuzz_rows.py`.
"""

# ruff: noqa: S608, PLR0917 - statements of a stranger; fixtures, and what is drawn
import itertools
import json
import os
import sqlite3
import warnings

import pytest
from hostile.badledger import COLUMNS, Raw, ask, changing, copy, make, put
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

import kie_nb as kie
from kie_nb import settings as settings_
from kie_nb.errors import KieError
from kie_nb.handles import get_session
from kie_nb.handles.registry import Question, browse
from kie_nb.ledger import Experiments
from kie_nb.notebook import run_page

EXAMPLES = int(os.environ.get("KIE_FUZZ", "25"))
NUMBERS = itertools.count()
COLUMNS_OF_ALL = [(table, column) for table, columns in COLUMNS.items() for column in columns]

MARKUP = [
    "<script>alert(1)</script>",
    "$x$",
    "../../etc/passwd",
    "\x1b[2J",
    "𝕏\u202e",
    "0",
    "1e308",
    "true",
    "",
]
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(MARKUP),
)
json_values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
deep = st.integers(1, 4000).map(lambda depth: "[" * depth + "]" * depth)
values = st.one_of(
    leaves,
    st.binary(max_size=12),
    st.binary(max_size=12).map(Raw),
    json_values.map(json.dumps),
    deep,
    st.sampled_from(["NaN", "[1e999]", '"\\ud800"', '{"a": "\\u0000"}', "{", "9" * 5000]),
)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return make(tmp_path_factory.mktemp("good") / "kie-runs")


@st.composite
def changed(draw, there):
    """A JSON value with one part of it changed, left out or added."""
    if isinstance(there, dict) and there and draw(st.booleans()):
        name = draw(st.sampled_from(sorted(there)))
        rest = {key: value for key, value in there.items() if key != name}
        return rest if draw(st.integers(0, 3)) == 0 else {**rest, name: draw(changed(there[name]))}
    if isinstance(there, dict) and draw(st.booleans()):
        return {**there, draw(st.text(max_size=6)): draw(json_values)}
    return draw(json_values)


def everything(tmp_path, number):
    """All doors that read a ledger, one after the other; only errors of our own may come out."""
    session = get_session()
    ledger = session.here
    places = Experiments(ledger.database, "simulator")
    doors = (
        lambda: [run_page.card(run) + repr(run) + repr(run.history()) for run in kie.runs(limit=None)],
        lambda: kie.runs()._repr_html_() + repr(kie.runs(text="take", tag="best", rating=1)),
        lambda: [run.show() for run in kie.runs()],
        lambda: [
            browse(session, Question(order=order, text="a"))
            for order in ("newest", "best", "dearest", "cheapest")
        ],
        lambda: [ledger.totals("simulator", by) for by in ("day", "notebook", "experiment", "model")],
        lambda: (ledger.counts(), ledger.reported("simulator"), ledger.remarks, kie.budget()),
        lambda: (places.all(), places.definition("storm"), places.places("storm")),
        lambda: ledger.find_urls("https://example.com/cat.png"),
        kie.resume,
        lambda: kie.doctor(mend=False),
        lambda: kie.export(tmp_path / f"out-{number}"),
        lambda: kie.import_runs(tmp_path / f"out-{number}"),
    )
    for door in doors:
        try:
            door()
        except KieError as exc:
            str(exc).encode()


def check(good, tmp_path, monkeypatch, simulator, change):
    number = next(NUMBERS)
    home = copy(good, tmp_path / f"home-{number}")
    monkeypatch.setenv("KIE_NB_HOME", str(home))
    assert settings_.current().home == home
    try:
        change(home)
    except (sqlite3.IntegrityError, UnicodeEncodeError, OverflowError):
        assume(False)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        everything(tmp_path, number)
        try:
            run = ask(wait=False)
        except KieError:
            pass
        else:
            assert run.task_id or run.state == "fetched"  # its video is here, and is only shown
    assert simulator.counts["create_requests"] == 0
    get_session().here.close()


bounded = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    phases=[
        Phase.explicit,
        Phase.generate,
    ],  # a try takes a tenth of a second and more: nothing is made smaller
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@bounded
@given(place=st.sampled_from(COLUMNS_OF_ALL), value=values)
def test_any_value_in_any_column(good, tmp_path, monkeypatch, simulate, place, value):
    """Of a run, its history, a budget, an experiment, a cell, an upload or a picture's address."""
    table, column = place
    check(good, tmp_path, monkeypatch, started(simulate), lambda home: put(home, column, value, table=table))


@bounded
@given(
    data=st.data(),
    column=st.sampled_from(
        ["request", "urls", "files", "error", "origin", "tags", "made_by", "definition", "identity"]
    ),
)
def test_any_change_inside_a_column_of_json(good, tmp_path, monkeypatch, simulate, data, column):
    """One part of what is there is another value, is gone, or is new."""
    table = {"definition": "experiment", "identity": "picture_url"}.get(column, "run")
    with changing(good) as db:
        (text,) = db.execute(f"SELECT {column} FROM {table}").fetchone()
    value = data.draw(changed(json.loads(text or "null")))
    check(
        good,
        tmp_path,
        monkeypatch,
        started(simulate),
        lambda home: put(home, column, json.dumps(value), table=table),
    )


_started = []


def started(simulate):
    """One simulator for all tries of a test."""
    _started[:] = [one for one in _started if one[0] is simulate] or [(simulate, simulate())]
    return _started[0][1]
