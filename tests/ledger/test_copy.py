"""From a file to a server: every run once, with its history, and nothing that would be sent or paid again."""

import pytest

from kie_nb import cli
from kie_nb.ledger import KeptFile, Ledger, copying, merging, states
from kie_nb.ledger.copying import copy_ledger

FILES = (KeptFile(name="videos/a.mp4", number=0),)


@pytest.fixture(params=["sqlite", "postgres"])
def team(request, open_ledger, tmp_path):
    """The ledger that is copied to."""
    if request.param == "sqlite":
        yield open_ledger(tmp_path / "team")
        return
    ledger = Ledger(tmp_path / "team", url=request.getfixturevalue("postgres").database())
    yield ledger
    ledger.close()


def copy(source, target):
    return copy_ledger(source.database, target.database)


def fetched(ledger, intention, **changes):
    row, _ = ledger.intend(intention(**changes), fresh=True)
    return ledger.move(row.id, "fetched", expect={"intent"}, task_id="t", credits=60.0, files=FILES)


def test_a_run_comes_with_all_that_is_known_of_it(ledger, team, intention):
    """Its columns, its history, what was said of it, and that it stands for its request."""
    row = fetched(ledger, intention)
    row = ledger.mark(row.id, add=["ä"], note="n")

    counts = copy(ledger, team)

    found = team.get(row.id)
    assert (counts.copied, counts.known, counts.left) == (1, 0, 0)
    assert (found.request, found.credits, found.video, found.tags) == (row.request, 60.0, row.video, ["ä"])
    assert found.owner is None
    assert team.intend(intention()) == (found, False)
    told = [(entry["at"], entry["to_state"]) for entry in ledger.events(row.id)]
    assert [(entry["at"], entry["to_state"]) for entry in team.events(row.id)][: len(told)] == told


def test_every_file_comes_with_its_number_and_hash(ledger, team, intention):
    """And how many its task made."""
    row, _ = ledger.intend(intention())
    files = tuple(
        KeptFile(name=f"videos/{n}.mp4", number=n, sha256=f"{n}" * 64, bytes=1 << 33) for n in (2, 0)
    )
    row = ledger.move(row.id, "fetched", expect={"intent"}, task_id="t", files=files, files_made=3)

    copy(ledger, team)

    found = team.get(row.id)
    assert (found.files, found.files_made) == (row.files, 3) == (files, 3)


def test_a_second_copy_adds_what_is_new(ledger, team, intention):
    """What was there already stays as it is, and its history is not told twice."""
    first = fetched(ledger, intention)
    copy(ledger, team)
    before = team.events(first.id)
    second = fetched(ledger, intention, seed=8)

    counts = copy(ledger, team)

    assert (counts.copied, counts.known) == (1, 1)
    assert team.events(first.id) == before
    assert {row.id for row in team.runs()} == {first.id, second.id}


def test_of_what_was_said_on_both_sides_the_last_word_counts(ledger, team, intention):
    """Its end is taken in; a rating that was given there replaces an earlier one here, and no later one."""
    rows = [ledger.intend(intention(seed=seed))[0] for seed in (1, 2, 3)]
    for row in rows:
        ledger.move(row.id, "accepted", expect={"intent"}, task_id=f"t{row.seed}", owner=None)
    copy(ledger, team)
    team.mark(rows[1].id, rating=4)
    for row in rows:
        ledger.move(row.id, "fetched", expect={"accepted"}, files=FILES)
        ledger.mark(row.id, rating=2)
    team.mark(rows[0].id, rating=5)

    copy(ledger, team)

    assert [(team.get(row.id).state, team.get(row.id).rating) for row in rows] == [
        ("fetched", 5),
        ("fetched", 2),
        ("fetched", 2),
    ]


def test_takes_of_one_request_do_not_clash(ledger, team, intention):
    """Both sides have bought the same; all are kept, and the next take is still free."""
    here = [fetched(ledger, intention) for _ in range(3)]
    there = fetched(team, intention)

    copy(ledger, team)

    assert {row.id for row in team.runs()} == {there.id, *(row.id for row in here)}
    assert team.intend(intention())[0].id == there.id
    assert team.intend(intention(), fresh=True)[1]


def test_the_newest_take_goes_on_standing(ledger, team, intention):
    """A cell shows the same video after the copy as before it."""
    newest = [fetched(ledger, intention) for _ in range(3)][-1]

    copy(ledger, team)

    assert team.standing(intention()).id == ledger.standing(intention()).id == newest.id


def test_what_is_not_sent_stays(ledger, team, intention):
    """Two ledgers with one intention would send it twice."""
    row, _ = ledger.intend(intention())

    counts = copy(ledger, team)

    assert (counts.copied, counts.left) == (0, 1)
    assert team.get(row.id) is None


def test_what_is_being_sent_counts_as_unknown(ledger, team, intention):
    """It may be billed; nobody sends it again there by itself."""
    row, _ = ledger.intend(intention())
    ledger.move(row.id, "sending", expect={"intent"})

    copy(ledger, team)

    assert team.get(row.id).state == "unknown"
    assert team.get(row.id).error["class"] == "OutcomeUnknown"
    assert team.intend(intention())[1] is False
    assert ledger.get(row.id).state == "sending"


def test_pictures_and_budgets_come_along(ledger, team):
    """What is there already is not changed."""
    sha = "abc" + "0" * 61
    cat = {"sha256": sha, "label": "cat.png", "url": "https://x/cat.png"}
    ledger.remember_upload("a1", sha, "https://files/abc")
    ledger.remember_url("https://x/cat.png", cat)
    ledger.set_limit("day", 100.0)
    ledger.set_limit("notebook", 10.0)
    team.set_limit("day", 50.0)

    assert copy(ledger, team).others == 3
    assert team.find_upload("a1", sha).url == "https://files/abc"
    assert team.find_url("https://x/cat.png") == cat
    assert team.limits() == {"day": 50.0, "notebook": 10.0}
    assert copy(ledger, team).others == 0


def test_many_runs_are_copied_in_parts(ledger, team, intention, monkeypatch):
    """Nobody else waits long for the lock."""
    monkeypatch.setattr("kie_nb.ledger.copying.BATCH", 3)
    for seed in range(10):
        fetched(ledger, intention, seed=seed, family=f"f{seed // 2}")

    assert copy(ledger, team).copied == 10
    assert len(team.runs()) == 10


def test_the_command_says_what_it_did(postgres, monkeypatch, tmp_path, intention, capsys):
    """And never shows the password."""
    url = postgres.database()
    ledger = Ledger(tmp_path / "kie-runs")
    fetched(ledger, intention)
    ledger.close()

    assert cli.main(["ledger", "copy", "--to", url]) == 0
    monkeypatch.setenv("KIE_NB_LEDGER", url)
    assert cli.main(["ledger", "copy"]) == 0

    said = capsys.readouterr().out
    assert "1 run copied from kie-runs/ledger.sqlite to postgresql://kie@127.0.0.1" in said
    assert "0 runs copied" in said
    assert said.count("1 verified") == 2
    assert "s3cret" not in said


def test_the_command_needs_somewhere_to_copy_to(capsys):
    """It says what an address looks like; and something to copy."""
    assert cli.main(["ledger", "copy"]) == 1
    assert "postgresql+psycopg://" in capsys.readouterr().err
    assert cli.main(["ledger", "copy", "--from", "nowhere", "--to", "here"]) == 1
    assert "There is no ledger in" in capsys.readouterr().err


def test_there_is_a_way_back_from_a_server(postgres, tmp_path, intention, capsys):
    """Into a folder, once each however often it is interrupted; who bought what, and what is said of it, is as it was."""
    url = postgres.database()
    team = Ledger(tmp_path / "home", url=url)
    rows = [
        fetched(team, intention, seed=seed, notebook="there:/x/a.ipynb", asked_by="ana") for seed in range(3)
    ]
    open_, _ = team.intend(intention(seed=9))
    team.mark(rows[0].id, by="ben", add=["keeper"], rating=5)
    team.close()

    back = ["ledger", "copy", "--from", url, "--to", str(tmp_path / "back")]
    assert cli.main(back) == 0
    assert cli.main(back) == 0

    told = capsys.readouterr().out
    assert "3 runs copied from postgresql://kie@127.0.0.1" in told
    assert "0 runs copied" in told
    assert "3 verified" in told
    assert "Unset KIE_NB_LEDGER and set KIE_NB_HOME=" in told
    file = Ledger(tmp_path / "back")
    found = file.get(rows[0].id)
    assert (found.tags, found.rating, found.asked_by, found.credits) == (["keeper"], 5, "ana", 60.0)
    assert file.intend(intention(seed=1))[0].id == rows[1].id
    assert file.get(open_.id) is None
    assert file.figures("kie", scope="notebook", value="there:/x/a.ipynb").spent == 180.0
    file.close()


def test_what_differs_after_a_copy_is_named(ledger, team, intention, monkeypatch):
    """A run that went on meanwhile, or one that was lost on the way."""
    rows = [fetched(ledger, intention, seed=seed) for seed in range(3)]
    copy(ledger, team)
    with team.database.write() as db:
        db.exec_driver_sql(f"UPDATE run SET state = 'success' WHERE id = '{rows[0].id}'")  # noqa: S608
        db.exec_driver_sql(f"DELETE FROM run WHERE id = '{rows[1].id}'")  # noqa: S608
    monkeypatch.setattr(copying, "merge", lambda *_args, **_more: None)

    counts = copy(ledger, team)

    assert set(counts.differing) == {rows[0].id, rows[1].id}
    assert counts.verified == 1


# --- both sides know the request ----------------------------------------------------------------------------------


AT_SERVICE = {"task_id": "t", "expect": {"intent"}}
OPEN = {"intent", "sending", "accepted", "unknown", "lost"}


def ends(ledger, row, state, **changes):
    return ledger.move(
        row.id, state, expect=OPEN, release=state in {"fail", "refused", "not_sent"}, **changes
    )


@pytest.mark.parametrize("here", ["intent", "unknown"])
def test_what_may_have_cost_nothing_keeps_no_paid_task_from_standing(ledger, team, intention, here):
    """Something was left unsent, or nobody knows: the task that another machine has bought is what a cell shows."""
    mine, _ = team.intend(intention())
    if here == "unknown":
        team.move(mine.id, "unknown", expect={"intent"})
    paid, _ = ledger.intend(intention())
    ledger.move(paid.id, "accepted", **AT_SERVICE)

    copy(ledger, team)
    ends(team, mine, "not_sent")

    assert team.intend(intention()) == (team.get(paid.id), False)


@pytest.mark.parametrize("there", ["accepted", "unknown"])
def test_what_came_in_stands_when_the_other_is_released(ledger, team, intention, there):
    """Both have asked; ours fails: the other's task is under way, or may be, and nothing is bought for it again."""
    mine, _ = team.intend(intention())
    team.move(mine.id, "accepted", expect={"intent"}, task_id="mine")
    other, _ = ledger.intend(intention())
    ledger.move(other.id, there, expect={"intent"}, task_id="t" if there == "accepted" else None)

    copy(ledger, team)
    assert team.standing(intention()).id == mine.id
    ends(team, mine, "fail")

    assert team.intend(intention()) == (team.get(other.id), False)
    ends(team, other, "fail")
    assert team.intend(intention())[1]


def test_of_two_that_came_in_the_other_stands(open_ledger, ledger, team, intention, tmp_path):
    """Two other machines have bought the same; it is their ledgers that tell how it went."""
    third = open_ledger(tmp_path / "third")
    one, _ = ledger.intend(intention())
    ledger.move(one.id, "accepted", **AT_SERVICE)
    other, _ = third.intend(intention())
    third.move(other.id, "accepted", expect={"intent"}, task_id="other")
    copy(ledger, team)
    copy(third, team)
    assert team.standing(intention()).id == one.id

    ends(ledger, one, "fail")
    copy(ledger, team)

    assert team.intend(intention()) == (team.get(other.id), False)


def test_states_that_leave_the_way_free_are_the_engines():
    """The ledger may not ask the floor above; the two must say the same."""
    assert set(merging.RELEASED) == {str(state) for state in states.RELEASED}


def test_by_the_users_word_a_failed_run_leaves_the_way_free(team, intention):
    """What was superseded in this ledger itself does not come back: nothing has come in."""
    first, _ = team.intend(intention())
    ends(team, first, "not_sent")
    second, _ = team.intend(intention(), fresh=True)
    ends(team, second, "fail")

    assert team.intend(intention())[1]


@pytest.mark.parametrize(
    ("course", "is_told"),
    [
        pytest.param((("accepted", "t"), ("fetched", "t")), True, id="its video has come"),
        pytest.param((("lost", "t"), ("success", "t")), True, id="it was made"),
        pytest.param((("accepted", "t"), ("fail", "t")), True, id="it has failed"),
        pytest.param((("unknown", None), ("refused", None)), True, id="it was refused"),
        pytest.param((("unknown", None), ("fail", "t")), True, id="it was made, and has failed"),
        pytest.param((("fetched", "t"), ("accepted", "t")), False, id="here it is further"),
        pytest.param((("fail", "t"), ("fetched", "t")), False, id="both say that it has ended"),
        pytest.param((("accepted", "t"), ("fetched", "u")), False, id="another task"),
    ],
)
def test_what_became_of_a_run_is_taken_in_later(ledger, team, intention, course, is_told):
    """The other machine has seen it through; here nobody drives it."""
    before, after = course
    row, _ = ledger.intend(intention(owner=None))
    ledger.move(row.id, before[0], expect={"intent"}, task_id=before[1], release=before[0] == "fail")
    copy(ledger, team)
    state, task_id = after
    facts = {"files": FILES, "credits": 60.0} if state == "fetched" else {}
    ledger.move(
        row.id,
        state,
        expect={before[0]},
        task_id=task_id,
        release=state in {"fail", "refused"},
        **facts,
    )
    events = len(team.events(row.id))

    copy(ledger, team)

    found = team.get(row.id)
    assert (found.state, found.task_id) == (after if is_told else before)
    assert (found.video is not None) == (is_told and state == "fetched")
    assert (len(team.events(row.id)) > events) == is_told
    assert team.intend(intention())[1] == (found.state in {"fail", "refused"})


def test_a_run_that_somebody_drives_here_is_left_to_them(ledger, team, intention):
    """Its driver looks for itself."""
    row, _ = ledger.intend(intention())
    ledger.move(row.id, "accepted", **AT_SERVICE)
    copy(ledger, team)
    assert team.claim(team.get(row.id), "me")
    ledger.move(row.id, "fetched", expect={"accepted"}, files=FILES)

    copy(ledger, team)

    assert (team.get(row.id).state, team.get(row.id).owner) == ("accepted", "me")
