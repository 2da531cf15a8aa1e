"""Small pictures of two films: how many are kept, whatever a file says of its moments."""

import av
import numpy as np
import pytest

from kie_nb.video.glances import Glances, seen_together


def frames(count, start=0):
    for number in range(start, start + count):
        pixels = np.zeros((48, 64, 3), np.uint8)
        pixels[10:30, number % 60 : number % 60 + 4] = 255
        yield av.VideoFrame.from_ndarray(pixels, format="rgb24")


def glances(count, moment, start=0):
    found = Glances()
    for number, frame in enumerate(frames(count, start)):
        found.add(frame, moment(number))
    return found


def test_a_long_film_is_kept_at_wider_intervals(monkeypatch):
    """Evenly, so that a shift is still found."""
    monkeypatch.setattr("kie_nb.video.glances._MOST_KEPT", 16)
    one, other = (glances(58, lambda number: number / 24, start) for start in (0, 4))

    shift_s, seen = seen_together(one, other, 24)

    assert (one.step, len(one.moments)) == (4, 15)
    assert shift_s == pytest.approx(4 / 24)
    assert seen.outline == pytest.approx(1)


@pytest.mark.parametrize("last_s", [0, 1e12, -5.0], ids=["at once", "never", "before"])
def test_impossible_moments_cost_no_memory(last_s):
    """A file may say that its last frame comes in thousands of years, or before its first."""
    one = glances(3, lambda number: (0, 0.1, last_s)[number])

    shift_s, seen = seen_together(one, one, 1e6)

    assert shift_s == 0
    assert seen.outline == pytest.approx(1)


def test_flat_films_are_alike_by_their_colours_alone():
    """They have no outline that could differ."""
    films = []
    for colour in (40, 90):
        films.append(Glances())
        for number in range(4):
            flat = np.full((48, 64, 3), colour, np.uint8)
            films[-1].add(av.VideoFrame.from_ndarray(flat, format="rgb24"), number / 4)

    shift_s, seen = seen_together(*films, 4)

    assert (shift_s, seen.framing, seen.outline, seen.saturation) == (0, "same", 1, 1)
    assert seen.colour > 15
    assert seen.lightness > 15
