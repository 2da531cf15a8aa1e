"""One film of several clips: no frame is lost, none is shown twice, and streams are copied where they agree."""

from fractions import Fraction

import av
import numpy as np
import pytest

from kie_nb.video import CannotJoin, NotAVideo, inspect, join_videos, probe, read_request, reading

FPS = 24
KINDS = {
    "plain": {"sound": True, "seconds": 0.5},
    "b-frames": {"sound": True, "seconds": 0.5, "options": {"preset": "medium", "bf": "3"}},
    "upright": {"width": 64, "height": 112, "fps": 30, "seconds": 0.5},
    "odd rate": {
        "fps": 24000 / 1001,
        "sound": True,
        "sound_rate": 48_000,
        "sound_layout": "stereo",
        "seconds": 0.5,
    },
    "silent": {"seconds": 0.5},
    "hevc": {"codec": "libx265", "seconds": 0.5},
    "webm": {"codec": "libvpx-vp9", "seconds": 0.5, "name": "film.webm"},
}
FILMS = [  # clips, whether the picture is copied, what becomes of the sound
    (["plain", "plain"], True, "copied"),
    (["b-frames", "b-frames", "b-frames"], True, "copied"),
    (["silent", "silent"], True, ""),
    (["plain", "silent"], True, "mixed"),
    (["webm", "webm"], True, ""),
    (["hevc", "hevc"], False, ""),
    (["plain", "upright"], False, "mixed"),
    (["odd rate", "b-frames", "webm", "hevc", "silent"], False, "mixed"),
]


def decoded(path):
    """Every frame as grey pixels."""
    with av.open(str(path)) as film:
        return [frame.to_ndarray(format="gray").astype(int) for frame in film.decode(video=0)]


def moments(path):
    with av.open(str(path)) as film:
        return [frame.pts * frame.time_base for frame in film.decode(video=0)]


def loudness(path):
    """The loudest sample of each tenth of a second."""
    with av.open(str(path)) as film:
        track = film.streams.audio[0]
        samples = np.concatenate([frame.to_ndarray().mean(axis=0) for frame in film.decode(track)])
        size = track.rate // 10
    return [float(np.abs(samples[at : at + size]).max()) for at in range(0, len(samples) - size + 1, size)]


def packets(path):
    with av.open(str(path)) as film:
        return [bytes(packet) for packet in film.demux(video=0) if packet.size]


@pytest.fixture
def clips(film):
    """A clip of each kind, drawn when it is asked for."""
    drawn = {}

    def draw(name):
        if name not in drawn:
            drawn[name] = film.draw(**{"name": f"{name}.mp4", **KINDS[name]})
        return drawn[name]

    return draw


def running(path, numbers, *, ground=40, band=0, **options):
    """A clip that shows frames of one long film, by their *numbers*: a bar that runs."""
    with av.open(str(path), "w") as out:
        picture = out.add_stream("libx264", rate=FPS, options={"preset": "ultrafast", "crf": "12", **options})
        picture.width, picture.height, picture.pix_fmt = 96, 64, "yuv420p"
        for place, number in enumerate(numbers):
            pixels = np.full((64, 96, 3), ground, np.uint8)
            pixels[:, 5 * number % 84 :][:, :12] = 220
            pixels[-16:] += np.uint8(band if place == 0 else 0) * (pixels[-16:] < 128)
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = place, Fraction(1, FPS)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))
    return path


@pytest.mark.parametrize(("names", "is_copied", "sound"), FILMS, ids=str)
def test_a_film_has_every_frame_of_its_clips(clips, film, names, is_copied, sound):
    """Whatever they are: sizes, rates, codecs, sound or none, frames that are made from later ones. It plays in every browser."""
    parts = [clips(name) for name in names]
    target = film.folder / "joined.mp4"

    made = join_videos(parts, target, note='{"kie_nb": 1, "parts": 2}', title="a film")

    assert (made.is_copied, made.sound, made.doubled) == (is_copied, sound, ())
    frames = decoded(target)
    assert len(frames) == made.frames == sum(len(decoded(part)) for part in parts)
    facts, look = probe(target), inspect(target)
    assert (facts.browser_playable, look.remark) == (True, "")
    assert facts.duration_s == pytest.approx(made.seconds, abs=0.01)
    assert (facts.width, facts.height) == made.size
    assert read_request(target) == {"kie_nb": 1, "parts": 2}
    if is_copied:
        assert packets(target) == [packet for part in parts for packet in packets(part)]
        assert all(np.array_equal(*pair) for pair in zip(frames, map_frames(parts), strict=True))


def test_a_clip_is_decoded_once(clips, film, monkeypatch):
    """To see that nothing of it is damaged; of the film that is copied of them its key frames alone are."""
    seen, decode = [], reading.decoded

    def counted(packet):
        found = decode(packet)
        seen.extend(found[0])
        return found

    monkeypatch.setattr(reading, "decoded", counted)
    made = join_videos([clips("b-frames")] * 3, film.folder / "joined.mp4")

    assert (made.is_copied, made.frames) == (True, 36)
    assert len(seen) == made.frames + 3


def map_frames(parts):
    return [frame for part in parts for frame in decoded(part)]


def test_frames_keep_their_moments(clips, film):
    """Clips of 30 and 24 frames a second: each frame is shown as long as in its clip."""
    join_videos([clips("upright"), clips("silent")], film.folder / "joined.mp4")

    shown = moments(film.folder / "joined.mp4")
    wanted = [Fraction(n, 30) for n in range(15)] + [Fraction(1, 2) + Fraction(n, 24) for n in range(12)]
    assert max(abs(one - other) for one, other in zip(shown, wanted, strict=True)) < Fraction(1, 10_000)


def test_another_shape_is_shown_whole_between_black_bars(clips, film):
    """Nothing is stretched and nothing cut; colours stay."""
    white = film.draw("white.mp4", width=64, height=48, colour=(250, 250, 250), seconds=0.25)
    join_videos([clips("upright"), white], film.folder / "joined.mp4")

    last = decoded(film.folder / "joined.mp4")[-1]
    assert last.shape == (112, 64)
    assert max(last[:28].max(), last[-28:].max()) < 40
    assert last[36:76].min() > 235


def test_sound_stays_at_its_place(clips, film):
    """Where a clip has none there is silence, neither more nor less."""
    join_videos([clips("silent"), clips("plain"), clips("silent")], film.folder / "joined.mp4")

    loud = loudness(film.folder / "joined.mp4")
    assert len(loud) in {15, 16}
    assert max(loud[:4] + loud[11:15]) < 0.01
    assert min(loud[5:9]) > 0.1


@pytest.mark.parametrize(
    ("options", "is_copied"),
    [({}, True), ({"preset": "medium", "bf": "3"}, False)],
    ids=["simple", "b-frames"],
)
def test_the_last_frame_is_not_shown_again(film, options, is_copied):
    """Each clip starts with the last frame of the one before: the film has it once, copied or drawn."""
    chain = [range(10), range(9, 20), range(19, 30)]
    parts = [running(film.folder / f"{n}.mp4", numbers, **options) for n, numbers in enumerate(chain)]
    target = film.folder / "joined.mp4"

    made = join_videos(parts, target)

    assert (made.frames, made.doubled, made.is_copied) == (30, (0, 1), is_copied)
    whole = decoded(running(film.folder / "whole.mp4", range(30)))
    shown = decoded(target)
    assert len(shown) == 30
    assert max(np.abs(one - other).mean() for one, other in zip(shown, whole, strict=True)) < 4


@pytest.mark.parametrize(
    ("first", "second", "is_linked", "is_doubled"),
    [
        (range(10), range(10, 20), False, False),  # a film cut in two
        (range(10), range(9, 19), False, True),
        (range(10), range(9, 19), True, True),
        (range(10), [9], False, True),
        ([3], range(3, 9), False, False),  # it would have no frame left
        ([5] * 8, [5] * 8, False, True),  # nothing moves
    ],
)
def test_what_is_a_doubled_frame(film, first, second, is_linked, is_doubled):
    """Only the very frame: one that comes next in a slow film is another."""
    parts = [running(film.folder / f"{n}.mp4", numbers) for n, numbers in enumerate((first, second))]

    made = join_videos(parts, film.folder / "joined.mp4", linked={1: len(first) - 1} if is_linked else {})

    assert made.frames == len(first) + len(second) - is_doubled == len(decoded(film.folder / "joined.mp4"))


@pytest.mark.parametrize(
    ("is_linked", "look", "is_doubled"),
    [(True, {"band": 70}, True), (False, {"band": 70}, False), (True, {"ground": 120}, False)],
    ids=["drawn anew", "somebody else's", "another picture"],
)
def test_a_frame_that_a_model_drew_anew(film, is_linked, look, is_doubled):
    """Asked for with that frame, a clip may begin with it and a caption; what looks otherwise is another frame all the same."""
    before = running(film.folder / "before.mp4", range(10))
    after = running(film.folder / "after.mp4", range(9, 19), **look)

    made = join_videos([before, after], film.folder / "joined.mp4", linked={1: 9} if is_linked else {})

    assert made.doubled == ((0,) if is_doubled else ())


def test_an_edit_list_is_obeyed(film):
    """What an edit list leaves out of a clip is not in the film; such a clip is not copied."""
    cut = running(film.folder / "cut.mp4", range(24), preset="medium", bf="3")
    data = bytearray(cut.read_bytes())
    at = data.index(b"elst") + 16  # media_time of the first entry
    with av.open(str(cut)) as container:
        tick = round(1 / FPS / container.streams.video[0].time_base)
    data[at : at + 4] = (int.from_bytes(data[at : at + 4], "big") + 5 * tick).to_bytes(4, "big")
    cut.write_bytes(data)
    whole = running(film.folder / "whole.mp4", range(45, 55), preset="medium", bf="3")

    made = join_videos([whole, cut, whole], film.folder / "joined.mp4")

    shown = decoded(cut)
    assert len(shown) == 19
    assert (made.frames, made.is_copied) == (39, False)
    assert np.abs(decoded(film.folder / "joined.mp4")[10] - shown[0]).mean() < 4


def test_a_phone_s_clip_is_turned(film):
    """Lying frames and a word on how to turn them: in the film they stand."""
    import videocorpus

    upright = film.write("upright.mp4", videocorpus.rotated(videocorpus.draw(frames=6)))
    wide = film.draw("wide.mp4", width=32, height=32, seconds=0.25)

    made = join_videos([upright, wide], film.folder / "joined.mp4")

    assert made.size == (48, 64)
    assert join_videos([upright, upright], film.folder / "twice.mp4").is_copied
    assert probe(film.folder / "twice.mp4").width == 48


def test_what_is_no_clip_is_refused(clips, film):
    """The message names it; nothing is left behind."""
    page = film.write("page.mp4", b"<html>no video</html>")
    with pytest.raises(NotAVideo, match="is not a video"):
        join_videos([clips("plain"), page], film.folder / "joined.mp4")
    assert not list(film.folder.glob("*joined*"))


def test_a_film_of_hours_is_refused(film):
    """Two frames may claim to be a day apart; silence of a day is not written."""
    path = film.folder / "long.mp4"
    with av.open(str(path), "w") as out:
        picture = out.add_stream("libx264", rate=1)
        picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
        for moment in (0, 3000):
            frame = av.VideoFrame(32, 32, "yuv420p")
            frame.pts, frame.time_base = moment, Fraction(1)
            out.mux(picture.encode(frame))
        out.mux(picture.encode(None))

    with pytest.raises(CannotJoin, match="100 minutes"):
        join_videos([path, path], film.folder / "joined.mp4")
