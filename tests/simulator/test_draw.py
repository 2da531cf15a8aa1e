"""The videos: what is in the file, that it repeats, and that it says what it is."""

import io

import av
import numpy as np
import pytest
from PIL import Image

from kie_nb.simulator.draw import Plan, UnreadableImageError, camera, draw, fitted, read_picture


def plan(**changes):
    fields = {"prompt": "a boat", "seed": 4, "seconds": 5.0, "short_side": 720, "model": "m", "tiny": True}
    return Plan(**(fields | changes))


def frames(path):
    with av.open(str(path)) as box:
        return [frame.to_ndarray(format="rgb24") for frame in box.decode(video=0)]


@pytest.mark.slow
def test_a_full_size_video_is_what_was_asked_for(tmp_path, picture):
    """H.264 with AAC, five seconds exactly, 720 lines, the picture's shape, and tags that say it is simulated."""
    draw(plan(image=picture, tiny=False), tmp_path / "a.mp4")
    with av.open(str(tmp_path / "a.mp4")) as box:
        video, audio = box.streams.video[0], box.streams.audio[0]
        assert (video.codec_context.name, audio.codec_context.name) == ("h264", "aac")
        assert (video.width, video.height, video.codec_context.pix_fmt) == (1440, 720, "yuv420p")
        assert (video.frames, video.average_rate) == (120, 24)
        assert box.duration == 5_000_000
        assert "SIMULATED" in box.metadata["title"]
        assert "SIMULATED" in box.metadata["comment"]
        sound = np.concatenate([frame.to_ndarray() for frame in box.decode(audio)], axis=1)
    assert 0.001 < float(np.abs(sound).max()) < 0.5
    head = (tmp_path / "a.mp4").read_bytes()
    assert head.index(b"moov") < head.index(b"mdat")  # a browser can start before the end has come


@pytest.mark.parametrize("with_picture", [True, False])
def test_the_same_plan_gives_the_same_bytes(tmp_path, picture, with_picture):
    """And another seed or another prompt gives others."""
    made = []
    changes = [{}, {}, {"seed": 5}, {"prompt": "a ship"}]
    for number, change in enumerate(changes):
        draw(plan(image=picture if with_picture else None, **change), tmp_path / f"{number}.mp4")
        made.append((tmp_path / f"{number}.mp4").read_bytes())
    assert made[0] == made[1]
    assert len(set(made)) == 3


@pytest.mark.slow
def test_the_first_frame_is_the_picture_and_later_ones_move(tmp_path, picture):
    """Apart from the mark in its corner the film begins with what was given."""
    draw(plan(image=picture, tiny=False), tmp_path / "a.mp4")
    shown = frames(tmp_path / "a.mp4")
    given = fitted(read_picture(picture), (1440, 720))
    middle = (slice(150, 450), slice(300, 1100))
    assert np.abs(shown[0][middle].astype(int) - given[middle]).mean() < 4
    assert np.abs(shown[-1][middle].astype(int) - given[middle]).mean() > 8


def test_every_frame_is_marked(tmp_path):
    """The red badge stands in the corner of a picture that has no red."""
    white = Image.new("RGB", (200, 200), (250, 250, 250))
    stream = io.BytesIO()
    white.save(stream, "PNG")
    draw(plan(image=stream.getvalue(), tiny=False, short_side=480), tmp_path / "a.mp4")
    for frame in frames(tmp_path / "a.mp4"):
        corner = frame[:60, :140].astype(int)
        red = (corner[..., 0] - corner[..., 1] > 90).mean()
        assert red > 0.2
    assert (np.abs(frame[-150:].astype(int) - 250).mean(axis=(1, 2)) > 5).any()  # the caption's shade


@pytest.mark.parametrize(
    "prompt",
    ["", "猫が走る 🐱", "مرحبا", "a\x00b\n\ttab", "\ud800 alone", "x" * 800, "word " * 160],
    ids=ascii,
)
def test_no_prompt_breaks_the_caption(tmp_path, prompt):
    """Whatever can be typed can be drawn."""
    draw(plan(prompt=prompt), tmp_path / "a.mp4")
    assert len(frames(tmp_path / "a.mp4")) == 20


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 900), (2000, 10), (333, 217)])
def test_odd_shapes_become_even_videos(tmp_path, width, height):
    """Very long pictures are cut to a shape that can be watched."""
    stream = io.BytesIO()
    Image.new("RGBA", (width, height), (9, 99, 199, 120)).save(stream, "WEBP")
    draw(plan(image=stream.getvalue()), tmp_path / "a.mp4")
    tall, wide, _ = frames(tmp_path / "a.mp4")[0].shape
    assert tall % 2 == wide % 2 == 0
    assert 0.39 < wide / tall < 2.6


@pytest.mark.parametrize("data", [b"", b"hello", b"GIF89a" + bytes(40), b"\x89PNG\r\n\x1a\n" + bytes(50)])
def test_bytes_that_are_no_picture_are_refused(tmp_path, data):
    """Only JPEG, PNG and WebP are pictures here."""
    with pytest.raises(UnreadableImageError):
        read_picture(data)


def test_the_camera_starts_on_the_whole_picture_and_stays_inside():
    """For many seeds, no window looks past an edge."""
    for seed in range(240):
        windows = list(camera(48, np.random.default_rng(seed)))
        assert windows[0] == (0, 0, 1, 1)
        for left, top, right, bottom in windows:
            assert 0 <= left < right <= 1
            assert 0 <= top < bottom <= 1
