"""How alike two videos are: the figures against FFmpeg's own and against plain arithmetic, and what counts as equal."""

import math
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest
from plainfigures import by_ffmpeg, by_hand

from kie_nb.video import NotAVideo, compare_videos, write_request
from kie_nb.video.likeness import summed_up

NEAR = 1e-3
LOSSLESS = {"qp": "0"}


# --- the figures --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("look", "crf", "size"),
    [("moving", "20", (128, 96)), ("moving", "45", (130, 74)), ("noise", "30", (64, 64))],
    ids=["good copy", "poor copy, odd blocks", "noise"],
)
def test_figures_agree_with_plain_arithmetic_and_with_ffmpeg(film, look, crf, size):
    """SSIM is the one that the formula gives, and that of the ffmpeg program where it is installed, to 1e-3."""
    shape = {"width": size[0], "height": size[1], "seconds": 0.5, "look": look}
    first = film.draw("a.mp4", **shape, options={"crf": "5"})
    second = film.draw("b.mp4", **shape, options={"crf": crf})

    found = compare_videos(first, second)

    for ssim in [by_hand(first, second), *by_ffmpeg(first, second)]:
        assert found.ssim == pytest.approx(ssim, abs=NEAR)
    assert 0 < found.ssim_min <= found.ssim < 1


def test_figures_of_two_sizes_agree_with_ffmpeg_scaling_the_larger(film):
    """The larger is scaled to the smaller, whichever comes first; the figures do not depend on the order."""
    large = film.draw("a.mp4", width=192, height=144, seconds=0.5)
    small = film.draw("b.mp4", width=128, height=96, seconds=0.5)

    found, turned = compare_videos(large, small), compare_videos(small, large)

    assert (found.compared_width, found.compared_height) == (128, 96)
    assert not found.is_one_size
    assert found.is_one_shape
    for ssim in [turned.ssim, *by_ffmpeg(large, small, "[0:v]scale=128:96:flags=area[a];[a][1:v]")]:
        assert found.ssim == pytest.approx(ssim, abs=NEAR)


def test_more_than_eight_bits_are_measured_on_their_own_scale(film):
    """A video of 10 bits has 1023 levels to go by, not 255."""
    shape = {"seconds": 0.25, "codec": "libx265", "pix_fmt": "yuv420p10le"}
    first = film.draw("a.mp4", **shape, options={"x265-params": "log-level=none:crf=5"})
    second = film.draw("b.mp4", **shape, options={"x265-params": "log-level=none:crf=40"})

    found = compare_videos(first, second)

    assert found.ssim == pytest.approx(by_hand(first, second, np.uint16, levels=1023), abs=NEAR)


def test_full_and_limited_range_are_the_same_look(film):
    """Black as 0 and black as 16 are one black, and not a difference."""
    first = film.draw("a.mp4", seconds=0.25, options={"crf": "5"})
    second = film.draw("b.mp4", seconds=0.25, options={"crf": "5"}, pix_fmt="yuvj420p")

    found = compare_videos(first, second)

    assert not found.same_frames
    assert found.ssim > 0.98


@pytest.mark.parametrize(
    ("frames", "mean", "least"),
    [pytest.param([1, 1], 1, 1, id="equal"), pytest.param([0.9, 0.7], 0.8, 0.7, id="the least is kept")],
)
def test_figures_of_frames_are_summed_up(frames, mean, least):
    """Those of all planes together, from between what else the filter prints."""
    lines = [f"frame:{n}\nlavfi.ssim.Y=0.1\nlavfi.ssim.All={all_:f}" for n, all_ in enumerate(frames)]

    assert summed_up("\n".join(lines).splitlines()) == pytest.approx((mean, least))


def test_no_frame_is_no_figure():
    """Rather than a mean of nothing."""
    with pytest.raises(ValueError, match="no frame was measured"):
        summed_up(["frame:0"])


# --- what counts as equal -----------------------------------------------------------------------------------------


def test_a_copy_is_the_same_bytes(film):
    """Everything is equal."""
    video = film.draw("a.mp4", sound=True)
    copy = film.write("b.mp4", video.read_bytes())

    found = compare_videos(video, copy)

    assert (found.same_bytes, found.same_frames) == (True, True)
    assert (found.ssim, found.ssim_min, found.distance) == (1, 1, 0)
    assert (found.sound.same_bytes, found.sound.same_samples, found.sound.rms_difference) == (True, True, 0)
    assert (found.first.frames, found.first.duration_s, found.pairs) == (24, 1.0, 24)
    assert found.first.sha256 == found.second.sha256
    assert found.first.bytes == video.stat().st_size


@pytest.mark.parametrize("name", ["b.mp4", "b.mkv"])
def test_another_tag_or_container_is_the_same_frames(film, name):
    """What is around the frames is not the frames; Matroska's times in milliseconds do not matter."""
    source = film.draw("a" + name[1:], sound=True)
    tagged = write_request(source, film.folder / name, '{"kie_nb": 1}')

    found = compare_videos(source, tagged)

    assert (found.same_bytes, found.same_frames, found.distance) == (False, True, 0)
    assert found.sound.same_bytes


def test_one_other_pixel_is_not_the_same_frames(film):
    """One level in one pixel of one frame: as near as can be, and yet not equal."""
    first = film.draw("a.mp4", options=LOSSLESS, seconds=0.25)
    second = film.folder / "b.mp4"
    with av.open(str(first)) as source, av.open(str(second), "w") as copy:
        stream = copy.add_stream("libx264", rate=24)
        stream.width, stream.height, stream.pix_fmt, stream.options = 128, 96, "yuv420p", LOSSLESS
        for number, frame in enumerate(source.decode(video=0)):
            pixels = frame.to_ndarray()
            pixels[40, 50] ^= number == 3
            copy.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="yuv420p")))
        copy.mux(stream.encode(None))

    found = compare_videos(first, second)

    assert not found.same_frames
    assert found.ssim == pytest.approx(1, abs=NEAR)


def test_the_same_pixels_at_another_speed_are_not_the_same_frames(film):
    """Half the rate is another video, although every frame of it is equal."""
    first = film.draw("a.mp4", options=LOSSLESS, look="noise", width=64, height=64)
    slower = film.draw("b.mp4", options=LOSSLESS, look="noise", width=64, height=64, fps=12, seconds=2)

    found = compare_videos(first, slower)

    assert found.first.frames == found.second.frames == 24
    assert not found.is_one_length
    assert not found.same_frames


# --- what does not match ------------------------------------------------------------------------------------------


def test_what_only_one_has_at_its_end_is_not_compared(film):
    """The common part is, and the facts say how long it is."""
    long = film.draw("a.mp4", seconds=1)
    short = film.draw("b.mp4", seconds=0.5)

    found, turned = compare_videos(long, short), compare_videos(short, long)

    assert (found.first.frames, found.second.frames, found.pairs, turned.pairs) == (24, 12, 12, 12)
    assert found.compared_s == 0.5
    assert not found.is_one_length
    assert found.ssim > 0.98


@pytest.mark.parametrize(("fps", "pairs"), [(12, 12), (8, 8), (23.976, 24)], ids=str)
def test_other_frame_rates_are_paired_by_moment(film, fps, pairs):
    """A frame of the slower video meets the one that is shown with it, not the one with its number."""
    quick = film.draw("a.mp4", fps=24, look="black first", options=LOSSLESS)
    slow = film.folder / "b.mp4"
    with av.open(str(quick)) as source, av.open(str(slow), "w") as copy:
        frames = [frame.to_ndarray() for frame in source.decode(video=0)]
        stream = copy.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height, stream.pix_fmt, stream.options = 128, 96, "yuv420p", LOSSLESS
        for number in range(pairs):
            pixels = frames[min(23, round(number * 24 / fps))]
            copy.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="yuv420p")))
        copy.mux(stream.encode(None))

    found, turned = compare_videos(quick, slow), compare_videos(slow, quick)

    assert (found.pairs, turned.pairs) == (pairs, pairs)
    assert found.ssim_min == turned.ssim_min == 1


def test_a_stretched_picture_is_told(film):
    """Another shape is compared all the same, and never called one shape."""
    found = compare_videos(film.draw("a.mp4", width=128, height=64), film.draw("b.mp4", width=64, height=128))

    assert not found.is_one_shape
    assert 0 < found.ssim < 1


def test_a_tiny_picture_still_has_figures(film):
    """Below the blocks of SSIM it is enlarged: a figure, not a division by nothing."""
    found = compare_videos(
        film.draw("a.mp4", width=8, height=8, seconds=0.25),
        film.draw("b.mp4", width=8, height=8, seconds=0.25, options={"crf": "45"}),
    )

    assert 0 < found.ssim < 1


# --- sound --------------------------------------------------------------------------------------------------------


def test_sound_in_one_only_is_told_and_changes_no_figure_of_the_picture(film):
    """None is not "differs"; which of them has it can be read."""
    loud, mute = film.draw("a.mp4", sound=True), film.draw("b.mp4")

    found = compare_videos(loud, mute)

    assert (found.first.has_sound, found.second.has_sound, found.sound) == (True, False, None)
    assert found.same_frames
    assert compare_videos(mute, mute).sound is None


def test_the_same_tone_coded_otherwise_is_near(film):
    """Of one minus the other, in shares of full scale; rates and channels are brought together first."""
    one = film.draw("a.mp4", sound=True)
    again = film.draw("b.mp4", sound=True, sound_layout="stereo")
    quicker = film.draw("c.mp4", sound=True, sound_rate=48_000)
    short = film.draw("d.mp4", sound=True, seconds=0.5)

    both, other, part = (compare_videos(one, each).sound for each in (again, quicker, short))

    for found in (both, other, part):
        assert (found.same_bytes, found.same_samples) == (False, False)
        assert found.rms == pytest.approx([8000 / 32768 / math.sqrt(2)] * 2, rel=0.06)
    assert 0 < both.rms_difference < 0.005  # one tone, in one channel or in two
    assert 0 < other.rms_difference < 0.01  # at one rate or at another
    assert (both.compared_s, part.compared_s) == pytest.approx((1, 0.5), abs=0.05)


# --- bad input ----------------------------------------------------------------------------------------------------


def test_a_damaged_video_is_refused_on_either_side(film):
    """Cut short, something else, or not there at all."""
    good = film.draw("a.mp4")
    cut = film.write("cut.mp4", good.read_bytes()[:-400])
    page = film.write("page.mp4", b"<html>404</html>")

    for bad, words in ((cut, "cut short"), (page, "an HTML page")):
        for pair in ((good, bad), (bad, good)):
            with pytest.raises(NotAVideo, match=words):
                compare_videos(*pair)
    with pytest.raises(FileNotFoundError):
        compare_videos(good, film.folder / "none.mp4")


def test_damaged_sound_is_refused(film):
    """A track that cannot be decoded is no sound to compare."""
    good = film.draw("a.mp4", sound=True)
    data = bytearray(good.read_bytes())
    with av.open(str(good)) as source:
        places = [(p.pos, p.size) for p in source.demux(audio=0) if p.pos is not None and p.size]
    for at, size in places[5:]:
        data[at : at + size] = b"\xff" * size
    bad = film.write("b.mp4", bytes(data))

    with pytest.raises(NotAVideo, match="sound"):
        compare_videos(good, bad)


def test_sound_in_a_format_that_nobody_knows_is_refused(film):
    """Rather than called "no sound": that would not be true."""
    good = film.draw("a.mkv", sound=True)
    bad = film.write("b.mkv", good.read_bytes().replace(b"A_AAC", b"A_ODD"))

    with pytest.raises(NotAVideo, match="sound that cannot be decoded"):
        compare_videos(good, bad)


@pytest.mark.slow
def test_a_long_video_needs_no_more_memory_than_a_short_one(film):
    """Frames go by one at a time: twelve times as many of them are compared in the same room."""
    shape = {"width": 640, "height": 352, "colour": (40, 90, 160)}
    short, long = film.draw("a.mp4", **shape, seconds=1), film.draw("b.mp4", **shape, seconds=12)

    grown_mb = peak_mb(long) - peak_mb(short)

    assert grown_mb < 30  # what is 89 MB more of frames


def peak_mb(video):
    """The most memory that a process takes to compare a video with itself."""
    code = (
        "import resource, sys; from kie_nb.video import compare_videos;"
        f"assert compare_videos({str(video)!r}, {str(video)!r}).same_frames;"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    return int(done.stdout) / 1024
