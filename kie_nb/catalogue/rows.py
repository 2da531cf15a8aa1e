"""`Row`: a model of Kie as data, in a table of its family's file; and rules on what excludes what.

A model is one row in one file of `families`, which is found by being there. What is more than data is a rule: a function of the
fields and media that says what is wrong, or nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .entries import Entry
from .media import JPEG, MB, PICTURES, PNG, Role, Slot
from .prices import Media, Rate

Rule = Callable[[Mapping[str, Any], Media], str]
Same = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """A model.

    Attributes:
        id: Its id at the service.
        as_of: The month of its prices, or of its fields where it has none.
        source: Where that is from.
        rules: What excludes what.
        makes: What comes of it.
        fill: What is given, with defaults that depend on it.
        was_raw: Whether ledgers may hold runs of it from before it was described, with inputs that need not fit.
        canonical: Its fields in the one form that tells requests apart, where the wire takes several.
    """

    id: str
    title: str
    entries: tuple[Entry, ...]
    slots: tuple[Slot, ...] = ()
    price: tuple[Rate, ...] = ()
    as_of: str
    source: str
    typical_s: float | None = 180.0  # recorded tasks took 1 to 5 minutes (kie-api §4.7, kie-models)
    rules: tuple[Rule, ...] = ()
    makes: str = "video"
    was_raw: bool = True
    canonical: Same | None = None
    fill: Same | None = None

    @property
    def has_seed(self) -> bool:
        """Whether its videos can be asked for again."""
        return bool(self.seeds)

    @property
    def seeds(self) -> range:
        """The seeds that can be drawn; empty for a model without one. One below 0 lets the service draw."""
        entry = next((entry for entry in self.entries if entry.name == "seed"), None)
        if entry is None or entry.low is None or entry.high is None:
            return range(0)
        return range(max(int(entry.low), 0), int(entry.high) + 1)


# --- media that many models share ----------------------------------------------------------------------------------------

NO_WEBP = (JPEG, PNG)
CLIPS = ("video/mp4", "video/quicktime", "video/x-matroska")
MOVIES = ("video/mp4", "video/quicktime")
SPEECH = ("audio/mpeg", "audio/wav", "audio/aac", "audio/mp4", "audio/ogg")


def first(field: str = "image_url", *, least: int = 1, **more: Any) -> Slot:
    """The picture that a video begins with."""
    told: dict[str, Any] = {"mimes": PICTURES, "max_bytes": 10 * MB}
    return Slot(role="image", field=field, least=least, **told | more)


def last(field: str, **more: Any) -> Slot:
    """The picture that it ends with."""
    told: dict[str, Any] = {"mimes": PICTURES, "max_bytes": 10 * MB}
    return Slot(role="last_image", field=field, **told | more)


def references(field: str, most: int, **more: Any) -> Slot:
    """Pictures of who and what is in it."""
    told: dict[str, Any] = {"mimes": PICTURES, "is_list": True}
    return Slot(role="reference", field=field, most=most, **told | more)


def clip(field: str, **more: Any) -> Slot:
    """A video."""
    return Slot(**{"role": "video", "kind": "video", "field": field, "mimes": CLIPS} | more)


def voice(field: str = "audio_url", **more: Any) -> Slot:
    """A sound."""
    return Slot(**{"role": "audio", "kind": "audio", "field": field, "mimes": SPEECH} | more)


# --- rules ---------------------------------------------------------------------------------------------------------------


def needs(role: Role, other: Role) -> Rule:
    """*role* goes with *other* only."""

    def rule(_inputs: Mapping[str, Any], media: Media) -> str:
        return f"{role} needs {other}, too." if media.get(role) and not media.get(other) else ""

    return rule


def apart(some: Sequence[Role], others: Sequence[Role]) -> Rule:
    """Either of *some*, or of *others*."""

    def rule(_inputs: Mapping[str, Any], media: Media) -> str:
        here, there = (next((role for role in roles if media.get(role)), None) for roles in (some, others))
        return f"{here} and {there} exclude each other: keep one of them." if here and there else ""

    return rule


def one_of(*roles: Role) -> Rule:
    """At least one of *roles*."""

    def rule(_inputs: Mapping[str, Any], media: Media) -> str:
        return "" if any(media.get(role) for role in roles) else f"It needs {' or '.join(roles)}."

    return rule


def together(most: int, *roles: Role) -> Rule:
    """At most so many of *roles* in all."""

    def rule(_inputs: Mapping[str, Any], media: Media) -> str:
        count = sum(len(media.get(role, ())) for role in roles)
        return f"{count} of {' and '.join(roles)}: at most {most} in all." if count > most else ""

    return rule


def not_alone(role: Role, *others: Role) -> Rule:
    """*role* with one of *others* only."""

    def rule(_inputs: Mapping[str, Any], media: Media) -> str:
        alone = media.get(role) and not any(media.get(other) for other in others)
        return f"{role} alone is not taken: add {' or '.join(others)}." if alone else ""

    return rule
