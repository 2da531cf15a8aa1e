"""Drawing a video: one still picture, a moving camera, a caption and a mark, written as H.264 and AAC.

You are where the pixels are made. The picture is taken apart into its three planes once; every frame is then one
affine transform per plane, which is some four times cheaper than moving RGB frames and converting each.
The same `Plan` gives the same bytes on the same machine: one encoder thread, no clock in the file.
"""

import hashlib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from . import camera
from .caption import MARK, Overlay, badge, caption
from .drift import drifted
from .scene import Pixels, fitted, landscape, read_picture, size_for
from .sound import LOW_RATE, RATE, ambience

_FPS, _TINY_FPS = 24, 4
_FADE_FROM_S, _FADE_TO_S = 0.25, 0.85  # when the caption comes in
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
        parts: tuple[Any, ...] = (
            self.prompt,
            self.seed,
            self.seconds,
            self.short_side,
            self.model,
            image,
            self.tiny,
            "v1",
        )
        if self.drift:
            parts = (*parts, self.drift, self.task)
        return hashlib.sha256(repr(parts).encode("utf-8", "backslashreplace")).hexdigest()[:32]


class StoppedError(Exception):
    """The drawing was called off."""


def draw(plan: Plan, target: Path, *, is_off: Callable[[], bool] = lambda: False) -> None:
    """Write the video of this plan to *target*. A picture that cannot be read is an UnreadableImageError.

    *is_off* is asked at every frame whether the drawing has been called off.
    """
    number = int.from_bytes(
        hashlib.sha256(f"{plan.seed}|{plan.prompt}".encode("utf-8", "replace")).digest()[:8], "big"
    )
    rng = np.random.default_rng(number)
    if plan.image is None:
        size = size_for(plan.aspect, plan.short_side, tiny=plan.tiny)
        still = landscape(size, rng)
    else:
        picture = read_picture(plan.image)
        size = size_for(picture.width / picture.height, plan.short_side, tiny=plan.tiny)
        still = fitted(picture, size)
    still = drifted(still, plan.drift, plan.task)
    path = camera.choose_path(plan.prompt, random.Random(number))  # noqa: S311 - repeatable on purpose
    stage = _Stage(still, caption(size, plan.prompt), badge(size, plan.seed))
    _write(plan, target, stage, _until(is_off, path, stage, plan), ambience(plan.seconds, rng, _rate(plan)))


class _Stage:
    """The planes of the still picture and of what is laid over it."""

    def __init__(self, still: Pixels, words: Overlay, mark: Overlay) -> None:
        self.height, self.width = still.shape[:2]
        self._planes = [Image.fromarray(plane) for plane in _planes(still)]
        self._words = _Layer(words)
        self._mark = _Layer(mark)

    def frame(self, look: camera.Window, words: float) -> Any:
        """The frame seen like this, with the caption at this strength (0 to 1)."""
        canvas = np.empty((self.height * 3 // 2, self.width), dtype=np.uint8)
        luma, blue, red = _views(canvas, self.height, self.width)
        for plane, view, seen in zip(
            self._planes, (luma, blue, red), (look, camera.halved(look), camera.halved(look)), strict=True
        ):
            shown = plane.resize(plane.size, Image.Resampling.BILINEAR, box=seen)
            view[:] = np.asarray(shown).reshape(view.shape)
        self._words.lay((luma, blue, red), words)
        self._mark.lay((luma, blue, red), 1.0)
        return av.VideoFrame.from_ndarray(canvas, format="yuv420p")


class _Layer:
    """An overlay as planes, ready to be blended."""

    def __init__(self, overlay: Overlay) -> None:
        # Opacity from 0 to 256 in place of 255, so that a shift can stand for the division.
        full = overlay.alpha.astype(np.uint16) + (overlay.alpha > 127)  # noqa: PLR2004
        half = (full.reshape(full.shape[0] // 2, 2, -1, 2).sum(axis=(1, 3)) // 4).astype(np.uint16)
        colours = [plane.astype(np.uint16) for plane in _planes(overlay.rgb)]
        self._layers = list(zip(colours, (full, half, half), strict=True))
        self._tops = (overlay.top, overlay.top // 2, overlay.top // 2)
        self._ready = [_mix(colour, alpha) for colour, alpha in self._layers]

    def lay(self, views: tuple[Any, Any, Any], strength: float) -> None:
        if strength <= 0:
            return
        mixes = self._ready
        if strength < 1:
            mixes = [_mix(colour, (alpha * strength).astype(np.uint16)) for colour, alpha in self._layers]
        for view, top, (keep, add) in zip(views, self._tops, mixes, strict=True):
            region = view[top : top + keep.shape[0]]
            mixed = region * keep
            mixed += add
            mixed >>= 8
            region[:] = mixed


def _mix(
    colour: NDArray[np.uint16], alpha: NDArray[np.uint16]
) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    """What to multiply a plane with and what to add to it; 128 rounds."""
    return 256 - alpha, colour * alpha + np.uint16(128)


def _planes(rgb: Pixels) -> tuple[Pixels, Pixels, Pixels]:
    """RGB as BT.709 luma and two halved colour planes, in the limited range players expect."""
    red, green, blue = (rgb[..., index].astype(np.float32) for index in range(3))
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    y = 16 + luma * (219 / 255)
    cb = 128 + (blue - luma) * (224 / 255 / 1.8556)
    cr = 128 + (red - luma) * (224 / 255 / 1.5748)
    return _to_bytes(y), _to_bytes(_halve(cb)), _to_bytes(_halve(cr))


def _halve(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    total = plane[0::2, 0::2] + plane[1::2, 0::2] + plane[0::2, 1::2] + plane[1::2, 1::2]
    return (total / 4).astype(np.float32)


def _to_bytes(plane: NDArray[np.float32]) -> Pixels:
    return np.ascontiguousarray(np.clip(plane + 0.5, 0, 255).astype(np.uint8))


def _views(canvas: Any, height: int, width: int) -> tuple[Any, Any, Any]:
    # The two small planes lie one after the other in the last third of the array. Their rows do not line up
    # with its rows, so they are seen through flat views.
    flat = canvas.reshape(-1)
    luma, quarter = height * width, height * width // 4
    shape = (height // 2, width // 2)
    return (
        flat[:luma].reshape(height, width),
        flat[luma : luma + quarter].reshape(shape),
        flat[luma + quarter :].reshape(shape),
    )


def _fps(plan: Plan) -> int:
    return _TINY_FPS if plan.tiny else _FPS


def _rate(plan: Plan) -> int:
    return LOW_RATE if plan.tiny else RATE


def _until(
    is_off: Callable[[], bool], path: camera.Path, stage: _Stage, plan: Plan
) -> Iterator[camera.Window]:
    for window in camera.frames(path, stage.width, stage.height, round(plan.seconds * _fps(plan))):
        if is_off():
            raise StoppedError
        yield window


def _write(
    plan: Plan, target: Path, stage: _Stage, windows: Iterator[camera.Window], sound: NDArray[np.float32]
) -> None:
    fps = _fps(plan)
    with av.open(
        str(target), "w", format="mp4", options={"movflags": "+faststart", "fflags": "+bitexact"}
    ) as box:
        box.metadata["title"] = f"{MARK} video (not made by Kie.ai)"
        box.metadata["comment"] = f"{MARK} by the kie_nb simulator; model {plan.model}; seed {plan.seed}"
        video = box.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = stage.width, stage.height, "yuv420p"
        video.codec_context.thread_count = 1
        video.codec_context.gop_size = fps * 2
        video.options = {"preset": "ultrafast", "crf": "21", "x264-params": _COLOURS, "flags": "+bitexact"}
        audio = box.add_stream("aac", rate=_rate(plan), layout="mono")
        audio.bit_rate = 64_000
        audio.options = {"flags": "+bitexact", "aac_coder": "fast"}
        _mux_sound(box, audio, sound)
        for index, look in enumerate(windows):
            words = (index / fps - _FADE_FROM_S) / (_FADE_TO_S - _FADE_FROM_S)
            frame = stage.frame(look, min(1.0, words))
            frame.pts, frame.time_base = index, Fraction(1, fps)
            box.mux(video.encode(frame))
        box.mux(video.encode(None))


def _mux_sound(box: Any, stream: Any, sound: NDArray[np.float32]) -> None:
    step = 1024
    for start in range(0, len(sound), step):
        piece = np.ascontiguousarray(sound[start : start + step].reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(piece, format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = stream.rate, start, Fraction(1, stream.rate)
        box.mux(stream.encode(frame))
    box.mux(stream.encode(None))
