"""Copy as cell: what is said of the cell is what running it does."""

import shutil
import time
from dataclasses import replace

import owners
import pytest
from PIL import Image

import kie_nb as kie
from kie_nb import settings
from kie_nb.handles import get_session
from kie_nb.requests import prepare
from kie_nb.simulator import Fault


@pytest.fixture
def copied(page):
    """Show a run and copy its cell; gives what is said."""

    def copy(run):
        page.panel.say("")
        page.panel.run_view.show(run)
        page.until(lambda: page.view.cell)

        def is_told():
            if "cell" not in page.says:  # a run that ends just now is told over it
                page.send("copied", id=run.id)
                time.sleep(0.3)
            return "cell" in page.says

        page.until(is_told)
        return page.says

    return copy


@pytest.fixture
def run(simulator, cat):
    return kie.generate("The cat smiles.", image=cat, seed=7).wait()


def test_a_run_that_stands_for_its_request_is_shown(copied, run):
    """As the cell does."""
    assert copied(run) == "The cell is copied. Running it shows this run and spends nothing."


def test_the_cell_of_a_failed_run_buys(copied, simulator, cat):
    """It no longer stands for its request."""
    simulator.set_faults([Fault(call="task", kind="fail_moderation", times=1)])
    with pytest.raises(kie.TaskFailed):
        kie.generate("The cat smiles.", image=cat, seed=7).wait()

    assert "asks for a new video" in copied(kie.runs()[0])
    again = kie.generate("The cat smiles.", image=cat, seed=7).wait()
    assert f"shows run {again.id[:8]}" in copied(kie.runs()[1])


def test_the_cell_of_an_unknown_run_is_refused(copied, simulator, cat):
    """Until it is settled."""
    simulator.set_faults([Fault(call="create", kind="lost_reply", times=1)])
    with pytest.raises(kie.OutcomeUnknown):
        kie.generate("The cat smiles.", image=cat, seed=7)
    run = kie.runs()[0]

    assert f"before run {run.id[:8]} is settled" in copied(run)


@pytest.fixture
def intention(simulator, cat):
    """A request that was written down and not sent, and whose it is: ``intention(owner)``."""

    def write_down(by):
        session = get_session()
        prepared = session.prepare("The cat smiles.", image=cat, seed=7)
        new = replace(prepare.new_run(prepared), **by)
        row, _is_new = session.here.intend(new)
        return session.handle(prepared.home, row)

    return write_down


def test_the_cell_of_a_run_that_is_about_to_be_sent_joins_it(copied, intention):
    """A living kernel has written it down, and its turn comes: it is paid for once."""
    assert "Running it joins this run and buys no other." in copied(intention(owners.unseen()))


def test_the_cell_of_what_a_dead_kernel_left_unsent_buys(copied, intention, cat):
    """It takes that back and sends it anew; from then on it shows what it has bought."""
    left = intention(owners.dead())
    assert "asks for a new video" in copied(left)
    bought = kie.generate("The cat smiles.", image=cat, seed=7).wait()
    assert f"shows run {bought.id[:8]}" in copied(left)


def test_at_another_service_it_is_another_request(copied, run):
    """A simulated run says nothing of what would be paid."""
    settings.set_key("sk-" + "7" * 32)
    settings.configure(service="kie")

    assert "buys a new video for 60 credits" in copied(run)


def test_a_picture_that_was_replaced_is_asked_for_by_its_kept_copy(page, copied, simulator, cat):
    """The cell that was written before names the path, which holds another picture now: that is said."""
    shutil.copy(cat, "cat.png")
    run = kie.generate("The cat smiles.", image="cat.png", seed=7).wait()
    assert "spends nothing" in copied(run)
    assert "--image cat.png" in page.view.cell
    Image.new("RGB", (640, 480), "red").save("cat.png")

    assert "take the cell once more" in copied(run)
    assert f"inputs/cat-{run.request.image.sha256[:8]}.png" in page.view.cell
    assert "spends nothing" in copied(run)


def test_no_folder_above_the_home_is_named_in_the_cell(page, simulator, cat, tmp_path, monkeypatch):
    """The text is in the widget's state, and so in the notebook."""
    folder = tmp_path / "notebook"
    folder.mkdir()
    monkeypatch.chdir(folder)
    settings.start_folder.cache_clear()
    run = kie.generate("The cat smiles.", image=cat, seed=7).wait()
    text = page.panel.cell(run)
    picture = text.split("--image ")[1].split()[0]

    assert str(tmp_path) not in text
    assert kie.generate("The cat smiles.", image=picture, seed=7) is run
