"""What the service's price list asks, as dated data: for estimates only. Where nobody documents a price there is none."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..bounds import MAX_SECONDS
from .media import MediaIdentity, Role

USD_PER_CREDIT = 0.005  # kie-api §7
SLACK = 0.25  # of the listed price
Media = Mapping[Role, Sequence[Any]]
Clock = Literal["duration", "video", "audio", "frames"]
_CLOCKS = {"duration": "", "video": " of the given video", "audio": " of the given sound", "frames": ""}


@dataclass(frozen=True, kw_only=True, slots=True)
class Rate:
    """A line of the price list.

    Attributes:
        credits: For each second of *seconds*, or for the whole where there is none.
        seconds: Which lengths count, together.
        when: The values of fields that it holds for; `video` is whether one is given.
        extra: Credits for each picture beyond a number of them: (credits, number).
    """

    credits: float
    seconds: tuple[Clock, ...] = ()
    when: tuple[tuple[str, Any], ...] = ()
    extra: tuple[float, int] = (0.0, 0)

    def fits(self, inputs: Mapping[str, Any], media: Media) -> bool:
        """Whether it is the line for this request."""
        told = {**inputs, "video": bool(media.get("video") or inputs.get("video_list"))}
        return all(_plain(told.get(name)) == _plain(value) for name, value in self.when)

    def asks(self, inputs: Mapping[str, Any], media: Media) -> float | None:
        """The credits; None where a length that counts is not known."""
        lengths = [_length(clock, inputs, media) for clock in self.seconds]
        if None in lengths:
            return None
        each, free = self.extra
        pictures = sum(len(media.get(role, ())) for role in ("image", "last_image", "reference"))
        whole = self.credits * sum(length or 0.0 for length in lengths) if self.seconds else self.credits
        return whole + each * max(0, pictures - free)

    def __str__(self) -> str:
        clocks = "".join(dict.fromkeys(_CLOCKS[clock] for clock in self.seconds))
        both = {"duration", "video"} <= set(self.seconds)
        clocks = ", the given video's seconds too," if both else clocks
        told = f"{self.credits:g} credits{'/s' + clocks if self.seconds else ''}"
        conditions = [one for one in self.when if not (both and one[0] == "video")]
        at = " ".join(word for name, value in conditions if (word := _said(name, value)))
        return f"{told} {at}".rstrip(" ,")


def in_words(list_: Iterable[Rate]) -> list[str]:
    """The list, a line each; one line says both where the seconds of a given video cost what those of the one that is made do."""
    found = {str(rate): "" for rate in list_}
    for rate in list_:
        if {"duration", "video"} <= set(rate.seconds):
            made = tuple(clock for clock in rate.seconds if clock != "video")
            alone = str(
                replace(rate, seconds=made, when=tuple(one for one in rate.when if one[0] != "video"))
            )
            if alone in found:
                found[alone] = "; a given video's seconds count, too"
                del found[str(rate)]
    return [f"{words}{more}" for words, more in found.items()]


def rates(
    by: str, credits_: Mapping[Any, float], *seconds: Clock, extra: tuple[float, int] = (0.0, 0), **when: Any
) -> tuple[Rate, ...]:
    """A line for each value of the field *by*."""
    apart = tuple(when.items())
    return tuple(
        Rate(credits=price, seconds=seconds, when=((by, value), *apart), extra=extra)
        for value, price in credits_.items()
    )


def each_second(by: str, credits_: Mapping[Any, float], **when: Any) -> tuple[Rate, ...]:
    """Prices for a second of the video that is made."""
    return rates(by, credits_, "duration", **when)


def with_input_seconds(by: str, credits_: Mapping[Any, float], **when: Any) -> tuple[Rate, ...]:
    """Prices for a second where a video is given, whose seconds count, too."""
    return rates(by, credits_, "duration", "video", **when, video=True)


def clips(by: str, credits_: Mapping[Any, float], **when: Any) -> tuple[Rate, ...]:
    """Prices for a whole clip."""
    return rates(by, credits_, **when)


def credits_for(list_: Iterable[Rate], inputs: Mapping[str, Any], media: Media) -> float | None:
    """What the first line that fits asks; None where none does."""
    found = next((rate for rate in list_ if rate.fits(inputs, media)), None)
    return None if found is None else found.asks(inputs, media)


def seconds_of(value: Any) -> float | None:
    """A length in seconds, from a field that may be a stored request's; None for none that can be meant."""
    try:
        seconds = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    return seconds if 0 < seconds < MAX_SECONDS else None


def _length(clock: Clock, inputs: Mapping[str, Any], media: Media) -> float | None:
    if clock == "duration":
        return seconds_of(inputs.get("duration"))
    if clock == "frames":
        rate = seconds_of(inputs.get("frames_per_second"))
        frames = seconds_of(inputs.get("num_frames"))
        return frames / rate if frames and rate else None
    given = [one.seconds if isinstance(one, MediaIdentity) else None for one in media.get(clock, ())]
    return None if None in given or not given else float(sum(given))  # type: ignore[arg-type]


def _plain(value: Any) -> Any:
    return value if isinstance(value, bool) else str(value)


def _said(name: str, value: Any) -> str:
    if value is None:
        return ""
    if name == "video":
        return "with a given video"
    if isinstance(value, bool):
        return f"{'with' if value else 'without'} {'sound' if name in SOUNDS else name.replace('_', ' ')}"
    return (
        f"for {value} s"
        if name in {"duration", "extend_times"}
        else f"for {value}"
        if name == "n"
        else f"at {value}"
    )


SOUNDS = frozenset({"sound", "audio", "generate_audio", "generate_audio_switch"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    """What the price list of *as_of* asks."""

    credits: float
    as_of: str

    @property
    def usd(self) -> float:
        """The same in US dollars."""
        return self.credits * USD_PER_CREDIT

    def __str__(self) -> str:
        return f"about {self.credits:g} credits (${self.usd:.2f}, prices of {self.as_of})"


def is_far(estimate: Estimate, real: float) -> bool:
    """Whether a *real* cost differs from the estimate by more than a quarter: the price list may be old."""
    return abs(real - estimate.credits) > estimate.credits * SLACK


def price_remarks(costs: Iterable[tuple[Estimate, float]]) -> list[str]:
    """What is to be said of real costs that are far from the list, a line for each list and direction."""
    far: dict[tuple[str, str], list[tuple[float, float]]] = {}
    for found, real in costs:
        if is_far(found, real):
            key = (found.as_of, "more" if real > found.credits else "less")
            far.setdefault(key, []).append((found.credits, real))
    said = []
    for (as_of, direction), pairs in sorted(far.items()):
        listed, real_sum = (sum(column) for column in zip(*pairs, strict=True))
        runs = f"{len(pairs)} run{'s' if len(pairs) > 1 else ''}"
        share = f"{abs(real_sum / listed - 1):.0%} {direction}"
        said.append(f"{runs} cost {share} than the price list of {as_of} says; it may be old")
    return said
