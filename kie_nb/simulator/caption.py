"""What is burnt into every frame: the prompt as a caption, the mark that it is simulated, the seed.

Drawn once per video as colour and opacity, then laid over the moving planes. Needs Pillow and numpy.
"""

import textwrap
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from .scene import Pixels

MARK = "SIMULATED"
_MAX_LINES = 3


@dataclass(frozen=True, slots=True)
class Overlay:
    """A picture to lay over the frames from row *top* downwards."""

    rgb: Pixels
    alpha: Pixels
    top: int


def badge(size: tuple[int, int], seed: int) -> Overlay:
    """The mark in the upper left corner and the seed in the upper right one."""
    width, height = size
    unit = min(size)
    mark_font = ImageFont.load_default(size=max(7, unit / 30))
    seed_font = ImageFont.load_default(size=max(7, unit / 42))
    margin = max(2, unit // 32)
    pad = max(1, unit // 90)
    depth = _even(min(height, margin + round(unit / 11)))
    picture = Image.new("RGBA", (width, depth), (0, 0, 0, 0))
    pen = ImageDraw.Draw(picture)
    _, top, right, bottom = pen.textbbox((margin + 3 * pad + unit // 60, margin + pad), MARK, font=mark_font)
    box = (margin, top - 2 * pad, right + 2 * pad, bottom + 2 * pad)
    pen.rounded_rectangle(box, radius=max(1, unit // 120), fill=(214, 40, 40, 232))
    dot = max(1, unit // 120)
    middle = (box[1] + box[3]) / 2
    dot_x = margin + 2 * pad + dot / 2
    pen.ellipse((dot_x - dot / 2, middle - dot, dot_x + dot * 1.5, middle + dot), fill=(255, 255, 255, 255))
    pen.text((margin + 3 * pad + unit // 60, margin + pad), MARK, font=mark_font, fill=(255, 255, 255, 255))
    _shadowed(pen, (width - margin, margin + pad), f"seed {seed}", seed_font, unit)
    return _overlay(picture, 0)


def caption(size: tuple[int, int], prompt: str) -> Overlay:
    """The prompt in the lower third, on a soft shade."""
    width, height = size
    unit = min(size)
    font_size = max(7.0, unit / 25)
    font = ImageFont.load_default(size=font_size)
    margin = max(2, round(width / 16))
    lines = _wrapped(prompt, font, width - 2 * margin)
    line_height = round(font_size * 1.34)
    text_height = line_height * max(1, len(lines))
    shade = _even(min(height, text_height + round(unit / 5)))
    top = height - shade
    picture = Image.new("RGBA", (width, shade), (0, 0, 0, 0))
    ramp = np.linspace(0.0, 1.0, shade) ** 0.8 * 205
    veil = np.zeros((shade, width, 4), dtype=np.uint8)
    veil[..., 3] = ramp.astype(np.uint8)[:, None]
    picture = Image.fromarray(veil)
    pen = ImageDraw.Draw(picture)
    y = shade - text_height - max(2, round(unit / 18))
    for line in lines:
        pen.text((width / 2 + 1, y + 1), line, font=font, fill=(0, 0, 0, 200), anchor="ma")
        pen.text((width / 2, y), line, font=font, fill=(255, 255, 255, 255), anchor="ma")
        y += line_height
    return _overlay(picture, top)


def _wrapped(prompt: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, room: float) -> list[str]:
    # Control signs and lone surrogates would be drawn as boxes or refused by the font.
    clean = "".join(sign if sign.isprintable() else " " for sign in prompt)
    text = " ".join(clean.encode("utf-8", "replace").decode("utf-8").split())
    if not text:
        return []
    per_sign = max(1.0, font.getlength(text[:200]) / len(text[:200]))
    columns = max(8, int(room / per_sign * 0.97))
    lines = textwrap.wrap(text, columns, max_lines=_MAX_LINES, placeholder=" …")
    while columns > 8 and any(font.getlength(line) > room for line in lines):  # noqa: PLR2004 - the floor above
        columns -= 1
        lines = textwrap.wrap(text, columns, max_lines=_MAX_LINES, placeholder=" …")
    return lines


def _shadowed(
    pen: ImageDraw.ImageDraw,
    corner: tuple[float, float],
    text: str,
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    unit: int,
) -> None:
    stroke = max(1, unit // 360)
    pen.text(
        corner,
        text,
        font=font,
        fill=(255, 255, 255, 235),
        anchor="ra",
        stroke_width=stroke,
        stroke_fill=(0, 0, 0, 150),
    )


def _overlay(picture: Image.Image, top: int) -> Overlay:
    pixels = np.asarray(picture, dtype=np.uint8)
    return Overlay(
        rgb=np.ascontiguousarray(pixels[..., :3]), alpha=np.ascontiguousarray(pixels[..., 3]), top=top
    )


def _even(number: int) -> int:
    return number - number % 2
