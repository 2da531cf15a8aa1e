"""The sound track: a quiet room and a soft chord, decided by the seed. Needs numpy."""

import numpy as np
from numpy.typing import NDArray

RATE, LOW_RATE = 48_000, 16_000
_ROOTS = (110.0, 123.47, 130.81, 146.83, 164.81)
_CHORDS = ((1.0, 1.5, 2.0), (1.0, 1.25, 1.5), (1.0, 1.2, 1.5), (1.0, 4 / 3, 2.0))


def ambience(seconds: float, rng: np.random.Generator, rate: int = RATE) -> NDArray[np.float32]:
    """Mono samples between -1 and 1, faded in and out."""
    count = round(seconds * rate)
    time = np.arange(count, dtype=np.float32) / rate
    hiss = rng.normal(0.0, 1.0, count).astype(np.float32)
    # A running mean of white noise is the low murmur of a room.
    width = max(1, rate // 1000)
    sums = np.cumsum(np.concatenate([np.zeros(width, dtype=np.float64), hiss]))
    track = ((sums[width:] - sums[:-width]) / width * 0.05).astype(np.float32)
    root = float(_ROOTS[rng.integers(len(_ROOTS))])
    for ratio in _CHORDS[rng.integers(len(_CHORDS))]:
        breath = 0.6 + 0.4 * np.sin(
            2 * np.pi * float(rng.uniform(0.1, 0.3)) * time + float(rng.uniform(0, 6))
        )
        track += (0.022 * breath * np.sin(2 * np.pi * root * ratio * time)).astype(np.float32)
    fade = np.minimum(1.0, np.minimum(time, time[::-1]) / 0.4)
    faded: NDArray[np.float32] = (track * fade).astype(np.float32)
    return faded
