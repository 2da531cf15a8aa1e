"""Generate: bought once, what the page shows, within the limits, and what was there before is shown."""

import json
import re
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import ipywidgets
import owners
import pytest
from ipywidgets.widgets.widget import _instances

import kie_nb as kie
from kie_nb import settings
from kie_nb.handles import get_session
from kie_nb.notebook.panel import Panel
from kie_nb.notebook.panel.draft_sources import draft_of, draft_of_video
from kie_nb.requests import prepare
from kie_nb.simulator import Fault

TEXT = "wan/2-5-text-to-video"


@pytest.fixture
def buy(filled):
    """Press Generate and wait until it has been worked on."""

    def press():
        filled.free()
        filled.click()
        filled.free()

    return press


def test_a_double_click_buys_once(filled):
    """Also where ten presses of a busy minute arrive together, and where one comes late."""
    number = filled.offer["number"]
    for _ in range(10):
        filled.click()
    filled.until(kie.runs)
    filled.free()
    filled.send("press", number=number, form={})
    time.sleep(0.3)

    assert len(kie.runs()) == 1


def test_a_press_brings_what_the_fields_hold(filled):
    """It can overtake the end of what was typed."""
    filled.click(values={"prompt": "The cat yawns."}, seed="41")
    filled.until(kie.runs)

    assert kie.runs()[0].prompt == "The cat yawns."
    assert kie.runs()[0].seed == 41


def test_a_press_for_a_price_that_nobody_knows_buys_nothing(filled):
    """It was shown by a panel that is gone."""
    filled.send("press", number=filled.offer["number"] + 100, form={})
    filled.until(lambda: "look at it and press again" in filled.says)

    assert not kie.runs()


def test_what_costs_more_than_is_shown_is_not_bought(simulator, filled, monkeypatch):
    """The price on the button is what a press agrees to; the next press is for the new one."""
    monkeypatch.setattr(sys.modules["kie_nb.notebook.panel.checking"], "CHECK_S", 2.0)
    filled.write(duration="10", resolution="1080p")
    filled.click()
    filled.until(lambda: "changed after its price was shown" in filled.says)
    assert "200 credits" in filled.says
    assert simulator.counts["create_requests"] == 0

    filled.until(lambda: "200 credits" in filled.money)
    filled.free()
    filled.click()
    filled.until(kie.runs)
    assert kie.runs()[0].estimate.credits == 200


def test_more_videos_than_are_shown_are_not_bought(simulator, filled, monkeypatch):
    """Each of them has its price."""
    monkeypatch.setattr(sys.modules["kie_nb.notebook.panel.checking"], "CHECK_S", 2.0)
    filled.click(count=3)
    filled.until(lambda: "3 videos: 180 credits" in filled.says)

    assert simulator.counts["create_requests"] == 0


def test_another_prompt_is_not_bought_where_nothing_was_to_be_spent(simulator, filled, cat, monkeypatch):
    """What was shown was a video that is there; a video of the new prompt is not."""
    kie.generate("The cat smiles.", image=cat, seed=5).wait()
    filled.view.seed = "5"
    filled.until(lambda: "Already yours" in filled.money)
    monkeypatch.setattr(sys.modules["kie_nb.notebook.panel.checking"], "CHECK_S", 2.0)
    filled.write(prompt="The cat yawns.")
    filled.click()
    filled.until(lambda: "60 credits" in filled.says)

    assert simulator.counts["create_requests"] == 1


@pytest.fixture
def left(simulator, cat):
    """The row of a request that a kernel had written down when it died."""
    session = get_session()
    prepared = session.prepare("The cat smiles.", image=cat, seed=5)
    gone = replace(prepare.new_run(prepared), **owners.dead())
    return session.ledger(prepared.home).intend(gone)[0]


@pytest.mark.usefixtures("left")
def test_what_was_left_unsent_has_its_price(filled):
    """Generate takes it back and sends it: that is paid for."""
    filled.view.seed = "5"
    time.sleep(0.5)
    filled.until(lambda: "credits" in filled.money)

    assert "60 credits" in filled.money
    assert "Already yours" not in filled.money


def test_what_was_left_unsent_is_no_trouble_once_it_is_sent(simulator, filled, left, buy):
    """The row goes, and its request is on its way: nobody is told to press Generate for it."""
    filled.view.seed = "5"
    filled.until(lambda: filled.rows and "before it was sent" in filled.rows[0]["why"])
    filled.until(lambda: "60 credits" in filled.money)
    buy()
    filled.until(lambda: (left.id, "not_sent") in filled.panel.queue.told)
    filled.until(lambda: any(run.state == "fetched" for run in kie.runs()))
    time.sleep(0.5)  # what would be said of the other is said on a worker

    assert "never sent" not in filled.says
    assert not filled.is_bad
    assert simulator.counts["create_requests"] == 1


def test_a_random_seed_is_drawn_for_each_and_a_number_stays(filled, buy):
    """The field is never changed by a press; the seed beside the result is that result's."""
    buy()
    buy()
    assert filled.view.seed == ""
    assert len({run.seed for run in kie.runs()}) == 2
    filled.until(lambda: filled.view.result["seed"] in {str(run.seed) for run in kie.runs()})

    filled.view.seed = "41"
    buy()
    assert filled.view.seed == "41"
    assert kie.runs()[0].seed == 41
    filled.until(lambda: "Already yours" in filled.money)
    assert filled.offer["label"] == "Show · no charge"
    buy()
    filled.until(lambda: filled.view.result["badge"] == "Already yours · no charge")
    assert len(kie.runs()) == 3


def test_several_videos_count_the_seed_up_and_are_asked_for_once(filled, buy):
    """All are checked before the first is sent; then one is asked for again."""
    filled.view.seed = "41"
    filled.view.count = 3
    filled.until(lambda: filled.offer["label"] == "Generate 3 · free")
    assert filled.offer["below"] == "at Kie.ai 180 credits ($0.90)"
    buy()

    assert sorted(run.seed for run in kie.runs()) == [41, 42, 43]
    assert filled.view.count == 1
    filled.until(lambda: [tile["seed"] for tile in filled.view.film] == [43, 42, 41])


def test_what_is_watched_stays_until_the_next_can_be_played(filled, buy, simulate):
    """Pressing Generate takes nothing from under the user's eyes; a click on the strip decides."""
    buy()
    filled.until(lambda: filled.view.result.get("isThere"))
    first = filled.view.result["id"]
    seen = []
    filled.view.observe(lambda change: seen.append((change["new"]["id"], change["new"]["isThere"])), "result")
    buy()
    filled.until(lambda: filled.view.result["id"] != first)

    assert all(is_there for _, is_there in seen)
    filled.send("show", id=first)
    filled.until(lambda: filled.view.result["id"] == first)
    filled.until(lambda: [tile["word"] for tile in filled.view.film] == ["Done", "Done"])


def test_another_seed_makes_another_of_the_run_that_is_shown(filled, buy):
    """For the price on its button, once; the form stays as it is."""
    buy()
    filled.until(lambda: filled.view.result.get("isThere"))
    filled.write(prompt="The cat yawns.")
    filled.until(lambda: filled.is_on)
    first = filled.view.result["id"]
    assert filled.offer["isFree"]
    number = filled.offer["number"]
    for _ in range(3):
        filled.send("another", number=number, id=first)
    filled.until(lambda: len(kie.runs()) == 2)
    filled.free()

    new, old = kie.runs()
    assert new.request.with_seed(1) == old.request.with_seed(1)
    assert new.seed != old.seed
    assert filled.form.read().fields["prompt"] == "The cat yawns."


def test_another_seed_of_a_simulated_run_is_not_free_where_money_is_asked_for(
    simulator, filled, buy, monkeypatch
):
    """It is asked for by the way of now, whose price stands on the button."""
    buy()
    filled.until(lambda: filled.view.result.get("isThere"))
    monkeypatch.setenv("KIE_API_KEY", "sk-" + "7" * 32)
    kie.configure(service="kie")
    filled.until(lambda: "paid" in filled.view.head["badge"])
    filled.free()

    assert not filled.offer["isFree"]
    assert filled.view.result["another"] == "60 credits ($0.30)"


@pytest.mark.parametrize("why", ["busy", "pausing", "refused"])
def test_a_page_does_not_wait_for_a_press_that_was_not_taken(simulator, filled, why):
    """The number of each press is told back: until then its page sends no other."""
    number = filled.offer["number"]
    if why == "busy":
        filled.panel.submission.claim()
    elif why == "pausing":
        filled.panel.submission.release()
    else:
        kie.configure(max_credits=1.0)
        filled.write(prompt="The cat yawns.")
        filled.until(lambda: filled.offer["refusal"])
    filled.send("press", number=number, form={})
    filled.until(lambda: filled.offer["spent"] == number)
    if why == "busy":
        filled.panel.submission.release()
    filled.free()

    assert simulator.counts["create_requests"] == 0


def test_the_settings_of_a_run_are_taken_over_with_a_new_seed_or_with_its_own(filled, buy):
    """What is asked for next is said in the seed's field."""
    filled.view.seed = "41"
    buy()
    filled.write(prompt="The cat yawns.")
    for with_seed, seed in ((False, ""), (True, "41")):
        filled.send("reuse", id=kie.runs()[0].id, seed=with_seed)
        filled.until(lambda: "The form is filled" in filled.says)
        filled.panel.say("")
        assert filled.form.read().fields["prompt"] == "The cat smiles."
        assert filled.view.seed == seed


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize("how", ["max_credits", "budget", "balance"])
def test_over_the_limit_it_is_off_and_says_why(simulator, filled, how, monkeypatch):
    """In the words that a cell would raise; the next smaller wish turns it on again."""
    if how == "balance":
        monkeypatch.setattr(sys.modules["kie_nb.notebook.panel.checking"], "BALANCE_S", 0.0)
        simulator.set_balance(70)
    elif how == "budget":
        kie.budget(70)
    else:
        kie.configure(max_credits=70)
    filled.write(resolution="1080p")
    words = {
        "max_credits": "would exceed configure(max_credits=",
        "budget": "would exceed your budget",
        "balance": "does not cover",
    }
    filled.until(lambda: not filled.is_on and words[how] in filled.money)
    assert "\n" in filled.offer["refusal"]  # and what to do

    filled.click()
    assert filled.panel.submission.is_ready
    assert len(kie.runs()) == 0
    filled.write(resolution="720p")
    filled.until(lambda: filled.is_on)


@pytest.mark.usefixtures("paid")
def test_all_or_none_of_several(filled):
    """A budget that holds two of three buys none."""
    kie.budget(150)
    filled.view.count = 3
    with pytest.raises(kie.BudgetExceeded):
        filled.panel.generate()

    assert not kie.runs()


@pytest.mark.usefixtures("paid")
def test_a_request_that_was_made_costs_nothing_over_any_budget(filled, cat):
    """It is shown, and the panel says so before."""
    made = kie.generate("The cat smiles.", image=cat, seed=5).wait()
    kie.budget(60)
    filled.view.seed = "5"
    filled.until(lambda: "Already yours" in filled.money)
    (run,) = filled.panel.generate()

    assert run is made
    assert "Nothing was spent now" in filled.says


def test_a_request_of_unknown_outcome_is_not_said_to_be_shown(simulator, filled, cat):
    """Generate would be refused, so it is off, and what to do stands beside it."""
    simulator.set_faults([Fault(call="create", kind="lost_reply", times=1)])
    with pytest.raises(kie.OutcomeUnknown):
        kie.generate("The cat smiles.", image=cat, seed=5)
    filled.view.seed = "5"
    filled.until(lambda: kie.runs()[0].id[:8] in filled.money)

    assert "Already yours" not in filled.money
    assert "settle it below" in filled.money
    assert not filled.is_on
    filled.view.seed = "6"
    filled.until(lambda: filled.is_on)


@pytest.mark.usefixtures("paid")
def test_a_request_with_an_address_that_was_made_costs_nothing_over_any_budget(page, cat):
    """As in a cell: what the address served is recorded."""

    async def hand_in():
        async with kie.AsyncKie() as client:
            return await client.upload(cat.read_bytes(), "cat.png", mime="image/png")

    made = kie.generate("The cat smiles.", image=kie.run(hand_in()).url, seed=5).wait()
    kie.budget(60)
    page.panel.fill(made)
    page.until(lambda: "Already yours" in page.money)

    assert page.is_on
    assert "unless its address serves another picture now; then 60 credits" in page.money
    assert list(page.panel.generate()) == [made]


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (Fault(call="create", kind="402"), "Charged: nothing"),
        (Fault(call="create", kind="lost_reply"), "Charged: nothing: simulated"),
        (Fault(call="task", kind="fail_moderation"), "Charged: nothing"),
    ],
    ids=["refused", "lost", "failed"],
)
def test_what_goes_wrong_is_said_once(simulator, filled, buy, fault, words):
    """Beside the run if that is shown, else in the message line: at once, or at the end of a run that nobody waits for."""
    simulator.set_faults([fault])
    buy()
    filled.until(lambda: words in filled.says or words in filled.view.result.get("error", ""))
    time.sleep(0.3)

    assert (words in filled.says) + (words in filled.view.result.get("error", "")) == 1


def test_an_error_of_our_own_stands_there_too(filled, monkeypatch, caplog):
    """A bug in a callback is not swallowed, be it a field's, a message's or a clock's."""
    for place, name, act in (
        (filled.form, "read", lambda: setattr(filled.view, "chosen", TEXT)),
        (filled.form.picture, "send_still", lambda: filled.send("hello")),
        (filled.panel.run_view, "_flush", lambda: filled.panel.run_view.show(kie.runs()[0])),
        (filled.panel.queue, "tick", filled.panel.tick),
    ):
        if name == "_flush":
            filled.panel.generate()
        filled.panel.say("")
        with monkeypatch.context() as patch:
            patch.setattr(place, name, lambda *_: 1 / 0)
            act()
            filled.until(lambda: "ZeroDivisionError" in filled.says)

    assert "ZeroDivisionError" in caplog.text


def test_a_key_that_is_refused_is_said(simulator, filled):
    """Beside the balance that is not known for it."""
    simulator.set_faults([Fault(call="credits", kind="401", times=99)])
    filled.panel.checking._has_paid = True  # the balance that was read is an old one
    filled.write(prompt="The cat yawns.")

    filled.until(
        lambda: "balance not known: " in filled.view.head["balance"] and "key" in filled.view.head["balance"]
    )


def test_who_answers_now_is_said_before_anything_is_bought(simulator, filled, monkeypatch):
    """A cell that chooses the paid service changes the price that is shown; a press meant the one before."""
    monkeypatch.setattr(sys.modules["kie_nb.notebook.panel.checking"], "CHECK_S", 3.0)
    monkeypatch.setenv("KIE_API_KEY", "sk-" + "7" * 32)
    filled.click()
    kie.configure(service="kie")
    filled.until(
        lambda: (
            "via 127.0.0.1" in filled.says
            and "answers now, not the simulator: nothing was sent." in filled.says
        )
    )
    assert simulator.counts["create_requests"] == 0

    filled.until(lambda: "paid" in filled.view.head["badge"] and "free" not in filled.money)
    filled.free()
    filled.click()
    filled.until(kie.runs)
    assert [run.service for run in kie.runs()] == ["kie"]


@pytest.mark.usefixtures("paid")
@pytest.mark.parametrize("how", ["budget", "environment"])
def test_a_limit_that_a_cell_takes_away_turns_it_on_again(filled, how, monkeypatch, tmp_path):
    """No field has to be touched for it."""
    kie.budget(50)
    filled.write(prompt="The cat yawns.")
    filled.until(lambda: not filled.is_on and "would exceed your budget" in filled.money)
    if how == "budget":
        kie.budget(None)
    else:
        monkeypatch.setenv("KIE_NB_HOME", str(tmp_path / "another"))

    filled.until(lambda: filled.is_on and "would exceed your budget" not in filled.money)


def test_wrong_settings_show_no_price(filled, monkeypatch):
    """An old one would not be true, and nothing can be bought for it."""
    monkeypatch.setenv("KIE_NB_WAIT", "perhaps")
    filled.until(lambda: "KIE_NB_WAIT" in filled.says and "The price is not known." in filled.money)

    assert not filled.is_on
    monkeypatch.delenv("KIE_NB_WAIT")
    filled.until(lambda: filled.is_on)


def test_after_a_lost_reply_the_line_says_so(simulator, filled, buy):
    """It may be billed: the estimate of before would be for another one."""
    simulator.set_faults([Fault(call="create", kind="lost_reply", times=1)])
    filled.view.seed = "5"
    buy()

    filled.until(lambda: "settle it below" in filled.money)


def test_the_next_step_is_one_in_the_panel(simulator, filled, buy):
    """There is no cell to run again."""
    simulator.set_faults([Fault(call="create", kind="402", times=1)])
    buy()
    filled.until(lambda: "then press Generate again" in filled.says + filled.view.result.get("error", ""))


@pytest.mark.usefixtures("paid")
def test_a_run_of_the_panel_keeps_its_notebook_and_remarks(simulator, filled, buy, monkeypatch):
    """As one of a cell: by the notebook its budget counts, and what the ledger has to say is said."""
    monkeypatch.setenv("KIE_NB_NOTEBOOK", "cats.ipynb")
    get_session().here._remarks = ["The ledger was copied."]
    kie.budget(60)
    filled.panel._cell = 7
    said = []
    filled.view.observe(lambda change: said.append(change["new"]["text"]), "line")
    buy()
    (run,) = filled.until(kie.runs)

    assert (run.origin["notebook"], run.origin["execution_count"]) == ("cats.ipynb", 7)
    filled.until(lambda: "git" in kie.runs()[0].row.origin)
    filled.until(lambda: any("The ledger was copied." in words for words in said))
    filled.until(lambda: not filled.is_on and "would exceed your budget" in filled.money)


def test_a_closed_panel_leaves_nothing(simulator, cat):
    """No widget, no listener, no worker."""
    before, threads = set(_instances), workers()
    panel = Panel()
    run = kie.generate("The cat smiles.", image=cat, seed=5)
    panel.run_view.show(run)
    panel.view.chosen = TEXT
    run.wait()
    panel.close()
    wait_until(lambda: not set(_instances) - before)
    wait_until(lambda: not workers() - threads)
    panel.close()

    assert get_session().tracked(run).listeners == []


def workers():
    return {each for each in threading.enumerate() if each.name.startswith("kie-nb-panel")}


def wait_until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_filling_gives_the_same_request(filled, cat):
    """From a run, a request, or an exported video: same fingerprint, nothing sent."""
    run = kie.generate("The cat yawns.", image=cat, seed=9, duration=10, nsfw_checker=False).wait()
    exported = kie.export("out", [run])
    (video,) = Path("out").rglob("*.mp4")
    assert exported

    for source in (run, run.request, video, kie.read_request(video)):
        draft = draft_of(source)
        filled.panel.fill(source)
        filled.form.picture.wait()
        read = filled.form.read()
        assert (
            read.fields
            == draft.fields
            == {
                "prompt": "The cat yawns.",
                "duration": "10",
                "resolution": "720p",
                "nsfw_checker": False,
            }
        )
        assert (read.seed, read.source.identity.sha256) == (9, run.request.image.sha256)
        assert list(filled.panel.generate()) == [run]


def test_the_ledgers_own_file_fills_the_form(filled, cat):
    """It carries no kie_nb request, but its bytes are known; another file is refused in the same words as before."""
    run = kie.generate("The cat yawns.", image=cat, seed=9).wait()
    filled.give(run.video)
    filled.until(lambda: "The form is filled" in filled.says)

    assert list(filled.panel.generate()) == [run]
    filled.panel.fill(run.video)
    with pytest.raises(kie.InvalidRequest, match="carries no kie_nb request"):
        draft_of_video(run.video.read_bytes() + b"\0", "other.mp4")


def test_white_space_around_a_prompt_is_part_of_the_request_that_is_filled_in(page, cat):
    """Its settings ask for the same run; a prompt that is changed is taken as a cell takes it."""
    run = kie.generate("  The cat yawns.\n", image=cat, seed=9).wait()
    page.panel.fill(run)

    assert list(page.panel.generate()) == [run]
    page.write(prompt=" The cat smiles.\n")
    assert page.form.read().fields["prompt"] == "The cat smiles."


def test_nothing_heavy_or_secret_is_in_any_widgets_state(filled, buy, monkeypatch):
    """What a notebook would save: no key, no picture, no video, a few kilobytes."""
    settings.set_key("sk-very-secret")
    settings.configure(service="simulator")
    buy()
    filled.until(lambda: kie.runs()[0].state == "fetched")
    filled.until(lambda: filled.view.result.get("isThere"))
    filled.until(lambda: not filled.rows and not filled.panel.queue._busy)  # no widget comes or goes below

    held = states_under(filled.panel.box.model_id)
    own = [{name: value for name, value in each.items() if name not in {"_esm", "_css"}} for each in held]

    assert len(held) > 10
    assert "sk-very-secret" not in json.dumps(held, default=repr)
    assert not any(isinstance(value, bytes | memoryview) for each in held for value in each.values())
    assert "data:" not in json.dumps(own)
    assert len(json.dumps(own)) < 60_000


def states_under(model_id):
    """The state of a widget and of all that it refers to, as a notebook would save it."""
    known = ipywidgets.Widget.get_manager_state(drop_defaults=True)["state"]
    found, todo = {}, [model_id]
    while todo:
        each = todo.pop()
        if each not in found:
            found[each] = known[each]["state"]
            todo += re.findall(r"IPY_MODEL_(\w+)", json.dumps(found[each], default=repr))
    return list(found.values())
