"""The wall's widget as a front end meets it: small state, videos on demand, marks in the ledger, errors in its own line."""

import pytest

DEFINE = """
import kie_nb as kie
exp = kie.Experiment("smile", image="cat.png", seed=range(2), prompt="The cat smiles.")
exp.run().wait(120)
"""
VIEW = "application/vnd.jupyter.widget-view+json"


@pytest.fixture(scope="module")
def wall(shared):
    """A kernel that shows a wall of two videos, and the id of its widget."""
    kernel = shared.kernel(shared.simulate(speed=50.0, tiny=True), KIE_NB_WAIT="")
    assert kernel.run(DEFINE, timeout_s=120).status == "ok"
    cell = kernel.run("exp.wall()")
    bundle = cell.outputs[-1]["data"]
    return kernel, bundle


def answer(wall, content, *kinds):
    """What the kernel says to a message of the front end."""
    kernel, bundle = wall
    widget, before = bundle[VIEW]["model_id"], len(kernel.comms)
    kernel.tell(widget, content)
    return kernel.until(
        lambda: next(
            (
                message
                for message in kernel.comms[before:]
                if message["comm_id"] == widget and message["data"].get("content", {}).get("kind") in kinds
            ),
            None,
        )
    )


def test_beside_the_widget_stands_a_page(wall):
    """And the state of the widget holds no video."""
    kernel, bundle = wall
    assert set(bundle) == {VIEW, "text/html", "text/plain"}
    assert "data-kie-wall" in bundle["text/html"]
    assert bundle["text/plain"] == "<Wall smile: 2, 2 videos>"

    opened = next(message for message in kernel.comms if message["comm_id"] == bundle[VIEW]["model_id"])
    state = dict(opened["data"]["state"])
    assert state.pop("_esm")
    assert state.pop("_css")
    assert len(str(state)) < 4000


def test_videos_are_sent_when_they_are_looked_at(wall):
    """With what the front end must know to step through them."""
    found = answer(wall, {"kind": "want", "tiles": [1]}, "media")

    content = found["data"]["content"]
    assert (content["tile"], content["fps"], content["frames"]) == (1, 4.0, 20)
    still, video = found["buffers"]
    assert bytes(still[:2]) == b"\xff\xd8"
    assert bytes(video[4:8]) == b"ftyp"


def test_marks_reach_the_ledger(wall):
    """A rating, its taking away, and a tag."""
    kernel, _ = wall
    assert answer(wall, {"kind": "rate", "tile": 0, "stars": 5}, "marked")["data"]["content"]["rating"] == 5
    assert kernel.value("kie.get(exp.runs[0].id).rating") == "5"
    answer(wall, {"kind": "tag", "tile": 0, "tag": "steady"}, "marked")
    answer(wall, {"kind": "rate", "tile": 0, "stars": None}, "marked")
    assert kernel.value("(exp.runs[0].rating, exp.runs[0].tags)") == "(None, ('steady',))"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ({"kind": "rate", "tile": 1, "stars": 9}, "use 1 to 5"),
        ({"kind": "rate", "tile": 1, "stars": "5"}, "use 1 to 5"),
        ({"kind": "tag", "tile": 1, "tag": ""}, "cannot be a tag"),
        ({"kind": "tag", "tile": 1, "tag": "a\x00"}, "cannot be a tag"),
    ],
)
def test_what_is_refused_is_said_on_the_wall(wall, content, told):
    """No cell would show it."""
    kernel, _ = wall

    assert told in answer(wall, content, "trouble", "marked")["data"]["content"].get("text", "")
    assert kernel.value("(exp.runs[1].rating, exp.runs[1].tags)") == "(None, ())"


def test_nonsense_does_no_harm(wall):
    """Whatever a front end sends, the kernel and the wall go on."""
    kernel, bundle = wall
    for content in ({}, [], None, {"kind": "rate"}, {"kind": "rate", "tile": 2, "stars": 5}, {"kind": "rate", "tile": True, "stars": 1},
                    {"kind": "want", "tiles": "all"}, {"kind": "want", "tiles": [-1, 99, None, {}]}):  # fmt: skip
        kernel.tell(bundle[VIEW]["model_id"], content)

    assert answer(wall, {"kind": "rate", "tile": 1, "stars": 2}, "marked")["data"]["content"]["tile"] == 1
    answer(wall, {"kind": "rate", "tile": 1, "stars": None}, "marked")
