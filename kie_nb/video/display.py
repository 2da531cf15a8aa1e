"""How the pictures of a video are meant to be shown: turned or mirrored by its display matrix, stretched where pixels are not square."""

import struct
from typing import TYPE_CHECKING, Any, cast

from .bounds import MOST_PIXELS

if TYPE_CHECKING:
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from PIL.Image import Image

_MATRIX = struct.Struct("=9i")  # of FFmpeg's `libavutil/display.h`
_LEAN = 0.01  # of the matrix: what leans more is turned by another angle than a quarter
_FLATTEST = 10  # width to height of a pixel; what says more is a mistake, such as 72:1


def pixel_aspect(stream: "VideoStream") -> float:
    """Width to height of a pixel of *stream*; 1 where it does not say, or says what cannot be."""
    said = stream.sample_aspect_ratio
    return float(said) if said and 1 / _FLATTEST <= said <= _FLATTEST else 1.0


def shown_size(stream: "VideoStream", frame: "VideoFrame | None" = None) -> tuple[int, int]:
    """Width and height as a player shows them; *frame*, a decoded one, tells how it is turned.

    The lines stay as they are and the width is stretched, as players do.
    """
    width, height = stream.width, stream.height
    stretched = max(1, round(width * pixel_aspect(stream)))
    if stretched * height <= MOST_PIXELS:
        width = stretched
    turn = _turn(frame) if frame is not None else None
    return (height, width) if turn and turn[0] else (width, height)


def upright(frame: "VideoFrame") -> "VideoFrame":
    """*frame* turned and mirrored as a player shows it: a phone held upright writes lying pictures, and how to turn them."""
    import numpy as np

    turn = _turn(frame)
    if turn is None:
        return frame
    is_lying, is_mirrored, is_upside_down = turn
    # By planes, where there are some: a way by RGB and back would change the colours.
    kind = "yuv444p" if frame.format.name.startswith("yuv") else "rgb24"
    flat = frame.reformat(format=kind)
    pixels: Any = flat.to_ndarray() if kind == "yuv444p" else np.moveaxis(flat.to_ndarray(), -1, 0)
    pixels = pixels.transpose(0, 2, 1) if is_lying else pixels
    pixels = pixels[:, :: -1 if is_upside_down else 1, :: -1 if is_mirrored else 1]
    pixels = pixels if kind == "yuv444p" else np.moveaxis(pixels, 0, -1)
    turned = type(frame).from_ndarray(np.ascontiguousarray(pixels), format=kind)
    turned.pts, turned.time_base = frame.pts, frame.time_base
    turned.colorspace, turned.color_range = flat.colorspace, flat.color_range
    return turned


def picture_of(frame: "VideoFrame", size: tuple[int, int]) -> "Image":
    """*frame* upright, of that size."""
    picture: Image = upright(frame).to_image()  # type: ignore[no-untyped-call]
    return picture if picture.size == size else picture.resize(size)


def _turn(frame: "VideoFrame") -> tuple[bool, bool, bool] | None:
    """Whether columns become rows, and then whether left and right, above and below are exchanged; None for a frame shown as it is."""
    from av.sidedata.sidedata import Type

    found: Any = cast("Any", frame.side_data).get(Type.DISPLAYMATRIX)
    if found is None or len(told := bytes(found)) != _MATRIX.size:
        return None
    a, b, _, c, d, *_ = _MATRIX.unpack(told)
    lean = _LEAN * max(map(abs, (a, b, c, d)))
    if a and d and max(abs(b), abs(c)) <= lean:
        turn = False, a < 0, d < 0
    elif b and c and max(abs(a), abs(d)) <= lean:
        turn = True, c < 0, b < 0
    else:
        return None
    return turn if any(turn) else None
