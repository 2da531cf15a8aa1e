"""What a likeness means: the rules, as tables."""

import math
from dataclasses import replace

import pytest

from kie_nb.experiment.verdict import (
    ALIKE_DISTANCE,
    ALIKE_SHARE,
    SAME_LOOK_DISTANCE,
    SAME_LOOK_WORST_DISTANCE,
    Verdict,
    judge,
    median_distance,
    seeds_differ,
)
from kie_nb.video import Appearance, Framing, Likeness, Side, SoundLikeness

SIDE = Side(
    name="a.mp4",
    sha256="0" * 64,
    bytes=1000,
    frames=120,
    duration_s=5.0,
    fps=24.0,
    width=1280,
    height=720,
    has_sound=True,
)
SOUND = SoundLikeness(same_bytes=True, same_samples=True, rms_difference=0.0, rms=(0.1, 0.1), compared_s=5.0)

SEEN = Appearance(
    outline=0.8,
    outline_min=0.7,
    framing=Framing.SAME,
    part=1.0,
    colour=0.5,
    hue=0.4,
    lightness=0.1,
    saturation=1.0,
    tint=(0.1, -0.1),
    chroma=(20.0, 20.0),
)
SAME_SHOT = {"outline": 0.99, "outline_min": 0.98}


def likeness(
    distance,
    *,
    worst=None,
    same_bytes=False,
    same_frames=False,
    sound=SOUND,
    first=None,
    seen=(),
    shift_s=0.0,
    **second,
):
    one, other = replace(SIDE, **(first or {})), replace(SIDE, **({"name": "b.mp4"} | second))
    return Likeness(
        first=one,
        second=other,
        same_bytes=same_bytes,
        same_frames=same_frames or same_bytes,
        ssim=1 - distance,
        ssim_min=1 - (distance if worst is None else worst),
        pairs=120,
        shift_s=shift_s,
        seen=replace(SEEN, **dict(seen)),
        compared_s=min(one.duration_s - max(0, shift_s), other.duration_s - max(0, -shift_s)),
        compared_width=min(one.width, other.width),
        compared_height=min(one.height, other.height),
        sound=sound,
    )


@pytest.mark.parametrize(
    ("found", "spread", "verdict"),
    [
        pytest.param(likeness(0, same_bytes=True), None, Verdict.SAME_BYTES, id="equal files"),
        pytest.param(likeness(0, same_bytes=True), 0.001, Verdict.SAME_BYTES, id="equal files, seeds do not differ"),
        pytest.param(likeness(0, same_frames=True), None, Verdict.SAME_FRAMES, id="equal frames"),
        pytest.param(likeness(0, same_frames=True, sound=None), 0.3, Verdict.SAME_FRAMES, id="sound stands apart"),
        pytest.param(likeness(0), None, Verdict.SAME_LOOK, id="SSIM rounded to 1 is not equal"),
        pytest.param(likeness(SAME_LOOK_DISTANCE), None, Verdict.SAME_LOOK, id="look: at the limit"),
        pytest.param(likeness(SAME_LOOK_DISTANCE + 0.001), None, Verdict.ALIKE, id="look: beyond the limit"),
        pytest.param(likeness(0.01, worst=SAME_LOOK_WORST_DISTANCE + 0.01), None, Verdict.ALIKE, id="look: one bad frame"),
        pytest.param(likeness(0.01, width=640, height=360), None, Verdict.SAME_LOOK, id="look: another size"),
        pytest.param(likeness(0.01, width=720, height=720), None, Verdict.ALIKE, id="look: another shape is none"),
        pytest.param(likeness(0.01, duration_s=4.0), None, Verdict.ALIKE, id="look: another length is none"),
        pytest.param(likeness(0.01, duration_s=4.97), None, Verdict.SAME_LOOK, id="look: a frame less is no other length"),
        pytest.param(likeness(0.01, duration_s=2.4), None, Verdict.DIFFERENT, id="less than half is there"),
        pytest.param(likeness(0.01, duration_s=12.0), 0.5, Verdict.DIFFERENT, id="less than half is there, with a spread"),
        pytest.param(likeness(0.01, duration_s=10.0), 0.5, Verdict.DIFFERENT, id="half is there"),
        pytest.param(likeness(0.01, duration_s=6.6), 0.5, Verdict.ALIKE, id="three quarters are there"),
        pytest.param(likeness(0.01, shift_s=-0.4), None, Verdict.ALIKE, id="look: another moment is none"),
        pytest.param(likeness(0.01, shift_s=0.04), None, Verdict.SAME_LOOK, id="look: a frame earlier is no other moment"),
        pytest.param(likeness(0.01, shift_s=1.5), None, Verdict.DIFFERENT, id="little is shown in both"),
        pytest.param(likeness(0.01, seen={"colour": 2.6}), None, Verdict.ALIKE, id="look: other colours are none"),
        pytest.param(likeness(0.01, seen={"colour": 15.1}), None, Verdict.DIFFERENT, id="colours: too far apart"),
        pytest.param(likeness(0.01, seen={"colour": 15.0, "hue": 7.9}), None, Verdict.ALIKE, id="colours: brightness alone"),
        pytest.param(likeness(0.01, seen={"colour": 8.5, "hue": 8.1}), 0.5, Verdict.DIFFERENT, id="colours: another hue, with a spread"),
        pytest.param(likeness(0.01, seen={"colour": 6, "chroma": (6, 2)}), None, Verdict.DIFFERENT, id="colours: one is grey"),
        pytest.param(likeness(0.01, seen={"colour": 1, "chroma": (2, 2)}), None, Verdict.SAME_LOOK, id="colours: both are grey"),
        pytest.param(likeness(0.3, seen=SAME_SHOT), None, Verdict.ALIKE, id="outline: a poor copy"),
        pytest.param(likeness(0.3, seen=SAME_SHOT | {"outline_min": 0.8}), None, Verdict.DIFFERENT, id="outline: not in each frame"),
        pytest.param(likeness(0.3, seen=SAME_SHOT), 0.4, Verdict.DIFFERENT, id="outline: a spread decides"),
        pytest.param(likeness(0.5, seen={"framing": Framing.CLOSER, "part": 0.8}), None, Verdict.ALIKE, id="framing: a little closer"),
        pytest.param(likeness(0.5, seen={"framing": Framing.WIDER, "part": 0.6}), None, Verdict.DIFFERENT, id="framing: much wider"),
        pytest.param(likeness(0.5, seen={"framing": Framing.MIRRORED}), None, Verdict.DIFFERENT, id="framing: mirrored"),
        pytest.param(likeness(0.01), 0.3, Verdict.SAME_LOOK, id="look, with a spread"),
        pytest.param(likeness(ALIKE_DISTANCE - 1e-6), None, Verdict.ALIKE, id="fixed limit: within"),
        pytest.param(likeness(ALIKE_DISTANCE + 0.001), None, Verdict.DIFFERENT, id="fixed limit: beyond"),
        pytest.param(likeness(0.15), 0.4, Verdict.ALIKE, id="spread: clearly nearer than two seeds"),
        pytest.param(likeness(0.4 * ALIKE_SHARE - 1e-6), 0.4, Verdict.ALIKE, id="spread: just near enough"),
        pytest.param(likeness(0.4 * ALIKE_SHARE + 0.001), 0.4, Verdict.DIFFERENT, id="spread: just not"),
        pytest.param(likeness(0.05), 0.06, Verdict.DIFFERENT, id="spread: near, but so are seeds"),
        pytest.param(likeness(0.5), 0.4, Verdict.DIFFERENT, id="spread: further than seeds"),
        pytest.param(likeness(0.05), 0.0, Verdict.ALIKE, id="no spread at all: the fixed limit"),
        pytest.param(likeness(0.2), SAME_LOOK_DISTANCE, Verdict.DIFFERENT, id="seeds look the same: the fixed limit"),
        pytest.param(likeness(1.4), None, Verdict.DIFFERENT, id="SSIM below 0"),
    ],
)  # fmt: skip
def test_verdicts(found, spread, verdict):
    """Which figures give which verdict."""
    judged = judge(found, spread)

    assert judged.verdict is verdict
    assert judged.distance == found.distance
    assert judged.reasons


@pytest.mark.parametrize(
    ("found", "spread", "sentence"),
    [
        (likeness(0, same_bytes=True), None, "The same file, byte for byte."),
        (likeness(0, same_frames=True), 0.3, "The same video: every frame is equal, only the files differ."),
        (likeness(0.01), None, "They look the same: hard to tell apart by eye."),
        (likeness(0.09), None, "Similar shots."),
        (likeness(0.15), 0.4, "Similar shots: clearly closer than two seeds usually are."),
        (likeness(0.15), 0.01, "Different shots."),  # seeds that look the same say nothing
        (likeness(0.15), None, "Different shots."),
        (likeness(0.24), 0.4, "Different shots: only a little closer than two seeds usually are."),
        (likeness(0.4), 0.4, "Different shots: they differ as much as two seeds usually do."),
        (likeness(0.6), 0.4, "Different shots: they differ more than two seeds usually do."),
        (likeness(0.01, duration_s=12.0), 0.5, "Different lengths: 5 s and 12 s."),
        (
            likeness(0.05, seen={"colour": 5, "lightness": -5}),
            0.4,
            "Similar shots: clearly closer than two seeds usually are. The second is darker.",
        ),
        (likeness(0.05, seen={"colour": 7}), None, "Similar shots. The second is in other tones."),
        (
            likeness(0.05, shift_s=0.04, seen=SAME_SHOT, fps=60.0, first={"fps": 60.0}),
            None,
            "The same, 0.04 s earlier.",
        ),
        (likeness(0.05, seen={"colour": 20, "hue": 20, "saturation": -1}), None, "Different shots."),
    ],
)
def test_a_verdict_in_a_plain_sentence(found, spread, sentence):
    """Of seeds it speaks only where their distance is known, and means something."""
    assert judge(found, spread).sentence == sentence


@pytest.mark.parametrize("spread", [None, 0.05, 0.3])
def test_a_greater_distance_is_never_a_nearer_verdict(spread):
    """Over the whole range of distances."""
    order = [list(Verdict).index(judge(likeness(step / 200), spread).verdict) for step in range(200)]

    assert order == sorted(order)
    assert order[0] == 2
    assert order[-1] == 4


@pytest.mark.parametrize(
    ("found", "spread", "words"),
    [
        pytest.param(likeness(0.1), 0.4, "0.25 of the 0.4000 between two seeds: clearly nearer", id="ratio"),
        pytest.param(likeness(0.02), 0.4, "its distance is 0.05 of the 0.4000", id="ratio of the same look"),
        pytest.param(likeness(0.3), 0.4, "not clearly nearer", id="not nearer"),
        pytest.param(likeness(0.05), None, "distance between different seeds is not known", id="no spread"),
        pytest.param(likeness(0.05), None, "alike is at most 0.1", id="the fixed limit is named"),
        pytest.param(likeness(0, same_bytes=True), 0.01, "different seeds look the same too", id="seeds do not differ"),
        pytest.param(likeness(0.1, duration_s=4.0), None, "lengths differ (5 s, 4 s): the first 4 s", id="length"),
        pytest.param(likeness(0.1, width=640, height=360), None, "(1280 × 720, 640 × 360): scaled to 640 × 360", id="size"),
        pytest.param(likeness(0.1, width=720), None, "stretched to 720 × 720", id="shape"),
        pytest.param(likeness(0.1, fps=16.0), None, "frame rates differ (24, 16 a second)", id="rate"),
        pytest.param(likeness(0.1, shift_s=-0.4, duration_s=5.4), None, "the second is 0.4 s later: paired by what is shown", id="moment"),
        pytest.param(likeness(0.01, seen={"colour": 16, "hue": 9}), None, "colours differ by 16.0, without brightness by 9.0 (CIEDE2000): alike is at most 15 and 8", id="colours"),
        pytest.param(likeness(0.5, seen={"framing": Framing.WIDER, "part": 0.6}), None, "the picture is wider, 60 % of it is in both", id="framing"),
        pytest.param(likeness(0.1), None, "the sound is equal", id="sound: equal"),
        pytest.param(likeness(0.1, sound=replace(SOUND, same_samples=False, rms_difference=0.25)), None, "RMS 0.2500", id="sound: other"),
        pytest.param(likeness(0.1, sound=None, has_sound=False), None, "only a.mp4 has sound", id="sound: in the first"),
        pytest.param(likeness(0.1, sound=None, first={"has_sound": False}), None, "only b.mp4 has sound", id="sound: in the second"),
        pytest.param(likeness(0.1, sound=None, first={"has_sound": False}, has_sound=False), None, "neither has sound", id="sound: none"),
    ],
)  # fmt: skip
def test_reasons_say_what_was_seen(found, spread, words):
    """And the deciding one comes first."""
    reasons = judge(found, spread).reasons

    assert words in " | ".join(reasons)
    assert reasons[0].startswith(("distance", "SSIM", "the files", "colours"))


def test_equal_videos_give_no_reason_that_does_not_matter():
    """Nobody asks how far seeds are apart when the files are equal."""
    assert judge(likeness(0, same_bytes=True)).reasons == (
        "the files are equal, byte for byte",
        "the sound is equal",
    )


@pytest.mark.parametrize("spread", [-0.1, 2.1, math.nan, math.inf])
def test_a_spread_that_is_no_distance_is_refused(spread):
    """A verdict must not rest on it."""
    with pytest.raises(ValueError, match="a spread is a distance"):
        judge(likeness(0.1), spread)


@pytest.mark.parametrize(
    ("distances", "spread", "differ"),
    [
        pytest.param([], None, None, id="nobody knows"),
        pytest.param([0.3], 0.3, True, id="one pair"),
        pytest.param([0.1, 0.9, 0.2], 0.2, True, id="the middle"),
        pytest.param([0.1, 0.2], 0.15000000000000002, True, id="between the two in the middle"),
        pytest.param([0.0, 0.0, 0.4], 0.0, False, id="a seed that is ignored"),
        pytest.param([SAME_LOOK_DISTANCE], SAME_LOOK_DISTANCE, False, id="they look the same"),
    ],
)
def test_the_spread(distances, spread, differ):
    """The median between seeds, and whether it means that they differ at all."""
    assert median_distance(iter(distances)) == spread
    assert seeds_differ(spread) is differ


@pytest.mark.parametrize(("spread", "share"), [(None, None), (0.0, None), (0.4, 0.25)], ids=str)
def test_the_share(spread, share):
    """Of the spread; without one there is none."""
    assert judge(likeness(0.1), spread).share == (share if share is None else pytest.approx(share))
