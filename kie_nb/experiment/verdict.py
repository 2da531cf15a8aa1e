"""What a likeness means, in one of five verdicts; no I/O.

A distance says little alone: two videos of a quiet picture are close with any seed. So it is compared
with the *spread*, the median distance between different seeds of the same request, where that is known.
A distance is one of structure; colours, framing and moments are judged beside it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ..video import Framing
from ..wording import Compare
from .changes import SEEN_COLOUR, changes, in_words, lost_its_colour, seconds

if TYPE_CHECKING:
    from ..video import Appearance, Likeness

# Distances are 1 - SSIM. A good copy of a video, coded anew, stays below the first two; they are a convention, not a law.
SAME_LOOK_DISTANCE = 0.02
SAME_LOOK_WORST_DISTANCE = 0.05  # of the pair of frames that is least alike
ALIKE_SHARE = 0.5  # of the spread: clearly nearer than two seeds are
ALIKE_DISTANCE = 0.1  # where there is no spread to go by
ALIKE_COLOUR, ALIKE_HUE = 15.0, 8.0  # CIEDE2000: beyond this it is another colour
SAME_SHOT, SAME_SHOT_WORST = 0.95, 0.9  # correlation of outlines: a poor copy has it, another seed does not
LEAST_PICTURE = 0.7  # of the picture: less in common is another framing
LEAST_COMMON = 0.75  # of the longer video: less of it compared says nothing of the whole
_AS_SEEDS = (0.75, 1.33)  # shares of the spread that are called "as much as two seeds"


class Verdict(StrEnum):
    """How alike two videos are, the nearest first."""

    SAME_BYTES = "same bytes"
    SAME_FRAMES = "same frames"
    SAME_LOOK = "same look"
    ALIKE = "alike"
    DIFFERENT = "different"


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """A verdict and what it rests on.

    Attributes:
        distance: 1 - SSIM.
        spread: The median distance between different seeds of the same request; None where it is not known.
        sentence: What it means, plainly.
        reasons: In words, the deciding one first.
    """

    verdict: Verdict
    sentence: str
    distance: float
    spread: float | None
    reasons: tuple[str, ...]

    @property
    def share(self) -> float | None:
        """The distance as a share of the spread; None without one."""
        return self.distance / self.spread if self.spread else None


def judge(likeness: Likeness, spread: float | None = None) -> Judgement:
    """What this likeness means.

    Args:
        spread: The median distance between different seeds of the same request, as `median_distance` gives it.

    Raises:
        ValueError: the spread is not a distance.
    """
    if spread is not None and not 0 <= spread <= 2:  # noqa: PLR2004 - SSIM goes down to -1
        raise ValueError(f"a spread is a distance from 0 to 2, not {spread!r}")
    verdict, why = _verdict(likeness, spread)
    reasons = (why, *_on_spread(likeness, spread, verdict), *_unequal(likeness), _on_sound(likeness))
    return Judgement(
        verdict=verdict,
        sentence=_sentence(likeness, spread, verdict),
        distance=likeness.distance,
        spread=spread,
        reasons=reasons,
    )


def median_distance(distances: Iterable[float]) -> float | None:
    """The spread: the median of the distances between different seeds; None of none."""
    known = list(distances)
    return statistics.median(known) if known else None


def seeds_differ(spread: float | None) -> bool | None:
    """Whether different seeds give videos that look different at all; None where unknown."""
    return None if spread is None else spread > SAME_LOOK_DISTANCE


def _verdict(likeness: Likeness, spread: float | None) -> tuple[Verdict, str]:
    if likeness.same_bytes:
        return Verdict.SAME_BYTES, "the files are equal, byte for byte"
    if likeness.same_frames:
        return Verdict.SAME_FRAMES, "every decoded frame is equal; the files are not"
    if _looks_the_same(likeness):
        return (
            Verdict.SAME_LOOK,
            f"SSIM {likeness.ssim:.4f}, at worst {likeness.ssim_min:.4f}: hard to tell apart by eye",
        )
    if _is_cut_short(likeness):
        shorter, longer = sorted(side.duration_s for side in (likeness.first, likeness.second))
        return (
            Verdict.DIFFERENT,
            f"one lasts {shorter:g} s, the other {longer:g} s, {likeness.compared_s:g} s in common",
        )
    verdict, why = _by_distance(likeness, spread)
    if _is_another_look(likeness) and (verdict is Verdict.ALIKE or _is_same_shot(likeness)):
        return Verdict.DIFFERENT, _on_look(likeness.seen)
    return verdict, why


def _sentence(likeness: Likeness, spread: float | None, verdict: Verdict) -> str:
    if verdict in {Verdict.SAME_BYTES, Verdict.SAME_FRAMES}:
        return str(getattr(Compare, verdict.name))
    share = likeness.distance / spread if spread is not None and seeds_differ(spread) else None
    if verdict is Verdict.DIFFERENT:
        return _on_difference(likeness, share)
    found = in_words(changes(likeness))
    if verdict is Verdict.SAME_LOOK:
        alone, with_changes = Compare.SAME_LOOK, Compare.SAME_LOOK_BUT
    elif share is None and _is_same_shot(likeness):
        alone, with_changes = Compare.SAME_NEARLY, Compare.SAME_BUT
    else:
        alone, with_changes = Compare.ALIKE if share is None else Compare.ALIKE_BY_SEEDS, Compare.BUT
    return with_changes.format(sentence=alone, changes=found) if found else alone


def _on_difference(likeness: Likeness, share: float | None) -> str:
    """What makes them different; *share* is their distance as one of the spread."""
    if _is_cut_short(likeness):
        return _of_parts(likeness)
    if _is_another_look(likeness) and _is_same_shot(likeness):
        return Compare.OTHER_LOOK.format(changes=in_words(changes(likeness)))
    if share is None:
        return Compare.DIFFERENT
    less, more = _AS_SEEDS
    return (
        Compare.LITTLE_CLOSER if share < less else Compare.BEYOND_SEEDS if share > more else Compare.AS_SEEDS
    )


def _of_parts(likeness: Likeness) -> str:
    first, second = (f"{side.duration_s:g}" for side in (likeness.first, likeness.second))
    common = seconds(likeness.compared_s)
    if likeness.is_one_length:
        return Compare.MOMENTS.format(common=common, first=first)
    return (Compare.PART if _is_same_shot(likeness) else Compare.LENGTHS).format(
        first=first, second=second, common=common
    )


def _is_cut_short(likeness: Likeness) -> bool:
    return likeness.compared_s < LEAST_COMMON * max(likeness.first.duration_s, likeness.second.duration_s)


def _is_same_shot(likeness: Likeness) -> bool:
    """Whether only colours, framing and moments differ; a crop is not fitted to the pixel."""
    seen = likeness.seen
    is_alike = seen.outline >= SAME_SHOT and seen.outline_min >= SAME_SHOT_WORST
    return is_alike or seen.framing is not Framing.SAME


def _is_another_look(likeness: Likeness) -> bool:
    seen = likeness.seen
    is_recoloured = seen.colour > ALIKE_COLOUR or seen.hue > ALIKE_HUE or lost_its_colour(seen)
    is_cropped = seen.framing in {Framing.CLOSER, Framing.WIDER}
    return seen.part < LEAST_PICTURE or is_recoloured or not (is_cropped or seen.framing is Framing.SAME)


def _by_distance(likeness: Likeness, spread: float | None) -> tuple[Verdict, str]:
    if spread is not None and seeds_differ(spread):
        share, limit = likeness.distance / spread, ALIKE_SHARE
        words = f"distance {likeness.distance:.4f} is {share:.2f} of the {spread:.4f} between two seeds"
        if share <= limit:
            return Verdict.ALIKE, f"{words}: clearly nearer (at most {limit:g})"
        return Verdict.DIFFERENT, f"{words}: not clearly nearer (at most {limit:g})"
    words = f"distance {likeness.distance:.4f}, alike is at most {ALIKE_DISTANCE:g}"
    if likeness.distance > ALIKE_DISTANCE and _is_same_shot(likeness):
        return Verdict.ALIKE, f"{words}; the outlines are the same ({likeness.seen.outline:.3f})"
    return Verdict.ALIKE if likeness.distance <= ALIKE_DISTANCE else Verdict.DIFFERENT, words


def _looks_the_same(likeness: Likeness) -> bool:
    return (
        likeness.is_one_length
        and likeness.is_one_shape
        and likeness.is_in_time
        and likeness.seen.framing is Framing.SAME
        and likeness.seen.colour <= SEEN_COLOUR
        and likeness.distance <= SAME_LOOK_DISTANCE
        and round(1 - likeness.ssim_min, 6) <= SAME_LOOK_WORST_DISTANCE
    )


def _on_look(seen: Appearance) -> str:
    words = f"colours differ by {seen.colour:.1f}, without brightness by {seen.hue:.1f} (CIEDE2000)"
    if seen.framing is Framing.SAME:
        return f"{words}: alike is at most {ALIKE_COLOUR:g} and {ALIKE_HUE:g}, and neither or both grey"
    return f"{words}; the picture is {seen.framing}, {100 * seen.part:.0f} % of it is in both"


def _on_spread(likeness: Likeness, spread: float | None, verdict: Verdict) -> tuple[str, ...]:
    """What the spread adds; nothing where it has decided."""
    if spread is None:
        is_equal = verdict in {Verdict.SAME_BYTES, Verdict.SAME_FRAMES}
        return () if is_equal else ("the distance between different seeds is not known",)
    if not seeds_differ(spread):
        return (f"different seeds look the same too (distance {spread:.4f}): this says nothing of the seed",)
    if verdict is Verdict.SAME_LOOK:
        return (f"its distance is {likeness.distance / spread:.2f} of the {spread:.4f} between two seeds",)
    return ()


def _unequal(likeness: Likeness) -> tuple[str, ...]:
    first, second = likeness.first, likeness.second
    found = []
    if likeness.shift_s:
        way = "earlier" if likeness.shift_s > 0 else "later"
        found.append(f"the second is {abs(likeness.shift_s):g} s {way}: paired by what is shown")
    if not likeness.is_one_length:
        part = "" if likeness.shift_s else "the first "
        found.append(
            f"lengths differ ({first.duration_s:g} s, {second.duration_s:g} s): {part}{likeness.compared_s:g} s were compared"
        )
    if not likeness.is_one_size:
        how = "scaled" if likeness.is_one_shape else "stretched"
        sizes = f"{first.width} × {first.height}, {second.width} × {second.height}"
        found.append(
            f"sizes differ ({sizes}): {how} to {likeness.compared_width} × {likeness.compared_height}"
        )
    if not math.isclose(first.fps, second.fps, rel_tol=0.001):
        found.append(f"frame rates differ ({first.fps:g}, {second.fps:g} a second): paired by the lower")
    return tuple(found)


def _on_sound(likeness: Likeness) -> str:
    """The sound by itself: no verdict on the picture depends on it."""
    sound = likeness.sound
    if sound is None:
        which = [side.name for side in (likeness.first, likeness.second) if side.has_sound]
        return f"only {which[0]} has sound" if which else "neither has sound"
    if sound.same_samples:
        return "the sound is equal"
    return f"the sound differs (RMS {sound.rms_difference:.4f} of full scale)"
