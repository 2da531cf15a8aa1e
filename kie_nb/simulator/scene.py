"""A picture where none was given: hills in the haze at some hour of the day, decided by the seed.

Also where a given picture is read and cut to the shape of the video. Needs numpy and Pillow.
"""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Pixels = NDArray[np.uint8]

# (zenith, horizon, far hill, near hill, sun)
_HOURS: tuple[tuple[tuple[int, int, int], ...], ...] = (
    ((24, 32, 74), (246, 146, 96), (140, 92, 120), (30, 22, 48), (255, 222, 170)),
    ((64, 128, 196), (214, 232, 240), (122, 162, 176), (28, 70, 74), (255, 252, 232)),
    ((10, 14, 38), (70, 84, 140), (48, 60, 104), (8, 12, 30), (236, 240, 255)),
    ((92, 60, 120), (255, 190, 170), (186, 120, 146), (58, 30, 66), (255, 240, 214)),
    ((34, 92, 96), (244, 220, 150), (120, 150, 118), (18, 48, 44), (255, 250, 206)),
)
_MOST_PIXELS = 40_000_000  # a small file can claim any size: nothing larger is decoded
_FLATTEST, _TALLEST = 0.4, 2.5  # width to height; beyond this a picture is cut


class UnreadableImageError(ValueError):
    """These bytes are not a JPEG, PNG or WebP picture."""


def size_for(aspect: float, short_side: int, *, tiny: bool) -> tuple[int, int]:
    """Width and height with this short side: even numbers, as H.264 wants them."""
    aspect = min(_TALLEST, max(_FLATTEST, aspect))
    short = max(16, short_side // 8) if tiny else short_side
    width, height = (short * aspect, short) if aspect >= 1 else (short, short / aspect)
    return max(16, round(width / 2) * 2), max(16, round(height / 2) * 2)


def read_picture(data: bytes) -> Image.Image:
    """The picture in these bytes, upright and without transparency."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise UnreadableImageError("it has too many pixels")
            upright: Image.Image = ImageOps.exif_transpose(opened)
            if upright.mode in {"RGBA", "LA", "PA"} or "transparency" in upright.info:
                see_through = upright.convert("RGBA")
                ground = Image.new("RGBA", see_through.size, (0, 0, 0, 255))
                return Image.alpha_composite(ground, see_through).convert("RGB")
            return upright.convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as exc:
        raise UnreadableImageError(str(exc)) from exc


def fitted(picture: Image.Image, size: tuple[int, int]) -> Pixels:
    """The picture filling this size, cut in the middle where the shapes differ."""
    return np.asarray(ImageOps.fit(picture, size, method=Image.Resampling.LANCZOS), dtype=np.uint8)


def landscape(size: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """Hills in the haze: another hour and another skyline for each seed."""
    width, height = size
    zenith, horizon, far, near, light = (
        np.array(c, dtype=np.float32) for c in _HOURS[rng.integers(len(_HOURS))]
    )
    x = np.linspace(0.0, 1.0, width, dtype=np.float32)
    y = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
    skyline = float(rng.uniform(0.48, 0.62))
    blend = np.clip(y / skyline, 0.0, 1.0)[..., None] ** 1.6
    canvas = zenith * (1 - blend) + horizon * blend
    canvas = np.broadcast_to(canvas, (height, width, 3)).copy()
    _shine(
        canvas,
        x * (width / height),
        y,
        (float(rng.uniform(0.2, 0.8)) * width / height, skyline - 0.14),
        light,
    )
    layers = 5
    for layer in range(layers):
        depth = layer / (layers - 1)
        top = skyline + 0.42 * depth**1.3 + _ridge(x, rng, height=0.05 + 0.07 * depth)
        cover = np.clip((y - top) * height / 1.5, 0.0, 1.0)[..., None]
        haze = np.clip(1 - (y - top) * 3.2, 0.0, 1.0)[..., None] * 0.22
        colour = far * (1 - depth) + near * depth
        canvas += (colour * (1 - haze) + horizon * haze - canvas) * cover
    canvas += rng.normal(0.0, 1.0, (height, width, 1)).astype(np.float32)  # grain, against banding
    drawn: Pixels = np.clip(canvas, 0, 255).astype(np.uint8)
    return drawn


def _shine(canvas: Any, x: Any, y: Any, centre: tuple[float, float], light: Any) -> None:
    distance = np.hypot(x[None, :] - centre[0], y - centre[1])
    disc = np.clip((0.052 - distance) * 400, 0.0, 1.0)
    glow = 0.62 * np.exp(-distance * 5.0) + 0.25 * np.exp(-distance * 1.8)
    part = np.clip(np.maximum(disc, glow), 0.0, 1.0)[..., None]
    canvas += (light - canvas) * part


def _ridge(x: Any, rng: np.random.Generator, *, height: float) -> Any:
    line = np.zeros_like(x)
    for octave in range(6):
        waves = 1.4 * 2**octave * float(rng.uniform(0.8, 1.25))
        line += np.sin(2 * np.pi * (waves * x + float(rng.uniform()))).astype(np.float32) / 1.9**octave
    return line * height * 0.5
