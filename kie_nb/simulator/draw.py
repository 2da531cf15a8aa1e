"""Drawing a video: a still picture seen by a slowly moving camera, with a caption and a mark, as H.264 and AAC.

Each frame is one resize per plane of the still, some four times cheaper than moving RGB frames and converting each.
The same `Plan` gives the same bytes on the same machine: one encoder thread, no clock in the file.
"""

import hashlib
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import Colorspace
from numpy.typing import NDArray
from PIL import Image

from .scene import MARK, Pixels, drifted, fitted, landscape, overlay, read_picture, size_for

Window = tuple[float, float, float, float]  # left, top, right, bottom, as shares of the picture

_FRAMES_EACH = 2  # that a step of the camera lasts: 12 steps a second look smooth, and cost half of 24
_COLOURS = "colorprim=bt709:transfer=bt709:colormatrix=bt709"


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """All that decides the bytes of a video."""

    prompt: str
    seed: int
    seconds: float
    short_side: int
    model: str
    image: bytes | None = None
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
    aspect = picture.width / picture.height if picture else plan.aspect
    size = size_for(aspect, plan.short_side, tiny=plan.tiny)
    still = drifted(fitted(picture, size) if picture else landscape(size, rng), plan.drift, plan.task)
    fps, rate, each = (4, 16_000, 1) if plan.tiny else (24, 48_000, _FRAMES_EACH)
    count = round(plan.seconds * fps)
    windows = camera(math.ceil(count / each), rng)
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
        _add_sound(box, audio, _chord(plan.seconds, rate, rng))
        seen = _frames(still, overlay(size, plan.prompt, plan.seed), windows)
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


def _frames(still: Pixels, words: Image.Image, windows: Iterator[Window]) -> Iterator[Any]:
    planes, covers = _planes(still), _planes(np.asarray(words)[..., :3])
    opaque = words.getchannel("A")
    masks = [opaque.resize(plane.size, Image.Resampling.BOX) for plane in planes]
    for left, top, right, bottom in windows:
        shown = []
        for plane, cover, mask in zip(planes, covers, masks, strict=True):
            width, height = plane.size
            box = (left * width, top * height, right * width, bottom * height)
            seen = plane.resize(plane.size, Image.Resampling.BILINEAR, box=box)
            seen.paste(cover, mask=mask)
            shown.append(np.asarray(seen).reshape(-1))
        yield av.VideoFrame.from_ndarray(np.concatenate(shown).reshape(-1, words.width), format="yuv420p")


def _planes(rgb: Pixels) -> list[Image.Image]:
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
