"""What people say of a video that was changed: a table of changes, each made here, with the verdict and the words."""

import functools
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image, ImageFilter

from kie_nb.experiment.verdict import Verdict, judge
from kie_nb.video import compare_videos

WIDTH, HEIGHT, FPS, FRAMES = 160, 96, 24, 48
GOOD = {"preset": "ultrafast", "crf": "18"}
SHOT = "The same shot, but it looks different: the second is"
HALF = "Different lengths: 2 s and 1 s; what both have (1 s) looks the same."


@functools.cache
def shot(picture, angle=0.3, seed=0, disc=(220, 60, 40)):
    """Two seconds of a camera that moves over a photograph, and of a disc before it."""
    seen, frames = Image.open(picture).convert("RGB"), []
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    for t in np.linspace(0, 1, FRAMES):
        side = 0.9 - 0.25 * t
        left, top = ((1 - side) * (0.5 + 0.5 * way(angle) * t) for way in (np.cos, np.sin))
        box = [
            part * size
            for part, size in zip((left, top, left + side, top + side), seen.size * 2, strict=True)
        ]
        frame = np.array(seen.resize((WIDTH, HEIGHT), Image.Resampling.BILINEAR, box=box))
        across, down = (
            20 + (WIDTH - 40) * ((t + seed * 0.37) % 1),
            HEIGHT * (0.5 + 0.3 * np.sin(6 * t + seed)),
        )
        frame[(x - across) ** 2 + (y - down) ** 2 < 12**2] = disc
        frames.append(frame)
    return frames


def write(path, frames, fps=FPS, codec="libx264", options=None):
    with av.open(str(path), "w") as out:
        stream = out.add_stream(codec, rate=Fraction(fps))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt, stream.options = "yuv420p", options or GOOD
        for frame in frames:
            out.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), format="rgb24")))
        out.mux(stream.encode(None))
    return path


def each(change):
    return lambda frames: [np.clip(change(frame), 0, 255).astype(np.uint8) for frame in frames]


def pillow(change):
    return each(lambda frame: np.asarray(change(Image.fromarray(frame))))


def sized(width, height):
    return pillow(lambda frame: frame.resize((width, height)))


def cropped(share):
    x, y = WIDTH * share / 2, HEIGHT * share / 2
    return pillow(lambda frame: frame.resize((WIDTH, HEIGHT), box=(x, y, WIDTH - x, HEIGHT - y)))


def grey(frame):
    return np.repeat((frame @ (0.2126, 0.7152, 0.0722))[..., None], 3, -1)


def tinted(green):
    return each(lambda frame: np.add(frame, (0, green, 0)))


def saturated(share):
    return each(lambda frame: grey(frame) + share * (frame - grey(frame)))


def inverted_hues(frame):
    planes = np.array(Image.fromarray(frame).convert("YCbCr"))
    planes[..., 1:] = 255 - planes[..., 1:]
    return np.asarray(Image.fromarray(planes, "YCbCr").convert("RGB"))


def coded(**how):
    return lambda frames: (frames, how)


# Name, change, verdict, the beginning of the sentence.
CHANGES = [
    ("a good copy", coded(codec="mpeg4", options={"qscale": "5", "b": "800k"}), "same look", "They look the same: hard"),
    ("a fair copy", coded(options={"preset": "ultrafast", "crf": "30"}), "alike", "The same, with small differences."),
    ("a poor copy", coded(options={"preset": "ultrafast", "crf": "40"}), "alike", "The same, with small differences."),
    ("smaller", sized(80, 48), "same look", "They look the same; the second is smaller (80 × 48)."),
    ("larger", sized(320, 192), "same look", "They look the same; the second is larger (320 × 192)."),
    ("stretched", sized(96, 96), "alike", "The same, in another shape (96 × 96)."),
    ("half the rate", lambda all_: (all_[::2], {"fps": 12}), "same look", "They look the same; the second is at 12 frames a second instead of 24."),
    ("a frame less", lambda all_: all_[:-1], "same look", "They look the same: hard"),
    ("cropped a little", cropped(0.05), "alike", "The same, cropped to about 90 % of the picture."),
    ("cropped", cropped(0.1), "alike", "The same, cropped to about 80 % of the picture."),
    ("a quarter of it", cropped(0.5), "different", f"{SHOT} cropped to about 20 % of the picture."),
    ("mirrored", each(lambda frame: frame[:, ::-1]), "different", f"{SHOT} mirrored."),
    ("upside down", each(lambda frame: frame[::-1, ::-1]), "different", f"{SHOT} upside down."),
    ("a negative", each(lambda frame: 255 - frame), "different", f"{SHOT} a negative."),
    ("inverted colours", each(inverted_hues), "different", f"{SHOT} in other colours."),
    ("red for blue", each(lambda frame: frame[..., ::-1]), "different", f"{SHOT} in other colours."),
    ("grey", each(grey), "different", f"{SHOT} without colour."),
    ("green", tinted(30), "different", f"{SHOT} greener"),
    ("a touch of green", tinted(8), "alike", "The same, greener."),
    ("warmer", each(lambda frame: frame * (1.08, 1, 0.9)), "alike", "The same, yellower."),
    ("paler", saturated(0.5), "alike", "The same, paler."),
    ("more colourful", saturated(1.5), "alike", "The same, "),
    ("3 levels brighter", each(lambda frame: frame + 3.0), "same look", "They look the same: hard"),
    ("12 levels brighter", each(lambda frame: frame + 12.0), "alike", "The same, brighter."),
    ("12 levels darker", each(lambda frame: frame - 12.0), "alike", "The same, darker."),
    ("overexposed", each(lambda frame: frame + 80.0), "different", f"{SHOT} paler and brighter."),
    ("noise", each(lambda frame: frame + np.random.default_rng(0).normal(0, 8, frame.shape)), "alike", "The same, with small differences."),
    ("out of focus", pillow(lambda frame: frame.filter(ImageFilter.GaussianBlur(1.2))), "alike", "The same, with small differences."),
    ("cut at its end", lambda all_: all_[:-10], "alike", "The same, 0.4 s shorter."),
    ("cut at its front", lambda all_: all_[10:], "alike", "The same, 0.4 s earlier."),
    ("cut at both", lambda all_: all_[5:-5], "alike", "The same, 0.2 s earlier and 0.4 s shorter."),
    ("earlier", lambda all_: all_[10:] + all_[-1:] * 10, "alike", "The same, 0.4 s earlier."),
    ("later", lambda all_: all_[:1] * 10 + all_[:-10], "alike", "The same, 0.4 s later."),
    ("earlier and brighter", lambda all_: each(lambda frame: frame + 12.0)(all_[10:]), "alike", "The same, 0.4 s earlier and brighter."),
    ("its first half", lambda all_: all_[:24], "different", HALF),
    ("its second half", lambda all_: all_[24:], "different", HALF),
    ("its middle", lambda all_: all_[12:36], "different", HALF),
    ("twice", lambda all_: all_ + all_, "different", "Different lengths: 2 s and 4 s; what both have (2 s) looks the same."),
    ("the other half", lambda all_: all_[24:] + [all_[-1] * 0] * 24, "different", "Different moments: only 1 s of 2 s show the same."),
    ("backwards", lambda all_: all_[::-1], "different", "Different shots."),
    ("black from its middle on", lambda all_: all_[:24] + [all_[0] * 0] * 24, "different", "Different shots."),
    ("a still", lambda all_: all_[24:25] * 48, "different", "Different shots."),
]  # fmt: skip


@pytest.fixture(scope="module")
def films(tmp_path_factory, photograph):
    folder = tmp_path_factory.mktemp("films")
    return folder, shot(photograph), write(folder / "original.mp4", shot(photograph))


@pytest.mark.parametrize(
    ("change", "verdict", "words"), [pytest.param(*row, id=name) for name, *row in CHANGES]
)
def test_a_change_is_judged_as_people_judge_it(films, change, verdict, words):
    """The verdict that ten people would give, and first of all the words for what differs."""
    folder, frames, original = films
    changed = change(frames)
    frames, how = changed if isinstance(changed, tuple) else (changed, {})

    judged = judge(compare_videos(original, write(folder / "changed.mp4", frames, **how)))

    assert (judged.verdict, judged.sentence[: len(words)]) == (verdict, words)
    if words.endswith("."):
        assert judged.sentence == words


@pytest.mark.parametrize(
    "other",
    [{"seed": (2.5, 1)}, {"seed": (1.2, 0.1)}, {"seed": (4, 2, (30, 90, 220))}, {"picture": "coffee.png"}],
    ids=["another seed", "a near seed", "another prompt", "another picture"],
)  # fmt: skip
def test_another_shot_is_different(films, photograph, other):
    """Of the same picture too, and is not taken for a change of the first."""
    folder, _, original = films
    frames = shot(photograph.parent / other.get("picture", photograph.name), *other.get("seed", ()))

    likeness = compare_videos(original, write(folder / "other.mp4", frames))

    assert judge(likeness).verdict is Verdict.DIFFERENT
    assert (likeness.shift_s, likeness.seen.framing) == (0, "same")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        pytest.param(lambda all_: all_[10:], "The same, 0.4 s later.", id="moment"),
        pytest.param(each(grey), f"{SHOT} in colour.", id="colour"),
        pytest.param(cropped(0.5), f"{SHOT} wider: the first shows about 20 % of its picture.", id="framing"),
    ],
)
def test_the_other_way_round_it_is_the_opposite(films, change, words):
    """What is said is said of the second."""
    folder, frames, original = films

    found = judge(compare_videos(write(folder / "changed.mp4", change(frames)), original))

    assert found.sentence == words


@pytest.mark.parametrize(
    ("change", "verdict"), [(each(grey), "different"), (lambda all_: all_[10:], "alike")]
)
def test_colours_and_moments_count_beside_seeds_too(films, change, verdict):
    """A known distance between seeds does not make grey alike, and a shift is made good before it is asked."""
    folder, frames, original = films

    found = judge(compare_videos(original, write(folder / "changed.mp4", change(frames))), 0.4)

    assert found.verdict == verdict
