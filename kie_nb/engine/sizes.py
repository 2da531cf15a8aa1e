"""Whether a video has the size that was asked for, as far as its request says one."""

from __future__ import annotations

import re
from typing import Any

_SLACK = 0.1  # models round both sides to blocks of pixels
_SHAPE_SLACK = 0.05
_WIDE = 16 / 9  # "720p" is 1280 by 720; in other shapes some models keep the lines, some the number of pixels
_TINY = 8  # by which the simulator divides the sides of tiny videos, as it was told


def not_as_asked(inputs: dict[str, Any], width: int, height: int, *, service: str) -> str:
    """What of *inputs* a video that is shown in that size is not, in words; "" where it is all that, or where nobody knows."""
    resolution, ratio = (str(inputs.get(name)) for name in ("resolution", "aspect_ratio"))
    said = (
        (resolution, _has_lines(resolution, width, height, service)),
        (ratio, _has_shape(ratio, width, height)),
    )
    return " and ".join(asked for asked, fits in said if not fits)


def _has_lines(asked: str, width: int, height: int, service: str) -> bool:
    named = re.fullmatch(r"([1-9][0-9]{2,3})[pP]", asked)
    if named is None:
        return True
    lines, short = int(named[1]), min(width, height)
    if service == "simulator" and abs(short * _TINY - lines) <= 2 * _TINY:
        return True
    pixels = width * height / (lines * lines * _WIDE)
    return abs(short / lines - 1) <= _SLACK or abs(pixels - 1) <= 2 * _SLACK


def _has_shape(asked: str, width: int, height: int) -> bool:
    named = re.fullmatch(r"([1-9][0-9]?):([1-9][0-9]?)", asked)
    if named is None:
        return True
    shape = int(named[1]) / int(named[2])
    return abs(width / height / shape - 1) <= _SHAPE_SLACK
