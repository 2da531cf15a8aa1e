"""A picture where none was given: hills in the haze at some hour of the day, decided by the seed.

Also where a given picture is read and cut to the shape of the video. Needs numpy and Pillow.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

Pixels = NDArray[np.uint8]

# zenith, horizon, far hill, near hill, sun
_HOURS = (
    ((24, 32, 74), (246, 146, 96), (140, 92, 120), (30, 22, 48), (255, 222, 170)),
    ((64, 128, 196), (214, 232, 240), (122, 162, 176), (28, 70, 74), (255, 252, 232)),
    ((10, 14, 38), (70, 84, 140), (48, 60, 104), (8, 12, 30), (236, 240, 255)),
    ((92, 60, 120), (255, 190, 170), (186, 120, 146), (58, 30, 66), (255, 240, 214)),
)
_HILLS = 5
_MOST_PIXELS = 40_000_000  # a small file can claim any size: nothing larger is decoded
_FLATTEST, _TALLEST = 0.4, 2.5  # width to height; beyond this a picture is cut


class UnreadableImageError(ValueError):
    """These bytes are not a JPEG, PNG or WebP picture."""


def size_for(aspect: float, short_side: int, *, tiny: bool) -> tuple[int, int]:
    """Width and height with this short side: even numbers, as H.264 wants them."""
    aspect = min(_TALLEST, max(_FLATTEST, aspect))
    short = max(16, short_side // 8) if tiny else short_side
    width, height = short * max(1.0, aspect), short * max(1.0, 1 / aspect)
    return round(width / 2) * 2, round(height / 2) * 2


def read_picture(data: bytes) -> Image.Image:
    """The picture in these bytes, upright and without transparency."""
    try:
        with Image.open(io.BytesIO(data), formats=("JPEG", "PNG", "WEBP")) as opened:
            if opened.width * opened.height > _MOST_PIXELS:
                raise UnreadableImageError("it has too many pixels")
            upright = ImageOps.exif_transpose(opened).convert("RGBA")
            ground = Image.new("RGBA", upright.size, (0, 0, 0, 255))
            return Image.alpha_composite(ground, upright).convert("RGB")
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as exc:
        raise UnreadableImageError(str(exc)) from exc


def fitted(picture: Image.Image, size: tuple[int, int]) -> Pixels:
    """The picture filling this size, cut in the middle where the shapes differ."""
    return np.asarray(ImageOps.fit(picture, size, method=Image.Resampling.LANCZOS), dtype=np.uint8)


def landscape(size: tuple[int, int], rng: np.random.Generator) -> Pixels:
    """Hills in the haze: another hour and another skyline for each seed."""
    width, height = size
    zenith, horizon, far, near, light = np.array(_HOURS[rng.integers(len(_HOURS))], dtype=np.float32)
    x = np.linspace(0.0, 1.0, width, dtype=np.float32)
    y = np.linspace(0.0, 1.0, height, dtype=np.float32)[:, None]
    skyline = float(rng.uniform(0.48, 0.62))
    sky = np.clip(y / skyline, 0.0, 1.0)[..., None] ** 1.6
    canvas = np.repeat(zenith * (1 - sky) + horizon * sky, width, axis=1)
    distance = np.hypot((x - float(rng.uniform(0.2, 0.8))) * (width / height), y - skyline + 0.14)
    disc = np.clip((0.052 - distance) * 400, 0, 1)
    canvas += (light - canvas) * np.maximum(disc, 0.8 * np.exp(-distance * 4))[..., None]
    for number in range(_HILLS):
        depth = number / (_HILLS - 1)
        waves = 2 ** np.arange(6) * rng.uniform(1.1, 1.75, 6)
        swell = np.sin(2 * np.pi * (np.outer(waves, x) + rng.uniform(size=(6, 1)))).T / 1.9 ** np.arange(6)
        ridge = skyline + 0.42 * depth**1.3 + swell.sum(axis=1) * (0.025 + 0.035 * depth)
        below = y - ridge.astype(np.float32)
        haze = np.clip(1 - below * 3.2, 0, 1)[..., None] * 0.22
        cover = np.clip(below * height / 1.5, 0, 1)[..., None]
        hill = (far * (1 - depth) + near * depth) * (1 - haze) + horizon * haze
        canvas += (hill - canvas) * cover
    canvas += rng.standard_normal((height, width, 1), dtype=np.float32)  # grain, against banding
    drawn: Pixels = np.clip(canvas, 0, 255).astype(np.uint8)
    return drawn
