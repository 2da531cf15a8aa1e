"""The media that are asked for, each read or fetched once, with its role; a run that was made with what they were before stands."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..catalogue import ROLES, Kind, Role, Slot, media_in, rows
from ..catalogue.media import noun_of
from ..engine.record import Record
from ..errors import InvalidRequest
from ..requests.images import Picture
from ..requests.media import kind_of, medium_at, read_medium, recorded_media
from ..requests.sources import is_url, unwrapped
from .run import Run

if TYPE_CHECKING:
    from ..engine.channel import Channel
    from ..ledger import Ledger

_MOST_TRIED = 32  # combinations of what addresses and files were before

Media = dict[Role, list[Picture]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """A medium that was asked for: what it is, or its address."""

    role: Role
    kind: Kind
    known: Sequence[Picture]  # what a run may have been made with, the likeliest first
    now: Picture | str  # or the address, which is not looked at yet


class Gathering:
    """The media of one request.

    Args:
        asked: The arguments of the request; media are taken out of them.
    """

    def __init__(self, asked: dict[str, Any], channel: Channel, ledger: Ledger) -> None:
        self._way: dict[str, Any] = {"ledger": ledger, "channel": channel}
        self._how = {name: asked.pop(name, False) for name in ("fit", "keep_metadata")}
        self._check = asked.pop("check_image", True)
        self._asked = [self._look(*one) for one in sources_in(asked)]

    def _look(self, role: Role, kind: Kind, source: Any) -> Asked:
        if is_url(source):
            url = str(source)
            return Asked(role=role, kind=kind, known=recorded_media(url, kind, **self._way), now=url)
        picture = source if isinstance(source, Picture) else self._read(source, kind)
        # A run that was made with the file as it is stands for what is sent of it.
        former = (
            () if picture.as_given is None else (Picture(identity=picture.as_given, content=picture.content),)
        )
        return Asked(role=role, kind=kind, known=(*former, picture), now=picture)

    def _read(self, source: Any, kind: Kind) -> Picture:
        if not isinstance(source, Record):
            return read_medium(source, kind, **self._how)
        if isinstance(source, Run):
            source.wait()
        if kind != "video" or source.video is None:
            raise InvalidRequest(f"{source.label} is no {noun_of(kind)}.", hint="pass a file or an address")
        return read_medium(source.video, kind, **self._how, link={"run": source.id})

    def before(self) -> Iterator[Media]:
        """Combinations of what the same addresses and files were before; nothing is fetched. What they are now is none."""
        known = itertools.product(*(one.known for one in self._asked))
        for combination in itertools.islice(known, _MOST_TRIED):
            if any(one.now != chosen for one, chosen in zip(self._asked, combination, strict=True)):
                yield self._by_role(combination)

    def now(self) -> tuple[Media, tuple[str, ...]]:
        """What they are now, and warnings."""
        found, warnings = [], list[str]()
        for one in self._asked:
            if isinstance(one.now, Picture):
                picture, said = one.now, one.now.remarks
            else:
                picture, said = medium_at(one.now, one.kind, check=self._check, **self._way)
            found.append(picture)
            warnings += said
        return self._by_role(found), tuple(warnings)

    def _by_role(self, pictures: Sequence[Picture]) -> Media:
        media: Media = {}
        for one, picture in zip(self._asked, pictures, strict=True):
            media.setdefault(one.role, []).append(picture)
        return media


def sources_in(asked: dict[str, Any]) -> Iterator[tuple[Role, Kind, Any]]:
    """What *asked* has of media, taken out of it: role, kind and what was given, in the order of the roles."""
    row = rows().get(str(asked.get("model")))
    slots = {slot.role: slot for slot in row.slots} if row else {}
    raw = dict(asked.get("raw") or {}) if row else {}
    found = []
    for given in (asked, raw):
        for role, sources in media_in(row, given).items():
            for source in filter(lambda one: one is not None, map(unwrapped, sources)):
                if isinstance(source, Record) and role == "image":
                    hint = "pass a frame of it: run.frame(-1) is the last"
                    raise InvalidRequest("A run is a video, not a picture.", hint=hint)
                found.append((*_place_of(role, source, slots), source))
    if row and asked.get("raw"):
        asked["raw"] = raw
    return iter(sorted(found, key=lambda one: ROLES.index(one[0])))


def _place_of(role: Role, source: Any, slots: dict[Role, Slot]) -> tuple[Role, Kind]:
    """The role that takes *source*, and its kind: a reference may be a video or a sound."""
    kind: Kind = slots[role].kind if role in slots else "image"
    found: Kind = "video" if isinstance(source, Record) else kind_of(source)
    if role == "reference" and found != kind:
        other = next((slot for slot in slots.values() if slot.is_reference and slot.kind == found), None)
        return (other.role if other else role), found
    return role, kind
