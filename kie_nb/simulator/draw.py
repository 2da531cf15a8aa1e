"""Drawing a video: a still picture seen by a slowly moving camera, with a caption and a mark, as H.264 and AAC.

The picture is the given one, or generated hills whose light depends on the seed. Each frame is one resize per plane of the still, some four times cheaper than moving RGB frames and converting each.
The same `Plan` gives the same bytes on the same machine: one encoder thread, no clock in the file.
"""

import hashlib
import io
import math
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont, ImageOps

from . import given

Pixels = NDArray[np.uint8]
Planes = list[Image.Image]  # luma and the two halved colour planes
Window = tuple[float, float, float, float]  # left, top, right, bottom, as shares of the picture
_WHOLE: Window = (0.0, 0.0, 1.0, 1.0)

_FRAMES_EACH = 2  # that a step of the camera lasts: 12 steps a second look smooth, and cost half of 24
_COLOURS = "colorprim=bt709:transfer=bt709:colormatrix=bt709"
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


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """All that decides the bytes of a video."""

    prompt: str
    seed: int
    seconds: float
    short_side: int
    model: str
    image: bytes | None = None
    last: bytes | None = None  # the picture that it ends with
    video: bytes | None = None  # whose frames it shows
    audio: bytes | None = None  # that is heard
    aspect: float = 16 / 9  # when there is no image
    tiny: bool = False
    drift: float = 0.0  # 0 to 1: how far the pixels are from those of the request alone
    task: int = 0  # its number, which decides where to they drift

    def digest(self) -> str:
        """A name for this video: equal plans have equal names."""
        image = hashlib.sha256(self.image).hexdigest() if self.image else f"{self.aspect:.6f}"
        asked = (self.prompt, self.seed, self.seconds, self.short_side, self.model)
        parts: tuple[Any, ...] = (*asked, image, self.tiny, "v1")
        if self.drift:
            parts += (self.drift, self.task)
        given = (self.last, self.video, self.audio)
        if any(given):
            parts += tuple(hashlib.sha256(one or b"").hexdigest() for one in given)
        return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]


class StoppedError(Exception):
    """The drawing was called off."""


def draw(plan: Plan, target: Path, *, is_off: Callable[[], bool] = lambda: False) -> None:
    """Write the video of this plan to *target*. A picture that cannot be read is an UnreadableImageError.

    *is_off* is asked at every frame whether the drawing has been called off.
    """
    seed = hashlib.sha256(f"{plan.seed}|{plan.prompt}".encode("utf-8", "replace")).digest()[:8]
    rng = np.random.default_rng(int.from_bytes(seed, "big"))
    picture = read_picture(plan.image) if plan.image is not None else None
    end = read_picture(plan.last) if plan.last is not None else None
    size = _size_for(_aspect_of(plan, picture or end), plan.short_side, tiny=plan.tiny)
    still = _drifted(fitted(picture, size) if picture else _landscape(size, rng), plan.drift, plan.task)
    fps, rate, each = (4, 16_000, 1) if plan.tiny else (24, 48_000, _FRAMES_EACH)
    count = round(plan.seconds * fps)
    steps = math.ceil(count / each)
    words = _overlay(size, plan.prompt, plan.seed)
    windows = camera(steps, rng)
    shots: Iterator[tuple[Planes, Window]]
    if plan.video is not None:
        moments = [step * each / fps for step in range(steps)]
        stills = (fitted(shown, size) for shown in given.frames_at(plan.video, moments))
        shots = ((_planes(_drifted(one, plan.drift, plan.task)), _WHOLE) for one in stills)
    elif end is not None:
        blended = _blended(_planes(still), _planes(fitted(end, size)), steps)
        shots = ((planes, _WHOLE) for planes in blended)
    else:
        planes = _planes(still)
        shots = ((planes, window) for window in windows)
    seen = _frames(shots, words)
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(target), "w", format="mp4", options=options) as box:
        box.metadata["title"] = f"{MARK} video (not made by Kie.ai)"
        box.metadata["comment"] = f"{MARK} by the kie_nb simulator; model {plan.model}; seed {plan.seed}"
        video = box.add_stream("libx264", rate=fps)
        video.width, video.height = size
        video.pix_fmt = "yuv420p"
        video.codec_context.thread_count = 1
        video.codec_context.gop_size = fps * 2
        video.options = {"preset": "ultrafast", "crf": "26", "x264-params": _COLOURS, "flags": "+bitexact"}
        audio = box.add_stream("aac", rate=rate, layout="mono")
        audio.bit_rate = 64_000
        audio.options = {"flags": "+bitexact", "aac_coder": "fast"}
        _add_sound(box, audio, _heard(plan, rate, rng))
        for index, frame in zip(range(count), (frame for frame in seen for _ in range(each)), strict=False):
            if is_off():
                raise StoppedError
            frame.pts, frame.time_base = index, Fraction(1, fps)
            box.mux(video.encode(frame))
        box.mux(video.encode(None))


def camera(count: int, rng: np.random.Generator) -> Iterator[Window]:
    """The part of the picture that each of *count* frames shows: all of it at first, then closer and to one side."""
    zoom, angle = rng.uniform(0.2, 0.34), rng.uniform(0, 2 * math.pi)
    for index in range(count):
        along = 0.5 - 0.5 * math.cos(math.pi * index / max(1, count - 1))  # starts and ends at rest
        side = 1 / (1 + zoom * along)
        left, top = ((1 - side) / 2 * (1 + way * along) for way in (math.cos(angle), math.sin(angle)))
        yield left, top, min(1.0, left + side), min(1.0, top + side)


def _frames(shots: Iterator[tuple[Planes, Window]], words: Image.Image) -> Iterator[Any]:
    """Each of *shots*, a picture and the part of it that is seen, under the words."""
    covers, opaque = _planes(np.asarray(words)[..., :3]), words.getchannel("A")
    masks = [opaque.resize(plane.size, Image.Resampling.BOX) for plane in covers]
    for planes, (left, top, right, bottom) in shots:
        shown = []
        for plane, cover, mask in zip(planes, covers, masks, strict=True):
            width, height = plane.size
            box = (left * width, top * height, right * width, bottom * height)
            seen = plane.resize(plane.size, Image.Resampling.BILINEAR, box=box)
            seen.paste(cover, mask=mask)
            shown.append(np.asarray(seen).reshape(-1))
        yield av.VideoFrame.from_ndarray(np.concatenate(shown).reshape(-1, words.width), format="yuv420p")


def _blended(first: Planes, last: Planes, count: int) -> Iterator[Planes]:
    """From one picture to the other, at rest at both ends."""
    for step in range(count):
        share = 0.5 - 0.5 * math.cos(math.pi * step / max(1, count - 1))
        yield [Image.blend(one, other, share) for one, other in zip(first, last, strict=True)]


def _aspect_of(plan: Plan, picture: Image.Image | None) -> float:
    if plan.video is not None:
        width, height = given.size_of(plan.video)
        return width / height
    return picture.width / picture.height if picture else plan.aspect


def _heard(plan: Plan, rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """The given sound, or that of the given video, as long as the picture; else a chord."""
    source = plan.audio or plan.video
    sound = given.sound_of(source, rate) if source is not None else np.zeros(0, np.float32)
    if plan.audio is None and not sound.size:
        return _chord(plan.seconds, rate, rng)
    count = round(plan.seconds * rate)
    return np.pad(sound[:count], (0, max(0, count - sound.size)))


def _planes(rgb: Pixels) -> Planes:
    """Luma and the two halved colour planes, in the limited range that players expect."""
    frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    flat = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709).to_ndarray().reshape(-1)
    width, height = frame.width, frame.height
    luma, *halves = np.split(flat, [width * height, width * height * 5 // 4])
    small = [half.reshape(height // 2, width // 2) for half in halves]
    return [Image.fromarray(plane) for plane in (luma.reshape(height, width), *small)]


def _chord(seconds: float, rate: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """A soft chord between -1 and 1, faded in and out."""
    time = np.arange(round(seconds * rate)) / rate
    turns = 2 * np.pi * rng.uniform(110, 165) * np.outer((1, 1.25, 1.5), time)
    loudness = 0.02 * np.minimum(1.0, np.minimum(time, time[::-1]) / 0.4)
    chord: NDArray[np.float32] = (np.sin(turns).sum(axis=0) * loudness).astype(np.float32)
    return chord


def _add_sound(box: Any, stream: Any, sound: NDArray[np.float32]) -> None:
    frame = av.AudioFrame.from_ndarray(sound.reshape(1, -1), format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = stream.rate, 0, Fraction(1, stream.rate)
    box.mux(stream.encode(frame))
    box.mux(stream.encode(None))


class UnreadableImageError(ValueError):
    """These bytes are not a JPEG, PNG or WebP picture."""


def _size_for(aspect: float, short_side: int, *, tiny: bool) -> tuple[int, int]:
    # Even numbers, as H.264 wants them.
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


def _landscape(size: tuple[int, int], rng: np.random.Generator) -> Pixels:
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


def _drifted(still: Pixels, drift: float, task: int) -> Pixels:
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


def _overlay(size: tuple[int, int], prompt: str, seed: int) -> Image.Image:
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
