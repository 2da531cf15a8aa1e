"""How far two frames are apart: structural similarity (SSIM), measured by FFmpeg's own filter.

The filter puts its figure into the metadata of each frame. PyAV gives that from 18.1 on only; FFmpeg's `metadata` filter
writes it to a file in every version, so it is read from there.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from .pairing import is_full_range

if TYPE_CHECKING:
    from av.filter import Graph
    from av.filter.context import FilterContext
    from av.video.frame import VideoFrame
    from av.video.reformatter import VideoReformatter

_LEAST_SIDE = 16  # SSIM looks at blocks of 8 x 8, in the halved colour planes too
_FIGURE = re.compile(r"lavfi\.ssim\.All=(\S+)")
_PLAIN = "yuv420p"  # what both become where their formats differ
_TICK = Fraction(1, 1000)


class Gauge:
    """Takes pairs of frames and measures them in *size* and in one format: theirs, or plain 4:2:0."""

    def __init__(
        self, first: "VideoFrame", second: "VideoFrame", folder: Path, size: tuple[int, int]
    ) -> None:
        from av.video.reformatter import VideoReformatter

        self.width, self.height = (max(_LEAST_SIDE, side) for side in size)
        kinds = {(frame.format.name, is_full_range(frame)) for frame in (first, second)}
        self._format, self._is_full = (_PLAIN, False) if len(kinds) > 1 else kinds.pop()
        self._scalers = (VideoReformatter(), VideoReformatter())
        self._printed = folder / "figures.txt"
        self._graph, self._inputs, self._end = self._built()
        self._count = 0

    def add(self, first: "VideoFrame", second: "VideoFrame") -> None:
        """Measure two frames."""
        for frame, scaler, buffer in zip((first, second), self._scalers, self._inputs, strict=True):
            fitted = self._fitted(frame, scaler)
            fitted.pts, fitted.time_base = self._count, _TICK
            buffer.push(fitted)
        self._count += 1
        self._pull()

    def figures(self) -> tuple[float, float]:
        """The mean of all pairs, and the least; nothing can be added afterwards."""
        for buffer in self._inputs:
            buffer.push(None)
        self._pull()
        with self._printed.open(encoding="utf-8") as lines:
            return summed_up(lines)

    def _pull(self) -> None:
        import av

        with suppress(av.BlockingIOError, av.EOFError):
            while True:
                self._end.pull()

    def _fitted(self, frame: "VideoFrame", scaler: "VideoReformatter") -> "VideoFrame":
        full = is_full_range(frame)
        wanted = (self.width, self.height, self._format, self._is_full)
        if (frame.width, frame.height, frame.format.name, full) == wanted:
            return frame
        return scaler.reformat(
            frame,
            self.width,
            self.height,
            self._format,
            interpolation="AREA",
            src_color_range="JPEG" if full else "MPEG",
            dst_color_range="JPEG" if self._is_full else "MPEG",
        )

    def _built(self) -> tuple["Graph", list["FilterContext"], "FilterContext"]:
        from av.filter import Graph
        from av.video.format import VideoFormat

        graph, kind = Graph(), VideoFormat(self._format)
        inputs = [
            graph.add_buffer(width=self.width, height=self.height, format=kind, time_base=_TICK)
            for _ in range(2)
        ]
        meter, end = graph.add("ssim"), graph.add("buffersink")
        printer = graph.add("metadata", mode="print", file=str(self._printed), direct="1")
        for number, buffer in enumerate(inputs):
            buffer.link_to(meter, 0, number)
        meter.link_to(printer)
        printer.link_to(end)
        graph.configure()
        return graph, inputs, end


def summed_up(lines: Iterable[str]) -> tuple[float, float]:
    """The mean and the least of what the `metadata` filter printed of each frame."""
    found = [float(match[1]) for line in lines if (match := _FIGURE.match(line))]
    if not found:
        raise ValueError("no frame was measured")
    return sum(found) / len(found), min(found)
