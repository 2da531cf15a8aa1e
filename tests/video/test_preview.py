"""The small copy that goes into the notebook."""

from fractions import Fraction

import av
import numpy as np
import pytest

from kie_nb.video import NotAVideo, inspect, make_preview, probe
from kie_nb.video.preview import _preview_rate, _preview_size


@pytest.fixture
def target(film):
    return film.folder / "preview.mp4"


def decoded(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def test_a_preview_plays_everywhere(film, target):
    """H.264 in 4:2:0 with AAC sound, index first, same length and rate; every frame decodes."""
    made = make_preview(film.draw(width=1280, height=720, seconds=1, sound=True), target)

    facts = probe(made)
    assert made == target
    assert (facts.video_codec, facts.audio_codec, facts.browser_playable) == ("h264", "aac", True)
    assert (facts.width, facts.height, facts.fps, facts.duration_s) == (854, 480, 24.0, 1.0)
    assert len(decoded(made)) == facts.frames == 24
    data = made.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_a_preview_shows_what_the_video_shows(film, target):
    """Picture and order survive: each frame is near its original."""
    video = film.draw(width=320, height=240)

    for before, after in zip(decoded(video), decoded(make_preview(video, target)), strict=True):
        assert np.abs(before.astype(int) - after.astype(int)).mean() < 12


@pytest.mark.parametrize("colour", [(200, 30, 30), (30, 200, 30), (128, 128, 128), (255, 255, 255)], ids=str)
def test_colours_stay(film, target, colour):
    """A large flat area keeps its colour."""
    video = film.draw(width=1280, height=720, colour=colour, seconds=0.25)

    before, after = (decoded(path)[0].mean((0, 1)) for path in (video, make_preview(video, target)))

    assert np.abs(before - after).max() < 4


def test_the_meaning_of_colours_is_passed_on(film, target):
    """A video marked as BT.709 gives a copy marked so; a player need not guess."""
    marks = {"color_primaries": "bt709", "color_trc": "bt709", "colorspace": "bt709"}
    video = film.draw(width=1280, height=720, seconds=0.25, options=marks)

    with av.open(str(make_preview(video, target))) as container:
        context = container.streams.video[0].codec_context
        assert (context.color_primaries, context.color_trc, context.colorspace) == (1, 1, 1)


@pytest.mark.parametrize(
    ("size", "limit", "expected"),
    [
        pytest.param((1280, 720), 480, (854, 480), id="landscape"),
        pytest.param((720, 1280), 480, (480, 854), id="portrait"),
        pytest.param((1000, 1000), 480, (480, 480), id="square"),
        pytest.param((320, 180), 480, (320, 180), id="small stays"),
        pytest.param((321, 181), 480, (320, 180), id="odd becomes even"),
        pytest.param((999, 777), 480, (618, 480), id="odd and shrunk"),
        pytest.param((3, 3000), 480, (2, 3000), id="a line"),
    ],
)
def test_size_of_a_preview(size, limit, expected):
    """The shorter side fits the limit, nothing is enlarged, both sides are even."""
    assert _preview_size(*size, limit) == expected


@pytest.mark.parametrize(
    ("rate", "expected"),
    [
        (24, 24),
        (30, 30),
        (Fraction(30000, 1001), Fraction(30000, 1001)),
        (50, 25),
        (60, 30),
        (120, 30),
        (16, 16),
    ],
)
def test_rate_of_a_preview(rate, expected):
    """At most 30 frames a second, evenly thinned."""
    assert _preview_rate(Fraction(rate)) == expected


@pytest.mark.parametrize("size", [(333, 187), (187, 333), (64, 65)], ids=str)
def test_odd_sizes(film, target, size):
    """4:4:4 video may have odd sides; its preview plays all the same."""
    width, height = size

    facts = probe(make_preview(film.draw(width=width, height=height, pix_fmt="yuv444p"), target))

    assert (facts.width, facts.height) == (width // 2 * 2, height // 2 * 2)
    assert facts.browser_playable


@pytest.mark.parametrize(
    ("encoder", "name", "pix_fmt"),
    [
        ("libx265", "a.mp4", "yuv420p"),
        ("libx265", "a.mp4", "yuv420p10le"),
        ("mpeg4", "a.mp4", "yuv420p"),
        ("libvpx-vp9", "a.webm", "yuv420p"),
        ("mpeg4", "a.avi", "yuv420p"),
        ("gif", "a.gif", "rgb8"),
    ],
)
def test_any_codec_gives_a_playable_preview(film, target, encoder, name, pix_fmt):
    """What no browser plays becomes what every browser plays."""
    facts = probe(make_preview(film.draw(name, codec=encoder, pix_fmt=pix_fmt, fps=25), target))

    assert facts.browser_playable
    assert facts.duration_s == pytest.approx(1, abs=0.05)


def test_fast_footage_is_thinned(film, target):
    """60 frames a second become 30; the length stays."""
    facts = probe(make_preview(film.draw(fps=60), target))

    assert (facts.fps, facts.frames, facts.duration_s) == (30.0, 30, 1.0)


@pytest.mark.parametrize(
    ("rate", "layout"), [(44_100, "mono"), (48_000, "stereo"), (22_050, "stereo"), (8_000, "mono")]
)
def test_sound_stays(film, target, rate, layout):
    """The tone of the source is in the copy, as long as before."""
    video = film.draw(sound=True, sound_rate=rate, sound_layout=layout)

    with av.open(str(make_preview(video, target))) as container:
        wave = np.concatenate([f.to_ndarray()[0] for f in container.decode(audio=0)])
        copied_rate = container.streams.audio[0].rate
    assert len(wave) / copied_rate == pytest.approx(1, abs=0.2)
    assert loudest_hz(wave, copied_rate) == pytest.approx(440, abs=5)


def loudest_hz(wave, rate):
    return float(np.fft.rfftfreq(len(wave), 1 / rate)[np.abs(np.fft.rfft(wave)).argmax()])


def test_a_silent_video_stays_silent(film, target):
    """No sound track is invented."""
    assert probe(make_preview(film.draw(), target)).audio_codec is None


@pytest.mark.parametrize(("seconds", "max_bytes"), [(5, 1_000_000), (5, 300_000), (0.5, 100_000)])
def test_noise_is_held_to_the_limit(film, target, seconds, max_bytes):
    """The hardest footage there is stays under the limit."""
    video = film.draw(width=480, height=270, fps=12, seconds=seconds, look="noise", sound=True)

    made = make_preview(video, target, max_bytes=max_bytes)

    assert max_bytes / 4 < made.stat().st_size <= max_bytes
    assert inspect(made).seconds == pytest.approx(seconds, abs=0.01)


def test_an_unknown_length_does_not_break_the_limit(film, target):
    """A stream that does not say how long it is gets a second try once the length is known."""
    video = film.draw("live.mkv", width=320, height=180, fps=12, seconds=12, look="noise")
    data = video.read_bytes()
    at = data.index(
        b"\x44\x89\x88"
    )  # Matroska's Duration, an 8-byte number: a Void of the same length replaces it
    video.write_bytes(data[:at] + b"\xec\x89" + bytes(9) + data[at + 11 :])
    assert probe(video).duration_s == 0

    made = make_preview(video, target, max_bytes=150_000)

    assert made.stat().st_size <= 150_000
    assert inspect(made).seconds == pytest.approx(12, abs=0.1)


def test_the_same_video_gives_the_same_preview(film, target):
    """Byte for byte: the notebook does not change when a cell is run again."""
    video = film.draw(width=640, height=360, sound=True)

    first = make_preview(video, target).read_bytes()

    assert make_preview(video, target).read_bytes() == first


def test_a_damaged_stretch_is_left_out(film, target):
    """Garbage in the middle costs a few frames, not the preview."""
    data = bytearray(film.draw("whole.mp4", codec="mpeg4", seconds=2).read_bytes())
    start = data.index(b"mdat") + 4
    middle = start + (data.index(b"moov") - start) // 2
    data[middle : middle + 400] = bytes(400)

    look = inspect(make_preview(film.write("hurt.mp4", bytes(data)), target))
    assert look.seconds > 1
    assert look.remark == ""


@pytest.mark.parametrize(
    "data", [b"", b"<html></html>", b"\0\0\0\x18ftypisom\0\0\2\0isommp41"], ids=["empty", "page", "head only"]
)
def test_no_preview_of_what_is_no_video(film, target, data):
    """A refusal leaves nothing behind."""
    bad = film.write("bad.mp4", data)

    with pytest.raises(NotAVideo):
        make_preview(bad, target)

    assert list(film.folder.iterdir()) == [bad]


def test_a_full_disk_is_not_blamed_on_the_video(film, target, monkeypatch):
    """An error while writing stays an OSError."""
    video = film.draw()

    def no_room(*_args, **_kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.replace", no_room)
    with pytest.raises(OSError, match="No space left"):
        make_preview(video, target)

    assert list(film.folder.iterdir()) == [video]


def test_folders_are_made(film):
    """The folder of the target need not exist."""
    assert make_preview(film.draw(), film.folder / "a" / "b" / "p.mp4").exists()
