"""What is pressed in a live card: each press is taken once, and what is said of money and pictures is true."""

import contextlib
import threading
import time

import pytest
from PIL import Image

import kie_nb as kie
from kie_nb.handles import get_session
from kie_nb.notebook.card import Card
from kie_nb.notebook.card_data import card_data_of
from kie_nb.notebook.panel.queue import row_of
from kie_nb.notebook.video import sent_picture
from kie_nb.simulator import Fault

TEXT = "wan/2-5-text-to-video"


def until(condition):
    """Wait for *condition*."""
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def press(card, **content):
    """What a page sends."""
    card.widget._handle_custom_msg({"run": card.widget.runs[0]["id"], **content}, [])


def test_a_press_buys_once_for_the_number_that_it_names(simulate):
    """A double click, a second page, and a page that was loaded anew while a cell computed name the same one."""
    simulate()
    card = Card(kie.generate("Waves.", model=TEXT).wait())
    number = card.widget.runs[0]["offer"]
    for _ in range(3):
        press(card, kind="another", number=number)
    until(lambda: card.widget.runs[0]["offer"] == number + 1)
    press(card, kind="another", number=number)  # it was on its way all the time
    time.sleep(0.3)
    assert len(kie.runs()) == 2

    press(card, kind="another", number=number + 1)
    until(lambda: len(kie.runs()) == 3)


def test_what_was_given_up_is_paused_on_every_screen_until_it_is_resumed(simulate):
    """A key that is refused while the task is under way: then its card, the panel's row and the table say the same."""
    simulator = simulate(faults=[Fault(call="record", kind="401")])
    run = kie.generate("Waves.", model=TEXT)
    card = Card(run)
    card._runs[0].begin()
    until(lambda: card.widget.runs[0]["acts"] == ["resume"])

    assert (card.widget.runs[0]["word"], card.widget.runs[0]["clock"]) == ("Paused", None)
    row = row_of(run.row, run)
    assert (row["word"], row["buttons"]) == ("Paused", ["resume"])
    assert "paused" in repr(kie.runs())

    simulator.set_faults([])
    press(card, kind="resume")
    until(lambda: run.state == "fetched")
    until(lambda: card.widget.runs[0]["word"] in {"Preparing video", "Done"})
    assert len(simulator.tasks) == 1


def test_an_answer_that_is_given_twice_counts_once(simulate):
    """Two workers have one half of a double click each."""
    simulate()
    card = Card(kie.generate("Waves.", model=TEXT).wait())
    done, gate = [], threading.Barrier(2, timeout=0.5)

    class Slow(tuple):
        """Answers that two workers look at in the same moment."""

        __slots__ = ()

        def __len__(self):
            with contextlib.suppress(threading.BrokenBarrierError):
                gate.wait()
            return super().__len__()

    card._answers = (1, Slow([("Yes", lambda: done.append(1))]))
    for _ in range(2):
        press(card, kind="answer", turn=1, place=0)
    time.sleep(1.5)

    assert done == [1]


def test_a_run_that_was_joined_is_not_said_to_cost_nothing_once_it_is_over(simulate):
    """Its outcome may be unknown, and then it may cost its price."""
    simulate(faults=[Fault(call="create", kind="lost_reply")])
    with pytest.raises(kie.OutcomeUnknown):
        kie.generate("Waves.", model=TEXT).wait()
    (run,) = kie.runs()
    assert run.state == "unknown"

    assert not any("charge" in text for text, _, _ in card_data_of(run, how="joined").badges)


def test_a_picture_that_was_altered_is_not_shown_as_the_one_that_was_sent(simulate, cat, tmp_path):
    """Neither in a card nor in a report."""
    simulate()
    exp = kie.Experiment("moods", prompt="The cat smiles.", image=cat, seed=[1]).run()
    exp.wait()
    (run,) = exp.runs
    assert sent_picture(run, 100, 50_000)
    assert "sha256" in exp.report(tmp_path / "before.html").read_text(encoding="utf-8")
    (kept,) = (tmp_path / "kie-runs" / "inputs").iterdir()
    Image.new("RGB", (400, 400)).save(kept)

    assert sent_picture(run, 100, 50_000) is None
    shown = exp.report(tmp_path / "after.html").read_text(encoding="utf-8")
    assert f"sha256 {run.request.image.sha256[:12]}" not in shown


def test_another_is_asked_for_from_the_cell_of_the_card(simulate):
    """Which need not be the one that was run last; nor is it a cell of an experiment."""
    simulate()
    run = kie.generate("Waves.", model=TEXT).wait()

    another = get_session().another(run, cell=3)

    assert another.row.origin["execution_count"] == 3
    assert another.seed != run.seed
