"""Frames of runs, and clips that chain by them: the last frame of one is the first of the next."""

import hashlib
import io

import av
import numpy as np
import pytest
from PIL import Image, ImageDraw

import kie_nb as kie
from kie_nb.handles import get_session
from kie_nb.simulator import Fault

SHORT_S = 60
pytestmark = pytest.mark.filterwarnings("ignore:run-.* is small")  # the simulator's videos are, in tests
TEXT = "wan/2-5-text-to-video"


@pytest.fixture
def service(simulate):
    return simulate()


@pytest.fixture
def first(service):
    return kie.generate("A hill.", model=TEXT, seed=7).wait(SHORT_S)


def pictures(path):
    with av.open(str(path)) as film:
        return [np.asarray(frame.to_image()) for frame in film.decode(video=0)]


def test_a_frame_is_what_the_video_shows(first):
    """By number, from the end, or by seconds; a picture of Pillow like any other."""
    shown = pictures(first.video)
    last = len(shown) - 1

    for at, number in ((0, 0), (-1, last), (last, last), (-last, 1), (0.6, 2), (np.int64(3), 3), (5.0, last)):
        found = first.frame(at)
        assert isinstance(found, Image.Image)
        assert np.abs(np.asarray(found).astype(int) - shown[number]).mean() < 4
    first.frame(-1).resize((8, 8)).save(io.BytesIO(), "PNG")


@pytest.mark.parametrize(
    ("at", "words"),
    [(20, "has 20 frames"), (-21, "has 20 frames"), (5.5, "lasts 5.000 s"), (-0.5, "from its start")]
    + [(at, "use a whole number") for at in ("last", True, None, float("nan"))],
    ids=str,
)
def test_a_frame_that_is_not_there(first, at, words):
    """The message says what there is."""
    with pytest.raises(kie.InvalidRequest, match=words):
        first.frame(at)


def test_a_clip_goes_on_from_the_last_frame_of_another(first, service):
    """The frame is sent as it is; both runs, their history and their screens name each other."""
    frame = first.frame(-1)

    second = kie.generate("It goes on.", image=frame, seed=8).wait(SHORT_S)

    image = second.request.image
    sent = next(call for call in service.tasks if call.task_id == second.task_id)
    kept = second.ledger.files.find_input(image.sha256)
    assert hashlib.sha256(kept.read_bytes()).hexdigest() == image.sha256
    assert np.array_equal(np.asarray(Image.open(kept)), np.asarray(frame))
    assert image.sha256[:32] in sent.input["image_url"]
    link = {"run": first.id, "frame": 19, "role": "image", "sha256": image.sha256}
    assert second.row.origin["sources"] == [link]
    assert second.origin["made_of"] == f"frame 19 of run {first.id[:8]}"
    assert first.history()[-1]["evidence"] == {"continued by": {**link, "run": second.id}}
    assert f"run-{first.id[:8]}-frame-19" in second.request.image.label


def test_a_chain_is_bought_once(first, service):
    """Run All shows it, even where another decoder draws the frame a little otherwise: what was sent is sent again."""
    chain = [first]
    for word in ("two", "three"):
        chain.append(kie.generate(f"Clip {word}.", image=chain[-1].frame(-1), seed=7).wait(SHORT_S))
    creates = service.counts["create"]
    kept = first.ledger.files.find_input(chain[1].request.image.sha256)
    other = Image.open(kept)
    assert first.frame(19) == other.convert("RGB")

    again = kie.generate("Clip two.", image=first.frame(-1), seed=7)
    film = kie.join(chain, "film.mp4")

    assert again is chain[1]
    assert service.counts["create"] == creates
    assert len(pictures(film.video)) == 3 * 20 - 2
    assert "left out as doubled, after clip" in film.history()[0]["evidence"]["joined"]


def test_what_was_drawn_into_a_frame_is_another_picture(first):
    """It is sent as it looks, and no link is recorded: it is no frame of the run any more."""
    frame = first.frame(-1)
    ImageDraw.Draw(frame).rectangle((0, 0, 20, 20), fill="white")

    prepared = get_session().prepare("p", image=frame)
    small = get_session().prepare("p", image=first.frame(-1).resize((400, 300)))

    assert (prepared.links, small.links) == ((), ())
    assert len(get_session().prepare("p", image=first.frame(-1)).links) == 1


def test_a_video_is_waited_for(service):
    """One that is under way, and one whose file is gone; of a run that failed the error is raised."""
    run = kie.generate("A hill.", model=TEXT, seed=7)
    assert run.frame(0).size == (160, 90)
    run.video.unlink()
    assert run.frame(0).size == (160, 90)

    service.set_faults([Fault(call="task", kind="fail")])
    failed = kie.generate("Another hill.", model=TEXT, seed=7)
    with pytest.raises(kie.TaskFailed):
        failed.frame(0)


def test_another_seed_of_a_chained_clip_keeps_the_link(first, service):
    """It is made of the same frame."""
    second = kie.generate("It goes on.", image=first.frame(-1), seed=8).wait(SHORT_S)

    other = get_session().another(second).wait(SHORT_S)

    assert other.row.origin["sources"] == second.row.origin["sources"]
