"""Colours as people see them: CIELAB, and the difference of two colours by CIEDE2000; arithmetic on arrays, no I/O.

A difference of 1 is just seen side by side, one of 2 to 3 at a glance, and above 10 it is another colour. Sharma, Wu and Dalal,
*The CIEDE2000 color-difference formula* (2005), has the formula and the pairs that it is tested with.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

_WHITE = (0.95047, 1.0, 1.08883)  # D65
_XYZ = (
    (0.4124564, 0.3575761, 0.1804375),
    (0.2126729, 0.7151522, 0.0721750),
    (0.0193339, 0.1191920, 0.9503041),
)
_LINEAR_BELOW, _CUBE_ABOVE = 0.04045, 216 / 24389
_HALF = 180  # degrees
_SEVENTH = 25.0**7
# Of blue and red in luma: ITU-R BT.709, which FFmpeg numbers 1, BT.2020 (9, 10), and BT.601, the rest.
_LUMA = {1: (0.0722, 0.2126), 9: (0.0593, 0.2627), 10: (0.0593, 0.2627)}
_LUMA_601 = (0.114, 0.299)


def rgb_of(yuv: NDArray[Any], colorspace: int) -> Floats:
    """Red, green and blue from 0 to 1 of full-range planes, which are the last axis."""
    import numpy as np

    blue, red = _LUMA.get(colorspace, _LUMA_601)
    luma, u, v = np.moveaxis(yuv / 255.0, -1, 0)
    b, r = luma + 2 * (1 - blue) * (u - 128 / 255), luma + 2 * (1 - red) * (v - 128 / 255)
    g = (luma - red * r - blue * b) / (1 - red - blue)
    clipped: Floats = np.clip(np.stack([r, g, b], -1), 0.0, 1.0)
    return clipped


def lab_of(rgb: Floats) -> Floats:
    """CIELAB of sRGB from 0 to 1; the last axis is L (0 to 100), a (green to red), b (blue to yellow)."""
    import numpy as np

    light = np.where(rgb <= _LINEAR_BELOW, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    share = light @ np.array(_XYZ).T / _WHITE
    x, y, z = np.moveaxis(
        np.where(share > _CUBE_ABOVE, np.cbrt(share), share * 24389 / 3132 + 16 / 116), -1, 0
    )
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], -1)


def difference(first: Floats, second: Floats) -> Floats:
    """CIEDE2000 of colours in CIELAB, element by element."""
    import numpy as np

    (l1, a1, b1), (l2, a2, b2) = (np.moveaxis(each, -1, 0) for each in (first, second))
    grown = 1.5 - 0.5 * _bend((np.hypot(a1, b1) + np.hypot(a2, b2)) / 2)
    chroma1, chroma2 = np.hypot(a1 * grown, b1), np.hypot(a2 * grown, b2)
    hue1, hue2 = (np.degrees(np.arctan2(b, a * grown)) % (2 * _HALF) for a, b in ((a1, b1), (a2, b2)))
    has_hue = chroma1 * chroma2 > 0
    turn = np.where(has_hue, (hue2 - hue1 + _HALF) % (2 * _HALF) - _HALF, 0.0)
    far = np.abs(hue1 - hue2) > _HALF
    hue = np.where(has_hue, (hue1 + hue2) / 2, hue1 + hue2)
    hue = np.where(has_hue & far, np.where(hue1 + hue2 < 2 * _HALF, hue + _HALF, hue - _HALF), hue)

    lightness, chroma = (l1 + l2) / 2, (chroma1 + chroma2) / 2
    waves = ((0.17, 1, -30), (-0.24, 2, 0), (-0.32, 3, 6), (0.20, 4, -63))
    of_hue = 1 - sum(size * np.cos(np.radians(times * hue + at)) for size, times, at in waves)
    middle = (lightness - 50) ** 2
    by_l = (l2 - l1) / (1 + 0.015 * middle / np.sqrt(20 + middle))
    by_c = (chroma2 - chroma1) / (1 + 0.045 * chroma)
    by_h = 2 * np.sqrt(chroma1 * chroma2) * np.sin(np.radians(turn / 2)) / (1 + 0.015 * chroma * of_hue)
    lean = -np.sin(np.radians(60 * np.exp(-(((hue - 275) / 25) ** 2)))) * 2 * _bend(chroma)
    found: Floats = np.sqrt(np.maximum(0.0, by_l**2 + by_c**2 + by_h**2 + lean * by_c * by_h))
    return found


def _bend(chroma: Any) -> Any:
    return (chroma**7 / (chroma**7 + _SEVENTH)) ** 0.5
