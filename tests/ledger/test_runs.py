"""Runs in the ledger: written before they are sent, moved by one transaction and one event each."""

import threading
from dataclasses import replace

import pytest
import statements

from kie_nb.ledger import runs
from kie_nb.ledger.copying import copy_ledger

STATES = ("refused", "fail", "not_sent")


def test_an_intention_is_on_disk_before_anything_is_sent(ledger, open_ledger, intention):
    """Another process sees it at once, with everything that is needed to take it up."""
    run, is_new = ledger.intend(intention())

    assert is_new
    assert open_ledger().get(run.id) == run
    assert (run.state, run.seed, run.estimate, run.credits, run.task_id) == ("intent", 7, 60.0, None, None)
    assert run.created_at.endswith("+00:00")


def test_the_same_request_is_joined(ledger, intention):
    """Running a cell again finds the run it made, and writes nothing."""
    first, _ = ledger.intend(intention())

    again, is_new = ledger.intend(intention(owner="another"))

    assert (again, is_new) == (first, False)
    assert ledger.standing(intention()) == first
    assert len(ledger.runs()) == 1


def test_another_request_is_another_run(ledger, intention):
    """With a seed of the user's own, another seed is another wish."""
    first, _ = ledger.intend(intention(seed=7))

    other, is_new = ledger.intend(intention(seed=8))

    assert is_new
    assert other.id != first.id


def test_fresh_buys_another(ledger, intention):
    """By the user's word there are two runs of one request; after that the newest stands for it."""
    first, _ = ledger.intend(intention())
    second, is_new = ledger.intend(intention(), fresh=True)

    assert is_new
    assert second.id != first.id
    assert ledger.intend(intention()) == (second, False)
    assert {run.id for run in ledger.same_request(fingerprint=first.fingerprint)} == {first.id, second.id}


def test_a_drawn_seed_stands_for_the_next_drawn_one(ledger, intention):
    """A cell without a seed draws another one each time: it must not pay each time."""
    first, _ = ledger.intend(intention(seed=1, seed_drawn=True))

    again, is_new = ledger.intend(intention(seed=2, seed_drawn=True))

    assert (again, is_new) == (first, False)


def test_a_seed_of_ones_own_is_not_answered_by_a_drawn_one(ledger, intention):
    """Nor the other way round: who gives a seed means it, and who gives none has not asked for that one."""
    drawn, _ = ledger.intend(intention(seed=1, seed_drawn=True))
    own, is_new = ledger.intend(intention(seed=2))

    assert is_new
    assert ledger.intend(intention(seed=3, seed_drawn=True)) == (drawn, False)
    assert ledger.intend(intention(seed=2)) == (own, False)


def test_naming_the_seed_that_was_drawn_finds_its_run(ledger, intention):
    """The seed on the card, typed into the cell, is the same request."""
    drawn, _ = ledger.intend(intention(seed=1, seed_drawn=True))

    assert ledger.intend(intention(seed=1)) == (drawn, False)


@pytest.mark.parametrize("state", STATES)
def test_a_released_run_makes_room(ledger, intention, state):
    """What was refused, failed or never sent stands for nothing: the request may be sent anew."""
    first, _ = ledger.intend(intention())
    moved = ledger.move(first.id, state, expect={"intent"}, release=True)

    again, is_new = ledger.intend(intention())

    assert moved.active_key is None
    assert is_new
    assert again.id != first.id


def test_an_unknown_outcome_goes_on_standing(ledger, intention):
    """It may be billed: the same request is not sent again by itself."""
    first, _ = ledger.intend(intention())
    ledger.move(first.id, "unknown", expect={"intent"})

    found, is_new = ledger.intend(intention())

    assert (found.id, found.state, is_new) == (first.id, "unknown", False)


def test_a_clock_that_is_set_back_buys_nothing_twice(ledger, intention, monkeypatch):
    """What was sent in place of a run is known by its history, and stands for the request, whatever the clock says."""
    lost, _ = ledger.intend(intention())
    lost = ledger.move(lost.id, "unknown", expect={"intent"})
    monkeypatch.setattr(runs, "now_in", lambda _db: "2020-01-01T00:00:00.000000+00:00")

    again, _ = ledger.intend(intention(), fresh=True, instead_of=lost)

    assert again.created_at < lost.created_at
    assert ledger.intend(intention(), fresh=True, instead_of=lost) == (again, False)
    assert ledger.later(lost) == ledger.standing(intention()) == again
    assert ledger.events(lost.id)[-1]["evidence"] == {"sent again as": again.id}


def test_what_was_sent_again_is_known_in_another_ledger(open_ledger, intention, monkeypatch, tmp_path):
    """There the two come in by their clocks, the wrong way round."""
    ledger, other = open_ledger(), open_ledger(tmp_path / "other")
    lost, _ = ledger.intend(intention())
    lost = ledger.move(lost.id, "unknown", expect={"intent"})
    monkeypatch.setattr(runs, "now_in", lambda _db: "2020-01-01T00:00:00.000000+00:00")
    again, _ = ledger.intend(intention(), fresh=True, instead_of=lost)
    ledger.move(again.id, "fetched", expect={"intent"})

    copy_ledger(ledger.database, other.database)

    assert other.later(lost).id == again.id


def test_two_at_once_make_one_run(open_ledger, intention):
    """Eight threads with ledgers of their own ask for the same: one is new, the others join it."""
    ledgers = [open_ledger() for _ in range(8)]
    gate, answers = threading.Barrier(8), []

    def ask(ledger):
        gate.wait()
        answers.append(ledger.intend(intention()))

    threads = [threading.Thread(target=ask, args=(ledger,)) for ledger in ledgers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({run.id for run, _ in answers}) == 1
    assert sorted(is_new for _, is_new in answers) == [False] * 7 + [True]


def test_a_move_is_one_event(ledger, intention):
    """What changed, from where, when and on what evidence can be read back, oldest first."""
    run, _ = ledger.intend(intention())

    moved = ledger.move(run.id, "sending", expect={"intent"}, evidence={"try": 1}, sent_at="now")

    assert (moved.state, moved.sent_at) == ("sending", "now")
    events = ledger.events(run.id)
    assert [(event["from_state"], event["to_state"], event["evidence"]) for event in events] == [
        (None, "intent", {"estimate": 60.0}),
        ("intent", "sending", {"try": 1}),
    ]
    assert events[0]["at"] <= events[1]["at"]


def test_a_move_of_a_run_that_is_known_is_one_update_and_one_insert(ledger, intention):
    """What was seen last is not read again."""
    known, _ = ledger.intend(intention())

    with statements.counted() as told:
        known = ledger.move(known.id, "sending", expect={"intent"}, owner="me", known=known)
        known = ledger.move(known.id, "accepted", expect={"sending"}, task_id="t1", known=known)

    assert [text.split(" ", 1)[0] for text in told] == ["BEGIN", "UPDATE", "INSERT", "COMMIT"] * 2
    assert ledger.get(known.id) == known
    assert [(step["from_state"], step["to_state"]) for step in ledger.events(known.id)][1:] == [
        ("intent", "sending"),
        ("sending", "accepted"),
    ]


@pytest.mark.parametrize(
    ("change", "is_moved"),
    [
        pytest.param({"to": "generating", "expect": {"accepted"}}, True, id="its state, to one that fits"),
        pytest.param({"to": "unknown", "expect": {"accepted"}}, False, id="its state, to one that does not"),
        pytest.param({"to": "accepted", "expect": {"accepted"}, "hand_to": "other"}, False, id="its owner"),
        pytest.param({"to": "accepted", "expect": {"accepted"}, "credits": 9.0}, True, id="what it cost"),
    ],
)
def test_a_run_that_has_moved_since_is_read_before_it_is_moved(open_ledger, intention, change, is_moved):
    """By another process: it decides as if nothing had been known of it."""
    ledger, other = open_ledger(), open_ledger()
    row, _ = ledger.intend(intention())
    known = ledger.move(row.id, "accepted", expect={"intent"}, task_id="t1")
    other.move(row.id, **change)

    ways = {"expect": {"accepted", "generating"}, "owner": "me", "known": known, "credits": 7.0}
    after = ledger.move(row.id, "success", **ways)

    assert (after is not None) == is_moved
    assert ledger.get(row.id).state == ("success" if is_moved else change["to"])
    assert not is_moved or ledger.events(row.id)[-1]["from_state"] == change["to"]
    assert after is None or after == ledger.get(row.id)


def test_what_people_say_of_a_run_meanwhile_is_kept_by_a_move(open_ledger, intention):
    """The row that is published has it."""
    ledger, other = open_ledger(), open_ledger()
    known, _ = ledger.intend(intention())
    other.mark(known.id, note="the best so far")

    after = ledger.move(known.id, "sending", expect={"intent"}, known=known)

    assert after == ledger.get(known.id)
    assert after.note == "the best so far"


def test_a_change_that_is_no_transition_is_no_event(ledger, intention):
    """Columns may be filled in without a new state; evidence makes an event of it all the same."""
    run, _ = ledger.intend(intention())

    assert ledger.move(run.id, "intent", expect={"intent"}, credits=2.5).credits == 2.5
    assert len(ledger.events(run.id)) == 1
    ledger.move(run.id, "intent", expect={"intent"}, evidence={"because": "429"})
    assert len(ledger.events(run.id)) == 2


@pytest.mark.parametrize(
    ("run_id", "expect", "owner"),
    [
        pytest.param(None, {"sending"}, None, id="another state"),
        pytest.param(None, set(), None, id="no state will do"),
        pytest.param(None, {"intent"}, "somebody else", id="another owner"),
        pytest.param("no such run", {"intent"}, None, id="no such run"),
    ],
)
def test_a_move_that_does_not_fit_changes_nothing(ledger, intention, run_id, expect, owner):
    """None says that somebody was quicker; neither row nor history is touched."""
    run, _ = ledger.intend(intention())

    assert ledger.move(run_id or run.id, "sending", expect=expect, owner=owner) is None
    assert ledger.get(run.id) == run
    assert len(ledger.events(run.id)) == 1


def test_an_owner_may_move_its_own(ledger, intention):
    """With the owner named, the move is made if it still is that one's run."""
    run, _ = ledger.intend(intention())

    assert ledger.move(run.id, "sending", expect={"intent"}, owner="me").state == "sending"


def test_a_run_is_claimed_once(ledger, intention):
    """Of two that find its owner dead, one gets it."""
    run, _ = ledger.intend(intention())

    assert ledger.claim(run, "first", hint="its process")
    assert not ledger.claim(run, "second")
    assert not ledger.claim(replace(run, owner=None), "second")
    assert (ledger.get(run.id).owner, ledger.get(run.id).owner_hint) == ("first", "its process")


def test_a_run_is_not_claimed_from_an_owner_that_gave_a_sign(ledger, intention):
    """Since its row was read."""
    run, _ = ledger.intend(intention())
    ledger.renew([run.id], "me")

    assert not ledger.claim(run, "other")
    assert ledger.claim(ledger.get(run.id), "other")


def test_a_sign_of_life_is_for_ones_own_runs(ledger, intention):
    """The lease of somebody else's run is not renewed."""
    mine, _ = ledger.intend(intention(seed=1))
    theirs, _ = ledger.intend(intention(seed=2, owner="them"))

    assert ledger.renew([mine.id, theirs.id], "me") == 1

    assert ledger.get(mine.id).beat > mine.beat
    assert ledger.get(theirs.id).beat == theirs.beat


@pytest.mark.parametrize(
    ("text", "found"),
    [
        pytest.param("task_1", ["task_1%a"], id="beginning of a task id"),
        pytest.param("task_1%", ["task_1%a"], id="per cent is no wildcard"),
        pytest.param("task_", ["task_1%a", "task_2"], id="several"),
        pytest.param("taskX", ["taskX3"], id="underscore is no wildcard"),
        pytest.param("_ask", [], id="underscore first"),
        pytest.param("%", [], id="per cent first"),
        pytest.param("ask", [], id="not from the beginning"),
        pytest.param("back\\", ["back\\slash"], id="backslash"),
        pytest.param("' OR 1=1 --", [], id="SQL"),
    ],
)
def test_a_run_is_found_by_the_beginning_of_its_id(ledger, intention, text, found):
    """Ours or the service's, newest first; nothing in it is a pattern."""
    for number, task_id in enumerate(["task_1%a", "task_2", "taskX3", "back\\slash"]):
        run, _ = ledger.intend(intention(seed=number))
        ledger.move(run.id, "accepted", expect={"intent"}, task_id=task_id)

    assert sorted(run.task_id for run in ledger.find(text)) == found


def test_a_run_is_found_by_our_own_id(ledger, intention):
    """Its first characters will do."""
    run, _ = ledger.intend(intention())

    assert ledger.find(run.id[:8]) == ledger.find(run.id) == [run]


def test_runs_are_listed_newest_first(ledger, intention):
    """All, some, or those in certain states."""
    runs = [ledger.intend(intention(seed=number))[0] for number in range(4)]
    ledger.move(runs[2].id, "sending", expect={"intent"})

    assert [run.id for run in ledger.runs()] == [run.id for run in reversed(runs)]
    assert [run.id for run in ledger.runs(limit=2)] == [runs[3].id, runs[2].id]
    assert [run.id for run in ledger.runs(states={"sending"}, limit=None)] == [runs[2].id]
    assert len(ledger.same_request(family=runs[0].family)) == 4


def test_durations_are_those_of_the_same_kind(ledger, intention):
    """Of the same service, model and inputs, newest first, as far back as asked for; runs without one are left out."""

    def done(seed, seconds, service="kie", duration="5"):
        request = {"model": "m", "input": {"duration": duration, "resolution": "720p"}}
        run, _ = ledger.intend(intention(seed=seed, service=service, request=request))
        ledger.move(
            run.id, "success", expect={"intent"}, duration_s=seconds, completed_at=f"2026-01-{seed + 1:02}"
        )

    for seed, seconds in enumerate([31.5, 28.0, None, 40.0]):
        done(seed, seconds)
    done(5, 99.0, service="simulator")
    done(6, 98.0, duration="10")

    kind = {"duration": "5", "resolution": "720p"}
    model = "wan/2-5-text-to-video"
    assert ledger.durations("kie", model, kind) == [40.0, 28.0, 31.5]
    assert ledger.durations("kie", model, kind, limit=1) == [40.0]
    assert ledger.durations("kie", model, {"duration": "10"}) == [98.0]
    assert ledger.durations("kie", "another", kind) == []


def test_an_upload_is_remembered_per_account(ledger):
    """The same content is uploaded once; the newest address counts; another account has its own."""
    sha = "a" * 64
    ledger.remember_upload("a1", sha, "https://example.com/1.png")
    ledger.remember_upload("a1", sha, "https://example.com/2.png")

    assert ledger.find_upload("a1", sha).url == "https://example.com/2.png"
    assert ledger.find_upload("a2", sha) is None
    assert ledger.find_upload("a1", "another") is None


def test_a_picture_address_is_remembered(ledger):
    """What it served when it was first used; the newest word counts."""
    url = "https://example.com/cat.png"
    assert ledger.find_url(url) is None
    for digit in ("1", "2"):
        ledger.remember_url(url, {"sha256": digit * 64, "label": "cat.png", "url": url})

    assert ledger.find_url(url) == {"sha256": "2" * 64, "label": "cat.png", "url": url}
