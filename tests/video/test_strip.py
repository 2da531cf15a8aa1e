"""A strip of frames: the same moments of two videos, above each other."""

import numpy as np
import pytest
from PIL import Image

from kie_nb.video import NotAVideo, make_strip


def strip_of(film, *videos, **more):
    return np.asarray(
        Image.open(make_strip(list(videos), film.folder / "strip.jpg", **more)).convert("RGB")
    ).astype(int)


def test_a_row_for_each_video_and_a_column_for_each_moment(film):
    """The first above the second, in the width that was asked for, each in its own shape."""
    red = film.draw("a.mp4", colour=(200, 30, 30), width=128, height=96)
    blue = film.draw("b.mp4", colour=(30, 30, 200), width=96, height=96)

    strip = strip_of(film, red, blue, frames=3, width=308)

    assert strip.shape == (75 + 4 + 100, 308, 3)
    for column in (50, 154, 258):
        assert np.abs(strip[37, column] - (200, 30, 30)).max() < 30
        assert np.abs(strip[130, column] - (30, 30, 200)).max() < 30
    assert np.abs(strip[37, 102] - 128).max() < 60  # between them


def test_moments_are_evenly_spaced_over_the_part_that_both_have(film):
    """Stripes come after a third of a second: in the second of two columns, and in none when the other video is short."""
    video = film.draw("a.mp4", look="black first")
    short = film.draw("b.mp4", look="black first", seconds=0.25)

    both = strip_of(film, video, video, frames=2, width=256)
    part = strip_of(film, video, short, frames=2, width=256)

    for row in (slice(0, 90), slice(100, 190)):
        assert both[row, :120].max() < 40
        assert both[row, 140:].max() > 200
    assert part[:90].max() < 160
    assert part[:90, 140:].max() < 40


def test_a_frame_stays_until_the_next_one_comes(film):
    """Two frames in two seconds: moments in between and after the last show the one that is on screen."""
    slow = film.draw("a.mp4", fps=1, seconds=2, look="noise", width=64, height=64)

    strip = strip_of(film, slow, frames=4, width=4 * 64 + 12)

    first, second, third, fourth = (strip[:, at : at + 64] for at in (0, 68, 136, 204))
    assert np.abs(first - second).mean() < 20
    assert np.abs(third - fourth).mean() < 20
    assert np.abs(second - third).mean() > 30


def test_no_video_is_no_strip(film):
    """And no file is left."""
    page = film.write("page.mp4", b"<html>404</html>")

    with pytest.raises(NotAVideo):
        make_strip([film.draw("a.mp4"), page], film.folder / "strip.jpg")

    assert sorted(path.name for path in film.folder.iterdir()) == ["a.mp4", "page.mp4"]
