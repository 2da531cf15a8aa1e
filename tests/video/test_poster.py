"""The picture that stands for a video."""

import numpy as np
import pytest
from PIL import Image

from kie_nb.video import NotAVideo, make_poster


def test_a_poster_is_a_progressive_jpeg(film):
    """Size and shape are those of the video; it loads progressively."""
    path = make_poster(film.draw(width=320, height=180), film.folder / "poster.jpg")

    with Image.open(path) as picture:
        assert (picture.format, picture.size) == ("JPEG", (320, 180))
        assert picture.info.get("progressive")


def test_a_wide_video_gets_a_smaller_poster(film):
    """The width is limited and the shape kept."""
    path = make_poster(film.draw(width=640, height=360), film.folder / "poster.jpg", max_width=320)

    with Image.open(path) as picture:
        assert picture.size == (320, 180)


def test_a_black_beginning_is_passed_over(film):
    """A video that fades in is not represented by a black picture."""
    path = make_poster(film.draw(look="black first"), film.folder / "poster.jpg")

    with Image.open(path) as picture:
        assert np.asarray(picture).max() > 200


@pytest.mark.parametrize(("at_s", "is_black"), [(0.0, True), (0.3, True), (0.5, False), (99.0, False)])
def test_a_poster_of_a_given_moment(film, at_s, is_black):
    """The frame on screen at that second is taken; past the end it is the last one."""
    path = make_poster(film.draw(look="black first"), film.folder / "poster.jpg", at_s=at_s)

    with Image.open(path) as picture:
        assert bool(np.asarray(picture).max() < 50) is is_black


def test_posters_of_other_codecs_and_a_single_frame(film):
    """HEVC makes a poster too, and so does a video of one frame."""
    assert make_poster(film.draw("a.mp4", codec="libx265"), film.folder / "a.jpg").exists()
    assert make_poster(film.draw("b.mp4", seconds=1 / 24), film.folder / "b.jpg").exists()


def test_the_same_video_gives_the_same_poster(film):
    """Nothing in a poster depends on when it was made."""
    video = film.draw()

    one, two = (make_poster(video, film.folder / f"{i}.jpg").read_bytes() for i in "12")

    assert one == two


def test_no_poster_and_no_rest_of_one_from_a_web_page(film):
    """A refusal leaves no file behind, and an older poster as it was."""
    page = film.write("page.mp4", b"<html></html>")
    poster = film.write("poster.jpg", b"older")

    with pytest.raises(NotAVideo, match="an HTML page"):
        make_poster(page, poster)

    assert poster.read_bytes() == b"older"
    assert sorted(p.name for p in film.folder.iterdir()) == ["page.mp4", "poster.jpg"]
