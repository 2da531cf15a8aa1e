"""How far two frames are apart, in the figures that FFmpeg's own filters measure: SSIM, PSNR, and VMAF where it is built in.

The filters say their figures in the metadata of each frame. PyAV shows that from 18.1 on only; FFmpeg's `metadata` filter
writes it to a file in every version, so that is where it is read.
"""

import gc
import json
import math
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .pairing import is_full_range

if TYPE_CHECKING:
    from av.filter import Graph
    from av.filter.context import FilterContext
    from av.video.frame import VideoFrame

_LEAST_SIDE = 16  # SSIM looks at blocks of 8 x 8, in the halved colour planes too
_FIGURE = re.compile(r"lavfi\.(ssim\.All|psnr\.psnr_avg)=(\S+)")
_LEAST_FOR_VMAF = (
    32  # pixels; libvmaf 3 ends the whole process at 16 and below (measured), and means nothing at so few
)
_PLAIN = "yuv420p"  # what both become where their formats differ


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """What was measured over all pairs of frames.

    Attributes:
        ssim: Structural similarity, the mean over the frames; 1 for equal ones.
        ssim_min: The frame that is least alike.
        psnr_db: Peak signal-to-noise ratio of all frames together; infinite for equal ones.
        vmaf: 0 to 100, the first video against the second; None where this FFmpeg has no libvmaf, or the picture is tiny.
    """

    ssim: float
    ssim_min: float
    psnr_db: float
    vmaf: float | None


class Gauge:
    """Takes pairs of frames and measures them in one size and one format: that of the smaller, or plain 4:2:0."""

    def __init__(self, first: "VideoFrame", second: "VideoFrame", folder: Path, *, vmaf: bool) -> None:
        from av.video.reformatter import VideoReformatter

        smaller = min(first, second, key=lambda frame: frame.width * frame.height)
        self.width, self.height = (max(_LEAST_SIDE, side) for side in (smaller.width, smaller.height))
        is_one_kind = (first.format.name, is_full_range(first)) == (
            second.format.name,
            is_full_range(second),
        )
        self._format = first.format.name if is_one_kind else _PLAIN
        self._is_full = is_one_kind and is_full_range(first)
        self._scalers = (VideoReformatter(), VideoReformatter())
        self._printed, self._vmaf_log = folder / "figures.txt", folder / "vmaf.json"
        self._has_vmaf = vmaf and has_vmaf() and min(self.width, self.height) >= _LEAST_FOR_VMAF
        self._graph: Graph | None = None
        self._doors: list[FilterContext] = []
        self._count = 0

    def fit(self, first: "VideoFrame", second: "VideoFrame") -> tuple["VideoFrame", "VideoFrame"]:
        """Both frames as they are compared."""
        return self._fitted(0, first), self._fitted(1, second)

    def add(self, first: "VideoFrame", second: "VideoFrame") -> None:
        """Measure two frames that fit."""
        import av

        if self._graph is None:
            self._graph = self._built(first)
        for frame, door in zip((first, second), self._doors, strict=True):
            frame.pts, frame.time_base = self._count, Fraction(1, 1000)
            door.push(frame)
        self._count += 1
        with suppress(av.BlockingIOError, av.EOFError):
            while True:
                self._end.pull()

    def figures(self) -> Figures:
        """What was measured; nothing can be added afterwards."""
        self._finish()
        if self._has_vmaf:
            gc.collect()  # libvmaf writes its file when it goes, and a graph and its filters hold each other
        vmaf = vmaf_mean(self._vmaf_log.read_text("utf-8")) if self._vmaf_log.exists() else None
        with self._printed.open(encoding="utf-8") as lines:
            return summed_up(lines, vmaf=vmaf)

    def _finish(self) -> None:
        import av

        for door in self._doors:
            door.push(None)
        with suppress(av.BlockingIOError, av.EOFError):
            while True:
                self._end.pull()
        self._graph, self._doors = None, []
        del self._end

    def _fitted(self, number: int, frame: "VideoFrame") -> "VideoFrame":
        full = is_full_range(frame)
        wanted = (self.width, self.height, self._format, self._is_full)
        if (frame.width, frame.height, frame.format.name, full) == wanted:
            return frame
        return self._scalers[number].reformat(
            frame,
            self.width,
            self.height,
            self._format,
            interpolation="AREA",
            src_color_range="JPEG" if full else "MPEG",
            dst_color_range="JPEG" if self._is_full else "MPEG",
        )

    def _built(self, frame: "VideoFrame") -> "Graph":
        from av.filter import Graph

        graph = Graph()
        self._doors = [
            graph.add_buffer(
                width=self.width, height=self.height, format=frame.format, time_base=Fraction(1, 1000)
            )
            for _ in range(2)
        ]
        meters = [graph.add("ssim"), graph.add("psnr")]
        if self._has_vmaf:
            meters.append(graph.add("libvmaf", log_fmt="json", log_path=str(self._vmaf_log)))
        # The first video goes through the meters one after the other, the second to each of them.
        fork = graph.add("split", str(len(meters)))
        self._doors[1].link_to(fork)
        before = self._doors[0]
        for number, meter in enumerate(meters):
            before.link_to(meter, 0, 0)
            fork.link_to(meter, number, 1)
            before = meter
        printer = graph.add("metadata", mode="print", file=str(self._printed), direct="1")
        before.link_to(printer)
        self._end = graph.add("buffersink")
        printer.link_to(self._end)
        graph.configure()
        return graph


@contextmanager
def room_to_measure() -> Iterator[Path]:
    """A folder for what the filters write, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="kie-nb-") as folder:
        yield Path(folder)


def has_vmaf() -> bool:
    """Whether the FFmpeg inside PyAV was built with libvmaf; that of its wheels is since PyAV 19."""
    from av.filter import filters_available

    return "libvmaf" in filters_available


def summed_up(lines: Any, *, vmaf: float | None = None) -> Figures:
    """The figures of all frames from what the `metadata` filter printed of each.

    Noise is averaged before it becomes decibels, as FFmpeg's summary does it: one frame that is equal is infinitely
    good, and must not make the whole so.
    """
    ssim_sum, ssim_min, noise, frames = 0.0, 1.0, 0.0, 0
    for line in lines:
        if (found := _FIGURE.match(line)) is None:
            continue
        value = float(found[2])
        if found[1] == "ssim.All":
            ssim_sum, ssim_min, frames = ssim_sum + value, min(ssim_min, value), frames + 1
        else:
            noise += 10 ** (-value / 10)
    if not frames:
        raise ValueError("no frame was measured")
    psnr = -10 * math.log10(noise / frames) if noise else math.inf
    return Figures(ssim=ssim_sum / frames, ssim_min=ssim_min, psnr_db=psnr, vmaf=vmaf)


def vmaf_mean(log: str) -> float:
    """The mean in a log that libvmaf wrote as JSON."""
    return float(json.loads(log)["pooled_metrics"]["vmaf"]["mean"])


def fingerprint(frame: "VideoFrame") -> int:
    """64 bits that say where in a picture it gets darker to the right (dHash): they hardly change with size or coding."""
    from PIL import Image

    grey = frame.to_ndarray(format="gray")
    small = np.asarray(Image.fromarray(grey).resize((9, 8), Image.Resampling.BOX)).astype(np.int16)
    return int.from_bytes(np.packbits(small[:, :-1] > small[:, 1:]).tobytes(), "big")


def bits_apart(first: int, second: int) -> int:
    """In how many of their 64 bits two fingerprints differ; 32 is chance."""
    return (first ^ second).bit_count()
