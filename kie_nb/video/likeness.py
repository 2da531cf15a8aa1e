"""How alike two videos are: bytes, frames, SSIM, and the sound by itself.

Figures only; what they mean is judged elsewhere. Both videos are decoded once, frame by frame, so that a long one needs no
more memory than a short one.
"""

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from ..fileops import hash_of
from .facts import AnyPath, Likeness, Side, is_one_length

if TYPE_CHECKING:
    from .pairing import Film


def compare_videos(first: AnyPath, second: AnyPath) -> Likeness:
    """Measure how alike two videos are; NotAVideo if one of them is something else, or damaged.

    Frames are paired by their moment, counted from the first frame; what only one of them has at its end is not compared. Different
    sizes are compared in the smaller, different frame rates in the lower.
    """
    from .hearing import compare_sound
    from .metrics import Gauge
    from .pairing import films, pairs

    gauge: Gauge | None = None
    count = 0
    with tempfile.TemporaryDirectory(prefix="kie-nb-") as folder, films(first, second) as (one, other):
        for mine, theirs in pairs(one, other):
            if gauge is None:
                smaller = min(one, other, key=lambda film: film.width * film.height)
                gauge = Gauge(mine, theirs, Path(folder), (smaller.width, smaller.height))
            gauge.add(mine, theirs)
            count += 1
        assert gauge is not None  # noqa: S101 - for the type checker: without a frame `pairs` has raised
        ssim, ssim_min = gauge.figures()
        same_pixels = one.digest == other.digest
        sides = _side(first, one), _side(second, other)
    return Likeness(
        first=sides[0],
        second=sides[1],
        same_bytes=sides[0].sha256 == sides[1].sha256,
        same_frames=same_pixels and is_one_length(*sides),
        ssim=ssim,
        ssim_min=ssim_min,
        pairs=count,
        compared_s=min(side.duration_s for side in sides),
        compared_width=gauge.width,
        compared_height=gauge.height,
        sound=compare_sound(first, second),
    )


def _side(path: AnyPath, film: "Film") -> Side:
    return Side(
        name=film.name,
        sha256=hash_of(Path(path), follow=True),
        bytes=Path(path).stat().st_size,
        frames=film.frames,
        duration_s=round(film.length_s, 3),
        fps=round(film.fps, 3),
        width=film.width,
        height=film.height,
        has_sound=film.has_sound,
    )
