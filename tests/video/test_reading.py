"""Facts of a video, and what is wrong with it."""

import dataclasses
import os
import re

import pytest
import videocorpus

from kie_nb.operations.doctor import look_at
from kie_nb.video import NotAVideo, VideoFacts, inspect, probe, reading

FASTSTART = {"movflags": "+faststart"}


def test_facts_are_measured(film):
    """Codecs, size, rate, length and weight come from the file."""
    path = film.draw(width=320, height=180, fps=24, seconds=2, sound=True)

    assert probe(path) == VideoFacts(
        container="mp4",
        video_codec="h264",
        audio_codec="aac",
        width=320,
        height=180,
        fps=24.0,
        duration_s=2.0,
        frames=48,
        bytes=path.stat().st_size,
        browser_playable=True,
    )


def test_a_silent_video_has_no_audio_codec(film):
    """No sound is None, not an empty name."""
    assert probe(film.draw()).audio_codec is None


def test_facts_cannot_be_changed(film):
    """Facts are values."""
    facts = probe(film.draw())

    with pytest.raises(dataclasses.FrozenInstanceError):
        facts.width = 1


@pytest.mark.parametrize(
    ("encoder", "name", "expected"),
    [
        ("libx264", "a.mov", ("h264", "mov", True)),
        ("libx264", "a.mkv", ("h264", "matroska", False)),
        ("libx265", "a.mp4", ("hevc", "mp4", False)),
        ("mpeg4", "a.mp4", ("mpeg4", "mp4", False)),
        ("libvpx", "a.webm", ("vp8", "webm", True)),
        ("libvpx-vp9", "a.webm", ("vp9", "webm", True)),
        ("libsvtav1", "a.mp4", ("av1", "mp4", True)),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_codecs_and_browsers(film, encoder, name, expected):
    """It is known beforehand whether a browser will play the file."""
    facts = probe(film.draw(name, codec=encoder))

    assert (
        getattr(os, "sched_getscheduler", lambda _thread: 0)(0) == 0
    )  # what runs next must not run in real time
    assert (facts.video_codec, facts.container, facts.browser_playable) == expected


def test_h264_with_full_colour_resolution_is_not_for_browsers(film):
    """H.264 in 4:4:4 plays in some browsers only, so it does not count."""
    path = film.draw(pix_fmt="yuv444p")

    assert probe(path).video_codec == "h264"
    assert not probe(path).browser_playable


def test_the_name_of_a_file_proves_nothing(film):
    """A WebM called .mp4 is a WebM."""
    path = film.draw("film.webm", codec="libvpx").rename(film.folder / "film.mp4")

    assert probe(path).container == "webm"


def test_a_name_that_looks_like_an_address_is_a_name(film, monkeypatch):
    """FFmpeg's own addresses ("concat:...") are not followed."""
    film.draw("concat:film.mp4")
    monkeypatch.chdir(film.folder)

    assert probe("concat:film.mp4").frames == 24


def test_a_whole_video_has_no_remark(film):
    """It is decoded from its first to its last frame, its sound too."""
    look = inspect(film.draw(seconds=1.5, sound=True))

    assert (look.kind, look.ending, look.seconds, look.remark) == ("video", "mp4", 1.5, "")


@pytest.mark.parametrize("share", [0.3, 0.7, 0.99])
@pytest.mark.parametrize("options", [None, FASTSTART], ids=["index last", "index first"])
def test_a_truncated_mp4_is_refused(film, share, options):
    """An MP4 that ends early is recognised wherever its index lies."""
    whole = film.draw("whole.mp4", seconds=2).read_bytes()
    if options:
        whole = _index_first(film)
    path = film.write("cut.mp4", whole[: int(len(whole) * share)])

    with pytest.raises(NotAVideo, match="an MP4 cut short"):
        probe(path)
    assert ("plays to" if options and share < 0.99 else "cannot be") in inspect(path).remark


def test_an_mp4_without_its_index_is_refused(film):
    """A cut exactly between two boxes leaves only whole boxes, but not the index."""
    whole = film.draw("whole.mp4").read_bytes()
    path = film.write("cut.mp4", whole[: whole.index(b"moov") - 4])

    with pytest.raises(NotAVideo, match="its index is missing"):
        probe(path)


def test_a_truncated_webm_is_told(film):
    """A WebM says its length at the start; the frames end long before."""
    whole = film.draw("whole.webm", codec="libvpx", seconds=4, look="noise").read_bytes()
    path = film.write("cut.webm", whole[: len(whole) // 4])

    # The first frame takes more room than the others, how much is the encoder's business.
    assert re.fullmatch(r"plays to (0\.[5-9]|1) s of 4 s", inspect(path).remark)


def test_an_mp4_with_nothing_but_sound_is_refused(film):
    """Sound alone is not a video."""
    import av

    path = film.folder / "sound.mp4"
    with av.open(str(path), "w") as out:
        speaker = out.add_stream("aac", rate=44_100, layout="mono")
        frame = av.AudioFrame(format="fltp", layout="mono", samples=1024)
        frame.rate = 44_100
        frame.planes[0].update(bytes(4096))
        out.mux(speaker.encode(frame))
        out.mux(speaker.encode(None))

    with pytest.raises(NotAVideo, match="sound without a picture"):
        probe(path)


def test_bytes_after_the_last_box_do_no_harm(film):
    """Some services append their own data; the video before it is whole."""
    whole = film.draw("whole.mp4").read_bytes()

    more = film.write("more.mp4", whole + b"\xff\xff\xff\xffjunk" + b"\1" * 50)
    assert probe(more).frames == 24
    assert inspect(more).remark == ""


def _index_first(film):
    import av

    path = film.folder / "faststart.mp4"
    with av.open(str(film.folder / "whole.mp4")) as source, av.open(str(path), "w", options=FASTSTART) as out:
        picture = source.streams.video[0]
        add = getattr(out, "add_stream_from_template", None) or (lambda t: out.add_stream(template=t))
        copy = add(picture)
        for packet in source.demux(picture):
            if packet.dts is not None:
                packet.stream = copy
                out.mux(packet)
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    return data


HOLE = "hole"
GROUP = 6  # frames


@pytest.fixture(scope="module")
def large():
    """A film that is too large to be decoded at every look: an MP4 with its index first, and its packets by kind."""
    asked = {
        "frames": 30,
        "tone_s": 1.25,
        "size": (640, 416),
        "more": {"g": f"{GROUP}", "x264-params": "threads=1"},
    }
    content = videocorpus.draw(sound="aac", options=FASTSTART, **asked)
    return content, {kind: videocorpus.packets(content, kind) for kind in ("video", "audio")}


@pytest.mark.parametrize(
    ("damage", "remark"),
    [
        (None, ""),
        (("cut", 0.6), r"plays to [01](\.\d)? s of 1.2 s"),
        ((HOLE, "video", 13), "one frame of 30 cannot be decoded"),
        (("wrong", "video", 0), "cannot be decoded"),
        (("wrong", "video", 29), "one frame of 30 cannot be decoded"),
        (("length", "video", 13), "one frame of 30 cannot be decoded"),
        (("wrong", "audio", 20), "a part of the sound cannot be decoded"),
    ],
    ids=lambda value: "-".join(map(str, value)) if isinstance(value, tuple) else None,
)
def test_a_large_film_is_looked_at_by_its_packets(film, large, monkeypatch, damage, remark):
    """One that is whole costs the decoding of its ends; what is wrong with another is said as if all was decoded."""
    path = film.write("film.mp4", _hurt(*large, damage))
    decoded, plain = [], reading.decoded

    def count(packet):
        decoded.append(packet.stream.type)
        return plain(packet)

    monkeypatch.setattr(reading, "decoded", count)
    look = inspect(path)

    assert re.search(remark, look.remark) if remark else look.remark == ""
    assert damage or decoded.count("video") <= 1 + GROUP
    assert look == inspect(path, thoroughly=True)


def test_wrong_bits_in_a_large_film_take_decoding(film, large):
    """Units of right length in the midst of it are not looked into; the doctor decodes all."""
    path = film.write("film.mp4", _hurt(*large, ("wrong", "video", 13)))

    assert inspect(path).remark == ""
    assert inspect(path, thoroughly=True).remark == "one frame of 30 cannot be decoded"
    assert look_at(path, None, None) == ("damaged", "one frame of 30 cannot be decoded")


@pytest.mark.parametrize("codec", ["libx265", "mpeg4"])
def test_a_hole_is_found_whatever_the_codec(film, codec):
    """A decoder of H.265 fills it up without a word; packets of the others take decoding."""
    more = {"preset": "ultrafast", "x265-params": "log-level=none"} if codec == "libx265" else None
    asked = {"frames": 30, "size": (640, 416), "more": more}
    content = videocorpus.draw(codec=codec, options=FASTSTART, **asked)
    whole = film.write("whole.mp4", content)
    path = film.write(
        "film.mp4", _hurt(content, {"video": videocorpus.packets(content)}, (HOLE, "video", 13))
    )

    assert inspect(whole).remark == inspect(whole, thoroughly=True).remark == ""
    assert re.search("cannot be decoded|plays to", inspect(path).remark)
    assert inspect(path) == inspect(path, thoroughly=True)


def test_a_large_film_has_the_size_that_it_is_shown_in(film, large):
    """Its first frame tells how it is turned."""
    path = film.write("film.mp4", videocorpus.rotated(large[0]))

    assert inspect(path).size == (416, 640)


def _hurt(content, packets, damage):
    kind, *where = damage or ("whole",)
    if kind == "cut":
        return content[: int(len(content) * where[0])]
    data = bytearray(content)
    if where:
        at, size = packets[where[0]][where[1]]
        part = slice(at + 5, at + size)
        if kind == HOLE:
            data[part] = bytes(size - 5)
        elif kind == "length":
            data[at : at + 4] = (size * 2).to_bytes(4, "big")
        else:
            data[part] = b"\xab" * (size - 5)
    return bytes(data)
