"""SSIM by other ways than the product's: plain arithmetic on the decoded frames, and the ffmpeg program."""

import re
import shutil
import subprocess

import av
import numpy as np


def planes(path, kind=np.uint8):
    """Each frame as its three planes of whole numbers."""
    with av.open(str(path)) as source:
        for frame in source.decode(video=0):
            yield [
                np.frombuffer(memoryview(plane), kind)
                .reshape(plane.height, -1)[:, : plane.width]
                .astype(np.int64)
                for plane in frame.planes
            ]


def by_hand(first, second, kind=np.uint8, levels=255):
    """SSIM over all planes, weighed by their size."""
    ssims = []
    for one, other in zip(planes(first, kind), planes(second, kind), strict=True):
        sizes = np.array([plane.size for plane in one])
        found = [ssim_of(*pair, levels) for pair in zip(one, other, strict=True)]
        ssims.append(np.dot(sizes, found) / sizes.sum())
    return np.mean(ssims)


def ssim_of(one, other, levels=255):
    """Over windows of 8 x 8 that move by 4, as x264 and FFmpeg count it."""

    def windows(plane):
        rows, columns = plane.shape[0] // 4, plane.shape[1] // 4
        blocks = plane[: rows * 4, : columns * 4].reshape(rows, 4, columns, 4).sum(axis=(1, 3)).astype(float)
        return blocks[:-1, :-1] + blocks[1:, :-1] + blocks[:-1, 1:] + blocks[1:, 1:]

    s1, s2, s12 = windows(one), windows(other), windows(one * other)
    squares = windows(one * one + other * other)
    c1, c2 = int(0.01**2 * levels**2 * 64 + 0.5), int(0.03**2 * levels**2 * 64 * 63 + 0.5)
    spread, common = squares * 64 - s1 * s1 - s2 * s2, s12 * 64 - s1 * s2
    return np.mean((2 * s1 * s2 + c1) * (2 * common + c2) / ((s1 * s1 + s2 * s2 + c1) * (spread + c2)))


def by_ffmpeg(first, second, inputs="[0:v][1:v]"):
    """What the ffmpeg program measures; nothing where there is none."""
    if shutil.which("ffmpeg") is None:
        return []
    done = subprocess.run(
        ["ffmpeg", "-hide_banner", "-nostdin", "-i", first, "-i", second, "-lavfi", f"{inputs}ssim", "-f", "null", "-"],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return [float(re.search(r"All:([\d.]+)", done.stderr)[1])]
