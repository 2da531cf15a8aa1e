"""What browsers do not play is shown as its preview, with one line why."""

import av
import numpy as np
import pytest

from kie_nb.notebook.video import make_assets
from kie_nb.operations.exporting import copy_video
from kie_nb.video import inspect, mime_of

FILMS = {
    "h264": ("mp4", "libx264", "yuv420p", None, ""),
    "h264 full range": ("mp4", "libx264", "yuvj420p", None, ""),
    "vp9": ("webm", "libvpx-vp9", "yuv420p", None, ""),
    "hevc": ("mp4", "libx265", "yuv420p", None, "HEVC"),
    "mpeg4": ("mp4", "mpeg4", "yuv420p", None, "MPEG-4 Visual"),
    "4:4:4": ("mp4", "libx264", "yuv444p", None, "4:2:0"),
    "10 bit": ("mp4", "libx264", "yuv420p10le", None, "8 bits"),
    "ac3": ("mp4", "libx264", "yuv420p", "ac3", "AC-3"),
    "mov": ("mov", "libx264", "yuv420p", None, "MOV"),
    "mkv": ("mkv", "libx264", "yuv420p", None, "MKV"),
    "avi": ("avi", "mpeg4", "yuv420p", None, "AVI"),
    "ts": ("ts", "libx264", "yuv420p", None, "TS"),
    "wmv": ("wmv", "wmv2", "yuv420p", None, "WMV"),
}


def film_of(folder, ending, codec, pix_fmt, sound):
    path = folder / f"drawn.{ending}"
    try:
        av.Codec(codec, "w")
    except ValueError:
        pytest.skip(f"PyAV {av.__version__} has no encoder {codec}")
    with av.open(str(path), "w", format={"wmv": "asf", "mkv": "matroska", "ts": "mpegts"}.get(ending)) as out:
        picture = out.add_stream(codec, rate=24)
        picture.width, picture.height, picture.pix_fmt = 128, 96, pix_fmt
        speaker = out.add_stream(sound, rate=48_000, layout="mono") if sound else None
        for number in range(12):
            pixels = np.full((96, 128, 3), 20 * number, np.uint8)
            out.mux(picture.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        out.mux(picture.encode(None))
        if speaker:
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 4608), np.float32), format="fltp", layout="mono")
            frame.rate = 48_000
            out.mux(speaker.encode(frame))
            out.mux(speaker.encode(None))
    return path


@pytest.mark.parametrize("name", FILMS)
def test_what_a_browser_is_given(tmp_path, name):
    """The file itself with its own type, or its preview and why; the ending is that of the bytes."""
    ending, codec, pix_fmt, sound, why = FILMS[name]
    (tmp_path / "videos").mkdir()
    film = film_of(tmp_path / "videos", ending, codec, pix_fmt, sound)
    assert inspect(film).ending == ending

    full, link, preview = (make_assets(film, embed) for embed in ("full", "link", "preview"))

    assert preview.remark == ""
    assert link.content is None
    if not why:
        assert (full.content, full.mime, full.remark) == (film.read_bytes(), f"video/{ending}", "")
        assert (link.linked, link.mime, link.remark) == (None, f"video/{ending}", "")
        return
    assert full.content == preview.content != film.read_bytes()
    assert full.mime == link.mime == "video/mp4"
    assert link.linked.name == "drawn.preview.mp4"
    assert why in full.remark
    assert link.remark == full.remark
    assert full.remark.count(". ") == 0


@pytest.mark.parametrize("name", ["avi", "ts", "wmv"])
def test_an_export_names_the_file_once(tmp_path, name):
    """The remark stands beside the name; the unfinished copy is not named."""
    ending, *how, _ = FILMS[name]
    film = film_of(tmp_path, ending, *how)

    remark = copy_video(film, tmp_path / "copy.part", '{"kie_nb": 1}')

    assert remark.startswith("was copied as it is, without its request: it is ")
    assert not any(word in remark for word in ("drawn", "copy.part", str(tmp_path)))
    assert (tmp_path / "copy.part").read_bytes() == film.read_bytes()


def test_types_do_not_depend_on_the_machine():
    """Python's table reads the system's, where `.ts` is a translation on some."""
    names = {
        "a.webm": "video/webm",
        "a.mkv": "video/x-matroska",
        "a.mov": "video/quicktime",
        "a.gif": "image/gif",
        "a.avi": "video/x-msvideo",
        "a.ts": "video/mp2t",
        "a.mp4": "video/mp4",
        "a.txt": "",
        "mp4": "video/mp4",
    }
    assert {name: mime_of(name) for name in names} == names
