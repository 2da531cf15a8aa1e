"""A request inside a video: every frame and sample stays, other people's tags stay, and it can be read back."""

import json

import av
import numpy as np
import pytest

from kie_nb.video import CannotTag, NotAVideo, inspect, read_request, tags, write_request

NOTE = {"kie_nb": 1, "input": {"prompt": 'Zürich 🐈\n"quoted" <b>\0 half \ud83d'}, "seed": 7}
TEXT = json.dumps(NOTE)


def decoded(path):
    """Every frame and every piece of sound, with its moment."""
    with av.open(str(path)) as container:
        frames = [(f.time, f.to_ndarray()) for f in container.decode(video=0)]
    with av.open(str(path)) as container:
        sound = (
            [(f.time, f.to_ndarray()) for f in container.decode(audio=0)] if container.streams.audio else []
        )
    return frames, sound


def with_tags(film, tags_, *, name="tagged.mp4", movflags="", codec="libx264"):
    """A small film that already says something."""
    path = film.draw(f"plain-{name}", sound=True, seconds=0.5, codec=codec)
    target = film.folder / name
    with (
        av.open(str(path)) as source,
        av.open(str(target), "w", options={"movflags": f"+faststart{movflags}"}) as copy,
    ):
        tracks = {s.index: copy.add_stream_from_template(s, opaque=True) for s in source.streams}
        copy.metadata.update(tags_)
        for packet in source.demux(list(source.streams)):
            if packet.dts is not None:
                packet.stream = tracks[packet.stream.index]
                copy.mux(packet)
    return target


def tags_in(path):
    with av.open(str(path)) as container:
        return dict(container.metadata)


@pytest.mark.parametrize(
    "drawn",
    [
        pytest.param({"sound": True}, id="H.264 and AAC"),
        pytest.param({"options": {"preset": "medium", "bf": "3"}, "sound": True}, id="frames out of order"),
        pytest.param({"codec": "libx265"}, id="HEVC"),
        pytest.param({"codec": "libsvtav1"}, id="AV1"),
        pytest.param({"fps": 29.97, "sound": True, "sound_layout": "stereo", "sound_rate": 48_000}, id="NTSC, stereo"),
        pytest.param({"name": "film.mov", "sound": True}, id="MOV"),
        pytest.param({"name": "film.webm", "codec": "libvpx-vp9"}, id="WebM"),
    ],
)  # fmt: skip
def test_nothing_that_is_seen_or_heard_changes(film, drawn):
    """Decoded before and after: the same frames, the same samples, at the same moments."""
    path = film.draw(**drawn)
    tagged = write_request(path, path.with_name(f"tagged-{path.name}"), TEXT)

    for before, after in zip(decoded(path), decoded(tagged), strict=True):
        assert [time for time, _ in before] == [time for time, _ in after]
        assert all(np.array_equal(a, b) for (_, a), (_, b) in zip(before, after, strict=True))
    assert read_request(path) is None
    assert read_request(tagged) == NOTE
    assert inspect(tagged).remark == ""


def test_the_index_comes_first(film):
    """So that a browser can begin before it has the whole file."""
    data = write_request(film.draw(), film.folder / "tagged.mp4", TEXT).read_bytes()

    assert data.index(b"moov") < data.index(b"mdat")


def test_the_same_video_gives_the_same_copy(film):
    """No clock and no chance in the file: exporting twice gives equal files."""
    path = film.draw(sound=True)
    one, other = (write_request(path, film.folder / name, TEXT).read_bytes() for name in ("1.mp4", "2.mp4"))

    assert one == other


@pytest.mark.parametrize(
    ("there", "movflags", "ours"),
    [
        pytest.param({"title": "Cat", "artist": "A"}, "", "comment", id="a free comment"),
        pytest.param({"comment": "mine"}, "", "description", id="a comment of somebody else"),
        pytest.param({"comment": "a", "description": "b"}, "", "synopsis", id="two are taken"),
        pytest.param({"comment": '{"tool": 1}'}, "", "description", id="another tool's JSON"),
        pytest.param({"comment": "a", "x-own": "b"}, "+use_metadata_tags", "description", id="a name of its own"),
        pytest.param(
            dict.fromkeys(("comment", "description", "synopsis", "grouping"), "a"), "", "kie_nb_request", id="all taken"
        ),
    ],
)  # fmt: skip
def test_tags_that_are_there_are_kept(film, there, movflags, ours):
    """Ours goes to the first that is free."""
    path = with_tags(film, there, movflags=movflags)
    before = tags_in(path)
    tagged = tags_in(write_request(path, film.folder / "ours.mp4", TEXT))

    assert set(there) <= set(before)
    assert tagged.pop(ours) == TEXT
    if "x-own" in there or ours == "kie_nb_request":
        before.pop("encoder")  # the program that wrote the file: no tag of anybody's
    assert tagged == before
    assert read_request(film.folder / "ours.mp4") == NOTE


def test_a_note_of_ours_is_replaced(film):
    """An export of an imported file carries one request."""
    once = write_request(film.draw(), film.folder / "once.mp4", TEXT)
    twice = write_request(once, film.folder / "twice.mp4", json.dumps({"kie_nb": 1, "seed": 8}))

    assert read_request(twice) == {"kie_nb": 1, "seed": 8}
    assert TEXT not in tags_in(twice).values()


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="broken"),
        pytest.param('{"seed": 7}', id="not ours"),
        pytest.param('["kie_nb"]', id="a list"),
        pytest.param("[" * 100_000, id="very deep"),
        pytest.param('{"kie_nb":' * 50_000, id="very deep and ours"),
        pytest.param('{"kie_nb": 1, "x": "' + "a" * tags.MAX_NOTE + '"}', id="huge"),
    ],
)
def test_a_comment_that_is_no_request_is_none(film, text):
    """Whatever a file says, reading it gives a request of ours or nothing."""
    assert read_request(with_tags(film, {"comment": text})) is None


def test_what_cannot_be_tagged_is_left_alone(film):
    """A format without tags is refused, and nothing is written."""
    path = film.draw("film.avi", codec="mpeg4")
    with pytest.raises(CannotTag):
        write_request(path, film.folder / "out.avi", TEXT)

    assert not (film.folder / "out.avi").exists()
    assert [file.name for file in film.folder.iterdir() if file.suffix == ".part"] == []


def test_tags_that_are_no_text_are_no_request(film):
    """Bytes of another alphabet in a tag are none of ours; the file is tagged beside them, or left alone (PyAV before 19)."""
    path = write_request(film.draw(), film.folder / "ours.mp4", '{"kie_nb": 1, "x": "QQQQ"}')
    path.write_bytes(path.read_bytes().replace(b"QQQQ", b"\xff\xfe\xfd\xfc"))

    assert read_request(path) is None
    target = film.folder / "again.mp4"
    try:
        write_request(path, target, TEXT)
    except CannotTag:
        assert not target.exists()
    else:
        assert read_request(target) == json.loads(TEXT)


def test_only_a_video_has_a_request(film):
    """A text with the right words in it is no video."""
    with pytest.raises(NotAVideo):
        read_request(film.write("film.mp4", TEXT.encode()))
