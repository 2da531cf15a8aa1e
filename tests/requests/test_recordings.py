"""Videos and sounds that are given to a model: whatever holds one, what is sent of it, and what is refused."""

import hashlib
import io
import random
from fractions import Fraction

import av
import numpy as np
import pytest
import videocorpus
from videocorpus import Making, play

from kie_nb.errors import InvalidRequest
from kie_nb.requests.boxes import without_personal_boxes
from kie_nb.requests.images import upload_name
from kie_nb.requests.media import kind_of
from kie_nb.requests.recordings import read_recording

PLACE = "+47.3769+008.5417/"


@pytest.fixture(scope="session")
def made():
    """A small file of each kind, drawn once."""
    return {
        "mp4": videocorpus.draw(frames=12),
        "mov": videocorpus.draw("mov", frames=12),
        "webm": videocorpus.draw("webm", "libvpx-vp9", frames=12),
        "sound in mp4": videocorpus.tone("mp4", "aac"),
        "mp3": videocorpus.tone("mp3", "libmp3lame"),
        "wav": videocorpus.tone("wav", "pcm_s16le"),
        "flac": videocorpus.tone("flac", "flac"),
        "ogg": videocorpus.tone("ogg", "flac"),
        "cover": videocorpus.with_cover(),
    }


@pytest.mark.parametrize(
    ("name", "mime", "ending"),
    [
        ("mp4", "video/mp4", "mp4"),
        ("mov", "video/quicktime", "mov"),
        ("webm", "video/webm", "webm"),
        ("mp3", "audio/mpeg", "mp3"),
        ("wav", "audio/wav", "wav"),
        ("flac", "audio/flac", "flac"),
        ("ogg", "audio/ogg", "ogg"),
        ("sound in mp4", "audio/mp4", "m4a"),
        ("cover", "audio/mp4", "m4a"),
    ],
)
def test_what_is_known_of_a_recording(made, tmp_path, name, mime, ending):
    """By its bytes: type, length, size, hash; its true ending is in the name that it is uploaded under."""
    file = tmp_path / "odd name.bin"
    file.write_bytes(made[name])
    kind = mime.partition("/")[0]

    found = read_recording(file, kind).identity

    assert (found.kind, found.mime, found.label) == (kind, mime, "odd name.bin")
    assert found.seconds == pytest.approx(0.5 if kind == "video" else 1, abs=0.1)
    assert (found.width, found.height) == ((64, 48) if kind == "video" else (0, 0))
    assert upload_name(found).endswith(f".{ending}")


def test_every_holder_gives_the_same_recording(made, tmp_path):
    """A path, a text, bytes, an open file, a display, a widget."""
    import ipywidgets
    from IPython.display import Video

    content = made["mp4"]
    file = tmp_path / "clip.mp4"
    file.write_bytes(content)
    with file.open("rb") as stream:
        holders = [
            *(file, str(file), content, bytearray(content), stream, io.BytesIO(content)),
            *(
                Video(str(file)),
                ipywidgets.Video(value=content),
                Video(data=content, mimetype="video/mp4", embed=True),
            ),
            ({"name": "clip.mp4", "content": content},),
        ]
        found = [read_recording(one, "video") for one in holders]

    assert {one.identity.sha256 for one in found} == {found[0].identity.sha256}
    assert {one.content for one in found} == {found[0].content}
    assert [kind_of(one) for one in (content, str(file), "https://a.example/b.mp3?x", made["wav"], 5)] == [
        *("video", "video", "audio", "audio", "image")
    ]


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (b"", "video", "is empty"),
        (b"<html>", "video", "is not a video; it seems to be an HTML page"),
        (b"\x89PNG\r\n\x1a\n....", "video", "it seems to be a PNG picture"),
        (b"<html>", "audio", "is not a sound"),
        ("no.mp4", "video", "There is no file 'no.mp4'"),
        (".", "audio", "is a folder, not a sound"),
        (7, "video", "A value of type int is not a video"),
        (None, "audio", "is not a sound"),
    ],
)
def test_what_is_no_recording_is_refused(given, kind, words):
    """In words that name it."""
    with pytest.raises(InvalidRequest, match=words):
        read_recording(given, kind)


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("wav", "video", "not a video"),
        ("mp4", "audio", "seems to be a video"),
        ("cover", "video", "not a video"),
    ],
)
def test_one_kind_is_not_the_other(made, name, kind, words):
    """A sound is no video, and a video no sound."""
    with pytest.raises(InvalidRequest, match=words):
        read_recording(made[name], kind)


@pytest.mark.parametrize("name", ["mp4", "mov", "webm", "mp3", "wav", "sound in mp4", "flac", "ogg"])
def test_a_damaged_file_never_crashes(made, name):
    """Cut anywhere and with any bytes changed: it is read, or refused in words."""
    content, dice = made[name], random.Random(7)  # noqa: S311
    kind = "video" if name in {"mp4", "mov", "webm"} else "audio"
    for _ in range(12):
        spoilt = bytearray(content[: dice.randrange(len(content))] if dice.random() < 0.5 else content)
        for _ in range(dice.randrange(20)):
            if spoilt:
                spoilt[dice.randrange(len(spoilt))] = dice.randrange(256)
        try:
            read_recording(bytes(spoilt), kind)
        except InvalidRequest as exc:
            assert "\n" not in exc.message  # noqa: PT017 - it may be readable, too


def personal(container="mp4"):
    """A film of a phone's: where it was taken, when, and by whom."""
    with Making(container, {"movflags": "+use_metadata_tags"}) as out:
        picture = out.add_stream("libx264", rate=24)
        picture.width, picture.height, picture.pix_fmt = 64, 48, "yuv420p"
        speaker = out.add_stream("aac", rate=44_100, layout="mono")
        tags = {"location": PLACE, "artist": "Jane Secret", "creation_time": "2024-05-06T07:08:09Z"}
        out.metadata.update({**tags, "com.apple.quicktime.location.ISO6709": PLACE})
        for number in range(6):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), number * 40, np.uint8), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 24)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
        play(out, speaker, 0.25)
    return out.content


def frames(content):
    with av.open(io.BytesIO(content)) as film:
        return [(frame.pts, frame.to_ndarray().tobytes()) for frame in film.decode(video=0)]


@pytest.mark.parametrize("container", ["mp4", "mov", "matroska"])
def test_place_time_and_names_are_not_sent(container):
    """They become empty space; every frame and every place in the file stays. Runs made with the file as it is stand."""
    content = personal(container)
    dated = videocorpus.rotated(videocorpus.draw(frames=6))
    assert PLACE.encode() in content

    sent = read_recording(content, "video")
    kept = read_recording(content, "video", keep_metadata=True)

    assert len(sent.content) == len(content)
    assert [word for word in (PLACE, "Jane Secret", "2024-05-06") if word.encode() in sent.content] == []
    with av.open(io.BytesIO(sent.content)) as film:
        assert "creation_time" not in film.metadata
    assert frames(sent.content) == frames(content)
    assert sent.as_given.sha256 == kept.identity.sha256 == hashlib.sha256(content).hexdigest()
    assert kept.content == content
    assert frames(without_personal_boxes(dated)) == frames(dated)
    once = without_personal_boxes(content)
    assert without_personal_boxes(once) == once


@pytest.mark.parametrize(("container", "codec"), [
    ("mp3", "libmp3lame"), ("wav", "pcm_s16le"), ("flac", "flac"), ("ogg", "flac"), ("ogg", "vorbis"), ("ogg", "libopus"),
])  # fmt: skip
def test_what_a_sound_says_of_persons_is_not_sent(container, codec):
    """Its tags become padding; what is heard stays."""
    with Making(container, {"write_id3v1": "1"} if container == "mp3" else {}) as out:
        long = "x" * 70_000 if container in {"ogg", "flac"} else ""  # more than a page of Ogg holds
        out.metadata.update({"artist": "Jane Secret", "comment": f"{long}{PLACE}"})
        how = (
            {"layout": "stereo", "options": {"strict": "experimental"}}
            if codec == "vorbis"
            else {"layout": "mono"}
        )
        track = out.add_stream(codec, rate=48_000 if codec == "libopus" else 44_100, **how)
        if container == "ogg":
            track.metadata.update(out.metadata)
        play(out, track, 0.25)
    assert b"Jane Secret" in out.content

    sent = read_recording(out.content, "audio")

    assert len(sent.content) == len(out.content)
    assert [word for word in (b"Jane Secret", PLACE.encode()) if word in sent.content] == []
    assert videocorpus.packets(sent.content, "audio") == videocorpus.packets(out.content, "audio")
    assert read_recording(out.content, "audio", keep_metadata=True).content == out.content
    with av.open(io.BytesIO(sent.content)) as sound:
        assert not {"artist", "ARTIST", "comment"} & {*sound.metadata, *sound.streams[0].metadata}
    assert without_personal_boxes(sent.content) == sent.content


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\0\x18ftypmp42" + b"\0" * 12 + b"\xff\xff\xff\xffmoov",
        b"\0\0\0\x18ftypmp42" + b"\0" * 12 + b"\0\0\0\x01moov\xff\xff\xff\xff\xff\xff\xff\xff",
        b"\0\0\0\x18ftypmp42" + b"\0" * 12 + b"\0\0\0\x00moov" + b"\0\0\0\x08trak" * 300,
        b"\0\0\0\x18ftypmp42" + b"\0" * 12 + b"\0\0\0\x04moov",
        b"\x1a\x45\xdf\xa3",
        b"\x1a\x45\xdf\xa3\x80" + b"\0" * 20,
        b"\x1a\x45\xdf\xa3\x80" + b"\x18\x53\x80\x67\x01" + b"\xff" * 7 + b"\x12\x54\xc3\x67\x90tags",
        b"fLaC\x04\xff\xff\xff",
        b"OggS" + b"\0" * 22 + b"\xff" * 300,
        b"OggS\0\2" + b"\0" * 20 + b"\2\x07\x07\x01vorbis\x03vorbis",
    ],
    ids=range(11),
)
def test_odd_boxes_are_left_as_they_are(content):
    """Whoever decodes the file says what is wrong with it."""
    assert without_personal_boxes(content) == content
