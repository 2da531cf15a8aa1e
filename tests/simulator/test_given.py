"""The simulator draws from what it is given: two frames are blended, a video's frames are shown, a sound is heard."""

import io
from fractions import Fraction

import av
import numpy as np
import pytest
import videocorpus
from PIL import Image

from kie_nb.simulator.draw import Plan, draw
from kie_nb.simulator.models import check

MIDDLE = (slice(30, 55), slice(40, 120))  # between the mark above and the words below


def flat(colour):
    stream = io.BytesIO()
    Image.new("RGB", (320, 180), colour).save(stream, "PNG")
    return stream.getvalue()


def drawn(tmp_path, **changes):
    """The frames as pictures, and the sound."""
    fields = {"prompt": "p", "seed": 4, "seconds": 5.0, "short_side": 720, "model": "m", "tiny": True}
    draw(Plan(**(fields | changes)), tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as box:
        frames = [frame.to_ndarray(format="rgb24").astype(int) for frame in box.decode(video=0)]
    with av.open(str(tmp_path / "a.mp4")) as box:
        sound = np.concatenate([frame.to_ndarray().reshape(-1) for frame in box.decode(audio=0)])
    return frames, sound


@pytest.fixture(scope="module")
def clip():
    """Five seconds that get brighter, with a tone in them."""
    with videocorpus.Making("mp4") as out:
        picture = out.add_stream("libx264", rate=8)
        picture.width, picture.height, picture.pix_fmt = 160, 90, "yuv420p"
        speaker = out.add_stream("aac", rate=44_100, layout="mono")
        for number in range(40):
            pixels = np.full((90, 160, 3), 20 + 5 * number, np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 8)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        videocorpus.play(out, speaker, 5)
    return out.content


def test_two_frames_are_blended(tmp_path):
    """It begins with the one and ends with the other; half way it is half of both."""
    frames, _ = drawn(tmp_path, image=flat((200, 0, 0)), last=flat((0, 0, 200)))

    for place, colour in ((0, (200, 0, 0)), (-1, (0, 0, 200))):
        assert np.abs(frames[place][MIDDLE] - colour).mean() < 8
    reds = [frame[MIDDLE][..., 0].mean() for frame in frames]
    assert reds == sorted(reds, reverse=True)
    assert 70 < reds[len(reds) // 2] < 130


def test_a_last_frame_alone_is_where_it_ends(tmp_path):
    """What it begins with is drawn."""
    frames, _ = drawn(tmp_path, last=flat((0, 0, 200)))

    assert np.abs(frames[-1][MIDDLE] - (0, 0, 200)).mean() < 8
    assert np.abs(frames[0][MIDDLE] - (0, 0, 200)).mean() > 20


def test_a_video_is_shown_and_heard(tmp_path, clip):
    """Its frames at their moments, in its shape, with its sound; the last one stays where it is over."""
    frames, sound = drawn(tmp_path, video=clip, seconds=6.0)

    grey = [frame[MIDDLE].mean() for frame in frames]
    assert len(frames) == 24
    for number, value in enumerate(grey[:20]):
        assert abs(value - (20 + 10 * number)) < 8
    assert max(grey[20:]) - min(grey[20:]) < 2
    assert np.abs(sound[16_000:64_000]).max() > 0.1
    assert np.abs(sound[84_000:]).max() < 0.01


def test_a_sound_is_heard(tmp_path):
    """As long as it lasts; then there is silence, and no chord."""
    frames, sound = drawn(tmp_path, image=flat((90, 90, 90)), audio=videocorpus.tone("wav", "pcm_s16le"))

    assert np.abs(sound[2000:14_000]).max() > 0.1
    assert np.abs(sound[20_000:]).max() < 0.01
    assert len(frames) == 20


def test_what_is_given_makes_another_video(clip):
    """Plans that differ in it have other names; those without are named as ever."""
    fields = {"prompt": "p", "seed": 4, "seconds": 5.0, "short_side": 720, "model": "m"}
    given = [{}, {"last": b"x"}, {"video": b"x"}, {"audio": b"x"}, {"last": b"y"}]
    names = [Plan(**fields, **one).digest() for one in given]

    assert len(set(names)) == 5
    assert names[0] == Plan(**fields, last=None).digest()


URL = "https://example.com/"


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ({"image_url": URL}, (URL, None, None, None)),
        ({"first_frame_url": URL + "1", "last_frame_url": URL + "2"}, (URL + "1", URL + "2", None, None)),
        ({"image_urls": [URL + "1"], "tail_image_url": URL + "2"}, (URL + "1", URL + "2", None, None)),
        ({"image_url": URL, "audio_url": URL + "a"}, (URL, None, None, URL + "a")),
        ({"video_urls": [URL + "v"], "input_urls": [URL]}, (URL, None, URL + "v", None)),
        ({"reference_images": [{"image_url": URL, "type": "x"}]}, (URL, None, None, None)),
        ({"image_url": 7, "video_url": ["x", None, {}]}, (None, None, None, None)),
    ],
)
def test_a_task_knows_what_it_was_given(given, found):
    """Whatever the model calls it; what is no address is nothing."""
    shot = check("veed/fabric-1", {"prompt": "p", **given}).shot

    assert (shot.image_url, shot.last_url, shot.video_url, shot.audio_url) == found
    assert shot.is_as_long == bool(found[2] or found[3])


def test_a_video_goes_through_the_wire(simulate, clip):
    """Uploaded, named, drawn: as long as it is; one that is none fails the task."""
    _sim, client = simulate()
    urls = [
        client.upload(data, name).json()["data"]["downloadUrl"]
        for name, data in (("a.mp4", clip), ("b.mp4", b"x"))
    ]
    made = client.media.get(
        client.url(
            client.created(model="topaz/video-upscale", prompt="p", video_url=urls[0], duration="LEAVE OUT")
        )
    )

    with av.open(io.BytesIO(made.content)) as box:
        assert box.duration == pytest.approx(5_000_000, abs=100_000)
    broken = client.ended(client.created(model="topaz/video-upscale", prompt="p", video_url=urls[1]))
    assert broken["state"] == "fail"
    assert client.media.get(urls[0]).headers["content-type"] == "video/mp4"
