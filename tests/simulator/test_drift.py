"""A model that drifts: how far, whereby, and that without it nothing has changed."""

import os
import subprocess
import sys

import pytest

from kie_nb.simulator import Simulator
from kie_nb.simulator.draw import Plan, draw
from kie_nb.simulator.simulation import DRIFT_VARIABLE, checked_drift
from kie_nb.video import compare_videos


def plan(**changes):
    fields = {"prompt": "a boat", "seed": 4, "seconds": 1.0, "short_side": 720, "model": "m", "tiny": True}
    return Plan(**(fields | changes))


@pytest.fixture
def drawn(tmp_path):
    def drawn(**changes):
        made = plan(**changes)
        draw(made, tmp_path / f"{made.digest()}.mp4")
        return tmp_path / f"{made.digest()}.mp4"

    return drawn


@pytest.mark.slow
@pytest.mark.parametrize("with_picture", [True, False])
def test_the_distance_grows_with_the_drift(drawn, picture, with_picture):
    """From the video without drift, and between two tasks of one request, which are further apart than that."""
    image = picture if with_picture else None
    steps = (0.02, 0.1, 0.3, 1.0)
    still = drawn(image=image)

    to_still, to_each_other = [], []
    for drift in steps:
        one, other = (drawn(image=image, drift=drift, task=task) for task in (1, 2))
        to_still.append(compare_videos(still, one).distance)
        to_each_other.append(compare_videos(one, other).distance)

    assert to_still == sorted(to_still)
    assert to_each_other == sorted(to_each_other)
    assert 0 < to_still[0] < 0.05
    assert to_still[-1] > 0.1
    assert all(two > one for one, two in zip(to_still, to_each_other, strict=True))


def test_one_task_is_always_drawn_alike(drawn, tmp_path):
    """Its number decides where to it drifts: a simulator that was restarted draws it again, byte for byte."""
    first = drawn(drift=0.3, task=5).read_bytes()
    draw(plan(drift=0.3, task=5), tmp_path / "again.mp4")

    assert (tmp_path / "again.mp4").read_bytes() == first
    assert drawn(drift=0.3, task=6).read_bytes() != first
    assert drawn(drift=0.31, task=5).read_bytes() != first


def test_without_drift_the_number_of_a_task_changes_nothing(drawn):
    """The name under which a video is kept is that of earlier versions, so that it is found again."""
    assert (
        plan(seconds=5.0).digest() == plan(seconds=5.0, task=3).digest() == "201393c4f3b3ec20a87003c4903a1c3e"
    )
    assert drawn().read_bytes() == drawn(task=3).read_bytes()


def bytes_of(simulator, client, **given):
    task = client.created(**given)
    client.ended(task)
    return next(view.video for view in simulator.tasks if view.task_id == task).read_bytes()


def test_the_same_request_gives_the_same_bytes_or_not(simulate):
    """As the switch says, also when it is turned while the simulator runs."""
    simulator, client = simulate()
    steady = {bytes_of(simulator, client) for _ in range(2)}
    simulator.set_drift(0.4)
    drifting = {bytes_of(simulator, client) for _ in range(2)}
    simulator.set_drift(0)

    assert (len(steady), len(drifting), len(steady & drifting)) == (1, 2, 0)
    assert bytes_of(simulator, client) in steady
    assert simulator.drift == 0.0


def test_a_fresh_simulator_drifts_the_same_way_again(simulate):
    """The number of a task and not its id: a rehearsal can be repeated."""
    made = [[bytes_of(*pair) for _ in range(2)] for pair in (simulate(drift=0.4), simulate(drift=0.4))]

    assert made[0] == made[1]
    assert made[0][0] != made[0][1]


def test_the_environment_sets_what_is_not_given(monkeypatch):
    """And what is given goes before it."""
    monkeypatch.setenv(DRIFT_VARIABLE, " 0.25 ")

    assert (Simulator().drift, Simulator(drift=0.5).drift, Simulator(drift=0).drift) == (0.25, 0.5, 0.0)


@pytest.mark.parametrize(
    ("given", "text", "words"),
    [
        (-0.1, "", "-0.1"),
        (1.1, "", "1.1"),
        (True, "", "True"),
        ("0.5", "", "'0.5'"),
        (float("nan"), "", "nan"),
        (None, "much", "'much'"),
        (None, "2", "2.0"),
        (None, "nan", "nan"),
    ],
)
def test_what_is_no_drift_is_refused(given, text, words):
    """At once, and the value is named."""
    with pytest.raises(ValueError, match="from 0 to 1, not") as caught:
        checked_drift(given, {DRIFT_VARIABLE: text})

    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("environ", "drift"), [({}, 0.0), ({DRIFT_VARIABLE: ""}, 0.0), ({DRIFT_VARIABLE: "1"}, 1.0)]
)
def test_nothing_is_no_drift(environ, drift):
    """The default is the request alone."""
    assert checked_drift(None, environ) == drift


def test_the_command_tells_of_it_and_refuses_nonsense():
    """`--help` names the option; a value out of range ends the command with a sentence."""
    command = [sys.executable, "-m", "kie_nb.cli", "simulator"]
    helped, refused = (
        subprocess.run(
            [*command, *words], capture_output=True, text=True, timeout=60, check=False, env=os.environ
        )
        for words in (["--help"], ["--port", "0", "--drift", "7"])
    )

    assert "--drift" in helped.stdout
    assert DRIFT_VARIABLE in helped.stdout
    assert (refused.returncode, refused.stderr) == (
        2,
        "kie-nb simulator: drift must be a number from 0 to 1, not 7.0\n",
    )
