"""In words, what the second of two videos is beside the first: moment, length, framing, colour, brightness, size, rate; no I/O."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ..video import Framing
from ..wording import Compare

if TYPE_CHECKING:
    from ..video import Appearance, Likeness

# CIEDE2000, the mean over all pictures: a copy coded anew stays below it, a brightness of 12 levels or a light tint does not.
SEEN_COLOUR = 2.5
GREY_CHROMA, COLOURFUL_CHROMA = 2.5, 5.0  # at most, and at least
_SEEN_LIGHTNESS, _SEEN_TINT = 1.5, 3.0
_OTHER_COLOUR = 6.0  # CIEDE2000, where no word says how: a poor copy has other colours here and there
_SEEN_SATURATION = 0.2
_OF_HUE = 0.5  # a tint is a little lighter or darker too, which is not said


def changes(likeness: Likeness) -> tuple[str, ...]:
    """Each that is seen; nothing that a codec does."""
    found = (*_in_time(likeness), *_of_framing(likeness.seen), *_of_colour(likeness.seen))
    return (*found, *_of_format(likeness))


def lost_its_colour(seen: Appearance) -> bool:
    """Whether one of both is grey, and the other is not."""
    return min(seen.chroma) <= GREY_CHROMA and max(seen.chroma) >= COLOURFUL_CHROMA


def in_words(found: tuple[str, ...]) -> str:
    """*found* as one phrase."""
    return Compare.AND.join(filter(None, (", ".join(found[:-1]), *found[-1:])))


def seconds(length_s: float) -> str:
    """To a tenth, or to a hundredth where that would be nothing."""
    return f"{round(length_s, 1 if length_s >= 0.1 else 2):g}"  # noqa: PLR2004


def _in_time(likeness: Likeness) -> Iterator[str]:
    shift_s = 0.0 if likeness.is_in_time else likeness.shift_s
    if shift_s:
        yield (Compare.EARLIER if shift_s > 0 else Compare.LATER).format(seconds=seconds(abs(shift_s)))
    first, second = likeness.first, likeness.second
    shorter_s = first.duration_s - second.duration_s
    # What begins 0.4 s later in the same film is 0.4 s shorter, which need not be said.
    if not likeness.is_one_length and not math.isclose(
        shorter_s, shift_s, abs_tol=1.01 / min(first.fps, second.fps)
    ):
        yield (Compare.SHORTER if shorter_s > 0 else Compare.LONGER).format(seconds=seconds(abs(shorter_s)))


def _of_framing(seen: Appearance) -> Iterator[str]:
    if seen.framing is not Framing.SAME:
        yield str(getattr(Compare, seen.framing.name)).format(percent=f"{round(seen.part, 1):.0%}"[:-1])


def _of_colour(seen: Appearance) -> Iterator[str]:
    if seen.colour <= SEEN_COLOUR or seen.framing is Framing.NEGATIVE:
        return
    hues = tuple(_of_hue(seen))
    yield from hues
    if abs(seen.lightness) >= max(_SEEN_LIGHTNESS, _OF_HUE * seen.hue):
        yield Compare.BRIGHTER if seen.lightness > 0 else Compare.DARKER
    elif not hues and seen.colour >= _OTHER_COLOUR:
        yield Compare.OTHER_TONES


def _of_hue(seen: Appearance) -> Iterator[str]:
    if lost_its_colour(seen):
        yield Compare.GREY if seen.chroma[1] < seen.chroma[0] else Compare.COLOURED
        return
    if seen.saturation < 0:
        yield Compare.OTHER_HUES
        return
    size, axis = max((abs(tint), axis) for axis, tint in enumerate(seen.tint))
    if size >= _SEEN_TINT:
        yield Compare.TINTS[axis][seen.tint[axis] > 0]
    if abs(math.log(max(seen.saturation, 0.01))) >= _SEEN_SATURATION:
        yield Compare.PALER if seen.saturation < 1 else Compare.VIVID
    elif size < _SEEN_TINT and seen.hue >= _OTHER_COLOUR:
        yield Compare.OTHER_HUES


def _of_format(likeness: Likeness) -> Iterator[str]:
    first, second = likeness.first, likeness.second
    if not likeness.is_one_size:
        larger = second.width * second.height > first.width * first.height
        words = Compare.LARGER if larger else Compare.SMALLER
        words = words if likeness.is_one_shape else Compare.STRETCHED
        yield words.format(size=f"{second.width} × {second.height}")
    if not math.isclose(first.fps, second.fps, rel_tol=0.001):
        yield Compare.RATE.format(fps=f"{second.fps:g}", instead=f"{first.fps:g}")
