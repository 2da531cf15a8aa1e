"""Real video files, drawn by PyAV: nothing in these tests is a recording or a stand-in."""

import contextlib
import os
from fractions import Fraction

import av
import numpy as np
import pytest

SOUND_RATE = 44_100
ENCODER_OPTIONS = {
    "libx264": {"preset": "ultrafast"},
    "libx265": {"preset": "ultrafast", "x265-params": "log-level=none"},
    "libsvtav1": {"preset": "12"},
}


@contextlib.contextmanager
def ordinary_priority():
    """Run by root, SVT-AV1 gives the thread that calls it the highest real-time priority, and leaves it so.

    Whatever that thread starts afterwards has it too: a browser that is busy then starves a small machine, the tests included.
    """
    try:
        yield
    finally:
        if hasattr(os, "sched_setscheduler"):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


class Film:
    """Draws small films into one folder; `draw` returns the file."""

    def __init__(self, folder):
        self.folder = folder

    def draw(
        self,
        name="film.mp4",
        *,
        width=128,
        height=96,
        fps=24,
        seconds=1.0,
        codec="libx264",
        sound=False,
        look="moving",
        colour=None,
        pix_fmt="yuv420p",
        sound_rate=SOUND_RATE,
        sound_layout="mono",
        options=None,
        container=None,
    ):
        needs_encoder(codec)
        path = self.folder / name
        draw = {"moving": moving_frame, "noise": noisy_frame, "black first": black_then_stripes}[look]
        with ordinary_priority(), av.open(str(path), "w", format=container) as out:
            picture = out.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
            picture.width, picture.height, picture.pix_fmt = width, height, pix_fmt
            picture.options = {**ENCODER_OPTIONS.get(codec, {}), **(options or {})}
            speaker = out.add_stream("aac", rate=sound_rate, layout=sound_layout) if sound else None
            for i in range(round(seconds * fps)):
                pixels = np.full((height, width, 3), colour, np.uint8) if colour else draw(i, width, height)
                out.mux(picture.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            out.mux(picture.encode(None))
            if speaker:
                for frame in tone(seconds, sound_rate, sound_layout):
                    out.mux(speaker.encode(frame))
                out.mux(speaker.encode(None))
        return path

    def write(self, name, data):
        path = self.folder / name
        path.write_bytes(data)
        return path


def needs_encoder(name):
    """Leave a test out where this build of PyAV has no such encoder."""
    try:
        av.Codec(name, "w")
    except ValueError:
        pytest.skip(f"PyAV {av.__version__} has no encoder {name}")


def moving_frame(i, width, height):
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([(x + 5 * i) % 256, (y + 3 * i) % 256, (x + y + i) % 256], -1).astype(np.uint8)


def noisy_frame(i, width, height):
    return np.random.default_rng(i).integers(0, 256, (height, width, 3), dtype=np.uint8)


def black_then_stripes(i, width, height):
    """Nothing for the first third of a 24-frame second, then something to see."""
    frame = np.zeros((height, width, 3), np.uint8)
    if i >= 8:
        frame[:, :: 2 * 8] = 255
    return frame


def tone(seconds, rate, layout):
    channels = 1 if layout == "mono" else 2
    wave = (np.sin(np.arange(int(seconds * rate)) * 440 * 2 * np.pi / rate) * 8000).astype(np.int16)
    for start in range(0, len(wave), 1024):
        piece = np.repeat(wave[start : start + 1024], channels)[None]
        frame = av.AudioFrame.from_ndarray(piece, format="s16", layout=layout)
        frame.rate, frame.pts, frame.time_base = rate, start, Fraction(1, rate)
        yield frame


@pytest.fixture
def film(tmp_path):
    return Film(tmp_path)
