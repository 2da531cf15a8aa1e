"""The camera: a smooth path over a still picture, as one window into it per frame.

The path starts exactly on the picture, at rest, and never shows what is beyond its edge. Seed and prompt decide
it: the seed draws the path, words like "zoom out" or "to the left" bend it. Pure arithmetic. Windows are upright,
because a rolling camera would cost ten times the work per frame.
"""

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

Window = tuple[float, float, float, float]  # left, top, right, bottom, in parts of a pixel

_STILL = ("static", "steady", "fixed camera", "locked")
_LEFT, _RIGHT = ("left",), ("right",)
_UP, _DOWN = ("tilt up", "upward", "rises", "sky"), ("tilt down", "downward", "falls", "ground")
_OUT = ("zoom out", "pull back", "pulls back", "away")


@dataclass(frozen=True, kw_only=True, slots=True)
class Path:
    """Where the camera goes. Directions are parts of the free room there is at the zoom of the moment."""

    zoom: float  # at its closest
    pan_x: float
    pan_y: float
    sway: float  # how much the hand holding it trembles
    sway_turns: float
    there_and_back: bool  # closest in the middle, wide again at the end


def choose_path(prompt: str, chance: random.Random) -> Path:
    """The path for this prompt; *chance* is already seeded by prompt and seed."""
    text = prompt.lower()
    calm = 0.45 if any(word in text for word in _STILL) else 1.0
    angle = chance.uniform(0.0, 2 * math.pi)
    x, y = math.cos(angle), math.sin(angle) * 0.8
    x = _bend(x, text, _LEFT, _RIGHT)
    y = _bend(y, text, _UP, _DOWN)
    return Path(
        zoom=1.0 + calm * chance.uniform(0.2, 0.34),
        pan_x=x * calm,
        pan_y=y * calm,
        sway=calm * chance.uniform(0.04, 0.12),
        sway_turns=chance.choice((1.0, 1.5, 2.0)),
        there_and_back=any(word in text for word in _OUT),
    )


def frames(path: Path, width: int, height: int, count: int) -> Iterator[Window]:
    """For each frame, the part of the picture that fills it."""
    for index in range(count):
        yield _look(path, width, height, index / max(1, count - 1))


def halved(window: Window) -> Window:
    """The same window into a plane of half the size."""
    left, top, right, bottom = window
    return left / 2, top / 2, right / 2, bottom / 2


def _look(path: Path, width: int, height: int, moment: float) -> Window:
    along = 0.5 - 0.5 * math.cos(math.pi * moment)  # starts and ends at rest
    near = 0.5 - 0.5 * math.cos(2 * math.pi * moment) if path.there_and_back else along
    tremble = path.sway * math.sin(2 * math.pi * path.sway_turns * moment) * along
    zoom = 1.0 + (path.zoom - 1.0) * near
    wide, tall = width / zoom, height / zoom
    left = (width - wide) / 2 * (1 + _within(path.pan_x * along + tremble))
    top = (height - tall) / 2 * (1 + _within(path.pan_y * along - tremble * 0.7))
    return left, top, min(float(width), left + wide), min(float(height), top + tall)


def _within(part: float) -> float:
    return min(1.0, max(-1.0, part))


def _bend(part: float, text: str, towards_less: tuple[str, ...], towards_more: tuple[str, ...]) -> float:
    less = any(word in text for word in towards_less)
    more = any(word in text for word in towards_more)
    if less == more:
        return part
    return -max(0.7, abs(part)) if less else max(0.7, abs(part))
