"""What two films have in common at a glance: since when they go together, whether one is turned or cut, and how their colours differ.

Each film is kept as small pictures of its frames, whatever its size and shape. Moments and framing are found by luma, so that
another colour or brightness does not hide them.
"""

from __future__ import annotations

import itertools
import math
from typing import TYPE_CHECKING, Any, cast

from .colour import difference, lab_of, rgb_of
from .facts import Appearance, Framing
from .reading import is_full_range

if TYPE_CHECKING:
    import numpy as np
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter
    from numpy.typing import NDArray

    from .colour import Floats

    Pictures = NDArray[np.uint8]  # frame, row, column: luma; or with Y, U, V as the last axis
    Outlines = NDArray[np.float32]  # a row for each frame: its luma without its brightness and contrast
    Blocks = NDArray[np.float32]
    Numbers = NDArray[np.intp]

WIDTH, HEIGHT = 64, 36
# Pictures of one film: 43 s of 24 frames a second; of a longer one every second frame, every fourth, and so on.
_MOST_KEPT = 1024
_MOST_JUDGED = 24  # pairs whose outlines and colours are compared
_LEAST_TOGETHER = 0.2  # of the shorter film: less in common is a coincidence
_LEFT_BY_SHIFT = 0.4  # of the difference, by a shift that is real
_SAME_OUTLINE = 0.9  # correlation of what a shift, a turn or a crop has brought together
_FLAT = 2.0  # levels of contrast, root mean square; a picture with less has no outline
_WORTH_A_LOOK = 0.75  # correlation of a crop among the coarse ones that is looked at closely
_UNSPECIFIED = 2  # FFmpeg's number of a colour space that the file does not tell


class Glances:
    """Small pictures of the frames of one film, evenly spaced, with their moments."""

    def __init__(self) -> None:
        self.moments: list[float] = []
        self.colorspace = _UNSPECIFIED
        self.step = 1  # every so many frames are kept
        self._pictures: list[Pictures] = []
        self._seen = 0
        self._scaler: VideoReformatter | None = None

    def add(self, frame: VideoFrame, moment: float) -> None:
        """Look at the next frame, which is upright."""
        from av.video.reformatter import VideoReformatter

        self._seen += 1
        if (self._seen - 1) % self.step:
            return
        if len(self.moments) == _MOST_KEPT:
            del self.moments[1::2], self._pictures[1::2]
            self.step *= 2
        self._scaler = self._scaler or VideoReformatter()
        self.colorspace = int(frame.colorspace)
        small = self._scaler.reformat(
            frame,
            WIDTH,
            HEIGHT,
            "yuv444p",
            interpolation="AREA",
            src_color_range="JPEG" if is_full_range(frame) else "MPEG",
            dst_color_range="JPEG",
        )
        self.moments.append(moment)
        self._pictures.append(cast("Pictures", small.to_ndarray().transpose(1, 2, 0)))

    @property
    def last_s(self) -> float:
        """The last moment."""
        return max(self.moments)

    def at(self, numbers: Numbers) -> Pictures:
        """The pictures with these numbers."""
        import numpy as np

        return np.stack([self._pictures[number] for number in numbers])

    def on_grid(self, fps: float) -> Numbers:
        """The number of the picture that is shown at each *fps*-th of a second."""
        import numpy as np

        moments = np.array(self.moments)
        wanted = np.arange(round(self.last_s * fps) + 1) / fps
        after = np.searchsorted(moments, wanted).clip(0, len(moments) - 1)
        before = (after - 1).clip(0)
        return np.where(wanted - moments[before] < moments[after] - wanted, before, after)


def seen_together(first: Glances, second: Glances, fps: float) -> tuple[float, Appearance]:
    """By how many seconds the second is earlier than the first, and how they look once that is made good.

    Args:
        fps: Of the slower one.
    """
    import numpy as np

    rate = fps / max(first.step, second.step)
    # A file may say that its second frame is shown next year.
    rate = min(rate, 2 * _MOST_KEPT / max(first.last_s, second.last_s, 1 / rate))
    one, other = first.on_grid(rate), second.on_grid(rate)
    shift = _shift(
        *(_outlines(_blurred(film.at(at)[..., 0])) for film, at in ((first, one), (second, other)))
    )
    start, end = max(0, shift), min(len(one), len(other) + shift)
    pairs = np.linspace(start, end - 1, min(_MOST_JUDGED, end - start)).round().astype(int)
    one_space, other_space = first.colorspace, second.colorspace
    spaces = (
        one_space if one_space != _UNSPECIFIED else other_space,
        other_space if other_space != _UNSPECIFIED else one_space,
    )
    found = _appearance(first.at(one[pairs]), second.at(other[pairs - shift]), spaces)
    return shift / rate, found


def _blurred(pictures: NDArray[Any]) -> Blocks:
    """In blocks of 2 x 2 pixels; planes are the last axis."""
    frames, height, width, *planes = pictures.shape
    blocks: Blocks = pictures.reshape(frames, height // 2, 2, width // 2, 2, *planes).mean(
        axis=(2, 4), dtype="float32"
    )
    return blocks


def _outlines(luma: NDArray[Any]) -> Outlines:
    import numpy as np

    flat = luma.reshape(len(luma), -1).astype(np.float32)
    flat -= flat.mean(axis=1, keepdims=True)
    size = np.linalg.norm(flat, axis=1, keepdims=True)
    return np.where(size > _FLAT * flat.shape[1] ** 0.5, flat / np.maximum(size, 1e-6), 0)


def _shift(first: Outlines, second: Outlines) -> int:
    """By how many pictures the second is earlier; 0 unless another number is clearly better."""
    import numpy as np

    # Not `@`: its threads cost more than they save on a machine that has work.
    together = np.einsum("if,jf->ij", first, second)
    apart = np.square(first).sum(axis=1)[:, None] + np.square(second).sum(axis=1) - 2 * together
    least = max(2, _LEAST_TOGETHER * min(apart.shape))
    found = {
        by: float(np.diagonal(apart, -by).mean())
        for by in range(1 - len(second), len(first))
        if min(len(first), len(second) + by) - max(0, by) >= least
    }
    if not found or 0 not in found:
        return 0
    best = min(found, key=lambda by: (round(found[by], 3), abs(by)))
    is_real = found[best] <= min(_LEFT_BY_SHIFT * found[0], 2 * (1 - _SAME_OUTLINE))
    return best if is_real else 0


def _alike(first: Pictures, second: Pictures) -> Outlines:
    """Of each pair of pictures the correlation of their luma; 1 where both are flat."""
    import numpy as np

    apart = np.square(_outlines(first[..., 0]) - _outlines(second[..., 0])).sum(axis=1)
    alike: Outlines = 1 - apart / 2
    return alike


def _appearance(first: Pictures, second: Pictures, spaces: tuple[int, ...]) -> Appearance:
    import numpy as np

    framing, part = Framing.SAME, 1.0
    if _alike(first, second).mean() < _SAME_OUTLINE:
        framing, part, first, second = _framed(first, second)
    outlines = _alike(255 - first if framing is Framing.NEGATIVE else first, second)
    one, other = (_lab(each, space) for each, space in zip((first, second), spaces, strict=True))
    as_light = np.concatenate([one[..., :1], other[..., 1:]], axis=-1)
    saturation, tint = _hues_between(one[..., 1:].reshape(-1, 2), other[..., 1:].reshape(-1, 2))
    chroma, other_chroma = (float(np.hypot(each[..., 1], each[..., 2]).mean()) for each in (one, other))
    return Appearance(
        outline=float(outlines.mean()),
        outline_min=float(outlines.min()),
        framing=framing,
        part=part,
        colour=float(difference(one, other).mean()),
        hue=float(difference(one, as_light).mean()),
        lightness=float((other - one)[..., 0].mean()),
        saturation=saturation,
        tint=tint,
        chroma=(chroma, other_chroma),
    )


def _framed(first: Pictures, second: Pictures) -> tuple[Framing, float, Pictures, Pictures]:
    """What was done to the second, which share of the picture both show, and both with that made good; a negative stays one."""
    for kind, turned in (
        (Framing.MIRRORED, first[:, :, ::-1]),
        (Framing.UPSIDE_DOWN, first[:, ::-1, ::-1]),
        (Framing.NEGATIVE, 255 - first),
    ):
        if _alike(turned, second).mean() >= _SAME_OUTLINE:
            return kind, 1.0, first if kind is Framing.NEGATIVE else turned, second
    for kind, whole, part in ((Framing.CLOSER, first, second), (Framing.WIDER, second, first)):
        left, top, width, height = _best_crop(*(each[len(each) // 2, ..., 0] for each in (whole, part)))
        shown = _resized(whole[:, top : top + height, left : left + width], WIDTH, HEIGHT)
        if _alike(shown, part).mean() >= _SAME_OUTLINE:
            share = height * width / (HEIGHT * WIDTH)
            return (kind, share, shown, part) if kind is Framing.CLOSER else (kind, share, part, shown)
    return Framing.SAME, 1.0, first, second


def _hues_between(first: Floats, second: Floats) -> tuple[float, tuple[float, float]]:
    """The factor and the sum that make the hues of *second* from those of *first*: by their spreads, which noise does not lower."""
    means = first.mean(axis=0), second.mean(axis=0)
    apart = first - means[0], second - means[1]
    spreads = [float((each**2).sum()) for each in apart]
    factor = 1.0  # where there is hardly any hue, but noise
    if spreads[0] > len(first):
        factor = math.copysign(math.sqrt(spreads[1] / spreads[0]), float((apart[0] * apart[1]).sum()))
    a, b = (means[1] - factor * means[0]).tolist()
    return factor, (a, b)


def _lab(pictures: Pictures, space: int) -> Floats:
    """Blurred: what a codec does to single pixels is not seen."""
    return lab_of(rgb_of(_blurred(pictures), space))


def _best_crop(whole: Pictures, part: Pictures) -> tuple[int, int, int, int]:
    """Left, top, width and height of the part of one luma picture that is most like another; all of it where none is."""
    coarse = [(width, round(width * HEIGHT / WIDTH)) for width in range(WIDTH // 2 - 1, WIDTH // 4 - 1, -1)]
    coarse += [(width, HEIGHT // 2) for width in range(WIDTH // 2 - 1, WIDTH // 4 - 1, -1)]
    coarse += [(WIDTH // 2, height) for height in range(HEIGHT // 2 - 1, HEIGHT // 4 - 1, -1)]
    found, (_, _, width, height) = _searched(_blurred(whole[None])[0], _blurred(part[None])[0], coarse)
    if found < _WORTH_A_LOOK:
        return 0, 0, WIDTH, HEIGHT
    near = itertools.product(range(2 * width - 1, 2 * width + 2), range(2 * height - 1, 2 * height + 2))
    return _searched(whole, part, [(min(WIDTH, width), min(HEIGHT, height)) for width, height in near])[1]


def _searched(
    whole: NDArray[Any], part: NDArray[Any], sizes: list[tuple[int, int]]
) -> tuple[float, tuple[int, int, int, int]]:
    """The best correlation of a part of *whole* of one of these sizes with *part*, and which it is."""
    import numpy as np
    from numpy.lib.stride_tricks import sliding_window_view

    best = (-1.0, (0, 0, whole.shape[1], whole.shape[0]))
    for width, height in sizes:
        windows = sliding_window_view(whole, (height, width))
        (wanted,) = _outlines(_resized(part[None], width, height))
        found = np.einsum("if,f->i", _outlines(windows.reshape(-1, height, width)), wanted)
        top, left = np.unravel_index(found.argmax(), windows.shape[:2])
        best = max(best, (float(found.max()), (int(left), int(top), width, height)))
    return best


def _resized(pictures: NDArray[Any], width: int, height: int) -> NDArray[Any]:
    import numpy as np
    from PIL import Image

    kind = Image.Resampling.BILINEAR
    return np.stack([np.asarray(Image.fromarray(each).resize((width, height), kind)) for each in pictures])
