"""The still pictures of a video: the one it was made from, hills in the haze where none was given, a drift, and the caption."""

import io
import textwrap

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

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
_STRONGEST = 180.0  # of 255 levels, at a drift of 1
_FINEST, _OCTAVES = 96, 4  # cells across the drift's picture; each further pattern is half as fine
MARK = "SIMULATED"
_WHITE, _RED, _BLACK = (255, 255, 255, 255), (214, 40, 40, 232), (0, 0, 0, 170)
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


def drifted(still: Pixels, drift: float, task: int) -> Pixels:
    """The picture as the task with this number sees it; without drift it is the one given."""
    if not drift:
        return still
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


def overlay(size: tuple[int, int], prompt: str, seed: int) -> Image.Image:
    """A picture to lay over the frames: the mark and the seed above, the prompt below on a soft shade."""
    width, height = size
    unit = min(size)
    font, small = (ImageFont.load_default(size=max(7.0, unit / part)) for part in (25, 36))
    lines = _wrapped(prompt, font, width * 7 / 8)
    line_height = round(max(7.0, unit / 25) * 1.34)
    bottom = height - max(2, unit // 18)
    top = bottom - line_height * max(1, len(lines))
    veil = np.zeros((height, width, 4), dtype=np.uint8)
    shade = veil[max(0, top - unit // 7) :]
    shade[..., 3] = (np.linspace(0, 1, len(shade)) ** 0.8 * 205)[:, None]
    picture = Image.fromarray(veil)
    pen = ImageDraw.Draw(picture)
    edge = max(1, unit // 360)
    for number, line in enumerate(lines):
        place = (width / 2, top + number * line_height)
        pen.text(place, line, font=font, fill=_WHITE, anchor="ma", stroke_width=edge, stroke_fill=_BLACK)
    margin, pad = max(2, unit // 32), max(2, unit // 60)
    box = pen.textbbox((margin + pad, margin + pad), MARK, font=small)
    pen.rounded_rectangle((margin, margin, box[2] + pad, box[3] + pad), radius=pad / 2, fill=_RED)
    pen.text((margin + pad, margin + pad), MARK, font=small, fill=_WHITE)
    place = (width - margin, margin + pad)
    pen.text(
        place, f"seed {seed}", font=small, fill=_WHITE, anchor="ra", stroke_width=edge, stroke_fill=_BLACK
    )
    return picture


def _wrapped(prompt: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> list[str]:
    # Control signs and lone surrogates would be drawn as boxes or refused by the font.
    clean = "".join(sign if sign.isprintable() else " " for sign in prompt)
    text = " ".join(clean.encode("utf-8", "replace").decode().split())
    if not text:
        return []
    columns = max(8, int(room * len(text) / max(1.0, font.getlength(text))))
    return textwrap.wrap(text, columns, max_lines=3, placeholder=" …")
