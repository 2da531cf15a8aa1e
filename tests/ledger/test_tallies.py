"""What a budget counts: kept sums, true after whatever happens to runs, and no sum over them while a purchase holds the lock."""

import contextlib
import platform
import random
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from kie_nb.errors import BudgetExceeded
from kie_nb.ledger import FILM, Ledger, money, tallies
from kie_nb.ledger.copying import copy_ledger
from kie_nb.ledger.schema import tally
from kie_nb.ledger.states import NEXT, RELEASED, State
from kie_nb.requests.provenance import notebook

NOTEBOOKS = ("laptop:/home/ana/Untitled.ipynb", "laptop:/home/ben/Untitled.ipynb", None)


@pytest.fixture
def shop(each_ledger):
    return each_ledger


def kept(ledger):
    """The sums that are kept, and the same as sums over the runs; what is all 0 is left out."""
    with ledger.database.read() as db:
        rows = [dict(entry) for entry in db.execute(sa.select(tally)).mappings()]
    told = {}
    for row in rows:
        sums = tuple(round(row[name], 6) for name in tallies.SUMS)
        told[row["service"], row["scope"], row["value"]] = sums
    found = {}
    for service, scope, value in told:
        with ledger.database.read() as db:
            query = f"SELECT * FROM run WHERE service = '{service}' AND model <> '{FILM}'"  # noqa: S608
            runs = [dict(entry) for entry in db.exec_driver_sql(query).mappings()]
        mine = [row for row in runs if (row["created_at"][:10] if scope == "day" else row[scope]) == value]
        found[service, scope, value] = (
            tuple(round(sum(each), 6) for each in zip(*map(_share, mine), strict=True)) or (0,) * 4
        )
    return told, found


def _share(row):
    listed, cost, state = row["estimate"], row["credits"], row["state"]
    made = state in {"success", "fetched", "written_off", "fail"}
    risk, open_ = (
        state in {"unknown", "lost"},
        state not in {*RELEASED, "success", "fetched", "unknown", "lost"},
    )
    spent = cost if cost is not None else 0 if state == "fail" else listed or 0
    is_unpriced = (
        listed is None and cost is None and (open_ or risk or state in {"success", "fetched", "written_off"})
    )
    return (made and spent, open_ and (listed or 0), risk and (listed or 0), is_unpriced)


def test_the_sums_are_true_after_whatever_happens(shop, intention, tmp_path):
    """Every course of every kind of run, in two notebooks, an experiment and none; a copy has the same sums."""
    draw = random.Random(7)  # noqa: S311
    for seed in range(60):
        facts = {"notebook": draw.choice(NOTEBOOKS), "service": draw.choice(["kie", "simulator"])}
        price = draw.choice([None, 0.1, 60.0])
        row, _ = shop.intend(
            intention(seed=seed, estimate=price, experiment=draw.choice(["e", None]), **facts)
        )
        for _ in range(draw.randrange(6)):
            if not (ways := sorted(NEXT[State(row.state)])):
                break
            to = draw.choice(ways)
            cost = draw.choice([{}, {"credits": 0.3}, {"credits": 61.0}])
            row = (
                shop.move(row.id, to, expect={row.state}, release=to in RELEASED, task_id="t", **cost) or row
            )

    told, found = kept(shop)
    assert told == found
    assert any(sums[3] for sums in told.values())

    other = Ledger(tmp_path / "other")
    copy_ledger(shop.database, other.database)
    copy_ledger(shop.database, other.database)
    told, found = kept(other)
    assert told == found
    other.close()


def test_two_people_have_a_budget_each(shop, intention):
    """A notebook is one of a folder and a machine; what was bought while its file's name counted alone counts for both."""
    shop.set_limit("notebook", 100.0)
    shop.intend(intention(seed=1, notebook="Untitled.ipynb", estimate=30.0))
    ana, ben, _ = NOTEBOOKS
    shop.intend(intention(seed=2, notebook=ana))

    with pytest.raises(BudgetExceeded, match=r"ana/Untitled\.ipynb\): 0 spent, 90 reserved"):
        shop.intend(intention(seed=3, notebook=ana))
    assert shop.intend(intention(seed=3, notebook=ben))[1]
    assert shop.figures("kie", scope="notebook", value=ben).reserved == 90.0


def test_eight_who_buy_at_once_keep_one_budget(shop, intention):
    """Each counts what the others have bought by then."""
    shop.set_limit("notebook", 600.0)

    def buy(buyer):
        bought = 0
        for number in range(4):
            with contextlib.suppress(BudgetExceeded):
                bought += shop.intend(intention(seed=100 * buyer + number, notebook="a"))[1]
        return bought

    with ThreadPoolExecutor(8) as buyers:
        assert sum(buyers.map(buy, range(8))) == 10

    told, found = kept(shop)
    assert told == found


def test_a_notebook_is_called_by_its_folder_and_machine(
    monkeypatch, tmp_path, open_ledger, intention, postgres
):
    """Below the ledger of one machine by its place there alone, which may move; or as its user calls it."""
    monkeypatch.setattr("kie_nb.requests.provenance.running_cell", lambda: ("a.ipynb", 1))
    below, elsewhere, full = (
        tmp_path / "kie-runs",
        tmp_path / "other" / "kie-runs",
        f"{platform.node()}:{tmp_path}/a.ipynb",
    )

    assert notebook(below, is_shared=False) == "./a.ipynb"
    assert notebook(elsewhere, is_shared=False) == notebook(below, is_shared=True) == full
    file, there, team = open_ledger(below), open_ledger(elsewhere), Ledger(below, url=postgres.database())
    row, _ = file.intend(intention(notebook="./a.ipynb"))
    file.move(row.id, "fetched", expect={"intent"}, task_id="t")
    names = []
    for source, target in ((file, team), (team, there)):
        copy_ledger(source.database, target.database)
        names.append(target.get(row.id).notebook)
    back = open_ledger(tmp_path / "back")
    copy_ledger(team.database, back.database)
    team.close()
    assert (*names, back.get(row.id).notebook) == (full, full, "./a.ipynb")

    monkeypatch.setenv("KIE_NB_NOTEBOOK", "the cats of spring")
    assert notebook(below, is_shared=True) == "the cats of spring"


def test_a_budget_that_is_set_counts_what_is_there(shop, intention):
    """Something else has written the runs, or the sums."""
    shop.intend(intention(notebook="a.ipynb"))
    with shop.database.write() as db:
        db.execute(tally.update().values(reserved=0.0))
        db.execute(
            tally.insert().values(
                service="kie", scope="notebook", value="b", spent=9.0, reserved=0, at_risk=0, unpriced=0
            )
        )

    shop.set_limit("notebook", 70.0)

    told, found = kept(shop)
    assert {key: sums for key, sums in told.items() if key[1] == "notebook"} == {
        ("kie", "notebook", "a.ipynb"): found["kie", "notebook", "a.ipynb"]
    }
    with pytest.raises(BudgetExceeded):
        shop.intend(intention(seed=8, notebook="a.ipynb"))


def test_a_file_with_false_sums_passes_no_limit(open_ledger, intention):
    """A stranger's ledger tells too little of what is under way: when that ends, what was bought since would count less."""
    facts = {"experiment": "e", "notebook": "a.ipynb"}
    ledger = open_ledger()
    ledger.set_limit("notebook", 100.0)
    other, _ = ledger.intend(intention(seed=1, estimate=80.0, **facts))
    with ledger.database.write() as db:
        db.execute(tally.update().values(reserved=0.0))
    ledger.close()

    ledger = open_ledger()
    with pytest.raises(BudgetExceeded, match="80 reserved"):
        ledger.intend(intention(seed=2, **facts))
    with ledger.database.write() as db:
        db.execute(tally.update().values(reserved=0.0))
    ledger = open_ledger()
    ledger.move(other.id, "fail", expect={"intent"})
    assert ledger.intend(intention(seed=2, **facts))[1]
    with pytest.raises(BudgetExceeded, match="60 reserved"):
        ledger.intend(intention(seed=3, **facts))
    ledger.set_limit("notebook", None)
    with pytest.raises(BudgetExceeded, match="max_credits=100"), ledger.database.read() as db:
        money.keep(db, "kie", 60.0, {"experiment": "e"}, money.CellTerms(max_credits=100.0))


def test_a_sum_that_cannot_be_is_made_of_the_runs(shop, intention):
    """It is not 0."""
    shop.set_limit("notebook", 100.0)
    shop.intend(intention(seed=1, notebook="a.ipynb"))
    with shop.database.write() as db:
        db.execute(tally.update().values(reserved=-60.0))

    with pytest.raises(BudgetExceeded, match="60 reserved"):
        shop.intend(intention(seed=2, notebook="a.ipynb"))


def test_a_purchase_reads_no_table_from_end_to_end(shop, intention, statements):
    """Each statement inside the lock finds its rows by an index, and there are few of them, whatever budgets are set."""
    for scope in ("notebook", "day", "experiment"):
        shop.set_limit(scope, 1e6)
    shop.intend(
        intention(seed=7, notebook=NOTEBOOKS[0])
    )  # the first of a process looks whether the sums are true
    statements.clear()

    shop.intend(intention(seed=8, notebook=NOTEBOOKS[0]))

    bought = list(statements)
    looks = [(text, values) for text, values in bought if "FROM run" in text or "FROM tally" in text]
    assert len(bought) <= 12
    assert len(looks) >= 4
    with shop.database.read() as db:
        is_server = db.dialect.name == "postgresql"
        if is_server:  # the tables are small: what cannot use an index scans them all the same
            db.exec_driver_sql("SET enable_seqscan = off")
        for text, values in looks:
            plan = db.exec_driver_sql(f"EXPLAIN {'' if is_server else 'QUERY PLAN '}{text}", values)
            steps = [" ".join(map(str, row)) for row in plan]
            assert not [step for step in steps if "Seq Scan" in step or " SCAN " in f" {step} "], steps
