"""What is burnt into every frame: the prompt, the mark that it is simulated, the seed. Needs Pillow and numpy."""

import textwrap

import numpy as np
from PIL import Image, ImageDraw, ImageFont

MARK = "SIMULATED"
_WHITE, _RED, _BLACK = (255, 255, 255, 255), (214, 40, 40, 232), (0, 0, 0, 170)


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
