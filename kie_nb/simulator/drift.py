"""A model that drifts: the same request gives other pixels each time, as far apart as `drift` says.

The picture is overlaid with a pattern that only the number of the task decides, so one task is always drawn alike.
"""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .scene import Pixels

VARIABLE = "KIE_SIM_DRIFT"
_STRONGEST = 180.0  # of 255 levels, at a drift of 1
_FINEST, _OCTAVES = 96, 4  # cells across the picture; each further pattern is half as fine


def checked(drift: float | None, environ: Mapping[str, str] | None = None) -> float:
    """A drift from 0 to 1, by default that of the environment; ValueError for anything else."""
    if drift is None:
        text = (os.environ if environ is None else environ).get(VARIABLE, "").strip()
        try:
            drift = float(text or 0)
        except ValueError:
            raise ValueError(f"{VARIABLE} must be a number from 0 to 1, not {text!r}") from None
    if isinstance(drift, bool) or not isinstance(drift, int | float) or not 0 <= drift <= 1:
        raise ValueError(f"drift must be a number from 0 to 1, not {drift!r}")
    return float(drift)


def drifted(still: "Pixels", drift: float, task: int) -> "Pixels":
    """The picture as the task with this number sees it; without drift it is the one given."""
    if not drift:
        return still
    import numpy as np
    from PIL import Image

    height, width = still.shape[:2]
    rng = np.random.default_rng(task)
    pattern = np.zeros((height, width), dtype=np.float32)
    for octave in range(_OCTAVES):
        across = max(2, _FINEST >> octave)
        cells = rng.uniform(-1.0, 1.0, (max(2, across * height // width), across)).astype(np.float32)
        grown = Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)
        pattern += np.asarray(grown) / _OCTAVES
    moved = still + (_STRONGEST * drift) * pattern[..., None]
    return np.clip(moved, 0, 255).astype(np.uint8)
