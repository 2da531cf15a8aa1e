"""Files that a service may send in the place of a video: each made here, none a recording. ``Corpus()[name]`` is one of them."""

import functools
import io
import struct
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

FPS, FRAMES = 24, 120  # five seconds, as they are asked for
RATE = 44_100
SECONDS = FRAMES / FPS

NAMES = (
    "good",
    "good with sound",
    "index first",
    "in pieces",
    "starts late",
    "starts late in mkv",
    "sound that is longer",
    "rotated",
    "varying",
    "mov",
    "mkv",
    "ts",
    "flv",
    "avi",
    "webm",
    "gif",
    "damaged middle",
    "damaged last",
    "two damaged",
    "damaged sound",
    "no frame",
    "odd sound",
    "cut end",
    "cut pieces",
    "cut webm",
    "cut flv",
    "cut avi",
    "cut index",
    "cut in the index",
    "header alone",
    "wav",
    "mp3",
    "sound in mp4",
    "cover",
    "unknown",
    "zeros",
)


@dataclass(frozen=True)
class Item:
    """What is served, and what must become of it.

    Attributes:
        ending: Of the kept file.
        damage: What is said of it, as a regular expression; "" for nothing.
        shown: How a notebook shows it: the MIME type of what is embedded; "" where nothing can be.
    """

    content: bytes
    ending: str
    damage: str = ""
    shown: str = "video/mp4"


class Making:
    """A file under construction: ``with Making("mp4") as out``, then ``out.content``; FFmpeg reads some again from the disk."""

    def __init__(self, container, options=None):
        self._folder = tempfile.TemporaryDirectory()
        self._path = Path(self._folder.name) / "made"
        self._out = av.open(str(self._path), "w", format=container, options=options or {})

    def __enter__(self):
        return self

    def __exit__(self, *_exc):
        self._out.close()
        with self._folder:
            self.content = self._path.read_bytes()

    def __getattr__(self, name):
        return getattr(self._out, name)


def draw(
    container="mp4",
    codec="libx264",
    *,
    sound=None,
    start=0,
    options=None,
    frames=FRAMES,
    tone_s=SECONDS,
    size=(64, 48),
    more=None,
):
    """A film, a small one unless *size* is given; *more* options are the encoder's."""
    width, height = size
    with Making(container, options) as out:
        picture = out.add_stream(codec, rate=FPS)
        picture.width, picture.height, picture.pix_fmt = width, height, "yuv420p"
        picture.options = ({"preset": "ultrafast"} if codec == "libx264" else {}) | (more or {})
        speaker = out.add_stream(sound, rate=RATE, layout="mono") if sound else None
        for number in range(frames):
            y, x = np.mgrid[0:height, 0:width]
            pixels = np.stack([(x * 4 + 5 * number) % 256, (y * 5) % 256, (x + y + number) % 256], -1)
            frame = av.VideoFrame.from_ndarray(pixels.astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = number + start, Fraction(1, FPS)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        if speaker:
            play(out, speaker, tone_s)
    return out.content


def play(out, speaker, seconds=SECONDS):
    """A tone into *speaker*."""
    for begin in range(0, int(seconds * RATE), 1024):
        wave = np.sin(np.arange(begin, begin + 1024) * 440 * 2 * np.pi / RATE) * 8000
        frame = av.AudioFrame.from_ndarray(wave.astype(np.int16)[None], format="s16", layout="mono")
        frame.rate, frame.pts, frame.time_base = RATE, begin, Fraction(1, RATE)
        out.mux(speaker.encode(frame))
    out.mux(speaker.encode(None))


def tone(container, codec):
    """Sound without a picture."""
    with Making(container) as out:
        play(out, out.add_stream(codec, rate=RATE, layout="mono"), 1)
    return out.content


def packets(content, kind="video"):
    """Place and length of each packet of a track."""
    with av.open(io.BytesIO(content)) as film:
        return [(each.pos, each.size) for each in film.demux(getattr(film.streams, kind)[0]) if each.size]


def spoilt(content, *numbers, kind="video"):
    """The same with some packets turned into noise."""
    data, places = bytearray(content), packets(content, kind)
    for number in numbers or range(len(places)):
        at, size = places[number]
        data[at + 5 : at + size] = bytes(byte ^ 0xFF for byte in data[at + 5 : at + size])
    return bytes(data)


def rotated(content):
    """As a phone held upright writes it: lying frames, and how to turn them (the matrix of `tkhd`)."""
    data = bytearray(content)
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 48 * 65536, 0, 1 << 30)
    return bytes(data)


def with_cover():
    """Sound with the picture of its record: a stream of one frame that never moves."""
    with Making("mp4") as out:
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        speaker = out.add_stream("aac", rate=RATE, layout="mono")
        out.mux(cover.encode(av.VideoFrame.from_image(Image.new("RGB", (64, 64), "red"))))
        out.mux(cover.encode(None))
        play(out, speaker, 1)
    return out.content


def varying():
    """Frames that last unequally long."""
    with Making("mp4") as out:
        picture = out.add_stream("libx264", rate=FPS)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        for number in [*range(60), *range(60, 115, 9), 119]:
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
    return out.content


def moving_picture():
    file = io.BytesIO()
    pictures = [Image.new("RGB", (64, 48), (9 * number, 0, 90)) for number in range(20)]
    pictures[0].save(file, "GIF", save_all=True, append_images=pictures[1:], duration=100)
    return file.getvalue()


@functools.cache
def good():
    """A whole film, as most are."""
    return draw()


class Corpus(Mapping):
    """Every file by its name; they are drawn when the first one is wanted, for that takes seconds."""

    def __getitem__(self, name):
        return _corpus()[name]

    def __iter__(self):
        return iter(NAMES)

    def __len__(self):
        return len(NAMES)


@functools.cache
def _corpus():
    whole, with_sound = good(), draw(sound="aac")
    index_first = draw(options={"movflags": "+faststart"})
    pieces = draw(options={"movflags": "+frag_keyframe+empty_moov"})
    mkv = draw("matroska", sound="aac")
    ts, avi, webm, flv = draw("mpegts"), draw("avi", "mpeg4"), draw("webm", "libvpx"), draw("flv")
    one, cannot = "One frame of 120 cannot be decoded.", "Cannot be played here: it seems to be "
    deaf, part = "The sound cannot be decoded here.", r"Plays to \d(\.\d)? s of 5 s."
    share = {"third": 3, "half": 2}
    found = {
        "good": Item(whole, "mp4"),
        "good with sound": Item(with_sound, "mp4"),
        "index first": Item(index_first, "mp4"),
        "in pieces": Item(pieces, "mp4"),
        "starts late": Item(draw(start=12, sound="aac"), "mp4"),
        "starts late in mkv": Item(draw("matroska", start=36), "mkv"),
        "sound that is longer": Item(draw("matroska", sound="aac", tone_s=8), "mkv"),
        "rotated": Item(rotated(whole), "mp4"),
        "varying": Item(varying(), "mp4"),
        "mov": Item(draw("mov"), "mov"),
        "mkv": Item(mkv, "mkv"),
        "ts": Item(ts, "ts"),
        "flv": Item(flv, "flv"),
        "avi": Item(avi, "avi"),
        "webm": Item(webm, "webm"),
        "gif": Item(moving_picture(), "gif", shown="image/gif"),
        "damaged middle": Item(spoilt(whole, 60), "mp4", one),
        "damaged last": Item(spoilt(whole, 119), "mp4", one),
        "two damaged": Item(spoilt(whole, 30, 60), "mp4", "2 frames of 120 cannot be decoded."),
        "damaged sound": Item(
            spoilt(with_sound, 40, 41, kind="audio"), "mp4", "A part of the sound .*decoded."
        ),
        "no frame": Item(spoilt(whole), "mp4", f"{cannot}a video without a single frame .*", ""),
        "odd sound": Item(mkv.replace(b"A_AAC", b"A_ODD"), "mkv", deaf),
        "cut end": Item(index_first[: len(index_first) * 4 // 5], "mp4", part),
        "cut pieces": Item(pieces[: len(pieces) * 4 // 5], "mp4", part),
        "cut webm": Item(webm[: len(webm) // share["half"]], "webm", part),
        "cut flv": Item(flv[: len(flv) // share["half"]], "flv", part),
        "cut avi": Item(avi[: len(avi) // share["half"]], "avi", part),
        "cut index": Item(whole[: len(whole) * 3 // 5], "mp4", f"{cannot}an MP4 cut short: .*", ""),
        "cut in the index": Item(index_first[:200], "mp4", f"{cannot}an MP4 cut short: .*", ""),
        "header alone": Item(whole[:32], "mp4", f"{cannot}.*", ""),
        "wav": Item(tone("wav", "pcm_s16le"), "wav", "Sound without a picture.", "audio/"),
        "mp3": Item(tone("mp3", "mp3"), "mp3", "Sound without a picture.", "audio/"),
        "sound in mp4": Item(tone("mp4", "aac"), "m4a", "Sound without a picture.", "audio/"),
        "cover": Item(with_cover(), "m4a", "Sound without a picture.", "audio/"),
        "unknown": Item(bytes(range(1, 256)) * 12, "bin", "Not a video: 3 kB of unknown data.", ""),
        "zeros": Item(bytes(3000), "bin", "Not a video: 3 kB of zero bytes only .*", ""),
    }
    assert tuple(found) == NAMES
    return found


PAGES = {
    "html": (b"<!DOCTYPE html><html><body>sk-secret" + b"x" * 3000, "html", "3 kB of HTML"),
    "json": (b'{"code": 500, "msg": "sk-secret"}', "json", "33 bytes of JSON"),
    "xml": (b'<?xml version="1.0"?><Error>sk-secret</Error>', "xml", "45 bytes of XML"),
    "text": (b"sk-secret", "txt", "9 bytes of text"),
    "playlist": (b"#EXTM3U\nhttp://127.0.0.1:9/sk-secret", "txt", "36 bytes of text"),
    "nothing": (b"", "", "empty"),
}
