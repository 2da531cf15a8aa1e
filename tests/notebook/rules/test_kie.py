"""What `%kie` says of money and of the ledger, as text: unknown is never 0."""

import contextlib
import shutil
import sqlite3

import pytest

import kie_nb
from kie_nb.notebook.kie_magic import kie


@pytest.fixture
def said(monkeypatch, capsys):
    """What a command prints where Kie.ai answers, and nobody has a kernel."""
    monkeypatch.setenv("KIE_API_KEY", "sk-a-key")

    def say(command):
        capsys.readouterr()
        kie(None, command)
        return capsys.readouterr().out

    return say


@pytest.mark.parametrize(
    ("reported", "words"),
    [
        ((60.0, 60.0), ["2", "120", "120", "120", "0", "0"]),
        ((60.0, None), ["2", "120", "60 and 1 not reported", "120", "0", "0"]),
        ((None, None), ["2", "120", "?", "120", "0", "0"]),
    ],
)
def test_a_cost_that_was_not_reported_is_not_0(record, said, reported, words):
    """The service left costs out for months: they are counted, not added up as nothing."""
    for seed, credits_ in enumerate(reported):
        record("fetched", seed=seed, credits=credits_)

    told = said("spend model")
    assert row(told, "wan/2-5-text-to-video") == words
    assert "spent: the real cost, or the estimate where none was reported" in told


@pytest.mark.parametrize(("service", "lines"), [("kie", 1), ("simulator", 0)])
def test_spending_points_out_an_old_price_list(monkeypatch, record, said, service, lines):
    """Made runs alone, and never simulated ones: a failed task that cost nothing is no sign of it."""
    monkeypatch.setenv("KIE_NB_SERVICE", service)
    record("fetched", service=service, seed=1, credits=90.0)
    record("fetched", service=service, seed=2, credits=60.0)
    record("fail", service=service, seed=3, credits=0.0)

    assert said("spend").count("1 run cost 50% more than the price list of 20") == lines
    assert said("spend").count("price list") == lines


@pytest.mark.parametrize(
    ("state", "credits_", "told"),
    [("fetched", 100.0, 1), ("fetched", 70.0, 0), ("fetched", None, 0), ("fail", 0.0, 0)],
)
def test_a_run_in_text_points_out_an_old_price_list(record, said, state, credits_, told):
    """As its page does."""
    run = record(state, credits=credits_)

    assert said(f"show {run.id}").count("said 60 credits; it may be old.") == told


def test_status_names_the_store_of_the_files(said, tmp_path):
    """Where there is one."""
    assert "films" not in said("status")
    kie_nb.configure(files=tmp_path / "films")

    assert str(tmp_path / "films") in said("status")


def test_status_suggests_to_take_up_what_nobody_is_at_work_on(record, said, simulate):
    """A run that this kernel drives is taken up already."""
    simulate(duration_s=lambda _body: 30)
    driven = kie_nb.generate("Waves", model="wan/2-5-text-to-video", seed=1)
    assert not driven.is_final
    assert "of which 1 open" in said("status")
    assert "%kie resume" not in said("status")

    record("waiting", seed=2)
    assert "`%kie resume` takes up 1 run that nobody is at work on." in said("status")


@pytest.fixture
def from_the_future(record, tmp_path, monkeypatch):
    """A folder whose ledger a newer kie_nb wrote, in a process that has been told nothing yet."""
    record("fetched", credits=60.0)
    monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / "newer"))
    shutil.copytree(tmp_path / "kie-runs", tmp_path / "newer")
    with contextlib.closing(sqlite3.connect(tmp_path / "newer" / "ledger.sqlite")) as db, db:
        db.execute("INSERT INTO schema_version VALUES (99)")


@pytest.mark.parametrize("command", ["spend", "runs", "resume", "doctor"])
@pytest.mark.usefixtures("from_the_future")
def test_a_ledger_that_cannot_be_written_is_told_by_whoever_looks(said, command):
    """Once, before what the command says; `status` has it at each call."""
    told = "written by a newer kie_nb"

    assert said(command).splitlines()[0].count(told) == 1
    assert told not in said(command)
    assert said("status").count(told) == said("status").count("upgrade kie_nb") == 1


@pytest.mark.parametrize(
    "filters", ["state=done", 'state="outcome unknown"', "since=2026-11-01", "rating=4", "state=fetched"]
)
def test_the_runs_are_filtered_in_the_words_of_the_table(record, said, filters):
    """`done` is what it shows for `fetched`."""
    record("fetched", seed=1, rating=4, created_at="2026-11-02T00:00:00.000000+00:00")
    record("unknown", seed=2, rating=5, created_at="2026-11-02T00:00:00.000000+00:00")
    record("refused", seed=3, rating=1, created_at="2026-10-02T00:00:00.000000+00:00")

    table = said(f"runs {filters}")
    assert "refused" not in table
    assert "No runs match" not in table


def row(table, name):
    """The cells of the row that begins with *name*."""
    (line,) = [line for line in table.splitlines() if line.startswith(name)]
    return [cell.strip() for cell in line.removeprefix(name).split("  ") if cell.strip()]
